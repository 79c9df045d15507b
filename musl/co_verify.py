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
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Literal

from compile.build import Build
from compile.build_cache import BuildCache
from compile.cache import OwnBuildFailedError
from compile.host import COMPILE_LIMITS, RunScript
from compile.outcome import Outcome, Status
from compile.runner import run_tests
from compile.sandbox import Sandbox
from compile.shared_run import SharedRun
from data.function import Function
from data.source_file import SourceFile
from data.testcase import TestCase
from musl.case import AFTER, IDLE, SCHEDULES, WATCHED, Candidate, Case, GpuOptions, Sides, Trial
from musl.evidence import why_weak
from musl.findings import describe, first_line, make_counterexample, worst
from musl.given_wrapper import extend_all, is_refused, needed_bytes
from musl.reference import Reference, confirm, run_reference
from musl.verdict import Verdict, VerdictStatus, no_verdict, spread
from musl.watch import after_another, watch, why_idle
from tester.protocol import TestSuite

MOST_TRIES = 8  # at fitting a benchmark's tests to its wrapper (musl/given_wrapper.py)
# Verdicts that say that the candidate is wrong.
BLAMES = frozenset(
    {VerdictStatus.DIFFERENT, VerdictStatus.RACY, VerdictStatus.OUT_OF_BOUNDS, VerdictStatus.CANDIDATE_FAILED}
)


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
    case = Case(source, function, candidate, sandbox, scratch, tuple(schedules), device, seed, threads, cache, gpu)
    try:
        verdict = _judge(case, tests)
    except (OwnBuildFailedError, OSError) as error:
        verdict = no_verdict(VerdictStatus.INFRASTRUCTURE, first_line(str(error)))
    return replace(verdict, schedules=tuple(schedules), seconds=time.monotonic() - started)


def _judge(case: Case, suite: TestSuite) -> Verdict:
    if not suite.tests:
        return no_verdict(VerdictStatus.NO_VALID_TEST, _why_no_tests(suite))
    sanitized, candidate = _build(case)
    if isinstance(sanitized, Outcome):
        return _failed_build(sanitized, VerdictStatus.NO_VALID_TEST, "the C side does not compile")
    if isinstance(candidate, Outcome):
        return _failed_build(candidate, VerdictStatus.CANDIDATE_FAILED, f"{case.candidate.side} does not compile")
    return _judge_sides(case, Sides(sanitized, candidate), suite.tests)


def _judge_sides(case: Case, sides: Sides, tests: Sequence[TestCase], tries: int = MOST_TRIES) -> Verdict:
    reference = run_reference(sides.sanitized, tests, case.function)
    verdict, trial = _compare(case, reference, sides, len(tests))
    if verdict.status in BLAMES and any(test.origin != "fuzz" for test in tests):
        # The fuzz tester has compared what uninitialised variables do; for other tests it is done here.
        checked = _confirm(case, reference)
        if len(checked.invalid) > len(reference.invalid):
            reference = checked
            verdict, trial = _compare(case, reference, sides, len(tests))
    if case.candidate.given_wrapper and trial is not None and tries > 0:
        refused = [one.index for i, one in enumerate(trial.expected) if is_refused(one.test, trial.findings[i])]
        if refused:
            kept = [i for i in range(len(tests)) if i not in refused]
            fewer = _judge_sides(case.without(refused), sides, [tests[i] for i in kept], tries - 1)
            return replace(fewer, results=spread(fewer.results, kept, len(tests)))
        found = ((one.index, needed_bytes(trial.findings[i])) for i, one in enumerate(trial.expected))
        needed = {index: extent for index, extent in found if extent is not None}
        if needed:
            return _judge_sides(case.extended(needed), sides, extend_all(tests, needed, case.function), tries - 1)
    return replace(verdict, tests_dropped=len(reference.invalid), drop_reason=_first_reason(reference))


