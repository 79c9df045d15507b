"""Lexical tokens of C, C++ and CUDA text: what perplexity is counted over, and what Tokompiler rewrites.

`lex` cuts any text, whole or broken, into lexemes whose texts joined are the text again. It never fails: a byte that
starts no token is a token by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple


class LexemeKind(Enum):
    """What a lexeme is. `BLANK` and `COMMENT` carry no meaning; `DIRECTIVE` is the word after a line's `#`, `HEADER` a
    header's name (`<math.h>`) or a message that is no code (the words after `#error`)."""

    BLANK = "blank"
    COMMENT = "comment"
    DIRECTIVE = "directive"
    HEADER = "header"
    STRING = "string"
    CHARACTER = "character"
    NUMBER = "number"
    NAME = "name"
    PUNCTUATION = "punctuation"


class Lexeme(NamedTuple):
    """A piece of a text. `start` counts characters; `directive` is the word of the preprocessor line that the lexeme
    stands on ("define", "" in ordinary code)."""

    kind: LexemeKind
    text: str
    start: int
    directive: str = ""


# The preprocessing tokens of C11 (ISO/IEC 9899:2011, 6.4 p1) with C++'s raw strings, and CUDA's launch brackets as one.
_TOKEN = re.compile(
    r"""
      (?P<blank>(?:\s|\\[ \t]*\r?\n)+)
    | (?P<comment>//(?:\\\r?\n|[^\n])*|/\*(?s:.*?)(?:\*/|\Z))
    | (?P<string>(?:u8|[LuU])?(?:R"(?P<fence>[^()\\\s]{0,16})\((?s:.*?)\)(?P=fence)"|"(?:\\(?s:.)|[^"\\\n])*"))
    | (?P<character>(?:u8|[LuU])?'(?:\\(?s:.)|[^'\\\n])+')
    | (?P<number>\.?[0-9](?:[eEpP][+-]|'?\w|\.)*)
    | (?P<name>[^\W\d][\w$]*|\$[\w$]*)
    | (?P<punctuation><<<|>>>|%:%:|\.\.\.|<<=|>>=|->\*|<=>|->|\+\+|--|<<|>>|&&|\|\||[-+*/%&^|<>=!]=|\#\#|::|\.\*|.)
    """,
    re.VERBOSE,
)
_KINDS = {kind.value: kind for kind in LexemeKind}
_HEADER = re.compile(r'<[^>\n]*>|"[^"\n]*"')
_MESSAGE = re.compile(r"(?:\\\r?\n|(?!//|/\*)[^\n])+?(?=\s*(?:\n|//|/\*|\Z))")
_SPLICE = re.compile(r"\\[ \t]*\r?\n")
# Directives whose operand is not code. `#include NAME` is code: a macro.
_MESSAGES = frozenset({"error", "warning", "line", "ident"})
HEADERS = frozenset({"include", "include_next", "import"})


def lexical_tokens(text: str) -> list[str]:
    """The lexical tokens of a text, blanks and comments left out.

    They are the preprocessing tokens of the C standard (ISO/IEC 9899:2011, 6.4 p1: header names, identifiers,
    pp-numbers, character constants, string literals, punctuators, and each other character that is not white space),
    with the raw strings of C++ and with `<<<` and `>>>` of a CUDA launch as one token each. A perplexity divided among
    them, not among a model's own tokens, is comparable between vocabularies (Xu et al., PolyCoder, arXiv 2202.13169,
    section 4.2, which MonoCoder follows).
    """
    skipped = (LexemeKind.BLANK, LexemeKind.COMMENT)
    return [lexeme.text for lexeme in lex(text) if lexeme.kind not in skipped]


def lex(text: str) -> Iterator[Lexeme]:
    """The lexemes of a text in order; their texts joined are `text`."""
    position, directive = 0, ""
    starts_line, after_hash = True, False
    while position < len(text):
        lexeme = _next(text, position, directive)
        position += len(lexeme.text)
        if lexeme.kind is LexemeKind.BLANK:
            if _ends_line(lexeme.text):
                lexeme = lexeme._replace(directive="")
                starts_line, after_hash, directive = True, False, ""
        elif lexeme.kind is not LexemeKind.COMMENT:
            if after_hash:
                directive = lexeme.text
                lexeme = lexeme._replace(kind=LexemeKind.DIRECTIVE, directive=directive)
            after_hash = starts_line and lexeme.text == "#"
            starts_line = False
        yield lexeme


def _next(text: str, position: int, directive: str) -> Lexeme:
    rest = _HEADER if directive in HEADERS else _MESSAGE if directive in _MESSAGES else None
    operand = rest.match(text, position) if rest is not None else None
    if operand is not None and not text[position].isspace():
        return Lexeme(LexemeKind.HEADER, operand[0], position, directive)
    match = _TOKEN.match(text, position)
    assert match is not None and match.lastgroup is not None  # the last alternative takes any character
    return Lexeme(_KINDS[match.lastgroup], match[0], position, directive)


def _ends_line(blank: str) -> bool:
    return "\n" in blank and "\n" in _SPLICE.sub("", blank)
