"""What a set of tests shows: could a candidate that computes nothing pass them?

A test on which the outputs equal the inputs is passed by a candidate that does nothing, and one whose outputs are all
one constant by a candidate that fills in that constant. Neither counts alone. Tests of the second kind count together
where their constants differ, or where the C function gives that constant on other inputs too (it clears an array): that
is tried, not assumed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from compile.run_record import TestRun
from data.function import Function
from data.testcase import Argument, TestCase
from musl.compare import compare_values
from musl.reference import Expected

PROBES = 8  # calls on other values that a constant function must give its constant on
Constants = Mapping[str, str]  # name of an output -> the one value that it holds, as text


def why_weak(
    function: Function, expected: Sequence[Expected], run_c_side: Callable[[Sequence[TestCase]], Sequence[TestRun]]
) -> str:
    """Empty if the tests tell the function from one that computes nothing, else one line that says what would pass.
    `run_c_side` runs more calls of the C function."""
    changing = [one for one in expected if changes_something(one.test, one.run)]
    if not changing:
        return "on every test that launched a kernel the outputs equal the inputs"
    # A returned 0 changes nothing, and yet is not the constant that another test returns.
    constants = merge([constants_of(function, one) for one in expected])
    if constants is None:
        return ""
    probes = [probe for one in changing for probe in probes_like(one.test, PROBES // len(changing) + 1)][:PROBES]
    runs = [
        Expected(0, probe, run, {}) for probe, run in zip(probes, run_c_side(probes), strict=True) if run.outcome.ok
    ]
    if runs and merge([constants, *(constants_of(function, one) for one in runs)]) is not None:
        return ""
    filled = ", ".join(f"{name} {value}" for name, value in constants.items())
    return f"every test gives one constant ({filled}): filling it in would pass"


def changes_something(test: TestCase, run: TestRun) -> bool:
    """Whether a candidate that does nothing would be caught on this test: the C side changes an argument or returns
    something other than zero."""
    if run.returned is not None and compare_values("", np.zeros_like(run.returned)[()], run.returned) is not None:
        return True
    pairs = zip(test.arguments, run.arguments, strict=True)
    return any(compare_values("", before, after) is not None for before, after in pairs)


def merge(each: Sequence[Constants | None]) -> Constants | None:
    """The constants of several calls; None where an output holds several values, in one call or over all of them."""
    merged: dict[str, str] = {}
    for constants in each:
        if constants is None or any(merged.setdefault(name, value) != value for name, value in constants.items()):
            return None
    return merged


def constants_of(function: Function, one: Expected) -> Constants | None:
    """The one value of each output that the call changes; None where an output holds several."""
    found = {} if one.run.returned is None else {"return": str(one.run.returned)}
    for parameter, before, after in zip(function.parameters, one.test.arguments, one.run.arguments, strict=True):
        if not (parameter.is_array or parameter.reference) or after is None:
            continue
        if compare_values("", before, after) is None:
            continue
        values = np.asarray(after).reshape(-1)
        if values.dtype.names is not None or len(np.unique(values)) > 1:
            return None
        found[parameter.name] = str(values[0])
    return found


def probes_like(test: TestCase, count: int) -> list[TestCase]:
    """Calls with the same scalars and array sizes, and other values in the arrays. Some may not be valid."""
    rng = np.random.default_rng(int(test.id, 16) % (1 << 32))
    return [replace(test, arguments=tuple(_varied(a, rng) for a in test.arguments), unset=()) for _ in range(count)]


def _varied(argument: Argument, rng: np.random.Generator) -> Argument:
    if not isinstance(argument, np.ndarray) or argument.dtype.names is not None or argument.size == 0:
        return argument
    kind = argument.dtype
    if kind.kind == "b":
        return rng.integers(0, 2, argument.size).astype(kind)
    if kind.kind in "iu":
        high = int(argument.max()) + 1 if argument.max() > argument.min() else max(int(argument.max()), 1) + 1
        low = min(int(argument.min()), 0)
        return rng.integers(low, high, argument.size, dtype=np.int64).astype(kind)
    return (rng.standard_normal(argument.size) * 4).astype(kind)
