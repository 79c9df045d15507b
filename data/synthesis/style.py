"""`Style`: how one author writes, drawn once per function."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

Matrix = Literal["flat", "swapped", "nested", "macro", "vla"]


@dataclass(frozen=True)
class Style:
    """`braceless`: single statements stand without braces. `allman`: an opening brace has a line of its own. `c89`:
    loop variables are declared on top. `dereference`: `*(a + i)` for `a[i]`. `matrix`: how two and more indices become
    one. `constant`: inputs are const. `order`: how parameters are ordered. `camel`: namesLikeThis."""

    indent: str
    allman: bool
    braceless: bool
    c89: bool
    dereference: bool
    matrix: Matrix
    constant: bool
    order: Literal["as needed", "sizes first", "sizes last", "outputs first"]
    camel: bool
    increment: Literal["after", "before", "plus"]
    restrict: bool


def draw_style(rng: random.Random, cuda: bool) -> Style:
    """A style; habits that do not exist in CUDA are left out there."""
    matrix: tuple[Matrix, ...] = ("flat", "flat", "flat", "swapped", "nested", "macro", "flat" if cuda else "vla")
    return Style(
        indent=rng.choice(("    ", "    ", "  ", "\t")),
        allman=rng.random() < 0.3,
        braceless=rng.random() < 0.4,
        c89=not cuda and rng.random() < 0.3,
        dereference=rng.random() < 0.12,
        matrix=rng.choice(matrix),
        constant=rng.random() < 0.6,
        order=rng.choice(("as needed", "sizes first", "sizes last", "outputs first")),
        camel=rng.random() < 0.3,
        increment=rng.choice(("after", "after", "before", "plus")),
        restrict=rng.random() < 0.15,
    )
