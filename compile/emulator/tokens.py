"""The tokens of C++ or CUDA text: `scan` gives them with the text's directives, `match_brackets` pairs what encloses.

Nothing is preprocessed: both branches of an `#if` give tokens, and the bodies of macros too. Comments give none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["word", "number", "string", "punctuation"]

# A directive other than #define is one match, #define is tokens like its body. Line continuations produce no token.
_TOKEN = re.compile(
    r"""
      (?P<directive>^[^\S\n]*\#[ \t]*(?:include|pragma|error|warning|line|if|ifdef|ifndef|elif|else|endif|undef)\b
          (?:\\\r?\n | //[^\n]* | /\*.*?\*/ | [^\n])*)
    | (?P<skip>\n+ | [^\S\n]+ | \\\r?\n | //(?:[^\n\\]|\\.|\\\n)* | /\*.*?\*/)
    | (?P<string>(?:u8|[uUL])?R"(?P<raw>[^()\s\\]{0,16})\(.*?\)(?P=raw)" | (?:u8|[uUL])?"(?:\\.|[^"\\\n])*"
        | (?:u8|[uUL])?'(?:\\.|[^'\\\n])+')
    | (?P<word>[A-Za-z_$][\w$]*)
    | (?P<number>\.?\d(?:'?[\w.]|(?<=[eEpP])[+-])*)
    | (?P<punctuation><<?\s*<(?=[^<=]) | :: | -> | .)
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
_DEFINE = re.compile(r"^[^\S\n]*(\#)[ \t]*define\b(?:\\\r?\n|[^\n])*", re.MULTILINE)
CLOSING = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True)
class Token:
    """A token of the text: what kind, its characters, where it begins."""

    kind: Kind
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


@dataclass(frozen=True)
class Directive:
    """A directive other than #define: its word (`if`), all of its text, where its line begins."""

    word: str
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def tokenize(text: str) -> list[Token]:
    """The tokens of C++ or CUDA text, without comments and without directives other than #define."""
    return scan(text)[0]


def scan(text: str) -> tuple[list[Token], list[Directive]]:
    """The tokens of the text, and its directives other than #define, which hold no code."""
    tokens: list[Token] = []
    directives: list[Directive] = []
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup
        if kind == "directive":
            word = match.group().lstrip("# \t").split(maxsplit=1)[0]
            directives.append(Directive(re.split(r"\W", word, maxsplit=1)[0], match.group(), match.start()))
        elif kind != "skip":
            assert kind is not None
            tokens.append(Token(kind, match.group(), match.start()))  # type: ignore[arg-type]
    return tokens, directives


def macro_bodies(text: str, tokens: Sequence[Token]) -> list[tuple[int, int]]:
    """Where the #defines of the text begin and end."""
    starts = {token.start for token in tokens if token.text == "#"}
    return [match.span() for match in _DEFINE.finditer(text) if match.start(1) in starts]


def conditional_parts(directives: Sequence[Directive]) -> list[tuple[int, int]]:
    """Where the text lies between an `#if` of any kind and its `#endif`; the outermost of them are enough."""
    parts: list[tuple[int, int]] = []
    depth, start = 0, 0
    for directive in directives:
        if directive.word in ("if", "ifdef", "ifndef"):
            start = directive.start if depth == 0 else start
            depth += 1
        elif directive.word == "endif" and depth > 0:
            depth -= 1
            if depth == 0:
                parts.append((start, directive.end))
    return parts


def match_brackets(tokens: Sequence[Token], macro_of: Sequence[int]) -> dict[int, int]:
    """Index of the closing bracket for the index of each opening one. What has no partner is left out; brackets of a
    macro's body (`macro_of` gives the number of each token's macro, -1 for none) pair with each other alone."""
    partner: dict[int, int] = {}
    stacks: dict[int, list[int]] = {}
    for i, token in enumerate(tokens):
        if token.kind != "punctuation":
            continue
        stack = stacks.setdefault(macro_of[i], [])
        if token.text in CLOSING:
            stack.append(i)
        elif stack and CLOSING[tokens[stack[-1]].text] == token.text:
            partner[stack.pop()] = i
    return partner
