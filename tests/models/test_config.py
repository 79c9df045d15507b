"""A config is refused at once where it cannot be meant, with the key named; the shipped ones are whole."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch

from models.errors import ModelError
from models.pretraining.config import PretrainConfig, TrainingGroup, read_config
from models.pretraining.schedule import learning_rate
from models.pretraining.sizes import SIZES, Family, Shape, flops_per_token, new_model
from models.run_config import read_yaml, validated

CONFIGS = sorted((Path(__file__).resolve().parents[2] / "configs").glob("*pretrain*.yaml"))
GIVEN: dict[str, object] = {
    "output": "run",
    "model": {"size": "micro"},
    "data": {"train": ["corpus"], "held_out_share": 0.1, "tokenizer": "tokenizer"},
    "training": {"steps": 10, "batch_sequences": 8, "micro_batch": 4, "learning_rate": "1e-3"},
}


@pytest.mark.parametrize(
    ("group", "changes", "message"),
    [
        ("training", {"stepz": 3}, "training.stepz: no such key"),
        ("training", {"steps": 0}, "training.steps: Input should be greater than or equal to 1"),
        ("training", {"batch_sequences": 6}, "training: batch_sequences (6) is no multiple of micro_batch (4)"),
        ("training", {"warmup_steps": 10}, "training: warmup_steps (10) leaves nothing of steps (10)"),
        ("training", {"final_learning_rate": 1}, "training: final_learning_rate is above learning_rate"),
        ("training", {"precision": "fp8"}, "training.precision: Input should be 'float32' or 'bf16'"),
        ("model", {"size": "huge"}, "model: size: no size 'huge' (choose micro, tiny, small, 0.9b)"),
        ("model", {"layers": 3}, "model: size and layers contradict"),
        ("model", {"size": None}, "model: layers: missing (or give a size"),
        ("model", {"size": None, "layers": 1, "hidden": 10, "heads": 4}, "model: hidden is no even multiple of heads"),
        ("data", {"held_out": ["other"]}, "data: held_out and held_out_share contradict"),
        ("data", {"held_out_share": None}, "data: held_out: missing"),
        ("data", {"train": []}, "data.train: List should have at least 1 item"),
    ],
)
def test_what_cannot_be_meant_is_refused(group: str, changes: Mapping[str, object], message: str) -> None:
    before = GIVEN[group]
    assert isinstance(before, dict)
    with pytest.raises(ModelError, match=re.escape(f"here: {message}")):
        validated(PretrainConfig, {**GIVEN, group: {**before, **changes}}, "here")


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"a: [", "not YAML"), (b"\xff\xfe\xfa", "not UTF-8"), (b"[1, 2]", "keys with values are expected here")],
)
def test_a_file_that_is_no_config_is_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "bad.yaml"
    file.write_bytes(content)
    with pytest.raises(ModelError, match=message) as caught:
        read_config(file)
    assert str(caught.value).startswith(str(file))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.stem)
def test_the_shipped_configs_are_whole(file: Path) -> None:
    """One that names a size is named after it; one with a shape of its own names none."""
    config = read_config(file)
    given = read_yaml(file)  # with what it extends
    assert isinstance(given, dict)
    asked = given["model"]
    assert config.model.size == asked.get("size")
    if config.model.size is None:
        assert config.model.shape == Shape(asked["layers"], asked["hidden"], asked["heads"])
    else:
        assert file.stem.startswith(config.model.size)


def test_there_is_a_config_for_every_size() -> None:
    assert {read_config(file).model.size for file in CONFIGS} - {None} == set(SIZES)


@pytest.mark.parametrize(
    ("size", "family", "vocabulary", "least", "most"),
    [
        ("tiny", "gpt_neox", 4096, 5e6, 7e6),
        ("tiny", "llama", 4096, 5e6, 7e6),
        ("small", "gpt_neox", 16384, 100e6, 120e6),
        ("0.9b", "gpt_neox", 50304, 0.85e9, 0.95e9),
    ],
)
def test_sizes_have_the_parameters_they_are_named_for(
    size: str, family: Family, vocabulary: int, least: float, most: float
) -> None:
    with torch.device("meta"):
        model = new_model(family, SIZES[size], vocabulary=vocabulary, context=512, end=0, seed=0)
    assert least < model.num_parameters() < most


def test_the_same_seed_makes_the_same_model() -> None:
    one, same, other = (
        new_model("llama", SIZES["micro"], vocabulary=99, context=32, end=0, seed=seed) for seed in (1, 1, 2)
    )
    pairs = list(zip(one.parameters(), same.parameters(), strict=True))
    assert all(torch.equal(left, right) for left, right in pairs)
    assert not all(torch.equal(left, right) for left, right in zip(one.parameters(), other.parameters(), strict=True))


def test_the_rate_warms_up_and_falls_along_a_cosine() -> None:
    training = TrainingGroup(
        steps=110, batch_sequences=1, micro_batch=1, learning_rate=1.0, final_learning_rate=0.1, warmup_steps=10
    )
    assert [learning_rate(step, training) for step in (0, 4, 9, 10)] == pytest.approx([0.1, 0.5, 1.0, 1.0])
    assert learning_rate(60, training) == pytest.approx(0.55)
    assert learning_rate(109, training) == pytest.approx(0.1, abs=1e-3)


def test_flops_count_the_matrices_and_the_attention() -> None:
    assert flops_per_token(1000, Shape(layers=2, hidden=8, heads=1), context=16) == 6 * 1000 + 12 * 2 * 8 * 16
