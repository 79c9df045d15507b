"""Counted loops: `for` and `while` statements become `Loop` where they count.

    for (i = 0; i <= n; i++) body                 -->  Loop i in [0, n + 1) step 1
    for (i = n - 1; i >= 0; i -= 2) body          -->  Loop i in [n - 1, -1) step -2, descending
    while (k < n) { body; k += 1; }               -->  Loop k in [k at entry, n) step 1
    for (...; ...; i++, p += w) body              -->  Loop { body; p += w }

A loop counts when its counter is an integer that only the step changes and its bound does not change while it runs.
Where the counter is read after the loop, its last value is assigned there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from translator.analytic.counters import INT, add, bounds_of, constant, step_of
from translator.analytic.ir import (
    Assign,
    Binary,
    Block,
    Call,
    Cast,
    Conditional,
    Const,
    Continue,
    Declare,
    Expr,
    For,
    Function,
    Index,
    Loop,
    Node,
    Pointer,
    Scalar,
    Stmt,
    Switch,
    Symbol,
    Var,
    While,
)
from translator.analytic.loop_forms import as_ifs, meeting, pointer_loop
from translator.analytic.visit import assigned_scalars, children, escapes, rewrite, root, substitute, symbols, walk


def normalize(function: Function) -> Function:
    """The function with its counted loops as `Loop`."""
    body = _block(_with_named_ends(function.body))
    return dataclasses.replace(function, body=_without_dead_stores(_assign_final_values(body)))


def _with_named_ends(body: Block) -> Block:
    """Loop heads with pointers that are computed once (`const T *end = a + n`) written out."""
    changed = assigned_scalars(*(n for n in walk(body) if isinstance(n, Assign)))
    ends: dict[Symbol, Expr] = {}
    for node in walk(body):
        if not isinstance(node, Declare) or not isinstance(node.init, Binary) or node.symbol in changed:
            continue
        if isinstance(node.symbol.type, Pointer) and not symbols(node.init) & changed:
            ends[node.symbol] = node.init

    def change(node: Node) -> Node | None:
        if isinstance(node, For) and node.cond is not None and symbols(node.cond) & set(ends):
            return dataclasses.replace(node, cond=substitute(node.cond, ends))
        return None

    return rewrite(body, change) if ends else body


def _block(block: Block) -> Block:
    result: list[Stmt] = []
    for stmt in block.body:
        stmt = _inside(stmt)
        if isinstance(stmt, For):
            result.extend(_for(stmt))
        elif isinstance(stmt, While):
            result.extend(_while(stmt, result))
        elif isinstance(stmt, Switch) and any(isinstance(n, Loop | For | While) for n in walk(stmt)):
            result.append(as_ifs(stmt) or stmt)
        else:
            result.append(stmt)
    return dataclasses.replace(block, body=tuple(result))


def _inside(stmt: Stmt) -> Stmt:
    updates: dict[str, Any] = {}
    for field in dataclasses.fields(stmt):
        value = getattr(stmt, field.name)
        if isinstance(value, Block):
            updates[field.name] = _block(value)
        elif field.name == "cases":
            updates["cases"] = tuple(
                dataclasses.replace(case, body=_block(Block(case.body, at=case.at)).body) for case in value
            )
    stmt = dataclasses.replace(stmt, **updates) if updates else stmt
    return _block(stmt) if isinstance(stmt, Block) else stmt


def _for(loop: For) -> list[Stmt]:
    """The loop as statements: what its init does besides setting the counter, then the `Loop` (or the `For` as it
    was)."""
    if not loop.init and not loop.step and loop.cond is not None and loop.body.body:
        stepped = _stepped_first(While(loop.cond, loop.body, at=loop.at))
        if stepped is not None:
            return stepped
    moved = pointer_loop(loop)
    if moved is not None:
        return moved
    met = meeting(loop.cond, loop.step, loop.body)
    if met is not None:
        scoped = [*loop.init, *met]
        return [Block(tuple(scoped), at=loop.at)] if any(isinstance(s, Declare) for s in loop.init) else scoped
    counter = bounds_of(loop.cond)
    steps = [(s, step_of(s)) for s in loop.step]
    mine = [(s, step) for s, step in steps if step is not None and step[0] in counter]
    if len(mine) != 1 or mine[0][1] is None:
        return [loop]
    stmt, (symbol, step, negative) = mine[0]
    extra = tuple(s for s, _ in steps if s is not stmt)
    body = loop.body
    if extra:
        if escapes(body, (Continue,)):
            return [loop]
        body = dataclasses.replace(body, body=(*body.body, *extra))
    before: list[Stmt] = []
    lower: Expr | None = None
    declares = False
    for init in loop.init:
        if isinstance(init, Declare) and init.symbol is symbol and init.init is not None:
            lower, declares = init.init, True
        elif isinstance(init, Assign) and init.op == "=" and init.target == Var(symbol, at=init.at):
            lower = init.value
        else:
            before.append(init)
    counted = _counted(loop, symbol, lower, counter[symbol], step, negative, body, declares)
    if counted is None or symbol in symbols(*before):
        return [loop]
    scoped = [*before, *counted]
    return [Block(tuple(scoped), at=loop.at)] if any(isinstance(s, Declare) for s in before) else scoped


def _while(loop: While, before: Sequence[Stmt]) -> list[Stmt]:
    """`while (k < n) { ...; k += c; }` with the step as the last statement of the body."""
    body = loop.body.body
    if loop.test_last or not body:
        return [loop]
    counter = bounds_of(loop.cond)
    met = meeting(loop.cond, body[-2:], dataclasses.replace(loop.body, body=body[:-2]))
    if met is not None:
        return met
    front = _stepped_first(loop)
    if front is not None:
        return front
    step = step_of(body[-1])
    if step is None or step[0] not in counter or escapes(loop.body, (Continue,)):
        return [loop]
    inner = dataclasses.replace(loop.body, body=body[:-1])
    counted = _counted(loop, step[0], None, counter[step[0]], step[1], step[2], inner, declares=False)
    if counted is None:
        return [loop]
    start = _value_just_set(step[0], before)
    if start is None:
        return counted
    first, *after = counted
    assert isinstance(first, Loop)
    value = Assign(Var(step[0], at=loop.at), "=", start, at=loop.at)
    return [value, dataclasses.replace(first, lower=start), *after]


def _stepped_first(loop: While) -> list[Stmt] | None:
    """`while (k > e) { k -= 1; ... }`, which the parser makes of `while (k-- > e)`: k runs from its value - 1 down to
    e."""
    body = loop.body.body
    step = step_of(body[0])
    counter = bounds_of(loop.cond)
    if step is None or step[0] not in counter or not (isinstance(step[1], Const) and step[1].value == 1):
        return None
    op, bound = counter[step[0]]
    forward = -1 if step[2] else 1
    inner = dataclasses.replace(loop.body, body=body[1:])
    counted = _counted(loop, step[0], None, (op, add(bound, forward)), step[1], step[2], inner, declares=False)
    if counted is None:
        return None
    first, after = counted
    assert isinstance(first, Loop) and isinstance(after, Assign)
    moved = dataclasses.replace(first, lower=add(first.lower, forward))
    final = add(_final_value(moved).value, -forward)
    return [moved, dataclasses.replace(after, value=final)]


def _value_just_set(symbol: Symbol, before: Sequence[Stmt]) -> Expr | None:
    """The value that the statement just before gives to `symbol`, if it can be read again at the loop."""
    for stmt in reversed(before):
        if isinstance(stmt, Declare) and stmt.symbol is symbol:
            return stmt.init
        if isinstance(stmt, Assign) and stmt.target == Var(symbol, at=stmt.at):
            return stmt.value if stmt.op == "=" and symbol not in symbols(stmt.value) else None
        if not (isinstance(stmt, Declare) and (stmt.init is None or isinstance(stmt.init, Const))):
            return None
    return None


def _counted(
    loop: For | While,
    symbol: Symbol,
    lower: Expr | None,
    bound: tuple[str, Expr],
    step: Expr,
    negative: bool,
    body: Block,
    declares: bool,
) -> list[Stmt] | None:
    """The `Loop`, then the variable's last value where the loop counts with a copy; None if it does not count."""
    op, upper = bound
    changed = assigned_scalars(body)
    written = {root(n.target) for n in walk(body) if isinstance(n, Assign) and isinstance(n.target, Index)}
    if symbol in changed or (symbols(upper) | symbols(step)) & changed or symbol in symbols(upper) | symbols(step):
        return None
    if not (isinstance(upper.type, Scalar) and upper.type.is_integer):
        return None
    loads = {root(n) for n in walk(upper, step) if isinstance(n, Index)}
    if loads & written or (isinstance(step, Const) and step.value == 0):
        return None
    descending = op in (">", ">=") or (op == "!=" and negative)
    if descending != negative or (op == "!=" and not (isinstance(step, Const) and step.value == 1)):
        return None
    if op == "<=":
        upper = add(upper, 1)
    elif op == ">=":
        upper = add(upper, -1)
    if lower is not None and symbol in symbols(lower):
        return None
    down_to_zero = descending and isinstance(symbol.type, Scalar) and symbol.type.is_unsigned
    if lower is not None and symbol.kind == "local" and not down_to_zero:
        return [Loop(symbol, lower, upper, step, body, declares, descending, at=loop.at)]
    # a counter of its own, so that the variable itself still names the value it has when the loop starts
    start = lower if lower is not None else Var(symbol, at=loop.at)
    counter = Symbol(f"{symbol.name}_i", symbol.type, "local", symbol.at, source_name=symbol.name)
    value: Expr = Var(counter, at=loop.at)
    if down_to_zero:  # a signed counter: an unsigned one would wrap around where it steps below its end
        counter.type = Scalar("long")
        start, value = Cast(Scalar("long"), start, at=loop.at), Cast(symbol.type, value, at=loop.at)
    inner = substitute(body, {symbol: value})
    counted = Loop(counter, start, upper, step, inner, True, descending, at=loop.at)
    return [counted, Assign(Var(symbol, at=loop.at), "=", _final_value(counted).value, at=loop.at)]


