"""Induction variables in closed form.

    index = 0;                                        index = 0;
    for (j = 0; j < B; j++) {                         for (j = 0; j < B; j++) {
      for (i = 0; i < X; i++) out[index++] = x;  -->    for (i = 0; i < X; i++) out[index + j * (X + Y) + i] = x;
      for (i = 0; i < Y; i++) out[index++] = y;         for (i = 0; i < Y; i++) out[index + j * (X + Y) + X + i] = y;
    }                                                 }
                                                      index += B * (X + Y);

A variable qualifies in a loop when all that the loop does to it is `k += c` at places that every iteration passes,
with c a polynomial in variables the loop does not change and in the iterators around it. Pointers that are stepped
(`p++`, `p += w`) are variables like any other. The sums over iterations are Faulhaber's, up to degree 1 in the
iterator.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from translator.analytic.counters import step_of
from translator.analytic.ir import (
    Assign,
    Binary,
    Block,
    Const,
    Declare,
    Expr,
    Function,
    Index,
    Location,
    Loop,
    Node,
    Pointer,
    Scalar,
    Stmt,
    Symbol,
    Var,
)
from translator.analytic.normalize import trip_count
from translator.analytic.places import element_size
from translator.analytic.polynomial import Polynomial, to_expr, to_polynomial
from translator.analytic.visit import assigned_scalars, rewrite, symbols, walk

N = TypeVar("N", bound=Node)


@dataclass(frozen=True)
class Assumption:
    """The trip count of `loop` is never negative: the closed form of `symbol` relies on it."""

    loop: Loop
    symbol: Symbol


@dataclass
class ClosedForms:
    """The function with closed forms, and what they assume."""

    function: Function
    assumptions: list[Assumption] = field(default_factory=list)
    injective: dict[Index, int] = field(default_factory=dict)  # places with an element of their own, by variable
    leave: frozenset[Symbol] = frozenset()


class _NotClosed(Exception):
    """The variable has no closed form in this loop."""


def close_inductions(function: Function, leave: frozenset[Symbol] = frozenset()) -> ClosedForms:
    """Replace induction variables by their closed forms, in the outermost loop in which each has one. Those in `leave`
    stay, as do those that no subscript needs (a mere counter is a reduction)."""
    result = ClosedForms(function, leave=leave)
    read_count = _uses(function.body)
    body = _block(function.body, (), result, read_count)
    result.function = dataclasses.replace(function, body=body)
    return result


def _uses(body: Block) -> dict[Symbol, int]:
    counts: dict[Symbol, int] = {}
    for node in walk(body):
        if isinstance(node, Var):
            counts[node.symbol] = counts.get(node.symbol, 0) + 1
    return counts


def _block(block: Block, loops: tuple[Loop, ...], out: ClosedForms, uses: dict[Symbol, int]) -> Block:
    result: list[Stmt] = []
    for stmt in block.body:
        if isinstance(stmt, Loop):
            result.extend(_loop(stmt, result, loops, out, uses))
        else:
            result.append(_descend(stmt, loops, out, uses))
    return dataclasses.replace(block, body=tuple(result))


def _descend(stmt: Stmt, loops: tuple[Loop, ...], out: ClosedForms, uses: dict[Symbol, int]) -> Stmt:
    if isinstance(stmt, Block):
        return _block(stmt, loops, out, uses)
    updates: dict[str, Any] = {
        f.name: _block(value, loops, out, uses)
        for f in dataclasses.fields(stmt)
        if isinstance(value := getattr(stmt, f.name), Block)
    }
    return dataclasses.replace(stmt, **updates) if updates else stmt


def _loop(
    loop: Loop, before: Sequence[Stmt], loops: tuple[Loop, ...], out: ClosedForms, uses: dict[Symbol, int]
) -> list[Stmt]:
    after: list[Stmt] = []
    for symbol in _candidates(loop):
        if symbol in out.leave or not _addresses(loop, symbol):
            continue
        try:
            assumptions: list[Assumption] = []
            closer = _Closer(symbol, loop, assumptions, loops, _constant_before(symbol, before))
            closed, total = closer.close()
        except _NotClosed:
            continue
        inside = sum(isinstance(n, Var) and n.symbol is symbol for n in walk(loop))
        if uses.get(symbol, 0) > inside or symbol.kind == "global":
            after.append(Assign(Var(symbol, at=loop.at), "+=", total, at=loop.at))
        out.assumptions.extend(assumptions)
        out.injective.update({node: len(out.assumptions) for node in closer.windows})
        loop = closed
    body = _block(loop.body, (*loops, loop), out, uses)
    return [dataclasses.replace(loop, body=body), *after]


def _addresses(loop: Loop, symbol: Symbol) -> bool:
    """Whether an address in the loop depends on the symbol: directly, or through scalars computed from it."""
    if isinstance(symbol.type, Pointer):
        return True
    reached = {symbol}
    for _ in range(4):
        for node in walk(loop):
            if isinstance(node, Declare) and node.init is not None and symbols(node.init) & reached:
                reached.add(node.symbol)
            elif isinstance(node, Assign) and isinstance(node.target, Var) and symbols(node.value) & reached:
                reached.add(node.target.symbol)
    return any(isinstance(node, Index) and symbols(*node.subscripts, node.base) & reached for node in walk(loop))


def _constant_before(symbol: Symbol, before: Sequence[Stmt]) -> int | None:
    """The constant that `symbol` holds after the statements `before`, if the last one that names it assigns it."""
    for stmt in reversed(before):
        if isinstance(stmt, Declare) and stmt.symbol is symbol and isinstance(stmt.init, Const):
            return stmt.init.value if isinstance(stmt.init.value, int) else None
        if isinstance(stmt, Assign) and stmt.op == "=" and stmt.target == Var(symbol, at=stmt.at):
            known = isinstance(stmt.value, Const) and isinstance(stmt.value.value, int)
            return stmt.value.value if known else None  # type: ignore[union-attr,return-value]
        if symbol in symbols(stmt) or symbol in assigned_scalars(stmt):
            return None
    return None


def _candidates(loop: Loop) -> list[Symbol]:
    """Integer and pointer variables that the loop only steps, in order of appearance."""
    declared = {n.symbol for n in walk(loop.body) if isinstance(n, Declare)}
    iterators = {n.iterator for n in walk(loop) if isinstance(n, Loop)}
    found: list[Symbol] = []
    rejected: set[Symbol] = set(declared | iterators)
    for node in walk(loop.body):
        if not isinstance(node, Assign) or not isinstance(node.target, Var):
            continue
        symbol = node.target.symbol
        step = step_of(node)
        if step is None or not _steppable(symbol):
            rejected.add(symbol)
        elif symbol not in found:
            found.append(symbol)
    return [symbol for symbol in found if symbol not in rejected]


def _steppable(symbol: Symbol) -> bool:
    kind = symbol.type
    if isinstance(kind, Pointer):
        return True
    narrow = (element_size(kind) or 0) < 4  # it would wrap around
    return isinstance(kind, Scalar) and kind.is_integer and not narrow


@dataclass
class _Closer:
    """Rewrites one loop nest for one variable."""

    symbol: Symbol
    loop: Loop
    assumptions: list[Assumption]
    outer: tuple[Loop, ...]
    start: int | None = None  # the variable's value when the loop is entered, where it is known

    def close(self) -> tuple[Loop, Expr]:
        """The loop without the variable's steps, and what the whole loop adds to it."""
        changed = assigned_scalars(self.loop) - {n.iterator for n in walk(self.loop) if isinstance(n, Loop)}
        self.changed = changed
        self.forward = True  # all steps are positive constants
        self.windows: list[Index] = []
        self.window: tuple[Polynomial, int] | None = None
        closed, total = self._loop(self.loop, Polynomial(), self.outer)
        if not self.forward:
            self.windows.clear()
        return closed, to_expr(total, trip_count(self.loop))

    def _loop(self, loop: Loop, start: Polynomial, loops: tuple[Loop, ...]) -> tuple[Loop, Polynomial]:
        """The loop rewritten, entered with the variable at `start` above its value, and its value at exit."""
        per_iteration = self._delta(loop.body, (*loops, loop))
        if not per_iteration.terms:
            return dataclasses.replace(loop, body=self._block(loop.body, start, (*loops, loop))[0]), start
        at_iteration = start + self._sum(loop, per_iteration, self._ordinal(loop))
        trips = to_polynomial(trip_count(loop))
        if trips is None or not isinstance(loop.step, Const):
            raise _NotClosed
        self.assumptions.append(Assumption(loop, self.symbol))
        outer = self.window
        self.window = (at_iteration, per_iteration.value) if per_iteration.value else None
        body, _ = self._block(loop.body, at_iteration, (*loops, loop))
        self.window = outer
        return dataclasses.replace(loop, body=body), start + self._sum(loop, per_iteration, trips)

    def _ordinal(self, loop: Loop) -> Polynomial:
        """The number of iterations before the current one."""
        iterator = Var(loop.iterator, at=loop.at)
        lower = to_polynomial(loop.lower)
        if lower is None or not isinstance(loop.step, Const) or not isinstance(loop.step.value, int):
            raise _NotClosed
        travelled = Polynomial.atom(iterator) - lower
        if loop.descending:
            travelled = -travelled
        if loop.step.value == 1:
            return travelled
        quotient = Binary("/", to_expr(travelled, loop.lower), loop.step, Scalar("int"), at=loop.at)
        return Polynomial.atom(quotient)

    def _sum(self, loop: Loop, delta: Polynomial, count: Polynomial) -> Polynomial:
        """delta(first) + ... over the first `count` iterations, for `delta` of degree at most 1 in the iterator."""
        iterator = Var(loop.iterator, at=loop.at)
        if delta.degree(iterator) == 0:
            return delta * count
        lower = to_polynomial(loop.lower)
        if delta.degree(iterator) > 1 or lower is None or not isinstance(loop.step, Const):
            raise _NotClosed
        step = Polynomial.constant(int(loop.step.value or 1) * (-1 if loop.descending else 1))
        slope = delta.coefficient(iterator) * step
        first = delta.without(iterator) + delta.coefficient(iterator) * lower
        pairs = count * (count - Polynomial.constant(1))
        like = trip_count(loop)
        half = Binary("/", to_expr(pairs, like), Const("2", 2, Scalar("int"), at=loop.at), Scalar("int"), at=loop.at)
        return first * count + slope * Polynomial.atom(half)

    def _delta(self, block: Block, loops: tuple[Loop, ...]) -> Polynomial:
        """What one pass through `block` adds to the variable."""
        total = Polynomial()
        for stmt in block.body:
            if isinstance(stmt, Assign) and self._steps(stmt):
                total = total + self._amount(stmt)
            elif isinstance(stmt, Loop):
                inner = self._delta(stmt.body, (*loops, stmt))
                if inner.terms:
                    trips = to_polynomial(trip_count(stmt))
                    if trips is None:
                        raise _NotClosed
                    total = total + self._sum(stmt, inner, trips)
            elif isinstance(stmt, Block):
                total = total + self._delta(stmt, loops)
            elif any(isinstance(n, Assign) and self._steps(n) for n in walk(stmt)):
                raise _NotClosed  # a step under a condition
        return total

    def _steps(self, stmt: Assign) -> bool:
        return isinstance(stmt.target, Var) and stmt.target.symbol is self.symbol

    def _amount(self, stmt: Assign) -> Polynomial:
        step = step_of(stmt)
        amount = to_polynomial(step[1]) if step is not None else None
        if step is None or amount is None:
            raise _NotClosed
        if symbols(step[1]) & self.changed or any(isinstance(n, Index) for n in walk(step[1])):
            raise _NotClosed
        signed = -amount if step[2] else amount
        self.forward = self.forward and (signed.value or 0) > 0
        return signed

    def _block(self, block: Block, value: Polynomial, loops: tuple[Loop, ...]) -> tuple[Block, Polynomial]:
        result: list[Stmt] = []
        for stmt in block.body:
            if isinstance(stmt, Assign) and self._steps(stmt):
                value = value + self._amount(stmt)
            elif isinstance(stmt, Loop):
                lower, upper, step = (self._use(bound, value) for bound in (stmt.lower, stmt.upper, stmt.step))
                bounded = dataclasses.replace(stmt, lower=lower, upper=upper, step=step)
                rewritten, value = self._loop(bounded, value, loops)
                result.append(rewritten)
            elif isinstance(stmt, Block):
                inner, value = self._block(stmt, value, loops)
                result.append(inner)
            else:
                result.append(self._use(stmt, value))
        return dataclasses.replace(block, body=tuple(result)), value

    def _use(self, node: N, value: Polynomial) -> N:
        """`node` with the variable read as `variable + value`."""

        def change(n: Node) -> Node | None:
            if isinstance(n, Var) and n.symbol is self.symbol:
                if self.start is not None:
                    return to_expr(value + Polynomial.constant(self.start), n)
                return shifted(n, value, n.at)
            return flatten_index(n)

        changed = rewrite(node, change)
        for before, after in zip(_indices(node), _indices(changed), strict=True):
            if self._in_window(before, value):
                self.windows.append(after)
        return changed

    def _in_window(self, index: Index, value: Polynomial) -> bool:
        """Whether `index` is `a[k + d]` or `*(p + d)` with d among the steps of this iteration (0 <= d < step)."""
        base, offset = index.base, to_polynomial(index.subscripts[0]) if len(index.subscripts) == 1 else None
        variable = Var(self.symbol, at=index.at)
        if offset is None or self.window is None:
            return False
        if base != variable:
            offset = offset - Polynomial.atom(variable)
        start, step = self.window
        distance = (offset + value - start).value
        return distance is not None and 0 <= distance < step


def _indices(node: Node) -> list[Index]:
    return [n for n in walk(node) if isinstance(n, Index)]


def shifted(var: Var, offset: Polynomial, at: Location) -> Expr:
    if not offset.terms:
        return var
    like = Const("0", 0, Scalar("int"), at=at)
    return Binary("+", var, to_expr(offset, like), var.type, at=at)


def flatten_index(node: Node) -> Node | None:
    """`(p + i)[j]` --> `p[i + j]`."""
    if not isinstance(node, Index) or not isinstance(node.base, Binary) or len(node.subscripts) != 1:
        return None
    base = node.base
    if base.op not in ("+", "-") or not isinstance(base.left.type, Pointer):
        return None
    offset, subscript = to_polynomial(base.right), to_polynomial(node.subscripts[0])
    if offset is None or subscript is None:
        return None
    total = subscript + (offset if base.op == "+" else -offset)
    merged = Index(base.left, (to_expr(total, node.subscripts[0]),), node.type, at=node.at)
    return flatten_index(merged) or merged
