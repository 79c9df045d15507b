"""`small_tests`: fuzz tests that are short as C statements, for a model to learn from.

Sizes are small and floats have few digits; a few are for arrays that several blocks of threads share, made of a short
period that a loop repeats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from compile.build import Build
from compile.host import Mode
from compile.outcome import Outcome
from compile.runner import run_tests
from compile.sandbox import Sandbox
from data.function import Function
from data.source_file import SourceFile
from data.testcase import Argument, TestCase
from tester.fuzz import FuzzOptions, FuzzTester
from tester.neural.check import MODES, TestChecker
from tester.neural.tester import choose

MOST_ELEMENTS = 16
DIGITS = 1
_OPERATIONS = 24.0  # innermost iterations: arrays of at most about so many elements
_SECONDS = 0.25  # of the processor, for a call: so little work takes milliseconds, or never ends
_PERIOD = 7
_MOST_LARGE = 1100


class _Fuzz(FuzzTester):
    """Keeps what it has built for the next call."""

    def __init__(self, source: SourceFile, sandbox: Sandbox) -> None:
        super().__init__(source, sandbox)
        self.built: dict[Mode, Build | Outcome] = {}

    def _build(self, function: Function, mode: Mode) -> Build | Outcome:
        if mode not in self.built:
            self.built[mode] = super()._build(function, mode)
        return self.built[mode]


def small_tests(
    function: Function,
    source: SourceFile,
    sandbox: Sandbox,
    count: int,
    seed: int,
    *,
    large: int = 0,
    most_elements: int = MOST_ELEMENTS,
    digits: int = DIGITS,
) -> list[TestCase]:
    """At most `count` valid tests of a C function whose arrays have at most `most_elements` elements, and floats at
    most `digits` decimal places; those that raise coverage come first. With them at most `large` tests with more than a
    block's 256 elements, of a short period. Arrays that a call only writes hold zeros. Raises BrokenMachineError."""
    fuzz = _Fuzz(source, sandbox)
    options = FuzzOptions(batches=1, edge_cases=0, special_values=False, seconds=_SECONDS)
    fuzz.options = replace(options, operations=_OPERATIONS, edge_cases=2)
    found = fuzz.make_tests(function, 3 * count, seed).tests
    small = [_rounded(test, digits) for test in found if _longest(test) <= most_elements]
    chosen = _choose(function, fuzz, small, count)
    if large and found:
        fuzz.options = options
        found = fuzz.make_tests(function, 12, seed).tests
        long = [_periodic(_rounded(test, digits)) for test in found if 256 < _longest(test) <= _MOST_LARGE]
        chosen += _choose(function, fuzz, long, large)
    return chosen


def _choose(function: Function, fuzz: _Fuzz, tests: Sequence[TestCase], count: int) -> list[TestCase]:
    """At most `count` of the tests, which are checked anew: their values are not those that the fuzz Tester tried."""
    distinct = list({test.id: test for test in _without_outputs(function, fuzz.built.get("trace"), tests)}.values())
    if not distinct:
        return []
    checker = TestChecker(function, [fuzz.built[mode] for mode in MODES])
    return choose(distinct, checker.check(distinct), count)[:count]


def _without_outputs(function: Function, traced: Build | Outcome | None, tests: Sequence[TestCase]) -> list[TestCase]:
    """The tests with zeros in arrays that no call reads."""
    if not isinstance(traced, Build) or not tests:
        return list(tests)
    runs = run_tests(traced, tests, function)
    read = [any(t is not None and t.read for t in touched) for touched in zip(*(r.touched for r in runs), strict=False)]
    if not all(run.outcome.ok for run in runs):
        return list(tests)
    return [
        replace(test, arguments=tuple(a if seen else _zeros(a) for a, seen in zip(test.arguments, read, strict=True)))
        for test in tests
    ]


def _zeros(argument: Argument) -> Argument:
    return np.zeros_like(argument) if isinstance(argument, np.ndarray) else argument


def _longest(test: TestCase) -> int:
    return max((argument.size for argument in test.arguments if isinstance(argument, np.ndarray)), default=0)


def _rounded(test: TestCase, digits: int) -> TestCase:
    return replace(test, arguments=tuple(_round(argument, digits) for argument in test.arguments))


def _round(argument: Argument, digits: int) -> Argument:
    """Floats with few digits; -0.0 as 0."""
    if argument is None:
        return None
    rounded = _round_array(np.array(argument), digits)
    if isinstance(argument, np.ndarray):
        return rounded
    value = rounded[()]
    assert isinstance(value, np.generic)
    return value


def _round_array(values: np.ndarray, digits: int) -> np.ndarray:
    if values.dtype.names is not None:
        for name in values.dtype.names:
            values[name] = _round_array(np.array(values[name]), digits)
        return values
    if values.dtype.kind != "f":
        return values
    return np.asarray(np.round(values, digits) + values.dtype.type(0))


def _periodic(test: TestCase) -> TestCase:
    """Long arrays repeat their first elements."""
    return replace(
        test,
        arguments=tuple(
            np.resize(a[:_PERIOD], a.size) if isinstance(a, np.ndarray) and a.size > MOST_ELEMENTS else a
            for a in test.arguments
        ),
    )
