"""Collects the accesses of a function: one walk in program order, with scalars substituted forward."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

from translator.analytic.accesses import Access, AccessTable, Condition, Sequential
from translator.analytic.ir import (
    AddressOf,
    Array,
    Assign,
    Binary,
    Block,
    Break,
    Call,
    Case,
    Cast,
    Conditional,
    Const,
    Continue,
    Declare,
    Evaluate,
    Expr,
    For,
    Function,
    If,
    Index,
    Location,
    Loop,
    Member,
    Pointer,
    Return,
    Scalar,
    Stmt,
    Switch,
    Symbol,
    Type,
    Unary,
    Var,
    While,
)
from translator.analytic.places import Places, UnknownBase, element_size
from translator.analytic.swaps import Swap, find_swaps
from translator.analytic.visit import (
    assigned_scalars,
    children,
    escapes,
    has_return,
    rewrite,
    statements,
    symbols,
    walk,
)

LARGEST_VALUE = 120  # nodes: a substituted scalar above this is an unknown


def collect(function: Function) -> AccessTable:
    """The accesses of `function`. Raises UnknownBase."""
    swaps = find_swaps(function)
    swapped = frozenset(symbol for swap in swaps for symbol in swap.symbols)
    collector = _Collector(AccessTable(swaps=swaps), _assigned_once(function), swapped)
    collector.block(function.body)
    return collector.table


def _assigned_once(function: Function) -> set[Symbol]:
    """Local scalars whose only value is their initializer."""
    assigned = assigned_scalars(*(n for n in walk(function.body) if isinstance(n, Assign | Loop)))
    declared = {n.symbol for n in walk(function.body) if isinstance(n, Declare) and n.init is not None}
    return {symbol for symbol in declared - assigned if isinstance(symbol.type, Scalar)}


@dataclass
class _Collector:
    table: AccessTable
    assigned_once: set[Symbol]
    swapped: frozenset[Symbol] = frozenset()
    env: dict[Symbol, Expr] = field(default_factory=dict)
    loops: tuple[Loop | Sequential, ...] = ()
    conditions: tuple[Condition, ...] = ()
    depth: int = 0  # of branches around the statement
    until: Expr | None = None
    break_depth: int | None = None  # the depth of the innermost loop's own statements, if plain breaks alone leave it
    order: int = 0

    # ------------------------------------------------------------ statements

    def block(self, block: Block) -> None:
        for stmt in block.body:
            self.statement(stmt)

    def statement(self, stmt: Stmt) -> None:
        if isinstance(stmt, Block):
            self.block(stmt)
        elif isinstance(stmt, Declare):
            self.declare(stmt)
        elif isinstance(stmt, Assign):
            self.assign(stmt)
        elif isinstance(stmt, Evaluate):
            self.reads(stmt.call, stmt)
        elif isinstance(stmt, If):
            self.branch(stmt)
        elif isinstance(stmt, Loop):
            self.counted(stmt)
        elif isinstance(stmt, For | While):
            self.uncounted(stmt)
        elif isinstance(stmt, Switch):
            self.switch(stmt)
        elif isinstance(stmt, Return) and stmt.value is not None:
            self.reads(stmt.value, stmt)

    def declare(self, stmt: Declare) -> None:
        self.env.pop(stmt.symbol, None)
        if isinstance(stmt.symbol.type, Array):
            for extent in stmt.symbol.type.extents:
                if extent is not None:
                    self.reads(extent, stmt)
        if stmt.init is None:
            if isinstance(stmt.symbol.type, Scalar):
                nothing = self.unknown(stmt.symbol)
                self.env[stmt.symbol] = nothing
                self.table.unset.add(nothing.symbol)
            return
        self.reads(stmt.init, stmt)
        if not self.loops and not self.depth and stmt.symbol in self.assigned_once and self.name_entry_value(stmt):
            return
        self.define(stmt.symbol, stmt.init)

    def name_entry_value(self, stmt: Declare) -> bool:
        """Keep the name of a scalar that is computed once before the loops (`const int ow = w - 2`); plain copies are
        substituted."""
        assert stmt.init is not None
        value = self.resolve(stmt.init)
        if isinstance(value, Const | Var) or any(s in self.table.unknowns for s in symbols(value)):
            return False
        full = rewrite(value, lambda n: self.table.entry_values.get(n.symbol) if isinstance(n, Var) else None)
        if sum(1 for _ in walk(full)) > LARGEST_VALUE or any(isinstance(n, Index) for n in walk(full)):
            return False
        self.table.entry_values[stmt.symbol] = full
        return True

    def short_circuit(self, stmt: Assign) -> bool:
        """Record `all = all && e` and `any = any || e`: once the scalar is decided, e is not evaluated any more."""
        value = stmt.value
        if stmt.op != "=" or not isinstance(value, Binary) or value.op not in ("&&", "||") or value.left != stmt.target:
            return False
        if len(self.loops) != 1 or self.conditions:
            return False
        decided = self.resolve(value.right)
        if value.op == "&&":
            decided = Unary("!", decided, Scalar("int"), at=stmt.at)
        self.until = decided
        self.reads(value.right, stmt)
        self.until = None
        return True

    def assign(self, stmt: Assign) -> None:
        if not self.short_circuit(stmt):
            self.reads(stmt.value, stmt)
        target, member = _without_members(stmt.target)
        if isinstance(target, Var):
            if isinstance(stmt.target, Var) and target.symbol not in self.swapped:
                value = stmt.value
                if stmt.op != "=":
                    value = Binary(stmt.op[:-1], stmt.target, value, stmt.target.type, at=stmt.at)
                self.define(target.symbol, value)
            return
        for subscript in target.subscripts if isinstance(target, Index) else ():
            self.reads(subscript, stmt)
        if isinstance(target, Index):
            self.reads_of_base(target.base, stmt)
            self.record(target, stmt, stmt.op, member)

    def define(self, symbol: Symbol, value: Expr) -> None:
        """Let `symbol` stand for `value` from here on."""
        kind = symbol.type
        tracked = isinstance(kind, Pointer | Scalar)
        replaced = converted(self.resolve(value), kind) if tracked else value
        if isinstance(kind, Array):
            return
        if tracked and sum(1 for _ in walk(replaced)) <= LARGEST_VALUE:
            self.env[symbol] = replaced
        else:
            self.env[symbol] = self.unknown(symbol)

    def branch(self, stmt: If) -> None:
        self.reads(stmt.cond, stmt)
        cond = self.resolve(stmt.cond)
        outer, before = self.conditions, dict(self.env)
        self.depth += 1
        self.conditions = (*outer, Condition(cond, True))
        self.block(stmt.then)
        then_env = self.env
        self.env = dict(before)
        self.conditions = (*outer, Condition(cond, False))
        if stmt.orelse is not None:
            self.block(stmt.orelse)
        self.conditions = outer
        self.depth -= 1
        self.merge(then_env, self.env, cond)
        self.leave_early(stmt, cond)

    def leave_early(self, stmt: If, cond: Expr) -> None:
        """After `if (c) continue;` (or return, break) the rest of the block runs where c is false."""
        jumps = (Continue, Break, Return)
        last = stmt.then.body[-1] if stmt.then.body else None
        if isinstance(last, jumps) and stmt.orelse is None and escapes(_without_last(stmt.then), jumps) is None:
            self.conditions = (*self.conditions, Condition(cond, False))
            if isinstance(last, Break) and self.depth == self.break_depth:
                self.table.breaks.setdefault(id(self.loops[-1]), []).append(cond)
        elif escapes(stmt, jumps) is not None:
            self.conditions = (*self.conditions, self.sometimes(stmt.at))

    def sometimes(self, at: Location) -> Condition:
        """A condition of which nothing is known."""
        return Condition(self.unknown(Symbol("condition", Scalar("int"), "local", at)), True)

    def merge(self, left: dict[Symbol, Expr], right: dict[Symbol, Expr], cond: Expr) -> None:
        merged: dict[Symbol, Expr] = {}
        for symbol in {**left, **right}:
            a = left.get(symbol, Var(symbol, at=symbol.at))
            b = right.get(symbol, Var(symbol, at=symbol.at))
            if a == b:
                merged[symbol] = a
                continue
            choice = Conditional(cond, a, b, symbol.type, at=cond.at)
            small = sum(1 for _ in walk(choice)) <= LARGEST_VALUE and isinstance(symbol.type, Scalar)
            merged[symbol] = choice if small else self.unknown(symbol)
        self.env = merged

    def counted(self, loop: Loop) -> None:
        for bound in (loop.lower, loop.upper, loop.step):
            self.reads(bound, loop)
        lower, upper, step = (self.resolve(b) for b in (loop.lower, loop.upper, loop.step))
        self.table.bounds[id(loop)] = (lower, upper, step)
        self.table.loops_of[id(loop)] = self.loops
        self.repeat(loop, loop.body)
        self.env.pop(loop.iterator, None)
        self.env[loop.iterator] = self.unknown(loop.iterator)

    def uncounted(self, loop: For | While) -> None:
        if isinstance(loop, For):
            for stmt in loop.init:
                self.statement(stmt)
        self.table.loops_of[id(loop)] = self.loops
        always = Const("1", 1, Scalar("int"), at=loop.at)
        tests_last = isinstance(loop, While) and loop.test_last
        self.table.entered[id(loop)] = always if tests_last or loop.cond is None else self.resolve(loop.cond)
        if loop.cond is not None and not tests_last:
            self.reads(loop.cond, loop)  # the first test, which is made even where the loop does not run
        self.repeat(loop, loop.body)

    def repeat(self, loop: Loop | Sequential, body: Block) -> None:
        outer_loops, outer_conditions = self.loops, self.conditions
        changed = assigned_scalars(body)
        if isinstance(loop, For):
            changed |= assigned_scalars(*loop.step)
        self.loops = (*outer_loops, loop)
        outer_break_depth = self.break_depth
        plain = _only_plain_breaks(body)
        self.break_depth = self.depth if plain else None
        if not plain:  # any iteration but the first may not run
            self.conditions = (*outer_conditions, self.sometimes(loop.at))
        local = {n.symbol for n in walk(body) if isinstance(n, Declare)}
        inner = {n.iterator for n in walk(body) if isinstance(n, Loop)}
        for symbol in sorted(changed - local - inner - self.swapped, key=lambda s: s.name):
            self.env[symbol] = self.unknown(symbol)
        for swap in self.table.swaps:
            if swap.loop is loop:
                self.name_swapped(swap)
        if isinstance(loop, Loop):
            self.env.pop(loop.iterator, None)
        elif loop.cond is not None:
            self.reads(loop.cond, loop)
        self.block(body)
        if isinstance(loop, For):
            for stmt in loop.step:
                self.statement(stmt)
        self.loops, self.conditions, self.break_depth = outer_loops, outer_conditions, outer_break_depth
        if has_return(body):
            self.conditions = (*outer_conditions, self.sometimes(loop.at))
        for symbol in sorted(changed - self.swapped, key=lambda s: s.name):
            self.env[symbol] = self.unknown(symbol)

    def name_swapped(self, swap: Swap) -> None:
        """Note which arrays the exchanged pointers point to when the loop starts."""
        for symbol in swap.symbols:
            base = self.env.get(symbol, Var(symbol, at=symbol.at))
            if not isinstance(base, Var) or base.symbol in self.table.unknowns:
                raise UnknownBase(swap.loop.at)
            self.table.swapped_arrays[symbol] = base.symbol

    def switch(self, stmt: Switch) -> None:
        self.reads(stmt.value, stmt)
        outer, before = self.conditions, dict(self.env)
        changed = assigned_scalars(*(s for case in stmt.cases for s in case.body))
        self.depth += 1
        ordered = sorted(stmt.cases, key=lambda case: case.is_default)
        for case in ordered:
            matches = self.matches(stmt, case)
            if not case.is_default:
                self.conditions = (*outer, Condition(matches, True))
            self.env = dict(before)
            for symbol in changed:
                self.env[symbol] = self.unknown(symbol)
            for inner in case.body:
                self.statement(inner)
            if not case.is_default:
                outer = (*outer, Condition(matches, False))
            self.conditions = outer
        self.depth -= 1
        self.conditions, self.env = self.conditions[: len(outer) - sum(not c.is_default for c in ordered)], dict(before)
        for symbol in sorted(changed, key=lambda s: s.name):
            self.env[symbol] = self.unknown(symbol)

    def matches(self, stmt: Switch, case: Case) -> Expr:
        """The condition under which a case runs; an unknown one where the case before it falls through."""
        position = next(i for i, c in enumerate(stmt.cases) if c is case)
        before = stmt.cases[position - 1].body if position else (None,)
        ends = not before or position == 0 or isinstance(before[-1], Break | Return)
        if not ends or not case.values:
            return self.unknown(Symbol("switch", Scalar("int"), "local", case.at))
        value = self.resolve(stmt.value)
        tests = [Binary("==", value, v, Scalar("int"), at=case.at) for v in case.values]
        cond: Expr = tests[0]
        for test in tests[1:]:
            cond = Binary("||", cond, test, Scalar("int"), at=case.at)
        return cond

    # ------------------------------------------------------------ expressions

    def unknown(self, symbol: Symbol) -> Var:
        fresh = Symbol(symbol.name, symbol.type, "local", symbol.at)
        self.table.unknowns[fresh] = self.loops
        return Var(fresh, at=symbol.at)

    def resolve(self, expr: Expr) -> Expr:
        """`expr` with every scalar replaced by what it stands for."""
        return rewrite(expr, lambda n: self.env.get(n.symbol) if isinstance(n, Var) else None)

    def reads(self, expr: Expr, stmt: Stmt) -> None:
        """Record every load in `expr`, with the condition that `?:`, `&&` and `||` put on it."""
        if isinstance(expr, Conditional):
            self.reads(expr.cond, stmt)
            self.under(expr.cond, True, expr.then, stmt)
            self.under(expr.cond, False, expr.orelse, stmt)
        elif isinstance(expr, Binary) and expr.op in ("&&", "||"):
            self.reads(expr.left, stmt)
            self.under(expr.left, expr.op == "&&", expr.right, stmt)
        elif isinstance(expr, AddressOf):
            self.address(expr, stmt)
        elif isinstance(expr, Index):
            for subscript in expr.subscripts:
                self.reads(subscript, stmt)
            self.reads_of_base(expr.base, stmt)
            if not isinstance(expr.type, Array):
                self.record(expr, stmt, "", ())
        elif isinstance(expr, Member):
            base, member = _without_members(expr)
            if not isinstance(base, Index):
                self.reads(base, stmt)
                return
            for subscript in base.subscripts:
                self.reads(subscript, stmt)
            self.reads_of_base(base.base, stmt)
            self.record(base, stmt, "", member)
        elif isinstance(expr, Call) and expr.name == "sizeof":
            return
        else:
            for child in children(expr):
                self.reads(child, stmt)  # type: ignore[arg-type]

    def under(self, cond: Expr, holds: bool, expr: Expr, stmt: Stmt) -> None:
        outer = self.conditions
        self.conditions = (*outer, Condition(self.resolve(cond), holds))
        self.reads(expr, stmt)
        self.conditions = outer

    def address(self, expr: AddressOf, stmt: Stmt) -> None:
        """`&a[i]` loads nothing, but its subscripts are evaluated."""
        operand = expr.operand
        if isinstance(operand, Index):
            for subscript in operand.subscripts:
                self.reads(subscript, stmt)
            self.reads_of_base(operand.base, stmt)

    def reads_of_base(self, base: Expr, stmt: Stmt) -> None:
        """Loads that happen while the address `base` is computed (not `base` itself)."""
        if isinstance(base, Binary):
            self.reads_of_base(base.left, stmt)
            self.reads(base.right, stmt)
        elif isinstance(base, Cast):
            self.reads_of_base(base.operand, stmt)
        elif isinstance(base, Index | AddressOf):
            self.reads(base, stmt)
        elif isinstance(base, Member):
            self.reads_of_base(base.base, stmt)

    def record(self, index: Index, stmt: Stmt, op: str, member: tuple[str, ...]) -> None:
        place = Places(self.resolve, self.table.unknowns.__contains__).place(index)
        if place is None:
            return
        self.order += 1
        access = Access(place.array, place.subscripts, op, self.loops, self.conditions, index, stmt, self.order)
        access = dataclasses.replace(
            access, byte_size=place.byte_size, until=self.until, member=(*place.member, *member)
        )
        self.table.accesses.append(access)


def converted(value: Expr, kind: Type) -> Expr:
    """The value as a variable of type `kind` holds it: cut off where the variable is narrower."""
    if not isinstance(kind, Scalar) or not isinstance(value.type, Scalar) or value.type.name == kind.name:
        return value
    if isinstance(value, Const) and isinstance(value.value, int) and kind.is_integer and 0 <= value.value < 128:
        return value
    same_kind = kind.is_integer == value.type.is_integer and kind.name != "bool"
    wide = (element_size(kind) or 0) >= max(4, element_size(value.type) or 0)
    return value if same_kind and wide else Cast(kind, value, at=value.at)


def _only_plain_breaks(body: Block) -> bool:
    """Whether the loop is left early by nothing but `if (c) { ...; break; }` among the statements of its own body."""
    plain: list[Stmt] = []
    for stmt in statements(body):
        if isinstance(stmt, If) and stmt.orelse is None and stmt.then.body and isinstance(stmt.then.body[-1], Break):
            stmt = dataclasses.replace(stmt, then=_without_last(stmt.then))
        plain.append(stmt)
    return escapes(Block(tuple(plain), at=body.at), (Break, Return)) is None


def _without_last(block: Block) -> Block:
    return dataclasses.replace(block, body=block.body[:-1])


def _without_members(expr: Expr) -> tuple[Expr, tuple[str, ...]]:
    """`p[i].v.x` --> (`p[i]`, ("v", "x"))."""
    names: list[str] = []
    while isinstance(expr, Member):
        names.insert(0, expr.name)
        expr = expr.base
    return expr, tuple(names)
