"""`musl eval` with a model: it is asked once for all problems, in both directions and for both harnesses."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmark import ADD2D, CASES, FLAG, PREFIX, SCALE, read_lines, without_nvcc, write_benchmark
from replay_generator import ReplayGenerator

from models.generation.protocol import NoAnswer
from models.model_form import ModelForm
from musl.errors import UsageError
from musl.evaluation.evaluate import EvaluationOptions, evaluate_benchmark
from musl.evaluation.records import MetricsRecord
from translator.neural.translator import NeuralTranslator

CHOSEN = (SCALE, ADD2D, FLAG, PREFIX)
KERNELS = {f" {CASES[i].name}_cpu(": [f"```cuda\n{CASES[i].kernel}\n```"] for i in CHOSEN}
FUNCTIONS = {f" {CASES[i].name}(": [CASES[i].c_text] for i in CHOSEN}


def evaluate(folder: Path, generator: ReplayGenerator, **options: object) -> tuple[MetricsRecord, dict[object, object]]:
    """The figures, and by problem and sample what went wrong."""
    folder.mkdir(exist_ok=True)
    benchmark = write_benchmark(folder)
    model = NeuralTranslator(generator, ModelForm("short"))
    with without_nvcc():
        metrics = evaluate_benchmark(
            *(benchmark, folder / "run", EvaluationOptions(translator=model, tests=0, **options)),  # type: ignore[arg-type]
            ids=[str(problem) for problem in CHOSEN],
            jobs=2,
            device="emulator",
        )
    lines = read_lines(folder / "run" / "verdicts.jsonl")
    return metrics, {(line["id"], line["sample"]): line["failure"] for line in lines}


@pytest.mark.parametrize("harness", ["own", "reference"])
def test_kernels_are_judged_in_both_harnesses(tmp_path: Path, harness: str) -> None:
    generator = ReplayGenerator(KERNELS)
    metrics, failures = evaluate(tmp_path, generator, harness=harness)
    assert failures == {(problem, 0): "" for problem in CHOSEN}
    assert metrics.run.translator == "replay"
    ((prompts, sampling),) = generator.asked  # once, for all
    assert (len(prompts), sampling.samples) == (len(CHOSEN), 1)
    texts = {line["id"]: line["cuda"] for line in read_lines(tmp_path / "run" / "translations.jsonl")}
    assert all(("_on_device(" in str(text)) == (harness == "own") for text in texts.values())


def test_c_functions_are_judged_under_whatever_name(tmp_path: Path) -> None:
    _, failures = evaluate(tmp_path, ReplayGenerator(FUNCTIONS), direction="cuda2c", harness="own")
    assert failures == {(SCALE, 0): "", (ADD2D, 0): "", (FLAG, 0): "", (PREFIX, 0): ""}


def test_each_sample_has_its_own_record_and_malformed_ones_their_reason(tmp_path: Path) -> None:
    answers = {
        **KERNELS,
        f" {CASES[SCALE].name}_cpu(": ["no", KERNELS[f" {CASES[SCALE].name}_cpu("][0], "__global__ {"],
    }
    answers[f" {CASES[PREFIX].name}_cpu("] = [NoAnswer("too long")]  # type: ignore[list-item]
    generator = ReplayGenerator(answers)
    metrics, failures = evaluate(tmp_path, generator, samples=3, harness="reference")
    assert [failures[SCALE, i] for i in range(3)] == ["refused", "", "refused"]
    assert [failures[PREFIX, i] for i in range(3)] == ["refused"] * 3
    refusals = [line["refusal"] for line in read_lines(tmp_path / "run" / "translations.jsonl") if line["id"] == SCALE]
    assert refusals == ["MUSL202 the answer holds no code", "", "MUSL204 line 1 of the code: `{` has no partner"]
    assert metrics.all.refusals == {"MUSL202": 1, "MUSL204": 1, "MUSL201": 3}
    assert metrics.all.pass_at["pass@1"].value == pytest.approx(100 * (1 / 3 + 1 + 1 + 0) / 4)
    again, _ = evaluate(tmp_path, generator, samples=3, harness="reference")
    assert again == metrics and len(generator.asked) == 1  # a finished run asks nothing


def test_serial_kernels_are_not_a_models(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--serial-kernels is for the analytic Translator"):
        evaluate(tmp_path, ReplayGenerator({}), serial_kernels=True)
