"""Typed comparison of results: integers, booleans and bytes exactly, floats by one tolerance table.

The base tolerance is a few units in the last place (ulp), so elementwise code with a wrong constant is caught. A larger
difference is accepted only where the C function itself shows that rounding explains it: `rounding_slack` takes what the
C function returns when every operation rounds up and down, and what it returns on the absolute values of its inputs.

Sources:
  - CUDA C++ Programming Guide, "Mathematical Functions": the single precision functions stay within 2 ulp in general
    (powf and tgammaf have more), glibc's within 1; hence `BASE_ULPS`. For comparison, torch.testing.assert_close takes
    1.3e-6 relative for float32 (11 ulp) and 1e-7 for float64 (4.5e8 ulp), numpy.testing.assert_allclose 1e-7 for both.
  - N. J. Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., sections 3.1 and 4.2: a sum of n terms in any
    order is off by at most gamma_(n-1) * sum |x_i|, gamma_n = n u / (1 - n u), u = eps / 2; a dot product likewise by
    gamma_n * sum |x_i y_i|.
  - W. Kahan, "How Futile are Mindless Assessments of Roundoff in Floating-Point Computation?" (2006), section 4:
    rerunning with redirected rounding shows how much rounding can move a result.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from data.testcase import Argument

# Base tolerance of each floating-point type, in units in the last place. Half precision has no math library of its own
# (computed in single, rounded once); long double does not exist on a GPU and is computed on the host on both sides.
BASE_ULPS: Mapping[str, float] = {"float16": 1, "float32": 4, "float64": 4, "longdouble": 0}
# Two runs with redirected rounding bracket one order of the operations; another order may drift on each side of it.
REDIRECTED_ROUNDING_FACTOR = 4.0

Slack = Mapping[str, np.ndarray]  # leaf name -> absolute slack for each element


@dataclass(frozen=True)
class Difference:
    """Two values that are not the same. `where` is `return` or a parameter (with `.field` for a struct), `index` the
    element of an array, None for a single value. `is_float` says that the values are floating-point numbers."""

    where: str
    index: int | None
    expected: str
    got: str
    is_float: bool = False


def compare_values(
    where: str, expected: Argument, got: Argument, slack: Slack | None = None, free: np.ndarray | None = None
) -> Difference | None:
    """The first difference between two values of equal dtype and shape, None if they agree. Elements that are `free`
    (bool, of the shape of the value) may hold anything.

    Padding of structs does not count; NaN equals NaN, 0.0 equals -0.0, infinities are equal only to themselves.
    """
    if expected is None or got is None:
        if expected is None and got is None:
            return None
        text = ["null" if value is None else "not null" for value in (expected, got)]
        return Difference(where, None, text[0], text[1])
    left, right = np.asarray(expected), np.asarray(got)
    if left.dtype != right.dtype or left.shape != right.shape:
        return Difference(where, None, f"{left.dtype}{list(left.shape)}", f"{right.dtype}{list(right.shape)}")
    for (name, a), (_, b) in zip(leaves(left), leaves(right), strict=True):
        wrong = ~_equal(a, b, None if slack is None else slack.get(name))
        if free is not None:
            wrong &= ~free.reshape(free.shape + (1,) * (wrong.ndim - free.ndim))
        if wrong.any():
            return _first_difference(f"{where}{name}", a, b, wrong, scalar=left.ndim == 0)
    return None


def leaves(value: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """The value itself under the name "", or for structs each field as `.name` (nested ones as `.name.name`)."""
    names = value.dtype.names
    if names is None:
        yield "", value
        return
    for name in names:
        for rest, leaf in leaves(value[name]):
            yield f".{name}{rest}", leaf


def is_float(dtype: np.dtype) -> bool:
    """Whether values of the type are floating-point numbers (real or complex)."""
    return dtype.kind in "fc"


def has_floats(value: Argument) -> bool:
    """Whether a value is a floating-point number or holds some."""
    return value is not None and any(is_float(leaf.dtype) for _, leaf in leaves(np.asarray(value)))


def rounding_slack(
    expected: Argument, redirected: Sequence[Argument], magnitude: Argument = None, operations: int = 0
) -> dict[str, np.ndarray]:
    """How far rounding alone can move each floating-point element of `expected`; same keys and shapes as `leaves`.

    `redirected` are the C function's results with redirected rounding; `magnitude` its result on the absolute values of
    its inputs (for a sum, the sum of the |x_i|), `operations` the greatest number of terms that another order can move.
    Elements that are not finite in any of them get no slack from it.
    """
    slack: dict[str, np.ndarray] = {}
    if expected is None:
        return slack
    moved = [dict(leaves(np.asarray(value))) for value in redirected if value is not None]
    sizes = {} if magnitude is None else dict(leaves(np.asarray(magnitude)))
    for name, leaf in leaves(np.asarray(expected)):
        if not is_float(leaf.dtype):
            continue
        total = np.zeros(leaf.shape)
        with np.errstate(all="ignore"):
            for other in moved:
                step = np.abs(other[name].astype(_wide(leaf)) - leaf.astype(_wide(leaf))) * REDIRECTED_ROUNDING_FACTOR
                total = np.maximum(total, np.where(np.isfinite(step), step, 0.0))
            if name in sizes and operations:
                bound = gamma(operations, leaf.dtype) * np.maximum(np.abs(sizes[name]), np.abs(leaf)).astype(float)
                total = np.maximum(total, np.where(np.isfinite(bound), bound, 0.0))
        slack[name] = total
    return slack


def gamma(operations: int, dtype: np.dtype) -> float:
    """Twice Higham's gamma_n (both sides round), 2 n u / (1 - n u); at most 1 where the bound says nothing."""
    nu = operations * float(np.finfo(dtype).eps) / 2
    return min(1.0, 2 * nu / (1 - nu)) if nu < 0.5 else 1.0


