"""`score_run`: from the records of a run to `metrics.json`."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from musl.evaluation.bleu import bleu, bleu_of
from musl.evaluation.bootstrap import Measure, ProblemId, Refused, Score, interval, mean_of
from musl.evaluation.code_bleu import code_bleu, code_bleu_of
from musl.evaluation.pass_at_k import Outcomes, computational_accuracy, pass_at
from musl.evaluation.records import (
    EvaluatedRecord,
    Interval,
    ItemRecord,
    MetricsRecord,
    ProblemRecord,
    RunRecord,
    Scores,
    TestsScores,
    TimeRecord,
    TranslationRecord,
)
from musl.evaluation.speedup import FAILED, best_at, efficiency_of, speedup_of
from musl.report.records import CoverageRecord
from musl.report.verdict_record import VerdictRecord

DRAWS = (1, 5, 10)  # k of Pass@k


def score_run(
    run: RunRecord,
    problems: Sequence[ProblemRecord],
    references: Sequence[VerdictRecord],
    translations: Sequence[TranslationRecord],
    verdicts: Sequence[EvaluatedRecord],
    items: Sequence[ItemRecord],
    measures: Mapping[str, Measure],
) -> MetricsRecord:
    """The scores over all problems, and over the sound ones. Records are joined by id; ValueError where a problem has
    no translation, or a translation no verdict."""
    tried = {str(record.id) for record in translations}
    missing = [problem.id for problem in problems if str(problem.id) not in tried]
    keys = {(str(record.id), record.sample) for record in verdicts}
    missing += [record.id for record in translations if (str(record.id), record.sample) not in keys]
    if missing:
        raise ValueError(f"problem {missing[0]} was not tried")
    sound = [str(problem.id) for problem in problems if not problem.bad]
    return MetricsRecord(
        run=run,
        all=_scores(measures, [str(problem.id) for problem in problems], verdicts, run.seed),
        sound=_scores(measures, sound, verdicts, run.seed),
        tests=score_tests(problems, references, items, run.seed),
    )


def measure_texts(problems: Sequence[ProblemRecord], translations: Sequence[TranslationRecord]) -> dict[str, Measure]:
    """What is counted on texts, once for every set of problems, under the names in `SCORES_OF_TEXTS`."""
    hypotheses: dict[ProblemId, list[str]] = {str(problem.id): [] for problem in problems}
    for record in translations:
        hypotheses[str(record.id)].append(record.scored)
    references: dict[ProblemId, str] = {str(problem.id): problem.reference for problem in problems}
    return {
        "bleu": bleu(hypotheses, references),
        "bleu_13a": bleu(hypotheses, references, "13a"),
        "codebleu": code_bleu(hypotheses, references),
    }


# The scores of summed rows, by the names of the metrics.
SCORES_OF_TEXTS: Mapping[str, Score] = {"bleu": bleu_of, "bleu_13a": bleu_of, "codebleu": code_bleu_of}


def counts_text(measures: Mapping[str, Measure]) -> str:
    """The rows of the measures as JSON, for `read_counts`."""
    rows = {name: {str(p): row.tolist() for p, row in measure.rows.items()} for name, measure in measures.items()}
    return json.dumps(rows) + "\n"


def read_counts(text: str) -> dict[str, Measure]:
    """The measures of a run; ValueError or KeyError where the text holds none."""
    rows = json.loads(text)
    return {
        name: Measure({problem: np.array(row, dtype=np.float64) for problem, row in rows[name].items()}, score)
        for name, score in SCORES_OF_TEXTS.items()
    }


def _scores(
    measures: Mapping[str, Measure], problems: Sequence[str], verdicts: Sequence[EvaluatedRecord], seed: int
) -> Scores:
    """The scores over some problems."""
    chosen = set(problems)
    own = [record for record in verdicts if str(record.id) in chosen]
    passed = outcomes_of(own)
    return Scores(
        problems=len(problems),
        bleu=interval(measures["bleu"].over(problems), seed=seed),
        bleu_13a=interval(measures["bleu_13a"].over(problems), seed=seed),
        codebleu=interval(measures["codebleu"].over(problems), seed=seed),
        compile_pass=interval(pass_at(1, _compiled(own)), seed=seed),
        computational_accuracy=interval(computational_accuracy(passed), seed=seed),
        pass_at={f"pass@{k}": interval(pass_at(k, passed), seed=seed) for k in DRAWS},
        speedup=_speedups(own, seed),
        failures=dict(Counter(record.failure for record in own if record.failure)),
        refusals=dict(Counter(_code(record.reason) for record in own if record.failure == "refused")),
    )


def _code(refusal: str) -> str:
    """The code that a refusal begins with, "other" where there is none."""
    found = re.match(r"MUSL\d+\b", refusal)
    return found[0] if found else "other"


def outcomes_of(verdicts: Sequence[EvaluatedRecord]) -> Outcomes:
    """Per problem whether each sample passed, by sample; samples that the machine failed have no outcome, and problems
    without any are left out."""
    found: dict[ProblemId, list[bool | None]] = {}
    for record in sorted(verdicts, key=lambda record: record.sample):
        outcome = None if record.failure == "infrastructure" else record.failure == ""
        found.setdefault(str(record.id), []).append(outcome)
    return {problem: given for problem, given in found.items() if any(each is not None for each in given)}


def _speedups(verdicts: Sequence[EvaluatedRecord], seed: int) -> dict[str, Interval]:
    """ParEval's speedup_n@k and efficiency_n@k, n being the threads of each launch; nothing where none was timed."""
    if not any(record.time is not None for record in verdicts):
        return {}
    found: dict[str, Interval] = {}
    for name, value_of in (("speedup", speedup_of), ("efficiency", efficiency_of)):
        values: dict[ProblemId, list[float | None]] = {}
        for record in verdicts:
            values.setdefault(str(record.id), []).append(_timed(record, value_of))
        known = {problem: given for problem, given in values.items() if any(each is not None for each in given)}
        for k in DRAWS:
            found[f"{name}@{k}"] = interval(best_at(k, known), seed=seed)
    return found


