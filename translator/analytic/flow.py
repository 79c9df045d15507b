"""Whether a value that a function loads is the one its caller passed."""

from __future__ import annotations

from collections.abc import Mapping

import islpy as isl

from translator.analytic.accesses import Access, AccessTable, in_bytes
from translator.analytic.affine import Frame, counted, instance, param_set
from translator.analytic.delinearize import delinearize
from translator.analytic.ir import Function, Index, Symbol
from translator.analytic.places import UnknownBase
from translator.analytic.polynomial import Polynomial
from translator.analytic.visit import assigned_scalars, declared


def written_before(function: Function, table: AccessTable, array: Symbol, load: Index, user: Access) -> bool:
    """Whether an element of `array` may be written before `load`, which decides the access `user`, reads it.

    `load` is compared with the accesses of `array` at the same place: the statement of `user`, or one before it in
    the same iteration.
    """
    reads = [a for a in table.accesses if a.array is array and not a.is_write and a.subscripts == load.subscripts]
    reads = [r for r in reads if r.loops == user.loops[: len(r.loops)] and r.order <= user.order]
    if not reads:
        return True
    writes = [a for a in table.accesses if a.array is array and a.is_write]
    changed = assigned_scalars(function.body) | declared(function.body)
    frame = Frame(table, lambda s: s not in table.unknowns and s not in changed, frozenset({array}))
    try:
        unified = in_bytes([reads[0], *writes], array.type)
        shape = next(iter(delinearize(unified, frame)), None)
        if shape is None or shape.extents:
            return True
        return any(_precedes(frame, shape.dims, write, unified[0]) for write in unified[1:])
    except (UnknownBase, isl.Error):
        return True


def _precedes(frame: Frame, dims: Mapping[Access, tuple[Polynomial, ...]], write: Access, read: Access) -> bool:
    """Whether some instance of `write` that runs before an instance of `read` uses the same element."""
    left, right = instance(frame, "a", write.loops, write.conditions), instance(frame, "b", read.loops, read.conditions)
    common = 0
    for a, b in zip(counted(write.loops), counted(read.loops), strict=False):
        if a is not b:
            break
        common += 1
    same: list[str] = []
    for x, y in zip(dims[write], dims[read], strict=True):
        first, second = left.linear(x), right.linear(y)
        if first is None or second is None:
            return True
        same.append(f"{first} = {second}")
    for level in range(common + 1):
        order = [f"a{k} = b{k}" for k in range(level)]
        if level < common:
            sign = ">" if counted(write.loops)[level].descending else "<"
            order.append(f"a{level} {sign} b{level}")
        elif write.order > read.order:
            continue
        if not param_set(frame, [left, right], [*same, *order]).is_empty():
            return True
    return False
