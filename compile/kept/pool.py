"""`assembled`: the steps of a build whose compilation a kept compiler has done already.

A process keeps at most `MOST_KEPT` compilers, one for each command, from the second time on that the command comes: to
start one takes as long as to compile a unit. `COUNTS` says how many units were compiled so and why the others were not.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from compile.kept.compiler import MOST_BYTES, KeptCompiler, KeptCompilerError
from compile.sandbox import Sandbox

LOG = logging.getLogger(__name__)
MOST_KEPT = 8
MOST_FAILURES = 3  # of one command; after them it is left to the ordinary compiler
ASSEMBLY = "unit.s"
OFF = "MUSL_NO_KEPT_COMPILERS"  # in the environment: every unit has a compiler of its own
COUNTS: Counter[str] = Counter()


@dataclass
class _Command:
    seen: int = 0
    failures: int = 0
    compiler: KeptCompiler | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


_COMMANDS: dict[tuple[str, ...], _Command] = {}
_LOCK = threading.Lock()


def assembled(
    steps: Sequence[Sequence[str]], folder: Path, sandbox: Sandbox, readable: Sequence[Path]
) -> list[Sequence[str]]:
    """`steps`, which begin with `g++ ... -c unit.cpp -o unit.o` in `folder`; where a kept compiler has done that, its
    assembly lies in the folder, and the assembler stands in the place of the compiler.

    `readable` is what the command reads, which must be files that stay as they are (the user's may change).
    """
    command, unit = list(steps[0]), steps[0][-3]
    if sandbox.unsafe or "--coverage" in command or OFF in os.environ or not _is_plain(folder / unit):
        return list(steps)
    entry = _entry(tuple(command))
    compiler = _compiler_of(entry, command, unit, sandbox, readable)
    if compiler is None or not _compile(entry, compiler, folder, unit):
        return list(steps)
    return [[*compiler.assembler, ASSEMBLY], *steps[1:]]


def _is_plain(unit: Path) -> bool:
    """Whether the text fits, and does not end in a way that libcpp completes while it reads the file."""
    return unit.stat().st_size <= MOST_BYTES and not unit.read_bytes().endswith(b"\r")


def _entry(command: tuple[str, ...]) -> _Command:
    with _LOCK:
        return _COMMANDS.setdefault(command, _Command())


def _compiler_of(
    entry: _Command, command: Sequence[str], unit: str, sandbox: Sandbox, readable: Sequence[Path]
) -> KeptCompiler | None:
    with entry.lock:
        entry.seen += 1
        if entry.compiler is not None:
            return entry.compiler
        if entry.seen < 2 or entry.failures >= MOST_FAILURES or _kept() >= MOST_KEPT:
            COUNTS["not kept"] += 1
            return None
        try:
            entry.compiler = KeptCompiler.start(command, unit, sandbox, readable)
        except (KeptCompilerError, OSError) as error:
            _failed(entry, error)
        return entry.compiler


def _kept() -> int:
    return sum(entry.compiler is not None for entry in list(_COMMANDS.values()))


def _compile(entry: _Command, compiler: KeptCompiler, folder: Path, unit: str) -> bool:
    try:
        done = compiler.compile(folder / unit, folder / ASSEMBLY)
    except (KeptCompilerError, OSError) as error:
        with entry.lock:
            if entry.compiler is compiler:
                entry.compiler = None
                _failed(entry, error)
        return False
    COUNTS["compiled" if done else "has messages"] += 1
    return done


def _failed(entry: _Command, error: Exception) -> None:
    entry.failures += 1
    COUNTS["failed"] += 1
    LOG.info("a unit goes to the ordinary compiler: %s", error)


def _begin_anew() -> None:
    """A forked process has compilers of its own."""
    global _LOCK
    _LOCK = threading.Lock()
    for entry in _COMMANDS.values():
        if entry.compiler is not None:
            entry.compiler.forget()
    _COMMANDS.clear()
    COUNTS.clear()


os.register_at_fork(after_in_child=_begin_anew)
