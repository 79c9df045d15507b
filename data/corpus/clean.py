"""Cleaning: which files and rows are left out, each under the name of the one filter that dropped it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from data.corpus.row import KINDS, Kind, Row

# For each row the definitions that it lacks to compile ("" none), or None where it does not compile with any.
CompileCheck: TypeAlias = Callable[[Sequence[Row]], list[str | None]]

FILE_FILTERS = ("empty", "too_large", "binary", "not_utf8", "generated")
ROW_FILTERS = ("does_not_parse", "too_short", "too_long", "no_loop", "secret", "does_not_compile")
CORPUS_FILTERS = ("benchmark", "duplicate", "near_duplicate")

_GENERATED = re.compile(
    rb"@generated\b|\bdo not (?:edit|modify)\b|\b(?:auto-?|automatically |machine[- ])generated\b"
    rb"|\bgenerated (?:automatically )?(?:by|from)\b|\ba bison parser\b|\bthis file was created by\b"
)
_HEAD = 2_000
# One of these is in all of them, and most files have none: the pattern is fifty times slower.
_GENERATED_WORDS = (b"generated", b"do not edit", b"do not modify", b"bison parser", b"was created by")
# Machine-made tables: nobody writes lines this long on the average.
_LINE = 300
_LOOP = re.compile(r"\b(?:for|while)\s*\(|\bdo\s*\{")
_SECRET = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}\b"
    r"|\bxox[abprs]-[0-9A-Za-z-]{20,}|\bAIza[0-9A-Za-z_-]{35}\b|\bsk-[A-Za-z0-9]{32,}"
    r"|(?i:password|passwd|secret|api_?key|token)\w*\s*(?:\[\s*\])?\s*=\s*\"[^\"\s]{8,}\""
)


@dataclass(frozen=True)
class Cleaning:
    """What stays. Lengths are in characters of the text, `max_file_bytes` in bytes.

    `loop` keeps of the functions only those with a loop (kernels are the body of one). `compiles` is whether a check
    is handed in: it is named here because it changes the corpus.
    """

    kinds: tuple[Kind, ...] = ("function", "kernel")
    min_chars: int = 40
    max_chars: int = 20_000
    max_file_bytes: int = 1_000_000
    loop: bool = True
    generated: bool = False
    compiles: bool = False

    def __post_init__(self) -> None:
        if not self.kinds or not set(self.kinds) <= set(KINDS):
            raise ValueError(f"kinds are some of {', '.join(KINDS)}")
        if not 0 <= self.min_chars <= self.max_chars:
            raise ValueError("min_chars is above max_chars")


def file_fault(content: bytes, size: int, cleaning: Cleaning) -> str:
    """The filter that drops a file, "" where it stays. `size` is the file's, `content` may be only its beginning."""
    if size > cleaning.max_file_bytes:
        return "too_large"
    if not content.strip():
        return "empty"
    if b"\0" in content:
        return "binary"
    try:
        content.decode()
    except UnicodeDecodeError:
        return "not_utf8"
    if not cleaning.generated and (_is_generated(content[:_HEAD].lower()) or _is_table(content)):
        return "generated"
    return ""


def row_fault(row: Row, cleaning: Cleaning) -> str:
    """The filter that drops a row, "" where it stays."""
    length = len(row.text)
    if length < cleaning.min_chars:
        return "too_short"
    if length > cleaning.max_chars and row.kind != "file":
        return "too_long"
    if cleaning.loop and row.kind == "function" and _LOOP.search(row.text) is None:
        return "no_loop"
    if _SECRET.search(row.text) or (row.host and _SECRET.search(row.host)):
        return "secret"
    return ""


def _is_generated(head: bytes) -> bool:
    return any(word in head for word in _GENERATED_WORDS) and _GENERATED.search(head) is not None


def _is_table(content: bytes) -> bool:
    return len(content) > 20_000 and len(content) > _LINE * (content.count(b"\n") + 1)
