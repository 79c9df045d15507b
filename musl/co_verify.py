"""`co_verify`: does a CUDA version of a C function compute the same, on every test and in every schedule?

    both sides are built (at the same time)
      -> C side under the sanitizers: which tests are valid, and what do they give?(musl/reference.py)
      -> CUDA side: all tests in all schedules, in one sandboxed process         (compile/runner.py)
      -> typed comparison, within what rounding explains                         (musl/compare.py, findings.py)
      -> the same tests once more with every access watched: races               (compile/emulator)
      -> would a candidate that computes nothing pass these tests?               (musl/evidence.py)

What counts as evidence: a test counts (`tests_run`) only if it launched a kernel, because a candidate that computes on
the host shows nothing about its kernels, and some test has to fail when kernels do nothing. Results that agree in some
schedules and not in others are `racy`, and so are unordered accesses of different threads to one element, also where
every schedule gives the right result.
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
from compile.build_cache import BuildCache
from compile.cache import OwnBuildFailedError
from compile.emulator.build import Check, build_emulated
from compile.fault import FaultKind, read_fault
from compile.gpu_plan import Sanitizer
from compile.host import Mode, build_host
from compile.outcome import Outcome, Status
from compile.run_record import TestRun
from compile.runner import AFTER_ANOTHER, TestLimits, run_schedules, run_tests
from compile.sandbox import Sandbox
from compile.unit import keeps_state
from data.function import Function
from data.source_file import SourceFile
from data.testcase import TestCase
from musl.compare import Slack
from musl.compare_rounding import measure_slack
from musl.evidence import why_weak
from musl.findings import Finding, check_run, describe, first_line, make_counterexample, worst
from musl.given_wrapper import extend_all, is_refused, needed_bytes
from musl.reference import Expected, Reference, confirm, run_reference
from musl.verdict import Verdict, VerdictStatus
from tester.protocol import TestSuite

SCHEDULES = ("forward", "reverse", "shuffle")
FEW_BLOCKS = "few blocks"
IDLE = "idle"  # kernels do nothing
AFTER = f"forward{AFTER_ANOTHER}"
# Schedules in which memory that was never written holds zeros, ones, a large and a small number.
FILLINGS = ("forward fill 00", "forward fill ff", "forward fill 7f", "forward fill 80")
# The emulator is slower than the C side; a kernel that ends does so well within this also on a busy machine.
CANDIDATE_LIMITS = TestLimits(seconds=4.0, total_seconds=90.0)
Runs = Mapping[str, Sequence[TestRun]]  # by schedule
T = TypeVar("T")


@dataclass(frozen=True)
class Candidate:
    """The CUDA side. `function` is the host function that is called: the C function's name and signature, or another
    wrapper with as many parameters of the same kinds. `tests` are its calls where they are not those of the C side.

    A `given_wrapper` is a benchmark's and not under test: where it copies more of a test's array than the test has
    (which the published harness leaves to chance), the array is extended by elements that nobody has set, and where it
    leaves an error of the CUDA API unread (a launch of no blocks), that does not count if the results are right; fuzz
    tests that its host code cannot carry out (a negative size) are left out.
    """

    text: str
    function: Function
    tests: Sequence[TestCase] | None = None
    given_wrapper: bool = False


@dataclass(frozen=True)
class GpuOptions:
    """For runs on a GPU: the architecture `sm_NN` that nvcc compiles for (None: the device's), and the tool of
    compute-sanitizer that watches the runs (None: none)."""

    arch: str | None = None
    sanitizer: Sanitizer | None = None


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
    cache: BuildCache | None = None,
    gpu: GpuOptions | None = None,
) -> Verdict:
    """The verdict on the CUDA side of `function`: a text that defines a host function of the same name and signature,
    which launches kernels, or a `Candidate`.

    `scratch` is a folder for builds, which run on `threads` threads; `cache` keeps what they make. On a GPU, which
    schedules threads as it likes, `schedules` only says how often the tests run. Never raises for what either side
    does.
    """
    started = time.monotonic()
    candidate = cuda if isinstance(cuda, Candidate) else Candidate(cuda, function)
    case = _Case(source, function, candidate, sandbox, scratch, tuple(schedules), device, seed, threads, cache, gpu)
    try:
        verdict = case.judge(tests)
    except (OwnBuildFailedError, OSError) as error:
        verdict = _no_verdict(VerdictStatus.INFRASTRUCTURE, first_line(str(error)))
    return replace(verdict, schedules=tuple(schedules), seconds=time.monotonic() - started)


@dataclass(frozen=True)
class _Sides:
    """Both sides, built."""

    sanitized: Build
    candidate: Build


@dataclass(frozen=True, eq=False)
class _Trial:
    """What the candidate did: `calls` are its calls of the expected tests, `runs` its runs by schedule, `findings` what
    is wrong with each test, `counted` the positions of the tests on which it launched a kernel."""

    expected: Sequence[Expected]
    calls: Sequence[TestCase]
    runs: Mapping[str, Sequence[TestRun]]
    findings: Sequence[Sequence[Finding]]
    given: int

    @property
    def counted(self) -> list[int]:
        return [
            i
            for i in range(len(self.calls))
            if all(row[i].launches > 0 or not row[i].outcome.ok for row in self.runs.values())
        ]

    def name(self, position: int) -> str:
        """Which of the given tests it is."""
        return f"test {self.expected[position].index + 1} of {self.given}"


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
    cache: BuildCache | None
    gpu: GpuOptions | None

    def judge(self, suite: TestSuite) -> Verdict:
        if not suite.tests:
            return _no_verdict(VerdictStatus.NO_VALID_TEST, _why_no_tests(suite))
        with _runner(self.threads) as start:
            candidate_build = start(self._build_candidate)
            sanitized = self._build_reference("sanitize")
            candidate = candidate_build()
        if isinstance(sanitized, Outcome):
            return _failed_build(sanitized, VerdictStatus.NO_VALID_TEST, "the C side does not compile")
        if isinstance(candidate, Outcome):
            return _failed_build(candidate, VerdictStatus.CANDIDATE_FAILED, "the CUDA side does not compile")
        return self._judge_sides(_Sides(sanitized, candidate), suite.tests)

    def _judge_sides(self, sides: _Sides, tests: Sequence[TestCase]) -> Verdict:
        reference = run_reference(sides.sanitized, tests, self.function)
        verdict, trial = self._compare(reference, sides, len(tests))
        if verdict.status in BLAMES and any(test.origin != "fuzz" for test in tests):
            # The fuzz tester has compared what uninitialised variables do; for other tests it is done here.
            checked = self._confirm(reference)
            if len(checked.invalid) > len(reference.invalid):
                reference = checked
                verdict, trial = self._compare(reference, sides, len(tests))
        if self.candidate.given_wrapper and trial is not None:
            refused = [one.index for i, one in enumerate(trial.expected) if is_refused(one.test, trial.findings[i])]
            if refused:
                return self._without(refused)._judge_sides(sides, [t for i, t in enumerate(tests) if i not in refused])
            found = ((one.index, needed_bytes(trial.findings[i])) for i, one in enumerate(trial.expected))
            needed = {index: extent for index, extent in found if extent is not None}
            if needed:
                return self._extended(needed)._judge_sides(sides, extend_all(tests, needed, self.function))
        return replace(verdict, tests_dropped=len(reference.invalid), drop_reason=_first_reason(reference))

    def _without(self, indices: Sequence[int]) -> _Case:
        """The case without the candidate's own calls of these tests."""
        own = self.candidate.tests
        if own is None:
            return self
        kept = tuple(test for i, test in enumerate(own) if i not in indices)
        return replace(self, candidate=replace(self.candidate, tests=kept))

    def _extended(self, needed: Mapping[int, tuple[int, int]]) -> _Case:
        """The case with the candidate's own calls extended."""
        own = self.candidate.tests
        if own is None:
            return self
        return replace(self, candidate=replace(self.candidate, tests=extend_all(own, needed, self.function)))

    def _compare(self, reference: Reference, sides: _Sides, given: int) -> tuple[Verdict, _Trial | None]:
        if reference.broken:
            return _no_verdict(VerdictStatus.INFRASTRUCTURE, first_line(reference.broken)), None
        if not reference.expected:
            reason = f"no test is valid for the C side: {_first_reason(reference)}"
            return _no_verdict(VerdictStatus.NO_VALID_TEST, reason), None
        calls = [self._call_of(one) for one in reference.expected]
        runs, asides = self._run_all(sides.candidate, calls)
        broken = next((r for row in runs.values() for r in row if r.outcome.status is Status.INFRASTRUCTURE), None)
        if broken is not None:
            return _no_verdict(VerdictStatus.INFRASTRUCTURE, first_line(broken.outcome.message)), None
        trial = _Trial(reference.expected, calls, runs, self._find(reference.expected, runs), given)
        verdict = self._conclude(trial)
        if verdict.status is VerdictStatus.EQUIVALENT:
            counted = [trial.expected[i] for i in trial.counted]
            weak = why_weak(self.function, counted, lambda more: run_tests(sides.sanitized, more, self.function))
            weak = weak or self._why_idle(trial, asides.get(IDLE, ()))
            if weak:
                return replace(verdict, status=VerdictStatus.NO_VALID_TEST, reason=weak), trial
            verdict = self._after_another(trial, sides, verdict, asides.get(AFTER, ()))
        return self._watch(trial, sides, verdict), trial

    def _call_of(self, expected: Expected) -> TestCase:
        """The candidate's call of one test."""
        if self.candidate.tests is None:
            return expected.test
        return self.candidate.tests[expected.index].filled(0)

    def _build_candidate(self) -> Build | Outcome:
        if self.device == "gpu":
            from compile.gpu import build_gpu  # only where there is one

            text, function, options = self.candidate.text, self.candidate.function, self.gpu or GpuOptions()
            return build_gpu(
                *(text, function, self.scratch, self.sandbox, self.source),
                arch=options.arch,
                sanitizer=options.sanitizer,
            )
        return self._build_emulated("bounds")

    def _build_emulated(self, check: Check) -> Build | Outcome:
        text, function = self.candidate.text, self.candidate.function
        return build_emulated(text, function, self.scratch, self.sandbox, self.source, check=check, cache=self.cache)

    def _build_reference(self, mode: Mode) -> Build | Outcome:
        return build_host(self.source, self.function, mode, self.scratch, self.sandbox, cache=self.cache)

    def _run(self, candidate: Build, calls: Sequence[TestCase], schedules: Sequence[str] = ()) -> Runs:
        """The candidate's runs in each schedule; fewer schedules where a test used up its time."""
        names = schedules or self.schedules
        asked = [(name, self.seed) for name in names]
        rows = run_schedules(candidate, calls, self.candidate.function, asked, CANDIDATE_LIMITS)
        return dict(zip(names, rows, strict=False))

    def _run_all(self, candidate: Build, calls: Sequence[TestCase]) -> tuple[Runs, Runs]:
        """The runs in the schedules, and in the emulator those in `IDLE` and (where the candidate has variables that
        outlive a call) in `AFTER`; all in one process."""
        more: tuple[str, ...] = ()
        if self.device == "emulator":
            more = (IDLE, AFTER) if candidate.unit is not None and keeps_state(candidate.unit) else (IDLE,)
        runs = self._run(candidate, calls, (*self.schedules, *more))
        return {s: runs[s] for s in self.schedules if s in runs}, {s: runs[s] for s in more if s in runs}

    def _find(self, expected: Sequence[Expected], runs: Runs) -> list[list[Finding]]:
        """For each test what is wrong with it, at most one finding for each schedule."""
        count = range(len(expected))

        def check(i: int, slack: Mapping[str, Slack] | None = None) -> list[Finding]:
            forgive = self.candidate.given_wrapper
            found = (check_run(self.function, s, expected[i], runs[s][i], slack, forgive_errors=forgive) for s in runs)
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

    def _conclude(self, trial: _Trial) -> Verdict:
        counted = trial.counted
        passed = sum(not trial.findings[i] for i in counted)
        decisive = worst(trial.findings, len(self.schedules))
        if decisive is not None:
            status, position, finding = decisive
            reason = describe(finding, status, trial.name(position), trial.findings[position], len(self.schedules))
            example = make_counterexample(self.function, trial.expected[position].test, finding)
            return Verdict(status, len(counted), passed, (), reason, example, finding.fault)
        if not counted:
            return _no_verdict(VerdictStatus.NO_VALID_TEST, "no test launched a kernel")
        return Verdict(VerdictStatus.EQUIVALENT, len(counted), passed, ())

    # --------------------------------------------------------------------------------- more looks (the emulator alone)

    def _why_idle(self, trial: _Trial, idle: Sequence[TestRun]) -> str:
        """Empty where the results need the kernels, else one line: with kernels that do nothing every test passes."""
        if not idle:
            return ""
        counted = trial.counted
        found = self._find([trial.expected[i] for i in counted], {IDLE: [idle[i] for i in counted]})
        return "" if any(found) else "every test passes with kernels that do nothing: the host computes the results"

    def _after_another(self, trial: _Trial, sides: _Sides, verdict: Verdict, after: Sequence[TestRun]) -> Verdict:
        """The verdict, or `different` where a call gives another result after another call than as the first one of its
        process: a variable of the device that is never reset, results that are kept. Compared with the C function's
        results after the same call, as it may keep something itself."""
        if not after or not any(self._find(trial.expected, {AFTER: after})):
            return verdict
        calls = [one.test for one in trial.expected]
        (again,) = run_schedules(sides.sanitized, calls, self.function, [(AFTER, self.seed)])
        expected = [replace(one, run=run) for one, run in zip(trial.expected, again, strict=True)]
        for position, found in enumerate(self._find(expected, {AFTER: after})):
            if found and again[position].outcome.ok:
                return self._overruled(verdict, trial, position, found[0], ", after the call of another test")
        return verdict

    def _watch(self, trial: _Trial, sides: _Sides, verdict: Verdict) -> Verdict:
        """The verdict after one more run, in a build that watches every access: `racy` where threads race, `different`
        where loops that stride over the grid compute something else or where memory that was never written decides.
        Results that differ get their cause."""
        explains = verdict.status in (VerdictStatus.DIFFERENT, VerdictStatus.RACY) and verdict.fault is None
        if self.device != "emulator" or not (explains or verdict.status is VerdictStatus.EQUIVALENT):
            return verdict
        build = self._build_emulated("races")
        if isinstance(build, Outcome):
            return _failed_build(build, VerdictStatus.INFRASTRUCTURE, "the build that watches every access failed")
        runs = run_tests(build, trial.calls, self.candidate.function, limits=CANDIDATE_LIMITS)
        if explains:
            return _explained(verdict, trial, runs)
        # Few blocks run here, so that grid-stride loops stride: what they compute then has to be right too.
        strided = self._find(trial.expected, {FEW_BLOCKS: runs})
        for position, found in enumerate(strided):
            if found:
                return self._overruled(verdict, trial, position, found[0], f", {FEW_BLOCKS}")
        unwritten = [i for i, run in enumerate(runs) if FaultKind.UNINITIALISED_READ in run.remarks]
        if unwritten:
            return self._with_other_fillings(verdict, trial, sides, runs, unwritten)
        return verdict

    def _with_other_fillings(
        self, verdict: Verdict, trial: _Trial, sides: _Sides, runs: Sequence[TestRun], unwritten: Sequence[int]
    ) -> Verdict:
        """The verdict, or `different` where what a kernel loads from memory that was never written changes a result
        when that memory holds something else. (A load whose value is never used changes nothing.)"""
        expected, calls = [trial.expected[i] for i in unwritten], [trial.calls[i] for i in unwritten]
        filled = self._run(sides.candidate, calls, FILLINGS)
        for position, found in zip(unwritten, self._find(expected, filled), strict=True):
            if found:
                fault = runs[position].remarks[FaultKind.UNINITIALISED_READ]
                finding = replace(found[0], status=VerdictStatus.DIFFERENT, fault=fault)
                return self._overruled(verdict, trial, position, finding, f" ({fault.text})")
        return verdict

    def _overruled(self, verdict: Verdict, trial: _Trial, position: int, finding: Finding, note: str) -> Verdict:
        return replace(
            verdict,
            status=finding.status,
            tests_passed=max(0, verdict.tests_passed - 1),
            reason=f"{trial.name(position)}{note}: {finding.message}",
            counterexample=make_counterexample(self.function, trial.expected[position].test, finding),
            fault=finding.fault,
        )

    def _confirm(self, reference: Reference) -> Reference:
        plain = self._build_reference("plain")
        return reference if isinstance(plain, Outcome) else confirm(reference, plain, self.function)


def _explained(verdict: Verdict, trial: _Trial, runs: Sequence[TestRun]) -> Verdict:
    """The verdict that results differ, with what the watched run says of a test on which they do."""
    for position, run in enumerate(runs):
        if not trial.findings[position]:
            continue
        fault = None if run.outcome.ok else read_fault(run.outcome.message)
        for kind in (FaultKind.UNINITIALISED_READ, FaultKind.UNINITIALISED_COPY):
            fault = fault or run.remarks.get(kind)
        if fault is not None:
            return replace(verdict, reason=f"{verdict.reason}; {fault.text}", fault=fault)
    return verdict


# Verdicts that say that the candidate is wrong.
BLAMES = frozenset(
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
