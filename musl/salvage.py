"""`Salvage`: a file with syntax errors, with what is broken set aside so that the rest can be compiled and translated.

The parser's recovery is not relied on (one missing parenthesis can make it lose the rest of the file): the text is cut
at top-level definitions, and the piece in which the first error lies is replaced until no error is left. A function's
body becomes `{ __builtin_trap(); }`, so that other functions may still call it; anything else becomes a comment. The
output file gets the original text back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from data.find_functions import FunctionTable, SyntaxErrorAt, find_functions
from data.function import Function
from data.source_file import SourceFile

# A line that opens a definition, in the usual layout: it starts in the first column and has a parameter list.
_HEAD = re.compile(r"(?!(?:if|for|while|switch|else|do|return|case)\b)[A-Za-z_][\w\s*&:<>,]*\([^;]*$")
_OPAQUE = re.compile(
    r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|//[^\n]*|/\*.*?\*/|^[ \t]*#(?:[^\n\\]|\\.|\\\n)*', re.S | re.M
)
MARK = "/*musl:"
_NAME = re.compile(r"(\w+)\s*\(")


@dataclass(frozen=True)
class BrokenFunction:
    """A function (or another top-level piece, then `name` is empty) that begins at `line` and has a syntax error."""

    name: str
    line: int
    error: SyntaxErrorAt


@dataclass(frozen=True)
class Salvage:
    """`source` compiles as far as syntax goes; `table` are its functions; `originals` what each marker stands for."""

    source: SourceFile
    table: FunctionTable
    broken: tuple[BrokenFunction, ...] = ()
    originals: tuple[tuple[str, str], ...] = ()

    @property
    def functions(self) -> tuple[Function, ...]:
        """The functions that are whole, and of one name only (C++ may have several of a name)."""
        names = {broken.name for broken in self.broken} | {function.name for function in self.table.unsupported}
        return tuple(function for function in self.table.functions if function.name not in names)

    @property
    def unplaced_errors(self) -> tuple[SyntaxErrorAt, ...]:
        """Syntax errors outside functions, and those that could not be set aside."""
        outside = (broken.error for broken in self.broken if not broken.name)
        return (*outside, *self.table.syntax_errors)

    def restore(self, text: str) -> str:
        """`text` with the broken pieces as they were."""
        for marker, original in reversed(self.originals):
            text = text.replace(marker, original)
        return text


@dataclass(frozen=True)
class _Piece:
    """A top-level piece of the text; not `closed` where a brace in it stays open."""

    start: int
    end: int
    closed: bool


def salvage(source: SourceFile) -> Salvage:
    """The functions of `source`, whatever is broken in between. SourceError where the preprocessor refuses the file."""
    current = Salvage(source, find_functions(source))
    while current.table.syntax_errors:
        following = _set_aside(current, current.table.syntax_errors[0])
        if following is None:
            break
        current = following
    return current


def _set_aside(current: Salvage, error: SyntaxErrorAt) -> Salvage | None:
    """One more piece replaced; None where the error lies in another file or in no piece that is still whole."""
    if error.file != str(current.source.path):
        return None
    text = current.source.text
    pieces = [piece for piece in _pieces(text) if MARK not in text[piece.start : piece.end]]
    unclosed = next((piece for piece in pieces if not piece.closed), None)
    if unclosed is not None:
        error = SyntaxErrorAt(
            error.file, _first_line(text, unclosed), 1, "syntax error: a closing brace is missing in this definition"
        )
        return _replace(current, error, unclosed)
    for piece in [*pieces, *_pieces(text)]:  # a second time: the head of what was set aside is broken too
        if _line(text, piece.start) <= error.line <= _line(text, piece.end):
            return _replace(current, error, piece)
    return None


def _replace(current: Salvage, error: SyntaxErrorAt, piece: _Piece) -> Salvage | None:
    text = current.source.text
    whole = text[piece.start : piece.end]
    opening = -1 if MARK in whole else _masked(whole).find("{")
    is_body = opening > 0 and _line(text, piece.start + opening) <= error.line and piece.closed
    cut = piece.start + opening if is_body and _NAME.search(whole[:opening]) else piece.start
    lines = "\n" * text.count("\n", cut, piece.end)
    comment = f"{MARK}{len(current.originals)}{lines}*/"
    marker = f"{{__builtin_trap();{comment}}}" if cut > piece.start else comment
    if text[cut : piece.end].startswith(MARK):
        return None  # nothing of it is left
    changed = replace(current.source, text=text[:cut] + marker + text[piece.end :])
    return Salvage(
        changed,
        find_functions(changed),
        (*current.broken, *_broken(text, piece, error)),
        (*current.originals, (marker, text[cut : piece.end])),
    )


def _broken(text: str, piece: _Piece, error: SyntaxErrorAt) -> Iterator[BrokenFunction]:
    whole = text[piece.start : piece.end]
    if MARK not in whole:
        name = _NAME.search(_masked(whole))
        yield BrokenFunction(name.group(1) if name else "", _first_line(text, piece), error)


def _pieces(text: str) -> Iterator[_Piece]:
    """The top-level pieces: up to a `;` or a closing brace at depth 0, or to where a new head begins."""
    masked = _masked(text)
    depth, start, position = 0, 0, 0
    for line in masked.splitlines(keepends=True):
        if depth > 0 and _HEAD.match(line) and masked[start:position].strip():
            yield _Piece(start, position, closed=False)
            start, depth = position, 0
        for offset, character in enumerate(line, position):
            depth += (character == "{") - (character == "}")
            if depth <= 0 and character in ";}":
                yield _Piece(start, offset + 1, closed=True)
                start, depth = offset + 1, 0
        position += len(line)
    if masked[start:].strip():
        yield _Piece(start, len(text), closed=depth == 0)


def _line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


def _first_line(text: str, piece: _Piece) -> int:
    """The line of the piece's first character that is not blank or comment."""
    masked = _masked(text[piece.start : piece.end])
    return _line(text, piece.start + len(masked) - len(masked.lstrip()))


def _masked(text: str) -> str:
    """The text with strings, comments and directives blanked, same length and lines."""
    return _OPAQUE.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)