def _timed(record: EvaluatedRecord, value_of: Callable[[TimeRecord], float]) -> float | None:
    """The value of a sample; None where the machine failed it, or did not time it."""
    if record.failure == "infrastructure":
        return None
    if record.failure:
        return FAILED
    return None if record.time is None else value_of(record.time)


def _compiled(verdicts: Sequence[EvaluatedRecord]) -> Outcomes:
    found: dict[ProblemId, list[bool | None]] = {}
    for record in sorted(verdicts, key=lambda record: record.sample):
        found.setdefault(str(record.id), []).append(record.compiles)
    return {problem: given for problem, given in found.items() if any(each is not None for each in given)}


def score_tests(
    problems: Sequence[ProblemRecord],
    references: Sequence[VerdictRecord],
    items: Sequence[ItemRecord],
    seed: int,
) -> TestsScores:
    """The scores of the problems' own tests: how many are valid for the C side, and what was measured of them."""
    given = {record.id: record for record in references if record.tests.given}
    valid = mean_of({str(i): 100 * _valid(record) / record.tests.given for i, record in given.items()})
    telling = [item for item in items if item.discrimination is not None]
    return TestsScores(
        tests=sum(record.tests.given for record in given.values()),
        valid=interval(valid, seed=seed) if given else Interval(value=None, why="the problems have no tests"),
        source_coverage=_mean_coverage([record.coverage for record in references]),
        cuda_coverage=_mean_coverage([record.cuda_coverage for record in references]),
        mutants=_mutants(references, seed),
        telling=len(telling),
        kept=sum(item.kept for item in items),
    )


def _valid(record: VerdictRecord) -> int:
    return min(record.tests.valid, record.tests.given)


def _mean_coverage(measured: Sequence[CoverageRecord | None]) -> CoverageRecord | None:
    """The means over the problems that were measured (branches: that have some)."""
    known = [each for each in measured if each is not None]
    if not known:
        return None
    branches = [each.branch for each in known if each.branch is not None]
    return CoverageRecord(
        line=sum(each.line for each in known) / len(known), branch=sum(branches) / len(branches) if branches else None
    )


def _mutants(references: Sequence[VerdictRecord], seed: int) -> Interval | None:
    """Planted faults found, over the problems whose references had some."""
    measured = {str(r.id): r.mutants for r in references if r.mutants is not None}
    if not measured:
        return None
    rates = {i: m.killed / (m.killed + m.survived) for i, m in measured.items() if m.killed + m.survived}
    pooled: Measure | Refused = mean_of({i: 100 * rate for i, rate in rates.items()})
    return interval(pooled if rates else Refused("no planted fault counts"), seed=seed)
