"""`co_verify`: does a CUDA version of a C function compute the same, on every test and in every schedule?

    both sides are built (at the same time)
      -> C side under the sanitizers: which tests are valid, and what do they give?(musl/reference.py)
      -> CUDA side: all tests in all schedules, in one sandboxed process         (compile/runner.py)
      -> typed comparison, within what rounding explains                         (musl/compare.py, findings.py)
      -> the same tests once more with every access watched: races               (compile/emulator)
      -> would a candidate that computes nothing pass these tests?               (musl/evidence.py)

What counts as evidence: a test counts (`tests_run`) only if it launched a kernel, because a candidate that computes on
the host shows nothing about its kernels; its results are compared all the same. Results that agree in some schedules
and not in others are `racy`, and so are unordered accesses of different threads to one element, also where every
schedule gives the right result.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar

from compile.build import Build
from compile.cache import OwnBuildFailedError
from compile.emulator.build import build_emulated
from compile.host import build_host
from compile.outcome import Outcome, Status
from compile.run_record import TestRun
from compile.runner import TestLimits, run_schedules, run_tests
from compile.sandbox import Sandbox
from data.function import Function
from data.source_file import SourceFile
from data.testcase import TestCase
from musl.compare import Slack
from musl.compare_rounding import measure_slack
from musl.evidence import why_weak
from musl.findings import RACE_MARK, Finding, check_run, describe, first_line, make_counterexample, worst
from musl.reference import Expected, Reference, confirm, run_reference
from musl.verdict import Verdict, VerdictStatus
from tester.protocol import TestSuite

SCHEDULES = ("forward", "reverse", "shuffle")
FEW_BLOCKS = "few blocks"
# The emulator is slower than the C side; a kernel that ends does so well within this also on a busy machine.
CANDIDATE_LIMITS = TestLimits(seconds=4.0, total_seconds=90.0)
T = TypeVar("T")


@dataclass(frozen=True)
class Candidate:
    """The CUDA side. `function` is the host function that is called: the C function's name and signature, or another
    wrapper with as many parameters of the same kinds. `tests` are its calls where they are not those of the C side."""

    text: str
    function: Function
    tests: Sequence[TestCase] | None = None


def co_verify(
    source: SourceFile,
    function: Function,
    cuda: str | Candidate,
    tests: TestSuite,
    *,
    sandbox: Sandbox,
    scratch: Path,
    schedules: Sequence[str] = SCHEDULES,
    device: Literal["emulator", "gpu"] = "emulator",
    seed: int = 0,
    threads: int = 2,
) -> Verdict:
    """The verdict on the CUDA side of `function`: a text that defines a host function of the same name and signature,
    which launches kernels, or a `Candidate`.

    `scratch` is a folder for builds, which run on `threads` threads. On a GPU, which schedules threads as it likes,
    `schedules` only says how often the tests run. Never raises for what either side does.
    """
    started = time.monotonic()
    candidate = cuda if isinstance(cuda, Candidate) else Candidate(cuda, function)
    case = _Case(source, function, candidate, sandbox, scratch, tuple(schedules), device, seed, threads)
    try:
        verdict = case.judge(tests)
    except (OwnBuildFailedError, OSError) as error:
        verdict = _no_verdict(VerdictStatus.INFRASTRUCTURE, first_line(str(error)))
    return replace(verdict, schedules=tuple(schedules), seconds=time.monotonic() - started)


@dataclass(frozen=True)
class _Case:
    source: SourceFile
    function: Function
    candidate: Candidate
    sandbox: Sandbox
    scratch: Path
    schedules: tuple[str, ...]
    device: str
    seed: int
    threads: int

    def judge(self, suite: TestSuite) -> Verdict:
        if not suite.tests:
            return _no_verdict(VerdictStatus.NO_VALID_TEST, _why_no_tests(suite))
        with _runner(self.threads) as start:
            candidate_build = start(self._build_candidate)
            sanitized = build_host(self.source, self.function, "sanitize", self.scratch, self.sandbox)
            candidate = candidate_build()
        if isinstance(sanitized, Outcome):
            return _failed_build(sanitized, VerdictStatus.NO_VALID_TEST, "the C side does not compile")
        if isinstance(candidate, Outcome):
            return _failed_build(candidate, VerdictStatus.CANDIDATE_FAILED, "the CUDA side does not compile")
        reference = run_reference(sanitized, suite.tests, self.function)
        verdict = self._compare(reference, sanitized, candidate, suite)
        dropped = len(reference.invalid)
        if verdict.status in _BLAMES and any(test.origin != "fuzz" for test in suite.tests):
            # The fuzz tester has compared what uninitialised variables do; for other tests it is done here.
            checked = self._confirm(reference)
            if len(checked.invalid) > dropped:
                verdict, dropped = self._compare(checked, sanitized, candidate, suite), len(checked.invalid)
                reference = checked
        return replace(verdict, tests_dropped=dropped, drop_reason=_first_reason(reference))

    def _compare(self, reference: Reference, sanitized: Build, candidate: Build, suite: TestSuite) -> Verdict:
        if reference.broken:
            return _no_verdict(VerdictStatus.INFRASTRUCTURE, first_line(reference.broken))
        if not reference.expected:
            reason = f"no test is valid for the C side: {_first_reason(reference)}"
            return _no_verdict(VerdictStatus.NO_VALID_TEST, reason)
        expected = reference.expected
        calls = [self._call_of(one) for one in expected]
        runs = self._run(candidate, calls)
        broken = next((r for row in runs.values() for r in row if r.outcome.status is Status.INFRASTRUCTURE), None)
        if broken is not None:
            return _no_verdict(VerdictStatus.INFRASTRUCTURE, first_line(broken.outcome.message))
        findings = self._find(expected, runs)
        counted = [
            i for i in range(len(calls)) if all(runs[s][i].launches > 0 or not runs[s][i].outcome.ok for s in runs)
        ]
        verdict = self._conclude(expected, findings, counted, len(suite.tests))
        if verdict.status is not VerdictStatus.EQUIVALENT:
            return verdict
        weak = why_weak(
            self.function, [expected[i] for i in counted], lambda tests: run_tests(sanitized, tests, self.function)
        )
        if weak:
            return replace(verdict, status=VerdictStatus.NO_VALID_TEST, reason=weak)
        return self._look_for_races(expected, calls, verdict, len(suite.tests))

    def _call_of(self, expected: Expected) -> TestCase:
        """The candidate's call of one test."""
        if self.candidate.tests is None:
            return expected.test
        return self.candidate.tests[expected.index].filled(0)

    def _build_candidate(self) -> Build | Outcome:
        text, function = self.candidate.text, self.candidate.function
        if self.device == "gpu":
            from compile.gpu import build_gpu  # only where there is one

            return build_gpu(text, function, self.scratch, self.sandbox, self.source)
        return build_emulated(text, function, self.scratch, self.sandbox, self.source)

    def _run(self, candidate: Build, calls: Sequence[TestCase]) -> dict[str, list[TestRun]]:
        """The candidate's runs in each schedule; fewer schedules where a test used up its time."""
        asked = [(schedule, self.seed) for schedule in self.schedules]
        rows = run_schedules(candidate, calls, self.candidate.function, asked, CANDIDATE_LIMITS)
        return dict(zip(self.schedules, rows, strict=False))

    def _find(self, expected: Sequence[Expected], runs: Mapping[str, Sequence[TestRun]]) -> list[list[Finding]]:
        """For each test what is wrong with it, at most one finding for each schedule."""
        count = range(len(expected))

        def check(i: int, slack: Mapping[str, Slack] | None = None) -> list[Finding]:
            found = (check_run(self.function, s, expected[i], runs[s][i], slack) for s in runs)
            return [finding for finding in found if finding is not None]

        findings = [check(i) for i in count]
        doubtful = [i for i in count if any(f.difference is not None and f.difference.is_float for f in findings[i])]
        if not doubtful:
            return findings
        tests, results = [expected[i].test for i in doubtful], [expected[i].run for i in doubtful]
        slacks = measure_slack(self.source, self.function, tests, results, self.sandbox, self.scratch)
        for i, slack in zip(doubtful, slacks, strict=True):
            findings[i] = check(i, slack)
        return findings

    def _conclude(
        self, expected: Sequence[Expected], findings: Sequence[Sequence[Finding]], counted: Sequence[int], given: int
    ) -> Verdict:
        passed = sum(not findings[i] for i in counted)
        decisive = worst(findings, len(self.schedules))
        if decisive is not None:
            status, position, finding = decisive
            where = f"test {expected[position].index + 1} of {given}"
            reason = describe(finding, status, where, findings[position], len(self.schedules))
            example = make_counterexample(self.function, expected[position].test, finding)
            return Verdict(status, len(counted), passed, (), reason, example)
        if not counted:
            return _no_verdict(VerdictStatus.NO_VALID_TEST, "no test launched a kernel")
        return Verdict(VerdictStatus.EQUIVALENT, len(counted), passed, ())

    def _look_for_races(
        self, expected: Sequence[Expected], calls: Sequence[TestCase], verdict: Verdict, given: int
    ) -> Verdict:
        """The verdict, or `racy` where threads race on one of the tests (in a build that watches every access), or
        `different` where loops that stride over the grid compute something else."""
        if self.device != "emulator":
            return verdict
        text, function = self.candidate.text, self.candidate.function
        build = build_emulated(text, function, self.scratch, self.sandbox, self.source, check="races")
        if isinstance(build, Outcome):
            return _failed_build(build, VerdictStatus.INFRASTRUCTURE, "the build that looks for races failed")
        runs = run_tests(build, calls, function, limits=CANDIDATE_LIMITS)
        # In this build few blocks run, so that grid-stride loops stride: what they compute then has to be right too.
        strided = self._find(expected, {FEW_BLOCKS: runs})
        for one, run, found in zip(expected, runs, strided, strict=True):
            message = first_line(run.outcome.message)
            if not run.outcome.ok and message.startswith(RACE_MARK):
                finding, where = Finding(VerdictStatus.RACY, SCHEDULES[0], message), ""
            elif run.outcome.ok and found:
                finding, where = found[0], f", {FEW_BLOCKS}"
            else:
                continue
            return replace(
                verdict,
                status=finding.status,
                tests_passed=max(0, verdict.tests_passed - 1),
                reason=f"test {one.index + 1} of {given}{where}: {finding.message}",
                counterexample=make_counterexample(self.function, one.test, finding),
            )
        return verdict

    def _confirm(self, reference: Reference) -> Reference:
        plain = build_host(self.source, self.function, "plain", self.scratch, self.sandbox)
        return reference if isinstance(plain, Outcome) else confirm(reference, plain, self.function)


