"""Initializers with designators, written by position: what g++ takes of C's designators is only fields in order."""

from __future__ import annotations

from tree_sitter import Node

from data.c_types import CArray, CStruct, CType, TypeTable
from data.syntax import Syntax, field, named, text_of, walk

Replacement = tuple[int, int, str]


class _NotPositionalError(Exception):
    """A list that cannot be written by position."""


def designated_lists(syntax: Syntax) -> list[Replacement]:
    """For every outermost initializer list of the main file that uses designators: its span in the original text and
    its positional form. Lists whose text a macro made are left out."""
    types = TypeTable(syntax)
    found: list[Replacement] = []
    for node in walk(syntax.root):
        ctype_of_list = _typed_list(types, node)
        if ctype_of_list is None or syntax.preprocessed.file_at(node.start_byte) != str(
            syntax.preprocessed.source.path
        ):
            continue
        ctype, values = ctype_of_list
        if not any(child.type == "initializer_pair" for child in walk(values)):
            continue
        first, last = syntax.preprocessed.place(values.start_byte), syntax.preprocessed.place(values.end_byte - 1)
        try:
            text = positional(types, values, ctype)
        except _NotPositionalError:
            continue
        if first.exact and last.exact:
            found.append((first.offset, last.offset + 1, text))
    return found


def _typed_list(types: TypeTable, node: Node) -> tuple[CType, Node] | None:
    """The list and its type, where `node` is a declaration's initializer or a compound literal."""
    value = field(node, "value")
    if value is None or value.type != "initializer_list":
        return None
    if node.type == "compound_literal_expression":
        descriptor = field(node, "type")
        return (types.type_of_descriptor(descriptor)[0], value) if descriptor is not None else None
    if node.type == "init_declarator" and node.parent is not None:
        base, const = types.base_type(node.parent)
        return types.declared(node, base, const).type, value
    return None


def positional(types: TypeTable, node: Node, ctype: CType) -> str:
    """The list without designators; what is not given between two given elements is zero."""
    given: dict[int, str] = {}
    position = 0
    for item in named(node):
        value: Node | None = item
        if item.type == "initializer_pair":
            position = _position(types, item, ctype)
            value = field(item, "value")
        if value is None:
            raise _NotPositionalError
        inner = _element(ctype, position)
        is_list = value.type == "initializer_list" and inner is not None
        given[position] = positional(types, value, inner) if is_list and inner is not None else text_of(value)
        position += 1
    items = [given.get(i, _zero(_element(ctype, i))) for i in range(max(given, default=-1) + 1)]
    return "{" + ", ".join(items) + "}"


def _zero(ctype: CType | None) -> str:
    return "{}" if isinstance(ctype, CArray | CStruct) else "0"


def _element(ctype: CType, position: int) -> CType | None:
    if isinstance(ctype, CArray):
        return ctype.of
    if isinstance(ctype, CStruct) and position < len(ctype.fields):
        return ctype.fields[position][1]
    return None


def _position(types: TypeTable, item: Node, ctype: CType) -> int:
    designators = item.children_by_field_name("designator")
    if len(designators) == 1:
        inner = named(designators[0])[0]
        if designators[0].type == "field_designator" and isinstance(ctype, CStruct):
            names = [name for name, _ in ctype.fields]
            if text_of(inner) in names:
                return names.index(text_of(inner))
        elif isinstance(ctype, CArray):
            index = types.constant(inner)
            if index is not None and index >= 0:
                return index
    raise _NotPositionalError
