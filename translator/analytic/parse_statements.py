"""From statements of the syntax tree to IR statements; what an expression changes becomes statements of its own."""

from __future__ import annotations

from collections.abc import Callable

from tree_sitter import Node as SyntaxNode

from data.c_types import CAuto, CFunction, Declared
from data.syntax import field, named, text_of
from data.syntax import walk as walk_syntax
from translator.analytic import codes
from translator.analytic.ir import (
    AddressOf,
    Array,
    Assign,
    Block,
    Break,
    Call,
    Case,
    Cast,
    Const,
    Continue,
    Declare,
    Evaluate,
    Expr,
    If,
    Location,
    Pointer,
    Return,
    Scalar,
    Stmt,
    Switch,
    Symbol,
    Type,
    Unsupported,
    Var,
    Void,
)
from translator.analytic.parse_expressions import ExpressionParser
from translator.analytic.parse_initializers import completed
from translator.analytic.parse_loops import LOOPS
from translator.analytic.parse_types import INT, RefusedError, decay
from translator.analytic.parse_unit import Effects, Scopes, Unit

_REFUSED_NODES = {
    "goto_statement": (codes.GOTO, "goto"),
    "labeled_statement": (codes.GOTO, "label"),
    "gnu_asm_statement": (codes.INLINE_ASSEMBLY, "inline assembly"),
    "for_range_loop": (codes.CXX_FEATURE, "range-based for"),
    "try_statement": (codes.CXX_FEATURE, "exception handling"),
    "throw_statement": (codes.CXX_FEATURE, "exception handling"),
    "co_return_statement": (codes.CXX_FEATURE, "coroutine"),
    "using_declaration": (codes.CXX_FEATURE, "using declaration"),
    "case_statement": (codes.MISPLACED_LABEL, "case label inside a nested statement"),
    "ERROR": (codes.SYNTAX_ERROR, "syntax error"),
}
_SKIPPED = {
    "comment",
    "preproc_call",
    ";",
    "{",
    "}",
    "type_definition",
    "attribute_declaration",
    "static_assert_declaration",
}


