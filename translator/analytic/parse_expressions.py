"""From expressions of the syntax tree to IR expressions without side effects.

Side effects are hoisted: `++k` and nested assignments run before the full expression, `k++` after it. C leaves most
other orders undefined; what could be read in two ways is refused (MUSL008).
"""

from __future__ import annotations

from collections.abc import Callable

from tree_sitter import Node as SyntaxNode

from data.c_types import CAuto, COpaque, CScalar, CType
from data.literals import canonical_scalar, char_literal
from data.syntax import field, named, text_of
from translator.analytic import codes, parse_accesses
from translator.analytic.ir import (
    Assign,
    Binary,
    Cast,
    Conditional,
    Const,
    Declare,
    Expr,
    Index,
    InitList,
    Location,
    Member,
    Pointer,
    Scalar,
    Type,
    Unary,
    Var,
    Void,
)
from translator.analytic.known_functions import MACRO_CONSTANTS
from translator.analytic.parse_accesses import is_zero, scalar_of
from translator.analytic.parse_calls import lower_call
from translator.analytic.parse_initializers import lower_init_list
from translator.analytic.parse_literals import number_constant
from translator.analytic.parse_sizes import size_constant
from translator.analytic.parse_types import INT, RefusedError, common_type, decay, lower_type, promote
from translator.analytic.parse_unit import Effects, Scopes, Unit, operator_of, short
from translator.analytic.visit import walk

_COMPARISONS = {"<", "<=", ">", ">=", "==", "!="}
_REFUSED_NODES = {
    "gnu_asm_expression": (codes.INLINE_ASSEMBLY, "inline assembly"),
    "lambda_expression": (codes.CXX_FEATURE, "lambda expression"),
    "new_expression": (codes.CXX_FEATURE, "new"),
    "delete_expression": (codes.CXX_FEATURE, "delete"),
    "co_await_expression": (codes.CXX_FEATURE, "coroutine"),
    "fold_expression": (codes.CXX_FEATURE, "template"),
    "this": (codes.CXX_FEATURE, "this"),
    "ERROR": (codes.SYNTAX_ERROR, "syntax error"),
}


