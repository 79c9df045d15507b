"""More looks at a candidate whose results are right, or not, in the emulator: do its kernels do the work, does a call
leave something behind, does it race, does it load what was never written?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from compile.fault import FaultKind, read_fault
from compile.outcome import Status
from compile.run_record import TestRun
from compile.runner import Schedule, run_schedules, run_tests
from musl.case import AFTER, CANDIDATE_LIMITS, IDLE, WATCHED, Case, Sides, Trial
from musl.findings import Finding, make_counterexample
from musl.verdict import Verdict, VerdictStatus

# A watched run takes more time and memory than the one that has ended well: to use them up says nothing.
_SLOWER = (Status.TIMEOUT, Status.OUT_OF_MEMORY)
# Schedules in which memory that was never written holds zeros, ones, a large and a small number.
FILLINGS = ("forward fill 00", "forward fill ff", "forward fill 7f", "forward fill 80")


def why_idle(case: Case, trial: Trial, sides: Sides, idle: Sequence[TestRun]) -> str:
    """Empty where the results need the kernels, else one line: with kernels that do nothing every test passes. `idle`
    is the run of the first test; the others are asked only where that one shows nothing."""
    if not idle:
        return ""
    counted = trial.counted
    expected = [trial.expected[i] for i in counted]
    if counted[0] == 0 and any(case.find(sides.sanitized, expected[:1], {IDLE: idle})):
        return ""
    calls = [trial.calls[i] for i in counted]
    runs = run_tests(sides.candidate, calls, case.candidate.function, schedule=IDLE, limits=CANDIDATE_LIMITS)
    if any(case.find(sides.sanitized, expected, {IDLE: runs})):
        return ""
    return "every test passes with kernels that do nothing: the host computes the results"


def after_another(case: Case, trial: Trial, sides: Sides, verdict: Verdict, after: Sequence[TestRun]) -> Verdict:
    """The verdict, or `different` where a call gives another result after another call than as the first one of its
    process: a variable of the device that is never reset, results that are kept. Compared with the C function's
    results after the same call, as it may keep something itself."""
    if not after or not any(case.find(sides.sanitized, trial.expected, {AFTER: after})):
        return verdict
    calls = [one.test for one in trial.expected]
    (again,) = run_schedules(sides.sanitized, calls, case.function, [Schedule(AFTER, case.seed)])
    expected = [replace(one, run=run, redirected=()) for one, run in zip(trial.expected, again, strict=True)]
    for position, found in enumerate(case.find(sides.sanitized, expected, {AFTER: after})):
        if found and again[position].outcome.ok:
            return _overruled(case, verdict, trial, position, found[0], ", after the call of another test")
    return verdict


def watch(case: Case, trial: Trial, sides: Sides, verdict: Verdict, runs: Sequence[TestRun]) -> Verdict:
    """The verdict after the `runs` that watched every access: `racy` where threads race, `different`
    where loops that stride over the grid compute something else or where memory that was never written decides.
    Results that differ get their cause."""
    explains = verdict.status in (VerdictStatus.DIFFERENT, VerdictStatus.RACY) and verdict.fault is None
    if not runs or not (explains or verdict.status is VerdictStatus.EQUIVALENT):
        return verdict
    if explains:
        return _explained(verdict, trial, runs)
    # Few blocks run here, so that grid-stride loops stride: what they compute then has to be right too.
    strided = case.find(sides.sanitized, trial.expected, {WATCHED: runs})
    for position, found in enumerate(strided):
        if found and runs[position].outcome.status not in _SLOWER:
            return _overruled(case, verdict, trial, position, found[0], f", {WATCHED}")
    unwritten = [i for i, run in enumerate(runs) if FaultKind.UNINITIALISED_READ in run.remarks]
    if unwritten:
        return _with_other_fillings(case, verdict, trial, sides, runs, unwritten)
    return verdict


def _with_other_fillings(
    case: Case, verdict: Verdict, trial: Trial, sides: Sides, runs: Sequence[TestRun], unwritten: Sequence[int]
) -> Verdict:
    """The verdict, or `different` where what a kernel loads from memory that was never written changes a result
    when that memory holds something else. (A load whose value is never used changes nothing.)"""
    expected, calls = [trial.expected[i] for i in unwritten], [trial.calls[i] for i in unwritten]
    filled = case.run(sides.candidate, calls, FILLINGS)
    for position, found in zip(unwritten, case.find(sides.sanitized, expected, filled), strict=True):
        if found:
            fault = runs[position].remarks[FaultKind.UNINITIALISED_READ]
            finding = replace(found[0], status=VerdictStatus.DIFFERENT, fault=fault)
            return _overruled(case, verdict, trial, position, finding, f" ({fault.text})")
    return verdict


def _overruled(case: Case, verdict: Verdict, trial: Trial, position: int, finding: Finding, note: str) -> Verdict:
    failed = trial.expected[position].index
    return replace(
        verdict,
        status=finding.status,
        tests_passed=max(0, verdict.tests_passed - 1),
        results=tuple(False if i == failed else each for i, each in enumerate(verdict.results)),
        reason=f"{trial.name(position)}{note}: {finding.message}",
        counterexample=make_counterexample(case.function, trial.expected[position].test, finding),
        fault=finding.fault,
    )


def _explained(verdict: Verdict, trial: Trial, runs: Sequence[TestRun]) -> Verdict:
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
