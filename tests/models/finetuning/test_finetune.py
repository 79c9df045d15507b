"""Fine-tuning as a whole, on a micro model: it learns completions, and a kill changes nothing but the time."""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from models.errors import ModelError
from models.finetuning import FinetuneConfig, Progress, finetune
from models.finetuning.examples import read_examples, token_row
from models.finetuning.trainer import ExampleTrainer
from models.model_form import ModelForm, read_form
from models.precision import bf16_is_fast_here
from models.training_folder import read_lines

Make = Callable[..., FinetuneConfig]
Asked = Callable[..., dict[str, object]]


def losses(output: Path) -> list[tuple[float, float, float]]:
    return [(line["step"], line["loss"], line["grad_norm"]) for line in read_lines(output / "log.jsonl")]


def weights(output: Path) -> dict[str, torch.Tensor]:
    (file,) = (output / "model").glob("*model.safetensors")
    return load_file(file)


def same(one: Path, other: Path) -> bool:
    left, right = weights(one), weights(other)
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


class Killed(Exception):
    pass


def stop_after(step: int) -> Callable[[Progress], None]:
    def stop(progress: Progress) -> None:
        if progress.step == step:
            raise Killed

    return stop


def test_a_run_learns_its_completions_and_leaves_a_model(micro: Make, examples: Path) -> None:
    config = micro(training={"steps": 40}, data={"held_out": [str(examples)]}, evaluation={"every": 20})
    seen: list[Progress] = []
    result = finetune(config, progress=seen.append)
    assert [progress.step for progress in seen] == list(range(1, 41))
    assert seen[-1].seconds_left == 0
    assert result.loss < 0.5 * result.first_loss
    assert [line["step"] for line in read_lines(config.output / "evaluations.jsonl")] == [20, 40]
    assert result.held_out_loss == read_lines(config.output / "evaluations.jsonl")[-1]["loss"]
    assert result.held_out_loss == pytest.approx(result.loss, rel=0.2)  # they are the same examples
    assert (result.examples, result.left_out) == (24, 0)
    assert json.loads((config.output / "result.json").read_text())["loss"] == result.loss
    assert read_form(Path(result.model)) == ModelForm("short", anonymous=True)
    AutoModelForCausalLM.from_pretrained(result.model)
    assert AutoTokenizer.from_pretrained(result.model).eos_token == "</s>"


def test_a_warmup_longer_than_the_epochs_is_halved_to_their_steps(
    micro: Make, caplog: pytest.LogCaptureFixture
) -> None:
    config = micro(training={"steps": None, "epochs": 1, "warmup_steps": 500})
    steps = finetune(config).steps
    assert f"500 would leave nothing of {steps} steps, {steps // 2} are taken" in caplog.text
    rates = [line["learning_rate"] for line in read_lines(config.output / "log.jsonl")]
    assert rates.index(max(rates)) == steps // 2 and max(rates) == config.training.learning_rate


def test_few_examples_are_seen_more_often_for_the_least_steps(micro: Make) -> None:
    asked: dict[str, object] = {"steps": None, "epochs": 1}
    few = finetune(micro("few", training=asked)).steps
    assert finetune(micro("more", training={**asked, "least_steps": few + 2})).steps == few + 2
    assert finetune(micro("enough", training={**asked, "least_steps": 1})).steps == few


@pytest.mark.parametrize(
    "changes",
    [
        {"model": {"method": "lora"}, "adapter": {"dropout": 0.2, "rank": 4}},
        {"training": {"loss": "limited_confidence", "precision": "bf16", "gradient_checkpointing": True}},
        {"data": {"pack": False}},
    ],
    ids=["lora", "limited", "unpacked"],
)
def test_a_run_that_stopped_between_checkpoints_goes_on_exactly(
    micro: Make, changes: dict[str, dict[str, object]]
) -> None:
    whole, broken = micro("whole", **changes), micro("broken", **changes)
    bits = finetune(whole).precision_bits
    assert bits == (16 if whole.training.precision == "bf16" and bf16_is_fast_here() else 32)
    with pytest.raises(Killed):
        finetune(broken, progress=stop_after(5))
    assert len(losses(broken.output)) == 5
    finetune(broken)
    assert losses(broken.output) == losses(whole.output)
    assert same(broken.output, whole.output)
    kept = sorted(folder.name for folder in (broken.output / "checkpoints").glob("checkpoint-*"))
    assert kept == ["checkpoint-6", "checkpoint-8"]


