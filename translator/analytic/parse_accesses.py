"""Memory accesses in one form: `*p`, `*(p + i)`, `(p + i)[j]`, `a[i][j]` as one `Index`, `p->x` as `Member` of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tree_sitter import Node as SyntaxNode

from data.syntax import field, named, text_of
from translator.analytic import codes
from translator.analytic.cxx_names import output_name
from translator.analytic.ir import (
    AddressOf,
    Array,
    Binary,
    Cast,
    Const,
    Expr,
    Index,
    Location,
    Member,
    Pointer,
    Scalar,
    Struct,
    Type,
    Unary,
    Void,
)
from translator.analytic.parse_types import INT, RefusedError, common_type, decay, element_type, promote
from translator.analytic.parse_unit import operator_of, short

if TYPE_CHECKING:
    from translator.analytic.parse_expressions import ExpressionParser


def pointer(parser: ExpressionParser, node: SyntaxNode) -> Expr:
    argument = parser.lower(parser.child(node, "argument"))
    if operator_of(node) == "*":
        return element(parser, argument, Const("0", 0, INT, at=parser.unit.at(node)), node)
    if isinstance(argument, Index) and argument.subscripts == (_ZERO,):
        pointer = argument.base
        if isinstance(pointer.type, Pointer) and not pointer.type.reference:
            return pointer
    return AddressOf(argument, Pointer(argument.type), at=parser.unit.at(node))


def subscript(parser: ExpressionParser, node: SyntaxNode) -> Expr:
    base = parser.lower(parser.child(node, "argument"))
    indices = field(node, "indices")
    subscripts = named(indices) if indices is not None else [parser.child(node, "index")]
    if len(subscripts) != 1:
        raise parser.refusal(codes.CXX_FEATURE, f"`{short(node)}`", node)
    position = parser.value(subscripts[0])
    if isinstance(decay(position.type), Pointer):  # C's i[a]
        base, position = position, base
    return element(parser, base, position, node)


def element(parser: ExpressionParser, base: Expr, position: Expr, node: SyntaxNode) -> Expr:
    """`base[position]`, with `(p + i)[j]` as `p[i + j]` and `a[i][j]` as one Index."""
    at = parser.unit.at(node)
    if isinstance(base, AddressOf):
        if is_zero(position):
            return base.operand
        if isinstance(base.operand, Index) and not isinstance(base.operand.type, Array):
            *outer, last = base.operand.subscripts
            return index(parser, base.operand.base, (*outer, add_offsets(parser, last, "+", position, node)), node)
    if isinstance(base, Binary) and isinstance(base.type, Pointer) and base.op in ("+", "-"):
        offset = base.right
        if base.op == "-":
            offset = Unary("-", _signed(offset), promote(scalar_of(_signed(offset))), at=offset.at)
        return element(parser, base.left, add_offsets(parser, offset, "+", position, node), node)
    if isinstance(base, Index) and isinstance(base.type, Array):
        return index(parser, base.base, (*base.subscripts, position), node)
    if element_type(base.type, 1) is None:
        raise parser.refusal(codes.UNSUPPORTED_TYPE, f"`{short(node)}` is not an array", node)
    return Index(base, (position,), checked(parser, base.type, 1, node), at=at)


def index(parser: ExpressionParser, base: Expr, subscripts: tuple[Expr, ...], node: SyntaxNode) -> Expr:
    kind = checked(parser, base.type, len(subscripts), node)
    return Index(base, subscripts, kind, at=parser.unit.at(node))


def checked(parser: ExpressionParser, base: Type, subscripts: int, node: SyntaxNode) -> Type:
    kind = element_type(base, subscripts)
    if kind is None or isinstance(kind, Void):
        raise parser.refusal(codes.UNSUPPORTED_TYPE, f"`{short(node)}` has no known element type", node)
    return kind


def add_offsets(parser: ExpressionParser, left: Expr, operator: str, right: Expr, node: SyntaxNode) -> Expr:
    """`p + left + right` adds each offset at full width; one sum may do so only when neither wraps around."""
    if is_zero(right):
        return left
    if is_zero(left) and operator == "+":
        return right
    left, right = _signed(left), _signed(right)
    kind = common_type(scalar_of(left), scalar_of(right))
    if isinstance(right, Unary) and right.op == "-":
        return Binary("-", left, right.operand, kind, at=parser.unit.at(node))
    if isinstance(left, Unary) and left.op == "-":
        return Binary("-", right, left.operand, kind, at=parser.unit.at(node))
    return Binary(operator, left, right, kind, at=parser.unit.at(node))


def member(parser: ExpressionParser, node: SyntaxNode) -> Expr:
    base = parser.lower(parser.child(node, "argument"))
    operator = field(node, "operator")
    # the C grammar has no operator field in this version, its token is a plain child
    arrow = operator.type == "->" if operator is not None else any(c.type == "->" for c in node.children)
    if arrow:
        base = element(parser, base, Const("0", 0, INT, at=parser.unit.at(node)), node)
    name = output_name(text_of(parser.child(node, "field")))
    if not isinstance(base.type, Struct):
        raise parser.refusal(codes.UNSUPPORTED_TYPE, f"`{short(node)}`: its struct is not known", node)
    if base.type.is_union:
        raise parser.refusal(codes.UNION, f"`{short(node)}` is a member of a union", node)
    kind = dict(base.type.fields).get(name)
    if kind is None:
        raise parser.refusal(codes.UNKNOWN_NAME, f"`{base.type.name}` has no member `{name}`", node)
    return Member(base, name, kind, at=parser.unit.at(node))


_ZERO = Const("0", 0, INT, at=Location("", 0, 0))


def is_zero(expr: Expr) -> bool:
    return isinstance(expr, Const) and expr.value == 0


def scalar_of(expr: Expr) -> Scalar:
    if not isinstance(expr.type, Scalar):
        raise RefusedError(codes.UNSUPPORTED_TYPE, "an offset that is not a number", expr.at)
    return expr.type


def _signed(offset: Expr) -> Expr:
    """The offset in a signed type that holds it: unsigned 32-bit offsets would wrap around in a sum or when negated."""
    kind = scalar_of(offset)
    if not kind.is_unsigned:
        return offset
    if isinstance(offset, Const) and isinstance(offset.value, int) and offset.value < 2**31:
        return Const(str(offset.value), offset.value, INT, at=offset.at)
    return Cast(Scalar("long"), offset, at=offset.at)
