"""Scores are joined by id, leave out what the machine failed, and are refused where there is too little."""

from __future__ import annotations

import json
import random

import pytest
from benchmark import RUN

from musl.evaluation.evaluate import published_names
from musl.evaluation.records import (
    EvaluatedRecord,
    Failure,
    Interval,
    MetricsRecord,
    ProblemRecord,
    TimeRecord,
    TranslationRecord,
)
from musl.evaluation.scores import counts_text, measure_texts, outcomes_of, read_counts, score_run, score_tests
from musl.report.verdict_record import VerdictRecord, VerdictTests
from musl.verdict import VerdictStatus

KERNEL = "__global__ void k(float *a, int n) { int i = threadIdx.x; if (i < n) a[i] = a[i] * 2.0f; }"
OTHER = "__global__ void k(float *a) { a[threadIdx.x] += 1; }"
PROBLEMS = [
    ProblemRecord(id=0, name="f", source="void f() {}", reference=KERNEL),
    ProblemRecord(id=1, name="g", source="void g() {}", reference=KERNEL),
    ProblemRecord(id=2, name="h", source="void h() {}", reference=KERNEL, bad="a[0]: expected 1, got 2"),
]
# By problem, the failures of its samples.
FAILURES: dict[int, tuple[Failure, ...]] = {
    0: ("", "", "wrong"),
    1: ("compile", "", "infrastructure"),
    2: ("wrong", "wrong", "wrong"),
}


def translations() -> list[TranslationRecord]:
    text = {"": KERNEL, "wrong": OTHER}
    return [
        TranslationRecord(id=problem, sample=sample, cuda=KERNEL, scored=text.get(failure, ""))
        for problem, failures in FAILURES.items()
        for sample, failure in enumerate(failures)
    ]


def verdicts() -> list[EvaluatedRecord]:
    return [
        EvaluatedRecord(
            id=problem,
            sample=sample,
            verdict=VerdictStatus.DIFFERENT if failure else VerdictStatus.EQUIVALENT,
            failure=failure,
            compiles={"compile": False, "infrastructure": None}.get(failure, True),
        )
        for problem, failures in FAILURES.items()
        for sample, failure in enumerate(failures)
    ]


def score(texts: list[TranslationRecord], judged: list[EvaluatedRecord]) -> MetricsRecord:
    return score_run(RUN, PROBLEMS, [], texts, judged, [], measure_texts(PROBLEMS, texts))


def test_the_figures_are_those_of_the_definitions() -> None:
    metrics = score(translations(), verdicts())
    # Pass@1: 2 of 3, 1 of the 2 that have an outcome, 0 of 3.
    assert metrics.all.pass_at["pass@1"].value == pytest.approx(100 * (2 / 3 + 1 / 2 + 0) / 3)
    assert metrics.sound.pass_at["pass@1"].value == pytest.approx(100 * (2 / 3 + 1 / 2) / 2)
    assert metrics.all.compile_pass.value == pytest.approx(100 * (1 + 1 / 2 + 1) / 3)
    # The first samples: passed, not, not.
    assert metrics.all.computational_accuracy.value == pytest.approx(100 / 3)
    assert metrics.all.failures == {"wrong": 4, "compile": 1, "infrastructure": 1}
    assert (metrics.all.problems, metrics.sound.problems) == (3, 2)
    assert metrics.sound.failures == {"wrong": 1, "compile": 1, "infrastructure": 1}


def test_shuffled_records_give_the_same_figures() -> None:
    texts, judged = translations(), verdicts()
    expected = score(texts, judged)
    for seed in range(3):
        random.Random(seed).shuffle(texts)
        random.Random(seed + 10).shuffle(judged)
        assert score(texts, judged) == expected


@pytest.mark.parametrize(("k", "why"), [("pass@5", "Pass@5 needs 5 samples"), ("pass@10", "Pass@10 needs 10 samples")])
def test_more_draws_than_samples_are_refused(k: str, why: str) -> None:
    figure = score(translations(), verdicts()).all.pass_at[k]
    assert figure.value is None and figure.low is None
    assert figure.why.startswith(why)


def test_a_problem_that_the_machine_failed_counts_in_no_score() -> None:
    judged = [record for record in verdicts() if record.id != 1]
    failed = {"verdict": VerdictStatus.INFRASTRUCTURE, "failure": "infrastructure", "compiles": None}
    broken = [record.model_copy(update=failed) for record in verdicts() if record.id == 1]
    assert set(outcomes_of([*judged, *broken])) == {"0", "2"}
    metrics = score(translations(), [*judged, *broken])
    for figure in (metrics.all.pass_at["pass@1"], metrics.all.compile_pass, metrics.all.computational_accuracy):
        assert figure.count == 2
    assert metrics.all.pass_at["pass@1"].value == pytest.approx(100 * (2 / 3 + 0) / 2)


