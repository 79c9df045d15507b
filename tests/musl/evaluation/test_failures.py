"""What went wrong with a translation is counted in words that say whose fault it is."""

from __future__ import annotations

import pytest

from compile.fault import FaultKind
from musl.evaluation.failures import complaint_of, failure_of, message_of
from musl.evaluation.records import Failure
from musl.report.verdict_record import FaultRecord, PlaceRecord, VerdictRecord
from musl.verdict import VerdictStatus

FAILED, NO_TEST = VerdictStatus.CANDIDATE_FAILED, VerdictStatus.NO_VALID_TEST


def record(verdict: VerdictStatus, reason: str = "", kind: FaultKind | None = None) -> VerdictRecord:
    fault = None if kind is None else FaultRecord(kind=kind, text=reason, place=PlaceRecord())
    return VerdictRecord(id=0, verdict=verdict, reason=reason, fault=fault)


@pytest.mark.parametrize(
    ("verdict", "reason", "kind", "expected"),
    [
        (VerdictStatus.EQUIVALENT, "by fuzz tests; its own tests: it does not compile", None, ""),
        (VerdictStatus.DIFFERENT, "a[0]: expected 1, got 2", None, "wrong"),
        (VerdictStatus.DIFFERENT, "a[0]: expected 1, got 2", FaultKind.UNINITIALISED_READ, "wrong"),
        (VerdictStatus.RACY, "race", FaultKind.DATA_RACE, "race"),
        (VerdictStatus.OUT_OF_BOUNDS, "null pointer", FaultKind.NULL_POINTER, "bounds"),
        (VerdictStatus.INFRASTRUCTURE, "the CUDA side does not compile: the disk is full", None, "infrastructure"),
        (FAILED, "the translation does not compile: a.cpp:1:2: error: no b", None, "compile"),
        (FAILED, "misaligned access", FaultKind.MISALIGNED, "bounds"),
        (FAILED, "too much shared memory", FaultKind.TOO_MUCH_SHARED_MEMORY, "launch"),
        (FAILED, "divergent barrier", FaultKind.DIVERGENT_BARRIER, "crash"),
        (FAILED, "the process exited with status 0", None, "crash"),
        (FAILED, "test 3 of 5, schedule forward: not run: the time for all tests was used up", None, "time"),
    ],
)
def test_each_verdict_has_its_group(
    verdict: VerdictStatus, reason: str, kind: FaultKind | None, expected: Failure
) -> None:
    assert failure_of(record(verdict, reason, kind)) == expected


@pytest.mark.parametrize(
    "reason",
    [
        "the C side does not compile: a.cpp:1:2: error: no b",
        "none of 3 tests can be used: it does not compile: snippet:1:1: error: expected '}'",
        "no test is valid for the C side: ERROR: AddressSanitizer: heap-buffer-overflow: read of 4 bytes",
        "no test is valid for the C side: its time was used up",
        "every test gives one constant (y 10.0): filling it in would pass",
    ],
)
def test_what_is_the_problems_fault_is_untested(reason: str) -> None:
    assert failure_of(record(NO_TEST, reason)) == "untested"


def test_a_compilers_message_has_no_place_in_it_and_others_stay_whole() -> None:
    lines = ("/pair/3.cu:8:85: error: 'x' was not declared", "unit.cu(7): error: 'x' was not declared")
    assert {complaint_of(line) for line in lines} == {"'x' was not declared"}
    assert message_of(record(FAILED, f"the CUDA side does not compile: {lines[0]}")) == "'x' was not declared"
    overflow = "test 1 of 2: 0.cpp:1:66: runtime error: signed integer overflow"
    assert message_of(record(FAILED, overflow)) == overflow
