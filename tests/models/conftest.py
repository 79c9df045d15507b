"""A small corpus of C functions, a tokenizer trained on it, and the micro run that the tests of pretraining share."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from data.corpus.row import Row, row_id, write_shards
from data.tokens.bpe import save_tokenizer, train_bpe
from models.pretraining.config import PretrainConfig

torch.set_num_threads(1)  # the model is too small for more


def make_rows(count: int, seed: int = 0) -> list[Row]:
    """Functions of a few forms with random names and constants."""
    draw = random.Random(seed)
    rows = []
    for number in range(count):
        a, b, n = draw.sample(["x", "y", "z", "src", "dst", "in", "out", "len", "count"], 3)
        operator, constant = draw.choice("+-*"), draw.randint(1, 99)
        text = (
            f"void f{number}(float *{a}, const float *{b}, int {n})\n{{\n    for (int i = 0; i < {n}; i++)\n"
            f"        {a}[i] = {b}[i] {operator} {constant}.0f;\n}}\n"
        )
        rows.append(Row(row_id("c", text), "function", "c", f"f{number}", text, f"f{number}.c", 1, 5, "test"))
    return rows


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of shards with 400 functions."""
    folder = tmp_path_factory.mktemp("corpus")
    write_shards(make_rows(400), folder, rows_per_shard=150)
    return folder


@pytest.fixture(scope="session")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a byte-level tokenizer of 400 tokens."""
    folder = tmp_path_factory.mktemp("tokenizer")
    save_tokenizer(train_bpe((row.text for row in make_rows(200)), 400), folder)
    return folder


@pytest.fixture
def micro(corpus: Path, tokenizer: Path, tmp_path: Path) -> Callable[..., PretrainConfig]:
    """Makes the config of a run of the smallest model; keywords replace keys of a group: `training={"steps": 3}`."""

    def make(output: str = "run", **groups: dict[str, object]) -> PretrainConfig:
        given: dict[str, dict[str, object]] = {
            "model": {"size": "micro", "context": 64},
            "data": {"train": [corpus], "held_out_share": 0.1, "tokenizer": tokenizer},
            "training": {
                "steps": 12,
                "batch_sequences": 8,
                "micro_batch": 4,
                "learning_rate": 3e-3,
                "warmup_steps": 2,
            },
            "evaluation": {"every": 6, "rows": 20},
            "run": {"checkpoint_every": 3},
        }
        merged = {group: {**given[group], **groups.get(group, {})} for group in given}
        return PretrainConfig.model_validate({"output": tmp_path / output, "seed": 1, **merged})

    return make
