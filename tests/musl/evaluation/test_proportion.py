"""Wilson's interval, against the values that the literature prints."""

from __future__ import annotations

import pytest

from musl.evaluation.bootstrap import interval, mean_of
from musl.evaluation.proportion import wilson
from musl.evaluation.records import Interval


@pytest.mark.parametrize(
    ("passed", "count", "low", "high"),
    # 81 of 263 and 15 of 148: Newcombe 1998, Statistics in Medicine 17, table I, method 3.
    [(81, 263, 25.53, 36.62), (15, 148, 6.24, 16.05), (0, 20, 0.0, 16.11), (1, 29, 0.61, 17.18)],
)
def test_wilsons_interval_is_that_of_the_literature(passed: int, count: int, low: float, high: float) -> None:
    share = interval(mean_of({i: 100.0 * (i < passed) for i in range(count)}), resamples=10)
    found = wilson(share)
    assert (found.value, found.count) == (share.value, count)
    assert (found.low, found.high) == (pytest.approx(low, abs=0.01), pytest.approx(high, abs=0.01))


def test_where_all_passed_or_none_the_interval_still_has_a_width() -> None:
    none, every = (wilson(Interval(value=value, low=value, high=value, count=100)) for value in (0.0, 100.0))
    assert (none.low, none.high) == (pytest.approx(0), pytest.approx(3.70, abs=0.01))
    assert (every.low, every.high) == (pytest.approx(96.30, abs=0.01), pytest.approx(100))


def test_a_share_of_nothing_stays_unsaid() -> None:
    unsaid = Interval(value=None, why="there is no problem to score")
    assert wilson(unsaid) == unsaid
