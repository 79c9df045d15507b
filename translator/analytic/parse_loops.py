"""Loops whose conditions have side effects, as loops whose conditions have none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from tree_sitter import Node as SyntaxNode

from data.syntax import field
from translator.analytic import codes
from translator.analytic.ir import (
    Assign,
    Binary,
    Block,
    Break,
    Const,
    Continue,
    Declare,
    Expr,
    For,
    If,
    Location,
    Scalar,
    Stmt,
    Unary,
    Var,
    While,
)
from translator.analytic.parse_types import INT, RefusedError, common_type, decay
from translator.analytic.parse_unit import Effects
from translator.analytic.visit import escapes

if TYPE_CHECKING:
    from translator.analytic.parse_statements import StatementParser

_SIGNED = {"int", "long", "long long"}


def lower_for(parser: StatementParser, node: SyntaxNode) -> list[Stmt]:
    """`for (init; cond; step) body`; the caller holds its scope."""
    initializer, cond_node, step_node = field(node, "initializer"), field(node, "condition"), field(node, "update")
    init: list[Stmt] = []
    if initializer is not None:
        init = parser.declaration(initializer) if initializer.type == "declaration" else parser.effect(initializer)
    step = parser.effect(step_node) if step_node is not None else []
    if any(not isinstance(stmt, Assign) for stmt in step):
        raise RefusedError(codes.SIDE_EFFECT, "a for-step that is more than assignments", parser.at(node))
    body = parser.block(parser.expressions.child(node, "body"))
    if cond_node is None:
        return [For(tuple(init), None, tuple(step), body, at=parser.at(node))]
    return _loop(parser, init, cond_node, step, body, parser.at(node), is_while=False)


def lower_while(parser: StatementParser, node: SyntaxNode) -> list[Stmt]:
    """`while (cond) body`; a For where the condition changes something that a step can change as well."""
    body = parser.block(parser.expressions.child(node, "body"))
    return _loop(parser, [], parser.expressions.child(node, "condition"), [], body, parser.at(node), is_while=True)


def lower_do(parser: StatementParser, node: SyntaxNode) -> list[Stmt]:
    """`do body while (cond)`; the body alone where cond is 0, as in macros."""
    at = parser.at(node)
    body = parser.block(parser.expressions.child(node, "body"))
    (cond,), effects = parser.expressions.full(parser.expressions.child(node, "condition"))
    effects.settle(cond)
    if effects.none and isinstance(cond, Const) and cond.value == 0 and escapes(body, (Break, Continue)) is None:
        return [body]
    if effects.none:
        return [While(cond, body, test_last=True, at=at)]
    if escapes(body, (Continue,)) is not None:
        message = "side effect in the condition of a do-while with continue"
        raise RefusedError(codes.SIDE_EFFECT, message, at)
    if not effects.after and not _declares(effects.before):
        return [While(cond, Block((*body.body, *effects.before), at=body.at), test_last=True, at=at)]
    kept = parser.scopes.temporary(decay(cond.type), cond.at)
    after = (stmt for _, stmt in effects.after)
    assign = Assign(Var(kept, at=at), "=", cond, at=at)
    inner = Block((*body.body, *effects.before, assign, *after), at=body.at)
    return [Declare(kept, None, at=at), While(Var(kept, at=at), inner, test_last=True, at=at)]


LOOPS: dict[str, Callable[[StatementParser, SyntaxNode], list[Stmt]]] = {
    "for_statement": lower_for,
    "while_statement": lower_while,
    "do_statement": lower_do,
}


def _loop(
    parser: StatementParser,
    init: list[Stmt],
    cond_node: SyntaxNode,
    step: list[Stmt],
    body: Block,
    at: Location,
    is_while: bool,
) -> list[Stmt]:
    """`for (init; cond; step) body` where cond may change something.

    Changes before the test go to the end of init and of step (`--i >= 0`, and `i-- > 0` as a test of the new i).
    Changes after it go to the start of the body and behind the loop, unless a break would skip the latter: then the
    loop tests inside.
    """
    (cond,), effects = parser.expressions.full(cond_node)
    effects.settle(cond)
    if effects.none and is_while:
        return [While(cond, body, at=at)]
    cond, effects = _tested_after_the_change(cond, effects)
    if not effects.after and not _declares(effects.before):
        start = [*init, *effects.before]
        if effects.before and init:
            start = _folded(init, effects.before)
        if _declares(start[:-1]) and not isinstance(start[-1], Declare):
            return [Block((*start, For((), cond, (*step, *effects.before), body, at=at)), at=at)]
        if is_while:
            return [*start, For((), cond, tuple(effects.before), body, at=at)]
        return [For(tuple(start), cond, (*step, *effects.before), body, at=at)]
    after = tuple(stmt for _, stmt in effects.after)
    if not effects.before and escapes(body, (Break,)) is None:
        inner = Block((*after, *body.body), at=body.at)
        whole: Stmt = While(cond, inner, at=at) if is_while else For((), cond, tuple(step), inner, at=at)
        behind = [*init, whole, *after]
        return [Block(tuple(behind), at=at)] if _declares(init) else behind
    kept = parser.keep(cond)
    is_over = Unary("!", Var(kept.symbol, at=at), INT if parser.unit.is_c else Scalar("bool"), at=at)
    stop = If(is_over, Block((Break(at=at),), at=at), None, at=at)
    inner = Block((*effects.before, kept, *after, stop, *body.body), at=body.at)
    if is_while:
        return [While(Const("1", 1, INT, at=at), inner, at=at)]
    return [For(tuple(init), None, tuple(step), inner, at=at)]


def _declares(stmts: list[Stmt]) -> bool:
    return any(isinstance(stmt, Declare) for stmt in stmts)


def _folded(init: list[Stmt], before: list[Stmt]) -> list[Stmt]:
    """`int i = n; i -= 1` as `int i = n - 1`, so that a for-header can hold it."""
    last, change = init[-1], before[0]
    if len(before) != 1 or not isinstance(change, Assign) or not isinstance(change.target, Var):
        return [*init, *before]
    by = {"+=": 1, "-=": -1}.get(change.op)
    counter = change.target.symbol
    if by is None or not isinstance(change.value, Const) or change.value.value != 1:
        return [*init, *before]
    if isinstance(last, Declare) and last.symbol is counter and last.init is not None and _is_integer(last.init):
        return [*init[:-1], replace(last, init=_moved(last.init, by))]
    if isinstance(last, Assign) and last.op == "=" and last.target == change.target and _is_integer(last.value):
        return [*init[:-1], replace(last, value=_moved(last.value, by))]
    return [*init, *before]


def _is_integer(value: Expr) -> bool:
    return isinstance(value.type, Scalar) and value.type.is_integer


def _tested_after_the_change(cond: Expr, effects: Effects) -> tuple[Expr, Effects]:
    """`i-- > 0` as the change `i -= 1` and then the test `i >= 0`: with v the new value, the old one is v + 1.

    Only for signed counters, which do not wrap around.
    """
    if effects.before or len(effects.after) != 1:
        return cond, effects
    target, change = effects.after[0]
    by_one = isinstance(change, Assign) and isinstance(change.value, Const) and change.value.text == "1"
    if (
        not isinstance(target, Var)
        or not isinstance(target.type, Scalar)
        or not isinstance(change, Assign)
        or not by_one
    ):
        return cond, effects
    if target.type.name not in _SIGNED:
        return cond, effects
    tested = _new_test(cond, target, change.op == "+=")
    return (cond, effects) if tested is None else (tested, Effects(before=[change]))


def _new_test(cond: Expr, counter: Var, counts_up: bool) -> Expr | None:
    """The condition on the counter's old value as one on its new value; None where that cannot be told."""
    if cond == counter and not counts_up:  # while (n--): the old value is not 0, and the counter comes from above
        return Binary(">=", counter, Const("0", 0, INT, at=cond.at), INT, at=cond.at)
    if not isinstance(cond, Binary) or cond.left != counter or not isinstance(cond.right.type, Scalar):
        return None
    if cond.right.type.name not in _SIGNED:
        return None
    strict, inclusive = ("<", "<=") if counts_up else (">", ">=")
    if cond.op == strict:
        return replace(cond, op=inclusive)
    if cond.op == inclusive:
        return replace(cond, right=_moved(cond.right, 1 if counts_up else -1))
    return None


def _moved(bound: Expr, by: int) -> Expr:
    if isinstance(bound, Const) and isinstance(bound.value, int) and bound.value + by >= 0:
        return Const(str(bound.value + by), bound.value + by, INT, at=bound.at)
    assert isinstance(bound.type, Scalar)
    one = Const(str(abs(by)), abs(by), INT, at=bound.at)
    return Binary("+" if by > 0 else "-", bound, one, common_type(bound.type, INT), at=bound.at)
