"""speedup_n@k and efficiency_n@k against enumeration and ParEval's own numbers for k = 1."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musl.evaluation.bootstrap import Measure, Refused
from musl.evaluation.pass_at_k import chance_of_success
from musl.evaluation.records import TimeRecord
from musl.evaluation.speedup import FAILED, best_at, efficiency_of, expected_best, speedup_of

VALUES = st.lists(st.floats(0, 1000), min_size=1, max_size=8)


@given(VALUES, st.data())
def test_the_expected_best_is_the_mean_over_all_draws(values: list[float], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(values)))
    draws = [max(draw) for draw in itertools.combinations(values, k)]
    assert expected_best(k, values) == pytest.approx(sum(draws) / len(draws))


@given(st.lists(st.booleans(), min_size=1, max_size=12), st.data())
def test_the_expected_best_of_passes_is_pass_at_k(passed: list[bool], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(passed)))
    assert expected_best(k, [float(p) for p in passed]) == pytest.approx(chance_of_success(len(passed), sum(passed), k))


def test_times_become_speedup_and_efficiency() -> None:
    time = TimeRecord(translation=2.0, reference=1.0, sequential=100.0, threads=10, repeats=5)
    assert speedup_of(time) == 50
    assert efficiency_of(time) == 5


def test_a_time_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="above 0"):
        speedup_of(TimeRecord(translation=0.0, reference=1.0, sequential=1.0, threads=1, repeats=1))


def test_failed_samples_are_no_fast_ones_and_unmeasured_ones_are_left_out() -> None:
    found = best_at(1, {1: [4.0, FAILED], 2: [6.0, None]})
    assert isinstance(found, Measure)
    assert found.value == pytest.approx(4)


def test_it_is_refused_where_a_problem_has_too_few_measured_samples() -> None:
    refused = best_at(2, {"a": [1.0, 2.0], "b": [1.0, None]})
    assert isinstance(refused, Refused)
    assert "problem b" in refused.why
    with pytest.raises(ValueError, match="cannot be drawn"):
        expected_best(3, [1.0, 2.0])
