"""`compare_programs`: does a whole program print and return the same after its functions became CUDA?

Standard output and exit status of both builds are compared for each list of arguments, in every schedule. Text, whole
numbers and exit status must be the same. A printed floating-point number may differ by 1e-6 relative (printf's six
digits) or by one unit of its last printed digit; such a run passes, and the verdict's reason says how far it was off.
What the C program itself prints differently when it runs again (times, addresses) is left out.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from compile.build import Build
from compile.cache import OwnBuildFailedError
from compile.emulator.build import build_emulated_program
from compile.fault import read_fault
from compile.outcome import Outcome, Status
from compile.program import build_program, run_program
from compile.sandbox import Sandbox
from data.source_file import SourceFile
from musl.case import SCHEDULES
from musl.findings import INVALID_ACCESS, first_line
from musl.verdict import Counterexample, Verdict, VerdictStatus

RELATIVE = 1e-6
SECONDS = 20.0
_NUMBER = re.compile(
    r"((?<![A-Za-z_])[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|(?:nan|inf|infinity)(?![A-Za-z_0-9])))"
)


@dataclass(frozen=True)
class OutputDifference:
    """The first difference of two outputs: the line (from 1) and what each has there."""

    line: int
    expected: str
    got: str


def compare_programs(
    source: SourceFile,
    cuda_text: str,
    run_args: Sequence[Sequence[str]] = ((),),
    *,
    sandbox: Sandbox,
    scratch: Path,
    others: Sequence[SourceFile] = (),
    schedules: Sequence[str] = SCHEDULES,
    seed: int = 0,
) -> Verdict:
    """The verdict on a program that `source` belongs to; a test is a list of arguments. Kernels run on the emulator.

    `others` are the program's other files, the same on both sides; one of all the files defines `main`. Arguments that
    name files are made absolute, and the files can be read. The C program runs under the sanitizers: arguments on
    which they stop it are no test. Never raises for what either program does.
    """
    started = time.monotonic()
    try:
        verdict = _judge(source, cuda_text, others, run_args or ((),), sandbox, scratch, tuple(schedules), seed)
    except (OwnBuildFailedError, OSError) as error:
        verdict = _empty(VerdictStatus.INFRASTRUCTURE, str(error).splitlines()[0])
    return replace(verdict, schedules=tuple(schedules), seconds=time.monotonic() - started)


def compare_output(expected: str, got: str, again: str | None = None) -> tuple[OutputDifference | None, float]:
    """The first difference, and the greatest relative difference of printed numbers that were taken as equal.

    `again` is what the C program printed in a second run: where that differs from `expected`, nothing is compared.
    """
    if expected == got:
        return None, 0.0
    left, right = expected.splitlines(), got.splitlines()
    repeated = left if again is None else again.splitlines()
    greatest = 0.0
    for number, a in enumerate(left):
        b = right[number] if number < len(right) else "(the output ends)"
        if a == b:
            continue
        c = repeated[number] if number < len(repeated) else a
        error = _compare_lines(a, b, c)
        if error is None:
            return OutputDifference(number + 1, a, b), greatest
        greatest = max(greatest, error)
    if len(right) > len(left):
        return OutputDifference(len(left) + 1, "(the output ends)", right[len(left)]), greatest
    if left == right and greatest == 0.0:  # only the end of the last line differs
        return OutputDifference(max(1, len(left)), repr(expected[-20:]), repr(got[-20:])), 0.0
    return None, greatest


def _compare_lines(expected: str, got: str, again: str) -> float | None:
    """The greatest relative difference of two lines, None if they are not the same."""
    a, b, c = (_NUMBER.split(line) for line in (expected, got, again))
    if len(a) != len(b):
        return None if expected == again or len(a) == len(c) else 0.0
    greatest = 0.0
    for position, (x, y) in enumerate(zip(a, b, strict=True)):
        if x == y or (len(c) == len(a) and c[position] != x):
            continue
        if position % 2 == 0:  # text between numbers: only the padding may differ
            if x.split() != y.split():
                return None
            continue
        error = _number_error(x, y)
        if error is None:
            return None
        greatest = max(greatest, error)
    return greatest


def _number_error(expected: str, got: str) -> float | None:
    """The relative difference of two printed numbers, None if they are not the same."""
    x, y = float(expected), float(got)
    if math.isnan(x) and math.isnan(y):
        return 0.0
    if not (_is_real(expected) and _is_real(got)) or not (math.isfinite(x) and math.isfinite(y)):
        return None
    difference = abs(x - y)
    last_place = max(_last_place(expected), _last_place(got))
    if difference <= RELATIVE * max(abs(x), abs(y)) or difference <= last_place * 1.001:
        return difference / max(abs(x), abs(y), 1e-300)
    return None


def _is_real(number: str) -> bool:
    return any(mark in number.lower() for mark in (".", "e", "n"))


def _last_place(number: str) -> float:
    """The value of one unit in the last printed digit: "1.25e3" --> 10.0"""
    mantissa, _, exponent = number.lower().partition("e")
    digits = len(mantissa.partition(".")[2])
    return float(10.0 ** (int(exponent or 0) - digits))


# ---------------------------------------------------------------- runs


def _judge(
    source: SourceFile,
    cuda_text: str,
    others: Sequence[SourceFile],
    run_args: Sequence[Sequence[str]],
    sandbox: Sandbox,
    scratch: Path,
    schedules: tuple[str, ...],
    seed: int,
) -> Verdict:
    with ThreadPoolExecutor(2) as pool:
        candidate_build = pool.submit(build_emulated_program, cuda_text, scratch, sandbox, source, others=others)
        reference = build_program([source, *others], scratch, sandbox, sanitize=True)
        candidate = candidate_build.result()
    if isinstance(reference, Outcome):
        return _failed_build(reference, VerdictStatus.NO_VALID_TEST, "the C program does not build")
    if isinstance(candidate, Outcome):
        return _failed_build(candidate, VerdictStatus.CANDIDATE_FAILED, "the CUDA program does not build")
    runs = passed = 0
    notes: list[str] = []
    for arguments in run_args:
        checked = _check(reference, candidate, [_absolute(a) for a in arguments], schedules, seed)
        if isinstance(checked, Verdict) and checked.status is VerdictStatus.NO_VALID_TEST:
            notes.append(checked.reason)
            continue
        runs += 1
        if isinstance(checked, Verdict):
            return replace(checked, tests_run=runs, tests_passed=passed)
        passed += 1
        notes += [checked] if checked else []
    status = VerdictStatus.EQUIVALENT if runs else VerdictStatus.NO_VALID_TEST
    return Verdict(status, runs, passed, (), "; ".join(dict.fromkeys(notes)))


def _check(
    reference: Build, candidate: Build, arguments: Sequence[str], schedules: tuple[str, ...], seed: int
) -> Verdict | str:
    """A verdict where the runs differ (or cannot be compared), else a note for the verdict, mostly empty."""
    files = [Path(argument) for argument in arguments if Path(argument).is_absolute() and Path(argument).exists()]
    expected = run_program(reference, arguments, seconds=SECONDS, readable=files)
    obstacle = _obstacle(expected)
    if obstacle is not None:
        return obstacle
    again: str | None = None
    wrong: list[tuple[str, OutputDifference]] = []
    greatest = 0.0
    for schedule in schedules:
        environment = {**candidate.environment, "MUSL_SCHEDULE": schedule, "MUSL_SEED": str(seed)}
        build = replace(candidate, environment=environment)
        got = run_program(build, arguments, seconds=SECONDS, readable=files)
        failure = _failure(expected, got, arguments, schedule)
        if failure is not None:
            return failure
        if got.stdout != expected.stdout and again is None:
            again = _text(run_program(reference, arguments, seconds=SECONDS, readable=files))
        difference, error = compare_output(_text(expected), _text(got), again)
        greatest = max(greatest, error)
        if difference is not None:
            wrong.append((schedule, difference))
    if wrong:
        return _different(wrong, len(schedules), arguments)
    return f"printed numbers differ by at most {greatest:.1e} relative" if greatest else ""


def _obstacle(expected: Outcome) -> Verdict | None:
    """Why a run of the C program is no test."""
    if expected.status is Status.INFRASTRUCTURE:
        return _empty(VerdictStatus.INFRASTRUCTURE, expected.message)
    stopped = b"AddressSanitizer" in expected.stderr or b"runtime error:" in expected.stderr
    if stopped or expected.exit_code is None or expected.exit_code > 128:
        reason = first_line(expected.message) if stopped else f"it ends with {expected.status}"
        return _empty(VerdictStatus.NO_VALID_TEST, f"the C program has no defined result: {reason}")
    return None


def _failure(expected: Outcome, got: Outcome, arguments: Sequence[str], schedule: str) -> Verdict | None:
    if got.status is Status.INFRASTRUCTURE:
        return _empty(VerdictStatus.INFRASTRUCTURE, got.message)
    if got.exit_code == expected.exit_code:
        return None
    message = first_line(got.message) or got.status.value
    if got.exit_code is None or got.exit_code >= 99 or got.status is not Status.RUNTIME_ERROR:
        fault = read_fault(got.message)
        is_access = fault.kind in INVALID_ACCESS if fault is not None else "AddressSanitizer" in got.message
        status = VerdictStatus.OUT_OF_BOUNDS if is_access else VerdictStatus.CANDIDATE_FAILED
    else:
        status = VerdictStatus.DIFFERENT
    shown = f"exit status {got.exit_code}" if got.exit_code is not None else got.status.value
    expectation = f"exit status {expected.exit_code}"
    counterexample = Counterexample("", "exit status", None, expectation, shown, _inputs(arguments))
    reason = f"schedule {schedule}: expected {expectation}, got {shown}: {message}"
    return Verdict(status, 0, 0, (), reason, counterexample)


def _different(wrong: Sequence[tuple[str, OutputDifference]], schedules: int, arguments: Sequence[str]) -> Verdict:
    schedule, difference = wrong[0]
    status = VerdictStatus.DIFFERENT if len(wrong) == schedules else VerdictStatus.RACY
    where = f"stdout line {difference.line}"
    reason = f"schedule {schedule}, {where}: expected {difference.expected!r}, got {difference.got!r}"
    counterexample = Counterexample("", where, None, difference.expected, difference.got, _inputs(arguments))
    return Verdict(status, 0, 0, (), reason, counterexample)


def _inputs(arguments: Sequence[str]) -> dict[str, str]:
    return {f"argv[{i + 1}]": argument for i, argument in enumerate(arguments)}


def _absolute(argument: str) -> str:
    path = Path(argument)
    return str(path.resolve()) if argument and path.is_file() else argument


def _text(outcome: Outcome) -> str:
    return outcome.stdout.decode("utf-8", "backslashreplace")


def _failed_build(outcome: Outcome, status: VerdictStatus, what: str) -> Verdict:
    if outcome.status is Status.INFRASTRUCTURE:
        return _empty(VerdictStatus.INFRASTRUCTURE, outcome.message)
    lines = outcome.message.splitlines()
    errors = [line.strip() for line in lines if "error" in line or "undefined reference" in line]
    return _empty(status, f"{what}: {(errors or lines or [outcome.status.value])[0]}")


def _empty(status: VerdictStatus, reason: str) -> Verdict:
    return Verdict(status, 0, 0, (), reason)
