"""Mining: the functions and kernels of a text, each with its place, its includes and the definitions it needs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tree_sitter import Node

from data.corpus.apis import parallel_apis
from data.corpus.definitions import Definitions
from data.corpus.language import parse_by_content
from data.corpus.row import Kind, Row, row_id
from data.function import Language
from data.sources.document import Document
from data.sources.licenses import tagged_license

_INCLUDE = re.compile(r'#[ \t]*include[ \t]*(<[^>\n]+>|"[^"\n]+")')
_LAUNCH = re.compile(r"\b([A-Za-z_]\w*)\s*(?:<[^<>;(){}]*>)?\s*<<<")
_GLOBAL = re.compile(r"\b__global__\b")
# Nodes whose children stand at file scope too. In an ERROR only what it holds whole is taken.
_SCOPES = frozenset(
    {"translation_unit", "linkage_specification", "namespace_definition", "declaration_list", "ERROR"}
    | {"preproc_if", "preproc_ifdef", "preproc_else", "preproc_elif", "preproc_elifdef"}
)


@dataclass(frozen=True)
class Mined:
    """What one text holds. `broken` is how many of its functions do not parse; they are not in `rows`."""

    language: Language
    apis: tuple[str, ...]
    rows: tuple[Row, ...]
    broken: int


@dataclass(frozen=True)
class _Definition:
    """A function definition: its node, template head included, and its name."""

    node: Node
    name: str
    text: str


def mine(document: Document, content: bytes, text: str, *, whole_file: bool) -> Mined:
    """The functions and kernels of a text in source order, and with `whole_file` a row of kind "file" in front.

    `content` is the UTF-8 of `text`.
    """
    language, tree = parse_by_content(document.path, content)
    functions, others = _at_file_scope(tree.root_node)
    device = [node for node in functions if language == "cuda" and _is_device(node, content)]
    definitions = Definitions(sorted([*others, *device], key=lambda node: node.start_byte), content)
    found = [_definition(node, content) for node in functions if not node.has_error]
    common = Row(
        *("", "function", language, "", "", document.path, document.line, document.line, document.source),
        license=tagged_license(content) or document.license,
        includes=tuple(dict.fromkeys(_INCLUDE.findall(text))),
    )
    hosts = _hosts(found) if language == "cuda" else {}
    apis = parallel_apis(text)
    file = replace(common, apis=apis)
    rows = [_row(file, definition, definitions, hosts) for definition in found]
    if whole_file:
        rows.insert(0, _file_row(common, text, apis))
    return Mined(language, apis, tuple(rows), len(functions) - len(found))


def _at_file_scope(root: Node) -> tuple[list[Node], list[Node]]:
    """The function definitions at file scope, and everything else there."""
    functions: list[Node] = []
    others: list[Node] = []
    for node in _scope(root):
        kind = node.type
        inner = node
        if kind == "template_declaration":
            inner = node.named_children[-1]
            kind = inner.type
        if kind != "function_definition":
            others.append(node)
        elif inner.child_by_field_name("body") is not None:
            functions.append(node)
    return functions, others


def _scope(root: Node) -> Iterator[Node]:
    stack = [root]
    while stack:
        node = stack.pop()
        if node.type in _SCOPES:
            stack.extend(reversed(node.children))
        elif node.is_named:
            yield node


def _is_device(node: Node, content: bytes) -> bool:
    head = content[node.start_byte : node.end_byte].partition(b"{")[0]
    return node.type == "function_definition" and b"__device__" in head


def _definition(node: Node, content: bytes) -> _Definition:
    inner = node.named_children[-1] if node.type == "template_declaration" else node
    declarator = inner.child_by_field_name("declarator")
    while declarator is not None:
        deeper = declarator.child_by_field_name("declarator")
        if deeper is None and declarator.type in ("reference_declarator", "parenthesized_declarator"):
            deeper = declarator.named_children[0]  # these have no field names
        if deeper is None:
            break
        declarator = deeper
    name = "" if declarator is None else content[declarator.start_byte : declarator.end_byte].decode()
    return _Definition(node, name, content[node.start_byte : node.end_byte].decode())


def _hosts(found: Sequence[_Definition]) -> dict[str, list[str]]:
    """For each kernel's name the texts of the functions that launch it."""
    hosts: dict[str, list[str]] = {}
    for definition in found:
        for name in dict.fromkeys(_LAUNCH.findall(definition.text)):
            hosts.setdefault(name, []).append(definition.text)
    return hosts


def _row(common: Row, found: _Definition, definitions: Definitions, hosts: dict[str, list[str]]) -> Row:
    """The row of a definition. `common` is what all of the file have in common; a part uses no API that it does not."""
    head = found.text.partition("{")[0]
    kind: Kind = "kernel" if common.language == "cuda" and _GLOBAL.search(head) else "function"
    host = "\n\n".join(hosts.get(found.name, ())) if kind == "kernel" else ""
    start = common.line - 1 + found.node.start_point.row + 1
    return replace(
        common,
        id=row_id(common.language, found.text),
        kind=kind,
        name=found.name,
        text=found.text,
        line=start,
        end_line=start + found.text.count("\n"),
        types=definitions.needed_by(found.text + host, besides=found.name),
        host=host,
        apis=parallel_apis(found.text + host, among=common.apis),
    )


def _file_row(common: Row, text: str, apis: tuple[str, ...]) -> Row:
    name = common.path.rpartition("/")[2]
    end = common.line + text.rstrip("\n").count("\n")
    return replace(common, id=row_id(common.language, text), kind="file", name=name, text=text, end_line=end, apis=apis)
