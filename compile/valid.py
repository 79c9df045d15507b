"""Which tests are valid for a C function: those that show no undefined behaviour under sanitizers and two fillings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from compile.build import Build
from compile.outcome import Outcome, Status
from compile.run_record import TestRun
from compile.runner import TestLimits, run_tests
from data.function import Function
from data.testcase import TestCase

UNINITIALISED = "reads an uninitialised variable: its results change with what fresh memory holds"
# Compilers may fold a call of the C library to a constant that is off by the last bits from the library's; a variable
# that holds 0 in one build and 0xfe.. in the other differs by far more.
_ROUNDING = 8


def run_valid(
    plain: Build, sanitized: Build, tests: Sequence[TestCase], function: Function, *, limits: TestLimits | None = None
) -> list[TestRun]:
    """The runs of `plain`; for a test that is not valid, a run whose outcome says why.

    Not valid are tests that the sanitizers stop, that time out or use up their memory, and tests whose results differ
    between the two builds: there, fresh stack and heap memory hold zeros (and a byte of the driver) in `plain` and a
    pattern in `sanitized`.
    """
    checked = run_tests(sanitized, tests, function, limits=limits)
    passed = [index for index, run in enumerate(checked) if run.outcome.ok]
    runs = list(checked)
    for index, run in zip(passed, run_tests(plain, [tests[i] for i in passed], function, limits=limits), strict=True):
        runs[index] = run
        if run.outcome.ok and not same_results(run, checked[index]):
            runs[index] = TestRun(Outcome(Status.RUNTIME_ERROR, b"", UNINITIALISED.encode(), run.outcome.seconds))
    return runs


def same_results(left: TestRun, right: TestRun) -> bool:
    """Whether two builds of the same C function returned the same: exactly, but for the last bits of floats."""
    if left.outcome.ok != right.outcome.ok:
        return False
    pairs = [(left.returned, right.returned), *zip(left.arguments, right.arguments, strict=True)]
    return all(_same(a, b) for a, b in pairs)


def _same(left: object, right: object) -> bool:
    if left is None or right is None:
        return left is right
    a, b = np.asarray(left), np.asarray(right)
    if a.dtype.names is not None:  # by field: padding holds anything
        return all(_same(a[name], b[name]) for name in a.dtype.names)
    if a.dtype.kind not in "fc":
        return bool(np.array_equal(a, b))
    tolerance = _ROUNDING * float(np.finfo(a.dtype).eps)
    with np.errstate(all="ignore"):
        return bool(np.allclose(a, b, rtol=tolerance, atol=0.0, equal_nan=True))
