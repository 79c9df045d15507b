"""`Usage`: how a function uses one array, and the `Touch`es that say which elements."""

from __future__ import annotations

from dataclasses import dataclass, field

from translator.analytic.dependence import Reason
from translator.analytic.ir import (
    Array,
    Expr,
    Loop,
    Pointer,
    Symbol,
    Type,
)


class UnknownExtent(Exception):
    """An array whose used elements cannot be found before the launch. `reason` names it."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.message)
        self.reason = reason


@dataclass(frozen=True)
class Header:
    """A line that the touches below it stand under: a loop, or a condition. `text` is filled by the printer."""

    loop: Loop | None = None
    cond: Expr | None = None
    breaks: tuple[Expr, ...] = ()  # conditions that end the loop after an iteration


@dataclass(frozen=True)
class Touch:
    """Elements from `low` to `high` (both used) of `array`, under `headers`, outermost first."""

    array: Symbol
    low: Expr
    high: Expr
    headers: tuple[Header, ...]


@dataclass
class Usage:
    """How a function uses one array. `touches` are what it certainly uses; the parallel path is taken only where
    `possible` ones lie within them. With `unit` 1 the range counts bytes, else elements of the array's scalar type."""

    array: Symbol
    element: Type
    reads: bool = False
    writes: bool = False
    copy_in: bool = True
    in_bytes: bool = False
    touches: list[Touch] = field(default_factory=list)
    possible: list[Touch] = field(default_factory=list)  # under conditions that are not known at entry
    guards: list[Expr] = field(default_factory=list)


def element_type(kind: Type) -> Type:
    """The type of the elements behind a pointer or in an array."""
    if isinstance(kind, Pointer):
        return element_type(kind.to) if isinstance(kind.to, Array) else kind.to
    return element_type(kind.of) if isinstance(kind, Array) else kind
