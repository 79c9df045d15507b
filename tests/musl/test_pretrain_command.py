"""`musl pretrain` and `musl complete` as they are called: figures out, one line for what cannot be used."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from data.corpus.row import Row, row_id, write_shards
from data.tokens.bpe import save_tokenizer, train_bpe
from musl.pretrain import complete_text
from musl.pretrain_command import run_complete


def musl(*arguments: object) -> subprocess.CompletedProcess[str]:
    code = "from musl.cli import main; main()"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def make_run(folder: Path) -> Path:
    """A corpus, a tokenizer and a config of two steps."""
    texts = [f"int f{i}(int a, int b)\n{{\n    return a * {i} + b;\n}}\n" for i in range(120)]
    rows = [Row(row_id("c", text), "function", "c", "f", text, "f.c", 1, 4, "test") for text in texts]
    write_shards(rows, folder / "corpus")
    save_tokenizer(train_bpe(texts, 300), folder / "tokenizer")
    config = {
        "output": str(folder / "run"),
        "model": {"size": "micro", "context": 32},
        "data": {"train": [str(folder / "corpus")], "held_out_share": 0.2, "tokenizer": str(folder / "tokenizer")},
        "training": {"steps": 2, "batch_sequences": 2, "micro_batch": 2, "learning_rate": 1e-3},
        "evaluation": {"completions": 2, "ngram_order": 5},
    }
    file = folder / "config.yaml"
    file.write_text(json.dumps(config))
    return file


@pytest.mark.slow
def test_a_run_is_trained_scored_and_completes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = make_run(tmp_path)
    run = musl("pretrain", config, "--json")
    assert run.returncode == 0, run.stderr
    result = json.loads(run.stdout)
    assert result == json.loads((tmp_path / "run" / "result.json").read_text())
    assert 0 <= result["codebleu"] <= 100
    assert 1 < result["ngram_per_character"] < result["per_character"]
    assert "step 0: held-out perplexity" in run.stderr
    beginning = tmp_path / "beginning.c"
    beginning.write_text("int f(int a")
    assert run_complete(lambda: complete_text(beginning, tmp_path / "run", tokens=5), json=True) == 0
    made = json.loads(capsys.readouterr().out)["completion"]
    assert made == complete_text(beginning, tmp_path / "run", tokens=5)
    assert made
    beginning.write_text("int f(int a\n    ")  # the model writes the blanks itself
    assert made == complete_text(beginning, tmp_path / "run", tokens=5)


def test_a_config_with_an_unknown_key_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(make_run(tmp_path).read_text().replace("micro_batch", "microbatch"))
    run = musl("pretrain", file)
    assert run.returncode == 2
    assert run.stdout == ""
    assert run.stderr.startswith(f"error: {file}: ")
    assert "training.microbatch: no such key" in run.stderr
    assert len(run.stderr.splitlines()) == 1


def test_a_config_that_is_no_yaml_mapping_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("a sentence\n")
    run = musl("pretrain", file)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == f"error: {file}: keys with values are expected here\n"


def test_a_model_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    beginning = tmp_path / "beginning.c"
    beginning.write_text("int f(int a")
    run = musl("complete", beginning, "--model", tmp_path)
    assert run.returncode == 2
    assert run.stderr == f"error: {tmp_path}: no trained model there (musl pretrain makes one)\n"
