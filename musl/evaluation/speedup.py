"""speedup_n@k and efficiency_n@k of ParEval (Nichols et al. 2024, arXiv 2401.12554): the expected best among k samples.

A sample's value is its speedup over the sequential function, 0 where it did not pass its tests (a wrong result is no
fast one), None where it was not measured. Expected is the largest value of k samples drawn without replacement.
(Its script analysis/metrics.py leaves failed samples out and, for k above 1, gives the slowest samples the largest
weight; here it is the paper's formula. For k = 1 and samples that all pass both agree.)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from musl.evaluation.bootstrap import Measure, ProblemId, Refused, mean_of, some
from musl.evaluation.records import TimeRecord

FAILED = 0.0


def speedup_of(time: TimeRecord) -> float:
    """T* / T: how many times faster than the sequential function the kernels are. ValueError for a time not above 0."""
    return _positive(time.sequential) / _positive(time.translation)


def efficiency_of(time: TimeRecord) -> float:
    """T* / (n T): the speedup by the `threads` of the launch."""
    return speedup_of(time) / _positive(time.threads)


def best_at(k: int, values: Mapping[ProblemId, Sequence[float | None]]) -> Measure | Refused:
    """The expected best of k samples, the mean over problems: speedup_n@k of speedups, efficiency_n@k of efficiencies.
    Refused where a problem has fewer than k samples with a value."""
    measured = {problem: [value for value in given if value is not None] for problem, given in values.items()}
    short = [problem for problem, given in measured.items() if len(given) < k]
    if short:
        return Refused(f"the best of {k} needs {k} measured samples a problem; problem {some(short)} has fewer")
    return mean_of({problem: expected_best(k, given) for problem, given in measured.items()})


def expected_best(k: int, values: Sequence[float]) -> float:
    """The mean largest value over all draws of k of N values: sum over j of C(j-1, k-1) / C(N, k) times the j-th
    smallest. ValueError unless 1 <= k <= N."""
    if not 1 <= k <= len(values):
        raise ValueError(f"of {len(values)} values {k} cannot be drawn")
    draws = math.comb(len(values), k)
    return math.fsum(math.comb(j, k - 1) / draws * value for j, value in enumerate(sorted(values)))


def _positive(number: float) -> float:
    if not number > 0:
        raise ValueError(f"a time or number of threads is above 0, not {number}")
    return number
