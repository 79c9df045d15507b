"""Pretraining as a whole, on the micro model: it learns, and a kill changes nothing but the time."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from models.pretraining.config import PretrainConfig
from models.pretraining.run_folder import read_lines
from models.pretraining.train import Progress, pretrain

Make = Callable[..., PretrainConfig]

RUN = (
    "import sys; from pathlib import Path; from models.pretraining.config import read_config\n"
    "from models.pretraining.train import pretrain; pretrain(read_config(Path(sys.argv[1])))"
)


def losses(output: Path) -> list[tuple[float, float, float]]:
    return [(line["step"], line["loss"], line["learning_rate"]) for line in read_lines(output / "log.jsonl")]


def weights(output: Path) -> bytes:
    return (output / "model" / "model.safetensors").read_bytes()


class Killed(Exception):
    pass


def test_training_lowers_the_held_out_perplexity(micro: Make) -> None:
    config = micro(training={"steps": 40}, evaluation={"every": 20, "rows": 20, "ngram_order": 3})
    result = pretrain(config)
    curve = read_lines(config.output / "evaluations.jsonl")
    assert [line["step"] for line in curve] == [0, 20, 40]
    assert curve[0]["per_character"] > curve[1]["per_character"] > curve[2]["per_character"]
    assert curve[2]["per_token"] == pytest.approx(result["per_token"], rel=1e-6)
    assert 350 < curve[0]["per_token"] < 500  # about as many as there are tokens: it starts knowing nothing
    assert result["tokens"] == 40 * 8 * 64
    assert 1 < result["ngram_per_character"] < curve[0]["per_character"]
    assert json.loads((config.output / "result.json").read_text()) == result


def test_a_run_that_stopped_between_checkpoints_goes_on_exactly(micro: Make) -> None:
    whole, broken = micro("whole"), micro("broken")
    pretrain(whole)

    def stop(progress: Progress) -> None:
        if progress.step == 8:
            raise Killed

    with pytest.raises(Killed):
        pretrain(broken, on_progress=stop)
    assert len(losses(broken.output)) == 8
    pretrain(broken)
    assert losses(broken.output) == losses(whole.output)
    assert weights(broken.output) == weights(whole.output)
    assert read_lines(broken.output / "evaluations.jsonl") == read_lines(whole.output / "evaluations.jsonl")
