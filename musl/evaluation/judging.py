"""`Judging`: the verdict on one translation in its harness, with what went wrong and whether nvcc compiles it."""

from __future__ import annotations

from dataclasses import dataclass

from compile.nvcc import compile_nvcc
from compile.outcome import Status
from compile.sandbox import Sandbox
from compile.toolchain import find_nvcc
from data.pairs import Pair, pair_of_case
from musl.evaluation.candidates import OtherParameters, Unusable, other_parameters, pair_of
from musl.evaluation.failures import complaint_of, failure_of, message_of
from musl.evaluation.problems import Problem
from musl.evaluation.records import EvaluatedRecord, Failure, Harness, TimeRecord, TranslationRecord
from musl.judge import Judge
from musl.judge_pair import judge_pair
from musl.pair_times import time_pair
from musl.report.verdict_record import VerdictRecord
from musl.verdict import VerdictStatus


@dataclass(frozen=True)
class Judging:
    """How translations are judged."""

    judge: Judge
    harness: Harness

    def evaluate(self, item: tuple[Problem, TranslationRecord]) -> EvaluatedRecord:
        """The verdict on one translation. Never raises for what it holds."""
        problem, translation = item
        if not translation.text:
            return self._unjudged(translation, "refused", translation.refusal)
        pair = pair_of(problem, translation.text, translation.sample, self.harness)
        if isinstance(pair, Unusable):
            return self._unjudged(translation, "parse", pair.reason)
        record = _evaluated(judge_pair(self.judge, pair))
        if problem.direction == "cuda2c":
            return record
        if record.compiles is not False and find_nvcc() is not None:
            record = _with_nvcc(record, pair.cuda, self.judge.sandbox)
        if not record.failure:
            return record.model_copy(update={"time": self._times(problem, pair)})
        if record.failure != "infrastructure" and self.harness == "reference":
            return self._with_signature(record, other_parameters(problem, translation.text, translation.sample))
        return record

    def _times(self, problem: Problem, pair: Pair) -> TimeRecord | None:
        """How fast a right translation is, beside the reference; None without a GPU, or where one cannot be timed."""
        if self.judge.device != "gpu":
            return None
        own, reference = time_pair(self.judge, pair), time_pair(self.judge, pair_of_case(problem.case))
        if own is None or reference is None:
            return None
        return TimeRecord(
            translation=own.kernels,
            reference=reference.kernels,
            sequential=own.sequential,
            threads=own.threads,
            repeats=own.repeats,
        )

    def _with_signature(self, record: EvaluatedRecord, other: OtherParameters | None) -> EvaluatedRecord:
        """With how the parameter list differs, where the translation is right under a wrapper that passes what it
        takes."""
        for pair in other.adapted if other is not None else ():
            if other is not None and judge_pair(self.judge, pair).verdict is VerdictStatus.EQUIVALENT:
                signature = f"{other.difference}; called with what it takes it is equivalent"
                message = other.difference if record.failure == "compile" else record.message
                return record.model_copy(update={"signature": signature, "message": message})
        return record

    def _unjudged(self, translation: TranslationRecord, failure: Failure, reason: str) -> EvaluatedRecord:
        return EvaluatedRecord(
            id=translation.id,
            sample=translation.sample,
            verdict=VerdictStatus.CANDIDATE_FAILED,
            reason=reason,
            device=self.judge.device,
            failure=failure,
            message=reason,
            compiles=False,
        )


def _evaluated(verdict: VerdictRecord) -> EvaluatedRecord:
    """The verdict with what went wrong, and whether the judge's compiler took the text: where none of its tests came to
    anything, that is not known."""
    failure = failure_of(verdict)
    known = failure not in ("infrastructure", "untested")
    compiles = failure not in ("compile", "parse") if known else None
    return EvaluatedRecord(**verdict.model_dump(), failure=failure, message=message_of(verdict), compiles=compiles)


def _with_nvcc(record: EvaluatedRecord, cuda_text: str, sandbox: Sandbox) -> EvaluatedRecord:
    """With what nvcc says of the text, where the machine could tell. It has the last word: what it refuses is no CUDA,
    whatever came of it in the emulator."""
    outcome = compile_nvcc(cuda_text, sandbox.scratch, sandbox, device_only=True)
    if outcome.status is Status.INFRASTRUCTURE:
        return record
    if outcome.ok:
        return record.model_copy(update={"compiles": True})
    lines = [line for line in outcome.message.splitlines() if "error" in line] or outcome.message.splitlines()
    complaint = lines[0].strip() if lines else outcome.status.value
    reason = f"nvcc does not compile it: {complaint}"
    refused = {"verdict": VerdictStatus.CANDIDATE_FAILED, "reason": reason, "compiles": False}
    return record.model_copy(update={**refused, "failure": "compile", "message": complaint_of(complaint)})
