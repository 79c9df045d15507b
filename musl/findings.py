"""From the runs of both sides to a verdict: what is wrong with each test, and which of it decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from compile.run_record import TestRun
from data.function import Function
from data.testcase import Argument, TestCase
from musl.compare import Difference, Slack, compare_values, format_value
from musl.reference import Expected, Free
from musl.verdict import Counterexample, VerdictStatus

RACE_MARK = "race:"
OUT_OF_BOUNDS_MARKS = ("out of bounds", "AddressSanitizer")
SHOWN_ELEMENTS = 8
# An invalid access comes before any other failure, that before a difference, and that before a race.
ORDER = (VerdictStatus.OUT_OF_BOUNDS, VerdictStatus.CANDIDATE_FAILED, VerdictStatus.DIFFERENT, VerdictStatus.RACY)


@dataclass(frozen=True)
class Finding:
    """What is wrong with one test in one schedule."""

    status: VerdictStatus
    schedule: str
    message: str
    difference: Difference | None = None


def check_run(
    function: Function, schedule: str, expected: Expected, got: TestRun, slack: Mapping[str, Slack] | None = None
) -> Finding | None:
    """What is wrong with the candidate's run of one test, None if nothing is."""
    if not got.outcome.ok:
        message = got.outcome.message or got.outcome.status.value
        is_access = any(mark in message for mark in OUT_OF_BOUNDS_MARKS)
        status = VerdictStatus.OUT_OF_BOUNDS if is_access else VerdictStatus.CANDIDATE_FAILED
        return Finding(status, schedule, first_line(message))
    difference = compare_runs(function, expected.run, got, slack, expected.free)
    if difference is None:
        return None
    place = difference.where + ("" if difference.index is None else f"[{difference.index}]")
    message = f"{place}: expected {difference.expected}, got {difference.got}"
    return Finding(VerdictStatus.DIFFERENT, schedule, message, difference)


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
            status = VerdictStatus.RACY
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
