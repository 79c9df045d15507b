"""Reads a C or C++ file into a `SourceFile`; everything that is wrong with the file is one clear `SourceError`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from data.source_file import SourceFile

C_SUFFIXES = frozenset({".c", ".h"})
CXX_SUFFIXES = frozenset({".cpp", ".cc", ".cxx", ".c++", ".C", ".hpp", ".hh", ".hxx"})


class SourceError(Exception):
    """A source file that cannot be used. The message is one line: what, where, what to do."""


def language_of(path: Path) -> Literal["c", "c++"]:
    """The language that a file's suffix stands for; SourceError for any other suffix."""
    if path.suffix in C_SUFFIXES:
        return "c"
    if path.suffix in CXX_SUFFIXES:
        return "c++"
    known = " ".join(sorted(C_SUFFIXES | CXX_SUFFIXES))
    raise SourceError(f"{path}: not a C or C++ file (known suffixes: {known})")


def read_source(
    path: Path,
    include_dirs: Sequence[Path] = (),
    defines: Sequence[str] = (),
    flags: Sequence[str] = (),
) -> SourceFile:
    """The file at `path`; SourceError where it is missing, a folder, unreadable, empty or not UTF-8 text."""
    if path.is_dir():
        raise SourceError(f"{path}: is a directory; give a .c or .cpp file")
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise SourceError(f"{path}: no such file") from None
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror or error})") from None
    language = language_of(path)
    return SourceFile(path, decode(content, path), language, tuple(include_dirs), tuple(defines), tuple(flags))


def decode(content: bytes, path: Path) -> str:
    """The text of `content` with its line ends as they are; SourceError where it is empty, binary or not UTF-8."""
    if b"\0" in content:
        raise SourceError(f"{path}: is a binary file, not C or C++ source")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SourceError(f"{path}:{line}: is not UTF-8 text; convert it first (iconv -t UTF-8)") from None
    if not text.strip():
        raise SourceError(f"{path}: is empty")
    return text
