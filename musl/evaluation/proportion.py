"""`wilson`: the interval of a share of problems, also where all of them passed or none did."""

from __future__ import annotations

import math

from musl.evaluation.records import Interval

_Z = 1.959963984540054  # the 97.5 % quantile of the normal distribution


def wilson(share: Interval) -> Interval:
    """A share in percent of `share.count` problems, each of which passed or did not, with Wilson's 95 % interval
    (Wilson 1927, JASA 22; Brown, Cai and DasGupta 2001, Statistical Science 16, recommend it). Resampling gives such a
    share no width where all passed, or none: of 100 failures it says [0, 0], this one [0, 3.7]. A share without a value
    stays as it is."""
    if share.value is None or not share.count:
        return share
    n, p = share.count, share.value / 100
    middle = (p + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * math.sqrt(p * (1 - p) / n + _Z**2 / (4 * n**2))
    low, high = 100 * max(0.0, middle - half), 100 * min(1.0, middle + half)
    return share.model_copy(update={"low": low, "high": high, "why": ""})
