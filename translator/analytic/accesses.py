"""Memory accesses of a function, each with the loops and conditions around it and its subscripts in terms of
iterators.

Scalars are substituted forward: in `int id = i + j * n; a[id] = 0`, the access of `a` has the subscript `i + j *
n`. A value that is not one expression on all paths (a scalar assigned in a loop or in one branch) becomes an
unknown: a fresh symbol that varies with the loops it was assigned in.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from translator.analytic.ir import (
    Expr,
    For,
    Index,
    Location,
    Loop,
    Node,
    Pointer,
    Stmt,
    Symbol,
    Type,
    While,
)
from translator.analytic.places import UnknownBase, element_size, times
from translator.analytic.swaps import Swap
from translator.analytic.visit import (
    walk,
)

Sequential: TypeAlias = For | While  # a loop that does not count


@dataclass(frozen=True)
class Condition:
    """A condition on the way to an access: `expr` is true, or false where `holds` is not set."""

    expr: Expr
    holds: bool


@dataclass(frozen=True, eq=False)
class Access:
    """One place that reads or writes elements of `array`.

    `subscripts` are in elements, outermost first, forward substituted; a pointer has one. With `byte_size` not None
    the single subscript counts bytes, and the access is that many bytes wide. `op` is the operator of the
    assignment that writes it ("=", "+=", ...), "" for a read. `loops` are the loops around it, outermost first;
    `node` the `Index` as in the source; `stmt` its statement.
    """

    array: Symbol
    subscripts: tuple[Expr, ...]
    op: str
    loops: tuple[Loop | Sequential, ...]
    conditions: tuple[Condition, ...]
    node: Index
    stmt: Stmt
    order: int
    byte_size: int | None = None
    until: Expr | None = None  # the innermost loop makes this access only up to the iteration where this holds
    member: tuple[str, ...] = ()  # the fields of a struct element that are used, outermost first

    @property
    def is_write(self) -> bool:
        return self.op != ""

    @property
    def at(self) -> Location:
        return self.node.at

    @property
    def iterators(self) -> tuple[Symbol, ...]:
        return tuple(loop.iterator for loop in self.loops if isinstance(loop, Loop))


@dataclass
class AccessTable:
    """All accesses of a function. `unknowns` maps each unknown to the loops it varies with; `values` gives, for the
    loops, the bounds as substituted (key: the loop's identity). `entry_values` are scalars that keep their name,
    with their value in terms of parameters; `injective` the places that a stepped variable makes different in every
    iteration (by variable)."""

    accesses: list[Access] = field(default_factory=list)
    unknowns: dict[Symbol, tuple[Loop | Sequential, ...]] = field(default_factory=dict)
    bounds: dict[int, tuple[Expr, Expr, Expr]] = field(default_factory=dict)
    entered: dict[int, Expr] = field(default_factory=dict)  # the condition, at entry, of loops that do not count
    breaks: dict[int, list[Expr]] = field(default_factory=dict)  # conditions that end a loop, at the end of its body
    injective: dict[Index, int] = field(default_factory=dict)
    loops_of: dict[int, tuple[Loop | Sequential, ...]] = field(default_factory=dict)
    entry_values: dict[Symbol, Expr] = field(default_factory=dict)
    swaps: list[Swap] = field(default_factory=list)
    swapped_arrays: dict[Symbol, Symbol] = field(default_factory=dict)  # an exchanged pointer -> its array at first
    unset: set[Symbol] = field(default_factory=set)  # unknowns that stand for a variable without a value

    def inside(self, node: Node) -> list[Access]:
        """Accesses whose statement stands inside `node`."""
        inner = {id(n) for n in walk(node)}
        return [access for access in self.accesses if id(access.stmt) in inner]


def in_bytes(accesses: Iterable[Access], array_type: Type) -> list[Access]:
    """The accesses of one array in one unit: all in bytes as soon as one is."""
    found = list(accesses)
    if all(access.byte_size is None for access in found):
        return found
    element = array_type.to if isinstance(array_type, Pointer) else None
    size = element_size(element) if element is not None else None
    result: list[Access] = []
    for access in found:
        if access.byte_size is None:
            if size is None or len(access.subscripts) != 1:
                raise UnknownBase(access.at)
            scaled = (times(access.subscripts[0], size),)
            access = dataclasses.replace(access, subscripts=scaled, byte_size=size)
        result.append(access)
    return result
