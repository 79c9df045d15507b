"""`marks_of`: what is what in a text of C or CUDA, found by Pygments, in a form that is smaller than the text.

A page holds the bare text and its marks, and builds the coloured elements when the text is first shown: text that was
never markup cannot become markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache

from pygments.lexer import Lexer
from pygments.lexers import CudaLexer
from pygments.token import Comment, Keyword, Name, Number, String, _TokenType

# The letters of marks, by Pygments' token types; the first that holds counts.
KINDS: tuple[tuple[str, _TokenType], ...] = (
    ("p", Comment.Preproc),
    ("p", Comment.PreprocFile),
    ("c", Comment),
    ("t", Keyword.Type),
    ("k", Keyword),
    ("k", Name.Builtin.Pseudo),
    ("b", Name.Builtin),
    ("f", Name.Function),
    ("s", String),
    ("n", Number),
)
PLAIN = "."
# Pygments knows the qualifiers and functions of CUDA 2; these are the variables of every kernel.
BUILTINS = frozenset({"threadIdx", "blockIdx", "blockDim", "gridDim", "warpSize"})


def marks_of(text: str) -> str:
    """Runs of characters of one kind, in order: a letter and a length in code points (`t5.1f4` is `float main`). The
    lengths add up to the text's."""
    return "".join(f"{letter}{length}" for letter, length in _joined(_letters(text)))


def _letters(text: str) -> Iterator[tuple[str, int]]:
    for _, kind, value in _lexer().get_tokens_unprocessed(text):
        yield "b" if value in BUILTINS else _letter(kind), len(value)


@cache
def _letter(kind: _TokenType) -> str:
    return next((letter for letter, group in KINDS if kind in group), PLAIN)


def _joined(runs: Iterable[tuple[str, int]]) -> Iterator[tuple[str, int]]:
    last, total = "", 0
    for letter, length in runs:
        if letter != last and total:
            yield last, total
            total = 0
        last, total = letter, total + length
    if total:
        yield last, total


@cache
def _lexer() -> Lexer:
    return CudaLexer()
