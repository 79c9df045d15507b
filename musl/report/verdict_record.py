"""`VerdictRecord`: the line of JSON that `musl verify` and `musl eval` write for each pair. Field names are part of the
interface."""

from __future__ import annotations

from musl.report.records import CounterexampleRecord, CoverageRecord, Record
from musl.verdict import Counterexample, Verdict, VerdictStatus
from tester.protocol import Coverage


class VerdictTests(Record):
    """How many tests there were, how many are valid for the C function, on how many the candidate launched a kernel,
    and how many of those it passed. `origin` says where they come from: `dataset` or `fuzz`."""

    given: int = 0
    valid: int = 0
    run: int = 0
    passed: int = 0
    origin: str = ""
    first_dropped: str = ""


class VerdictRecord(Record):
    """The judgement of one pair. `id` and `sample` are those of the input; `verdict` is one of `equivalent`,
    `different`, `racy`, `out_of_bounds`, `candidate_failed`, `no_valid_test`, `infrastructure`."""

    id: int | str
    sample: int = 0
    verdict: VerdictStatus
    reason: str = ""
    tests: VerdictTests = VerdictTests()
    coverage: CoverageRecord | None = None
    schedules: tuple[str, ...] = ()
    device: str = ""
    counterexample: CounterexampleRecord | None = None
    seconds: float = 0.0


def verdict_record(
    identity: tuple[int | str, int], verdict: Verdict, tests: VerdictTests, coverage: Coverage | None, device: str
) -> VerdictRecord:
    """The line of a verdict; `identity` is the pair's id and sample."""
    return VerdictRecord(
        id=identity[0],
        sample=identity[1],
        verdict=verdict.status,
        reason=verdict.reason,
        tests=tests,
        coverage=None if coverage is None else CoverageRecord(line=coverage.line, branch=coverage.branch),
        schedules=verdict.schedules,
        device=device,
        counterexample=counterexample_record(verdict.counterexample),
        seconds=round(verdict.seconds, 3),
    )


def counterexample_record(example: Counterexample | None) -> CounterexampleRecord | None:
    """A counterexample as reports hold it."""
    if example is None:
        return None
    return CounterexampleRecord(
        test=example.test_id,
        where=example.where,
        index=example.index,
        expected=example.expected,
        got=example.got,
        inputs=dict(example.inputs),
    )
