"""The preprocessor flags of a file from a compilation database (compile_commands.json, which CMake and Bear write)."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from musl.errors import UsageError

DATABASE = "compile_commands.json"


@dataclass(frozen=True)
class BuildFlags:
    """The flags of one file's compilation that decide what its text means. Include folders are absolute."""

    include_dirs: tuple[Path, ...] = ()
    defines: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()  # -std=..., -U..., -include...


def read_build_flags(build: Path, source: Path) -> BuildFlags:
    """The flags of `source` in the database `build` (the file, or the folder that holds it).

    UsageError where there is no database, it is not one, or it does not name the file.
    Format: https://clang.llvm.org/docs/JSONCompilationDatabase.html
    """
    database = build / DATABASE if build.is_dir() else build
    for entry in _entries(database):
        folder = Path(str(entry.get("directory", database.parent)))
        if (folder / str(entry.get("file", ""))).resolve() == source.resolve():
            return _flags(_arguments(entry), folder)
    raise UsageError(f"{database}: has no entry for {source}")


def _entries(database: Path) -> list[dict[str, object]]:
    try:
        entries = json.loads(database.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{database}: cannot be read ({error.strerror or error})") from None
    except ValueError as error:
        raise UsageError(f"{database}: is not a compilation database ({error})") from None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise UsageError(f"{database}: is not a compilation database (a list of objects is expected)")
    return entries


def _arguments(entry: dict[str, object]) -> list[str]:
    arguments = entry.get("arguments")
    if isinstance(arguments, list):
        return [str(argument) for argument in arguments]
    return shlex.split(str(entry.get("command", "")))


def _flags(arguments: list[str], folder: Path) -> BuildFlags:
    includes: list[Path] = []
    defines: list[str] = []
    others: list[str] = []
    for flag, value in _flag_values(arguments):
        if flag in ("-I", "-isystem", "-iquote"):
            includes.append((folder / value).resolve())
        elif flag == "-D":
            defines.append(value)
        elif flag == "-U":
            others.append(f"-U{value}")
        elif flag == "-std":
            others.append(f"-std={value}")
        elif flag == "-include":
            others += ["-include", str((folder / value).resolve()) if (folder / value).exists() else value]
    return BuildFlags(tuple(includes), tuple(defines), tuple(others))


def _flag_values(arguments: list[str]) -> Iterator[tuple[str, str]]:
    """-Ifolder, -I folder, -DX, -D X, -UX, -std=c11, -isystem folder, -include file; everything else is passed over."""
    rest = iter(arguments)
    for argument in rest:
        if argument in ("-I", "-D", "-U", "-isystem", "-iquote", "-include"):
            yield argument, next(rest, "")
        elif argument.startswith(("-I", "-D", "-U")):
            yield argument[:2], argument[2:]
        elif argument.startswith("-std="):
            yield "-std", argument.removeprefix("-std=")
        elif argument.startswith("-isystem"):
            yield "-isystem", argument.removeprefix("-isystem")