class ExpressionParser:
    """Lowers expressions within one function; `effects` collects what the current full expression does besides."""

    def __init__(self, unit: Unit, scopes: Scopes) -> None:
        self.unit = unit
        self.scopes = scopes
        self.effects = Effects()

    # ------------------------------------------------------------ doors

    def full(self, *nodes: SyntaxNode) -> tuple[list[Expr], Effects]:
        """The nodes of one full expression, and its effects; RefusedError where their order is not plain."""
        outer, self.effects = self.effects, Effects()
        try:
            exprs = [self.lower(node) for node in nodes]
            self.check_order(exprs)
            return exprs, self.effects
        finally:
            self.effects = outer

    def pure(self, node: SyntaxNode) -> Expr:
        """The node as an expression; RefusedError if it has side effects."""
        (expr,), effects = self.full(node)
        if not effects.none:
            raise self.refusal(codes.SIDE_EFFECT, f"side effect in `{short(node)}`", node)
        return expr

    def lower(self, node: SyntaxNode) -> Expr:
        """The node as an expression; its side effects go to `self.effects`."""
        if node.type in _REFUSED_NODES:
            code, what = _REFUSED_NODES[node.type]
            raise self.refusal(code, what, node)
        handler = _HANDLERS.get(node.type)
        if handler is None:
            raise self.refusal(codes.UNSUPPORTED_SYNTAX, f"`{short(node)}` ({node.type.replace('_', ' ')})", node)
        return handler(self, node)

    def refusal(self, code: str, message: str, node: SyntaxNode) -> RefusedError:
        return RefusedError(code, message, self.unit.at(node))

    def child(self, node: SyntaxNode, name: str) -> SyntaxNode:
        """The child in a field that the grammar always fills; RefusedError (syntax error) where it is missing."""
        found = field(node, name)
        if found is None or found.is_missing:
            raise self.refusal(codes.SYNTAX_ERROR, f"syntax error in `{short(node)}`", node)
        return found

    def lower_ctype(self, ctype: CType, node: SyntaxNode) -> Type:
        return lower_type(ctype, self.unit.at(node), self.pure)

    def check_order(self, exprs: list[Expr]) -> None:
        """A variable that changes in the expression may not be named elsewhere in it: C leaves their order open."""
        for changed, allowed in self.effects.unsettled:
            if sum(isinstance(n, Var) and n.symbol is changed.symbol for n in walk(*exprs)) > allowed:
                message = f"`{changed.symbol.name}` changes and is used in the same expression"
                raise RefusedError(codes.SIDE_EFFECT, message, changed.at)
        for target, _ in self.effects.after:
            if isinstance(target, Var):
                uses = sum(isinstance(n, Var) and n.symbol is target.symbol for n in walk(*exprs, *self.effects.before))
                if uses != 1:
                    message = f"`{target.symbol.name}` changes and is used in the same expression"
                    raise RefusedError(codes.SIDE_EFFECT, message, target.at)

    # ------------------------------------------------------------ leaves

    def number(self, node: SyntaxNode) -> Expr:
        text, at = text_of(node), self.unit.at(node)
        if text.startswith(("-", "+")):
            operand = number_constant(text[1:], at)
            return Unary("-" if text[0] == "-" else "+", operand, promote(scalar_of(operand)), at=at)
        return number_constant(text, at)

    def character(self, node: SyntaxNode) -> Expr:
        value = char_literal(text_of(node))
        if value is None:
            raise self.refusal(codes.UNSUPPORTED_SYNTAX, f"character literal {text_of(node)}", node)
        return Const(text_of(node), value, INT if self.unit.is_c else Scalar("char"), at=self.unit.at(node))

    def string(self, node: SyntaxNode) -> Expr:
        return Const(text_of(node), None, Pointer(Scalar("char"), const=True), at=self.unit.at(node))

    def truth(self, node: SyntaxNode) -> Expr:
        kind = INT if self.unit.is_c else Scalar("bool")
        return Const(node.type, int(node.type == "true"), kind, at=self.unit.at(node))

    def null(self, node: SyntaxNode) -> Expr:
        return Const("nullptr", 0, Pointer(Void()), at=self.unit.at(node))

    def identifier(self, node: SyntaxNode) -> Expr:
        name, at = text_of(node), self.unit.at(node)
        symbol = self.scopes.find(name)
        if symbol is not None:
            return reference(symbol.type, Var(symbol, at=at), at)
        if name in self.unit.types.constants:
            value = self.unit.types.constants[name]
            return Const(name if self.unit.is_file_constant(name) else str(value), value, INT, at=at)
        if name in MACRO_CONSTANTS:
            number, kind = MACRO_CONSTANTS[name]
            return Const(name, number, kind, at=at)
        if name in ("NULL", "__null", "nullptr"):
            return self.null(node)
        if name in ("true", "false"):
            return Const(name, int(name == "true"), INT, at=at)
        if name in self.unit.signatures:
            raise self.refusal(codes.FUNCTION_POINTER, f"`{name}` used as a value", node)
        raise self.refusal(codes.UNKNOWN_NAME, f"`{name}` is not declared", node)

    def qualified(self, node: SyntaxNode) -> Expr:
        text = text_of(node)
        name = text.rsplit("::", 1)[-1]
        if name in self.unit.types.constants:
            return Const(text, self.unit.types.constants[name], INT, at=self.unit.at(node))
        raise self.refusal(codes.CXX_FEATURE, f"qualified name {text}", node)

    # ------------------------------------------------------------ operators

    def parenthesized(self, node: SyntaxNode) -> Expr:
        inner = named(node)
        if len(inner) != 1 or inner[0].type == "compound_statement":
            raise self.refusal(codes.UNSUPPORTED_SYNTAX, f"`{short(node)}`", node)
        return self.lower(inner[0])

    def unary(self, node: SyntaxNode) -> Expr:
        operator = operator_of(node)
        operand = self.value(self.child(node, "argument"))
        kind = operand.type
        if operator == "!":
            result: Type = INT if self.unit.is_c else Scalar("bool")
        elif isinstance(kind, Scalar):
            result = promote(kind)
        else:
            raise self.refusal(codes.UNSUPPORTED_TYPE, f"operand of `{short(node)}` is not a number", node)
        if operator not in ("-", "+", "!", "~"):
            raise self.refusal(codes.UNSUPPORTED_SYNTAX, f"operator {operator}", node)
        return Unary(operator, operand, result, at=self.unit.at(node))  # type: ignore[arg-type]

    def binary(self, node: SyntaxNode) -> Expr:
        operator = operator_of(node)
        left = self.value(self.child(node, "left"))
        if operator in ("&&", "||"):
            self.sequence_point(left, node)
            right = self.pure(self.child(node, "right"))
            return Binary(operator, left, right, self.truth_type(), at=self.unit.at(node))
        return self.combine(operator, left, self.value(self.child(node, "right")), node)

    def sequence_point(self, left: Expr, node: SyntaxNode) -> None:
        """What `left` changes must be done before what follows is evaluated; changes after the expression come late."""
        if self.effects.after:
            raise self.refusal(codes.SIDE_EFFECT, f"side effect in `{short(node)}`", node)
        self.effects.unsettled.clear()

    def truth_type(self) -> Scalar:
        return INT if self.unit.is_c else Scalar("bool")

    def combine(self, operator: str, left: Expr, right: Expr, node: SyntaxNode) -> Expr:
        """`left operator right` with its type by C's conversions."""
        at = self.unit.at(node)
        lhs, rhs = decay(left.type), decay(right.type)
        if operator in _COMPARISONS:
            return Binary(operator, left, right, self.truth_type(), at=at)
        if isinstance(lhs, Scalar) and isinstance(rhs, Scalar):
            kind = promote(lhs) if operator in ("<<", ">>") else common_type(lhs, rhs)
            return Binary(operator, left, right, kind, at=at)
        if isinstance(lhs, Pointer) and isinstance(rhs, Pointer) and operator == "-":
            return Binary("-", left, right, Scalar("long"), at=at)
        if isinstance(lhs, Pointer) and isinstance(rhs, Scalar) and operator in ("+", "-"):
            return Binary(operator, left, right, lhs, at=at)
        if isinstance(lhs, Scalar) and isinstance(rhs, Pointer) and operator == "+":
            return Binary("+", right, left, rhs, at=at)
        raise self.refusal(codes.UNSUPPORTED_TYPE, f"operands of `{short(node)}`", node)

    def value(self, node: SyntaxNode) -> Expr:
        return self.lower(node)

    def conditional(self, node: SyntaxNode) -> Expr:
        cond = self.value(self.child(node, "condition"))
        self.sequence_point(cond, node)
        orelse = self.pure(self.child(node, "alternative"))
        then_node = field(node, "consequence")
        then = self.pure(then_node) if then_node is not None else cond  # GNU `a ?: b`
        return Conditional(cond, then, orelse, self.conditional_type(then, orelse, node), at=self.unit.at(node))

    def conditional_type(self, then: Expr, orelse: Expr, node: SyntaxNode) -> Type:
        lhs, rhs = decay(then.type), decay(orelse.type)
        if isinstance(lhs, Scalar) and isinstance(rhs, Scalar):
            # C++ keeps the type of two operands of one type; C promotes them
            return lhs if not self.unit.is_c and lhs.name == rhs.name else common_type(lhs, rhs)
        if isinstance(lhs, Pointer) and isinstance(then, Const):
            return rhs if isinstance(rhs, Pointer) else lhs
        if isinstance(lhs, Scalar) and isinstance(rhs, Pointer):
            return rhs
        return lhs

    def comma(self, node: SyntaxNode) -> Expr:
        """`a, b` where only b's value counts: a's effects come before."""
        left = self.child(node, "left")
        _, effects = self.full(left)
        self.sequence_point(Const("0", 0, INT, at=self.unit.at(node)), node)
        self.effects.before.extend([*effects.before, *(stmt for _, stmt in effects.after)])
        return self.lower(self.child(node, "right"))

    # ------------------------------------------------------------ side effects

    def assignment(self, node: SyntaxNode) -> Expr:
        """An assignment used as a value: it happens first, then the target is read."""
        target, stmt = self.assign(node)
        self.effects.before.append(stmt)
        repeats = isinstance(stmt.value, Const | Var) and stmt.op == "=" and stmt.value.type == target.type
        if isinstance(target, Var):
            self.effects.unsettled.append((target, 0 if repeats else 1))
        return stmt.value if repeats else target

    def assign(self, node: SyntaxNode) -> tuple[Expr, Assign]:
        """The statement of an assignment expression, and its target."""
        operator = operator_of(node)
        target = self.lower(self.child(node, "left"))
        if not isinstance(target, Var | Index | Member):
            raise self.refusal(codes.UNSUPPORTED_SYNTAX, f"assignment to `{short(node)}`", node)
        right = self.child(node, "right")
        if right.type == "initializer_list":
            value: Expr = self.init_list(right, target.type)
        else:
            value = self.value(right)
        return target, Assign(target, operator, value, at=self.unit.at(node))

    def update(self, node: SyntaxNode) -> Expr:
        """`k++` reads now and changes after the full expression; `++k` changes before it."""
        target, stmt = self.change(node)
        operator = self.child(node, "operator")
        argument = self.child(node, "argument")
        if operator.start_byte < argument.start_byte:
            self.effects.before.append(stmt)
            if isinstance(target, Var):
                self.effects.unsettled.append((target, 1))
            return target
        if isinstance(target, Var):
            self.effects.after.append((target, stmt))
            return target
        old = self.scopes.temporary(decay(target.type), target.at)
        self.effects.before += [Declare(old, target, at=target.at), stmt]
        return Var(old, at=target.at)

    def change(self, node: SyntaxNode) -> tuple[Expr, Assign]:
        """The statement of `k++`, `++k`, `k--`, `--k`, and its target."""
        target = self.lower(self.child(node, "argument"))
        at = self.unit.at(node)
        operator = "+=" if operator_of(node) == "++" else "-="
        return target, Assign(target, operator, Const("1", 1, INT, at=at), at=at)

    # ------------------------------------------------------------ casts, sizes, initializers

    def cast(self, node: SyntaxNode) -> Expr:
        descriptor, value = self.child(node, "type"), self.child(node, "value")
        variable = self.variable_in_cast(descriptor)
        if variable is not None:
            return self.miscast(node, variable, value)
        ctype, _ = self.unit.types.type_of_descriptor(descriptor)
        return self.cast_to(ctype, self.value(value), node)

    def variable_in_cast(self, descriptor: SyntaxNode) -> SyntaxNode | None:
        """The variable `n` where the grammar took `(n) - 1` for a cast of -1 to a type `n`."""
        kind = field(descriptor, "type")
        if kind is None or kind.type != "type_identifier" or field(descriptor, "declarator") is not None:
            return None
        return kind if self.scopes.find(text_of(kind)) is not None else None

    def miscast(self, node: SyntaxNode, variable: SyntaxNode, value: SyntaxNode) -> Expr:
        left = self.identifier(variable)
        if value.type == "number_literal" and text_of(value)[0] in "+-":
            right = number_constant(text_of(value)[1:], self.unit.at(value))
            return self.combine(text_of(value)[0], left, right, node)
        if value.type in ("unary_expression", "pointer_expression") and operator_of(value) in ("-", "+", "*", "&"):
            return self.combine(operator_of(value), left, self.value(self.child(value, "argument")), node)
        raise self.refusal(codes.SYNTAX_ERROR, f"cannot read `{short(node)}`", node)

    def cast_to(self, ctype: CType, operand: Expr, node: SyntaxNode) -> Expr:
        target = self.lower_ctype(ctype, node)
        if isinstance(target, Pointer) and isinstance(target.to, Void) and is_zero(operand):
            return self.null(node)
        if isinstance(target, Pointer) and isinstance(operand, Cast) and operand.type == Pointer(Void()):
            operand = operand.operand
        return Cast(target, operand, at=self.unit.at(node))

    def compound_literal(self, node: SyntaxNode) -> Expr:
        kind_node = self.child(node, "type")
        if kind_node.type == "type_descriptor":
            ctype = self.unit.types.type_of_descriptor(kind_node)[0]
        else:
            ctype = self.named_type(text_of(kind_node)) or COpaque(text_of(kind_node))
        target = self.lower_ctype(ctype, node)
        items = self.init_list(self.child(node, "value"), target)
        return items.items[0] if isinstance(target, Scalar) and items.items else items

    def named_type(self, text: str) -> CType | None:
        """The type that a (functional cast's) name stands for; None where it names none."""
        scalar = canonical_scalar(text.split())
        if scalar is not None:
            return CScalar(scalar)
        found = self.unit.types.lookup(text.removeprefix("std::"))
        return None if isinstance(found, COpaque | CAuto) else found

    def init_list(self, node: SyntaxNode, target: Type) -> InitList:
        return lower_init_list(self, node, target)


