"""Intervals over problems and paired differences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musl.evaluation.bootstrap import Comparison, Measure, Refused, compare, interval, mean_of, ratio

VALUES = st.dictionaries(st.integers(0, 500), st.floats(0, 100), min_size=2, max_size=40)


@given(VALUES)
def test_the_value_is_that_of_all_problems_and_the_interval_holds_possible_scores_only(
    values: dict[int, float],
) -> None:
    found = interval(mean_of(values), resamples=200)
    assert found.value == pytest.approx(np.mean(list(values.values())))
    assert found.low is not None and found.high is not None
    slack = 1e-9
    assert min(values.values()) - slack <= found.low <= found.high <= max(values.values()) + slack
    assert found.count == len(values)


def test_the_interval_of_a_mean_is_that_of_the_normal_theory_on_many_problems() -> None:
    values = np.random.default_rng(1).normal(50, 10, size=400)
    found = interval(mean_of(dict(enumerate(values))))
    error = values.std(ddof=1) / np.sqrt(len(values))
    assert found.low == pytest.approx(values.mean() - 1.96 * error, abs=0.1)
    assert found.high == pytest.approx(values.mean() + 1.96 * error, abs=0.1)


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    generator = np.random.default_rng(5)
    hits = 0
    for _ in range(300):
        passed = generator.random(100) < 0.7
        found = interval(mean_of({i: 100.0 * p for i, p in enumerate(passed)}), resamples=500)
        assert found.low is not None and found.high is not None
        hits += found.low <= 70 <= found.high
    assert 0.90 <= hits / 300 <= 0.99


def test_a_pooled_ratio_weighs_a_problem_by_its_size() -> None:
    rows = {"small": np.array([1.0, 1.0]), "large": np.array([0.0, 9.0])}
    measure = Measure(rows, ratio)
    assert measure.value == pytest.approx(0.1)
    assert measure.over(["small"]).value == 1.0


def test_the_same_seed_gives_the_same_interval_whatever_the_order_of_the_problems() -> None:
    values = {i: float(i % 7) for i in range(50)}
    backwards = dict(reversed(values.items()))
    assert interval(mean_of(values), seed=3) == interval(mean_of(backwards), seed=3)
    assert interval(mean_of(values), seed=3) != interval(mean_of(values), seed=4)


def test_one_problem_has_a_value_and_no_interval_and_none_has_neither() -> None:
    one = interval(mean_of({7: 40.0}))
    assert (one.value, one.low, one.high, one.count) == (40.0, None, None, 1)
    assert "two problems" in one.why
    none = interval(mean_of({}))
    assert none.value is None
    assert none.why


def test_a_refusal_keeps_its_reason() -> None:
    assert interval(Refused("too few samples")).why == "too few samples"
    assert compare(mean_of({1: 1.0}), Refused("too few samples")) == Refused("too few samples")


def test_a_system_does_not_differ_from_itself() -> None:
    measure = mean_of({i: float(i % 3) for i in range(30)})
    found = compare(measure, measure)
    assert found == Comparison(0.0, 0.0, 0.0, 1.0, 30)


def test_a_system_that_is_better_on_every_problem_is_significantly_better() -> None:
    generator = np.random.default_rng(0)
    base = {i: float(v) for i, v in enumerate(generator.normal(50, 20, 60))}
    better = {i: v + float(generator.uniform(1, 3)) for i, v in base.items()}
    found = compare(mean_of(better), mean_of(base))
    assert isinstance(found, Comparison)
    assert 1 < found.low < found.difference < found.high < 3
    assert found.p == pytest.approx(1 / 10_001)


def test_the_p_value_of_few_problems_is_that_of_all_sign_flips() -> None:
    differences = np.array([3.0, 1.0, 2.0, -1.0, 4.0])
    found = compare(mean_of(dict(enumerate(differences))), mean_of(dict.fromkeys(range(5), 0.0)))
    signs = np.array([[1 if flip >> i & 1 else -1 for i in range(5)] for flip in range(32)])
    exact = np.mean(np.abs(signs @ differences) >= differences.sum())
    assert isinstance(found, Comparison)
    assert found.p == pytest.approx(exact, abs=0.02)


def test_p_values_are_uniform_where_the_systems_do_not_differ() -> None:
    generator = np.random.default_rng(2)
    small = 0
    for _ in range(200):
        a, b = generator.normal(size=(2, 40))
        found = compare(mean_of(dict(enumerate(a))), mean_of(dict(enumerate(b))), resamples=400)
        assert isinstance(found, Comparison)
        small += found.p <= 0.2
    assert 0.1 <= small / 200 <= 0.3


def test_systems_with_other_problems_are_not_compared() -> None:
    found = compare(mean_of({1: 1.0, 2: 2.0}), mean_of({1: 1.0, "2": 2.0}))
    assert isinstance(found, Refused)
    assert "2" in found.why
