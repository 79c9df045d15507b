"""Extremes of affine subscripts under affine conditions, found by isl instead of a loop on the host.

    for (i = 0; i < n; i++) for (j = 0; j < m; j++) if (i > 0 && i < n - 1) ... a[i * m + j]

uses the rows 1 to n - 2 and the columns 0 to m - 1. Where the dimensions of the access map vary independently of each
other (its image is the product of its projections) and no stride is negative, the extremes of the sum are the sums of
the extremes. Anything else is left to the inspector.
"""

from __future__ import annotations

from dataclasses import dataclass

import islpy as isl

from translator.analytic.accesses import Access, AccessTable
from translator.analytic.affine import Frame, Instance, instance, to_condition
from translator.analytic.counters import INT
from translator.analytic.delinearize import Shape, delinearize
from translator.analytic.dependence import is_entry_symbol, linear_values
from translator.analytic.ir import Binary, Conditional, Expr, Function
from translator.analytic.polynomial import Monomial, Polynomial, to_expr

MOST_PIECES = 3  # of a piecewise extreme: beyond it the expression is no clearer than a loop


@dataclass(frozen=True)
class Extremes:
    """Lowest and highest element index of an access, where `nonempty` holds (None: always); the strides must not be
    negative."""

    low: Expr
    high: Expr
    nonempty: Expr | None
    strides: tuple[Polynomial, ...]


def affine_extremes(function: Function, table: AccessTable, access: Access) -> Extremes | None:
    """The extremes of an access with one subscript, or None where isl cannot tell them in closed form."""
    if len(access.subscripts) != 1 or access.byte_size is not None:
        return None
    frame = Frame(table, lambda s: is_entry_symbol(s, function, table))
    for shape in delinearize([access], frame):
        frame.relations += linear_values(table)
        place = instance(frame, "e", access.loops, access.conditions)
        if not place.exact:
            return None
        try:
            return _extremes(frame, place, shape, access)
        except (isl.Error, ValueError):
            return None
    return None


def _extremes(frame: Frame, place: Instance, shape: Shape, access: Access) -> Extremes | None:
    image = _image(frame, place, shape.dims[access])
    if image is None or not _is_product(image):
        return None
    strides = _strides(shape)
    like = access.subscripts[0]
    low = _total(frame, [image.dim_min(k) for k in range(len(strides))], strides, like)
    high = _total(frame, [image.dim_max(k) for k in range(len(strides))], strides, like)
    if low is None or high is None:
        return None
    params = image.params()
    nonempty = None if params.plain_is_universe() else to_condition(frame, params, like)
    return Extremes(low, high, nonempty, strides)


def _image(frame: Frame, place: Instance, dims: tuple[Polynomial, ...]) -> isl.Set | None:
    """The values that the dimensions take together."""
    texts = [place.linear(dim) for dim in dims]
    if None in texts:
        return None
    names = [f"x{k}" for k in range(len(dims))]
    constraints = [*place.constraints, *(f"{n} = {t}" for n, t in zip(names, texts, strict=True))]
    for left, right in frame.relations:
        sides = [_term(frame, left), _term(frame, right)]
        constraints.append(f"{sides[0]} = {sides[1]}")
    hidden = ", ".join([*place.dims, *place.quotients])
    exists = f"exists {hidden} : " if hidden else ""
    parameters = ", ".join(frame.params.values())
    return isl.Set(f"[{parameters}] -> {{ [{', '.join(names)}] : {exists}{' and '.join(constraints)} }}").coalesce()


def _term(frame: Frame, polynomial: Polynomial) -> str:
    return " + ".join(f"{c}{'*' + frame.param(m) if m else ''}" for m, c in polynomial.terms.items()) or "0"


def _is_product(image: isl.Set) -> bool:
    """Whether every combination of values of the dimensions occurs."""
    rank = image.dim(isl.dim_type.set)
    product = isl.Set.universe(image.get_space())
    for k in range(rank):
        alone = image.project_out(isl.dim_type.set, k + 1, rank - k - 1).project_out(isl.dim_type.set, 0, k)
        spread = alone.insert_dims(isl.dim_type.set, 1, rank - k - 1).insert_dims(isl.dim_type.set, 0, k)
        product = product & spread
    return bool(product.is_subset(image))


def _strides(shape: Shape) -> tuple[Polynomial, ...]:
    """What one step of each dimension moves, outermost first."""
    strides = [Polynomial.constant(1)]
    for extent in reversed(shape.extents):
        strides.insert(0, strides[0] * extent)
    return tuple(strides)


def _total(frame: Frame, extremes: list[isl.PwAff], strides: tuple[Polynomial, ...], like: Expr) -> Expr | None:
    """The sum of the dimensions' extremes times their strides."""
    total: Expr | None = None
    for extreme, stride in zip(extremes, strides, strict=True):
        value = _value(frame, extreme, like)
        if value is None:
            return None
        if stride.value != 1:
            value = Binary("*", value, to_expr(stride, like), INT, at=like.at)
        total = value if total is None else Binary("+", total, value, INT, at=like.at)
    return total


def _value(frame: Frame, extreme: isl.PwAff, like: Expr) -> Expr | None:
    """A piecewise affine function of the parameters as a chain of `?:`."""
    pieces = extreme.coalesce().get_pieces()
    if not 1 <= len(pieces) <= MOST_PIECES:
        return None
    *others, (_, last) = pieces
    result = _affine(frame, last, like)
    for where, aff in reversed(others):
        value = _affine(frame, aff, like)
        cond = to_condition(frame, where.gist(extreme.domain()), like)
        if value is None or result is None or cond is None:
            return None
        result = Conditional(cond, value, result, INT, at=like.at)
    return result


def _affine(frame: Frame, aff: isl.Aff, like: Expr) -> Expr | None:
    names = {name: monomial for monomial, name in frame.params.items()}
    if aff.get_denominator_val().to_python() != 1 or aff.dim(isl.dim_type.div):
        return None
    terms: dict[Monomial, int] = {(): aff.get_constant_val().to_python()}
    for position in range(aff.dim(isl.dim_type.param)):
        value = aff.get_coefficient_val(isl.dim_type.param, position).to_python()
        if value:
            terms[names[str(aff.get_dim_name(isl.dim_type.param, position))]] = value
    return to_expr(Polynomial({m: c for m, c in terms.items() if c}), like)
