"""The definitions at a file's scope (types, macros, constants, CUDA device functions) that a function needs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property

from tree_sitter import Node

# More than this is not a few types but a library, which belongs into an include.
MOST_CHARACTERS = 16_000
_WORD = re.compile(r"[A-Za-z_]\w*")
_TYPES = frozenset(
    {"struct_specifier", "union_specifier", "enum_specifier", "class_specifier", "type_definition", "alias_declaration"}
)
_MACROS = frozenset({"preproc_def", "preproc_function_def"})
_CONSTANT = re.compile(rb"\s*(?:(?:static|inline|extern)\s+)*(?:const|constexpr|__constant__|__device__)\b")


class Definitions:
    """Definitions by the names that they define. `nodes` are those at file scope; functions among them are such that a
    function cannot do without (CUDA's device functions)."""

    def __init__(self, nodes: Sequence[Node], content: bytes) -> None:
        self._nodes = nodes
        self._content = content

    @cached_property
    def _found(self) -> tuple[dict[str, int], list[str]]:
        """The number of the definition of each name, and the texts of all definitions, in source order."""
        numbers: dict[str, int] = {}
        texts: list[str] = []
        for node in self._nodes:
            if node.has_error or not _defines(node, self._content):
                continue
            text = self._content[node.start_byte : node.end_byte].decode().rstrip()
            names = _names(node, text, self._content)
            if any(name not in numbers for name in names):
                for name in names:
                    numbers.setdefault(name, len(texts))
                ended = text.endswith(";") or node.type in _MACROS or node.type == "function_definition"
                texts.append(text if ended else f"{text};")
        return numbers, texts

    def needed_by(self, text: str, besides: str = "") -> str:
        """The definitions that the text names, and those that these name, in source order; "" where there are none or
        they are longer than MOST_CHARACTERS."""
        if not self._nodes:
            return ""
        numbers, texts = self._found
        needed: set[int] = set()
        open_texts = [text]
        while open_texts:
            for word in set(_WORD.findall(open_texts.pop())):
                number = numbers.get(word)
                if number is not None and number not in needed and word != besides:
                    needed.add(number)
                    open_texts.append(texts[number])
        if sum(len(texts[number]) for number in needed) > MOST_CHARACTERS:
            return ""
        return "\n".join(texts[number] for number in sorted(needed))


def _defines(node: Node, content: bytes) -> bool:
    kind = node.type
    if kind == "function_definition":
        return True
    if kind in _TYPES:
        return kind in ("type_definition", "alias_declaration") or node.child_by_field_name("body") is not None
    if kind == "declaration":
        specifier = node.child_by_field_name("type")
        has_body = specifier is not None and specifier.child_by_field_name("body") is not None
        return has_body or _CONSTANT.match(content[node.start_byte : node.start_byte + 64]) is not None
    return kind in _MACROS and node.child_by_field_name("value") is not None


def _names(node: Node, text: str, content: bytes) -> list[str]:
    """What the definition defines: macro, tag, enumerators, typedefs, variables."""

    def of(part: Node) -> str:
        return content[part.start_byte : part.end_byte].decode()

    names: list[str] = []
    name = node.child_by_field_name("name")
    if name is not None:
        names.append(of(name))
    specifier = node.child_by_field_name("type") or node
    if specifier is not node and specifier.child_by_field_name("body") is not None:
        tag = specifier.child_by_field_name("name")
        names += [of(tag)] if tag is not None else []
    if specifier.type == "enum_specifier":
        names += re.findall(r"[{,]\s*([A-Za-z_]\w*)", text)
    if node.type == "function_definition":
        return re.findall(r"([A-Za-z_]\w*)\s*\(", text.partition("{")[0])[-1:]
    for declarator in node.children_by_field_name("declarator"):
        names += _WORD.findall(of(declarator).partition("=")[0])[:1]
    return names
