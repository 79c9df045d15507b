"""`synthesize`: an endless, seeded stream of C functions or of CUDA kernels, and `FAMILIES`, what they come from."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import count as numbers
from typing import Literal

from data.corpus.errors import DataError
from data.corpus.row import Row, row_id
from data.synthesis.c_text import c_piece
from data.synthesis.cuda_text import cuda_piece
from data.synthesis.draw import Draw
from data.synthesis.families import (
    elementwise,
    images,
    indexing,
    learning,
    linear_algebra,
    physics,
    reductions,
    signals,
    stencils,
)
from data.synthesis.family import Family
from data.synthesis.groups import GROUPS
from data.synthesis.piece import Piece

Target = Literal["c", "cuda"]
_FILES = (elementwise, images, indexing, learning, linear_algebra, physics, reductions, signals, stencils)
FAMILIES: Mapping[str, Family] = {family.name: family for file in _FILES for family in file.FAMILIES}


def synthesize(count: int, seed: int, language: Target, families: Sequence[str] | None = None) -> Iterator[Row]:
    """`count` rows: C functions, or CUDA kernels with the host function that launches them, of these families (all). A
    group of families (data/synthesis/groups.py) may stand for its own.

    Row number i depends on `seed`, `language`, `families` and i only, so that a longer stream begins with a shorter
    one. The two languages are drawn independently: row i of one is no counterpart of row i of the other. DataError for
    a family that does not exist.
    """
    chosen = _chosen(families)
    for number in range(count):
        name, piece = draw_piece(number, seed, language, chosen)
        yield _row(number, seed, language, name, piece)


def draw_piece(number: int, seed: int, language: Target, families: Sequence[str]) -> tuple[str, Piece]:
    """The family and the text of draw `number`."""
    key = f"{seed}/{language}/{number}"
    family = FAMILIES[random.Random(key).choice(families)]
    return family.name, draw_of(family, key, language)


def draw_of(family: Family, key: str, language: Target) -> Piece:
    """One text of the family; the same key gives the same text."""
    draw = Draw(f"{key}/{family.name}", cuda=language == "cuda")
    if language == "c":
        return c_piece(draw, family.c(draw))
    return cuda_piece(draw, family.cuda(draw))


def pieces(seed: int, language: Target, families: Sequence[str] | None = None, start: int = 0) -> Iterator[Piece]:
    """The texts of `synthesize` from draw `start` on, without end, as pieces that say how to call them."""
    chosen = _chosen(families)
    for number in numbers(start):
        yield draw_piece(number, seed, language, chosen)[1]


def _chosen(families: Sequence[str] | None) -> list[str]:
    named = [family for name in families or () for family in GROUPS.get(name, (name,))]
    unknown = [name for name in named if name not in FAMILIES]
    if unknown:
        known = f"{', '.join(sorted(FAMILIES))}, and the groups {', '.join(GROUPS)}"
        raise DataError(f"no family {', '.join(unknown)}; there are {known}")
    return sorted(named or FAMILIES)


def _row(number: int, seed: int, language: Target, family: str, piece: Piece) -> Row:
    return Row(
        id=row_id(language, piece.text),
        kind="function" if language == "c" else "kernel",
        language=language,
        name=piece.name,
        text=piece.text,
        path=f"{language}/{seed}/{number:08d}",
        line=1,
        end_line=piece.text.count("\n"),
        source="synthesis",
        includes=piece.includes,
        types=piece.definitions,
        host=piece.host,
        apis=("cuda",) if language == "cuda" else (),
        family=family,
    )
