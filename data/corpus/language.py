"""C, C++ or CUDA: told by what a text says, with its suffix only where it says nothing."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import PurePosixPath
from typing import TypeAlias

import tree_sitter_c
import tree_sitter_cpp
import tree_sitter_cuda
from tree_sitter import Language as Grammar
from tree_sitter import Parser, Tree

from data.function import Language

_Words: TypeAlias = tuple[tuple[bytes, re.Pattern[bytes]], ...]

_GRAMMARS = {"c": tree_sitter_c, "c++": tree_sitter_cpp, "cuda": tree_sitter_cuda}
# Comments and literals, in which every word may stand.
_NO_CODE = re.compile(rb"//[^\n]*|/\*.*?\*/|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'", re.DOTALL)
# Each language by words that only it has and what must follow them. A word is looked for before its pattern: that is a
# hundred times faster, and most texts have none. `class x` alone would do as a variable's declaration in C.
_CUDA = (
    *((word, re.compile(word + rb"\b")) for word in (b"__global__", b"__device__", b"__shared__")),
    (b"<<<", re.compile(rb"<<<[^;{}]*>>>\s*\(")),
)
_CXX = tuple(
    (word, re.compile(word + after))
    for word, after in (
        (b"std::", rb""),
        (b"template", rb"\s*<"),
        (b"namespace", rb"\s[^;=(]*[{;]"),
        (b"class", rb"\s+\w[\w\s:,<>]*\{"),
        (b"public", rb"\s*:"),
        (b"private", rb"\s*:"),
        (b"protected", rb"\s*:"),
        (b"static_cast", rb"\s*<"),
        (b"reinterpret_cast", rb"\s*<"),
        (b"dynamic_cast", rb"\s*<"),
        (b"const_cast", rb"\s*<"),
        (b"constexpr", rb"\s+\w"),
        (b"nullptr", rb"\s*[;,)=!&|?:]"),
        (b"operator", rb"\s*[-+*/=<>(\[!&|]+\s*\("),
        (b"iostream", rb">"),
        (b"cmath", rb">"),
    )
)
_CXX_SUFFIXES = frozenset({".cpp", ".cc", ".cxx", ".c++", ".C", ".hpp", ".hh", ".hxx", ".h++", ".tcc", ".inl"})


def parse(language: Language, content: bytes) -> Tree:
    """The syntax tree of a text; what it cannot read are ERROR and MISSING nodes."""
    return _parser(language).parse(content)


def parse_by_content(path: str, content: bytes) -> tuple[Language, Tree]:
    """The language of a text and its tree.

    CUDA where a CUDA qualifier or a launch stands outside comments, C++ where something of C++ does. A text that has
    neither is C, unless its suffix is one of C++ and it does not parse as C.
    """
    language = _by_words(content)
    if language is not None:
        return language, parse(language, content)
    tree = parse("c", content)
    if PurePosixPath(path).suffix in _CXX_SUFFIXES and tree.root_node.has_error:
        return "c++", parse("c++", content)
    return "c", tree


def _by_words(content: bytes) -> Language | None:
    if not (_any_word(_CUDA, content) or _any_word(_CXX, content)):
        return None
    code = without_comments(content)
    if _says(_CUDA, code):
        return "cuda"
    return "c++" if _says(_CXX, code) else None


def _any_word(words: _Words, content: bytes) -> bool:
    return any(word in content for word, _ in words)


def _says(words: _Words, code: bytes) -> bool:
    return any(
        word in code and any(_begins(code, found) for found in pattern.finditer(code)) for word, pattern in words
    )


def _begins(code: bytes, found: re.Match[bytes]) -> bool:
    """Whether a word begins there. A pattern that itself began with \\b would be ten times slower."""
    before = code[found.start() - 1 : found.start()] if found.start() else b""
    return not (before.isalnum() or before == b"_")


def without_comments(content: bytes) -> bytes:
    """The text with a blank for each comment, and its string and character literals empty."""
    return _NO_CODE.sub(_blank, content)


def _blank(match: re.Match[bytes]) -> bytes:
    first = match[0][:1]
    return b" " if first == b"/" else first + first


@lru_cache(maxsize=3)
def _parser(language: Language) -> Parser:
    return Parser(Grammar(_GRAMMARS[language].language()))
