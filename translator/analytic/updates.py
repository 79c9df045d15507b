"""Array updates in one form.

h[k] = h[k] + e    -->  h[k] += e
h[k] = e * h[k]    -->  h[k] *= e
"""

from __future__ import annotations

import dataclasses

from translator.analytic.ir import Assign, Binary, Function, Index, Member, Node
from translator.analytic.visit import rewrite

_COMMUTATIVE = ("+", "*", "&", "|", "^")


def canonical_updates(function: Function) -> Function:
    """The function with every update of an array element written as a compound assignment."""
    return dataclasses.replace(function, body=rewrite(function.body, _update))


def _update(node: Node) -> Node | None:
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