def _compare(case: Case, reference: Reference, sides: Sides, given: int) -> tuple[Verdict, Trial | None]:
    if reference.broken:
        return no_verdict(VerdictStatus.INFRASTRUCTURE, first_line(reference.broken)), None
    if not reference.expected:
        reason = f"no test is valid for the C side: {_first_reason(reference)}"
        return no_verdict(VerdictStatus.NO_VALID_TEST, reason), None
    calls = [case.call_of(one) for one in reference.expected]
    runs, asides = case.run_all(sides.candidate, calls)
    broken = next((r for row in runs.values() for r in row if r.outcome.status is Status.INFRASTRUCTURE), None)
    if broken is not None:
        return no_verdict(VerdictStatus.INFRASTRUCTURE, first_line(broken.outcome.message)), None
    begun = [i for i in range(len(calls)) if not any(row[i].skipped for row in runs.values())]
    expected, calls = [reference.expected[i] for i in begun], [calls[i] for i in begun]
    runs = {schedule: [row[i] for i in begun] for schedule, row in runs.items()}
    findings = case.find(sides.sanitized, expected, runs)
    trial = Trial(expected, calls, runs, findings, given, needs_launch=not case.candidate.on_host)
    verdict = _conclude(case, trial)
    if verdict.status is VerdictStatus.EQUIVALENT:
        counted = [trial.expected[i] for i in trial.counted]
        weak = why_weak(case.function, counted, lambda more: run_tests(sides.sanitized, more, case.function))
        weak = weak or why_idle(case, trial, sides, asides.get(IDLE, ()))
        if weak:
            return replace(verdict, status=VerdictStatus.NO_VALID_TEST, reason=weak), trial
        verdict = after_another(case, trial, sides, verdict, asides.get(AFTER, ()))
    return watch(case, trial, sides, verdict, asides.get(WATCHED, ())), trial


def _conclude(case: Case, trial: Trial) -> Verdict:
    counted = trial.counted
    passed = sum(not trial.findings[i] for i in counted)
    decisive = worst(trial.findings, len(case.schedules))
    if decisive is not None:
        status, position, finding = decisive
        reason = describe(finding, status, trial.name(position), trial.findings[position], len(case.schedules))
        example = make_counterexample(case.function, trial.expected[position].test, finding)
        return Verdict(status, len(counted), passed, (), reason, example, finding.fault, results=trial.results)
    if not counted:
        return no_verdict(VerdictStatus.NO_VALID_TEST, "no test launched a kernel")
    return Verdict(VerdictStatus.EQUIVALENT, len(counted), passed, (), results=trial.results)


def _confirm(case: Case, reference: Reference) -> Reference:
    plain = case.build_reference("plain")
    return reference if isinstance(plain, Outcome) else confirm(reference, plain, case.function)


def _build(case: Case) -> tuple[Build | Outcome, Build | Outcome]:
    """The C side under the sanitizers, and the candidate: at the same time on two threads of the machine, or their
    compilers one after the other in one sandbox."""
    if case.threads >= 2:
        with ThreadPoolExecutor(1) as pool:
            building = pool.submit(case.build_candidate)
            return case.build_reference("sanitize"), building.result()
    if case.device != "emulator":  # nvcc runs under limits of its own
        return case.build_reference("sanitize"), case.build_candidate()
    shared = SharedRun(case.sandbox.within(case.scratch.resolve()), COMPILE_LIMITS, parties=2)

    def build(rank: int, side: Callable[[RunScript], Build | Outcome]) -> Build | Outcome:
        try:
            return side(shared.of_rank(rank))
        finally:
            shared.leave()

    with ThreadPoolExecutor(1) as pool:
        building = pool.submit(build, 1, case.build_candidate)
        return build(0, lambda run: case.build_reference("sanitize", run)), building.result()


def _why_no_tests(suite: TestSuite) -> str:
    if suite.first_error:
        return f"no valid test: {suite.first_error}"
    return "no valid test was found" if not suite.dropped else f"none of {suite.dropped} inputs is valid for the C side"


def _first_reason(reference: Reference) -> str:
    return first_line(next(iter(reference.invalid.values()), ""))


def _failed_build(outcome: Outcome, status: VerdictStatus, what: str) -> Verdict:
    if outcome.status is Status.INFRASTRUCTURE:
        return no_verdict(VerdictStatus.INFRASTRUCTURE, first_line(outcome.message))
    errors = [line for line in outcome.message.splitlines() if "error" in line]
    message = errors[0].strip() if errors else first_line(outcome.message) or outcome.status.value
    return no_verdict(status, f"{what}: {message}")
