"""Whether synthesized texts compile and run clean: C under the sanitizers, CUDA in the emulator, many in one build."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from compile.build import Build
from compile.emulator.build import Check, build_emulated
from compile.host import build_host
from compile.outcome import Outcome
from compile.runner import TestLimits, run_tests
from compile.sandbox import Sandbox
from data.find_functions import find_functions
from data.function import Function
from data.source_file import SourceFile
from data.synthesis.caller import SIGNATURE, caller
from data.synthesis.piece import Piece
from data.synthesis.synthesize import Target
from data.testcase import TestCase

_SECONDS = 5.0


@dataclass(frozen=True)
class Unclean:
    """A text that does not run clean: its place among those that were checked, and what was found."""

    number: int
    message: str


def find_unclean(
    pieces: Sequence[Piece],
    language: Target,
    sandbox: Sandbox,
    *,
    calls: int = 3,
    schedules: Sequence[str] = ("forward",),
    check: Check = "bounds",
) -> list[Unclean]:
    """The pieces that fail in any of `calls` calls with arguments of other sizes; none is what is hoped for.

    All pieces are one build, so that a text that does not compile is found by building each alone. CUDA runs in each
    of `schedules`, and is checked for accesses out of bounds or for races.
    """
    build = _build(pieces, language, sandbox, check)
    if isinstance(build, Outcome):
        if len(pieces) == 1:
            return [Unclean(0, build.message)]
        return list(_one_by_one(pieces, language, sandbox, calls, schedules, check))
    tests = [
        TestCase((np.int32(number), np.int32(seed))) for number in range(len(pieces)) for seed in range(1, calls + 1)
    ]
    found: dict[int, str] = {}
    for schedule in schedules if language == "cuda" else schedules[:1]:
        limits = TestLimits(seconds=_SECONDS, total_seconds=_SECONDS * len(tests))
        for test, run in zip(
            tests, run_tests(build, tests, _entry(sandbox), schedule=schedule, limits=limits), strict=True
        ):
            if not run.outcome.ok:
                message = run.outcome.message or run.outcome.status.value
                found.setdefault(int(np.asarray(test.arguments[0])), f"{schedule}: {message}")
    return [Unclean(number, message) for number, message in sorted(found.items())]


def _one_by_one(
    pieces: Sequence[Piece],
    language: Target,
    sandbox: Sandbox,
    calls: int,
    schedules: Sequence[str],
    check: Check,
) -> Iterator[Unclean]:
    for number, piece in enumerate(pieces):
        for unclean in find_unclean([piece], language, sandbox, calls=calls, schedules=schedules, check=check):
            yield Unclean(number, unclean.message)


def _build(pieces: Sequence[Piece], language: Target, sandbox: Sandbox, check: Check) -> Build | Outcome:
    text, entry, scratch = caller(pieces), _entry(sandbox), sandbox.scratch
    if language == "cuda":
        return build_emulated(text, entry, scratch, sandbox, check=check)
    return build_host(SourceFile(scratch / "synthesized.c", text, "c"), entry, "sanitize", scratch, sandbox)


def _entry(sandbox: Sandbox) -> Function:
    source = SourceFile(Path(sandbox.scratch) / "entry.cpp", f"{SIGNATURE} {{ return 0; }}", "c++")
    return find_functions(source).functions[0]
