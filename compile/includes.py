"""`include_folders`: what of the user's files a compiler sees in the sandbox, and no more.

That is: the folders that the user names (-I and the like), and the file's own folder if the file includes from it.
Where that folder holds the user's home, and for headers outside the folders shown (`#include "../common/x.h"`),
only the headers that are named in an `#include "..."` are shown, one by one, and only if they look like headers: a text
cannot ask for a key or a password file by including it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

from data.source_file import SourceFile

HEADER_SUFFIXES = frozenset(
    {".h", ".hh", ".hpp", ".hxx", ".h++", ".cuh", ".inc", ".inl", ".ipp", ".tcc", ".def", ".c", ".cc", ".cpp", ".cu"}
)
_INCLUDE = re.compile(r"^\s*#\s*include\s*(\S)([^\">\n]*)", re.MULTILINE)
_MOST_HEADERS = 1000
_MOST_BYTES = 4 << 20  # of one header


def include_folders(source: SourceFile) -> list[Path]:
    """The folders and files of the user that the compiler must see for `source`."""
    folders = [folder.resolve() for folder in source.include_dirs]
    for word, value in itertools.pairwise(source.flags):
        if word in ("-isystem", "-iquote", "-idirafter"):
            folders.append(Path(value).resolve())
        elif word in ("-include", "-imacros"):
            folders.append(Path(value).resolve().parent)
    own = source.path.resolve().parent
    if _includes_from(source, own) and not Path.home().resolve().is_relative_to(own):
        folders.insert(0, own)
    shown = [folder for folder in folders if folder != Path("/")]
    return [*shown, *_headers_outside(source, shown)]


def _includes_from(source: SourceFile, folder: Path) -> bool:
    """Whether the file may include from `folder`: an include of a file that is there, or one through a macro."""
    if "__has_include" in source.text or source.include_dirs or source.flags:
        return True
    return any(mark not in '"<' or (folder / name).is_file() for mark, name in _INCLUDE.findall(source.text))


def _headers_outside(source: SourceFile, shown: list[Path]) -> list[Path]:
    """The headers that the file and its headers include by a path from where they stand, outside the folders shown."""
    found: dict[Path, None] = {}
    waiting = list(_quoted(source.path.resolve().parent, source.text))
    while waiting and len(found) < _MOST_HEADERS:
        header = waiting.pop()
        real = header.resolve()
        if header in found or not {header.suffix, real.suffix} <= HEADER_SUFFIXES or not real.is_file():
            continue
        found[header] = None
        if real.stat().st_size <= _MOST_BYTES:
            waiting += _quoted(header.parent, real.read_text(encoding="utf-8", errors="replace"))
    return [header for header in found if not any(header.resolve().is_relative_to(folder) for folder in shown)]


def _quoted(folder: Path, text: str) -> Iterator[Path]:
    return (folder / name for mark, name in _INCLUDE.findall(text) if mark == '"' and name)
