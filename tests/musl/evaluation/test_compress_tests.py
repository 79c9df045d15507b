"""The compressed set of tests is as strong as the whole, and as small as can be."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musl.evaluation.compress_tests import EXACT, compress_tests

Matrix = list[list[bool | None]]


def matrices(most_tests: int) -> st.SearchStrategy[Matrix]:
    result = st.sampled_from([True, False, False, None])
    return st.integers(1, 8).flatmap(
        lambda width: st.lists(st.lists(result, min_size=width, max_size=width), min_size=1, max_size=most_tests)
    )


def failing(results: Matrix, tests: list[int] | tuple[int, ...]) -> set[int]:
    return {j for i in tests for j, passed in enumerate(results[i]) if passed is False}


@given(matrices(40))
def test_the_same_translations_fail(results: Matrix) -> None:
    kept = compress_tests(results)
    assert kept == sorted(set(kept))
    assert failing(results, kept) == failing(results, list(range(len(results))))
    assert len(kept) <= max(1, len(failing(results, kept)))


@given(matrices(8), st.data())
def test_no_smaller_set_is_as_strong_and_none_of_its_size_is_preferred(results: Matrix, data: st.DataObject) -> None:
    sharpness = data.draw(
        st.lists(st.sampled_from([None, 0.5, 1.0, 2.0]), min_size=len(results), max_size=len(results))
    )
    whole = failing(results, list(range(len(results))))
    if not whole:
        return
    sets = (s for size in range(1, len(results) + 1) for s in itertools.combinations(range(len(results)), size))
    strong = [s for s in sets if failing(results, s) == whole]
    best = min(strong, key=lambda s: (len(s), -sum(sharpness[i] or 0 for i in s), s))
    assert compress_tests(results, sharpness) == list(best)


def test_many_tests_that_differ_are_still_covered() -> None:
    count = EXACT + 10
    results: Matrix = [[i != j for j in range(count)] for i in range(count)]
    assert compress_tests(results) == list(range(count))
    results.append([False] * count)
    assert compress_tests(results) == [count]


def test_where_nobody_fails_the_most_informative_test_stays() -> None:
    assert compress_tests([[True, None], [True, True], [True, True]]) == [1]
    assert compress_tests([[True], [True]], [None, 1.5]) == [1]
    assert compress_tests([]) == []


def test_results_of_other_translations_are_an_error() -> None:
    with pytest.raises(ValueError, match="same translations"):
        compress_tests([[True], [True, False]])
