"""`audit_lines`, `audit_page`: the bad pairs of a benchmark, each with a line of evidence, without its code.

A bad pair is one whose own reference is not shown to be equivalent: the two sides differ, or race, or reach outside of
their arrays; its tests are none for the C function, or show nothing; or the reference cannot be run at all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from musl.report.records import Record
from musl.report.verdict_record import VerdictRecord
from musl.verdict import VerdictStatus
from musl.verify import VerifyReport

_KINDS = {
    VerdictStatus.DIFFERENT: "gives another result",
    VerdictStatus.RACY: "depends on the order of threads",
    VerdictStatus.OUT_OF_BOUNDS: "reaches outside of an array",
    VerdictStatus.CANDIDATE_FAILED: "cannot be run",
    VerdictStatus.NO_VALID_TEST: "nothing shows that it is right",
    VerdictStatus.INFRASTRUCTURE: "this machine could not judge it",
}


class AuditLine(Record):
    """One pair that is not shown to be right: its id, what is wrong in a word, and the evidence."""

    id: int | str
    verdict: VerdictStatus
    kind: str
    evidence: str


def audit_lines(records: Sequence[VerdictRecord]) -> list[AuditLine]:
    """The pairs that are not equivalent, in order."""
    return [
        AuditLine(id=record.id, verdict=record.verdict, kind=_KINDS[record.verdict], evidence=_evidence(record))
        for record in records
        if record.verdict is not VerdictStatus.EQUIVALENT
    ]


def remark_lines(records: Sequence[VerdictRecord]) -> list[AuditLine]:
    """The equivalent pairs with tests of their own that could not count."""
    return [
        AuditLine(id=r.id, verdict=r.verdict, kind=_share(r), evidence=r.reason or r.tests.first_dropped)
        for r in records
        if r.verdict is VerdictStatus.EQUIVALENT and r.tests.given and (r.reason or r.tests.valid < r.tests.given)
    ]


def audit_page(report: VerifyReport) -> str:
    """The audit as Markdown: counts, a line for each bad pair, and a line for each pair with tests that do not count.
    Cases are named by their ids, and names of their code are left out."""
    total, good = len(report.records), report.counts[VerdictStatus.EQUIVALENT]
    rows = [f"| {line.id} | {line.verdict} | {anonymous(line.evidence)} |" for line in audit_lines(report.records)]
    fuzzed = sum("fuzz" in r.tests.origin for r in report.records if r.verdict is VerdictStatus.EQUIVALENT)
    helped = f" ({fuzzed} of them with fuzz tests too, as their own show nothing)" if fuzzed else ""
    remarks = [f"| {line.id} | {line.kind} | {anonymous(line.evidence)} |" for line in remark_lines(report.records)]
    return "\n".join(
        [
            f"# Audit of {report.file.name}",
            "",
            f"{good} of {total} reference pairs are equivalent on their own tests with the reference's host "
            f"wrapper{helped}. The other {total - good} are bad pairs, each with its evidence.",
            "",
            f"Written by `musl audit {report.file.name} --page` ({report.device}, {report.version}).",
            "",
            "| case | verdict | evidence |",
            "|---|---|---|",
            *rows,
            "",
            "## Equivalent pairs with tests that do not count",
            "",
            "A test is none where the C function itself has no defined result on it (it reads or writes outside of the",
            "test's arrays, or a sum overflows), and where a candidate that computes nothing would pass it.",
            "",
            "| case | tests | why |",
            "|---|---|---|",
            *remarks,
            "",
        ]
    )


# What the messages of the judge, the runtime and the sanitizers say with names of the code, and without.
_NAMED = (
    (r"\bkernel \w+ block\b", "the kernel block"),
    (r"\blaunch of \w+ with\b", "launch of the kernel with"),
    (r"\bin \w+ \(\S+\.c(?:pp)?:\d+\)", "in the function"),
    (r"\bthe wrapper \w+ (takes|has)\b", r"the wrapper \1"),
    (r"\bit calls \w+, not \w+", "it calls another function"),
    (r"\bno host function \w+", "no host function that is called"),
    (r"\bshared variable \w+", "shared variable"),
    (r"\bdevice variable \w+", "device variable"),
    (r"\b\w+(\[\d+\]): expected", r"element \1: expected"),
    (r"(schedule [\w ]+): (?!element)\w+: expected", r"\1: expected"),
    (r" at \S+\.cu:\d+", ""),
    (r"\b\S+\.c(?:pp)?:\d+(?::\d+)?: ", ""),
    (r", allocated\b(?=[ ,;)]|$)", ""),
    (r" at 0x[0-9a-f]+", ""),
    (r"==\d+==", ""),
)


def anonymous(evidence: str) -> str:
    """The evidence without names of the benchmark's code, and without what would end a cell of a table."""
    for pattern, replacement in _NAMED:
        evidence = re.sub(pattern, replacement, evidence)
    return evidence.replace("|", "/").strip()


def _evidence(record: VerdictRecord) -> str:
    if record.fault is not None and record.fault.text not in record.reason:
        return f"{record.reason}; {record.fault.text}"
    dropped = record.tests.first_dropped
    if record.verdict is VerdictStatus.NO_VALID_TEST and dropped and dropped not in record.reason:
        return f"{record.reason}; other inputs are not valid for the C function: {dropped}"
    return record.reason


def _share(record: VerdictRecord) -> str:
    return f"{min(record.tests.valid, record.tests.given)} of {record.tests.given}"
