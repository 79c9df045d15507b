"""Calls that copy or fill memory, as the loops they stand for.

memset(a, 0, n * sizeof *a)                    -->  for (k = 0; k < n; k++) a[k] = 0
memcpy(a + 1, b, (n - 2) * sizeof(float))      -->  for (k = 0; k < n - 2; k++) a[1 + k] = b[k]

A call that is no whole number of elements, or fills with bytes that are no value of the elements, stays a call, and
`refuse_memory_calls` says so: what it writes cannot be seen.
"""

from __future__ import annotations

import dataclasses

from translator.analytic import codes
from translator.analytic.counters import INT, constant, flattened_index
from translator.analytic.dependence import Reason
from translator.analytic.guards import Unprovable
from translator.analytic.ir import (
    AddressOf,
    Assign,
    Binary,
    Block,
    Call,
    Cast,
    Const,
    Evaluate,
    Expr,
    Function,
    Index,
    Loop,
    Node,
    Pointer,
    Program,
    Scalar,
    Symbol,
    Var,
)
from translator.analytic.places import element_size
from translator.analytic.polynomial import Polynomial, to_expr, to_polynomial
from translator.analytic.visit import rewrite, walk


def expand_memory_calls(function: Function) -> Function:
    """The function with its memset, memcpy and memmove calls as loops, where they move whole elements."""

    def change(node: Node) -> Node | None:
        if isinstance(node, Evaluate):
            return _expanded(node.call)
        return None

    return dataclasses.replace(function, body=rewrite(function.body, change))


def refuse_memory_calls(function: Function, program: Program) -> None:
    """Raise Unprovable for a call that is given an array and whose body is not in the file."""
    for node in walk(function.body):
        if not isinstance(node, Call) or program.function(node.name) is not None:
            continue
        if any(isinstance(argument.type, Pointer) for argument in node.args):
            message = f"{node.name} works on an array in a way that cannot be seen"
            raise Unprovable(Reason(codes.KERNEL_CALL, message, node.at))


def _expanded(call: Call) -> Block | None:
    if call.name not in ("memset", "memcpy", "memmove") or len(call.args) != 3:
        return None
    counter = Symbol("k", Scalar("long"), "local", call.at)
    target = _element(call.args[0], Var(counter, at=call.at))
    value: Expr | None
    if call.name == "memset":
        value = _fill_value(call.args[1], target)
    else:
        value = _element(call.args[1], Var(counter, at=call.at))
    if target is None or value is None:
        return None
    size = element_size(target.type)
    count = _count(call.args[2], size)
    same = call.name == "memset" or value.type == target.type
    if count is None or not same:
        return None
    body = Block((Assign(target, "=", value, at=call.at),), at=call.at)
    loop = Loop(counter, constant(0, call.at), count, constant(1, call.at), body, True, at=call.at)
    return Block((loop,), at=call.at)


def _element(pointer: Expr, counter: Var) -> Index | None:
    """Element `counter` behind a pointer expression."""
    while isinstance(pointer, Cast):
        pointer = pointer.operand
    at = pointer.at
    if isinstance(pointer, AddressOf) and isinstance(pointer.operand, Index):
        inner = pointer.operand
        last = Binary("+", inner.subscripts[-1], counter, INT, at=at)
        return dataclasses.replace(inner, subscripts=(*inner.subscripts[:-1], last))
    if not isinstance(pointer.type, Pointer) or not isinstance(pointer.type.to, Scalar):
        return None
    index = Index(pointer, (counter,), pointer.type.to, at=at)
    flat = flattened_index(index)
    return flat if isinstance(flat, Index) else index


def _fill_value(byte: Expr, target: Index | None) -> Expr | None:
    """The value that memset gives to each element: 0 of any type, any byte to elements of one byte."""
    if target is None or not isinstance(target.type, Scalar):
        return None
    if isinstance(byte, Const) and byte.value == 0:
        return constant(0, byte.at)
    return Cast(target.type, byte, at=byte.at) if element_size(target.type) == 1 else None


def _count(size: Expr, element: int | None) -> Expr | None:
    """The number of elements in `size` bytes, if that is a whole number whatever the variables are."""
    while isinstance(size, Cast):
        size = size.operand
    polynomial = to_polynomial(size)
    if polynomial is None or not element or any(c % element for c in polynomial.terms.values()):
        return None
    return to_expr(Polynomial({m: c // element for m, c in polynomial.terms.items()}), constant(0, size.at))