def test_every_problem_and_every_sample_has_to_be_tried() -> None:
    with pytest.raises(ValueError, match="problem 1 was not tried"):
        score([record for record in translations() if record.id != 1], verdicts())
    with pytest.raises(ValueError, match="problem 2 was not tried"):
        score(translations(), [record for record in verdicts() if (record.id, record.sample) != (2, 1)])


def test_no_sound_problem_leaves_no_figure() -> None:
    bad = [problem.model_copy(update={"bad": "wrong"}) for problem in PROBLEMS]
    texts = translations()
    metrics = score_run(RUN, bad, [], texts, verdicts(), [], measure_texts(bad, texts))
    assert metrics.sound.problems == 0
    assert metrics.sound.bleu.value is None and metrics.sound.pass_at["pass@1"].value is None
    assert metrics.sound.bleu.why == "there is no problem to score"


def test_the_references_themselves_score_a_hundred() -> None:
    texts = [TranslationRecord(id=p.id, cuda=p.reference, scored=p.reference) for p in PROBLEMS]
    judged = [EvaluatedRecord(id=p.id, verdict=VerdictStatus.EQUIVALENT, compiles=True) for p in PROBLEMS]
    scores = score(texts, judged).all
    for figure in (scores.bleu, scores.bleu_13a, scores.codebleu, scores.compile_pass, scores.pass_at["pass@1"]):
        assert figure.value == pytest.approx(100)
        assert figure.low == pytest.approx(100) and figure.high == pytest.approx(100)


def test_the_file_has_the_published_names_at_its_top() -> None:
    metrics = score(translations(), verdicts())
    written = json.loads(json.dumps(published_names(metrics)))
    for name in ("bleu", "codebleu", "compile_pass", "pass@1", "pass@5", "pass@10"):
        assert {"value", "low", "high"} <= set(written[name])
        figure = Interval.model_validate(written[name])
        assert figure in (
            metrics.all.bleu,
            metrics.all.codebleu,
            metrics.all.compile_pass,
            *metrics.all.pass_at.values(),
        )
    kept = {name: written[name] for name in ("run", "all", "sound", "tests")}
    assert MetricsRecord.model_validate(kept) == metrics


def test_counts_of_texts_are_read_as_they_were_written() -> None:
    measures = measure_texts(PROBLEMS, translations())
    read = read_counts(counts_text(measures))
    assert {name: measure.value for name, measure in read.items()} == {n: m.value for n, m in measures.items()}
    with pytest.raises((ValueError, KeyError)):
        read_counts("{}")


def test_speedup_leaves_out_what_the_machine_failed() -> None:
    def timed(problem: int, failure: Failure, sequential: float) -> EvaluatedRecord:
        time = TimeRecord(translation=1.0, reference=1.0, sequential=sequential, threads=2, repeats=3)
        verdict = VerdictStatus.DIFFERENT if failure else VerdictStatus.EQUIVALENT
        return EvaluatedRecord(id=problem, verdict=verdict, failure=failure, time=None if failure else time)

    judged = [timed(0, "", 8.0), timed(1, "infrastructure", 1.0), timed(2, "wrong", 1.0)]
    texts = [record for record in translations() if record.sample == 0]
    speedup = score(texts, judged).all.speedup
    assert speedup["speedup@1"].value == pytest.approx((8 + 0) / 2)
    assert speedup["efficiency@1"].value == pytest.approx((4 + 0) / 2)
    assert speedup["speedup@5"].value is None
    assert score(texts, [record.model_copy(update={"time": None}) for record in judged]).all.speedup == {}


def test_valid_tests_are_counted_by_problem() -> None:
    def reference(problem: int, **tests: int) -> VerdictRecord:
        return VerdictRecord(id=problem, verdict=VerdictStatus.EQUIVALENT, tests=VerdictTests.model_validate(tests))

    # The second has five more tests that were made for it; the third has none of its own.
    references = [reference(0, given=4, valid=2), reference(1, given=2, valid=7), reference(2, given=0, valid=5)]
    scores = score_tests(PROBLEMS, references, [], seed=0)
    assert (scores.tests, scores.valid.value, scores.valid.count) == (6, 75.0, 2)
    assert scores.mutants is None and scores.source_coverage is None
    assert score_tests(PROBLEMS, [], [], seed=0).valid.why == "the problems have no tests"