def _assign_final_values(body: Block) -> Block:
    """Give each counter that is read outside the loops that count with it its value after the loop."""
    read_outside: set[Symbol] = set()

    def visit(node: Node, counting: frozenset[Symbol]) -> None:
        if isinstance(node, Var) and node.symbol not in counting:
            read_outside.add(node.symbol)
        if isinstance(node, Assign) and node.op == "=" and isinstance(node.target, Var):
            visit(node.value, counting)
            return
        inner = counting
        if isinstance(node, Loop):
            for bound in (node.lower, node.upper, node.step):
                visit(bound, counting)
            visit(node.body, counting | {node.iterator})
            return
        for field in dataclasses.fields(node):
            value = getattr(node, field.name)
            for item in value if isinstance(value, tuple) else (value,):
                if isinstance(item, Node):
                    visit(item, inner)

    visit(body, frozenset())
    counters = {n.iterator for n in walk(body) if isinstance(n, Loop) and not n.declares}
    needed = counters & read_outside

    def block(node: Block) -> Block:
        result: list[Stmt] = []
        for stmt in node.body:
            stmt = _map_blocks(stmt, block)
            result.append(stmt)
            if isinstance(stmt, Loop) and stmt.iterator in needed:
                result.append(_final_value(stmt))
        return dataclasses.replace(node, body=tuple(result))

    return block(body) if needed else body


