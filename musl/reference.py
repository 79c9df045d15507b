"""What the C side says: its results on the tests that are valid for it, and why the others are not.

A test is valid if the call shows no error under AddressSanitizer and UndefinedBehaviorSanitizer, ends in time, and does
not depend on what nobody has set: elements that the test leaves open (`TestCase.unset`) and variables that the function
never initialises. The first is always tried, with two fillings; the second only where the other side disagrees
(`confirm`), because a candidate cannot agree by chance with values that nobody has set: they are others on its side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from compile.build import Build
from compile.outcome import Status
from compile.run_record import TestRun
from compile.runner import Schedule, TestLimits, run_schedules, run_tests
from compile.valid import UNINITIALISED, same_results
from data.function import Function
from data.testcase import TestCase
from musl.compare import has_floats
from musl.magnitudes import accumulates, on_magnitudes

# Schedules of the driver that redirect the rounding of a call (musl/compare_rounding.py).
DIRECTIONS = ("round up", "round down")
# Results that may hold anything: parameter name -> which elements (bool).
Free = Mapping[str, np.ndarray]
READS_UNSET = "its results depend on elements that the test never sets"


@dataclass(frozen=True, eq=False)
class Expected:
    """One valid test: its `index` among those given, the test as it is run, the C side's results, and which of them
    nobody has set. `redirected` are the same call's runs with redirected rounding, and `magnitude` is its run on the
    absolute values of its inputs, where they were made."""

    index: int
    test: TestCase
    run: TestRun
    free: Free
    redirected: tuple[TestRun, ...] = ()
    magnitude: TestRun | None = None


@dataclass(frozen=True, eq=False)
class Reference:
    """The valid tests in order, and for each other one (by index) what is wrong with it. `broken` says in one line why
    the machine could not tell, else it is empty."""

    expected: tuple[Expected, ...]
    invalid: Mapping[int, str]
    broken: str = ""


def run_reference(
    sanitized: Build, tests: Sequence[TestCase], function: Function, limits: TestLimits | None = None
) -> Reference:
    """Run all tests on the C side (a build in mode "sanitize")."""
    open_tests = [i for i, test in enumerate(tests) if test.unset]
    first = [test.filled(0) for test in tests]
    again = [tests[i].filled(1) for i in open_tests]
    # The first test's rounding is asked for nearly always (musl/watch.py), and costs little here.
    floats = returns_floats(function)
    more = [Schedule(direction, first=1) for direction in DIRECTIONS if floats]
    absolute = [on_magnitudes(test) for test in first[:1] if floats and accumulates(function)]
    calls, schedules = [*first, *again, *absolute], [Schedule("forward"), *more]
    runs, *redirected = run_schedules(sanitized, calls, function, schedules, limits)
    for run in runs:
        if run.outcome.status is Status.INFRASTRUCTURE:
            return Reference((), {}, run.outcome.message)
    second = dict(zip(open_tests, runs[len(tests) :], strict=False))
    magnitude = runs[-1] if absolute else None
    expected, invalid = [], {}
    for i, run in enumerate(runs[: len(tests)]):
        other = second.get(i)
        if not run.outcome.ok:
            invalid[i] = run.outcome.message
        elif other is None:
            expected.append(Expected(i, first[i], run, {}, *_of_first(i, redirected, magnitude)))
        elif (free := free_results(function, tests[i], run, other)) is None:
            invalid[i] = READS_UNSET
        else:
            expected.append(Expected(i, first[i], run, free, *_of_first(i, redirected, magnitude)))
    return Reference(tuple(expected), invalid)


def returns_floats(function: Function) -> bool:
    """Whether a call can give floating-point numbers."""
    given = [p.dtype for p in function.parameters if p.is_array or p.reference]
    return any(has_floats(np.empty(0, dtype)) for dtype in (*given, function.returns) if dtype is not None)


def _of_first(
    index: int, redirected: Sequence[Sequence[TestRun]], magnitude: TestRun | None
) -> tuple[tuple[TestRun, ...], TestRun | None]:
    """What was made for the first test alone."""
    return (tuple(row[0] for row in redirected), magnitude) if index == 0 else ((), None)


def free_results(function: Function, test: TestCase, run: TestRun, other: TestRun) -> Free | None:
    """The elements that hold in both runs what was filled in where nobody had set anything; None where anything else
    differs between the two, because then the results depend on it."""
    if not other.outcome.ok or (run.returned is not None and not _same(run.returned, other.returned).all()):
        return None
    fills = test.filled(0).arguments, test.filled(1).arguments
    free: dict[str, np.ndarray] = {}
    for i, parameter in enumerate(function.parameters):
        if not parameter.is_array or run.arguments[i] is None:
            continue
        differs = ~_same(run.arguments[i], other.arguments[i])
        if not differs.any():
            continue
        mask = test.unset[i]
        kept = _same(run.arguments[i], fills[0][i]) & _same(other.arguments[i], fills[1][i])
        if mask is None or (differs & ~(mask & kept)).any():
            return None
        free[parameter.name] = differs
    return free


def _same(left: object, right: object) -> np.ndarray:
    a, b = np.asarray(left), np.asarray(right)
    if a.dtype.names is not None:
        return np.asarray(a == b)
    return np.asarray((a == b) | ((a != a) & (b != b)))  # NaN is the same as NaN here


def confirm(reference: Reference, plain: Build, function: Function, limits: TestLimits | None = None) -> Reference:
    """The reference without the tests on which the function reads a variable that it never initialised: a build whose
    fresh memory holds other values (mode "plain") returns something else there."""
    runs = run_tests(plain, [expected.test for expected in reference.expected], function, limits=limits)
    invalid, kept = dict(reference.invalid), []
    for expected, run in zip(reference.expected, runs, strict=True):
        if run.outcome.ok and same_results(run, expected.run):
            kept.append(expected)
        else:
            invalid[expected.index] = UNINITIALISED if run.outcome.ok else run.outcome.message
    return replace(reference, expected=tuple(kept), invalid=invalid)
