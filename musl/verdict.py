"""`Verdict`: the judgement of one pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from compile.fault import Fault


class VerdictStatus(StrEnum):
    """The judgement of one pair of functions. `INFRASTRUCTURE` is counted apart and is never the candidate's fault."""

    EQUIVALENT = "equivalent"
    DIFFERENT = "different"
    RACY = "racy"
    OUT_OF_BOUNDS = "out_of_bounds"
    CANDIDATE_FAILED = "candidate_failed"
    NO_VALID_TEST = "no_valid_test"
    INFRASTRUCTURE = "infrastructure"


@dataclass(frozen=True)
class Counterexample:
    """The first difference: on which test, in which value (`return` or a parameter), at which flat index."""

    test_id: str
    where: str
    index: int | None
    expected: str
    got: str
    inputs: dict[str, str]  # parameter name -> short readable form


@dataclass(frozen=True)
class Verdict:
    """`fault` is what the runtime found where that decides, with kind and place. `tests_run` counts the tests on which
    the candidate's parallel path ran (at least one kernel was launched), `tests_dropped` those that are not valid for
    the C function, the first of them for `drop_reason`. `results` says of each test, in order, whether the candidate
    passed it, None where the test does not count; it is empty where no test was run."""

    status: VerdictStatus
    tests_run: int
    tests_passed: int
    schedules: tuple[str, ...]
    reason: str = ""
    counterexample: Counterexample | None = None
    fault: Fault | None = None
    seconds: float = 0.0
    tests_dropped: int = 0
    drop_reason: str = ""
    results: tuple[bool | None, ...] = ()


def no_verdict(status: VerdictStatus, reason: str) -> Verdict:
    """The verdict where no test was run."""
    return Verdict(status, 0, 0, (), reason)


def spread(results: Sequence[bool | None], places: Sequence[int], count: int) -> tuple[bool | None, ...]:
    """Results of some of `count` tests, those at `places`, as results of all; () where there are none."""
    if not results:
        return ()
    known = dict(zip(places, results, strict=True))
    return tuple(known.get(i) for i in range(count))
