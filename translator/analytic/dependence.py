"""Which loops have iterations that do not depend on each other, and under which condition on the parameters.

Two iterations of a loop depend on each other when both use one element of an array and one of them writes it. isl
decides, exactly for affine subscripts, for which parameters such a pair exists; the complement is the condition
under which the loop is parallel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import islpy as isl

from translator.analytic import codes
from translator.analytic.accesses import Access, AccessTable, in_bytes
from translator.analytic.affine import Frame, Instance, instance, param_set
from translator.analytic.delinearize import Shape, delinearize, invalid_where, shifted
from translator.analytic.ir import Expr, Function, Index, Location, Loop, Symbol, Var
from translator.analytic.places import UnknownBase
from translator.analytic.polynomial import Polynomial, to_polynomial
from translator.analytic.print_c import Printer
from translator.analytic.visit import assigned_scalars, declared, symbols, walk

LARGE_TRIP_COUNT = 64  # a condition that no loop this long can meet is no condition worth testing at run time


@dataclass(frozen=True)
class Reason:
    """Why a loop is not parallel."""

    code: str
    message: str
    at: Location


@dataclass
class Independence:
    """Whether the iterations of a loop are independent: under `guard` (a set of parameters; None: always), unless
    `reason`."""

    guard: isl.Set | None = None
    reason: Reason | None = None
    culprit: Symbol | None = None

    @property
    def holds(self) -> bool:
        return self.reason is None


@dataclass
class Region:
    """One loop nest under analysis: `loop` with everything in it."""

    function: Function
    table: AccessTable
    loop: Loop
    frame: Frame
    accesses: list[Access]

    def arrays(self) -> dict[Symbol, list[Access]]:
        """Accesses by array, of the arrays that live outside the loop."""
        local = declared(self.loop)
        groups: dict[Symbol, list[Access]] = {}
        for access in self.accesses:
            if access.array not in local:
                groups.setdefault(access.array, []).append(access)
        return groups


def open_region(function: Function, table: AccessTable, loop: Loop) -> Region:
    """The region of `loop`. Its parameters are what the loop does not change."""
    accesses = table.inside(loop)
    outer = [each for each in table.loops_of[id(loop)] if isinstance(each, Loop)]
    changed = assigned_scalars(loop) | declared(loop)
    inner_loops = {id(n) for n in walk(loop)}

    def is_fixed(symbol: Symbol) -> bool:
        scope = table.unknowns.get(symbol)
        if scope is not None:
            return not any(id(each) in inner_loops for each in scope)
        return symbol not in changed

    written = frozenset(a.array for a in accesses if a.is_write)
    frame = Frame(table, is_fixed, written, frozenset(each.iterator for each in outer))
    frame.relations += linear_values(table)
    return Region(function, table, loop, frame, accesses)


def linear_values(table: AccessTable) -> list[tuple[Polynomial, Polynomial]]:
    """What isl should know of the scalars computed before the loops: those that are affine in parameters."""
    relations: list[tuple[Polynomial, Polynomial]] = []
    for symbol, value in table.entry_values.items():
        polynomial = to_polynomial(value)
        if polynomial is not None and all(len(m) <= 1 and all(isinstance(a, Var) for a in m) for m in polynomial.terms):
            relations.append((Polynomial.atom(Var(symbol, at=symbol.at)), polynomial))
    return relations


def is_entry_symbol(symbol: Symbol, function: Function, table: AccessTable) -> bool:
    """Whether a guard at the function's entry can name the symbol: a parameter (in resolved expressions it stands for
    the value at entry), or a scalar computed from parameters before the loops."""
    if symbol in table.entry_values:
        return all(is_entry_symbol(s, function, AccessTable()) for s in symbols(table.entry_values[symbol]))
    return symbol.kind == "param"


def independent(
    region: Region, candidate: Loop, fixed: Sequence[Loop], ignore: frozenset[Access] = frozenset()
) -> Independence:
    """Whether iterations of `candidate` (the region's loop or one inside it) are independent of each other, for equal
    values of the `fixed` loops and any values of the others. Accesses in `ignore` are taken care of (atomics,
    ordered writes)."""
    guard: isl.Set | None = None
    for array, accesses in region.arrays().items():
        if not any(a.is_write for a in accesses):
            continue
        mine = [a for a in accesses if a not in ignore]
        if not any(a.is_write for a in mine):
            continue
        found = _array(region, array, mine, candidate, fixed)
        if not found.holds:
            return found
        if found.guard is not None:
            guard = found.guard if guard is None else guard & found.guard
    if guard is not None and not _worth_testing(region, guard):
        return Independence(
            reason=Reason(codes.CARRIED_ARRAY, "the conditions for independence exclude each other", candidate.at)
        )
    return Independence(guard)


def _array(
    region: Region, array: Symbol, accesses: list[Access], candidate: Loop, fixed: Sequence[Loop]
) -> Independence:
    try:
        accesses = in_bytes(accesses, array.type)
    except UnknownBase as error:
        return Independence(reason=Reason(codes.UNKNOWN_POINTER, str(error), error.at), culprit=array)
    if _never_meet(region, accesses):
        return Independence()
    shapes = delinearize(accesses, region.frame)
    if not shapes:
        at = next(a for a in accesses if a.is_write)
        message = f"the subscripts of {array.name} are not affine in the loop counters"
        return Independence(reason=Reason(codes.UNKNOWN_SUBSCRIPT, message, at.at), culprit=array)
    try:
        results = [_shaped(region, array, accesses, shape, candidate, fixed) for shape in shapes]
        return next((r for r in results if r.holds), results[0])
    except isl.Error:
        message = f"the dependences on {array.name} are too complex to decide"
        return Independence(reason=Reason(codes.CARRIED_ARRAY, message, accesses[0].at), culprit=array)


def _shaped(
    region: Region, array: Symbol, accesses: list[Access], shape: Shape, candidate: Loop, fixed: Sequence[Loop]
) -> Independence:
    _shift_into_extents(region, shape, accesses)
    bad = isl.Set("{ : false }")
    for access in accesses:
        bad = bad | invalid_where(shape, access, region.frame)
    culprit: tuple[Access, Access] | None = None
    for position, first in enumerate(accesses):
        for second in accesses[position:]:
            if not (first.is_write or second.is_write) or _different_fields(first, second):
                continue
            conflict = conflicts(region.frame, shape, first, second, candidate, fixed)
            if conflict is None:
                conflict = isl.Set("{ : }")
            if not conflict.is_empty() and culprit is None:
                culprit = (first, second)
            bad = bad | conflict
    bad = bad.coalesce()
    if bad.is_empty():
        return Independence()
    guard = bad.complement().coalesce()
    if not guard.is_empty() and _at_entry(region, guard) and _worth_testing(region, guard):
        return Independence(_simplify(region, guard, accesses))
    pair = culprit or (accesses[0], accesses[0])
    return Independence(reason=_carried(candidate, *pair), culprit=array)


def _never_meet(region: Region, accesses: Sequence[Access]) -> bool:
    """Whether a stepped variable (`out[k++]`) gives every access of the array an element of its own."""
    variables = {region.table.injective.get(access.node) for access in accesses}
    return len(variables) == 1 and None not in variables


def _different_fields(first: Access, second: Access) -> bool:
    """Whether two uses of a struct touch different fields of it."""
    return any(a != b for a, b in zip(first.member, second.member, strict=False))


def _shift_into_extents(region: Region, shape: Shape, accesses: Sequence[Access]) -> None:
    """Read `i*n + (n - 1 - j)` as [i][n - 1 - j], not as [i + 1][-1 - j]."""
    for access in accesses:
        for dimension in range(1, len(shape.extents) + 1):
            original = shape.dims[access]
            for amount in (0, -1, 1):
                shape.dims[access] = shifted(shape, access, dimension, amount) if amount else original
                bad = invalid_where(shape, access, region.frame)
                if bad.is_empty() or _worth_testing(region, bad.complement()):
                    break
                shape.dims[access] = original


def conflicts(
    frame: Frame, shape: Shape, first: Access, second: Access, candidate: Loop, fixed: Sequence[Loop], order: str = "!="
) -> isl.Set | None:
    """The parameters for which an iteration of `candidate` in `first` and another one (related by `order`) in `second`
    use one element; None where that cannot be said."""
    left = instance(frame, "a", first.loops, first.conditions)
    right = instance(frame, "b", second.loops, second.conditions)
    extra: list[str] = []
    outer = {id(loop) for loop in fixed} | {id(each) for each in left.loops if each.iterator in frame.outer}
    for a, loop in zip(left.dims, left.loops, strict=True):
        match = next((b for b, each in zip(right.dims, right.loops, strict=True) if each is loop), None)
        if match is None:
            continue
        if loop is candidate:
            extra.append(f"{a} {order} {match}" if order == "!=" or not loop.descending else f"{match} {order} {a}")
        elif id(loop) in outer:
            extra.append(f"{a} = {match}")
    for dim_a, dim_b in zip(shape.dims[first], shape.dims[second], strict=True):
        x, y = left.linear(dim_a), right.linear(dim_b)
        if x is None or y is None:
            return None
        extra.append(f"{x} = {y}")
    return param_set(frame, [left, right], extra)


def _large(region: Region) -> isl.Set:
    """The parameters for which every loop of the region runs at least LARGE_TRIP_COUNT iterations somewhere."""
    result = isl.Set("{ : }")
    frame = region.frame
    for node in walk(region.loop):
        if not isinstance(node, Loop):
            continue
        place: Instance = instance(frame, "t", (*region.table.loops_of[id(node)], node))
        lower, upper, _ = region.table.bounds[id(node)]
        texts = [place._text(bound) for bound in ((upper, lower) if node.descending else (lower, upper))]
        if None in texts or all("p" not in (t or "") and "t" not in (t or "") for t in texts):
            continue
        result = result & param_set(frame, [place], [f"({texts[1]}) - ({texts[0]}) >= {LARGE_TRIP_COUNT}"])
    return result


def _worth_testing(region: Region, guard: isl.Set) -> bool:
    return not (guard & _large(region)).is_empty()


def _simplify(region: Region, guard: isl.Set, accesses: Sequence[Access]) -> isl.Set:
    """The guard without what holds anyway wherever one of the writes runs: where none does, nothing can conflict."""
    runs = isl.Set("{ : false }")
    for access in accesses:
        if access.is_write:
            runs = runs | param_set(region.frame, [instance(region.frame, "t", access.loops, access.conditions)], [])
    return guard.gist(runs.coalesce()).coalesce()


def _at_entry(region: Region, guard: isl.Set) -> bool:
    """Whether all parameters that `guard` depends on can be named at the function's entry."""
    names = {name: monomial for monomial, name in region.frame.params.items()}
    composites = {s: total for name, total in region.frame.relations for s in name.atoms()}

    def known(atom: Expr) -> bool:
        if atom in composites:
            return all(known(a) for a in composites[atom].atoms())
        if isinstance(atom, Var):
            return is_entry_symbol(atom.symbol, region.function, region.table)
        loads = any(isinstance(n, Index) for n in walk(atom))
        return not loads and all(is_entry_symbol(s, region.function, region.table) for s in symbols(atom))

    for position in range(guard.dim(isl.dim_type.param)):
        if guard.involves_dims(isl.dim_type.param, position, 1):
            monomial = names[str(guard.get_dim_name(isl.dim_type.param, position))]
            if not all(known(atom) for atom in monomial):
                return False
    return True


def _carried(candidate: Loop, first: Access, second: Access) -> Reason:
    """The pair of accesses by which iterations of `candidate` depend on each other."""
    text = Printer().expression
    write, other = (first, second) if first.is_write else (second, first)
    over = candidate.iterator.shown
    if other is write or other.node == write.node:
        message = f"carried dependence over {over}: different iterations use the same {text(write.node)}"
    else:
        verb = "written" if other.is_write else "read"
        message = f"carried dependence over {over}: {text(write.node)} is written and {text(other.node)} is {verb}"
    return Reason(codes.CARRIED_ARRAY, message, write.at)