class StatementParser:
    """Lowers the statements of one function; `unsupported` collects what the IR does not hold."""

    def __init__(self, unit: Unit, scopes: Scopes) -> None:
        self.unit = unit
        self.scopes = scopes
        self.expressions = ExpressionParser(unit, scopes)
        self.unsupported: list[Unsupported] = []

    def at(self, node: SyntaxNode) -> Location:
        return self.unit.at(node)

    def refusal(self, code: str, message: str, node: SyntaxNode) -> RefusedError:
        return RefusedError(code, message, self.at(node))

    # ------------------------------------------------------------ sequences

    def block(self, node: SyntaxNode) -> Block:
        """The statement as a block with its own scope."""
        self.scopes.enter()
        try:
            children = node.children if node.type == "compound_statement" else [node]
            return Block(tuple(self.sequence(children)), at=self.at(node))
        finally:
            self.scopes.leave()

    def sequence(self, nodes: list[SyntaxNode]) -> list[Stmt]:
        """The statements in order; one that is refused is recorded and left out."""
        result: list[Stmt] = []
        for node in nodes:
            try:
                result.extend(self.statement(node))
            except RefusedError as refusal:
                self.unsupported.append(refusal.unsupported)
        return result

    def statement(self, node: SyntaxNode) -> list[Stmt]:
        """One statement as the IR statements that stand for it."""
        if node.type in _SKIPPED:
            if node.type == "type_definition":
                self.unit.types.read_declaration(node)
            return []
        if node.is_missing:
            raise self.refusal(codes.SYNTAX_ERROR, f"syntax error: missing `{node.type}`", node)
        if node.type in _REFUSED_NODES:
            code, message = _REFUSED_NODES[node.type]
            raise self.refusal(code, message, node)
        handler = _HANDLERS.get(node.type)
        if handler is None:
            raise self.refusal(codes.UNSUPPORTED_SYNTAX, f"{node.type.replace('_', ' ')}", node)
        return handler(self, node)

    def compound(self, node: SyntaxNode) -> list[Stmt]:
        return [self.block(node)]

    # ------------------------------------------------------------ declarations

    def declaration(self, node: SyntaxNode) -> list[Stmt]:
        self.unit.types.read_declaration(node)
        storage = {text_of(c) for c in node.children if c.type == "storage_class_specifier"}
        qualifiers = {text_of(c) for c in node.children if c.type == "type_qualifier"}
        if qualifiers & {"volatile", "_Atomic"}:
            raise self.refusal(codes.VOLATILE, "volatile or atomic variable", node)
        result: list[Stmt] = []
        declarators = node.children_by_field_name("declarator")
        for declarator, declared in zip(declarators, self.unit.types.declarations(node), strict=True):
            if isinstance(declared.type, CFunction) or "extern" in storage:
                continue
            if "static" in storage and not declared.const and not _is_const_array(declared):
                raise self.refusal(codes.STATIC_LOCAL, f"static variable `{text_of(declarator)}`", declarator)
            result.extend(self.declare(declarator, declared))
        return result

    def declare(self, node: SyntaxNode, declared: Declared) -> list[Stmt]:
        """One declared variable: what its initializer changes, the declaration, what changes after it."""
        if declared.name is None:
            raise self.refusal(codes.SYNTAX_ERROR, "syntax error in a declaration", node)
        at, name = self.at(declared.name), text_of(declared.name)
        value = field(node, "value") if node.type == "init_declarator" else None
        ctype = declared.type
        kind: Type | None = None
        if not _has_auto(ctype):
            kind = local_type(self.expressions.lower_ctype(ctype, node))
        if value is None:
            if kind is None:
                raise self.refusal(codes.SYNTAX_ERROR, f"`auto {name}` without initializer", node)
            return [Declare(self.new_local(name, kind, at, declared.const), None, at=at)]
        init, effects = self.initializer(value, kind)
        if kind is None:
            kind = _deduced(ctype, init)
        kind = completed(kind, init, at)
        if isinstance(kind, Pointer) and kind.reference:
            init = AddressOf(init, Pointer(init.type), at=init.at)
        symbol = self.new_local(name, kind, at, declared.const)
        return [*effects.before, Declare(symbol, init, at=at), *(stmt for _, stmt in effects.after)]

    def new_local(self, name: str, kind: Type, at: Location, const: bool) -> Symbol:
        return self.scopes.declare(name, kind, "local", at, const)

    def initializer(self, node: SyntaxNode, kind: Type | None) -> tuple[Expr, Effects]:
        """`= expr`, `= {...}`, C++'s `{...}` and `(expr)`."""
        if node.type == "argument_list":
            arguments = named(node)
            if len(arguments) != 1:
                raise self.refusal(codes.CXX_FEATURE, "constructor call", node)
            node = arguments[0]
        if node.type == "initializer_list":
            if kind is None:
                raise self.refusal(codes.CXX_FEATURE, "auto with a brace initializer", node)
            items = self.expressions.init_list(node, kind)
            if isinstance(kind, Scalar | Pointer):
                return (items.items[0] if items.items else Const("0", 0, INT, at=items.at)), Effects()
            return items, Effects()
        (init,), effects = self.expressions.full(node)
        return init, effects

    # ------------------------------------------------------------ expressions as statements

    def expression_statement(self, node: SyntaxNode) -> list[Stmt]:
        inner = named(node)
        return self.effect(inner[0]) if inner else []

    def effect(self, node: SyntaxNode) -> list[Stmt]:
        """An expression evaluated for what it does."""
        while node.type == "parenthesized_expression" and len(named(node)) == 1:
            node = named(node)[0]
        if node.type == "comma_expression" and assertion(node) is None:
            left, right = self.expressions.child(node, "left"), self.expressions.child(node, "right")
            return [*self.effect(left), *self.effect(right)]
        if node.type in ("assignment_expression", "update_expression"):
            return self.assignment(node)
        condition = assertion(node)
        if condition is not None:
            value = self.expressions.pure(condition)
            return [Evaluate(Call("assert", (value,), Void(), at=value.at), at=value.at)]
        if node.type == "conditional_expression":
            return self.conditional_effect(node)
        if node.type == "binary_expression" and text_of(self.expressions.child(node, "operator")) in ("&&", "||"):
            return self.short_circuit_effect(node)
        if node.type == "call_expression" and text_of(self.expressions.child(node, "function")) in (
            "std::swap",
            "swap",
        ):
            swapped = self.swap(node)
            if swapped is not None:
                return swapped
        (expr,), effects = self.expressions.full(node)
        while isinstance(expr, Cast):  # (void)f(x)
            expr = expr.operand
        stmts: list[Stmt] = [Evaluate(expr, at=expr.at)] if isinstance(expr, Call) else []
        return [*effects.before, *stmts, *(stmt for _, stmt in effects.after)]

    def swap(self, node: SyntaxNode) -> list[Stmt] | None:
        """`std::swap(a, b)` as three assignments; None where `swap` is a function of the file."""
        arguments = named(self.expressions.child(node, "arguments"))
        if self.unit.is_c or len(arguments) != 2 or "swap" in self.unit.signatures:
            return None
        left, right = (self.expressions.pure(argument) for argument in arguments)
        at = self.at(node)
        kept = self.keep(left)
        return [kept, Assign(left, "=", right, at=at), Assign(right, "=", Var(kept.symbol, at=at), at=at)]

    def assignment(self, node: SyntaxNode) -> list[Stmt]:
        outer, self.expressions.effects = self.expressions.effects, Effects()
        try:
            assign = self.expressions.assign if node.type == "assignment_expression" else self.expressions.change
            target, stmt = assign(node)
            self.expressions.check_order([target, stmt.value])
            effects = self.expressions.effects
        finally:
            self.expressions.effects = outer
        return [*effects.before, stmt, *(after for _, after in effects.after)]

    def conditional_effect(self, node: SyntaxNode) -> list[Stmt]:
        at = self.at(node)
        then = Block(tuple(self.effect(self.expressions.child(node, "consequence"))), at=at)
        orelse = Block(tuple(self.effect(self.expressions.child(node, "alternative"))), at=at)
        return self.branch(self.expressions.child(node, "condition"), then, orelse if orelse.body else None, at)

    def short_circuit_effect(self, node: SyntaxNode) -> list[Stmt]:
        at = self.at(node)
        then = Block(tuple(self.effect(self.expressions.child(node, "right"))), at=at)
        left = self.expressions.child(node, "left")
        if text_of(self.expressions.child(node, "operator")) == "&&":
            return self.branch(left, then, None, at)
        return self.branch(left, Block((), at=at), then, at)

    # ------------------------------------------------------------ branches

    def branch(self, cond_node: SyntaxNode, then: Block, orelse: Block | None, at: Location) -> list[Stmt]:
        """`if (a && b) then` with side effects in b is `if (a) if (b) then`."""
        try:
            before, cond = self.condition(cond_node)
        except RefusedError:
            parts = _conjunction(cond_node) if orelse is None else None
            if parts is None:
                raise
            inner = Block(tuple(self.branch(parts[1], then, None, at)), at=at)
            return self.branch(parts[0], inner, None, at)
        return [*before, If(cond, then, orelse, at=at)]

    def condition(self, node: SyntaxNode) -> tuple[list[Stmt], Expr]:
        """A condition that is evaluated once: the statements before it, and the value to test after them."""
        (cond,), effects = self.expressions.full(node)
        effects.settle(cond)
        if not effects.after:
            return effects.before, cond
        kept = self.keep(cond)
        return [*effects.before, kept, *(stmt for _, stmt in effects.after)], Var(kept.symbol, at=cond.at)

    def keep(self, value: Expr) -> Declare:
        """A new local that holds a value which changes afterwards."""
        return Declare(self.scopes.temporary(decay(value.type), value.at), value, at=value.at)

    def if_statement(self, node: SyntaxNode) -> list[Stmt]:
        then = self.block(self.expressions.child(node, "consequence"))
        alternative = field(node, "alternative")
        orelse = None
        if alternative is not None:
            inner = named(alternative) if alternative.type == "else_clause" else [alternative]
            orelse = self.block(inner[0]) if inner else None
        return self.branch(self.expressions.child(node, "condition"), then, orelse, self.at(node))

    def switch_statement(self, node: SyntaxNode) -> list[Stmt]:
        before, value = self.condition(self.expressions.child(node, "condition"))
        body = self.expressions.child(node, "body")
        self.scopes.enter()
        try:
            return [*before, Switch(value, tuple(self.cases(body)), at=self.at(node))]
        finally:
            self.scopes.leave()

    def cases(self, body: SyntaxNode) -> list[Case]:
        cases: list[Case] = []
        values: list[Expr] = []
        is_default = False
        for child in named(body) if body.type == "compound_statement" else [body]:
            if child.type != "case_statement":
                raise self.refusal(codes.MISPLACED_LABEL, "statement before the first case", child)
            value = field(child, "value")
            if value is not None:
                values.append(self.expressions.pure(value))
            is_default = is_default or value is None
            statements = [c for c in child.children if c.is_named and c.type != "comment" and c != value]
            if not statements:
                continue  # the label shares the next one's statements
            cases.append(Case(tuple(values), is_default, tuple(self.sequence(statements)), at=self.at(child)))
            values, is_default = [], False
        if values or is_default:
            cases.append(Case(tuple(values), is_default, (), at=self.at(body)))
        return cases

    # ------------------------------------------------------------ loops

    def loop(self, node: SyntaxNode) -> list[Stmt]:
        self.scopes.enter()
        try:
            return LOOPS[node.type](self, node)
        finally:
            self.scopes.leave()

    # ------------------------------------------------------------ jumps

    def break_statement(self, node: SyntaxNode) -> list[Stmt]:
        return [Break(at=self.at(node))]

    def continue_statement(self, node: SyntaxNode) -> list[Stmt]:
        return [Continue(at=self.at(node))]

    def return_statement(self, node: SyntaxNode) -> list[Stmt]:
        inner = named(node)
        if not inner:
            return [Return(None, at=self.at(node))]
        if inner[0].type == "initializer_list":
            raise self.refusal(codes.UNSUPPORTED_SYNTAX, "return of a brace list", node)
        (value,), effects = self.expressions.full(inner[0])
        after = [
            stmt for target, stmt in effects.after if not isinstance(target, Var) or target.symbol.kind == "global"
        ]
        if not after:
            return [*effects.before, Return(value, at=self.at(node))]
        kept = self.keep(value)
        return [*effects.before, kept, *after, Return(Var(kept.symbol, at=value.at), at=self.at(node))]

    def type_statement(self, node: SyntaxNode) -> list[Stmt]:
        self.unit.types.read_declaration(node)
        return []


