"""`Family`: one idiom, as a drawing of its C form and one of its CUDA form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from data.synthesis.draw import Draw
from data.synthesis.sketch import DeviceProgram, Sketch
from data.synthesis.threads import on_device


@dataclass(frozen=True)
class Family:
    """`summary` says what its functions compute."""

    name: str
    summary: str
    c: Callable[[Draw], Sketch]
    cuda: Callable[[Draw], DeviceProgram]


def pointwise(name: str, summary: str, draw_sketch: Callable[[Draw], Sketch]) -> Family:
    """A family whose iterations are independent: the CUDA form gives them to threads."""
    return Family(name, summary, draw_sketch, lambda draw: on_device(draw, draw_sketch(draw)))
