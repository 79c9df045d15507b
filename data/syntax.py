"""The syntax tree of a source file: tree-sitter on its preprocessed text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

import tree_sitter_c
import tree_sitter_cpp
from tree_sitter import Language, Node, Parser

from data.preprocess import Place, Preprocessed


@lru_cache(maxsize=2)
def _parser(language: str) -> Parser:
    grammar = tree_sitter_c if language == "c" else tree_sitter_cpp
    return Parser(Language(grammar.language()))


@dataclass(frozen=True, eq=False)
class Syntax:
    """The tree of the user's text (`root`) and, parsed apart, that of the C system headers (`system_root`)."""

    preprocessed: Preprocessed
    root: Node

    @cached_property
    def system_root(self) -> Node:
        """Parsed only when it is asked for: most files name no type of theirs that is not known anyway."""
        return _parser("c").parse(self.preprocessed.system_text.encode()).root_node

    @property
    def is_c(self) -> bool:
        return self.preprocessed.source.language == "c"

    def place(self, node: Node) -> Place:
        """Where the node starts in the user's file."""
        return self.preprocessed.place(node.start_byte)


@lru_cache(maxsize=8)
def parse_syntax(preprocessed: Preprocessed) -> Syntax:
    """Parses the text with the grammar of its language. Syntax errors are ERROR and MISSING nodes in the tree."""
    parser = _parser(preprocessed.source.language)
    return Syntax(preprocessed, parser.parse(preprocessed.content).root_node)


def text_of(node: Node) -> str:
    """The node's text."""
    return (node.text or b"").decode()


def field(node: Node, name: str) -> Node | None:
    """The child in the named field."""
    return node.child_by_field_name(name)


def named(node: Node) -> list[Node]:
    """The named children, comments left out."""
    return [child for child in node.named_children if child.type != "comment"]


def walk(node: Node) -> Iterator[Node]:
    """The node and all its descendants, parents first."""
    stack = [node]
    while stack:
        current = stack.pop()
        yield current
        stack.extend(reversed(current.children))


def syntax_errors(root: Node) -> Iterator[Node]:
    """The outermost ERROR nodes and the MISSING tokens below `root` (itself included), in source order."""
    stack = [root]
    while stack:
        node = stack.pop()
        if node.is_missing or node.type == "ERROR":
            yield node
        elif node.has_error:
            stack.extend(reversed(node.children))


def top_level(root: Node) -> Iterator[Node]:
    """The declarations at file scope, those in `extern "C"` blocks and in namespaces included."""
    for child in root.children:
        if child.type in ("linkage_specification", "namespace_definition"):
            body = field(child, "body")
            if body is not None and body.type == "declaration_list":
                yield from top_level(body)
            elif body is not None:
                yield body
        elif child.type in ("ERROR",):
            yield child
        elif child.type == "declaration_list":
            yield from top_level(child)
        else:
            yield child
