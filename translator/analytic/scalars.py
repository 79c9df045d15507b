"""What a loop does to the scalars around it: private to an iteration, reduced over iterations, or carried between
them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from translator.analytic.ir import (
    Assign,
    Binary,
    Block,
    Call,
    Conditional,
    Declare,
    Expr,
    Function,
    If,
    Location,
    Loop,
    Member,
    Node,
    Pointer,
    Scalar,
    Stmt,
    Symbol,
    Var,
)
from translator.analytic.liveness import exposed, live_after
from translator.analytic.visit import children, declared, symbols, walk

_MIN = {"min", "fmin", "fminf", "fminl"}
_MAX = {"max", "fmax", "fmaxf", "fmaxl"}
_FAMILY = {"+=": "+", "-=": "+", "*=": "*", "&=": "&", "|=": "|", "^=": "^"}


@dataclass(frozen=True)
class Reduction:
    """A scalar that all iterations combine into. `op` is + * & | ^ && || min max, `last` (the last assignment wins),
    or `argmin`/ `argmax`, with the scalars that are set together with the extremum as `payload`. `strict` says that
    an equal value does not replace the extremum. `call` is the function the source combines with (fminf), empty for
    operators and comparisons."""

    symbol: Symbol
    op: str
    payload: tuple[Symbol, ...] = ()
    strict: bool = True
    call: str = ""

    @property
    def reorders_floats(self) -> bool:
        kind = self.symbol.type
        return self.op in ("+", "*") and isinstance(kind, Scalar) and kind.is_float


@dataclass
class Roles:
    """The scalars that a loop assigns (those declared inside it left out)."""

    private: list[Symbol] = field(default_factory=list)
    reductions: list[Reduction] = field(default_factory=list)
    carried: list[tuple[Symbol, Location]] = field(default_factory=list)


def classify(function: Function, loop: Loop) -> Roles:
    """The role of each scalar that `loop` assigns and does not declare."""
    roles = Roles()
    inside = declared(loop.body)
    assigned: dict[Symbol, Location] = {}
    for node in walk(loop.body):
        if isinstance(node, Assign):
            target = node.target
            while isinstance(target, Member):
                target = target.base
            if isinstance(target, Var) and target.symbol not in inside and target.symbol is not loop.iterator:
                assigned.setdefault(target.symbol, node.at)
    payloads: set[Symbol] = set()
    for symbol, at in assigned.items():
        if not exposed(loop.body.body, symbol):
            if not live_after(function, loop, symbol):
                roles.private.append(symbol)
                continue
            if isinstance(symbol.type, Scalar):  # private to an iteration; the last one's value is needed
                roles.reductions.append(Reduction(symbol, "last"))
                continue
        if symbol in payloads:
            continue
        reduction = recognize(loop.body, symbol)
        if reduction is None:
            roles.carried.append((symbol, at))
        else:
            roles.reductions.append(reduction)
            payloads |= set(reduction.payload)
    roles.carried = [(s, at) for s, at in roles.carried if s not in payloads]
    roles.reductions = [r for r in roles.reductions if r.symbol not in payloads]
    return roles


def recognize(body: Block, symbol: Symbol) -> Reduction | None:
    """The reduction that all uses of `symbol` in `body` make together, or None."""
    found: Reduction | None = None
    for use in _uses(body, symbol):
        one = _reduction(use, symbol)
        if one is None or (found is not None and (found.op, found.payload) != (one.op, one.payload)):
            return None
        found = one
    if found is None or not _may_reorder(body, symbol, found):
        return None
    for payload in found.payload:
        if any(_reduction(use, symbol) is None for use in _uses(body, payload)):
            return None
    if found.op == "last" and any(symbol in symbols(n.value) for n in walk(body) if isinstance(n, Assign)):
        return None
    return found


def _may_reorder(body: Block, symbol: Symbol, reduction: Reduction) -> bool:
    """Whether the type of the scalar lets the operation be done in any order: an integer that adds up floating-point
    terms cuts off after each of them, and a bool that adds or inverts is no sum."""
    kind = symbol.type
    if not isinstance(kind, Scalar):
        return reduction.op == "last" and not isinstance(kind, Pointer)
    if reduction.op in ("+", "*", "&", "|", "^"):
        terms = [n.value for n in walk(body) if isinstance(n, Assign) and n.target == Var(symbol, at=n.at)]
        if kind.is_integer and any(isinstance(t.type, Scalar) and t.type.is_float for t in terms):
            return False
        if kind.name == "bool":
            return reduction.op == "|" or (reduction.op == "&" and all(_is_truth(t) for t in terms))
    return True


def _is_truth(expr: Expr) -> bool:
    """Whether an expression is 0 or 1."""
    if isinstance(expr.type, Scalar) and expr.type.name == "bool":
        return True
    return isinstance(expr, Binary) and expr.op in ("<", "<=", ">", ">=", "==", "!=", "&&", "||", "&")


def _uses(node: Node, symbol: Symbol) -> Iterator[Stmt]:
    """The innermost statements that name `symbol`; an `if` that compares and assigns it counts as one."""
    if isinstance(node, Assign | Declare) or not _has_statements(node):
        if symbol in symbols(node):
            yield node  # type: ignore[misc]
        return
    if isinstance(node, If) and (symbol in symbols(node.cond) or _extremum_if(node) is not None):
        if symbol in symbols(node):
            yield node
        return
    for child in children(node):
        if _is_expr(child):
            if symbol in symbols(child):
                yield node  # type: ignore[misc]
                return
        else:
            yield from _uses(child, symbol)


def _has_statements(node: Node) -> bool:
    return any(isinstance(c, Block) or not _is_expr(c) for c in children(node)) or isinstance(node, Block)


def _is_expr(node: Node) -> bool:
    return hasattr(node, "type") and not isinstance(node, Declare)


def _reduction(stmt: Stmt, symbol: Symbol) -> Reduction | None:
    if isinstance(stmt, If):
        return _conditional_reduction(stmt, symbol)
    if not isinstance(stmt, Assign) or not isinstance(stmt.target, Var) or stmt.target.symbol is not symbol:
        return None
    if stmt.op in _FAMILY:
        return Reduction(symbol, _FAMILY[stmt.op]) if symbol not in symbols(stmt.value) else None
    if stmt.op != "=":
        return None
    if symbol not in symbols(stmt.value):
        return Reduction(symbol, "last")
    return _assigned(stmt.value, symbol)


def _assigned(value: Expr, symbol: Symbol) -> Reduction | None:
    """`s = s + e`, `s = fmin(s, e)`, `s = e < s ? e : s`, `s = s && e`."""
    if isinstance(value, Binary):
        return _operator(value, symbol)
    if isinstance(value, Call) and len(value.args) == 2 and value.name in _MIN | _MAX:
        mine = [a for a in value.args if isinstance(a, Var) and a.symbol is symbol]
        rest = [a for a in value.args if symbol not in symbols(a)]
        floats = isinstance(symbol.type, Scalar) and symbol.type.is_float
        first_wins = value.name in ("min", "max") and floats  # std::min(a, b) is b < a ? b : a
        if len(mine) == 1 and len(rest) == 1 and not (first_wins and value.args[0] != mine[0]):
            call = "" if value.name in ("min", "max") else value.name
            return Reduction(symbol, "min" if value.name in _MIN else "max", call=call)
    if isinstance(value, Conditional) and _keeps_on_nan(value, symbol):
        extremum = _comparison(value.cond, symbol)
        if extremum is not None:
            op, other, strict = extremum
            picked, kept = value.then, value.orelse
            if picked == other and isinstance(kept, Var) and kept.symbol is symbol:
                return Reduction(symbol, op, strict=strict)
            if kept == other and isinstance(picked, Var) and picked.symbol is symbol:
                return Reduction(symbol, "max" if op == "min" else "min", strict=not strict)
    return None


def _keeps_on_nan(value: Conditional, symbol: Symbol) -> bool:
    """Whether the scalar stays where the comparison is false: with NaN only this form is a minimum or maximum."""
    kept = value.orelse
    floats = isinstance(symbol.type, Scalar) and symbol.type.is_float
    return not floats or (isinstance(kept, Var) and kept.symbol is symbol)


def _operator(value: Binary, symbol: Symbol) -> Reduction | None:
    op = "+" if value.op == "-" else value.op
    if op not in ("+", "*", "&", "|", "^", "&&", "||"):
        return None
    left, right = value.left, value.right
    if isinstance(left, Var) and left.symbol is symbol:
        return Reduction(symbol, op) if symbol not in symbols(right) else None
    if isinstance(right, Var) and right.symbol is symbol and value.op != "-":
        return Reduction(symbol, op) if symbol not in symbols(left) else None
    same_level = isinstance(left, Binary) and (left.op == value.op or {left.op, value.op} <= {"+", "-"})
    if same_level and symbol not in symbols(right):
        assert isinstance(left, Binary)
        inner = _operator(left, symbol)
        return inner if inner is not None and inner.op == op else None
    return None


def _comparison(cond: Expr, symbol: Symbol) -> tuple[str, Expr, bool] | None:
    """`e < s` --> ("min", e, strict): taking `e` where the condition holds makes `s` the minimum."""
    if not isinstance(cond, Binary) or cond.op not in ("<", "<=", ">", ">="):
        return None
    strict = cond.op in ("<", ">")
    if isinstance(cond.right, Var) and cond.right.symbol is symbol and symbol not in symbols(cond.left):
        return ("min" if cond.op in ("<", "<=") else "max"), cond.left, strict
    if isinstance(cond.left, Var) and cond.left.symbol is symbol and symbol not in symbols(cond.right):
        return ("max" if cond.op in ("<", "<=") else "min"), cond.right, strict
    return None


def _extremum_if(stmt: If) -> tuple[Symbol, str, bool, tuple[Symbol, ...]] | None:
    """`if (e < s) { s = e; where = i; }` --> (s, "argmin", strict, (where,))."""
    if stmt.orelse is not None or not stmt.then.body:
        return None
    targets: list[Symbol] = []
    for inner in stmt.then.body:
        if not isinstance(inner, Assign) or inner.op != "=" or not isinstance(inner.target, Var):
            return None
        targets.append(inner.target.symbol)
    for inner in stmt.then.body:
        assert isinstance(inner, Assign) and isinstance(inner.target, Var)
        extremum = _comparison(stmt.cond, inner.target.symbol)
        if extremum is not None and extremum[1] == inner.value:
            payload = tuple(t for t in targets if t is not inner.target.symbol)
            values = [s.value for s in stmt.then.body if isinstance(s, Assign)]
            if any(symbol in symbols(v) for v in values for symbol in targets):
                return None
            return inner.target.symbol, extremum[0], extremum[2], payload
    return None


def _conditional_reduction(stmt: If, symbol: Symbol) -> Reduction | None:
    extremum = _extremum_if(stmt)
    if extremum is None:
        return None
    best, op, strict, payload = extremum
    if best is not symbol and symbol not in payload:
        return None
    return Reduction(best, f"arg{op}" if payload else op, payload, strict)
