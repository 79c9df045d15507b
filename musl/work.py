"""`FunctionWork`: what is known of one function on its way through `translate`, and the status that follows from it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from data.function import Function
from musl.report.codes import INTERNAL_ERROR, NOT_VERIFIED, TOOK_TOO_LONG, WRONG_RESULT
from musl.report.records import (
    CoverageRecord,
    FunctionRecord,
    FunctionStatus,
    ParallelRecord,
    RemarkRecord,
    SampleRecord,
    TestsRecord,
)
from musl.report.verdict_record import counterexample_record
from musl.verdict import Verdict, VerdictStatus
from musl.workers import Died
from tester.protocol import Coverage
from translator.protocol import Diagnostic, Refusal, Translation

_STATUS_OF_VERDICT: dict[VerdictStatus, FunctionStatus] = {
    VerdictStatus.EQUIVALENT: "verified",
    VerdictStatus.DIFFERENT: "failed",
    VerdictStatus.RACY: "failed",
    VerdictStatus.OUT_OF_BOUNDS: "failed",
    VerdictStatus.CANDIDATE_FAILED: "failed",
    VerdictStatus.NO_VALID_TEST: "unverified",
    VerdictStatus.INFRASTRUCTURE: "unverified",
}


@dataclass(frozen=True)
class Checked:
    """What a worker found out about the translations of one function: the one it settled on, and its verdict."""

    translation: Translation
    verdict: Verdict
    coverage: Coverage | None = None
    dropped: int = 0


@dataclass
class FunctionWork:
    """One selected function.

    `samples` are the translations that were tried, in order, as the report holds them; `checked` is the one settled
    on: the first that is equivalent, else the first. `obstacle` is why its translation cannot be tested,
    `objection` what the compiler or the whole program says.
    """

    function: Function
    stage: str = ""
    refusal: Refusal | None = None
    translations: tuple[Translation, ...] = ()
    checked: Checked | None = None
    samples: list[SampleRecord] = field(default_factory=list)
    died: Died | None = None
    obstacle: str = ""
    objection: str = ""

    @property
    def name(self) -> str:
        return self.function.name

    @property
    def translation(self) -> Translation | None:
        """The translation that was checked, or the best one that there is to check."""
        if self.checked is not None:
            return self.checked.translation
        return self.translations[0] if self.translations else None

    @property
    def is_verified(self) -> bool:
        return self.conclusion()[0] == "verified"

    @property
    def waiting(self) -> tuple[Translation, ...]:
        """The translations that were not tried yet."""
        return self.translations[len(self.samples) :]

    def add_checked(self, checked: Checked) -> None:
        """Take in the verdict on the next translation."""
        status, _, reason = _conclude(checked.verdict)
        self.samples.append(_sample(checked.translation, status, reason))
        if self.checked is None or status == "verified":
            self.checked = checked

    def add_died(self, died: Died) -> None:
        """Take in that the worker died over the next translation."""
        status, _, reason = self._why_it_died(died)
        self.samples.append(_sample(self.waiting[0], status, reason))

    def conclusion(self) -> tuple[FunctionStatus, str, str]:
        """(status, code, reason); code and reason are empty for a verified function."""
        if self.died is not None:
            return self._why_it_died(self.died)
        if self.refusal is not None:
            first = self.refusal.reasons[0]
            return "not_translated", first.code, first.message
        if self.objection:
            return "failed", WRONG_RESULT, self.objection
        if self.checked is None:
            return "unverified", NOT_VERIFIED, self.obstacle or "was not tested"
        status, code, reason = _conclude(self.checked.verdict)
        if status == "verified" or len(self.samples) < 2:
            return status, code, reason
        counts = Counter(sample.reason.partition(":")[0] for sample in self.samples)
        tried = ", ".join(f"{count} {words}" for words, count in counts.items())
        return status, code, f"{reason} (of {len(self.samples)} translations: {tried})"

    def _why_it_died(self, died: Died) -> tuple[FunctionStatus, str, str]:
        where = f" while {self.stage}" if self.stage else ""
        status: FunctionStatus = "unverified" if self.translations else "not_translated"
        if died.how == "timeout":
            return status, TOOK_TOO_LONG, f"{died.detail}{where} (--timeout gives more)"
        last = died.detail.strip().splitlines()[-1]
        return status, INTERNAL_ERROR, f"MuSL failed{where}, which is a bug: {last}"

    def record(self) -> FunctionRecord:
        """What the report says of the function."""
        status, code, reason = self.conclusion()
        translation, checked = self.translation, self.checked
        loops = translation.parallel if translation else ()
        remarks = translation.remarks if translation else ()
        if self.refusal is not None:
            remarks = self.refusal.reasons
        return FunctionRecord(
            name=self.name,
            line=self.function.span.line,
            status=status,
            code=code,
            reason=reason,
            parallel=[
                ParallelRecord(line=loop.line, iterators=list(loop.iterators), kernel=loop.kernel, form=loop.form)
                for loop in loops
            ],
            remarks=[remark_record(remark) for remark in remarks],
            tests=_tests(checked),
            coverage=_coverage(checked),
            translator=translation.provenance.translator if translation else "",
            samples=self.samples,
            schedules=list(checked.verdict.schedules) if checked else [],
            counterexample=counterexample_record(checked.verdict.counterexample if checked else None),
            seconds=round(checked.verdict.seconds, 3) if checked else 0.0,
        )


def _sample(translation: Translation, status: FunctionStatus, reason: str) -> SampleRecord:
    made = translation.provenance
    return SampleRecord(translator=made.translator, sample=made.sample, status=status, reason=reason)


def _conclude(verdict: Verdict) -> tuple[FunctionStatus, str, str]:
    status = _STATUS_OF_VERDICT[verdict.status]
    if status == "verified":
        return status, "", ""
    words = str(verdict.status).replace("_", " ")
    code = NOT_VERIFIED if status == "unverified" else WRONG_RESULT
    reason = verdict.reason.removeprefix(f"{words}: ")
    return status, code, f"{words}: {reason}" if reason else words


def remark_record(diagnostic: Diagnostic) -> RemarkRecord:
    """A diagnostic of a Translator as the report holds it."""
    return RemarkRecord(
        code=diagnostic.code,
        message=diagnostic.message,
        file=str(diagnostic.path),
        line=diagnostic.line,
        column=diagnostic.column,
    )


def _tests(checked: Checked | None) -> TestsRecord:
    if checked is None:
        return TestsRecord()
    return TestsRecord(run=checked.verdict.tests_run, passed=checked.verdict.tests_passed, dropped=checked.dropped)


def _coverage(checked: Checked | None) -> CoverageRecord | None:
    if checked is None or checked.coverage is None:
        return None
    return CoverageRecord(line=checked.coverage.line, branch=checked.coverage.branch)
