"""Calls of functions that take arrays, replaced by the functions' bodies, so that their accesses can be seen.

    d = distance(&p[3 * i], q, 3);    -->    { s = 0; for (k ...) s += (p[3 * i + k] - q[k]) * ...;  d = s; }

A function is inlined where its body ends in its only return. Functions of scalars alone stay calls (see
`device_calls`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

from translator.analytic import codes
from translator.analytic.dependence import Reason
from translator.analytic.guards import Unprovable
from translator.analytic.ir import (
    AddressOf,
    Array,
    Assign,
    Binary,
    Block,
    Call,
    Conditional,
    Const,
    Declare,
    Evaluate,
    Expr,
    Function,
    If,
    Index,
    Loop,
    Node,
    Pointer,
    Program,
    Return,
    Scalar,
    Stmt,
    Symbol,
    Var,
    Void,
)
from translator.analytic.visit import assigned_scalars, rewrite, walk

MAX_DEPTH = 8


def inline_array_calls(function: Function, program: Program) -> Function:
    """The function with calls that pass arrays inlined, innermost first. Raises Unprovable where a callee has no such
    form."""
    inliner = _Inliner(program)
    for _ in range(MAX_DEPTH):
        if not any(inliner.wants(n) for n in walk(function.body)):
            return function
        function = dataclasses.replace(function, body=inliner.block(function.body))
    raise Unprovable(Reason(codes.KERNEL_CALL, "calls are nested too deeply to inline", function.at))


@dataclass
class _Inliner:
    program: Program
    count: int = 0
    names: set[str] = field(default_factory=set)

    def wants(self, node: Node) -> bool:
        if not isinstance(node, Call):
            return False
        callee = self.program.function(node.name)
        return callee is not None and any(isinstance(s.type, Pointer | Array) for s in callee.params)

    def block(self, block: Block) -> Block:
        result: list[Stmt] = []
        for stmt in block.body:
            result.extend(self.statement(stmt))
        return dataclasses.replace(block, body=tuple(result))

    def statement(self, stmt: Stmt) -> list[Stmt]:
        """The statement with the calls in its own expressions inlined before it, and those in its blocks inside."""
        before: list[Stmt] = []
        if isinstance(stmt, Evaluate) and self.wants(stmt.call):
            self._expand(stmt.call, before)
            return before
        updates: dict[str, object] = {}
        for field_ in dataclasses.fields(stmt):
            value = getattr(stmt, field_.name)
            if isinstance(value, Block):
                updates[field_.name] = self.block(value)
            elif isinstance(value, Node) and any(self.wants(n) for n in walk(value)):
                self._check_place(stmt, value)
                updates[field_.name] = self._replace(value, before)
        if isinstance(stmt, Block):
            return [self.block(stmt)]
        return [*before, dataclasses.replace(stmt, **updates) if updates else stmt]  # type: ignore[arg-type]

    def _check_place(self, stmt: Stmt, value: Node) -> None:
        """A call must be evaluated exactly once where its statement is: not in a loop's head, not behind && || ?:."""
        hidden = [
            n for n in walk(value) if isinstance(n, Conditional) or (isinstance(n, Binary) and n.op in ("&&", "||"))
        ]
        guarded = any(self.wants(inner) for n in hidden for inner in walk(n))
        if guarded or not isinstance(stmt, Assign | Declare | Return | If | Evaluate | Loop):
            message = "a call with array arguments inside a condition or a loop's head"
            raise Unprovable(Reason(codes.KERNEL_CALL, message, stmt.at))

    def _replace(self, value: Node, before: list[Stmt]) -> Node:
        def change(node: Node) -> Node | None:
            return self._expand(node, before) if isinstance(node, Call) and self.wants(node) else None

        return rewrite(value, change)

    def _expand(self, call: Call, before: list[Stmt]) -> Expr | None:
        """Append the callee's body to `before`, and return its result."""
        callee = self.program.function(call.name)
        assert callee is not None
        if callee.unsupported:
            first = callee.unsupported[0]
            raise Unprovable(Reason(first.code, f"in {callee.name}: {first.message}", first.at))
        callee = _single_return(callee)
        body, value = _split_return(callee)
        self.count += 1
        values = self._bind(callee, call, before)
        fresh: dict[Symbol, Symbol] = {}

        def rename(node: Node) -> Node | None:
            if isinstance(node, Var):
                if node.symbol in values:
                    return values[node.symbol]
                return Var(fresh[node.symbol], at=node.at) if node.symbol in fresh else None
            if isinstance(node, Declare) and node.symbol in fresh:
                return dataclasses.replace(node, symbol=fresh[node.symbol])
            return _simplified(node)

        for node in walk(*body):
            if isinstance(node, Declare):
                fresh[node.symbol] = self._fresh(node.symbol, callee)
        before.extend(rewrite(s, rename) for s in body)
        return rewrite(value, rename) if value is not None else None

    def _fresh(self, symbol: Symbol, callee: Function) -> Symbol:
        return Symbol(f"{callee.name}{self.count}_{symbol.name}", symbol.type, "local", symbol.at, symbol.const)

    def _bind(self, callee: Function, call: Call, before: list[Stmt]) -> dict[Symbol, Expr]:
        """The value of each parameter: pointers by their expression, scalars by a variable of their own."""
        changed = assigned_scalars(callee.body)
        values: dict[Symbol, Expr] = {}
        for parameter, argument in zip(callee.params, call.args, strict=True):
            if isinstance(parameter.type, Pointer | Array):
                if parameter in changed:
                    message = f"{callee.name} moves its pointer {parameter.name}"
                    raise Unprovable(Reason(codes.UNKNOWN_POINTER, message, call.at))
                values[parameter] = argument
            elif isinstance(argument, Const) and parameter not in changed:
                values[parameter] = argument
            else:
                local = self._fresh(parameter, callee)
                before.append(Declare(local, argument, at=call.at))
                values[parameter] = Var(local, at=call.at)
        return values


