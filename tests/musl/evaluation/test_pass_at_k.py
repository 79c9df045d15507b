"""Pass@k against enumeration, its refusal, and computational accuracy."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musl.evaluation.bootstrap import Measure, Refused, interval
from musl.evaluation.pass_at_k import chance_of_success, computational_accuracy, pass_at


@given(st.lists(st.booleans(), min_size=1, max_size=9), st.data())
def test_the_estimator_is_the_share_of_all_draws_that_hold_a_pass(passed: list[bool], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(passed)))
    draws = list(itertools.combinations(passed, k))
    expected = sum(any(draw) for draw in draws) / len(draws)
    assert chance_of_success(len(passed), sum(passed), k) == pytest.approx(expected, abs=1e-15)


@given(st.integers(1, 200), st.data())
def test_more_draws_and_more_passes_never_lower_it(n: int, data: st.DataObject) -> None:
    c = data.draw(st.integers(0, n))
    k = data.draw(st.integers(1, n))
    chance = chance_of_success(n, c, k)
    assert 0 <= chance <= 1
    assert chance_of_success(n, c, 1) == c / n
    if k < n:
        assert chance_of_success(n, c, k + 1) >= chance
    if c < n:
        assert chance_of_success(n, c + 1, k) >= chance


def test_it_stays_exact_on_very_many_samples() -> None:
    assert chance_of_success(10**6, 1, 10) == 1e-5
    assert chance_of_success(10**5, 99_999, 1) == 0.99999


@pytest.mark.parametrize(("n", "c", "k"), [(3, 4, 1), (3, 1, 4), (3, 1, 0), (3, -1, 1)])
def test_impossible_numbers_are_an_error(n: int, c: int, k: int) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        chance_of_success(n, c, k)


def test_pass_at_k_is_the_mean_over_problems_in_percent() -> None:
    outcomes = {1: [True, False], 2: [False, False], "three": [True, True]}
    one, two = pass_at(1, outcomes), pass_at(2, outcomes)
    assert isinstance(one, Measure) and isinstance(two, Measure)
    assert one.value == pytest.approx(50)
    assert two.value == pytest.approx(200 / 3)
    assert interval(one).count == 3


def test_it_is_refused_where_a_problem_has_too_few_samples_and_says_which() -> None:
    refused = pass_at(2, {1: [True, True], 2: [True]})
    assert isinstance(refused, Refused)
    assert "problem 2" in refused.why and "Pass@2" in refused.why
    assert interval(refused).value is None


def test_a_failed_machine_is_no_failed_sample() -> None:
    found = pass_at(1, {1: [True, None], 2: [None, False]})
    assert isinstance(found, Measure)
    assert found.value == pytest.approx(50)
    assert isinstance(pass_at(2, {1: [True, None]}), Refused)
    assert isinstance(pass_at(1, {1: [None]}), Refused)


def test_computational_accuracy_looks_at_the_first_sample_alone() -> None:
    found = computational_accuracy({1: [True, False], 2: [False, True], 3: [None, True], 4: [True]})
    assert isinstance(found, Measure)
    assert found.value == pytest.approx(200 / 3)
    assert isinstance(computational_accuracy({1: [None]}), Refused)
