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
# Reasons by words of the judge (musl/co_verify.py, judge_pair.py, compile/runner.py): of `candidate_failed`, and of
# `no_valid_test` where it is the translation that shows nothing. Else the problem has no test that does.
_OF_REASON: dict[VerdictStatus, tuple[tuple[str, Failure], ...]] = {
    VerdictStatus.CANDIDATE_FAILED: (
        ("does not compile", "compile"),
        ("defines no host function", "parse"),
        ("the wrapper", "parse"),
        ("launch of", "launch"),
        ("its time was used up", "time"),
        ("the time for all tests was used up", "time"),
    ),
    VerdictStatus.NO_VALID_TEST: (
        ("no test launched a kernel", "launch"),
        ("with kernels that do nothing", "launch"),
    ),
}
_OF_FAULT: dict[str, Failure] = {FaultKind.MISALIGNED: "bounds", FaultKind.TOO_MUCH_SHARED_MEMORY: "launch"}


def failure_of(record: VerdictRecord) -> Failure:
    """The group of a verdict; "" for `equivalent`."""
    for words, failure in _OF_REASON.get(record.verdict, ()):
        if words in record.reason:
            return failure
    if record.verdict is VerdictStatus.CANDIDATE_FAILED:
        return _OF_FAULT.get(record.fault.kind, "crash") if record.fault is not None else "crash"
    return _OF_STATUS[record.verdict]


def message_of(record: VerdictRecord) -> str:
    """The first line of what is wrong; of a compiler's without the place in the text, so that equal ones meet."""
    return complaint_of(record.reason) if failure_of(record) == "compile" else record.reason


def complaint_of(line: str) -> str:
    """What a compiler says in a line, without the name of the file and the place in it."""
    _, error, rest = line.partition("error: ")
    return rest.strip() if error else line.strip()
