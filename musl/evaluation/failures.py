"""`failure_of`: what went wrong with a translation, in the words in which it is counted."""

from __future__ import annotations

from compile.fault import FaultKind
from musl.evaluation.records import Failure
from musl.report.verdict_record import VerdictRecord
from musl.verdict import VerdictStatus

_OF_STATUS: dict[VerdictStatus, Failure] = {
    VerdictStatus.EQUIVALENT: "",
    VerdictStatus.DIFFERENT: "wrong",
    VerdictStatus.RACY: "race",
    VerdictStatus.OUT_OF_BOUNDS: "bounds",
    VerdictStatus.NO_VALID_TEST: "untested",
    VerdictStatus.INFRASTRUCTURE: "infrastructure",
}
# Reasons of `candidate_failed` and `no_valid_test`, by words of the judge (musl/co_verify.py, judge_pair.py,
# runner.py).
_OF_REASON: tuple[tuple[str, Failure], ...] = (
    ("does not compile", "compile"),
    ("defines no host function", "parse"),
    ("the wrapper", "parse"),
    ("no test launched a kernel", "launch"),
    ("with kernels that do nothing", "launch"),
    ("launch of", "launch"),
    ("its time was used up", "time"),
    ("the time for all tests was used up", "time"),
    ("buffer-overflow", "bounds"),
)
_RACES = frozenset({FaultKind.DATA_RACE, FaultKind.MISSING_BARRIER})
_BOUNDS = frozenset({FaultKind.OUT_OF_BOUNDS, FaultKind.NULL_POINTER, FaultKind.USE_AFTER_FREE, FaultKind.MISALIGNED})


def failure_of(record: VerdictRecord) -> Failure:
    """The group of a verdict; "" for `equivalent`."""
    if record.verdict in (VerdictStatus.CANDIDATE_FAILED, VerdictStatus.NO_VALID_TEST):
        for words, failure in _OF_REASON:
            if words in record.reason:
                return failure
        kind = record.fault.kind if record.fault is not None else ""
        if kind in _RACES:
            return "race"
        return "bounds" if kind in _BOUNDS else _OF_STATUS.get(record.verdict, "crash")
    return _OF_STATUS[record.verdict]


def message_of(record: VerdictRecord) -> str:
    """The first line of what is wrong, without the name of the file and the place in it, so that equal ones meet."""
    _, error, rest = record.reason.partition("error: ")
    return rest.strip() if error else record.reason
