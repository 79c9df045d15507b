"""`musl finetune` as it is called: figures out, one line for what cannot be used."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer

from data.tokens.bpe import save_tokenizer, train_bpe
from models.model_form import ModelForm, read_form
from models.pretraining.sizes import Shape, new_model
from musl import finetune_model
from musl.errors import UsageError


def musl(*arguments: object) -> subprocess.CompletedProcess[str]:
    code = "from musl.cli import main; main()"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def make_run(folder: Path) -> Path:
    """A model of two layers with its tokenizer, examples, and a config of three steps."""
    torch.set_num_threads(1)
    pairs = [(f"// C tests\nint f(int a);\n// test\n{i}", f"f({i});") for i in range(8)]
    save_tokenizer(train_bpe([text for pair in pairs for text in pair], 280), folder / "base")
    vocabulary = len(AutoTokenizer.from_pretrained(folder / "base"))
    shape = Shape(layers=2, hidden=32, heads=2)
    new_model("gpt_neox", shape, vocabulary=vocabulary, context=64, end=2, seed=0).save_pretrained(folder / "base")
    lines = [json.dumps({"prompt": prompt, "completion": completion}) for prompt, completion in pairs]
    (folder / "train.jsonl").write_text("\n".join(lines) + "\n")
    config = {
        "output": str(folder / "run"),
        "model": {"base": str(folder / "base"), "context": 64, "form": {"style": "short", "anonymous": True}},
        "data": {"train": [str(folder / "train.jsonl")]},
        "training": {"steps": 3, "batch_sequences": 2, "micro_batch": 2, "learning_rate": 1e-3},
    }
    file = folder / "config.yaml"
    file.write_text(json.dumps(config))
    return file


@pytest.mark.slow
def test_a_model_is_trained_with_the_loss_that_is_asked_for(tmp_path: Path) -> None:
    config = make_run(tmp_path)
    run = musl("finetune", config, "--loss", "limited_confidence", "--test-samples", 4, "--json")
    assert run.returncode == 0, run.stderr
    result = json.loads(run.stdout)
    assert result == json.loads((tmp_path / "run" / "result.json").read_text())
    assert (result["steps"], result["examples"], result["left_out"]) == (3, 8, 0)
    training = json.loads((tmp_path / "run" / "config.json").read_text())["training"]
    assert (training["loss"], training["test_samples"]) == ("limited_confidence", 4)
    assert read_form(tmp_path / "run" / "model") == ModelForm("short", anonymous=True)
    # The same run by the function: it is finished, and says so.
    again = finetune_model(config, loss="limited_confidence", test_samples=4)
    assert again is not None
    assert again.loss == result["loss"]
    with pytest.raises(UsageError, match=r"holds a run with another training\.loss, training\.test_samples"):
        finetune_model(config)


def test_a_config_with_an_unknown_key_is_refused_at_once(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text('{"output": "run", "modle": {}}')
    run = musl("finetune", file)
    assert run.returncode == 2
    assert run.stdout == ""
    assert run.stderr.startswith(f"error: {file}: ")
    assert "modle: no such key" in run.stderr
    assert len(run.stderr.splitlines()) == 1


def test_a_loss_that_there_is_not_is_refused(tmp_path: Path) -> None:
    run = musl("finetune", tmp_path / "config.yaml", "--loss", "focal")
    assert run.returncode == 2
    assert "--loss focal: choose cross_entropy or limited_confidence" in run.stderr