def _conjunction(node: SyntaxNode) -> tuple[SyntaxNode, SyntaxNode] | None:
    """The two sides of `a && b`, None for another expression."""
    while node.type in ("parenthesized_expression", "condition_clause") and len(named(node)) == 1:
        node = named(node)[0]
    left, right, operator = field(node, "left"), field(node, "right"), field(node, "operator")
    if node.type != "binary_expression" or operator is None or text_of(operator) != "&&":
        return None
    return (left, right) if left is not None and right is not None else None


def assertion(node: SyntaxNode) -> SyntaxNode | None:
    """The condition of what glibc's `assert(condition)` expands to; None for any other expression."""
    if "__assert_fail" not in text_of(node):
        return None
    branch = next((n for n in walk_syntax(node) if n.type in ("if_statement", "conditional_expression")), None)
    while branch is not None and "__assert_fail" not in text_of(branch):
        branch = next((n for n in walk_syntax(node) if n.type == "if_statement"), None)
    return field(branch, "condition") if branch is not None else None


def _is_const_array(declared: Declared) -> bool:
    return getattr(declared.type, "const", False) is True and type(declared.type).__name__ == "CArray"


def _has_auto(ctype: object) -> bool:
    while not isinstance(ctype, CAuto):
        ctype = getattr(ctype, "to", None) or getattr(ctype, "of", None)
        if ctype is None:
            return False
    return True


