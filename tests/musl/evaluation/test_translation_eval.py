"""`musl eval` with an encoder-decoder model and beams, and with the baselines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from benchmark import ADD2D, CASES, PREFIX, SCALE, read_lines, without_nvcc, write_benchmark
from micro_bart import write_micro_bart

from musl.evaluation.evaluate import EvaluationOptions, evaluate_benchmark
from musl.evaluation.records import MetricsRecord
from musl.translators import ModelOptions

CHOSEN = (SCALE, PREFIX)


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that knows the benchmark's own translations of the chosen problems."""
    pairs = [(CASES[i].c_text, CASES[i].kernel) for i in CHOSEN]
    return write_micro_bart(tmp_path_factory.mktemp("learned"), pairs, steps=150)


def evaluate(folder: Path, translator: str, **options: object) -> tuple[MetricsRecord, dict[object, str]]:
    """The figures, and by problem and sample what went wrong."""
    folder.mkdir(exist_ok=True)
    asked = EvaluationOptions(translator=translator, tests=0, **options)  # type: ignore[arg-type]
    ids = [str(problem) for problem in CHOSEN]
    with without_nvcc():
        metrics = evaluate_benchmark(
            *(write_benchmark(folder), folder / "run", asked), ids=ids, jobs=2, device="emulator"
        )
    lines = read_lines(folder / "run" / "verdicts.jsonl")
    return metrics, {(line["id"], line["sample"]): str(line["failure"]) for line in lines}


def test_the_likeliest_beam_of_each_problem_passes(tmp_path: Path, learned: Path) -> None:
    metrics, failures = evaluate(*(tmp_path, str(learned)), samples=3, model=ModelOptions(beams=4), harness="reference")
    assert metrics.run.translator == f"{learned} with 4 beams"
    assert [failures[problem, 0] for problem in CHOSEN] == ["", ""]
    assert len(failures) == 6 and any(failures.values())
    assert metrics.all.computational_accuracy.value == 100


def test_both_directions_of_a_model_pass(tmp_path: Path, learned: Path) -> None:
    _, failures = evaluate(tmp_path, str(learned), direction="cuda2c")
    assert failures == {(problem, 0): "" for problem in CHOSEN}


def test_the_baselines_are_scored_as_translators_are(tmp_path: Path) -> None:
    known = tmp_path / "pairs.jsonl"
    pair = {"id": 0, "c": CASES[ADD2D].c_text, "cuda": CASES[ADD2D].kernel}
    known.write_text(json.dumps(pair) + "\n")
    metrics, failures = evaluate(tmp_path / "copy", "copy", harness="reference")
    assert metrics.run.translator == "copy" and failures[PREFIX, 0] == "", "that reference is one thread, too"
    assert metrics.all.compile_pass.value == 100
    metrics, failures = evaluate(tmp_path / "nearest", f"nearest:{known}", harness="reference")
    assert all(failures.values()) and metrics.run.translator == f"nearest:{known}"
