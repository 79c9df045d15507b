"""Array updates in one form.

h[k] = h[k] + e    -->  h[k] += e
h[k] = e * h[k]    -->  h[k] *= e
if (e > h[k]) h[k] = e         -->  h[k] max= e        (integers: no NaN to lose)
h[k] = e > h[k] ? e : h[k]     -->  h[k] max= e
"""

from __future__ import annotations

import dataclasses

from translator.analytic.ir import Assign, Binary, Call, Conditional, Expr, Function, If, Index, Member, Node, Scalar
from translator.analytic.visit import rewrite

_COMMUTATIVE = ("+", "*", "&", "|", "^")


def canonical_updates(function: Function) -> Function:
    """The function with every update of an array element written as a compound assignment."""
    return dataclasses.replace(function, body=rewrite(function.body, _update))


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
    if isinstance(node, Assign) and node.op == "=" and isinstance(node.value, Conditional):
        if node.value.orelse == node.target:
            return _kept(node, node.value.cond, node.value.then)
    if isinstance(node, Assign) and node.op == "=" and isinstance(node.value, Call) and len(node.value.args) == 2:
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
