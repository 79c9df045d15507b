"""The smallest set of a problem's tests that fails the same translations as all of them: a minimum set cover."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# With this many different tests or fewer the smallest set is found by search; above, a small one greedily.
EXACT = 24


@dataclass(frozen=True)
class _Candidate:
    """A test: its index, its discrimination (0, below every one, where it has none), whom it fails as bits."""

    index: int
    discrimination: float
    fails: int


def compress_tests(
    results: Sequence[Sequence[bool | None]], discriminations: Sequence[float | None] | None = None
) -> list[int]:
    """Indices, ascending, of tests that together fail exactly the translations that all tests fail.

    `results[test][translation]` is True (passed), False (failed) or None (not known, which fails nobody). The set is
    the smallest where at most EXACT tests differ, else what the greedy cover finds. Between sets of one size the one
    with more discrimination in sum is taken, then the one with lower indices. Where no translation fails, one test is
    kept: that with the highest discrimination, then with most known results, then with the lowest index. ValueError
    where the tests have results of different lengths.
    """
    given = [None] * len(results) if discriminations is None else list(discriminations)
    if len(given) != len(results) or len({len(row) for row in results}) > 1:
        raise ValueError("tests have one discrimination each and results of the same translations")
    candidates = [
        _Candidate(i, _rank(given[i]), sum(1 << j for j, passed in enumerate(row) if passed is False))
        for i, row in enumerate(results)
    ]
    useful = _one_of_each(candidates)
    if not useful:
        known = [sum(passed is not None for passed in row) for row in results]
        return [max(candidates, key=lambda c: (c.discrimination, known[c.index], -c.index)).index] if candidates else []
    chosen = _search(useful) if len(useful) <= EXACT else _greedy(useful)
    return sorted(candidate.index for candidate in chosen)


def _rank(discrimination: float | None) -> float:
    return 0.0 if discrimination is None else discrimination


def _one_of_each(candidates: Sequence[_Candidate]) -> list[_Candidate]:
    """Of tests that fail the same translations the preferred one; none that fails nobody."""
    best: dict[int, _Candidate] = {}
    for candidate in sorted(candidates, key=lambda c: (-c.discrimination, c.index)):
        if candidate.fails:
            best.setdefault(candidate.fails, candidate)
    return list(best.values())


def _all_fails(candidates: Sequence[_Candidate]) -> int:
    together = 0
    for candidate in candidates:
        together |= candidate.fails
    return together


def _greedy(candidates: Sequence[_Candidate]) -> list[_Candidate]:
    """Tests in the order of how many more translations they fail (Chvatal 1979)."""
    missing, chosen = _all_fails(candidates), []
    while missing:
        best = max(candidates, key=lambda c: ((c.fails & missing).bit_count(), c.discrimination, -c.index))
        chosen.append(best)
        missing &= ~best.fails
    return chosen


def _cost(chosen: Sequence[_Candidate]) -> tuple[int, float, list[int]]:
    return len(chosen), -sum(c.discrimination for c in chosen), sorted(c.index for c in chosen)


def _search(candidates: Sequence[_Candidate]) -> list[_Candidate]:
    """The best cover by branch and bound: some test must fail the translation that the fewest tests fail."""
    best = _greedy(candidates)

    def extend(chosen: list[_Candidate], missing: int) -> None:
        nonlocal best
        if not missing:
            best = min(best, chosen, key=_cost)
            return
        largest = max((c.fails & missing).bit_count() for c in candidates)
        if len(chosen) + -(-missing.bit_count() // largest) > len(best):
            return
        failing = [[c for c in candidates if c.fails >> j & 1] for j in range(missing.bit_length()) if missing >> j & 1]
        for candidate in min(failing, key=len):
            extend([*chosen, candidate], missing & ~candidate.fails)

    extend([], _all_fails(candidates))
    return best
