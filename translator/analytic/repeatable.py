"""Loops whose iterations may be run more than once, by several threads at a time, and still give the same result."""

from __future__ import annotations

from itertools import combinations

from translator.analytic.accesses import Access, AccessTable, Condition
from translator.analytic.ir import Call, Evaluate, Loop, Pointer, Var
from translator.analytic.launch_plan import Kernel
from translator.analytic.polynomial import to_polynomial
from translator.analytic.visit import declared, walk


def repeatable(table: AccessTable, kernel: Kernel) -> bool:
    """Whether a second run of an iteration stores what the first one did: it reads nothing that the loops write, and
    stores one value in each element."""
    if not kernel.grid or kernel.reductions or kernel.ordered or kernel.atomic or _hides_accesses(kernel):
        return False
    own = declared(*kernel.body)
    accesses = [a for stmt in kernel.body for a in table.inside(stmt) if a.array not in own]
    writes = [a for a in accesses if a.is_write]
    written = {a.array for a in writes}
    if any(a.array in written and a.op != "=" for a in accesses):
        return False
    inner = {id(n) for n in walk(*kernel.body) if isinstance(n, Loop)} - {id(loop) for loop in kernel.grid}
    if not all(_stores_once(write, inner) for write in writes):
        return False
    return all(_apart(a, b, inner) for a, b in combinations(writes, 2) if a.array is b.array)


def _hides_accesses(kernel: Kernel) -> bool:
    """Whether a call may use arrays that no access tells of."""
    for node in walk(*kernel.body):
        if isinstance(node, Evaluate):
            return True
        if isinstance(node, Call) and any(isinstance(arg.type, Pointer) for arg in node.args):
            return True
    return False


def _stores_once(write: Access, inner: set[int]) -> bool:
    """Whether the loops that each thread runs for itself take the write to another element in every iteration."""
    loops = [loop for loop in write.loops if id(loop) in inner or not isinstance(loop, Loop)]
    if not loops:
        return True
    if len(loops) > 1 or not isinstance(loops[0], Loop):
        return False
    atom = Var(loops[0].iterator, at=loops[0].at)
    for subscript in write.subscripts:
        polynomial = to_polynomial(subscript)
        if polynomial is not None and polynomial.degree(atom) == 1 and polynomial.coefficient(atom).value:
            return True
    return False


def _apart(a: Access, b: Access, inner: set[int]) -> bool:
    """Whether no iteration stores in one element by both."""
    if any(Condition(c.expr, not c.holds) in b.conditions for c in a.conditions):
        return True
    if a.byte_size != b.byte_size or any(id(loop) in inner for loop in (*a.loops, *b.loops)):
        return False
    for x, y in zip(a.subscripts, b.subscripts, strict=True):
        left, right = to_polynomial(x), to_polynomial(y)
        if left is not None and right is not None and (left - right).value:
            return True
    return False