def reference(kind: Type, variable: Expr, at: Location) -> Expr:
    """A use of a variable: what a C++ reference refers to, any other variable itself."""
    if isinstance(kind, Pointer) and kind.reference:
        return Index(variable, (Const("0", 0, INT, at=at),), kind.to, at=at)
    return variable


_HANDLERS: dict[str, Callable[[ExpressionParser, SyntaxNode], Expr]] = {
    "number_literal": ExpressionParser.number,
    "char_literal": ExpressionParser.character,
    "string_literal": ExpressionParser.string,
    "raw_string_literal": ExpressionParser.string,
    "concatenated_string": ExpressionParser.string,
    "true": ExpressionParser.truth,
    "false": ExpressionParser.truth,
    "null": ExpressionParser.null,
    "identifier": ExpressionParser.identifier,
    "qualified_identifier": ExpressionParser.qualified,
    "parenthesized_expression": ExpressionParser.parenthesized,
    "unary_expression": ExpressionParser.unary,
    "binary_expression": ExpressionParser.binary,
    "conditional_expression": ExpressionParser.conditional,
    "comma_expression": ExpressionParser.comma,
    "assignment_expression": ExpressionParser.assignment,
    "update_expression": ExpressionParser.update,
    "pointer_expression": parse_accesses.pointer,
    "subscript_expression": parse_accesses.subscript,
    "field_expression": parse_accesses.member,
    "cast_expression": ExpressionParser.cast,
    "sizeof_expression": size_constant,
    "compound_literal_expression": ExpressionParser.compound_literal,
    "call_expression": lower_call,
    "condition_clause": ExpressionParser.parenthesized,
}
