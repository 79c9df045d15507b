"""`musl backtranslate` as it is called: all stages of configs/micro-backtranslate.yaml, and what cannot be used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import mean

import pytest

from data.corpus.row import write_shard
from data.synthesis.synthesize import synthesize
from data.tokens.bpe import save_tokenizer
from data.tokens.lexical_vocabulary import CONFIG, SMALLEST_VOCABULARY, train_lexical
from data.tokens.tokompiler import encode
from models.model_form import ModelForm, read_form
from models.training_folder import read_lines

FAMILIES = ("fill",)
PAIR = {
    "id": 1,
    "c": "void set(float *x, int n) { for (int i = 0; i < n; i++) x[i] = 4.0f; }",
    "cuda": "__global__ void set(float *x, int n) { int i = threadIdx.x; if (i < n) x[i] = 4.0f; }",
}


def musl(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from musl.cli import main; main()", *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def make_micro_world(folder: Path) -> None:
    """Writes the files that configs/micro-backtranslate.yaml names into `folder`/build/micro."""
    root = folder / "build" / "micro"
    for language in ("c", "cuda"):
        write_shard(synthesize(300, 1, language, FAMILIES), root / f"unpaired-{language}" / "part-00000.parquet")
    rows = [row for language in ("c", "cuda") for row in synthesize(100, 2, language, FAMILIES)]
    texts = [encode(row.text, row.language).text for row in rows]
    save_tokenizer(train_lexical(texts, SMALLEST_VOCABULARY), root / "tokenizer", CONFIG)
    (root / "pairs.jsonl").write_text(json.dumps(PAIR) + "\n")


@pytest.mark.slow
def test_all_stages_learn(repository: Path, tmp_path: Path) -> None:
    make_micro_world(tmp_path)
    run = musl(tmp_path, "backtranslate", repository / "configs" / "micro-backtranslate.yaml", "--json")
    assert run.returncode == 0, run.stderr
    output = tmp_path / "build" / "micro" / "backtranslate"
    result = json.loads(run.stdout)
    assert result == json.loads((output / "result.json").read_text())
    losses: dict[str, list[float]] = {}
    log = read_lines(output / "log.jsonl")
    for line in log:
        losses.setdefault(str(line["objective"]).replace("cuda", "c"), []).append(line["loss"])
    for objective in ("hidden tokens of c", "entities of c", "c from c with noise"):
        curve = losses[objective]
        assert mean(curve[-6:]) < mean(curve[:6]) / 2, objective
    assert any(line.get("judged") for line in log)
    figures = read_lines(output / "evaluations.jsonl")
    assert figures[-1]["in_language"] > 0.9
    assert read_form(output / "model") == ModelForm("languages", anonymous=True)


def test_a_config_with_an_unknown_key_is_refused_at_once(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text('{"output": "run", "data": {"c": ["c"], "cuda": ["cuda"], "tokenizer": "t"}, "filters": {}}')
    run = musl(tmp_path, "backtranslate", file)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == f"error: {file}: filters: no such key\n"


def test_a_tokenizer_that_is_not_there_is_named(tmp_path: Path) -> None:
    write_shard(synthesize(3, 1, "c", FAMILIES), tmp_path / "c.parquet")
    file = tmp_path / "config.yaml"
    places = '{"c": ["c.parquet"], "cuda": ["c.parquet"], "tokenizer": "nowhere"}'
    file.write_text(f'{{"output": "run", "data": {places}}}')
    run = musl(tmp_path, "backtranslate", file)
    assert run.returncode == 2
    assert run.stderr == "error: nowhere: no tokenizer there (musl data tokenizer trains one)\n"
