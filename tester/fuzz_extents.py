"""Sizes of the array arguments of candidate calls, from what a traced run of each call touched.

An array gets exactly the elements [0, high) where `high - 1` is the last one touched. Where the touched elements depend
on more than the sizes (a store under a condition on the data), a caller still provides whole arrays: then the size is
the largest that any call of the same shape needed, rounded up to a product of the sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from compile.run_record import TestRun
from data.function import Function
from data.testcase import Argument, TestCase
from tester.fuzz_roles import Roles
from tester.fuzz_shapes import Shape, natural_extents

# Elements of one array, and bytes of all arrays of a call.
MAX_ELEMENTS = 1 << 19
MAX_BYTES = 1 << 23


@dataclass(frozen=True, eq=False)
class Candidate:
    """A call to try. A probe is only traced, to learn what calls of its shape may touch."""

    test: TestCase
    shape: Shape
    probe: bool = False

    @property
    def group(self) -> tuple[int, ...]:
        """Equal for calls of the same shape."""
        return tuple(self.shape.values())


def fit_extents(
    function: Function, roles: Roles, candidates: Sequence[Candidate], runs: Sequence[TestRun], whole_arrays: bool
) -> list[TestCase | str]:
    """The candidates that are not probes, with arrays of the sizes that they need, or why one cannot be a test.

    `runs` are the traced runs of all candidates, in order. `whole_arrays` rounds sizes up to what a caller would give.
    """
    obstacles = [_obstacle(function, run) for run in runs]
    needed: dict[tuple[int, ...], list[int]] = {}
    for candidate, run, obstacle in zip(candidates, runs, obstacles, strict=True):
        if not obstacle:
            known = needed.setdefault(candidate.group, [0] * len(function.parameters))
            needed[candidate.group] = [max(a, b) for a, b in zip(known, _highs(run), strict=True)]
    fitted: list[TestCase | str] = []
    for candidate, run, obstacle in zip(candidates, runs, obstacles, strict=True):
        if candidate.probe:
            continue
        if obstacle:
            fitted.append(obstacle)
            continue
        highs = _highs(run)
        if whole_arrays:
            highs = _whole_arrays(function, roles, candidate.shape, needed[candidate.group])
        fitted.append(_resize(function, candidate.test, highs))
    return fitted


def summarize(message: str) -> str:
    """The line of a sanitizer's report that says what is wrong, else the first line."""
    lines = [line.strip() for line in message.splitlines() if line.strip("= \t")]
    for mark in ("runtime error:", "ERROR: AddressSanitizer:"):
        for line in lines:
            if mark in line:
                return line[line.index(mark) :].removeprefix("ERROR: ")
    return lines[0] if lines else "no message"


def _obstacle(function: Function, run: TestRun) -> str:
    """Why a traced call cannot be a test, empty if it can."""
    if not run.outcome.ok:
        return summarize(run.outcome.message)
    size = 0
    for parameter, touched in zip(function.parameters, run.touched, strict=True):
        if touched is None:
            continue
        if touched.low < 0:
            return f"touches {parameter.name}[{touched.low}], before the array"
        if touched.high > MAX_ELEMENTS:
            return f"touches {parameter.name}[{touched.high - 1}], too far for a test"
        size += touched.high * parameter.dtype.itemsize
    return f"needs {size} bytes of arrays, too many for a test" if size > MAX_BYTES else ""


def _highs(run: TestRun) -> list[int]:
    return [0 if touched is None else touched.high for touched in run.touched]


def _whole_arrays(function: Function, roles: Roles, shape: Shape, needed: Sequence[int]) -> list[int]:
    natural = natural_extents(shape, roles)
    whole = []
    for parameter, high in zip(function.parameters, needed, strict=True):
        # An array that no call of this shape touched gets as many elements as the largest one that was.
        high = high or (max(needed) if parameter.is_array else 0)
        if high > 1 and parameter.name not in roles.indices:
            high = next((extent for extent in natural if extent >= high), high)
        whole.append(high)
    return whole


def _resize(function: Function, test: TestCase, sizes: Sequence[int]) -> TestCase:
    arguments: list[Argument] = []
    for parameter, argument, size in zip(function.parameters, test.arguments, sizes, strict=True):
        if parameter.is_array and argument is not None:
            argument = np.resize(np.asarray(argument), size)
        arguments.append(argument)
    return TestCase(tuple(arguments), test.origin)
