"""`VerdictRecord`: the line of JSON that `musl verify` and `musl eval` write for each pair. Field names are part of the
interface."""

from __future__ import annotations

from compile.fault import Fault, Place
from musl.report.records import CounterexampleRecord, CoverageRecord, Record
from musl.verdict import Counterexample, Verdict, VerdictStatus
from tester.protocol import Coverage


class PlaceRecord(Record):
    """A place in the CUDA text, and the thread that was there (null outside of kernels)."""

    file: str = ""
    line: int | None = None
    kernel: str = ""
    block: tuple[int, int, int] | None = None
    thread: tuple[int, int, int] | None = None


class FaultRecord(Record):
    """What the runtime found: its kind (`out_of_bounds`, `data_race`, `missing_barrier`, `uninitialised_read`, ...),
    where, which array and element, and the other place of a race or of a barrier that not all reach."""

    kind: str
    text: str
    place: PlaceRecord
    array: str = ""
    index: int | None = None
    other: PlaceRecord | None = None


class VerdictTests(Record):
    """How many tests there were, how many are valid for the C function, on how many the candidate launched a kernel,
    and how many of those it passed. `origin` says where they come from: `dataset` or `fuzz`."""

    given: int = 0
    valid: int = 0
    run: int = 0
    passed: int = 0
    origin: str = ""
    first_dropped: str = ""


class MutantsRecord(Record):
    """How many faults planted in the CUDA side the tests find: of those that are not proven to compute the same,
    `killed` and `survived`; `stillborn` ones do not compile."""

    killed: int = 0
    survived: int = 0
    equivalent: int = 0
    stillborn: int = 0


class VerdictRecord(Record):
    """The judgement of one pair. `id` and `sample` are those of the input; `verdict` is one of `equivalent`,
    `different`, `racy`, `out_of_bounds`, `candidate_failed`, `no_valid_test`, `infrastructure`. `coverage` is of the C
    function, `cuda_coverage` of the kernels. `results` says of each test whether it passed, those given first: null
    where one does not count, empty where none was run."""

    id: int | str
    sample: int = 0
    verdict: VerdictStatus
    reason: str = ""
    tests: VerdictTests = VerdictTests()
    coverage: CoverageRecord | None = None
    cuda_coverage: CoverageRecord | None = None
    mutants: MutantsRecord | None = None
    schedules: tuple[str, ...] = ()
    device: str = ""
    counterexample: CounterexampleRecord | None = None
    fault: FaultRecord | None = None
    results: tuple[bool | None, ...] = ()
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
        fault=_fault_record(verdict.fault),
        seconds=round(verdict.seconds, 3),
    )


def _fault_record(fault: Fault | None) -> FaultRecord | None:
    if fault is None:
        return None
    return FaultRecord(
        kind=fault.kind,
        text=fault.text,
        place=_place_record(fault.place),
        array=fault.array,
        index=fault.index,
        other=None if fault.other is None else _place_record(fault.other),
    )


def _place_record(place: Place) -> PlaceRecord:
    return PlaceRecord(file=place.file, line=place.line, kernel=place.kernel, block=place.block, thread=place.thread)


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
