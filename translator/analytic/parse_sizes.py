"""`sizeof`: a constant where the type's size is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tree_sitter import Node as SyntaxNode

from data.c_types import SCALAR_SIZES, CType, size_and_alignment
from data.syntax import field, named, text_of
from translator.analytic import codes
from translator.analytic.ir import Array, Binary, Const, Expr, Pointer, Scalar, Struct, Type
from translator.analytic.parse_types import UNSIGNED_LONG, sizeof_text

if TYPE_CHECKING:
    from translator.analytic.parse_expressions import ExpressionParser


def size_constant(parser: ExpressionParser, node: SyntaxNode) -> Expr:
    """`sizeof(type)` or `sizeof expr` as an unsigned long; for a variable-length array the product of its extents."""
    at = parser.unit.at(node)
    descriptor = field(node, "type")
    ctype = _named_type(parser, field(node, "value"))
    if ctype is None and descriptor is not None and parser.variable_in_cast(descriptor) is None:
        ctype = parser.unit.types.type_of_descriptor(descriptor)[0]
    if ctype is not None:
        text_and_size = sizeof_text(ctype)
        if text_and_size is None:
            raise parser.refusal(codes.UNSUPPORTED_TYPE, "sizeof a type of unknown size", node)
        return Const(text_and_size[0], text_and_size[1], UNSIGNED_LONG, at=at)
    operand = _operand(parser, node, descriptor)
    return _size_of(parser, operand.type, node)


def _named_type(parser: ExpressionParser, value: SyntaxNode | None) -> CType | None:
    """The type in `sizeof(pixel)`, which the grammar takes for a variable in parentheses."""
    while value is not None and value.type == "parenthesized_expression" and len(named(value)) == 1:
        value = named(value)[0]
    if value is None or value.type != "identifier" or parser.scopes.find(text_of(value)) is not None:
        return None
    return parser.named_type(text_of(value))


def _operand(parser: ExpressionParser, node: SyntaxNode, descriptor: SyntaxNode | None) -> Expr:
    if descriptor is not None:
        return parser.identifier(parser.child(descriptor, "type"))
    value = parser.child(node, "value")
    outer, parser.effects = parser.effects, type(parser.effects)()  # the operand of sizeof is not evaluated
    try:
        while value.type == "parenthesized_expression":
            value = named(value)[0]
        return parser.lower(value)
    finally:
        parser.effects = outer


def _size_of(parser: ExpressionParser, kind: Type, node: SyntaxNode) -> Expr:
    at = parser.unit.at(node)
    if isinstance(kind, Scalar):
        return Const(f"sizeof({kind.spelling or kind.name})", SCALAR_SIZES[kind.name], UNSIGNED_LONG, at=at)
    if isinstance(kind, Pointer) or (isinstance(kind, Array) and None in kind.extents):
        return Const("sizeof(void *)", 8, UNSIGNED_LONG, at=at)
    if isinstance(kind, Array):
        size = _size_of(parser, kind.of, node)
        for extent in kind.extents:
            if extent is not None:
                size = Binary("*", extent, size, UNSIGNED_LONG, at=at)
        return size
    if isinstance(kind, Struct):
        known = parser.unit.types.structs.get(kind.name) or parser.unit.types.lookup(kind.spelling or kind.name)
        layout = size_and_alignment(known) if known is not None else None
        if layout is not None and kind.spelling:
            return Const(f"sizeof({kind.spelling})", layout[0], UNSIGNED_LONG, at=at)
    raise parser.refusal(codes.UNSUPPORTED_TYPE, "sizeof a value of unknown size", node)
