"""Array updates in one form.

h[k] = h[k] + e    -->  h[k] += e
h[k] = e * h[k]    -->  h[k] *= e
if (e > h[k]) h[k] = e         -->  h[k] max= e        (integers: no NaN to lose)
h[k] = e > h[k] ? e : h[k]     -->  h[k] max= e

Extrema by index get the value they compare beside it:

    for (i) if (x[i] < x[best]) best = i;
--> least = n > 0 ? x[best] : 0; for (i) if (x[i] < least) { least = x[i]; best = i; }
"""

from __future__ import annotations

import dataclasses

from translator.analytic.ir import (
    Assign,
    Binary,
    Block,
    Call,
    Conditional,
    Const,
    Declare,
    Expr,
    Function,
    If,
    Index,
    Loop,
    Member,
    Node,
    Scalar,
    Stmt,
    Symbol,
    Var,
)
from translator.analytic.visit import rewrite, root, substitute, symbols, walk

_COMMUTATIVE = ("+", "*", "&", "|", "^")


def canonical_updates(function: Function) -> Function:
    """The function with every update of an array element written as a compound assignment, and extrema by index with
    values."""
    body = rewrite(function.body, _update)
    return dataclasses.replace(function, body=rewrite(body, _with_values))


def _with_values(node: Node) -> Node | None:
    """A block in which a loop over extrema by index is preceded by the value that it starts from."""
    if not isinstance(node, Block):
        return None
    result: list[Stmt] = []
    for stmt in node.body:
        result.extend(_by_value(stmt) if isinstance(stmt, Loop) else [stmt])
    return dataclasses.replace(node, body=tuple(result)) if len(result) != len(node.body) else None


def _by_value(loop: Loop) -> list[Stmt]:
    """`loop` with `if (x[i] < x[best]) best = i` comparing with a scalar; the declaration of the scalar comes first."""
    before: list[Stmt] = []
    written = {root(n.target) for n in walk(loop) if isinstance(n, Assign)}

    def change(node: Node) -> Node | None:
        if not isinstance(node, If) or node.orelse is not None or len(node.then.body) != 1:
            return None
        stmt, cond = node.then.body[0], node.cond
        if (
            not isinstance(stmt, Assign)
            or stmt.op != "="
            or not isinstance(stmt.target, Var)
            or not isinstance(cond, Binary)
        ):
            return None
        best = stmt.target.symbol
        if cond.op not in ("<", "<=", ">", ">=") or _uses_outside(loop, best, node):
            return None
        for mine, other in ((cond.left, cond.right), (cond.right, cond.left)):
            at_best = isinstance(other, Index) and substitute(other, {best: stmt.value}) == mine
            if not at_best or best in symbols(mine) or root(other) in written:
                continue
            value = Symbol(f"{best.name}_value", other.type, "local", other.at)
            read = Var(value, at=other.at)
            enters = Binary(">" if loop.descending else "<", loop.lower, loop.upper, Scalar("int"), at=loop.at)
            start = Conditional(enters, other, Const("0", 0, Scalar("int"), at=other.at), other.type, at=other.at)
            before.append(Declare(value, start, at=loop.at))
            left, right = (mine, read) if mine is cond.left else (read, mine)
            keep = Assign(read, "=", mine, at=stmt.at)
            then = dataclasses.replace(node.then, body=(keep, stmt))
            return dataclasses.replace(node, cond=dataclasses.replace(cond, left=left, right=right), then=then)
        return None

    changed = rewrite(loop, change)
    return [*before, changed]


def _uses_outside(loop: Loop, symbol: Symbol, update: If) -> bool:
    """Whether the loop names the symbol anywhere but in `update`."""
    inside = sum(isinstance(n, Var) and n.symbol is symbol for n in walk(update))
    return sum(isinstance(n, Var) and n.symbol is symbol for n in walk(loop)) != inside


def _update(node: Node) -> Node | None:
    extremum = _extremum(node)
    if extremum is not None:
        return extremum
    if not isinstance(node, Assign) or node.op != "=" or not isinstance(node.target, Index | Member):
        return None
    value = node.value
    if not isinstance(value, Binary) or value.op not in (*_COMMUTATIVE, "-"):
        return None
    if value.left == node.target:
        return dataclasses.replace(node, op=f"{value.op}=", value=value.right)
    if value.right == node.target and value.op in _COMMUTATIVE:
        return dataclasses.replace(node, op=f"{value.op}=", value=value.left)
    return None


def _extremum(node: Node) -> Assign | None:
    """`min=` or `max=` where the statement keeps the smaller or larger of an element and a value."""
    if isinstance(node, If) and node.orelse is None and len(node.then.body) == 1:
        inner = node.then.body[0]
        if isinstance(inner, Assign) and inner.op == "=":
            return _kept(inner, node.cond, inner.value)
    if not isinstance(node, Assign) or node.op != "=":
        return None
    if isinstance(node.value, Conditional) and node.value.orelse == node.target:
        return _kept(node, node.value.cond, node.value.then)
    if isinstance(node.value, Call) and len(node.value.args) == 2:
        name, args = node.value.name, node.value.args
        if (
            name in ("min", "max")
            and node.target in args
            and isinstance(node.target, Index)
            and _is_integer(node.target)
        ):
            other = args[1] if args[0] == node.target else args[0]
            return dataclasses.replace(node, op=f"{name}=", value=other)
    return None


def _kept(assign: Assign, cond: Expr, value: Expr) -> Assign | None:
    if not isinstance(assign.target, Index) or not _is_integer(assign.target) or not isinstance(cond, Binary):
        return None
    if cond.op not in ("<", "<=", ">", ">="):
        return None
    smaller = cond.op in ("<", "<=")
    if (cond.left, cond.right) == (value, assign.target):
        return dataclasses.replace(assign, op="min=" if smaller else "max=", value=value)
    if (cond.right, cond.left) == (value, assign.target):
        return dataclasses.replace(assign, op="max=" if smaller else "min=", value=value)
    return None


def _is_integer(expr: Expr) -> bool:
    return isinstance(expr.type, Scalar) and expr.type.is_integer
