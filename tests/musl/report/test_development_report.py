"""The analytic Translator on the development cases in both harnesses: the bars that it has to meet, and the page about
it in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from musl import evaluate_benchmark, make_report
from musl.evaluation.evaluate import EvaluationOptions
from musl.evaluation.records import Harness
from musl.report.read_run import EvaluationRun, read_evaluations

Open = Callable[..., Chrome]
BARS: dict[Harness, float] = {"reference": 86.0, "own": 96.0}  # Pass@1 over the sound problems


@pytest.fixture(scope="module")
def runs(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The folders of both runs."""
    folder = tmp_path_factory.mktemp("development")
    benchmark = shared_data / "babeltower" / "unit_tests.dev.jsonl"
    for harness in BARS:
        options = EvaluationOptions(harness=harness, serial_kernels=True)
        evaluate_benchmark(benchmark, folder / harness, options, device="emulator", jobs=2)
    return [folder / harness for harness in BARS]


@pytest.fixture(scope="module")
def evaluations(runs: list[Path]) -> list[EvaluationRun]:
    return read_evaluations(runs)


@pytest.mark.slow
def test_the_bars_are_met(evaluations: list[EvaluationRun]) -> None:
    for evaluation in evaluations:
        passed = evaluation.metrics.sound.pass_at["pass@1"]
        assert passed.value is not None and passed.value >= BARS[evaluation.run.harness]
        assert evaluation.metrics.all.problems == 122
        assert evaluation.metrics.all.failures.get("infrastructure", 0) == 0


@pytest.mark.slow
def test_a_kernel_that_takes_other_parameters_is_told_from_a_wrong_one(evaluations: list[EvaluationRun]) -> None:
    """Where the reference's kernel lacks a parameter of the C function, nothing but that can be wrong."""
    reference = evaluations[0]
    other = {str(problem.id) for problem in reference.problems if not problem.alike and not problem.bad}
    told = {
        identity
        for identity, samples in reference.samples.items()
        for sample in samples
        if sample.verdict.signature and not reference.passes(identity)[0]
    }
    failed = {identity for identity in other if not all(reference.passes(identity))}
    assert failed and failed <= told


@pytest.mark.slow
def test_the_page_of_the_run_opens(
    runs: list[Path], evaluations: list[EvaluationRun], tmp_path: Path, visit: Open
) -> None:
    page = visit(make_report(runs, tmp_path / "report.html"))
    assert len(page.find_elements(By.CSS_SELECTOR, "tr.case")) == 122
    shown = page.find_element(By.TAG_NAME, "body").text
    for evaluation in evaluations:
        for scores in (evaluation.metrics.all, evaluation.metrics.sound):
            assert f"{scores.pass_at['pass@1'].value:.2f}" in shown
    assert [entry for entry in page.get_log("browser") if entry["level"] == "SEVERE"] == []
