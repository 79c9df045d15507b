"""`a[i*n + j]` as `a[i][j]`: the dimensions that a flat subscript was made of, and when that reading is right.

The strides are the parameters that multiply iterators (after M. Grosser, S. Pop, J. Ramanujam, P. Sadayappan, "On
recovering multi-dimensional arrays in Polly", IMPACT 2015). A reading is right where every inner dimension stays
within its extent in every iteration; `validity` holds these conditions for isl to decide.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import islpy as isl

from translator.analytic.accesses import Access
from translator.analytic.affine import Frame, counted, instance, param_set
from translator.analytic.ir import Binary, Const, Expr, Scalar, Symbol, Var
from translator.analytic.polynomial import Monomial, Polynomial, divide_monomial, to_polynomial


@dataclass
class Shape:
    """The common reading of all accesses of an array: `dims` per access (outermost first), and for each inner dimension
    its extent. `extents[k]` belongs to dimension k + 1 (the outermost has none)."""

    dims: dict[Access, tuple[Polynomial, ...]] = field(default_factory=dict)
    extents: tuple[Polynomial, ...] = ()


@dataclass(frozen=True)
class _Term:
    """coefficient * stride * variable; variable None in a term without iterators."""

    coefficient: int
    stride: Monomial
    variable: Expr | None


def delinearize(accesses: Sequence[Access], frame: Frame) -> list[Shape]:
    """The readings of all `accesses` of one array, the plain one first; empty where one is not a sum of strided
    iterators."""
    if any(len(access.subscripts) > 1 for access in accesses):
        declared = _declared_dims(accesses)
        return [declared] if declared is not None else []
    polynomials: dict[Access, Polynomial] = {}
    for access in accesses:
        polynomial = to_polynomial(access.subscripts[0])
        if polynomial is None:
            return []
        polynomials[access] = polynomial
    plain = _read(polynomials, frame)
    composite: Shape | None = None
    if _composite(polynomials, frame) is not None and _name_composite_strides(polynomials, frame):
        composite = _read(polynomials, frame)
    return [shape for shape in (plain, composite) if shape is not None]


def _read(polynomials: dict[Access, Polynomial], frame: Frame) -> Shape | None:
    terms: dict[Access, list[_Term]] = {}
    for access, polynomial in polynomials.items():
        split = _split(polynomial, access, frame)
        if split is None:
            return None
        terms[access] = split
    return _shape(terms)


def shifted(shape: Shape, access: Access, dimension: int, amount: int) -> tuple[Polynomial, ...]:
    """The dimensions of `access` with `amount` extents moved from `dimension` (an inner one) to the one outside it:
    `a[i][j + n]` is `a[i + 1][j]`."""
    dims = list(shape.dims[access])
    dims[dimension - 1] = dims[dimension - 1] + Polynomial.constant(amount)
    dims[dimension] = dims[dimension] - shape.extents[dimension - 1] * Polynomial.constant(amount)
    return tuple(dims)


def _declared_dims(accesses: Sequence[Access]) -> Shape | None:
    """`a[i][j]` of a declared array: C itself says that every subscript stays within its extent."""
    rank = max(len(access.subscripts) for access in accesses)
    shape = Shape()
    for access in accesses:
        dims = tuple(to_polynomial(s) for s in access.subscripts)
        if len(dims) != rank or any(d is None for d in dims):
            return None
        shape.dims[access] = tuple(d for d in dims if d is not None)
    return shape


def _iterator_atoms(polynomial: Polynomial, access: Access, frame: Frame) -> list[Expr]:
    dims = frozenset(loop.iterator for loop in counted(access.loops))
    return [atom for atom in polynomial.atoms() if not frame.is_param(atom, dims)]


def _name_composite_strides(polynomials: dict[Access, Polynomial], frame: Frame) -> bool:
    """Where an iterator is multiplied by a sum (`i * (n + 1)`), name the sum and write the polynomials with it."""
    for _ in range(4):
        composite = _composite(polynomials, frame)
        if composite is None:
            return True
        victim = next((m[0] for m, c in composite.terms.items() if len(m) == 1 and abs(c) == 1), None)
        if victim is None:
            return False
        at = victim.at
        name = Var(Symbol(f"stride{len(frame.relations)}", Scalar("int"), "local", at), at=at)
        sign = composite.terms[(victim,)]
        rest = composite - Polynomial({(victim,): sign})
        value = Polynomial.atom(name) - rest if sign == 1 else rest - Polynomial.atom(name)
        frame.relations.append((Polynomial.atom(name), composite))
        for access in polynomials:
            polynomials[access] = polynomials[access].replace(victim, value)
    return False


def _composite(polynomials: dict[Access, Polynomial], frame: Frame) -> Polynomial | None:
    for access, polynomial in polynomials.items():
        for atom in _iterator_atoms(polynomial, access, frame):
            if polynomial.degree(atom) != 1:
                continue
            coefficient = polynomial.coefficient(atom)
            others = set(_iterator_atoms(coefficient, access, frame))
            if len(coefficient.terms) > 1 and not others:
                return coefficient
    return None


def _split(polynomial: Polynomial, access: Access, frame: Frame) -> list[_Term] | None:
    variables = set(_iterator_atoms(polynomial, access, frame))
    if any(_is_opaque(v, access) for v in variables):
        return None
    terms: list[_Term] = []
    for monomial, coefficient in polynomial.terms.items():
        moving = [atom for atom in monomial if atom in variables]
        if len(moving) > 1:
            return None
        stride = tuple(atom for atom in monomial if atom not in variables)
        terms.append(_Term(coefficient, stride, moving[0] if moving else None))
    return terms


def _is_opaque(atom: Expr, access: Access) -> bool:
    """Whether an atom that varies is neither an iterator nor a quotient by a constant (which isl understands)."""
    if isinstance(atom, Var):
        return atom.symbol not in access.iterators
    return not (isinstance(atom, Binary) and atom.op == "/" and isinstance(atom.right, Const))


def _shape(terms: dict[Access, list[_Term]]) -> Shape | None:
    contents: dict[Monomial, int] = {(): 1}
    for split in terms.values():
        for term in split:
            if term.variable is not None and term.stride:
                contents[term.stride] = math.gcd(contents.get(term.stride, 0), abs(term.coefficient))
    strides = sorted(contents, key=len, reverse=True)
    extents: list[Polynomial] = []
    for outer, inner in itertools.pairwise(strides):
        quotient = divide_monomial(outer, inner)
        if quotient is None or not quotient or contents[outer] % contents[inner]:
            return None
        extents.append(Polynomial({quotient: contents[outer] // contents[inner]}))
    shape = Shape(extents=tuple(extents))
    for access, split in terms.items():
        shape.dims[access] = tuple(_dims(split, strides, contents))
    return shape


def _dims(split: list[_Term], strides: list[Monomial], contents: dict[Monomial, int]) -> list[Polynomial]:
    dims: dict[Monomial, Polynomial] = {stride: Polynomial() for stride in strides}
    for term in split:
        for stride in strides:
            quotient = divide_monomial(term.stride, stride)
            fits = quotient is not None and term.coefficient % contents[stride] == 0
            if fits and (term.variable is None or not quotient):
                assert quotient is not None
                factors = quotient if term.variable is None else (term.variable,)
                dims[stride] = dims[stride] + Polynomial({factors: term.coefficient // contents[stride]})
                break
    return [dims[stride] for stride in strides]


def invalid_where(shape: Shape, access: Access, frame: Frame) -> isl.Set:
    """The parameters for which an inner dimension leaves its extent in some iteration."""
    bad = isl.Set("{ : false }")
    if not shape.extents:
        return bad
    for dim, extent in zip(shape.dims[access][1:], shape.extents, strict=True):
        place = instance(frame, "v", access.loops, access.conditions)
        value, limit = place.linear(dim), place.linear(extent)
        outside = [f"({value} < 0 or {value} >= {limit})"] if value is not None and limit is not None else []
        bad = bad | param_set(frame, [place], outside)
    return bad
