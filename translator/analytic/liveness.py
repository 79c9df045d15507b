"""Which scalars an iteration reads before it writes, and which are read after a loop."""

from __future__ import annotations

from collections.abc import Sequence

from translator.analytic.ir import (
    Assign,
    Block,
    Break,
    Continue,
    Declare,
    Evaluate,
    For,
    Function,
    If,
    Loop,
    Member,
    Node,
    Return,
    Stmt,
    Switch,
    Symbol,
    Var,
    While,
)
from translator.analytic.normalize import trip_count
from translator.analytic.polynomial import to_polynomial
from translator.analytic.visit import symbols, walk


class Flow:
    """One walk over statements in order: `exposed` when the symbol may be read before it is assigned, `assigned` when
    every path that goes on has assigned it."""

    def __init__(self, symbol: Symbol) -> None:
        self.symbol = symbol
        self.exposed = False
        self.assigned = False

    def read(self, *nodes: Node | None) -> None:
        if not self.assigned and any(self.symbol in symbols(n) for n in nodes if n is not None):
            self.exposed = True

    def run(self, stmts: Sequence[Stmt]) -> Flow:
        for stmt in stmts:
            self.statement(stmt)
        return self

    def statement(self, stmt: Stmt) -> None:
        if isinstance(stmt, Block):
            self.run(stmt.body)
        elif isinstance(stmt, Declare):
            self.read(stmt.init)
            if stmt.symbol is self.symbol and stmt.init is not None:
                self.assigned = True
        elif isinstance(stmt, Assign):
            self._assign(stmt)
        elif isinstance(stmt, Evaluate):
            self.read(stmt.call)
        elif isinstance(stmt, If):
            self.read(stmt.cond)
            self._branches([stmt.then.body, stmt.orelse.body if stmt.orelse else ()])
        elif isinstance(stmt, Loop):
            self._loop(stmt)
        elif isinstance(stmt, For):
            self.run(stmt.init)
            self.read(stmt.cond)
            self._maybe([*stmt.body.body, *stmt.step])
        elif isinstance(stmt, While):
            if not stmt.test_last:
                self.read(stmt.cond)
            self._maybe(stmt.body.body)
            if stmt.test_last:
                self.read(stmt.cond)
        elif isinstance(stmt, Switch):
            self.read(stmt.value)
            self._switch(stmt)
        elif isinstance(stmt, Return):
            self.read(stmt.value)
            self.assigned = True  # nothing after a return runs
        elif isinstance(stmt, Break | Continue):
            pass

    def _assign(self, stmt: Assign) -> None:
        self.read(stmt.value)
        whole = isinstance(stmt.target, Var) and stmt.target.symbol is self.symbol
        if stmt.op != "=" or not whole:
            target = stmt.target
            if not (isinstance(target, Member) and stmt.op == "="):
                self.read(target)
        if whole:
            self.assigned = True

    def _branches(self, bodies: Sequence[Sequence[Stmt]]) -> None:
        before, after = self.assigned, []
        for body in bodies:
            self.assigned = before
            self.run(body)
            after.append(self.assigned)
        self.assigned = all(after)

    def _loop(self, loop: Loop) -> None:
        self.read(loop.lower, loop.upper, loop.step)
        if loop.iterator is self.symbol:
            return  # the loop's own counter: assigned, and private to the loop
        trips = to_polynomial(trip_count(loop))
        runs = trips is not None and (trips.value or 0) > 0
        before = self.assigned
        self.run(loop.body.body)
        self.assigned = before or (runs and self.assigned and not _leaves_early(loop.body))

    def _maybe(self, body: Sequence[Stmt]) -> None:
        before = self.assigned
        self.run(body)
        self.assigned = before

    def _switch(self, stmt: Switch) -> None:
        before = self.assigned
        for case in stmt.cases:
            self.assigned = before
            self.run(case.body)
        self.assigned = before


def _leaves_early(body: Block) -> bool:
    return any(isinstance(n, Break | Continue | Return) for n in walk(body))


def exposed(stmts: Sequence[Stmt], symbol: Symbol) -> bool:
    """Whether running `stmts` may read `symbol` before assigning it."""
    return Flow(symbol).run(stmts).exposed


def live_after(function: Function, loop: Loop, symbol: Symbol) -> bool:
    """Whether the value of `symbol` when `loop` ends may be read later."""
    if symbol.kind == "global":
        return True
    path = _path(function.body, loop)
    assert path is not None, "the loop is not in the function"
    for container, rest in reversed(path):
        flow = Flow(symbol)
        flow.run(rest)
        if flow.exposed:
            return True
        if flow.assigned:
            return False
        if isinstance(container, Loop | For | While):
            again = Flow(symbol)
            if isinstance(container, For):
                again.run(container.step)
            if not isinstance(container, Loop):
                again.read(container.cond)
            again.run(container.body.body)
            if again.exposed:
                return True
    return False


def _path(node: Node, loop: Loop) -> list[tuple[Node, Sequence[Stmt]]] | None:
    """The way down to `loop`: each container with the statements that follow in it."""
    for group, container in _groups(node):
        for position, stmt in enumerate(group):
            if stmt is loop:
                return [(container, group[position + 1 :])]
            below = _path(stmt, loop)
            if below is not None:
                return [(container, group[position + 1 :]), *below]
    return None


def _groups(node: Node) -> list[tuple[Sequence[Stmt], Node]]:
    if isinstance(node, Block):
        return [(node.body, node)]
    if isinstance(node, If):
        return [(b.body, node) for b in (node.then, node.orelse) if b is not None]
    if isinstance(node, Loop | For | While):
        return [(node.body.body, node)]
    if isinstance(node, Switch):
        return [(case.body, node) for case in node.cases]
    return []
