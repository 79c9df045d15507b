"""From expressions to isl: iteration domains, access functions, and parameter conditions back to C.

A *frame* fixes what is a dimension (the iterators of the loops around a place) and what is a parameter (whatever
does not change inside the region under analysis). A product of parameters (`n*m`) is one isl parameter, named by
itself. isl is described in S. Verdoolaege, "isl: An Integer Set Library for the Polyhedral Model" (ICMS 2010);
`trunc` division follows C11 6.5.5.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import islpy as isl

from translator.analytic.accesses import AccessTable, Condition, Sequential
from translator.analytic.counters import INT
from translator.analytic.ir import Binary, Const, Expr, Index, Loop, Scalar, Symbol, Unary, Var
from translator.analytic.polynomial import Monomial, Polynomial, atom_key, to_expr, to_polynomial
from translator.analytic.visit import root, symbols, walk

_NEGATED = {"<": ">=", ">=": "<", ">": "<=", "<=": ">", "==": "!=", "!=": "=="}


@dataclass
class Frame:
    """The parameters of one region. `is_fixed` says whether a symbol keeps its value in the whole region; `written`
    are the arrays that the region writes (their elements are no parameters)."""

    table: AccessTable
    is_fixed: Callable[[Symbol], bool]
    written: frozenset[Symbol] = frozenset()
    outer: frozenset[Symbol] = frozenset()  # iterators of the loops around the region: the same in every instance
    params: dict[Monomial, str] = field(default_factory=dict)
    relations: list[tuple[Polynomial, Polynomial]] = field(default_factory=list)  # pairs that are equal

    def param(self, monomial: Monomial) -> str:
        return self.params.setdefault(monomial, f"p{len(self.params)}")

    def is_param(self, atom: Expr, dims: frozenset[Symbol]) -> bool:
        """Whether an atom keeps its value in the region (a bare iterator of an outer loop is a dimension all the
        same)."""
        moving = dims if isinstance(atom, Var) else dims - self.outer
        if any(s in moving or not (s in self.outer or self.is_fixed(s)) for s in symbols(atom)):
            return False
        return not any(isinstance(n, Index) and root(n) in self.written for n in walk(atom))


@dataclass
class Instance:
    """One iteration of the loops around a place, as isl dimensions named by `prefix` and depth. Constraints are isl
    text."""

    frame: Frame
    prefix: str
    loops: tuple[Loop, ...]
    constraints: list[str] = field(default_factory=list)
    quotients: list[str] = field(default_factory=list)
    exact: bool = True  # false where a bound or condition could not be said

    @property
    def names(self) -> dict[Symbol, str]:
        return {loop.iterator: f"{self.prefix}{depth}" for depth, loop in enumerate(self.loops)}

    @property
    def dims(self) -> list[str]:
        return [f"{self.prefix}{depth}" for depth in range(len(self.loops))]

    def linear(self, polynomial: Polynomial) -> str | None:
        """The polynomial as an isl term, or None where it is not affine in the iterators and parameters."""
        names = self.names
        dims = frozenset(names)
        terms: list[str] = []
        for monomial, coefficient in sorted(polynomial.terms.items(), key=lambda t: [atom_key(a) for a in t[0]]):
            name = self._term(monomial, names, dims)
            if name is None:
                return None
            terms.append(f"{coefficient}{name}")
        return " + ".join(terms) if terms else "0"

    def _term(self, monomial: Monomial, names: dict[Symbol, str], dims: frozenset[Symbol]) -> str | None:
        if not monomial:
            return ""
        inner = dims - self.frame.outer if len(monomial) > 1 else dims
        if all(self.frame.is_param(atom, inner) for atom in monomial):
            return f"*{self.frame.param(monomial)}"
        if len(monomial) != 1:
            return None
        atom = monomial[0]
        if isinstance(atom, Var) and atom.symbol in names:
            return f"*{names[atom.symbol]}"
        if isinstance(atom, Binary) and atom.op == "/" and isinstance(atom.right, Const):
            return self._quotient(atom)
        return None

    def _quotient(self, atom: Binary) -> str | None:
        """C's division by a positive constant: rounds toward zero."""
        divisor = atom.right.value if isinstance(atom.right, Const) else None
        dividend = to_polynomial(atom.left)
        text = self.linear(dividend) if dividend is not None else None
        if text is None or not isinstance(divisor, int) or divisor <= 0:
            return None
        name = f"{self.prefix}q{len(self.quotients)}"
        self.quotients.append(name)
        up = f"({text} >= 0 and 0 <= ({text}) - {divisor}{name} and ({text}) - {divisor}{name} < {divisor})"
        down = f"({text} < 0 and 0 <= {divisor}{name} - ({text}) and {divisor}{name} - ({text}) < {divisor})"
        self.constraints.append(f"({up} or {down})")
        return f"*{name}"

    def add_loops(self) -> None:
        """The bounds of the loops around the place."""
        names = self.names
        for loop in self.loops:
            lower, upper, step = self.frame.table.bounds[id(loop)]
            self._bound(names[loop.iterator], lower, ">" if not loop.descending else "<", strict=False)
            self._bound(names[loop.iterator], upper, "<" if not loop.descending else ">", strict=True)
            if isinstance(step, Const) and step.value == 1:
                continue
            start = self._text(lower)
            if isinstance(step, Const) and start is not None:
                name = f"{self.prefix}q{len(self.quotients)}"
                self.quotients.append(name)
                self.constraints.append(f"{names[loop.iterator]} - ({start}) = {step.value}{name}")
            else:
                self.exact = False

    def _text(self, expr: Expr) -> str | None:
        polynomial = to_polynomial(expr)
        return self.linear(polynomial) if polynomial is not None else None

    def _bound(self, name: str, expr: Expr, op: str, *, strict: bool) -> None:
        text = self._text(expr)
        if text is None:
            self.exact = False
        else:
            self.constraints.append(f"{name} {op}{'' if strict else '='} {text}")

    def add_conditions(self, conditions: Sequence[Condition]) -> None:
        for condition in conditions:
            text = self.condition(condition.expr, condition.holds)
            if text is None:
                self.exact = False
            elif text:
                self.constraints.append(text)

    def condition(self, expr: Expr, holds: bool) -> str | None:
        """A condition as isl text; None where it is not affine (then it restricts nothing)."""
        if isinstance(expr, Unary) and expr.op == "!":
            return self.condition(expr.operand, not holds)
        if isinstance(expr, Binary) and expr.op in ("&&", "||"):
            left, right = self.condition(expr.left, holds), self.condition(expr.right, holds)
            both = (expr.op == "&&") == holds
            if left is None or right is None:
                if both:
                    self.exact = False
                    return left if left is not None else right
                return None
            return f"({left} {'and' if both else 'or'} {right})"
        if isinstance(expr, Binary) and expr.op in _NEGATED:
            if not _integer(expr.left) or not _integer(expr.right):
                return None
            left, right = self._text(expr.left), self._text(expr.right)
            if left is None or right is None:
                return None
            op = expr.op if holds else _NEGATED[expr.op]
            if op not in ("<", "<=") and (_wraps(expr.left) or _wraps(expr.right)):
                return None  # below zero an unsigned value is large: only an upper bound can be relied on
            return f"{left} {'=' if op == '==' else op} {right}"
        return None


