"""Which elements of each array a function uses: host code that finds the lowest and the highest one before the copies.

For an access `a[f(i, j)]` the code evaluates f where it can be extreme. A loop whose counter f is linear in is
replaced by its first and last iteration (by one of them where the sign of the factor is known); a loop stays a loop
where a condition, a data-dependent subscript or the bounds of an inner loop depend on its counter. The result is
exact: no element outside is copied, and none that the function touches is missed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from translator.analytic.accesses import Access, AccessTable, in_bytes
from translator.analytic.counters import INT, add, constant
from translator.analytic.extremes import ExtremeFinder, flat_subscript, folded, unknown_swap
from translator.analytic.ir import (
    Array,
    Binary,
    Const,
    Expr,
    Function,
    Index,
    Loop,
    Pointer,
    Program,
    Symbol,
    Var,
)
from translator.analytic.normalize import trip_count
from translator.analytic.places import element_size
from translator.analytic.polynomial import Polynomial, to_polynomial
from translator.analytic.swaps import Swap
from translator.analytic.usage import Header, Touch, UnknownExtent, Usage, element_type
from translator.analytic.visit import declared, substitute, symbols


def find_usage(function: Function, table: AccessTable, given: dict[str, Expr], program: Program) -> list[Usage]:
    """The usage of every array that lives outside the function, in the order of its parameters, then globals. `given`
    are extents that the user vouches for. Raises UnknownExtent and UnknownBase."""
    local = declared(function.body)
    groups: dict[Symbol, list[Access]] = {}
    for access in table.accesses:
        if access.array not in local:
            groups.setdefault(access.array, []).append(access)
    order = {symbol: position for position, symbol in enumerate(function.params)}
    result = []
    for array in sorted(groups, key=lambda s: (order.get(s, len(order)), s.name)):
        result.append(_usage(ExtremeFinder(function, table, program), array, groups[array], given.get(array.name)))
    for swap in table.swaps:
        _share(swap, result, table, ExtremeFinder(function, table, program))
    return [_named(usage, table) for usage in result]


def _share(swap: Swap, usages: list[Usage], table: AccessTable, finder: ExtremeFinder) -> None:
    """Arrays that a loop exchanges are used alike as soon as it runs twice."""
    arrays = [table.swapped_arrays[symbol] for symbol in swap.symbols]
    group = [usage for usage in usages if usage.array in arrays]
    first = group[0].touches[0] if group and group[0].touches else None
    loop = finder.swap_loop(swap, first)
    if len(arrays) != 2 or len(group) != 2 or group[0].element != group[1].element:
        raise UnknownExtent(unknown_swap(swap, "more than two pointers are exchanged"))
    trips = trip_count(loop)
    again = Header(cond=Binary(">=", trips, constant(2, loop.at), INT, at=loop.at))
    touches = [list(usage.touches) for usage in group]
    for usage, others in zip(group, reversed(touches), strict=True):
        usage.touches += [dataclasses.replace(t, array=usage.array, headers=(again, *t.headers)) for t in others]
    reads, writes = any(u.reads for u in group), any(u.writes for u in group)
    for usage in group:
        usage.reads, usage.writes, usage.copy_in = reads, writes, True


def _named(usage: Usage, table: AccessTable) -> Usage:
    """The usage with scalars that the function computes before its loops written out in terms of its parameters."""

    def out(expr: Expr) -> Expr:
        return folded(substitute(expr, table.entry_values))

    def header(h: Header) -> Header:
        if h.loop is None:
            assert h.cond is not None
            return Header(cond=out(h.cond))
        lower, upper, step = out(h.loop.lower), out(h.loop.upper), out(h.loop.step)
        breaks = tuple(out(c) for c in h.breaks)
        return Header(loop=dataclasses.replace(h.loop, lower=lower, upper=upper, step=step), breaks=breaks)

    def touch(t: Touch) -> Touch:
        return Touch(t.array, out(t.low), out(t.high), tuple(header(h) for h in t.headers))

    usage.touches = [touch(t) for t in usage.touches]
    usage.possible = [touch(t) for t in usage.possible]
    usage.guards = [out(g) for g in usage.guards]
    return usage


def _usage(finder: ExtremeFinder, array: Symbol, accesses: list[Access], given: Expr | None) -> Usage:
    usage = Usage(array, element_type(array.type))
    usage.reads = any(not a.is_write or a.op != "=" for a in accesses)
    usage.writes = any(a.is_write for a in accesses)
    if isinstance(array.type, Pointer) and array.type.reference:  # C++ binds a reference to an object
        zero = constant(0, array.at)
        usage.touches = [Touch(array, zero, zero, ())]
        return usage
    whole = whole_array(array)
    if whole is not None:
        usage.touches = [Touch(array, constant(0, array.at), add(whole, -1), ())]
        return usage
    accesses = in_bytes(accesses, array.type)
    usage.in_bytes = any(a.byte_size is not None for a in accesses)
    unknown: UnknownExtent | None = None
    for access in finder.distinct(accesses):
        try:
            usage.touches.append(finder.touch(access))
            if access.until is not None:  # the source stops reading where a reduction is decided, the kernel does not
                usage.possible.append(finder.touch(dataclasses.replace(access, until=None)))
        except UnknownExtent as error:
            unknown = unknown or error
            if given is None:
                usage.possible.append(finder.touch(access, certain=False))
    if unknown is not None and given is not None:  # the user vouches for what the code does not tell
        counts = Header(cond=Binary(">", given, constant(0, given.at), INT, at=given.at))
        usage.touches.append(Touch(array, constant(0, given.at), add(given, -1), (counts,)))
    if unknown is not None and not usage.touches:
        raise unknown
    usage.guards = finder.guards
    usage.copy_in = usage.reads or not _covers(accesses, usage)
    return usage


def whole_array(array: Symbol) -> Expr | None:
    """The number of elements of an array object (a global); None for what a caller passes."""
    if array.kind != "global" or not isinstance(array.type, Array):
        return None
    total: Expr = constant(1, array.at)
    for extent in array.type.extents:
        if extent is None:
            return None
        total = (
            extent if isinstance(total, Const) and total.value == 1 else Binary("*", total, extent, INT, at=array.at)
        )
    return total


def _covers(accesses: Sequence[Access], usage: Usage) -> bool:
    """Whether the writes certainly assign every element between the lowest and the highest one, so that nothing needs
    to be copied in: one subscript, no condition, and loops over each dimension from 0 to its extent."""
    if usage.in_bytes or any(a.conditions or a.op != "=" for a in accesses):
        return False
    first = accesses[0]
    if any(a.subscripts != first.subscripts or a.iterators != first.iterators for a in accesses):
        return False
    if not all(isinstance(each, Loop) for each in first.loops) or isinstance(usage.element, type(None)):
        return False
    if element_size(usage.element) is None or not isinstance(first.node, Index) or first.node.type != usage.element:
        return False
    return _dense(first)


def _dense(access: Access) -> bool:
    subscript = to_polynomial(flat_subscript(access))
    if subscript is None:
        return False
    unit = Polynomial.constant(1)
    loops = [each for each in access.loops if isinstance(each, Loop)]
    remaining = {each.iterator: each for each in loops}
    while remaining:
        step = next(
            (
                each
                for s, each in remaining.items()
                if subscript.coefficient(Var(s, at=each.at)) == unit and subscript.degree(Var(s, at=each.at)) == 1
            ),
            None,
        )
        if step is None or not (isinstance(step.step, Const) and step.step.value == 1):
            return False
        lower, upper = to_polynomial(step.lower), to_polynomial(step.upper)
        if lower is None or upper is None or set(remaining) & symbols(step.lower, step.upper):
            return False
        subscript = subscript.without(Var(step.iterator, at=step.at))
        del remaining[step.iterator]
        if remaining and (lower.value != 0 or step.descending):
            return False
        unit = unit * upper
    counters = {loop.iterator for loop in loops}
    return not any(counters & symbols(atom) for atom in subscript.atoms())
