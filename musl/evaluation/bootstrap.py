"""Intervals and differences of scores, by resampling problems.

A `Measure` is what every metric gives: per problem a row of numbers that add up, and the score as a function of the
sum. A mean has the rows (value, 1), corpus BLEU has n-gram counts; both are resampled in the same way, by problem (all
samples of a problem stay together, since they are not independent), without counting an n-gram twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from musl.evaluation.records import Interval

ProblemId = int | str
Floats = npt.NDArray[np.float64]
Score = Callable[[Floats], Floats]

RESAMPLES = 10_000
LEVEL = 0.95
_CHUNK = 1_000  # resamples at a time: a chunk of 1,000 x 233 counts takes 2 MB
_EQUAL = 1e-12  # differences closer than this are a tie, whatever the order of their sums


@dataclass(frozen=True)
class Refused:
    """A score that cannot be said, and why, in a line."""

    why: str


@dataclass(frozen=True)
class Measure:
    """The rows of the problems, each of shape (m,), and the score: from sums of rows (..., m) to scores (...)."""

    rows: Mapping[ProblemId, Floats]
    score: Score

    @property
    def value(self) -> float:
        """The score of all problems; ValueError where there is none."""
        return float(self.score(self.matrix().sum(axis=0)))

    def over(self, problems: Iterable[ProblemId]) -> Measure:
        """The same measure over some of the problems; KeyError for one it does not have."""
        return Measure({problem: self.rows[problem] for problem in problems}, self.score)

    def problems(self) -> list[ProblemId]:
        """The ids in an order that depends on nothing else, so that a seed always draws the same problems."""
        return sorted(self.rows, key=lambda problem: (isinstance(problem, str), problem))

    def matrix(self) -> Floats:
        """The rows as (problems, m), in the order of `problems`."""
        if not self.rows:
            raise ValueError("a measure over no problem has no score")
        return np.stack([self.rows[problem] for problem in self.problems()])


@dataclass(frozen=True)
class Comparison:
    """Score of the first system minus that of the second on the same `count` problems, the paired bootstrap's interval,
    and the two-sided `p` of a permutation test that exchanges the two systems' rows problem by problem."""

    difference: float
    low: float
    high: float
    p: float
    count: int


def mean_of(values: Mapping[ProblemId, float]) -> Measure:
    """The mean of one value a problem."""
    return Measure({problem: np.array([value, 1.0]) for problem, value in values.items()}, ratio)


def ratio(sums: Floats) -> Floats:
    """First entry by second of (..., 2): a mean, or a pooled share. NaN where the second is zero."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[..., 0] / sums[..., 1], dtype=np.float64)


def interval(measure: Measure | Refused, *, resamples: int = RESAMPLES, seed: int = 0) -> Interval:
    """The score with its 95 % percentile bootstrap interval (Efron and Tibshirani 1993, chapter 13).

    A refusal passes on its reason. Of one problem the score is given and the interval refused, the reason in `why`. The
    same seed and problems draw the same resamples for every metric.
    """
    if isinstance(measure, Refused):
        return Interval(value=None, why=measure.why)
    if not measure.rows:
        return Interval(value=None, why="there is no problem to score")
    rows = measure.matrix()
    count = len(rows)
    if count < 2:
        return Interval(value=measure.value, count=count, why="an interval over problems needs two problems at least")
    scores = np.concatenate([measure.score(weights @ rows) for weights in _draws(count, resamples, seed)])
    low, high = _bounds(scores)
    return Interval(value=measure.value, low=low, high=high, count=count)


def compare(
    first: Measure | Refused, second: Measure | Refused, *, resamples: int = RESAMPLES, seed: int = 0
) -> Comparison | Refused:
    """What two systems differ by on the same problems, joined by id; a reason where they were not given the same ones.

    The interval is of the paired bootstrap (Koehn 2004), the p-value of approximate randomization with sign flips
    (Riezler and Maxwell 2005): (1 + permutations at least as far apart) / (1 + permutations).
    """
    for measure in (first, second):
        if isinstance(measure, Refused):
            return measure
    assert isinstance(first, Measure) and isinstance(second, Measure)
    if set(first.rows) != set(second.rows):
        apart = set(first.rows) ^ set(second.rows)
        return Refused(f"the systems were not given the same problems: {some(apart)} in one of them alone")
    if len(first.rows) < 2:
        return Refused("a comparison over problems needs two problems at least")
    a, b = first.matrix(), second.matrix()
    difference = first.value - second.value
    pairs = [first.score(w @ a) - first.score(w @ b) for w in _draws(len(a), resamples, seed)]
    low, high = _bounds(np.concatenate(pairs))
    further = 0
    for kept in _flips(len(a), resamples, seed):
        permuted = first.score(kept @ a + (1 - kept) @ b) - first.score(kept @ b + (1 - kept) @ a)
        further += int(np.count_nonzero(np.abs(permuted) >= abs(difference) - _EQUAL))
    return Comparison(difference, low, high, (1 + further) / (1 + resamples), len(a))


def _bounds(scores: Floats) -> tuple[float, float]:
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(scores, (tail, 1 - tail))
    return float(low), float(high)


def _draws(count: int, resamples: int, seed: int) -> Iterator[Floats]:
    """How often each problem is in each resample, (chunk, count) at a time."""
    generator = np.random.default_rng(seed)
    for size in _chunks(resamples):
        drawn = generator.integers(count, size=(size, count)) + np.arange(size)[:, None] * count
        yield np.bincount(drawn.ravel(), minlength=size * count).reshape(size, count).astype(np.float64)


def _flips(count: int, resamples: int, seed: int) -> Iterator[Floats]:
    """1 where a problem's rows stay with their system, 0 where they are exchanged, (chunk, count) at a time."""
    generator = np.random.default_rng(seed)
    for size in _chunks(resamples):
        yield generator.integers(2, size=(size, count)).astype(np.float64)


def _chunks(total: int) -> Iterator[int]:
    for start in range(0, total, _CHUNK):
        yield min(_CHUNK, total - start)


def some(problems: Iterable[ProblemId], most: int = 5) -> str:
    """A few of the problems by name, and how many more there are."""
    named = sorted(str(problem) for problem in problems)
    return ", ".join(named[:most]) + (f" and {len(named) - most} more" if len(named) > most else "")