def _wraps(expr: Expr) -> bool:
    return isinstance(expr.type, Scalar) and expr.type.is_unsigned and not isinstance(expr, Const)


def _integer(expr: Expr) -> bool:
    return isinstance(expr.type, Scalar) and expr.type.is_integer


def counted(loops: Sequence[Loop | Sequential]) -> tuple[Loop, ...]:
    return tuple(loop for loop in loops if isinstance(loop, Loop))


def instance(
    frame: Frame, prefix: str, loops: Sequence[Loop | Sequential], conditions: Sequence[Condition] = ()
) -> Instance:
    """An iteration of `loops` in which `conditions` hold."""
    result = Instance(frame, prefix, counted(loops))
    result.add_loops()
    result.add_conditions(conditions)
    return result


def param_set(frame: Frame, instances: Sequence[Instance], extra: Sequence[str]) -> isl.Set:
    """The parameters for which some iterations of `instances` satisfy `extra` (isl text)."""
    relations = [_relation(frame, left, right) for left, right in frame.relations]
    dims = [name for item in instances for name in item.dims]
    quotients = [name for item in instances for name in item.quotients]
    constraints = [c for item in instances for c in item.constraints] + list(extra) + relations
    params = ", ".join(frame.params.values())
    body = " and ".join(constraints) or "true"
    exists = f"exists {', '.join(quotients)} : " if quotients else ""
    text = f"[{params}] -> {{ [{', '.join(dims)}] : {exists}{body} }}"
    found = isl.Set(text)
    return found.project_out(isl.dim_type.set, 0, len(dims)).params() if dims else found.params()