# Verdicts that say that the candidate is wrong.
_BLAMES = frozenset(
    {VerdictStatus.DIFFERENT, VerdictStatus.RACY, VerdictStatus.OUT_OF_BOUNDS, VerdictStatus.CANDIDATE_FAILED}
)


@contextmanager
def _runner(threads: int) -> Iterator[Callable[[Callable[[], T]], Callable[[], T]]]:
    """What starts a piece of work beside this thread and gives a function that waits for it; with one thread the work
    is done when it is waited for."""
    if threads < 2:
        yield lambda work: work
        return
    with ThreadPoolExecutor(threads) as pool:

        def start(work: Callable[[], T]) -> Callable[[], T]:
            future: Future[T] = pool.submit(work)
            return future.result

        yield start


def _why_no_tests(suite: TestSuite) -> str:
    if suite.first_error:
        return f"no valid test: {suite.first_error}"
    return "no valid test was found" if not suite.dropped else f"none of {suite.dropped} inputs is valid for the C side"


def _first_reason(reference: Reference) -> str:
    return first_line(next(iter(reference.invalid.values()), ""))


def _failed_build(outcome: Outcome, status: VerdictStatus, what: str) -> Verdict:
    if outcome.status is Status.INFRASTRUCTURE:
        return _no_verdict(VerdictStatus.INFRASTRUCTURE, first_line(outcome.message))
    errors = [line for line in outcome.message.splitlines() if "error" in line]
    message = errors[0].strip() if errors else first_line(outcome.message) or outcome.status.value
    return _no_verdict(status, f"{what}: {message}")


def _no_verdict(status: VerdictStatus, reason: str) -> Verdict:
    return Verdict(status, 0, 0, (), reason)
