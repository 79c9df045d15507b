"""`co_verify`: does a CUDA version of a C function compute the same, on every test and in every schedule?

Each side is built once; all tests of a schedule run in one sandboxed process, a forked child for each test. The C side
runs under the sanitizers: a test that is not valid for it is no test. What counts as evidence:

- a test counts (`tests_run`) only if it launched a kernel: a candidate that computes on the host shows nothing about
  its kernels. The results are compared all the same;
- at least one counted test must change something, so that a candidate that does nothing cannot pass;
- results that agree in some schedules and not in others are `racy`, and so are unordered accesses of different threads
  to one element that the emulator sees in a run of its own, also where every schedule gives the right result.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from compile.build import Build
from compile.cache import OwnBuildFailedError
from compile.emulator.build import build_emulated
from compile.host import Mode, build_host
from compile.outcome import Outcome, Status
from compile.run_record import TestRun
from compile.runner import TestLimits, run_tests
from compile.sandbox import Sandbox
from compile.valid import run_valid
from data.function import Function
from data.source_file import SourceFile
from data.testcase import Argument, TestCase
from musl.compare import Difference, Slack, compare_values, format_value
from musl.compare_rounding import measure_slack
from musl.verdict import Counterexample, Verdict, VerdictStatus
from tester.protocol import TestSuite

SCHEDULES = ("forward", "reverse", "shuffle")
# The emulator is slower than the C side; a kernel that ends does so well within this also on a busy machine.
CANDIDATE_LIMITS = TestLimits(seconds=4.0, total_seconds=90.0)
RACE_MARK = "race:"
OUT_OF_BOUNDS_MARKS = ("out of bounds", "AddressSanitizer")
SHOWN_ELEMENTS = 8


@dataclass(frozen=True)
class _Finding:
    """What is wrong with one test in one schedule."""

    status: VerdictStatus
    schedule: str
    message: str
    difference: Difference | None = None


def co_verify(
    source: SourceFile,
    function: Function,
    cuda_text: str,
    tests: TestSuite,
    *,
    sandbox: Sandbox,
    scratch: Path,
    schedules: Sequence[str] = SCHEDULES,
    device: Literal["emulator", "gpu"] = "emulator",
    seed: int = 0,
) -> Verdict:
    """The verdict on the function of the same name in `cuda_text`, which has the C signature and launches kernels.

    `scratch` is a folder for builds. On a GPU, which schedules threads as it likes, `schedules` only says how often the
    tests run. Never raises for what either side does.
    """
    started = time.monotonic()
    case = _Case(source, function, sandbox, scratch, tuple(schedules), seed)
    try:
        verdict = case.judge(cuda_text, tests, device)
    except (OwnBuildFailedError, OSError) as error:
        verdict = _no_verdict(VerdictStatus.INFRASTRUCTURE, first_line(str(error)))
    return replace(verdict, schedules=tuple(schedules), seconds=time.monotonic() - started)


@dataclass(frozen=True)
class _Case:
    source: SourceFile
    function: Function
    sandbox: Sandbox
    scratch: Path
    schedules: tuple[str, ...]
    seed: int

    def judge(self, cuda_text: str, suite: TestSuite, device: str) -> Verdict:
        if not suite.tests:
            return _no_verdict(VerdictStatus.NO_VALID_TEST, _why_no_tests(suite))
        # The fuzz tester has compared what uninitialised variables do; for other tests it is done here.
        modes: tuple[Mode, ...] = ("sanitize",)
        if any(test.origin != "fuzz" for test in suite.tests):
            modes = ("sanitize", "plain")
        with ThreadPoolExecutor(3) as pool:
            candidate_build = pool.submit(self._build_candidate, cuda_text, device)
            built = list(pool.map(self._build_reference, modes))
            candidate = candidate_build.result()
        reference = [build for build in built if isinstance(build, Build)]
        for build in built:
            if isinstance(build, Outcome):
                return _failed_build(build, VerdictStatus.NO_VALID_TEST, "the C side does not compile")
        if isinstance(candidate, Outcome):
            return _failed_build(candidate, VerdictStatus.CANDIDATE_FAILED, "the CUDA side does not compile")
        verdict = self._run(reference, candidate, suite.tests)
        if verdict.status is VerdictStatus.EQUIVALENT and device == "emulator":
            return self._look_for_races(cuda_text, suite.tests, verdict)
        return verdict

    def _look_for_races(self, cuda_text: str, tests: Sequence[TestCase], verdict: Verdict) -> Verdict:
        """The verdict, or `racy` where threads race on one of the tests (in a build that watches every access)."""
        build = build_emulated(cuda_text, self.function, self.scratch, self.sandbox, self.source, check="races")
        if isinstance(build, Outcome):
            return verdict
        runs = run_tests(build, tests, self.function, limits=CANDIDATE_LIMITS)
        for index, (test, run) in enumerate(zip(tests, runs, strict=True)):
            message = first_line(run.outcome.message)
            if not run.outcome.ok and message.startswith(RACE_MARK):
                finding = _Finding(VerdictStatus.RACY, SCHEDULES[0], message)
                reason = f"test {index + 1} of {len(tests)}: {message}"
                example = _counterexample(self.function, test, finding)
                passed = max(0, verdict.tests_passed - 1)
                return replace(
                    verdict, status=VerdictStatus.RACY, tests_passed=passed, reason=reason, counterexample=example
                )
        return verdict

    def _build_reference(self, mode: Mode) -> Build | Outcome:
        return build_host(self.source, self.function, mode, self.scratch, self.sandbox)

    def _build_candidate(self, cuda_text: str, device: str) -> Build | Outcome:
        if device == "gpu":
            from compile.gpu import build_gpu  # only where there is one

            return build_gpu(cuda_text, self.function, self.scratch, self.sandbox, self.source)
        return build_emulated(cuda_text, self.function, self.scratch, self.sandbox, self.source)

    def _run(self, reference: Sequence[Build], candidate: Build, tests: Sequence[TestCase]) -> Verdict:
        sanitized, *plain = reference
        if plain:
            all_expected = run_valid(plain[0], sanitized, tests, self.function)
        else:
            all_expected = run_tests(sanitized, tests, self.function)
        broken = _first_infrastructure(all_expected)
        if broken is not None:
            return broken
        valid = [(test, run) for test, run in zip(tests, all_expected, strict=True) if run.outcome.ok]
        if not valid:
            message = first_line(all_expected[0].outcome.message)
            return _no_verdict(VerdictStatus.NO_VALID_TEST, f"no test is valid for the C side: {message}")
        kept, expected = [test for test, _ in valid], [run for _, run in valid]
        runs: dict[str, list[TestRun]] = {}
        for schedule in self.schedules:
            new = run_tests(candidate, kept, self.function, schedule=schedule, seed=self.seed, limits=CANDIDATE_LIMITS)
            broken = _first_infrastructure(new)
            if broken is not None:
                return broken
            runs[schedule] = new
            if any(run.outcome.status is Status.TIMEOUT for run in new):
                break  # the verdict is clear, and more of it is slow
        return self._conclude(kept, expected, runs)

    def _conclude(
        self, tests: Sequence[TestCase], expected: Sequence[TestRun], runs: Mapping[str, Sequence[TestRun]]
    ) -> Verdict:
        findings = self._find(tests, expected, runs)
        counted = [
            i for i in range(len(tests)) if all(runs[s][i].launches > 0 or not runs[s][i].outcome.ok for s in runs)
        ]
        passed = sum(not findings[i] for i in counted)
        worst = _worst(findings, len(self.schedules))
        if worst is not None:
            status, index, finding = worst
            counterexample = _counterexample(self.function, tests[index], finding)
            reason = _describe(finding, status, index, len(tests), findings[index], len(self.schedules))
            return Verdict(status, len(counted), passed, (), reason, counterexample)
        if not counted:
            return _no_verdict(VerdictStatus.NO_VALID_TEST, "no test launched a kernel")
        if not any(_shows_something(tests[i], expected[i]) for i in counted):
            reason = "on every test that launched a kernel the outputs equal the inputs"
            return Verdict(VerdictStatus.NO_VALID_TEST, len(counted), passed, (), reason)
        return Verdict(VerdictStatus.EQUIVALENT, len(counted), passed, ())

    def _find(
        self, tests: Sequence[TestCase], expected: Sequence[TestRun], runs: Mapping[str, Sequence[TestRun]]
    ) -> list[list[_Finding]]:
        """For each test what is wrong with it, at most one finding for each schedule."""
        count = range(len(tests))
        findings = [[f for s in runs if (f := self._check(s, expected[i], runs[s][i], {}))] for i in count]
        doubtful = [i for i in count if any(f.difference is not None and f.difference.is_float for f in findings[i])]
        if not doubtful:
            return findings
        chosen, results = [tests[i] for i in doubtful], [expected[i] for i in doubtful]
        slacks = measure_slack(self.source, self.function, chosen, results, self.sandbox, self.scratch)
        for i, slack in zip(doubtful, slacks, strict=True):
            findings[i] = [f for s in runs if (f := self._check(s, expected[i], runs[s][i], slack))]
        return findings

    def _check(self, schedule: str, expected: TestRun, got: TestRun, slack: Mapping[str, Slack]) -> _Finding | None:
        if not got.outcome.ok:
            message = got.outcome.message or got.outcome.status.value
            is_access = any(mark in message for mark in OUT_OF_BOUNDS_MARKS)
            status = VerdictStatus.OUT_OF_BOUNDS if is_access else VerdictStatus.CANDIDATE_FAILED
            return _Finding(status, schedule, first_line(message))
        difference = compare_runs(self.function, expected, got, slack)
        if difference is None:
            return None
        place = difference.where + ("" if difference.index is None else f"[{difference.index}]")
        message = f"{place}: expected {difference.expected}, got {difference.got}"
        return _Finding(VerdictStatus.DIFFERENT, schedule, message, difference)


def compare_runs(
    function: Function, expected: TestRun, got: TestRun, slack: Mapping[str, Slack] | None = None
) -> Difference | None:
    """The first difference between two finished calls: the returned value, then arrays and references, const or not."""
    known = slack or {}
    difference = compare_values("return", expected.returned, got.returned, known.get("return"))
    if difference is not None:
        return difference
    for parameter, a, b in zip(function.parameters, expected.arguments, got.arguments, strict=True):
        if parameter.is_array or parameter.reference:
            difference = compare_values(parameter.name, a, b, known.get(parameter.name))
            if difference is not None:
                return difference
    return None


def first_line(message: str) -> str:
    """The first line that says something; of a report of an invalid access, the one that names it."""
    lines = [line.strip() for line in message.splitlines() if line.strip("= \t")]
    marked = [line for line in lines if "ERROR: AddressSanitizer" in line or "runtime error:" in line]
    return (lines[0] if lines and "out of bounds" in lines[0] else (marked or lines or [""])[0])[:500]


def describe_argument(argument: Argument) -> str:
    """A short readable form: `7`, `null`, `float32[257] {0.5, 1, ...}`."""
    if argument is None:
        return "null"
    if not isinstance(argument, np.ndarray):
        return format_value(argument)
    shown = ", ".join(format_value(value) for value in argument[:SHOWN_ELEMENTS])
    more = ", ..." if argument.size > SHOWN_ELEMENTS else ""
    return f"{'struct' if argument.dtype.names else argument.dtype}[{argument.size}] {{{shown}{more}}}"


# ---------------------------------------------------------------- from findings to a verdict


def _worst(findings: Sequence[Sequence[_Finding]], schedules: int) -> tuple[VerdictStatus, int, _Finding] | None:
    """The finding that decides: an invalid access before any other failure, then a difference, then a race."""
    decided: list[tuple[int, int, VerdictStatus, _Finding]] = []
    order = (VerdictStatus.OUT_OF_BOUNDS, VerdictStatus.CANDIDATE_FAILED, VerdictStatus.DIFFERENT, VerdictStatus.RACY)
    for index, found in enumerate(findings):
        if not found:
            continue
        first = min(found, key=lambda finding: order.index(finding.status))
        status = first.status
        if status is VerdictStatus.DIFFERENT and len(found) < schedules:
            status = VerdictStatus.RACY
        decided.append((order.index(status), index, status, first))
    if not decided:
        return None
    _, index, status, finding = min(decided, key=lambda entry: entry[:2])
    return status, index, finding


def _describe(
    finding: _Finding, status: VerdictStatus, index: int, tests: int, found: Sequence[_Finding], schedules: int
) -> str:
    where = f"test {index + 1} of {tests}, schedule {finding.schedule}: {finding.message}"
    if status is VerdictStatus.RACY:
        return f"the result depends on the order of threads; {where} (right in {schedules - len(found)} of {schedules})"
    if status is VerdictStatus.DIFFERENT and len({f.message for f in found}) > 1:
        return f"{where}; schedules differ too (a race, or memory that was never written)"
    return where


def _counterexample(function: Function, test: TestCase, finding: _Finding) -> Counterexample:
    inputs = {
        parameter.name: describe_argument(argument)
        for parameter, argument in zip(function.parameters, test.arguments, strict=True)
    }
    difference = finding.difference
    if difference is None:
        return Counterexample(test.id, "call", None, "the call returns", finding.message, inputs)
    return Counterexample(test.id, difference.where, difference.index, difference.expected, difference.got, inputs)


def _shows_something(test: TestCase, run: TestRun) -> bool:
    """Whether a candidate that does nothing would be caught on this test: the C side changes an argument or returns
    something other than zero."""
    if run.returned is not None and compare_values("", np.zeros_like(run.returned)[()], run.returned) is not None:
        return True
    pairs = zip(test.arguments, run.arguments, strict=True)
    return any(compare_values("", before, after) is not None for before, after in pairs)


def _why_no_tests(suite: TestSuite) -> str:
    if suite.first_error:
        return f"no valid test: {suite.first_error}"
    return "no valid test was found" if not suite.dropped else f"none of {suite.dropped} inputs is valid for the C side"


def _first_infrastructure(runs: Sequence[TestRun]) -> Verdict | None:
    for run in runs:
        if run.outcome.status is Status.INFRASTRUCTURE:
            return _no_verdict(VerdictStatus.INFRASTRUCTURE, first_line(run.outcome.message))
    return None


def _failed_build(outcome: Outcome, status: VerdictStatus, what: str) -> Verdict:
    if outcome.status is Status.INFRASTRUCTURE:
        return _no_verdict(VerdictStatus.INFRASTRUCTURE, first_line(outcome.message))
    errors = [line for line in outcome.message.splitlines() if "error" in line]
    message = errors[0].strip() if errors else first_line(outcome.message) or outcome.status.value
    return _no_verdict(status, f"{what}: {message}")


def _no_verdict(status: VerdictStatus, reason: str) -> Verdict:
    return Verdict(status, 0, 0, (), reason)
