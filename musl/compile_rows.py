"""`RowCheck`: which rows of a corpus compile, and the types that they lack for it. Compilers run in the sandbox, many
rows in one run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from compile.cache import OwnBuildFailedError
from compile.emulator.build import INCLUDE, precompiled_header, unit_flags
from compile.emulator.rewrite import RewriteError, rewrite
from compile.outcome import Status
from compile.prelude import prelude_header
from compile.sandbox import MIB, Limits, Sandbox, SandboxUnavailable
from compile.scratch import scratch_folder
from compile.toolchain import ToolchainMissing, find_gcc, find_gxx
from data.corpus.row import Row
from data.function import Language
from data.source_file import SourceFile
from musl.errors import MachineError

_ROWS_A_RUN = 64
# For one row; a real function takes a hundredth of it.
_SECONDS = 10
# gcc names at most so many of a text's unknown types before others become visible.
_ROUNDS = 3
_LIMITS = Limits(wall_seconds=_ROWS_A_RUN * _SECONDS, memory_bytes=2048 * MIB, file_bytes=16 * MIB, output_bytes=MIB)
# Functions of other files are declared by their first call, as C did before 1999 and gcc does up to 13.
_C_FLAGS = ("-std=gnu11", "-w", "-Wno-implicit-function-declaration", "-Wno-implicit-int")
_CXX_FLAGS = ("-std=gnu++17", "-w", "-fpermissive")
_UNKNOWN_TYPE = re.compile(
    r"error: (?:unknown type name '(\w+)'|'(\w+)' does not name a type|'(\w+)' has not been declared"
    r"|variable or field '\w+' declared void[^\n]*\n[^\n]*'(\w+)' was not declared)"
)


@dataclass
class _Unit:
    """A row under compilation: the stand-ins for types that it has got so far."""

    row: Row
    stand_ins: list[str] = field(default_factory=list)
    compiles: bool = False

    @property
    def lacking(self) -> str:
        return "\n".join(f"typedef int {name};" for name in self.stand_ins)


@dataclass(frozen=True)
class RowCheck:
    """A data.corpus.clean.CompileCheck. A type that no definition is known of is taken as `int`."""

    unsafe: bool = False

    def __call__(self, rows: Sequence[Row]) -> list[str | None]:
        """For each row the stand-ins for unknown types with which it compiles ("" none), None where it does not.

        Raises MachineError where the compilers or the sandbox do not work.
        """
        units = [_Unit(row) for row in rows]
        for chunk in _chunks(units):
            waiting = chunk
            for _ in range(_ROUNDS):
                waiting = self._compile(waiting)
        return [unit.lacking if unit.compiles else None for unit in units]

    def _compile(self, units: Sequence[_Unit]) -> list[_Unit]:
        """Compiles the units; returns those that failed and have now got stand-ins for types that they lacked."""
        if not units:
            return []
        try:
            with scratch_folder() as folder:
                script, readable = _write(units, folder)
                sandbox = Sandbox(folder, unsafe=self.unsafe)
                outcome = sandbox.run(
                    ["/bin/sh", "-c", script], limits=_LIMITS, readable=readable, writable=True, cwd=folder
                )
                if outcome.status is Status.INFRASTRUCTURE:
                    raise MachineError(f"the sandbox does not work: {outcome.message}")
                return [unit for index, unit in enumerate(units) if _judge(unit, index, folder)]
        except (SandboxUnavailable, ToolchainMissing, OwnBuildFailedError) as error:
            raise MachineError(str(error)) from None


def row_check(*, unsafe: bool) -> RowCheck:
    """A check that has been tried on a row that compiles; MachineError where this machine cannot compile."""
    check = RowCheck(unsafe)
    if check([Row("", "function", "c", "f", "int f(int n) { return n; }", "f.c", 1, 1, "")]) != [""]:
        raise MachineError("gcc does not compile the smallest function here (musl doctor)")
    return check


def _chunks(units: Sequence[_Unit]) -> list[list[_Unit]]:
    return [list(units[start : start + _ROWS_A_RUN]) for start in range(0, len(units), _ROWS_A_RUN)]


def _write(units: Sequence[_Unit], folder: Path) -> tuple[str, list[Path]]:
    """Writes the units' files; returns the script that compiles them, and what it reads besides."""
    commands = {language: _command(language) for language in {unit.row.language for unit in units}}
    lines: list[str] = []
    for index, unit in enumerate(units):
        text = _text(unit)
        if text is None:
            continue
        name = f"{index}{'.c' if unit.row.language == 'c' else '.cpp'}"
        (folder / name).write_text(text, encoding="utf-8")
        words = shlex.join(["timeout", str(_SECONDS), *commands[unit.row.language][0], name])
        lines.append(f"{words} 2> {index}.err && : > {index}.ok")
    return "\n".join([*lines, "exit 0"]), [path for _, paths in commands.values() for path in paths]


def _command(language: Language) -> tuple[list[str], list[Path]]:
    """The compiler's command without the file, and the folders that it reads."""
    if language == "cuda":
        header = precompiled_header()
        flags = unit_flags("bounds")
        return [str(find_gxx().path), *flags, "-w", "-fsyntax-only", "-include", str(header)], [INCLUDE, header.parent]
    flags = _C_FLAGS if language == "c" else _CXX_FLAGS
    compiler = find_gcc() if language == "c" else find_gxx()
    # of a text that may need all of it
    header = prelude_header(SourceFile(Path("row"), "std", language), flags)
    return [str(compiler.path), *flags, "-fsyntax-only", "-include", str(header)], [header.parent]


def _text(unit: _Unit) -> str | None:
    """The translation unit of a row; None where the emulator does not take it."""
    row = unit.row
    includes = "".join(
        f"#if __has_include({name})\n#include {name}\n#endif\n" for name in row.includes if name.startswith("<")
    )
    text = f"{unit.lacking}\n{row.types}\n{row.text}\n"
    if row.language != "cuda":
        return includes + text
    try:
        return includes + rewrite(text).text
    except RewriteError:
        return None


def _judge(unit: _Unit, index: int, folder: Path) -> bool:
    """Whether the unit is worth another round: it failed, and lacked types that it now has stand-ins for."""
    unit.compiles = (folder / f"{index}.ok").exists()
    errors = folder / f"{index}.err"
    if unit.compiles or not errors.exists():
        return False
    found = _UNKNOWN_TYPE.findall(errors.read_text(encoding="utf-8", errors="replace"))
    new = [name for name in dict.fromkeys(next(filter(None, names), "") for names in found) if name]
    new = [name for name in new if name not in unit.stand_ins]
    unit.stand_ins += new
    return bool(new)
