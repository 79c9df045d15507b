"""Values for arguments: every pattern keeps its promise for every type."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tester.fuzz_roles import Loop, Roles
from tester.fuzz_shapes import make_shape, natural_extents
from tester.inputs import (
    BOUND_PATTERNS,
    FLOAT_PATTERNS,
    INDEX_PATTERNS,
    INTEGER_PATTERNS,
    Hints,
    make_bounds,
    make_indices,
    make_text,
    make_values,
)

INTEGERS = [np.dtype(t) for t in (np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64)]
FLOATS = [np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.float64)]
PAIR = np.dtype([("x", np.float32), ("ids", np.int16, (2,)), ("on", np.bool_)], align=True)
HINTS = Hints((7, 4711, -3), (0.25, 1e-7))
seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=60)
@given(
    st.sampled_from([*INTEGERS, *FLOATS, np.dtype(bool), PAIR]),
    st.sampled_from(sorted({*FLOAT_PATTERNS, *INTEGER_PATTERNS})),
    st.integers(0, 70),
    seeds,
)
def test_every_pattern_makes_values_of_the_type_from_the_seed(
    dtype: np.dtype, pattern: str, length: int, seed: int
) -> None:
    first, second = (make_values(dtype, pattern, length, HINTS, np.random.default_rng(seed)) for _ in range(2))
    assert (first.dtype, first.shape) == (dtype, (length,))
    assert first.tobytes() == second.tobytes()


@given(st.sampled_from(INTEGERS), st.sampled_from(INDEX_PATTERNS), st.integers(1, 90), st.integers(1, 500), seeds)
def test_indices_stay_within_what_they_index(dtype: np.dtype, pattern: str, length: int, limit: int, seed: int) -> None:
    values = make_indices(dtype, pattern, length, limit, np.random.default_rng(seed)).astype(int)
    assert values.min() >= 0 and values.max() < limit
    if pattern == "permutation" and length <= limit <= 127:
        assert len(set(values.tolist())) == length


@given(st.sampled_from(BOUND_PATTERNS), st.integers(1, 300), seeds)
def test_loop_bounds_are_not_negative_and_row_pointers_never_descend(pattern: str, length: int, seed: int) -> None:
    values = make_bounds(np.dtype(np.int32), pattern, length, np.random.default_rng(seed))
    assert (values >= 0).all()
    if pattern == "cumulative":
        assert values[0] == 0 and (np.diff(values) >= 0).all()


@given(st.integers(1, 80), seeds)
def test_text_ends_with_its_only_promised_zero(length: int, seed: int) -> None:
    values = make_text(np.dtype(np.int8), length, HINTS, np.random.default_rng(seed))
    assert values.size == length and values[-1] == 0 and (values[:-1] > 0).all()


def test_special_values_are_special_and_sums_of_them_do_not_overflow() -> None:
    rng = np.random.default_rng(0)
    wild = make_values(np.dtype(np.float32), "special", 500, Hints(), rng)
    tame = make_values(np.dtype(np.float32), "special", 500, Hints(summed=True), rng)
    for values in (wild, tame):
        assert np.isnan(values).any() and np.isinf(values).any() and (np.signbit(values) & (values == 0)).any()
    finite = tame[np.isfinite(tame)].astype(np.float64)
    assert (finite**2).sum() < np.finfo(np.float32).max
    assert wild[np.isfinite(wild)].max() > 1e37


def test_values_near_a_constant_stand_on_both_sides_of_it() -> None:
    values = make_values(np.dtype(np.float32), "near", 500, HINTS, np.random.default_rng(0))
    quarter = np.float32(0.25)
    assert {quarter, np.nextafter(quarter, np.float32(1)), np.nextafter(quarter, np.float32(0))} <= set(values)
    whole = make_values(np.dtype(np.int32), "near", 500, HINTS, np.random.default_rng(0))
    assert {4710, 4711, 4712, -4, -3, -2} <= set(whole.tolist())


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_shapes_stay_within_the_work_limit(depth: int) -> None:
    cube = Loop(frozenset({"n"}), (), False, ())
    for _ in range(depth - 1):
        cube = Loop(frozenset({"n"}), (), False, (cube,))
    roles = Roles(sizes=("n",), loops=(cube,))
    rng = np.random.default_rng(0)
    sizes = [make_shape(roles, number, rng, 3e5)["n"] for number in range(30)]
    assert max(sizes) ** depth <= 3e5
    assert max(sizes) > 32 and {0, 1} <= set(sizes)


def test_natural_extents_are_products_of_sizes_and_constants() -> None:
    extents = natural_extents({"n": 5, "m": 7, "zero": 0}, Roles(integers=(4, 1000)))
    assert {5, 7, 35, 245, 20, 140} <= set(extents)
    assert extents == sorted(extents) and 0 not in extents


def test_ordered_values_are_so_in_each_row() -> None:
    rng = np.random.default_rng(0)
    for dtype in (np.dtype(np.int32), np.dtype(np.float64)):
        ascending = make_values(dtype, "sorted", 100, Hints(row=40), rng)
        assert all((np.diff(part) >= 0).all() for part in (ascending[:40], ascending[40:80], ascending[80:]))
        assert ascending[40] < ascending[39]
        descending = make_values(dtype, "reversed", 100, Hints(), rng)
        assert (np.diff(descending) <= 0).all()
    assert make_values(np.dtype(np.float32), "sorted", 0, Hints(row=4), rng).size == 0


def test_an_exception_stands_at_the_end_of_each_row_alone() -> None:
    rng = np.random.default_rng(0)
    reals = make_values(np.dtype(np.float64), "exception", 100, Hints(row=40), rng)
    assert list(np.flatnonzero(reals < 0)) == [39, 79]
    integers = make_values(np.dtype(np.int32), "exception", 100, Hints(integers=(7, -5)), rng)
    assert list(np.flatnonzero(integers == -5)) == [99]
    assert make_values(np.dtype(np.int32), "exception", 0, Hints(), rng).size == 0


@pytest.mark.parametrize("count", [2, 3])
def test_each_of_several_sizes_is_large_in_some_early_shape(count: int) -> None:
    roles = Roles(sizes=tuple("abc"[:count]))
    rng = np.random.default_rng(0)
    shapes = [make_shape(roles, number, rng, 3e5) for number in range(12)]
    for name in roles.sizes:
        assert any(shape[name] > 256 for shape in shapes), name
