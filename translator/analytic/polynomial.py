"""Subscripts as polynomials with integer coefficients, so that `i*n + j` can be taken apart.

An atom is an integer expression that is not taken apart further: a variable, a loop-invariant load, a quotient.
Integer arithmetic is taken as exact, as C allows for signed types; unsigned subscripts are assumed not to wrap (a
wrapped subscript lies outside every array that a C program can have).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from translator.analytic.ir import Binary, Cast, Const, Expr, Scalar, Unary, Var

Monomial: TypeAlias = tuple[Expr, ...]  # atoms sorted by `atom_key`, repeated for powers; () is the constant 1

_WIDE = {"int", "unsigned int", "long", "unsigned long", "long long", "unsigned long long"}


def atom_key(atom: Expr) -> str:
    """A stable order of atoms (symbols of one name are told apart by where they are declared)."""
    if isinstance(atom, Var):
        at = atom.symbol.at
        return f"{atom.symbol.name}@{at.line}:{at.column}"
    return f"~{atom!r}"


@dataclass(frozen=True)
class Polynomial:
    """A sum of monomials; `terms` maps a monomial to its coefficient and holds no zeros."""

    terms: Mapping[Monomial, int] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash(frozenset(self.terms.items()))

    @staticmethod
    def constant(value: int) -> Polynomial:
        return Polynomial({(): value} if value else {})

    @staticmethod
    def atom(expr: Expr) -> Polynomial:
        return Polynomial({(expr,): 1})

    def __add__(self, other: Polynomial) -> Polynomial:
        terms = dict(self.terms)
        for monomial, coefficient in other.terms.items():
            terms[monomial] = terms.get(monomial, 0) + coefficient
        return Polynomial({m: c for m, c in terms.items() if c})

    def __neg__(self) -> Polynomial:
        return Polynomial({m: -c for m, c in self.terms.items()})

    def __sub__(self, other: Polynomial) -> Polynomial:
        return self + -other

    def __mul__(self, other: Polynomial) -> Polynomial:
        terms: dict[Monomial, int] = {}
        for left, a in self.terms.items():
            for right, b in other.terms.items():
                monomial = tuple(sorted(left + right, key=atom_key))
                terms[monomial] = terms.get(monomial, 0) + a * b
        return Polynomial({m: c for m, c in terms.items() if c})

    @property
    def value(self) -> int | None:
        """The integer, if the polynomial is one."""
        if not self.terms:
            return 0
        return self.terms[()] if set(self.terms) == {()} else None

    def atoms(self) -> set[Expr]:
        return {atom for monomial in self.terms for atom in monomial}

    def degree(self, atom: Expr) -> int:
        return max((monomial.count(atom) for monomial in self.terms), default=0)

    def coefficient(self, atom: Expr) -> Polynomial:
        """The factor of `atom` in a polynomial of degree at most 1 in it."""
        return Polynomial({_without(m, atom): c for m, c in self.terms.items() if atom in m})

    def without(self, atom: Expr) -> Polynomial:
        """The terms that do not hold `atom`."""
        return Polynomial({m: c for m, c in self.terms.items() if atom not in m})

    def replace(self, atom: Expr, value: Polynomial) -> Polynomial:
        result = Polynomial()
        for monomial, coefficient in self.terms.items():
            term = Polynomial.constant(coefficient)
            for factor in monomial:
                term = term * (value if factor == atom else Polynomial.atom(factor))
            result = result + term
        return result

    def divide(self, monomial: Monomial) -> tuple[Polynomial, Polynomial]:
        """Quotient and remainder by a monomial, term by term."""
        quotient: dict[Monomial, int] = {}
        remainder: dict[Monomial, int] = {}
        for term, coefficient in self.terms.items():
            rest = _divide(term, monomial)
            if rest is None:
                remainder[term] = coefficient
            else:
                quotient[rest] = coefficient
        return Polynomial(quotient), Polynomial(remainder)


def _without(monomial: Monomial, atom: Expr) -> Monomial:
    rest = list(monomial)
    rest.remove(atom)
    return tuple(rest)


def _divide(term: Monomial, divisor: Monomial) -> Monomial | None:
    rest = list(term)
    for factor in divisor:
        if factor not in rest:
            return None
        rest.remove(factor)
    return tuple(rest)


def divide_monomial(term: Monomial, divisor: Monomial) -> Monomial | None:
    """`term / divisor`, or None where it does not divide."""
    return _divide(term, divisor)


def to_polynomial(expr: Expr) -> Polynomial | None:
    """`expr` as a polynomial; None if it is not an integer expression."""
    if isinstance(expr, Const):
        return Polynomial.constant(expr.value) if isinstance(expr.value, int) else None
    if not (isinstance(expr.type, Scalar) and expr.type.is_integer):
        return None
    if isinstance(expr, Var):
        return Polynomial.atom(expr)
    if isinstance(expr, Cast):
        operand = to_polynomial(expr.operand)
        return operand if operand is not None and expr.type.name in _WIDE else Polynomial.atom(expr)
    if isinstance(expr, Unary) and expr.op in "+-":
        operand = to_polynomial(expr.operand)
        return operand if operand is None or expr.op == "+" else -operand
    if isinstance(expr, Binary):
        return _binary(expr)
    return Polynomial.atom(expr)


def _binary(expr: Binary) -> Polynomial:
    left, right = to_polynomial(expr.left), to_polynomial(expr.right)
    if left is None or right is None:
        return Polynomial.atom(expr)
    if expr.op == "+":
        return left + right
    if expr.op == "-":
        return left - right
    if expr.op == "*":
        return left * right
    if expr.op == "<<" and right.value is not None and 0 <= right.value < 31:
        return left * Polynomial.constant(1 << right.value)
    if expr.op in ("/", "%"):
        return _divide_polynomials(expr, left, right)
    return Polynomial.atom(_canonical(expr, left, right))


def _divide_polynomials(expr: Binary, left: Polynomial, right: Polynomial) -> Polynomial:
    """`a / b` is an atom, and `a % b` is `a - b * (a / b)`, so that `a / b * b + a % b` is `a` again."""
    if left.value is not None and right.value:
        quotient = abs(left.value) // abs(right.value) * (1 if left.value * right.value >= 0 else -1)
        return Polynomial.constant(quotient if expr.op == "/" else left.value - right.value * quotient)
    atom = _canonical(Binary("/", expr.left, expr.right, expr.type, at=expr.at), left, right)
    quotient_atom = Polynomial.atom(atom)
    return quotient_atom if expr.op == "/" else left - right * quotient_atom


def _canonical(expr: Binary, left: Polynomial, right: Polynomial) -> Binary:
    """The same operation on operands brought to one form, so that equal quotients are equal atoms."""
    return Binary(expr.op, to_expr(left, expr.left), to_expr(right, expr.right), expr.type, at=expr.at)


def to_expr(polynomial: Polynomial, like: Expr) -> Expr:
    """The polynomial as an expression with the location (and, for constants, the type) of `like`."""
    integer = like.type if isinstance(like.type, Scalar) and like.type.is_integer else Scalar("int")
    at = like.at

    def term(monomial: Monomial, coefficient: int) -> Expr:
        result: Expr | None = None
        if coefficient != 1 or not monomial:
            result = Const(str(coefficient), coefficient, Scalar("int"), at=at)
        for atom in monomial:
            result = atom if result is None else Binary("*", result, atom, integer, at=at)
        assert result is not None
        return result

    ordered = sorted(polynomial.terms.items(), key=lambda item: (-len(item[0]), [atom_key(a) for a in item[0]]))
    ordered.sort(key=lambda item: item[1] < 0)  # a leading minus reads badly
    total: Expr | None = None
    for monomial, coefficient in ordered:
        if total is None:
            total = term(monomial, coefficient)
        elif coefficient < 0:
            total = Binary("-", total, term(monomial, -coefficient), integer, at=at)
        else:
            total = Binary("+", total, term(monomial, coefficient), integer, at=at)
    return total if total is not None else Const("0", 0, Scalar("int"), at=at)
