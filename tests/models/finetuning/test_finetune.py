"""Fine-tuning as a whole, on a micro model: it learns completions, and a kill changes nothing but the time."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from models.finetuning import FinetuneConfig, Progress, finetune
from models.model_form import ModelForm, read_form
from models.pretraining.run_folder import read_lines

Make = Callable[..., FinetuneConfig]


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
    finetune(whole)
    with pytest.raises(Killed):
        finetune(broken, progress=stop_after(5))
    assert len(losses(broken.output)) == 5
    finetune(broken)
    assert losses(broken.output) == losses(whole.output)
    assert same(broken.output, whole.output)
    kept = sorted(folder.name for folder in (broken.output / "checkpoints").glob("checkpoint-*"))
    assert kept == ["checkpoint-6", "checkpoint-8"]
