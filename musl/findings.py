"""From the runs of both sides to a verdict: what is wrong with each test, and which of it decides."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from compile.fault import Fault, FaultKind, read_fault
from compile.outcome import Status
from compile.run_record import TestRun
from data.function import Function
from data.testcase import Argument, TestCase
from musl.compare import Difference, Slack, compare_values, format_value
from musl.reference import Expected, Free
from musl.verdict import Counterexample, VerdictStatus

SHOWN_ELEMENTS = 8
# Kinds of faults that are invalid accesses, and those that are races; the others are failures of other kinds.
INVALID_ACCESS = frozenset({FaultKind.OUT_OF_BOUNDS, FaultKind.NULL_POINTER, FaultKind.USE_AFTER_FREE})
RACES = frozenset({FaultKind.DATA_RACE, FaultKind.MISSING_BARRIER})
# The sanitizer's words for an invalid access; its others are for an abort(), endless recursion, too much memory.
_INVALID_ACCESS = re.compile(
    r"AddressSanitizer: (?!stack-overflow|calloc)"
    r"([\w-]+-(over|under)flow|[\w-]*use-after-[\w-]+|negative-size-param|(ended by )?(SEGV|BUS))"
)
# An invalid access comes before any other failure, that before a difference, and that before a race.
ORDER = (VerdictStatus.OUT_OF_BOUNDS, VerdictStatus.CANDIDATE_FAILED, VerdictStatus.DIFFERENT, VerdictStatus.RACY)


@dataclass(frozen=True)
class Finding:
    """What is wrong with one test in one schedule."""

    status: VerdictStatus
    schedule: str
    message: str
    difference: Difference | None = None
    fault: Fault | None = None


def check_run(
    function: Function,
    schedule: str,
    expected: Expected,
    got: TestRun,
    slack: Mapping[str, Slack] | None = None,
    *,
    forgive_errors: bool = False,
) -> Finding | None:
    """What is wrong with the candidate's run of one test, None if nothing is. With `forgive_errors` an error of the
    CUDA API that is left unread does not count where the results are right."""
    if not got.outcome.ok:
        return failed_run(schedule, got)
    difference = compare_runs(function, expected.run, got, slack, expected.free)
    error = got.remarks.get(FaultKind.API_ERROR)
    if error is not None and not (forgive_errors and difference is None):
        return Finding(VerdictStatus.CANDIDATE_FAILED, schedule, error.text, difference, error)
    if difference is None:
        return None
    place = difference.where + ("" if difference.index is None else f"[{difference.index}]")
    message = f"{place}: expected {difference.expected}, got {difference.got}"
    return Finding(VerdictStatus.DIFFERENT, schedule, message, difference)


def failed_run(schedule: str, got: TestRun) -> Finding:
    """The finding of a run that did not end well."""
    message = got.outcome.message or got.outcome.status.value
    fault = read_fault(message) if got.outcome.status is Status.RUNTIME_ERROR else None
    status = VerdictStatus.CANDIDATE_FAILED
    if (fault is not None and fault.kind in INVALID_ACCESS) or (fault is None and _INVALID_ACCESS.search(message)):
        status = VerdictStatus.OUT_OF_BOUNDS
    elif fault is not None and fault.kind in RACES:
        status = VerdictStatus.RACY
    text = first_line(message) if fault is None else fault.text
    if fault is None and "AddressSanitizer" in message:
        text = next(line.strip() for line in message.splitlines() if "AddressSanitizer" in line)[:500]
    return Finding(status, schedule, text, None, fault)


def compare_runs(
    function: Function,
    expected: TestRun,
    got: TestRun,
    slack: Mapping[str, Slack] | None = None,
    free: Free | None = None,
) -> Difference | None:
    """The first difference between two finished calls: the returned value, then arrays and references, const or not.
    `free` results may be anything."""
    known, open_ = slack or {}, free or {}
    difference = compare_values("return", expected.returned, got.returned, known.get("return"))
    if difference is not None:
        return difference
    for parameter, a, b in zip(function.parameters, expected.arguments, got.arguments, strict=True):
        if parameter.is_array or parameter.reference:
            difference = compare_values(parameter.name, a, b, known.get(parameter.name), open_.get(parameter.name))
            if difference is not None:
                return difference
    return None


def worst(findings: Sequence[Sequence[Finding]], schedules: int) -> tuple[VerdictStatus, int, Finding] | None:
    """The status that decides, the position of its test and the finding; None where nothing is wrong. A result that is
    right in some schedules only is a race."""
    decided: list[tuple[int, int, VerdictStatus, Finding]] = []
    for index, found in enumerate(findings):
        if not found:
            continue
        first = min(found, key=lambda finding: ORDER.index(finding.status))
        status = first.status
        if status is VerdictStatus.DIFFERENT and len(found) < schedules:
            status = VerdictStatus.RACY  # right in some schedules
        decided.append((ORDER.index(status), index, status, first))
    if not decided:
        return None
    _, index, status, finding = min(decided, key=lambda entry: entry[:2])
    return status, index, finding


def describe(finding: Finding, status: VerdictStatus, where: str, found: Sequence[Finding], schedules: int) -> str:
    """The finding in one line; `where` names its test, `found` are all findings on that test."""
    text = f"{where}, schedule {finding.schedule}: {finding.message}"
    if status is VerdictStatus.RACY:
        return f"the result depends on the order of threads; {text} (right in {schedules - len(found)} of {schedules})"
    if status is VerdictStatus.DIFFERENT and len({f.message for f in found}) > 1:
        return f"{text}; schedules differ too (a race, or memory that was never written)"
    return text


def make_counterexample(function: Function, test: TestCase, finding: Finding) -> Counterexample:
    """The finding with the inputs of its test."""
    inputs = {
        parameter.name: describe_argument(argument)
        for parameter, argument in zip(function.parameters, test.arguments, strict=True)
    }
    difference = finding.difference
    if difference is None:
        return Counterexample(test.id, "call", None, "the call returns", finding.message, inputs)
    return Counterexample(test.id, difference.where, difference.index, difference.expected, difference.got, inputs)


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
