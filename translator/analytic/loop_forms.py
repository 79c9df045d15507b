"""Loops of unusual shape in plain form: counters that meet, walking pointers, switches around loops."""

from __future__ import annotations

from collections.abc import Sequence

from translator.analytic.counters import INT, add, constant, flattened_index, is_unsigned, step_of
from translator.analytic.ir import (
    Assign,
    Binary,
    Block,
    Break,
    Conditional,
    Continue,
    Declare,
    Expr,
    For,
    If,
    Loop,
    Pointer,
    Scalar,
    Stmt,
    Switch,
    Symbol,
    Var,
)
from translator.analytic.visit import assigned_scalars, escapes, rewrite, substitute, symbols


def as_ifs(switch: Switch) -> If | None:
    """A switch around loops as a chain of `if`, where every case but the last one breaks."""
    chain: Block | None = None
    for case in sorted(switch.cases, key=lambda c: c.is_default, reverse=True):  # default first: it ends the chain
        *body, last = case.body or (None,)
        ends = isinstance(last, Break)
        if not ends and case is not switch.cases[-1]:
            return None
        stmts = tuple(s for s in (body if ends else case.body))
        block = Block(stmts, at=case.at)
        if escapes(block, (Break,)) is not None or (case.is_default and case.values):
            return None
        if case.is_default:
            chain = block
            continue
        tests = [Binary("==", switch.value, value, INT, at=case.at) for value in case.values]
        cond: Expr = tests[0]
        for test in tests[1:]:
            cond = Binary("||", cond, test, INT, at=case.at)
        chain = Block((If(cond, block, chain, at=case.at),), at=switch.at)
    first = chain.body[0] if chain is not None and len(chain.body) == 1 else None
    return first if isinstance(first, If) else None


def meeting(cond: Expr | None, steps: Sequence[Stmt], body: Block) -> list[Stmt] | None:
    """Two counters that run towards each other, as in the reversal of an array.

    for (i = a, j = b; i < j; i++, j--) body  -->  i = a; j = b; Loop k in [0, (j - i + 1) / 2) with i + k, j - k
    """
    if not isinstance(cond, Binary) or cond.op not in ("<", "<=") or len(steps) != 2:
        return None
    left, right, at = cond.left, cond.right, cond.at
    if not isinstance(left, Var) or not isinstance(right, Var) or is_unsigned(left) or is_unsigned(right):
        return None
    one = constant(1, at)
    moves = {step[0]: step for step in map(step_of, steps) if step is not None and step[1] == one}
    if set(moves) != {left.symbol, right.symbol} or moves[left.symbol][2] or not moves[right.symbol][2]:
        return None
    if {left.symbol, right.symbol} & assigned_scalars(body) or escapes(body, (Continue,)) is not None:
        return None
    gap = add(Binary("-", right, left, INT, at=at), 1 if cond.op == "<" else 2)
    trips = Binary("/", gap, constant(2, at), INT, at=at)
    counter = Symbol(f"{left.symbol.name}_step", INT, "local", at, source_name=left.symbol.name)
    k = Var(counter, at=at)
    inside: dict[Symbol, Expr] = {
        left.symbol: Binary("+", left, k, INT, at=at),
        right.symbol: Binary("-", right, k, INT, at=at),
    }
    loop = Loop(counter, constant(0, at), trips, one, substitute(body, inside), True, at=at)
    runs = Binary(">", gap, constant(0, at), INT, at=at)
    passes = Symbol(f"{left.symbol.name}_steps", INT, "local", at)
    count = Var(passes, at=at)
    return [
        Declare(passes, Conditional(runs, trips, constant(0, at), INT, at=at), at=at),
        loop,
        Assign(left, "+=", count, at=at),
        Assign(right, "-=", count, at=at),
    ]


def pointer_loop(loop: For) -> list[Stmt] | None:
    """`for (T *p = a; p < a + n; p++) body`, also with `!=`  -->  Loop p_i in [0, n) with p read as a + p_i."""
    if len(loop.init) != 1 or len(loop.step) != 1 or not isinstance(loop.cond, Binary):
        return None
    init, step, cond = loop.init[0], step_of(loop.step[0]), loop.cond
    if not isinstance(init, Declare) or not isinstance(init.symbol.type, Pointer) or init.init is None:
        return None
    if step is None or step[0] is not init.symbol or step[2] or cond.op not in ("<", "!="):
        return None
    base: Expr = init.init
    end = cond.right
    if cond.left != Var(init.symbol, at=cond.at) or not isinstance(end, Binary) or end.op != "+":
        return None
    start: Expr = constant(0, loop.at)
    if end.left != base:  # for (p = a + i; p < a + n; ...)
        if not isinstance(base, Binary) or base.op != "+" or base.left != end.left:
            return None
        start = base.right
        base = base.left
    changed = assigned_scalars(loop.body)
    if init.symbol in changed or symbols(end, init.init) & changed:
        return None
    if cond.op == "!=" and step[1] != constant(1, cond.at):
        return None
    counter = Symbol(f"{init.symbol.name}_i", Scalar("long"), "local", loop.at, source_name=init.symbol.name)
    place = Binary("+", base, Var(counter, at=loop.at), init.symbol.type, at=loop.at)
    body = rewrite(substitute(loop.body, {init.symbol: place}), flattened_index)
    return [Loop(counter, start, end.right, step[1], body, True, at=loop.at)]
