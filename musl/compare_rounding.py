"""How far rounding can move the results of a C function, by running it again (see musl/compare.py for the sources).

Only asked where a candidate's floating-point result is off by more than the base tolerance: most pairs never pay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from compile.build import Build
from compile.run_record import TestRun
from compile.runner import Schedule, run_schedules, run_tests
from data.function import Function
from data.testcase import Argument, TestCase
from musl.compare import Slack, has_floats, rounding_slack
from musl.magnitudes import accumulates, on_magnitudes
from musl.reference import DIRECTIONS, Expected


def measure_slack(build: Build, function: Function, expected: Sequence[Expected]) -> list[Mapping[str, Slack]]:
    """For each test: the slack of each value (`return` or a parameter's name) that rounding can move. `build` is of the
    C side.

    Where a redirected call does not end well it adds nothing; without any the base tolerance stands.
    """
    tests = [one.test for one in expected]
    redirected = _redirect(build, function, expected)
    reordered = accumulates(function)
    magnitudes = (
        _run_on_magnitudes(build, function, expected) if reordered else [TestRun(one.run.outcome) for one in expected]
    )
    slacks: list[Mapping[str, Slack]] = []
    for i, test in enumerate(tests):
        operations = _terms(test) if reordered else 0
        others = [_values(function, run) for run in redirected[i] if run.outcome.ok]
        sizes = _values(function, magnitudes[i])
        slacks.append(
            {
                name: rounding_slack(value, [other[name] for other in others], sizes.get(name), operations)
                for name, value in _values(function, expected[i].run).items()
                if has_floats(value)
            }
        )
    return slacks


def _redirect(build: Build, function: Function, expected: Sequence[Expected]) -> list[tuple[TestRun, ...]]:
    """For each test its runs with redirected rounding: those that there are, else they are made."""
    unknown = [i for i, one in enumerate(expected) if not one.redirected]
    schedules = [Schedule(direction) for direction in DIRECTIONS]
    rows = run_schedules(build, [expected[i].test for i in unknown], function, schedules)
    made = {i: tuple(row[at] for row in rows) for at, i in enumerate(unknown)}
    return [made.get(i, one.redirected) for i, one in enumerate(expected)]


def _run_on_magnitudes(build: Build, function: Function, expected: Sequence[Expected]) -> list[TestRun]:
    """For each test its run on the absolute values of its inputs: the one that there is, else it is made."""
    unknown = [i for i, one in enumerate(expected) if one.magnitude is None]
    made = run_tests(build, [on_magnitudes(expected[i].test) for i in unknown], function)
    known = dict(zip(unknown, made, strict=True))
    return [known[i] if one.magnitude is None else one.magnitude for i, one in enumerate(expected)]


def _terms(test: TestCase) -> int:
    """An upper bound of the number of terms in a sum: the size of the largest array, or what the sizes say."""
    arrays = [argument.size for argument in test.arguments if isinstance(argument, np.ndarray)]
    scalars = [abs(int(a)) for a in test.arguments if isinstance(a, np.integer)]
    return min(1 << 20, max([*arrays, *scalars, 1]))


def _values(function: Function, run: TestRun) -> Mapping[str, Argument]:
    """The results of a call by name; empty where it did not finish."""
    if not run.arguments:
        return {} if run.returned is None else {"return": run.returned}
    values: dict[str, Argument] = {p.name: value for p, value in zip(function.parameters, run.arguments, strict=True)}
    return values if run.returned is None else {"return": run.returned, **values}
