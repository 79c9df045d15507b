"""Updates that leave their own pivot row and column alone, as in Floyd-Warshall.

    for (k) for (i) for (j)  d[i][j] = min(d[i][j], d[i][k] + d[k][j])

Within one k, row k and column k are written and read by different iterations; dependence analysis has to refuse.
But the update of row k is d[k][j] = min(d[k][j], d[k][k] + d[k][j]), which changes nothing where d[k][k] >= 0 (in
floating point too: adding a non-negative number never gives a smaller one, and comparisons with NaN are false). So
the (i, j) loops are parallel for that k if the update is parallel without row k and column k. The same holds
without any condition for `|=` with `&`, for `max` with `min` and for `min` with `max`, whose pivots absorb (x | (y
& x) is x).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from translator.analytic.accesses import Access, Condition
from translator.analytic.counters import INT, constant
from translator.analytic.dependence import Region
from translator.analytic.ir import (
    Assign,
    Binary,
    Call,
    Const,
    Declare,
    Expr,
    If,
    Index,
    Loop,
    Symbol,
    Var,
)
from translator.analytic.polynomial import Polynomial, to_polynomial
from translator.analytic.visit import substitute, walk


@dataclasses.dataclass(frozen=True)
class Absorbing:
    """The region with the updates of the pivot row and column left out, and the condition for leaving them out (None:
    always)."""

    region: Region
    condition: Expr | None


def absorbing_update(region: Region) -> Absorbing | None:
    """The absorbing update that the region consists of, or None."""
    writes = [a for a in region.accesses if a.is_write]
    if len(writes) != 1 or not isinstance(writes[0].stmt, Assign):
        return None
    write = writes[0]
    operands = _operands(region.loop, write)
    if operands is None:
        return None
    op, left, right = operands
    for pivot in (each for each in region.table.loops_of[id(region.loop)] if isinstance(each, Loop)):
        counters = _pivots(write, left, right, Var(pivot.iterator, at=pivot.at))
        if counters is not None:
            return _without_pivots(region, write, pivot, counters, needs_sign=op == "+")
    return None


def _operands(loop: Loop, write: Access) -> tuple[str, Index, Index] | None:
    """(combining operator, left, right) of `target = op(target, left combine right)`."""
    values: dict[Symbol, Expr] = {n.symbol: n.init for n in walk(loop) if isinstance(n, Declare) and n.init is not None}
    stmt = write.stmt
    assert isinstance(stmt, Assign)
    for outer, value in _forms(loop, stmt):
        combined = _combined(substitute(value, values))
        if combined is None or (outer, combined[0]) not in _ABSORBING:
            continue
        if all(x.base == write.node.base for x in combined[1:]):
            return combined
    return None


_ABSORBING = {("min", "+"), ("|", "&"), ("max", "min"), ("min", "max")}


def _combined(value: Expr) -> tuple[str, Index, Index] | None:
    if isinstance(value, Binary) and value.op in ("+", "&"):
        op, left, right = value.op, value.left, value.right
    elif isinstance(value, Call) and len(value.args) == 2 and value.name in ("min", "max"):
        op, (left, right) = value.name, value.args
    else:
        return None
    if isinstance(left, Index) and isinstance(right, Index):
        return op, left, right
    return None


def _forms(loop: Loop, stmt: Assign) -> Iterator[tuple[str, Expr]]:
    """The ways to write `target = op(target, value)`: (op, value)."""
    if stmt.op in ("min=", "max=", "|="):
        yield stmt.op.rstrip("="), stmt.value
    for node in walk(loop):
        if isinstance(node, If) and any(s is stmt for s in node.then.body) and isinstance(node.cond, Binary):
            if (node.cond.left, node.cond.right) == (stmt.value, stmt.target) and node.cond.op == "<":
                yield "min", stmt.value
            if (node.cond.right, node.cond.left) == (stmt.value, stmt.target) and node.cond.op == ">":
                yield "min", stmt.value
    value = stmt.value
    if stmt.op == "=" and isinstance(value, Call) and value.name in ("fmin", "fminf", "min") and len(value.args) == 2:
        for mine, other in (value.args, value.args[::-1]):
            if mine == stmt.target:
                yield "min", other


def _pivots(write: Access, left: Index, right: Index, pivot: Var) -> tuple[Symbol, Symbol] | None:
    """The counters (i, j) for which `left` is the target at j = k and `right` the target at i = k."""
    target = _flat(write.node)
    first, second = _flat(left), _flat(right)
    if target is None or first is None or second is None:
        return None
    atoms = [Var(s, at=pivot.at) for s in write.iterators if s is not pivot.symbol]
    k = Polynomial.atom(pivot)
    for i in atoms:
        for j in atoms:
            if i != j and target.replace(j, k) == first and target.replace(i, k) == second:
                return i.symbol, j.symbol
    return None


def _flat(index: Index) -> Polynomial | None:
    """The subscripts as one polynomial; the dimensions of `a[i][j]` are kept apart by an atom that occurs nowhere
    else."""
    dimension = Polynomial.atom(Const("dimension", None, INT, at=index.at))
    total = Polynomial()
    for subscript in index.subscripts:
        polynomial = to_polynomial(subscript)
        if polynomial is None:
            return None
        total = total * dimension + polynomial
    return total


def _without_pivots(
    region: Region, write: Access, pivot: Loop, counters: tuple[Symbol, Symbol], *, needs_sign: bool
) -> Absorbing:
    at = write.at
    k = Var(pivot.iterator, at=at)
    differ = tuple(Condition(Binary("!=", Var(c, at=at), k, INT, at=at), True) for c in counters)
    kept = dataclasses.replace(write, conditions=(*write.conditions, *differ))
    accesses = [kept if a is write else a for a in region.accesses]
    condition: Expr | None = None
    if needs_sign:
        corner = substitute(write.node, dict.fromkeys(counters, k))
        condition = Binary(">=", corner, constant(0, at), INT, at=at)
    return Absorbing(dataclasses.replace(region, accesses=accesses), condition)
