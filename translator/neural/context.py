"""`context_of`: what a file says that a function needs to be understood: macros, types, globals, callees."""

from __future__ import annotations

import re
from collections.abc import Sequence

from data.find_functions import find_functions
from data.function import Function
from data.source_file import SourceFile

_MOST = 6000  # characters: about as much as a prompt has besides
_INCLUDE = re.compile(r"^[ \t]*#[ \t]*include\b[^\n]*\n?", re.MULTILINE)


def context_of(source: SourceFile, function: Function) -> str:
    """The file's text without includes, without the function itself and without functions that it does not call, also
    through others; "" where nothing is left, or more than a prompt can hold. Raises data.read_source.SourceError."""
    others = [other for other in find_functions(source).functions if other.name != function.name]
    called = _called(function, others)
    text = source.text.encode()
    gone = [function, *(other for other in others if other.name not in called)]
    for each in sorted(gone, key=lambda f: -f.span.start_byte):
        text = text[: each.span.start_byte] + text[each.span.end_byte :]
    context = re.sub(r"\n{3,}", "\n\n", _INCLUDE.sub("", text.decode())).strip()
    return context if len(context) <= _MOST else ""


def _called(function: Function, others: Sequence[Function]) -> set[str]:
    """The names of the functions that the function calls, at first hand or through others."""
    called: set[str] = set()
    texts = [function.text]
    while texts:
        text = texts.pop()
        for other in others:
            if other.name not in called and re.search(rf"\b{re.escape(other.name)}\s*\(", text):
                called.add(other.name)
                texts.append(other.text)
    return called