def _deduced(ctype: object, init: Expr) -> Type:
    """The type that `auto`, `auto *` or `auto &` takes from its initializer."""
    if isinstance(ctype, CAuto):
        return decay(init.type)
    if getattr(ctype, "reference", False):
        return Pointer(init.type, bool(getattr(ctype, "const", False)), reference=True)
    return decay(init.type)


def local_type(kind: Type) -> Type:
    """A local's type: an enum variable becomes its int, which any integer can be assigned to in C++ too."""
    if isinstance(kind, Scalar) and kind.spelling.startswith("enum "):
        return Scalar(kind.name)
    if isinstance(kind, Array):
        return Array(local_type(kind.of), kind.extents, kind.const)
    return kind


_HANDLERS: dict[str, Callable[[StatementParser, SyntaxNode], list[Stmt]]] = {
    "compound_statement": StatementParser.compound,
    "declaration": StatementParser.declaration,
    "expression_statement": StatementParser.expression_statement,
    "if_statement": StatementParser.if_statement,
    "switch_statement": StatementParser.switch_statement,
    "for_statement": StatementParser.loop,
    "while_statement": StatementParser.loop,
    "do_statement": StatementParser.loop,
    "break_statement": StatementParser.break_statement,
    "continue_statement": StatementParser.continue_statement,
    "return_statement": StatementParser.return_statement,
    "struct_specifier": StatementParser.type_statement,
    "union_specifier": StatementParser.type_statement,
    "enum_specifier": StatementParser.type_statement,
    "alias_declaration": StatementParser.type_statement,
}
