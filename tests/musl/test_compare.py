"""Typed comparison: what counts as the same, value by value."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from musl.compare import compare_values, gamma, rounding_slack, tolerance

FLOATS = [np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.float64)]
INTEGERS = [np.dtype(t) for t in (np.int8, np.uint8, np.int16, np.int32, np.uint32, np.int64, np.uint64, np.bool_)]
PIXEL = np.dtype([("tag", np.int8), ("weight", np.float64), ("rgb", np.uint8, (3,))], align=True)


def arrays(dtypes: list[np.dtype]) -> st.SearchStrategy[np.ndarray]:
    return st.sampled_from(dtypes).flatmap(lambda dtype: npst.arrays(dtype, st.integers(0, 9)))


@given(arrays([*FLOATS, *INTEGERS]))
def test_a_value_equals_its_copy_with_every_nan_and_infinity_in_it(values: np.ndarray) -> None:
    assert compare_values("a", values, values.copy()) is None


@given(arrays(INTEGERS), st.data())
def test_one_changed_integer_is_found_where_it_stands(values: np.ndarray, data: st.DataObject) -> None:
    if values.size == 0:
        return
    index = data.draw(st.integers(0, values.size - 1))
    changed = values.copy()
    changed[index] = not values[index] if values.dtype.kind == "b" else values[index] ^ values.dtype.type(1)
    difference = compare_values("a", values, changed)
    assert difference is not None
    assert (difference.where, difference.index) == ("a", index)
    assert difference.expected != difference.got
    assert not difference.is_float


@given(st.sampled_from(FLOATS[1:]), st.floats(-1e30, 1e30).filter(lambda x: abs(x) > 1e-30), st.sampled_from([-1, 1]))
def test_neighbours_are_equal_and_a_wrong_constant_is_not(dtype: np.dtype, value: float, sign: int) -> None:
    expected = dtype.type(value)
    neighbour = np.nextafter(expected, dtype.type(sign * np.inf))
    assert compare_values("x", expected, neighbour) is None
    wrong = dtype.type(float(expected) * (1 + sign * 1e-6))
    assert compare_values("x", expected, wrong) is not None


@given(st.sampled_from(FLOATS), st.floats(allow_nan=False, width=16))
def test_not_a_number_equals_only_itself(dtype: np.dtype, value: float) -> None:
    nan = dtype.type(np.nan)
    assert compare_values("x", nan, -nan) is None
    assert compare_values("x", nan, dtype.type(value)) is not None
    assert compare_values("x", dtype.type(value), nan) is not None


@pytest.mark.parametrize("dtype", FLOATS)
def test_infinities_and_signed_zeros(dtype: np.dtype) -> None:
    infinity = dtype.type(np.inf)
    assert compare_values("x", infinity, infinity) is None
    assert compare_values("x", infinity, -infinity) is not None
    assert compare_values("x", infinity, np.finfo(dtype).max) is not None
    assert compare_values("x", dtype.type(0.0), dtype.type(-0.0)) is None
    assert compare_values("x", dtype.type(0.0), dtype.type(1e-3)) is not None


def test_padding_of_structs_does_not_count_and_fields_do() -> None:
    left, right = np.zeros(2, PIXEL), np.zeros(2, PIXEL)
    right.view(np.uint8)[1] = 255  # between tag and weight
    assert compare_values("p", left, right) is None
    right["rgb"][1, 2] = 7
    difference = compare_values("p", left, right)
    assert difference is not None
    assert (difference.where, difference.index, difference.got) == ("p.rgb[2]", 1, "7")


def test_other_types_and_null_pointers_are_differences() -> None:
    three = np.zeros(3, np.float32)
    assert compare_values("a", three, np.zeros(4, np.float32)) is not None
    assert compare_values("a", three, np.zeros(3, np.float64)) is not None
    assert compare_values("a", three, None) is not None
    assert compare_values("a", None, None) is None


@given(npst.arrays(np.float32, st.integers(2, 400), elements=st.floats(-1000, 1000, width=32)), st.integers(0, 99))
def test_any_order_of_a_sum_is_within_the_slack(values: np.ndarray, seed: int) -> None:
    expected = _sequential_sum(values)
    reordered = _sequential_sum(np.random.default_rng(seed).permutation(values))
    magnitude = _sequential_sum(np.abs(values))
    slack = rounding_slack(expected, [], magnitude, values.size)
    assert compare_values("return", expected, reordered, slack) is None
    if abs(expected) > 1:
        assert compare_values("return", expected, np.float32(expected + magnitude), slack) is not None


def test_redirected_rounding_allows_what_it_shows_and_no_more() -> None:
    expected = np.array([1.0, 1.0], np.float32)
    up = np.array([1.0, 1.001], np.float32)
    slack = rounding_slack(expected, [up])
    assert compare_values("a", expected, np.array([1.0, 1.003], np.float32), slack) is None
    assert compare_values("a", expected, np.array([1.001, 1.0], np.float32), slack) is not None


def test_values_that_overflow_give_no_slack() -> None:
    expected = np.array([1.0], np.float32)
    slack = rounding_slack(expected, [np.array([np.inf], np.float32)], np.array([np.nan], np.float32), 100)
    assert slack[""][0] == 0.0


def test_tolerances_are_a_few_units_in_the_last_place() -> None:
    assert tolerance(np.dtype(np.float32)) < 1e-6
    assert tolerance(np.dtype(np.float64)) < 1e-14
    assert tolerance(np.dtype(np.longdouble)) == 0.0
    assert gamma(1, np.dtype(np.float64)) == pytest.approx(2.2e-16, rel=0.1)
    assert gamma(10**9, np.dtype(np.float32)) == 1.0


def _sequential_sum(values: np.ndarray) -> np.float32:
    total = np.float32(0)
    for value in values:
        total = np.float32(total + value)
    return total
