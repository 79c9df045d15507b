"""`Judging`: the verdict on one translation in its harness, with what went wrong and whether nvcc compiles it."""

from __future__ import annotations

from dataclasses import dataclass

from compile.nvcc import compile_nvcc
from compile.outcome import Status
from compile.sandbox import Sandbox
from compile.toolchain import find_nvcc
from data.pairs import Pair, pair_of_case
from musl.evaluation.candidates import OtherParameters, Unusable, other_parameters, pair_of
from musl.evaluation.failures import failure_of, message_of
from musl.evaluation.problems import Problem
from musl.evaluation.records import EvaluatedRecord, Failure, Harness, TimeRecord, TranslationRecord
from musl.judge import Judge
from musl.judge_pair import judge_pair
from musl.pair_times import time_pair
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
        verdict = judge_pair(self.judge, pair)
        failure = failure_of(verdict)
        compiles: bool | None = failure not in ("compile", "parse")
        message = message_of(verdict)
        if compiles and problem.direction == "c2cuda" and find_nvcc() is not None:
            compiles, complaint = _nvcc_accepts(pair.cuda, self.judge.sandbox)
            if compiles is False and not failure:
                message = complaint
        signature = ""
        if failure and failure != "infrastructure" and self.harness == "reference" and problem.direction == "c2cuda":
            other = other_parameters(problem, translation.text, translation.sample)
            if other is not None:
                message = other.difference if failure == "compile" else message
                signature = self._signature(other)
        times = self._times(problem, pair) if not failure and problem.direction == "c2cuda" else None
        return EvaluatedRecord(
            **verdict.model_dump(), failure=failure, message=message, compiles=compiles, signature=signature, time=times
        )

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

    def _signature(self, other: OtherParameters) -> str:
        """How the parameter list differs, where the translation is right under a wrapper that passes what it takes."""
        for pair in other.adapted:
            if judge_pair(self.judge, pair).verdict is VerdictStatus.EQUIVALENT:
                return f"{other.difference}; called with what it takes it is equivalent"
        return ""

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


def _nvcc_accepts(cuda_text: str, sandbox: Sandbox) -> tuple[bool | None, str]:
    """Whether nvcc compiles the device side, and its first complaint; None where the machine could not tell."""
    outcome = compile_nvcc(cuda_text, sandbox.scratch, sandbox, device_only=True)
    if outcome.status is Status.INFRASTRUCTURE:
        return None, ""
    lines = [line for line in outcome.message.splitlines() if "error" in line]
    return outcome.ok, lines[0] if lines else outcome.message.partition("\n")[0]