@pytest.mark.slow
def test_a_process_killed_at_any_moment_goes_on_exactly(asked: Asked, tmp_path: Path) -> None:
    """Killed twice, each a moment of its own after a step that it got to: while it trains or writes."""
    whole = FinetuneConfig.model_validate(asked("whole", training={"steps": 30}))
    finetune(whole)
    config = tmp_path / "killed.yaml"
    config.write_text(json.dumps(asked("killed", training={"steps": 30})))
    output, times = tmp_path / "killed", random.Random(0)
    for steps in (11, 28):
        run = subprocess.Popen([sys.executable, "-m", "models.finetuning", config], stdout=subprocess.PIPE)
        while len(read_lines(output / "log.jsonl")) < steps and run.poll() is None:
            time.sleep(0.01)
        time.sleep(0.2 * times.random())
        run.kill()
        run.communicate()
    run = subprocess.run([sys.executable, "-m", "models.finetuning", config], capture_output=True, check=True)
    assert json.loads(run.stdout.splitlines()[-1])["result"]["steps"] == 30
    assert losses(output) == losses(whole.output)
    assert same(output, whole.output)


def test_a_checkpoint_that_was_not_finished_is_not_used(micro: Make) -> None:
    whole, broken = micro("whole"), micro("broken")
    finetune(whole)
    with pytest.raises(Killed):
        finetune(broken, progress=stop_after(4))
    unfinished = broken.output / "checkpoints" / "checkpoint-4"
    unfinished.mkdir()
    (unfinished / "model.safetensors").write_bytes(b"half")
    with (broken.output / "log.jsonl").open("a") as log:
        log.write('{"step": 5, "lo')
    finetune(broken)
    assert losses(broken.output) == losses(whole.output)
    assert same(broken.output, whole.output)
    assert not unfinished.exists()


def test_a_finished_run_is_not_trained_again(micro: Make) -> None:
    config = micro(training={"steps": 3})
    first = finetune(config)
    steps: list[int] = []
    assert finetune(config, progress=lambda progress: steps.append(progress.step)) == first
    assert steps == []


def test_a_result_of_another_version_is_refused_in_a_line_and_made_anew_once_deleted(micro: Make) -> None:
    config = micro(training={"steps": 3})
    first = finetune(config)
    file = config.output / "result.json"
    older = json.loads(file.read_text())
    del older["precision_bits"]
    for text in (json.dumps(older), '{"model": '):
        file.write_text(text)
        with pytest.raises(ModelError, match="not a result of this version of MuSL") as refused:
            finetune(config)
        assert str(refused.value).startswith(str(file)) and "\n" not in str(refused.value)
    file.unlink()
    assert replace(finetune(config), seconds=0, tokens_per_second=0) == replace(first, seconds=0, tokens_per_second=0)


@pytest.mark.parametrize("loss", ["cross_entropy", "limited_confidence"])
def test_micro_batches_and_packing_do_not_change_the_first_loss(micro: Make, loss: str) -> None:
    """All 24 examples are in the first step, however they are laid out."""
    layouts = [(6, 6, True), (6, 1, True), (24, 24, False), (24, 3, False)]
    first = []
    for batch, at_once, pack in layouts:
        training = {"steps": 3, "batch_sequences": batch, "micro_batch": at_once, "loss": loss}
        config = micro(f"{batch}-{at_once}", training=training, data={"pack": pack}, model={"context": 512})
        result = finetune(config)
        assert result.rows == batch  # the first step is all of them
        first.append(result.first_loss)
    assert first == pytest.approx([first[0]] * 4, rel=1e-5)


