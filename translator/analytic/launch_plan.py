"""The records of a plan: what runs on the host, what becomes a kernel, and in which order.

HostNode = Run(stmt)                     a statement on scalars, run by the host
         | Choose(cond, then, orelse)    a condition around launches
         | Repeat(loop, body)            a sequential loop around launches
         | Scope(body)                   a block
         | Launch(kernel)
Kernel   = grid of parallel loops around a body | one thread that runs statements in order
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from translator.analytic.accesses import AccessTable
from translator.analytic.dependence import Reason
from translator.analytic.ir import (
    Expr,
    For,
    Function,
    Location,
    Loop,
    Node,
    Stmt,
    Symbol,
    While,
)
from translator.analytic.scalars import Reduction


@dataclass
class Kernel:
    """One `__global__` function. `grid` are its parallel loops, outermost first (at most three); `body` the statements
    that hold them (or, in a serial kernel, that one thread runs). `private` are scalars of the function that each
    thread has for itself. `atomic` holds the statements (by identity) that update with an atomic operation,
    `ordered` the arrays whose last writer must win. `results` are scalars that a serial kernel gives back to the
    host."""

    form: str
    at: Location
    body: tuple[Stmt, ...]
    grid: tuple[Loop, ...] = ()
    private: tuple[Symbol, ...] = ()
    reductions: tuple[Reduction, ...] = ()
    atomic: frozenset[int] = frozenset()
    ordered: tuple[Symbol, ...] = ()
    results: tuple[Symbol, ...] = ()
    axes: tuple[str, ...] = ()  # of the grid loops: x for the one that walks through neighbouring elements
    condition: Expr | None = None  # of the host, before each launch
    name: str = ""


@dataclass
class Run:
    stmt: Stmt


@dataclass
class Choose:
    cond: Expr
    then: list[HostNode]
    orelse: list[HostNode]
    at: Location


@dataclass
class Repeat:
    loop: Loop | For | While
    body: list[HostNode]


@dataclass
class Scope:
    body: list[HostNode]


@dataclass
class Launch:
    kernel: Kernel


HostNode: TypeAlias = Run | Choose | Repeat | Scope | Launch


@dataclass
class Plan:
    """`guards` must all hold for the parallel path; `remarks` say which loops stay sequential and why. With
    `in_source_order` one thread that runs the nodes in order does what the source does, whether the guards hold or
    not."""

    function: Function
    table: AccessTable
    host: list[HostNode]
    kernels: list[Kernel]
    guards: list[Expr]
    remarks: list[Reason]
    in_source_order: bool = False

    @property
    def is_parallel(self) -> bool:
        return any(kernel.grid for kernel in self.kernels)


def each_node(nodes: Sequence[HostNode]) -> Iterator[HostNode]:
    """The nodes and all below them, in order."""
    for node in nodes:
        yield node
        if isinstance(node, Scope | Repeat):
            yield from each_node(node.body)
        elif isinstance(node, Choose):
            yield from each_node([*node.then, *node.orelse])


def head_of(loop: Loop | For | While) -> list[Node]:
    """What the head of a loop computes before and between its iterations."""
    if isinstance(loop, Loop):
        return [loop.lower, loop.upper, loop.step]
    cond: list[Node] = [loop.cond] if loop.cond is not None else []
    return [*loop.init, *cond, *loop.step] if isinstance(loop, For) else cond