def _single_return(callee: Function) -> Function:
    """The function with `if (c) { ...; return a; } ...; return b;` as one `if` with a single return at its end.

    Raises Unprovable where a return stands in a loop or a switch.
    """
    if not any(isinstance(n, Return) for n in walk(*callee.body.body[:-1])):
        return callee
    at = callee.body.at
    result = None if isinstance(callee.returns, Void) else Symbol("result", callee.returns, "local", at)
    body = _structured(callee, callee.body.body, result)
    stmts: tuple[Stmt, ...] = tuple(body)
    if result is not None:
        stmts = (Declare(result, None, at=at), *stmts, Return(Var(result, at=at), at=at))
    return dataclasses.replace(callee, body=Block(stmts, at=at))


def _structured(callee: Function, stmts: Sequence[Stmt], result: Symbol | None) -> list[Stmt]:
    """Statements that end in `result = value` wherever they returned; what follows a returning `if` goes into its
    other branch."""
    out: list[Stmt] = []
    for position, stmt in enumerate(stmts):
        if isinstance(stmt, Return):
            if result is not None and stmt.value is not None:
                out.append(Assign(Var(result, at=stmt.at), "=", stmt.value, at=stmt.at))
            return out
        if not any(isinstance(n, Return) for n in walk(stmt)):
            out.append(stmt)
            continue
        if not isinstance(stmt, If):
            message = f"{callee.name} returns from the middle of a loop, and takes arrays"
            raise Unprovable(Reason(codes.KERNEL_CALL, message, callee.at))
        rest = stmts[position + 1 :]
        then = _structured(callee, [*stmt.then.body, *(() if _returns(stmt.then.body) else rest)], result)
        other = stmt.orelse.body if stmt.orelse is not None else ()
        orelse = _structured(callee, [*other, *(() if _returns(other) else rest)], result)
        out.append(If(stmt.cond, Block(tuple(then), at=stmt.at), Block(tuple(orelse), at=stmt.at), at=stmt.at))
        return out
    return out


def _returns(stmts: Sequence[Stmt]) -> bool:
    """Whether every path through the statements returns."""
    if not stmts:
        return False
    last = stmts[-1]
    if isinstance(last, If) and last.orelse is not None:
        return _returns(last.then.body) and _returns(last.orelse.body)
    return isinstance(last, Return)


def _split_return(callee: Function) -> tuple[Sequence[Stmt], Expr | None]:
    body = callee.body.body
    value: Expr | None = None
    if body and isinstance(body[-1], Return):
        value, body = body[-1].value, body[:-1]
    elif not isinstance(callee.returns, Void):
        message = f"{callee.name} does not end in a return"
        raise Unprovable(Reason(codes.KERNEL_CALL, message, callee.at))
    if any(isinstance(n, Return) for n in walk(*body)):
        message = f"{callee.name} returns from the middle, and takes arrays"
        raise Unprovable(Reason(codes.KERNEL_CALL, message, callee.at))
    return body, value


def _simplified(node: Node) -> Node | None:
    """`(&a[i])[k]` --> `a[i + k]`, `(a + i)[k]` --> `a[i + k]`, `(&s)[0]` --> `s`."""
    if not isinstance(node, Index) or len(node.subscripts) != 1:
        return None
    base, subscript = node.base, node.subscripts[0]
    if isinstance(base, AddressOf) and isinstance(base.operand, Index):
        inner = base.operand
        total = _sum(inner.subscripts[-1], subscript)
        return Index(inner.base, (*inner.subscripts[:-1], total), node.type, at=node.at)
    if isinstance(base, AddressOf) and isinstance(subscript, Const) and subscript.value == 0:
        return base.operand
    if isinstance(base, Binary) and base.op == "+" and isinstance(base.left.type, Pointer):
        return Index(base.left, (_sum(base.right, subscript),), node.type, at=node.at)
    return None


def _sum(left: Expr, right: Expr) -> Expr:
    if isinstance(right, Const) and right.value == 0:
        return left
    return Binary("+", left, right, Scalar("int"), at=left.at)
