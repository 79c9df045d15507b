"""Pass@k and computational accuracy: how often a translation passes, in percent.

A sample's outcome is True (it passed), False (it did not) or None: the machine failed it (`infrastructure`), or it was
not tried. What is None is left out, never counted as a failure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from musl.evaluation.bootstrap import Measure, ProblemId, Refused, mean_of, some

Outcomes = Mapping[ProblemId, Sequence[bool | None]]


def chance_of_success(n: int, c: int, k: int) -> float:
    """The probability that k of n samples, drawn without replacement, hold one of the c that pass:
    1 - C(n-c, k) / C(n, k), unbiased for Pass@k (Chen et al. 2021, arXiv 2107.03374). Integers up to the one division,
    so that nothing is lost however large n is. ValueError unless 0 <= c <= n and 1 <= k <= n."""
    if not (0 <= c <= n and 1 <= k <= n):
        raise ValueError(f"of {n} samples {c} pass and {k} are drawn: that cannot be")
    all_draws = math.comb(n, k)
    return (all_draws - math.comb(n - c, k)) / all_draws


def pass_at(k: int, outcomes: Outcomes) -> Measure | Refused:
    """Pass@k in percent, the mean over problems; refused where a problem has fewer than k samples with an outcome.

    `pass_at(1, ...)` of outcomes that say whether a sample compiles is the compile pass rate.
    """
    tried = {problem: [passed for passed in given if passed is not None] for problem, given in outcomes.items()}
    short = [problem for problem, passed in tried.items() if len(passed) < k]
    if short:
        fewest = min(len(tried[problem]) for problem in short)
        return Refused(
            f"Pass@{k} needs {k} samples with an outcome a problem; {len(short)} of {len(tried)} problems have fewer "
            f"(problem {some(short)}; the fewest: {fewest})"
        )
    return mean_of({p: 100 * chance_of_success(len(passed), sum(passed), k) for p, passed in tried.items()})


def computational_accuracy(outcomes: Outcomes) -> Measure | Refused:
    """Computational accuracy in percent (Roziere et al. 2020, arXiv 2006.03511, CA@1): the share of problems whose
    first sample, the translation that the system ranks highest, computes what the reference computes on every test. A
    problem whose first sample has no outcome is left out; refused where that leaves none."""
    first = {problem: given[0] for problem, given in outcomes.items() if given and given[0] is not None}
    if not first:
        return Refused("no problem has a first sample with an outcome")
    return mean_of({problem: 100.0 * passed for problem, passed in first.items()})
