"""Counters of loops: the bounds that a condition gives, the steps of a statement, and small integer expressions."""

from __future__ import annotations

import dataclasses

from translator.analytic.ir import (
    Assign,
    Binary,
    Conditional,
    Const,
    Expr,
    Index,
    Location,
    Node,
    Scalar,
    Stmt,
    Symbol,
    Var,
)
from translator.analytic.visit import symbols

INT = Scalar("int")


_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "!=": "!="}


def constant(value: int, at: Location) -> Const:
    return Const(str(value), value, INT, at=at)


def add(left: Expr, right: int) -> Expr:
    """`left + right` with constants folded: `n - 1 + 1` is `n`."""
    if right == 0:
        return left
    if isinstance(left, Const) and isinstance(left.value, int):
        return constant(left.value + right, left.at)
    if (
        isinstance(left, Binary)
        and left.op in "+-"
        and isinstance(left.right, Const)
        and isinstance(left.right.value, int)
    ):
        inner = left.right.value if left.op == "+" else -left.right.value
        return add(left.left, inner + right)
    kind = left.type if isinstance(left.type, Scalar) else INT
    return Binary("+" if right > 0 else "-", left, constant(abs(right), left.at), kind, at=left.at)


def flattened_index(node: Node) -> Node | None:
    """`(a + i)[0]` --> `a[i]`, `(a + i)[k]` --> `a[i + k]`."""
    if not isinstance(node, Index):
        return None
    base = node.base
    if not isinstance(base, Binary) or base.op != "+":
        return None
    first, offset = node.subscripts[0], base.right
    at_once = isinstance(first, Const) and first.value == 0
    subscript = offset if at_once else Binary("+", offset, first, INT, at=node.at)
    return dataclasses.replace(node, base=base.left, subscripts=(subscript, *node.subscripts[1:]))


def bounds_of(cond: Expr | None) -> dict[Symbol, tuple[str, Expr]]:
    """Variables that a condition bounds: `i < n`, `n > i`, `i + 1 < n` --> {i: ("<", n)}, {i: ("<", n - 1)}."""
    found: dict[Symbol, tuple[str, Expr]] = {}
    if isinstance(cond, Binary) and cond.op == "&&":
        return _both(bounds_of(cond.left), bounds_of(cond.right))
    if not isinstance(cond, Binary) or cond.op not in _MIRRORED:
        return found
    for side, other, op in ((cond.left, cond.right, cond.op), (cond.right, cond.left, _MIRRORED[cond.op])):
        offset = 0
        if isinstance(side, Binary) and side.op in "+-" and isinstance(side.right, Const):
            if not isinstance(side.right.value, int):
                continue
            offset = side.right.value if side.op == "+" else -side.right.value
            side = side.left
            if (isinstance(side.type, Scalar) and side.type.is_unsigned) or is_unsigned(other):
                continue  # n - 1 would wrap around at n = 0
        moved = _moved_bound(side, other)
        if moved is not None:
            side, other = moved
        if isinstance(side, Var) and isinstance(side.type, Scalar) and side.type.is_integer:
            found.setdefault(side.symbol, (op, add(other, -offset)))
    return found


def _both(
    left: dict[Symbol, tuple[str, Expr]], right: dict[Symbol, tuple[str, Expr]]
) -> dict[Symbol, tuple[str, Expr]]:
    """`i < n && i < m` --> {i: ("<", n < m ? n : m)}, for bounds of one kind."""
    found: dict[Symbol, tuple[str, Expr]] = {}
    for symbol in left.keys() & right.keys():
        (op, first), (other_op, second) = left[symbol], right[symbol]
        if op == other_op and op in ("<", "<=") and not is_unsigned(first) and not is_unsigned(second):
            smaller = Binary("<", first, second, INT, at=first.at)
            found[symbol] = (op, Conditional(smaller, first, second, first.type, at=first.at))
    return found


def _moved_bound(side: Expr, other: Expr) -> tuple[Expr, Expr] | None:
    """`i + w < n` --> (i, n - w), for signed counters."""
    if not isinstance(side, Binary) or side.op not in ("+", "-") or is_unsigned(side) or is_unsigned(other):
        return None
    if not isinstance(side.left, Var) or not isinstance(side.type, Scalar) or not side.type.is_integer:
        return None
    opposite = "-" if side.op == "+" else "+"
    return side.left, Binary(opposite, other, side.right, side.type, at=other.at)


def is_unsigned(expr: Expr) -> bool:
    return isinstance(expr.type, Scalar) and expr.type.is_unsigned and not isinstance(expr, Const)


def step_of(stmt: Stmt) -> tuple[Symbol, Expr, bool] | None:
    """(variable, amount, whether it is subtracted) of `i += c`, `i -= c`, `i = i + c`, `i = c + i`, `i = i - c`."""
    if not isinstance(stmt, Assign) or not isinstance(stmt.target, Var):
        return None
    symbol = stmt.target.symbol
    amount, negative = stmt.value, stmt.op == "-="
    if stmt.op == "=" and isinstance(stmt.value, Binary) and stmt.value.op in "+-":
        left, right = stmt.value.left, stmt.value.right
        if left == stmt.target:
            amount, negative = right, stmt.value.op == "-"
        elif right == stmt.target and stmt.value.op == "+":
            amount = left
        else:
            return None
    elif stmt.op not in ("+=", "-="):
        return None
    if symbol in symbols(amount) or not isinstance(amount.type, Scalar) or not amount.type.is_integer:
        return None
    if isinstance(amount, Const) and isinstance(amount.value, int) and amount.value < 0:
        return symbol, constant(-amount.value, amount.at), not negative
    return symbol, amount, negative
