"""`FuzzTester`: unit tests for a C function, from its signature, its text and its own execution.

    roles (fuzz_roles) -> shapes and values (fuzz_shapes, fuzz_candidates, inputs) -> candidate calls
      -> trace run: which elements does the call touch?      -> arrays of exactly that size (fuzz_extents)
      -> AddressSanitizer and UBSan, uninitialised variables -> what fails is dropped and counted, never a test
      -> gcov: inputs are added while line or branch coverage grows

The budget is in candidates, not in seconds, so the same function and seed give the same tests on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from compile.build import Build
from compile.coverage import measure_coverage
from compile.host import Mode, build_host
from compile.outcome import Outcome, Status
from compile.run_record import TestRun
from compile.runner import TestLimits, run_tests
from compile.sandbox import Sandbox
from compile.valid import run_valid
from data.function import Function
from data.source_file import SourceFile
from data.testcase import TestCase
from tester.fuzz_candidates import (
    ASCENDING_VARIANT,
    DESCENDING_VARIANT,
    EXCEPTION_VARIANT,
    NEAR_VARIANT,
    SPECIAL_VARIANT,
    make_candidate,
    make_probe,
    probe_values,
    stable_seed,
)
from tester.fuzz_extents import Candidate, fit_extents, summarize
from tester.fuzz_roles import Roles, read_roles
from tester.fuzz_shapes import Shape, make_far_shape, make_shape
from tester.given_extents import extended
from tester.protocol import Coverage, TestSuite

MODES: tuple[Mode, ...] = ("trace", "sanitize", "plain", "coverage")
# The variants of the first calls: random and ordered numbers on shapes of several blocks (what is looked for may be
# anywhere, and at either end alone), special values and those of comparisons early.
FIRST_VARIANTS = (
    *(0, SPECIAL_VARIANT, 0, 1, 0, DESCENDING_VARIANT, NEAR_VARIANT, 2, 1, 4),
    *(EXCEPTION_VARIANT, DESCENDING_VARIANT, 0, ASCENDING_VARIANT),
)
BATCH = 24
# The threads of a block, mostly: calls that touch no more elements do not show what several blocks do.
BLOCK = 256
FAR_BATCH, FAR_TESTS = 16, 2


class BrokenMachineError(RuntimeError):
    """The C side could not be built or run for a reason that is the machine's; the message is the tool's."""


@dataclass(frozen=True)
class FuzzOptions:
    """`operations` limits the estimated innermost iterations of one call, `batches` how often inputs are added,
    `edge_cases` the tests kept on which the function writes nothing. Without `special_values` no NaN, infinity or huge
    number is tried. With `whole_arrays` every array is rounded up to a product of the sizes, as callers mostly give
    them; else an array ends where the C function stops touching it, or where `extents` ("n*m", by parameter) says if
    that is farther. `seconds` ends a call of the C side; after
    `timeouts` such calls no more are tried."""

    operations: float = 3e5
    batches: int = 5
    edge_cases: int = 3
    special_values: bool = True
    whole_arrays: bool = False
    seconds: float = 1.0
    timeouts: int = 10
    extents: Mapping[str, str] = field(default_factory=dict)


class FuzzTester:
    """Makes tests for the functions of one source file. Builds go to `scratch` (the sandbox's own folder if None)."""

    name = "fuzz"

    def __init__(
        self, source: SourceFile, sandbox: Sandbox, scratch: Path | None = None, options: FuzzOptions | None = None
    ) -> None:
        self.source, self.sandbox = source, sandbox
        self.scratch = scratch or sandbox.scratch
        self.options = options or FuzzOptions()

    def make_tests(self, function: Function, count: int, seed: int) -> TestSuite:
        """At least `count` valid tests where so many are found, more while coverage grows.

        A function that does not compile has no tests, and the compiler's message as `first_error`. Raises
        BrokenMachineError.
        """
        with ThreadPoolExecutor(len(MODES)) as pool:
            builds = {mode: pool.submit(self._build, function, mode) for mode in MODES}
            return _Session(function, self.options, builds, seed).make(count)

    def _build(self, function: Function, mode: Mode) -> Build | Outcome:
        return build_host(self.source, function, mode, self.scratch, self.sandbox)


class _Session:
    """The making of one function's tests."""

    def __init__(
        self, function: Function, options: FuzzOptions, builds: dict[Mode, Future[Build | Outcome]], seed: int
    ) -> None:
        self.function, self.options, self.builds = function, options, builds
        self.rng = stable_seed(function, seed)
        self.roles: Roles = read_roles(function)
        self.whole_arrays = options.whole_arrays or self.roles.data_dependent
        self.seen: set[str] = set()
        self.number = 0
        self.dropped = 0
        self.timeouts = 0
        self.first_error = ""
        self.edge_cases = 0

    def make(self, count: int) -> TestSuite:
        traced = self.builds["trace"].result()
        if isinstance(traced, Outcome):
            return TestSuite((), None, 0, _build_failure(traced))
        tests: list[TestCase] = []
        coverage: Coverage | None = None
        stale = 0
        for _ in range(self.options.batches):
            valid = list(self._make_batch(BATCH if tests else max(count, 16) + 8))
            needed = valid[: max(0, count - len(tests))]
            before = coverage
            if needed:
                tests += needed
                coverage = self._measure(needed)
            spare = valid[len(needed) :]
            if spare and _can_grow(coverage):
                grown = self._measure(spare)
                tests += spare if grown != coverage else []
                coverage = grown
            stale = 0 if coverage != before else stale + 1
            enough = len(tests) >= count and (stale > 1 or not _can_grow(coverage))
            if enough or self.timeouts >= self.options.timeouts:
                break
        tests += self._go_farther(tests)
        return TestSuite(tuple(tests), coverage, self.dropped, self.first_error)

    # ------------------------------------------------------------ one batch

    def _make_batch(self, size: int) -> Iterator[TestCase]:
        """Valid new tests among `size` candidates."""
        numbers = range(self.number, self.number + size)
        shapes = [make_shape(self.roles, number, self.rng, self.options.operations) for number in numbers]
        return self._try(self._make_candidates(shapes))

    def _go_farther(self, tests: Sequence[TestCase]) -> list[TestCase]:
        """More tests for arrays of which no call so far touched more than a block of elements; none where that takes
        too much work, or the function cannot."""
        near = {index: FAR_TESTS for index in range(len(self.function.parameters)) if self._is_near(index, tests)}
        if not near or not self.roles.sizes or self.timeouts:
            return []
        others = [p.name for p in self.function.parameters if not p.is_array and p.dtype.kind in "iu"]
        shapes = [make_far_shape(self.roles, others, self.rng, self.options.operations) for _ in range(FAR_BATCH)]
        kept: list[TestCase] = []
        for test in self._try(self._make_candidates(shapes)):
            reached = [index for index, left in near.items() if left and _length(test, index) > BLOCK]
            if reached:
                kept.append(test)
                near |= {index: near[index] - 1 for index in reached}
        return kept

    def _is_near(self, index: int, tests: Sequence[TestCase]) -> bool:
        """Whether a parameter is an array of no fixed size that is used, and never beyond a block of elements."""
        parameter = self.function.parameters[index]
        grows = parameter.is_array and any(extent is None for extent in parameter.extents)
        return grows and 0 < max((_length(test, index) for test in tests), default=0) <= BLOCK

    def _try(self, candidates: Sequence[Candidate]) -> Iterator[TestCase]:
        """The candidates that are valid new tests."""
        runs = self._trace([candidate.test for candidate in candidates])
        sized: list[TestCase] = []
        for test in fit_extents(self.function, self.roles, candidates, runs, self.whole_arrays):
            if isinstance(test, TestCase):
                test = extended(self.function, test, self.options.extents)
            if isinstance(test, str):
                self._drop(test)
            elif test.id not in self.seen:
                self.seen.add(test.id)
                sized.append(test)
        limits = TestLimits(seconds=self.options.seconds)
        checked = run_valid(self._built("plain"), self._built("sanitize"), sized, self.function, limits=limits)
        for test, run in zip(sized, _usable(checked), strict=True):
            if not run.outcome.ok:
                self._drop(summarize(run.outcome.message))
            elif self._is_worth_keeping(test, run):
                yield test

    def _trace(self, tests: Sequence[TestCase]) -> list[TestRun]:
        """Traced runs, in parts that grow while calls end: calls that do not are slow to try."""
        runs: list[TestRun] = []
        part = 4
        while len(runs) < len(tests) and self.timeouts < self.options.timeouts:
            new = self._run("trace", tests[len(runs) : len(runs) + part])
            ended = sum(run.outcome.status is not Status.TIMEOUT for run in new)
            self.timeouts += len(new) - ended
            part = 2 * part if ended == len(new) else 4
            runs += new
        return runs + [TestRun(Outcome(Status.TIMEOUT, stderr=b"too many calls do not end"))] * (len(tests) - len(runs))

    def _make_candidates(self, shapes: Sequence[Shape]) -> list[Candidate]:
        """A call of each shape, and the probes of what calls of it may touch."""
        candidates: list[Candidate] = []
        probes: list[Candidate] = []
        for shape in shapes:
            variant = int(self.rng.integers(0, 16))
            if self.number < len(FIRST_VARIANTS):
                variant = FIRST_VARIANTS[self.number]
            special = self.options.special_values
            test = make_candidate(self.function, self.roles, shape, variant, self.rng, special)
            candidates.append(Candidate(test, shape))
            if self.roles.data_dependent:
                for value in probe_values(self.roles):
                    probe = make_probe(self.function, self.roles, shape, value, self.rng)
                    probes.append(Candidate(probe, shape, probe=True))
            self.number += 1
        return candidates + probes

    def _is_worth_keeping(self, test: TestCase, run: TestRun) -> bool:
        """Whether the call wrote something that can be told from garbage; a few that did not are kept as edge cases."""
        outputs: list[np.generic | np.ndarray] = [run.returned] if run.returned is not None else []
        for before, after in zip(test.arguments, run.arguments, strict=True):
            if isinstance(after, np.generic | np.ndarray) and not _same_value(before, after):
                outputs.append(after)
        if outputs and not all(_is_all_nan(value) for value in outputs):
            return True
        self.edge_cases += 1
        return self.edge_cases <= self.options.edge_cases

    def _drop(self, message: str) -> None:
        self.dropped += 1
        self.first_error = self.first_error or message

    # ------------------------------------------------------------ builds

    def _built(self, mode: Mode) -> Build:
        build = self.builds[mode].result()
        if isinstance(build, Outcome):
            raise BrokenMachineError(f"the C side compiles in one mode and not in another ({mode}): {build.message}")
        return build

    def _run(self, mode: Mode, tests: Sequence[TestCase]) -> list[TestRun]:
        limits = TestLimits(seconds=self.options.seconds)
        return _usable(run_tests(self._built(mode), tests, self.function, limits=limits))

    def _measure(self, tests: Sequence[TestCase]) -> Coverage:
        """Coverage of these tests and of all that were measured before."""
        self._run("coverage", tests)
        measured = measure_coverage(self._built("coverage"), self.function)
        if isinstance(measured, Outcome):
            raise BrokenMachineError(measured.message)
        return Coverage(measured.line, measured.branch)


def _length(test: TestCase, index: int) -> int:
    """Elements of an array argument, 0 for a null pointer."""
    argument = test.arguments[index]
    return argument.size if isinstance(argument, np.ndarray) else 0


def _build_failure(outcome: Outcome) -> str:
    if outcome.status is Status.INFRASTRUCTURE:
        raise BrokenMachineError(outcome.message)
    return outcome.message or outcome.status.value


def _usable(runs: list[TestRun]) -> list[TestRun]:
    for run in runs:
        if run.outcome.status is Status.INFRASTRUCTURE:
            raise BrokenMachineError(run.outcome.message)
    return runs


def _can_grow(coverage: Coverage | None) -> bool:
    return coverage is None or coverage.line < 100 or (coverage.branch is not None and coverage.branch < 100)


def _same_value(left: object, right: object) -> bool:
    """Equal values, padding of structs left out, NaN equal to NaN."""
    if left is None or right is None:
        return left is right
    a, b = np.asarray(left), np.asarray(right)
    if a.dtype.names is not None:
        return a.shape == b.shape and all(_same_value(a[name], b[name]) for name in a.dtype.names)
    return bool(np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"))


def _is_all_nan(value: np.generic | np.ndarray) -> bool:
    array = np.asarray(value)
    return array.dtype.kind in "fc" and bool(np.isnan(array).all())