def _without_dead_stores(body: Block) -> Block:
    """The body without assignments to locals and parameters that nothing but such assignments reads."""
    read: set[Symbol] = set()

    def visit(node: Node) -> None:
        if isinstance(node, Var):
            read.add(node.symbol)
        elif isinstance(node, Assign) and isinstance(node.target, Var):
            read.update(symbols(node.value) - {node.target.symbol})
        else:
            for child in children(node):
                visit(child)

    visit(body)

    def block(node: Block) -> Block:
        kept = [_map_blocks(s, block) for s in node.body if not _is_dead(s, read)]
        return dataclasses.replace(node, body=tuple(kept))

    return block(body)


def _is_dead(stmt: Stmt, read: set[Symbol]) -> bool:
    if not isinstance(stmt, Assign) or not isinstance(stmt.target, Var):
        return False
    symbol = stmt.target.symbol
    pure = not any(isinstance(n, Call) for n in walk(stmt.value))
    return symbol.kind != "global" and symbol not in read and pure


def _map_blocks(stmt: Stmt, change: object) -> Stmt:
    assert callable(change)
    if isinstance(stmt, Block):
        changed = change(stmt)
        assert isinstance(changed, Block)
        return changed
    updates = {
        f.name: change(getattr(stmt, f.name))
        for f in dataclasses.fields(stmt)
        if isinstance(getattr(stmt, f.name), Block)
    }
    return dataclasses.replace(stmt, **updates) if updates else stmt


def trip_count(loop: Loop) -> Expr:
    """The number of iterations as an expression, right where it is not negative."""
    first, last = (loop.upper, loop.lower) if loop.descending else (loop.lower, loop.upper)
    at = loop.at
    if isinstance(first, Const) and isinstance(first.value, int):
        distance = add(last, -first.value)
    else:
        distance = Binary("-", last, first, INT, at=at)
    if isinstance(loop.step, Const) and loop.step.value == 1:
        return distance
    rounded = Binary("-", Binary("+", distance, loop.step, INT, at=at), constant(1, at), INT, at=at)
    return Binary("/", rounded, loop.step, INT, at=at)


def _final_value(loop: Loop) -> Assign:
    """`i = lower < upper ? lower + trips * step : lower`."""
    at = loop.at
    if isinstance(loop.step, Const) and loop.step.value == 1:
        end: Expr = loop.upper
    else:
        travelled = Binary("*", trip_count(loop), loop.step, INT, at=at)
        end = Binary("-" if loop.descending else "+", loop.lower, travelled, INT, at=at)
    enters = Binary(">" if loop.descending else "<", loop.lower, loop.upper, INT, at=at)
    value = Conditional(enters, end, loop.lower, INT, at=at)
    return Assign(Var(loop.iterator, at=at), "=", value, at=at)
