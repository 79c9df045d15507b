"""`find_undeclared`: a variable that a snippet uses and never declares, found without a compiler.

A model that has not learned much writes many of these, and to ask the compiler takes a hundred times as long. Only what
is certain is found: called functions, members, types, names of the library and in capitals (macros) are left to it.
"""

from __future__ import annotations

from collections.abc import Set

import tree_sitter_cpp
from tree_sitter import Language, Node, Parser

from data.syntax import text_of, walk
from data.tokens.standing_names import is_standing
from tester.neural.snippet import Snippet

_DECLARING = frozenset({"init_declarator", "array_declarator", "pointer_declarator", "reference_declarator"})
# Where an identifier may be something that is not a variable of the snippet.
_OTHER_USES = frozenset({"qualified_identifier", "template_function", "lambda_capture_specifier", "goto_statement"})


def find_undeclared(snippet: Snippet, known: Set[str] = frozenset()) -> str:
    """The first such name in the order of the text, empty where there is none; `known` are words that the function's
    file may give a meaning."""
    arguments = " ".join(f"{argument};" for argument in snippet.arguments)
    parser = Parser(Language(tree_sitter_cpp.language()))
    root = parser.parse(f"void snippet() {{{snippet.setup}\n{arguments}}}".encode()).root_node
    names = [node for node in walk(root) if node.type == "identifier"]
    declared = {text_of(node) for node in names if _is_declared(node)}
    for node in names:
        name = text_of(node)
        if name not in declared and name not in known and not _may_be_known(node, name):
            return name
    return ""


def _is_declared(node: Node) -> bool:
    """Whether the identifier is the name in a declarator."""
    parent = node.parent
    if parent is None:
        return False
    if parent.type in _DECLARING:
        return parent.child_by_field_name("declarator") == node or parent.type == "reference_declarator"
    declarations = ("declaration", "parameter_declaration", "for_range_loop", "function_declarator", "enumerator")
    if parent.type in declarations:
        return any(child == node for child in (*parent.children_by_field_name("declarator"), parent.named_children[0]))
    return parent.type in ("structured_binding_declarator", "labeled_statement", "attributed_declarator")


def _may_be_known(node: Node, name: str) -> bool:
    parent = node.parent
    if parent is None or parent.type in _OTHER_USES or name.isupper() or is_standing(name):
        return True
    return parent.type == "call_expression" and parent.child_by_field_name("function") == node
