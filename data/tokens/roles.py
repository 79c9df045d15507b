"""What each name of a text is, from its syntax tree: an array, a function, a type, a member, a label, a macro."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum

from tree_sitter import Node

from data.corpus.language import parse
from data.function import Language
from data.syntax import walk
from data.tokens.standing_names import VECTOR_MEMBERS

_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_CONSTANT = re.compile(r"[A-Z_][A-Z0-9_]*[A-Z][A-Z0-9_]*")
_DECLARATIONS = frozenset(
    {
        *("declaration", "parameter_declaration", "optional_parameter_declaration", "function_definition"),
        *("for_range_loop", "field_declaration", "type_definition", "variadic_parameter_declaration"),
    }
)
_NAMES = frozenset({"identifier", "field_identifier", "type_identifier"})
_TYPE_DEFINITIONS = frozenset({"struct_specifier", "union_specifier", "enum_specifier", "class_specifier"})


class Role(Enum):
    """The kind of a name; the value is the prefix of its placeholder."""

    VARIABLE = "var"
    ARRAY = "arr"
    FUNCTION = "func"
    TYPE = "type"
    FIELD = "field"
    LABEL = "label"
    MACRO = "macro"


@dataclass(frozen=True)
class Roles:
    """What is known of a text's names.

    `declared` are those that the text itself introduces, `functions` those of them with a body or a macro's parameter
    list, `fields` its own members, `used` the role of a name by its first telling use, `called` what stands before a
    call's parenthesis. `vector_members` are the places (in characters) where x, y, z or w is declared as a member,
    `bare` those where a body declares a variable without a value.
    """

    declared: dict[str, Role] = field(default_factory=dict)
    functions: set[str] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)
    used: dict[str, Role] = field(default_factory=dict)
    called: set[str] = field(default_factory=set)
    vector_members: set[int] = field(default_factory=set)
    bare: set[int] = field(default_factory=set)

    def of(self, name: str) -> Role:
        """The name's role: as declared, else as used, else by how it is spelled."""
        known = self.declared.get(name) or self.used.get(name)
        return known or (Role.MACRO if _CONSTANT.fullmatch(name) else Role.VARIABLE)


def find_roles(text: str, language: Language) -> Roles:
    """The roles of all names that the grammar of `language` finds. A broken text has fewer of them, and no error."""
    # One byte a character, so that the tree's offsets count characters.
    content = _NOT_ASCII.sub("_", text).encode()
    roles = Roles()
    for node in walk(parse(language, content).root_node):
        _read_node(node, text, roles)
    return roles


def _read_node(node: Node, text: str, roles: Roles) -> None:
    kind = node.type
    if kind in _DECLARATIONS:
        for declarator in node.children_by_field_name("declarator"):
            _read_declarator(node, declarator, text, roles)
    elif kind in ("preproc_def", "preproc_function_def"):
        _declare(node.child_by_field_name("name"), Role.MACRO, text, roles)
    elif kind in ("preproc_params", "enumerator", "type_parameter_declaration", "labeled_statement"):
        _read_list(node, text, roles)
    elif kind in _TYPE_DEFINITIONS and node.child_by_field_name("body") is not None:
        _declare(node.child_by_field_name("name"), Role.TYPE, text, roles)
    elif kind in ("type_identifier", "namespace_identifier"):
        roles.used.setdefault(_name(node, text), Role.TYPE)
    elif kind == "field_identifier":
        roles.used.setdefault(_name(node, text), Role.FIELD)
    elif kind == "statement_identifier":
        roles.used.setdefault(_name(node, text), Role.LABEL)
    elif kind == "call_expression":
        _read_use(node.child_by_field_name("function"), Role.FUNCTION, text, roles)
    elif kind == "subscript_expression":
        _read_use(node.child_by_field_name("argument"), Role.ARRAY, text, roles)


def _read_list(node: Node, text: str, roles: Roles) -> None:
    """A macro's parameters, an enumerator, a template's type parameter, a label."""
    role = {"type_parameter_declaration": Role.TYPE, "labeled_statement": Role.LABEL}.get(node.type, Role.VARIABLE)
    for child in node.named_children:
        if child.type in ("identifier", "type_identifier", "statement_identifier"):
            _declare(child, role, text, roles)
        if node.type != "preproc_params":
            return


def _read_use(node: Node | None, role: Role, text: str, roles: Roles) -> None:
    if node is None or node.type != "identifier":
        return
    name = _name(node, text)
    if role is Role.FUNCTION:
        roles.called.add(name)
    roles.used.setdefault(name, role)


def _read_declarator(declaration: Node, declarator: Node, text: str, roles: Roles) -> None:
    """Follows a declarator to its name; what is passed on the way (`*`, `[]`, `()`) tells the role."""
    passed: set[str] = set()
    node: Node | None = declarator
    while node is not None and node.type not in _NAMES:
        passed.add(node.type)
        node = node.child_by_field_name("declarator") or next(
            (child for child in node.named_children if child.type in _NAMES or child.type.endswith("declarator")), None
        )
    if node is None:
        return
    role = _declared_role(declaration, passed)
    if role is Role.FUNCTION and declaration.type == "declaration":
        roles.used.setdefault(_name(node, text), role)  # a prototype: a library's function may have one
        return
    _declare(node, role, text, roles)
    if declaration.type == "function_definition":
        roles.functions.add(_name(node, text))
    elif node == declarator and declaration.type == "declaration" and _in_body(declaration):
        roles.bare.add(node.start_byte)


def _declared_role(declaration: Node, passed: set[str]) -> Role:
    if declaration.type == "type_definition":
        return Role.TYPE
    if declaration.type == "field_declaration":
        return Role.FIELD
    inside = _in_body(declaration)
    # `dim3 grid(n);` in a body reads like a prototype, and is none.
    if "function_declarator" in passed and not (inside and "pointer_declarator" not in passed):
        return Role.FUNCTION
    is_array = bool(passed & {"pointer_declarator", "array_declarator"})
    return Role.ARRAY if is_array else Role.VARIABLE


def _in_body(declaration: Node) -> bool:
    return declaration.parent is not None and declaration.parent.type == "compound_statement"


def _declare(node: Node | None, role: Role, text: str, roles: Roles) -> None:
    if node is None:
        return
    name = _name(node, text)
    if role is Role.FIELD:
        roles.fields.add(name)
        if name in VECTOR_MEMBERS:
            roles.vector_members.add(node.start_byte)
            return
    if role is Role.MACRO:
        roles.functions.add(name)
    # A variable that is called like a member of some struct is a variable.
    if name not in roles.declared or roles.declared[name] is Role.FIELD:
        roles.declared[name] = role


def _name(node: Node, text: str) -> str:
    return text[node.start_byte : node.end_byte]