def test_limited_confidence_stops_where_samples_find_the_completion(
    micro: Make, base: Path, examples: Path, tmp_path: Path
) -> None:
    """Both losses learn a single example; the one for Pass@N leaves it less certain, but found by N samples."""
    one = tmp_path / "one.jsonl"
    one.write_text(examples.read_text().splitlines(keepends=True)[3])
    (example,) = read_examples([one])
    row = token_row(example, AutoTokenizer.from_pretrained(base), "short")
    chances = {}
    for loss in ("cross_entropy", "limited_confidence"):
        training = {"steps": 80, "loss": loss, "batch_sequences": 1, "micro_batch": 1}
        training |= {"learning_rate": 2e-2, "final_learning_rate": 1e-2}
        result = finetune(micro(loss, data={"train": [str(one)]}, training=training, run={"checkpoint_every": 80}))
        ids, labels = torch.tensor([row.ids]), torch.tensor([row.labels])
        mean = AutoModelForCausalLM.from_pretrained(result.model).eval()(input_ids=ids, labels=labels).loss
        chances[loss] = math.exp(-mean.item() * sum(label >= 0 for label in row.labels))
    assert 0.2 < chances["limited_confidence"] < chances["cross_entropy"]
    assert 1 - (1 - chances["limited_confidence"]) ** 10 > 0.9


def test_an_adapter_is_saved_for_its_base_and_trained_further(micro: Make, base: Path) -> None:
    training = {"steps": 20, "learning_rate": 5e-3}
    first = micro("first", model={"method": "lora"}, training=training, adapter={"rank": 4})
    result = finetune(first)
    assert 0 < result.trained_parameters < 0.5 * result.parameters
    adapted = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), result.model)
    assert adapted.peft_config["default"].r == 4
    further = micro("further", model={"method": "lora", "continue_from": result.model}, training=training)
    went_on = finetune(further)
    assert result.loss < 0.97 * result.first_loss  # the base is random and frozen: there is little to adapt
    assert went_on.first_loss == pytest.approx(result.loss, rel=0.01)
    assert went_on.loss < result.loss


def test_a_merged_adapter_is_a_model_that_computes_the_same(micro: Make, base: Path) -> None:
    settings = {"model": {"method": "lora"}, "training": {"steps": 20, "learning_rate": 2e-2}}
    alone = finetune(micro("alone", **settings, adapter={"rank": 4}))
    merged = finetune(micro("merged", **settings, adapter={"rank": 4, "merge": True}))
    ids = torch.arange(10, 30)[None]
    models = [
        PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), alone.model),
        AutoModelForCausalLM.from_pretrained(merged.model),
    ]
    left, right = (model.eval()(ids).logits for model in models)
    assert torch.allclose(left, right, atol=1e-4)
    assert not torch.allclose(left, AutoModelForCausalLM.from_pretrained(base).eval()(ids).logits, atol=1e-2)


def test_weights_are_saved_in_the_precision_of_the_base(micro: Make, base: Path, tmp_path: Path) -> None:
    half = tmp_path / "half"
    AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16).save_pretrained(half)
    AutoTokenizer.from_pretrained(base).save_pretrained(half)
    config = micro(model={"base": str(half)}, training={"steps": 3})
    assert finetune(config).first_loss > 1
    assert {tensor.dtype for tensor in weights(config.output).values()} == {torch.bfloat16}


def test_a_micro_batch_that_memory_does_not_hold_is_halved_and_a_step_stays_as_large(
    micro: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked = {"batch_sequences": 4, "steps": 4}
    narrow = finetune(micro("narrow", training={**asked, "micro_batch": 1}))
    step, rows = ExampleTrainer.training_step, []

    def refuse_more_than_one(
        trainer: ExampleTrainer, model: object, inputs: dict[str, torch.Tensor], *rest: object
    ) -> object:
        rows.append(len(inputs["input_ids"]))
        if rows[-1] > 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return step(trainer, model, inputs, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(ExampleTrainer, "training_step", refuse_more_than_one)
    halved = finetune(micro("halved", training={**asked, "micro_batch": 4}))
    assert rows[:2] == [4, 2] and rows[2:] == [1] * 16
    assert [record.getMessage()[-19:] for record in caplog.records if record.name == "models.finetuning.run"] == [
        "with 2 rows at once",
        "with 1 rows at once",
    ]
    assert halved.loss == narrow.loss