def _relation(frame: Frame, left: Polynomial, right: Polynomial) -> str:
    def text(polynomial: Polynomial) -> str:
        return " + ".join(f"{c}{'*' + frame.param(m) if m else ''}" for m, c in polynomial.terms.items()) or "0"

    return f"{text(left)} = {text(right)}"


def to_condition(frame: Frame, conditions: isl.Set, like: Expr) -> Expr | None:
    """A set of parameters as a C condition (a disjunction of conjunctions); None for `true`.

    Raises ValueError where it needs existential variables (a remainder), which no guard here has.
    """
    names = {name: monomial for monomial, name in frame.params.items()}
    disjuncts: list[Expr] = []
    for basic in conditions.coalesce().get_basic_sets():
        basic = basic.remove_redundancies()
        if basic.dim(isl.dim_type.div):
            raise ValueError("condition with a remainder")
        parts = [_constraint(c, names, like) for c in basic.get_constraints()]
        if not parts:
            return None
        disjuncts.append(_join("&&", parts))
    return _join("||", disjuncts) if disjuncts else Const("0", 0, INT, at=like.at)


def _join(op: str, parts: Sequence[Expr]) -> Expr:
    result = parts[0]
    for part in parts[1:]:
        result = Binary(op, result, part, INT, at=part.at)
    return result


def _constraint(constraint: isl.Constraint, names: dict[str, Monomial], like: Expr) -> Expr:
    """`3*n - m + 2 >= 0` --> `m <= 3 * n + 2`, with positive terms on both sides."""
    terms: dict[Monomial, int] = {(): constraint.get_constant_val().to_python()}
    for position in range(constraint.dim(isl.dim_type.param)):
        value = constraint.get_coefficient_val(isl.dim_type.param, position).to_python()
        if value:
            terms[names[str(constraint.get_dim_name(isl.dim_type.param, position))]] = value
    positive = Polynomial({m: c for m, c in terms.items() if c > 0})
    negative = Polynomial({m: -c for m, c in terms.items() if c < 0})
    if not constraint.is_equality() and negative.value is not None and positive.terms.get((), 0) == 0:
        if negative.value == 1 or negative.value == 0:  # n - 1 >= 0 reads as n > 0
            op = ">" if negative.value == 1 else ">="
            return Binary(op, to_expr(positive, like), Const("0", 0, INT, at=like.at), INT, at=like.at)
        return Binary(">=", to_expr(positive, like), to_expr(negative, like), INT, at=like.at)
    op = "==" if constraint.is_equality() else "<="
    if op == "<=" and positive.terms.get((), 0) == 0 and negative.terms.get((), 0) == 1:
        negative = negative - Polynomial.constant(1)
        op = "<"
    return Binary(op, to_expr(negative, like), to_expr(positive, like), INT, at=like.at)
