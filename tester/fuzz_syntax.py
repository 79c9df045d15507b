"""The syntax tree of one function's text, for the light reading of roles (tester/fuzz_roles.py)."""

from __future__ import annotations

from collections.abc import Iterator

import tree_sitter_c
import tree_sitter_cpp
from tree_sitter import Language, Node, Parser

from data.function import Function

LOOPS = ("for_statement", "while_statement", "do_statement", "for_range_loop")


def parse_text(function: Function) -> Node:
    grammar = tree_sitter_c if function.language == "c" else tree_sitter_cpp
    return Parser(Language(grammar.language())).parse(function.text.encode()).root_node


def walk(node: Node) -> Iterator[Node]:
    stack = [node]
    while stack:
        current = stack.pop()
        yield current
        stack.extend(reversed(current.children))


def text_of(node: Node | None) -> str:
    return "" if node is None else (node.text or b"").decode("utf-8", "replace")


def operator_of(node: Node) -> str:
    return text_of(node.child_by_field_name("operator"))


def identifiers(node: Node) -> set[str]:
    return {text_of(n) for n in walk(node) if n.type == "identifier"}


def declared_name(node: Node | None) -> str:
    """The name in a declarator such as `*p`, `a[10]` or `x`."""
    while node is not None and node.type not in ("identifier", "field_identifier"):
        inner = node.child_by_field_name("declarator")
        node = inner if inner is not None else next(iter(node.named_children), None)
    return text_of(node)


def base_name(node: Node | None) -> str:
    """The variable that an lvalue stands in: `a` of `a[i]`, `*a`, `a->x` and `a`."""
    while node is not None and node.type != "identifier":
        node = node.child_by_field_name("argument") or next(iter(node.named_children), None)
    return text_of(node)


def arguments_of(call: Node) -> list[Node]:
    arguments = call.child_by_field_name("arguments")
    return [] if arguments is None else arguments.named_children


def indices_of(subscript: Node) -> list[Node]:
    indices = subscript.child_by_field_name("indices")
    if indices is not None:
        return indices.named_children
    index = subscript.child_by_field_name("index")
    return [] if index is None else [index]


def innermost_loop(node: Node) -> Node | None:
    parent = node.parent
    while parent is not None and parent.type not in LOOPS:
        parent = parent.parent
    return parent


def is_in_loop(node: Node) -> bool:
    return innermost_loop(node) is not None


def read_numbers(node: Node) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Distinct integer and floating-point constants of the text, in order."""
    integers: dict[int, None] = {}
    reals: dict[float, None] = {}
    for n in walk(node):
        if n.type == "char_literal":
            text = text_of(n)
            if len(text) == 3:
                integers[ord(text[1])] = None
        if n.type != "number_literal":
            continue
        text = text_of(n).lower().replace("'", "")
        try:
            integers[int(text.rstrip("ul"), 0)] = None
        except ValueError:
            try:
                reals[float(text.rstrip("fl"))] = None
            except ValueError:
                continue  # an octal or hexadecimal float: not worth a value
    return tuple(integers), tuple(reals)
