"""`declarations_for`: what a snippet needs of the file of its function: types, enumerations and named constants."""

from __future__ import annotations

import re
from functools import lru_cache

from data.function import Function
from data.preprocess import preprocess
from data.read_source import SourceError
from data.source_file import SourceFile
from data.syntax import parse_syntax, text_of, top_level

_MACRO = re.compile(r"^[ \t]*#[ \t]*define[ \t]+([A-Za-z_]\w*)[ \t]+(\S[^\n]*?)[ \t]*$", re.MULTILINE)
_TYPES = ("type_definition", "struct_specifier", "class_specifier", "union_specifier", "enum_specifier")
_WORD = re.compile(r"[A-Za-z_]\w*")


def declarations_for(source: SourceFile | None, function: Function, snippet: str) -> str:
    """Text to put in front of the snippet; empty where it names nothing that the file declares. The texts of two
    snippets that need something of one file are equal."""
    if source is None:
        return ""
    needed = any(parameter.dtype.names is not None for parameter in function.parameters)
    if not needed and not set(_WORD.findall(snippet)) & known_words(source, function):
        return ""
    return _declarations(source)


def known_words(source: SourceFile | None, function: Function) -> frozenset[str]:
    """Words of the file outside the function: a snippet may mean any of them."""
    return frozenset() if source is None else _words_outside(source.text, function.text)


@lru_cache(maxsize=64)
def _words_outside(text: str, function_text: str) -> frozenset[str]:
    outside = text.replace(function_text, "")
    return frozenset(_WORD.findall(outside)) - frozenset(_WORD.findall(_PLAIN))


_PLAIN = "void int float double char long short unsigned signed const for if else while return include h define i n"


@lru_cache(maxsize=64)
def _declarations(source: SourceFile) -> str:
    macros = [f"#define {name} {value}" for name, value in _MACRO.findall(source.text) if not value.endswith("\\")]
    try:
        root = parse_syntax(preprocess(source)).root
    except SourceError:
        return ""
    types = [
        text_of(node).rstrip("; \n") + ";"
        for node in top_level(root)
        if not node.has_error and (node.type in _TYPES or (node.type == "declaration" and _is_constant(text_of(node))))
    ]
    return "\n".join([*dict.fromkeys(macros), *dict.fromkeys(types)])


def _is_constant(declaration: str) -> bool:
    """Whether it is a constant with a value of its own."""
    return re.match(r"(?:static\s+|constexpr\s+|const\s+)*const", declaration) is not None and "=" in declaration
