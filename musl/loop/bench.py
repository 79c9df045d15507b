"""`Bench`: how translations and tests of the loop are run, in whichever worker process.

Every function here takes what it needs and returns a value for whatever the code under test does.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import tester.neural.check
from compile.build import Build
from compile.build_cache import BuildCache
from compile.coverage import MeasuredCoverage, measure_functions
from compile.cuda_parts import device_functions
from compile.emulator.build import Check, build_emulated
from compile.outcome import Outcome, Status
from compile.run_record import TestRun
from compile.runner import run_tests
from compile.sandbox import Sandbox
from data.corpus.row import Row
from data.function import Function
from data.source_file import SourceFile
from data.testcase import TestCase
from musl.case import CANDIDATE_LIMITS, Candidate
from musl.co_verify import co_verify
from musl.compile_rows import RowCheck
from musl.findings import first_line
from musl.loop.source import Source, Unsuitable, c_side, cuda_side, function_of
from musl.verdict import Verdict, VerdictStatus, no_verdict
from tester.fuzz import BrokenMachineError
from tester.protocol import TestSuite


@dataclass(frozen=True)
class Bench:
    """The sandbox and the settings that verdicts depend on."""

    sandbox: Sandbox
    device: Literal["emulator", "gpu"]
    schedules: tuple[str, ...]
    seed: int

    @contextlib.contextmanager
    def room(self) -> Iterator[Sandbox]:
        """A sandbox with a scratch folder of its own, which goes after the body."""
        folder = Path(tempfile.mkdtemp(prefix="loop-", dir=self.sandbox.scratch)).resolve()
        try:
            yield self.sandbox.within(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, eq=False)
class Pair:
    """Both sides as they are built: the C text with its function, and the CUDA text with what is called."""

    file: SourceFile
    function: Function
    candidate: Candidate


def pair_of(source: Source, text: str) -> Pair:
    """A source and a translation of it; Unsuitable where the translation cannot be called as the source is."""
    if source.language == "c":
        file, function = c_side(source, source.text)
        return Pair(file, function, cuda_side(source, text, function))
    file, function = c_side(source, text)
    kernel = function_of(source)
    ours, theirs = ([(p.dtype, p.is_array) for p in f.parameters] for f in (kernel, function))
    if ours != theirs:
        raise Unsuitable("its parameters are not the kernel's")
    return Pair(file, function, cuda_side(source, source.text, kernel))


def judge(bench: Bench, source: Source, text: str, tests: Sequence[TestCase]) -> Verdict:
    """The verdict on one translation of a source, with one result for each test."""
    try:
        pair = pair_of(source, text)
    except Unsuitable as unsuitable:
        return no_verdict(VerdictStatus.CANDIDATE_FAILED, str(unsuitable))
    verdict = _co_verify(bench, pair.file, pair.function, pair.candidate, tests)
    if source.language == "cuda" and verdict.status is VerdictStatus.EQUIVALENT and verdict.tests_dropped:
        # The tests are valid for the kernel, so what the sanitizers stop is the translation's own fault.
        return replace(verdict, status=VerdictStatus.CANDIDATE_FAILED, reason=f"the C function: {verdict.drop_reason}")
    return verdict


def judge_on_host(bench: Bench, source: Source, text: str, tests: Sequence[TestCase]) -> Verdict:
    """The verdict on a C text as compared with a C source."""
    file, function = c_side(source, source.text)
    try:
        written, candidate = c_side(source, text)
    except Unsuitable as unsuitable:
        return no_verdict(VerdictStatus.CANDIDATE_FAILED, str(unsuitable))
    ours, theirs = ([(p.dtype, p.is_array) for p in f.parameters] for f in (function, candidate))
    if ours != theirs:
        return no_verdict(VerdictStatus.CANDIDATE_FAILED, "its parameters are not the function's")
    return _co_verify(bench, file, function, Candidate(written.text, candidate, on_host=True), tests)


def _co_verify(
    bench: Bench, file: SourceFile, function: Function, candidate: Candidate, tests: Sequence[TestCase]
) -> Verdict:
    with bench.room() as sandbox:
        return co_verify(
            *(file, function, candidate, TestSuite(tuple(tests), None, 0)),
            sandbox=sandbox,
            scratch=sandbox.scratch,
            schedules=bench.schedules[:1] if candidate.on_host else bench.schedules,
            device=bench.device,
            seed=bench.seed,
            threads=1,
            cache=BuildCache(),
        )


def compile_all(sources: Sequence[Source], texts: Sequence[str]) -> list[bool]:
    """Whether each text, a translation of the source at its place, compiles; all in one run of the sandbox."""
    rows = [_row(source, text) for source, text in zip(sources, texts, strict=True)]
    return [lacking == "" for lacking in RowCheck()(rows)]


def _row(source: Source, text: str) -> Row:
    includes = tuple(line.removeprefix("#include ") for line in source.before.splitlines() if "#include" in line)
    types = "\n".join(line for line in source.before.splitlines() if "#include" not in line)
    kind: Literal["function", "kernel"] = "kernel" if source.target == "cuda" else "function"
    return Row("", kind, source.target, "", text, "", 1, 1, "", includes=("<math.h>", *includes), types=types)


# ------------------------------------------------------------------------------------------------------------- tests


@dataclass(frozen=True)
class Validity:
    """Of each test, in order: what is wrong with it for the source ("" valid), and whether it executed something that
    no valid test before it did. `coverage` is of all valid ones together, in percent (None: not measured)."""

    faults: tuple[str, ...]
    covers: tuple[bool, ...]
    coverage: tuple[float, float | None] | None = None


def check_tests(bench: Bench, source: Source, tests: Sequence[TestCase]) -> Validity:
    """Runs the source alone on the tests. Raises tester.fuzz.BrokenMachineError."""
    if not tests:
        return Validity((), ())
    with bench.room() as sandbox:
        if source.language == "c":
            file, function = c_side(source, source.text)
            checked = tester.neural.check.check_tests(function, file, tests, sandbox)
            found = checked.coverage
            return Validity(checked.errors, checked.raises, None if found is None else (found.line, found.branch))
        return _check_on_kernel(sandbox, source, tests)


def _check_on_kernel(sandbox: Sandbox, source: Source, tests: Sequence[TestCase]) -> Validity:
    candidate = cuda_side(source, source.text, function_of(source))
    built = _build_kernel(sandbox, source, candidate, "bounds")
    if isinstance(built, Outcome):
        return Validity(
            (f"the kernel does not compile: {first_line(built.message)}",) * len(tests), (False,) * len(tests)
        )
    runs = run_tests(built, [test.filled(0) for test in tests], candidate.function, limits=CANDIDATE_LIMITS)
    faults = [_fault(run) for run in runs]
    valid = [i for i, fault in enumerate(faults) if not fault]
    covering, coverage = _covering(sandbox, source, candidate, [tests[i] for i in valid])
    raising = {valid[i] for i in covering}
    return Validity(tuple(faults), tuple(i in raising for i in range(len(tests))), coverage)


def _fault(run: TestRun) -> str:
    if run.outcome.status is Status.INFRASTRUCTURE:
        raise BrokenMachineError(first_line(run.outcome.message))
    if not run.outcome.ok:
        return first_line(run.outcome.message)
    return "" if run.launches else "it launches no kernel"


def _build_kernel(sandbox: Sandbox, source: Source, candidate: Candidate, check: Check) -> Build | Outcome:
    # Of the C file, which a kernel does not have, only the flags are looked at.
    nothing = SourceFile(Path(f"/pair/{source.id}.c"), "", "c")
    built = build_emulated(candidate.text, candidate.function, sandbox.scratch, sandbox, nothing, check=check)
    if isinstance(built, Outcome) and built.status is Status.INFRASTRUCTURE:
        raise BrokenMachineError(first_line(built.message))
    return built


def _covering(
    sandbox: Sandbox, source: Source, candidate: Candidate, tests: Sequence[TestCase]
) -> tuple[list[int], tuple[float, float | None] | None]:
    """Which of the tests execute something of the kernel that none before did, and what all execute together."""
    built = _build_kernel(sandbox, source, candidate, "coverage") if tests else None
    if not isinstance(built, Build):
        return [], None
    names = {name for name, _ in device_functions(candidate.text)}
    covering: list[int] = []
    before: MeasuredCoverage | None = None
    for i, test in enumerate(tests):
        run_tests(built, [test.filled(0)], candidate.function, limits=CANDIDATE_LIMITS)
        measured = measure_functions(built, names)
        if isinstance(measured, Outcome):
            raise BrokenMachineError(first_line(measured.message))
        if before is None or measured.executed - before.executed:
            covering.append(i)
        before = measured
        if measured.line >= 100 and (measured.branch is None or measured.branch >= 100):
            break
    return covering, None if before is None else (before.line, before.branch)
