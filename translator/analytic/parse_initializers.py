"""Brace initializers: designators are put in place, missing elements become zero (C11 6.7.9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tree_sitter import Node as SyntaxNode

from data.syntax import named, text_of
from translator.analytic import codes
from translator.analytic.cxx_names import output_name
from translator.analytic.ir import Array, Const, Expr, InitList, Location, Pointer, Scalar, Struct, Type
from translator.analytic.parse_types import INT

if TYPE_CHECKING:
    from translator.analytic.parse_expressions import ExpressionParser


def lower_init_list(parser: ExpressionParser, node: SyntaxNode, target: Type) -> InitList:
    """The list in positional form. Trailing elements that are not given are left out (they are zero)."""
    at = parser.unit.at(node)
    given: dict[int, Expr] = {}
    position = 0
    for item in named(node):
        value_node = item
        if item.type == "initializer_pair":
            position = _designated(parser, item, target)
            value_node = parser.child(item, "value")
        kind = element_at(target, position)
        if kind is None:
            raise parser.refusal(codes.UNSUPPORTED_SYNTAX, "initializer does not match its type", item)
        if isinstance(kind, Array | Struct) and value_node.type != "initializer_list" and _is_flat(parser, value_node):
            return _flat(parser, node, target)
        if value_node.type == "initializer_list":
            nested = lower_init_list(parser, value_node, kind)
            given[position] = nested.items[0] if isinstance(kind, Scalar | Pointer) and nested.items else nested
        else:
            given[position] = parser.value(value_node)
        position += 1
    length = max(given, default=-1) + 1
    items = tuple(given[i] if i in given else zero(element_at(target, i), at) for i in range(length))
    return InitList(items, target, at=at)


def _is_flat(parser: ExpressionParser, node: SyntaxNode) -> bool:
    """Whether an element without braces is a scalar inside a nested aggregate (`int a[2][2] = {1, 2, 3, 4}`)."""
    if node.type in ("string_literal", "compound_literal_expression"):
        return False
    return isinstance(parser.pure(node).type, Scalar)


def _flat(parser: ExpressionParser, node: SyntaxNode, target: Type) -> InitList:
    """Brace elision: the scalars of the list fill the nested aggregates in order."""
    values = [parser.pure(item) for item in named(node) if item.type not in ("initializer_pair", "initializer_list")]
    if len(values) != len(named(node)):
        raise parser.refusal(codes.UNSUPPORTED_SYNTAX, "initializer that mixes braces and their elision", node)
    filled, rest = _fill(target, values, parser.unit.at(node))
    if rest or not isinstance(filled, InitList):
        raise parser.refusal(codes.UNSUPPORTED_SYNTAX, "initializer does not match its type", node)
    return filled


def _fill(target: Type, values: list[Expr], at: Location) -> tuple[Expr, list[Expr]]:
    if isinstance(target, Scalar | Pointer):
        return values[0], values[1:]
    items: list[Expr] = []
    position = 0
    while values and (kind := element_at(target, position)) is not None:
        item, values = _fill(kind, values, at)
        items.append(item)
        position += 1
    return InitList(tuple(items), target, at=at), values


def element_at(target: Type, position: int) -> Type | None:
    """The type of the element or field at `position`; None past the end. A scalar is its own first element."""
    if isinstance(target, Array):
        extent = target.extents[0]
        if isinstance(extent, Const) and isinstance(extent.value, int) and position >= extent.value:
            return None
        return target.of if len(target.extents) == 1 else Array(target.of, target.extents[1:], target.const)
    if isinstance(target, Struct):
        return target.fields[position][1] if position < len(target.fields) else None
    return target if position == 0 else None


def zero(kind: Type | None, at: Location) -> Expr:
    """A zero of the type, as an initializer element."""
    if isinstance(kind, Array | Struct):
        return InitList((), kind, at=at)
    return Const("0", 0, kind if isinstance(kind, Scalar) else INT, at=at)


def _designated(parser: ExpressionParser, item: SyntaxNode, target: Type) -> int:
    designators = item.children_by_field_name("designator")
    if len(designators) != 1:
        raise parser.refusal(codes.UNSUPPORTED_SYNTAX, "nested designator", item)
    designator = designators[0]
    if designator.type == "field_designator" and isinstance(target, Struct):
        name = output_name(text_of(named(designator)[0]))
        names = [field_name for field_name, _ in target.fields]
        if name in names:
            return names.index(name)
    if designator.type == "subscript_designator" and isinstance(target, Array):
        index = parser.unit.types.constant(named(designator)[0])
        if index is not None:
            return index
    raise parser.refusal(codes.UNSUPPORTED_SYNTAX, f"designator `{text_of(designator)}`", item)


def completed(target: Type, init: Expr, at: Location) -> Type:
    """The type of `int a[] = {...}` or `char s[] = "..."` with its outermost extent filled in."""
    if not isinstance(target, Array) or target.extents[0] is not None:
        return target
    if isinstance(init, InitList):
        length = len(init.items)
    elif isinstance(init, Const) and init.value is None:
        length = len(init.text[1:-1].encode().decode("unicode_escape")) + 1
    else:
        return target
    return Array(target.of, (Const(str(length), length, INT, at=at), *target.extents[1:]), target.const)