def tolerance(dtype: np.dtype) -> float:
    """The base tolerance of a floating-point type, relative to the expected value."""
    real = np.finfo(dtype).dtype
    return BASE_ULPS.get(real.name, BASE_ULPS["longdouble"]) * float(np.finfo(real).eps)


def _equal(expected: np.ndarray, got: np.ndarray, slack: np.ndarray | None) -> np.ndarray:
    """Elementwise agreement of two leaves; array of bool (0-d for scalars)."""
    same: np.ndarray = np.asarray(expected == got)
    if not is_float(expected.dtype) or same.all():
        return same
    if expected.dtype.kind == "c":
        return np.asarray(_equal(expected.real, got.real, slack) & _equal(expected.imag, got.imag, slack))
    with np.errstate(all="ignore"):
        a, b = expected.astype(_wide(expected)), got.astype(_wide(expected))
        # Below the smallest normal number an ulp no longer shrinks with the value.
        unit = np.maximum(np.abs(a), float(np.finfo(expected.dtype).tiny))
        allowed = tolerance(expected.dtype) * unit + (0.0 if slack is None else slack)
        near = np.isfinite(a) & np.isfinite(b) & (np.abs(a - b) <= allowed)
    return np.asarray(same | near | (np.isnan(expected) & np.isnan(got)))


def _wide(leaf: np.ndarray) -> type[np.floating] | type[np.complexfloating]:
    """A type in which a difference of two values of the leaf neither overflows nor rounds more than it must."""
    return np.clongdouble if leaf.dtype.kind == "c" else np.longdouble


def _first_difference(where: str, a: np.ndarray, b: np.ndarray, wrong: np.ndarray, scalar: bool) -> Difference:
    position = tuple(int(i) for i in np.argwhere(wrong)[0]) if wrong.ndim else ()
    text = [format_value(leaf[position]) for leaf in (a, b)]
    inner = "".join(f"[{i}]" for i in (position if scalar else position[1:]))  # an array field of a struct
    return Difference(where + inner, None if scalar else position[0], text[0], text[1], is_float(a.dtype))


def format_value(value: object) -> str:
    """One number as a short text that still tells neighbours apart."""
    if isinstance(value, np.floating):
        digits = {2: 5, 4: 9, 8: 17}.get(value.dtype.itemsize, 21)
        return f"{value:.{digits}g}"
    return str(value)
