"""`check_tests`: which tests are valid for a C function, and which of them raise its coverage.

Valid is what is valid for fuzz tests too (compile/valid.py), with both values of ours in elements that a test leaves
open: results must not depend on those.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from compile.build import Build
from compile.build_cache import BuildCache
from compile.coverage import measure_coverage, reset_coverage
from compile.host import Mode, build_host
from compile.outcome import Outcome, Status
from compile.run_record import TestRun
from compile.runner import TestLimits, run_tests
from compile.sandbox import Sandbox
from compile.valid import run_valid, same_results
from data.function import Function
from data.source_file import SourceFile
from data.testcase import TestCase
from tester.fuzz import BrokenMachineError
from tester.fuzz_extents import summarize
from tester.protocol import Coverage

READS_UNSET = "its results depend on elements that the test never sets"
# Of processor time under the sanitizers: a longer call would take the emulator too long on the CUDA side.
_LIMITS = TestLimits(seconds=0.25)
MODES: tuple[Mode, ...] = ("plain", "sanitize", "coverage")


@dataclass(frozen=True)
class Checked:
    """Of each given test, in order: `errors` says why it is not valid (empty where it is), `raises` whether it covers a
    line or a branch that no valid test before it covers. `coverage` is that of all valid tests together (None where
    there is none). `build_error` is the compiler's where the function does not compile: then no test is valid."""

    errors: tuple[str, ...]
    raises: tuple[bool, ...]
    coverage: Coverage | None
    build_error: str = ""

    @property
    def valid(self) -> tuple[bool, ...]:
        return tuple(not error for error in self.errors)


def check_tests(
    function: Function,
    source: SourceFile,
    tests: Sequence[TestCase],
    sandbox: Sandbox,
    *,
    cache: BuildCache | None = None,
) -> Checked:
    """Builds the C function, or takes builds from the cache, and runs the tests on it. Raises BrokenMachineError."""
    return TestChecker.of_source(function, source, sandbox, cache).check(tests) if tests else Checked((), (), None)


class TestChecker:
    """One C function, built to be run under the sanitizers and with coverage counters. Raises BrokenMachineError."""

    __test__ = False

    def __init__(self, function: Function, built: Sequence[Build | Outcome]) -> None:
        """`built` is what came of the builds in the modes of `MODES`, in their order."""
        self.function = function
        self._builds = [build for build in built if isinstance(build, Build)]
        failures = [outcome.message or outcome.status.value for outcome in built if isinstance(outcome, Outcome)]
        self.build_error = failures[0] if failures else ""

    @classmethod
    def of_source(
        cls, function: Function, source: SourceFile, sandbox: Sandbox, cache: BuildCache | None = None
    ) -> TestChecker:
        """Builds the function of its file."""
        with ThreadPoolExecutor(len(MODES)) as pool:
            return cls(function, list(pool.map(lambda mode: _build(function, source, mode, sandbox, cache), MODES)))

    def check(self, tests: Sequence[TestCase]) -> Checked:
        """What is to be said of these tests. Raises BrokenMachineError."""
        if self.build_error or not tests:
            return Checked((self.build_error,) * len(tests), (False,) * len(tests), None, self.build_error)
        plain, sanitized, counted = self._builds
        errors = find_errors(self.function, tests, plain, sanitized)
        valid = [index for index, error in enumerate(errors) if not error]
        raising, coverage = _find_raising(self.function, [tests[index] for index in valid], counted)
        raises = {valid[place] for place in raising}
        return Checked(tuple(errors), tuple(index in raises for index in range(len(tests))), coverage)


def raises_coverage(
    function: Function, source: SourceFile, tests: Sequence[TestCase], sandbox: Sandbox
) -> tuple[bool, ...]:
    """Of each of these valid tests, in order, whether it covers a line or a branch of the C function that none before
    it covers. Raises BrokenMachineError; ValueError where the function does not compile."""
    if not tests:
        return ()
    counted = _build(function, source, "coverage", sandbox)
    if isinstance(counted, Outcome):
        raise ValueError(f"{function.name} does not compile: {counted.message}")
    raising, _ = _find_raising(function, tests, counted)
    return tuple(index in raising for index in range(len(tests)))


def find_errors(function: Function, tests: Sequence[TestCase], plain: Build, sanitized: Build) -> list[str]:
    """For each test why it is not valid, empty where it is. Raises BrokenMachineError."""
    opened = [index for index, test in enumerate(tests) if test.unset]
    calls = [test.filled(0) for test in tests] + [tests[index].filled(1) for index in opened]
    runs = _usable(run_valid(plain, sanitized, calls, function, limits=_LIMITS))
    errors = ["" if run.outcome.ok else summarize(run.outcome.message) for run in runs]
    for index, error, other in zip(opened, errors[len(tests) :], runs[len(tests) :], strict=True):
        errors[index] = errors[index] or error
        if not errors[index] and not same_results(runs[index], _as_first(tests[index], runs[index], other)):
            errors[index] = READS_UNSET
    return errors[: len(tests)]


def _as_first(test: TestCase, first: TestRun, other: TestRun) -> TestRun:
    """The run with the second filling, with the first one in the open elements that both calls left as they were."""
    arguments = []
    for mask, zero, one, a, b in zip(
        test.unset, test.filled(0).arguments, test.filled(1).arguments, first.arguments, other.arguments, strict=True
    ):
        if mask is not None and isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
            left = mask & (a == zero) & (b == one)
            b = np.where(left, a, b)
        arguments.append(b)
    return TestRun(other.outcome, other.returned, tuple(arguments))


def _find_raising(function: Function, tests: Sequence[TestCase], counted: Build) -> tuple[set[int], Coverage | None]:
    """The places of the tests that raise coverage, and that of all. Measured are all together, then one more at a time
    until they cover as much: mostly the first ones do, so that a function costs few measurements."""
    if not tests:
        return set(), None
    reset_coverage(counted)
    whole, coverage = _measure(function, tests, counted)
    reset_coverage(counted)
    raising: set[int] = set()
    covered: frozenset[tuple[int, int]] = frozenset()
    for index, test in enumerate(tests):
        if covered >= whole:
            break
        now, _ = _measure(function, [test], counted)
        if not now <= covered:
            raising.add(index)
        covered = covered | now
    return raising, coverage


def _measure(
    function: Function, tests: Sequence[TestCase], counted: Build
) -> tuple[frozenset[tuple[int, int]], Coverage]:
    """What these tests and all before them since the last reset execute."""
    _usable(run_tests(counted, [test.filled(0) for test in tests], function, limits=_LIMITS))
    measured = measure_coverage(counted, function)
    if isinstance(measured, Outcome):
        raise BrokenMachineError(measured.message)
    return measured.executed, Coverage(measured.line, measured.branch)


def _build(
    function: Function, source: SourceFile, mode: Mode, sandbox: Sandbox, cache: BuildCache | None = None
) -> Build | Outcome:
    built = build_host(source, function, mode, sandbox.scratch, sandbox, cache=cache)
    if isinstance(built, Outcome) and built.status is Status.INFRASTRUCTURE:
        raise BrokenMachineError(built.message)
    return built


def _usable(runs: list[TestRun]) -> list[TestRun]:
    for run in runs:
        if run.outcome.status is Status.INFRASTRUCTURE:
            raise BrokenMachineError(run.outcome.message)
    return runs
