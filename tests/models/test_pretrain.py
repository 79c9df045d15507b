"""Pretraining as a whole, on the micro model: it learns, and a kill changes nothing but the time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from models.errors import ModelError
from models.precision import bf16_is_fast_here
from models.pretraining.config import PretrainConfig
from models.pretraining.train import Progress, pretrain
from models.training_folder import read_lines

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
    assert result["precision_bits"] == 32
    assert 1 < result["ngram_per_character"] < curve[0]["per_character"]
    assert json.loads((config.output / "result.json").read_text()) == result


TIED = {"size": None, "family": "llama", "layers": 2, "hidden": 64, "heads": 4, "induction_heads": True}


@pytest.mark.parametrize("model", [{}, TIED], ids=["gpt_neox", "tied embeddings"])
def test_a_run_that_stopped_between_checkpoints_goes_on_exactly(micro: Make, model: dict[str, object]) -> None:
    whole, broken = micro("whole", model=model), micro("broken", model=model)
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


@pytest.mark.slow
def test_a_killed_process_goes_on_exactly(micro: Make) -> None:
    whole, killed = micro("whole", training={"steps": 30}), micro("killed", training={"steps": 30})
    pretrain(whole)
    file = killed.output.with_suffix(".yaml")
    file.write_text(killed.model_dump_json())  # JSON is YAML
    run = subprocess.Popen([sys.executable, "-c", RUN, str(file)], env={**os.environ, "OMP_NUM_THREADS": "1"})
    log = killed.output / "log.jsonl"
    while len(read_lines(log)) < 7 and run.poll() is None:
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
    assert 7 <= len(read_lines(log)) < 30
    pretrain(killed)
    assert losses(killed.output) == losses(whole.output)
    assert weights(killed.output) == weights(whole.output)


def test_a_checkpoint_that_was_not_finished_is_not_used(micro: Make) -> None:
    whole, broken = micro("whole"), micro("broken")
    pretrain(whole)

    def stop(progress: Progress) -> None:
        if progress.step == 5:
            raise Killed

    with pytest.raises(Killed):
        pretrain(broken, on_progress=stop)
    unfinished = broken.output / "checkpoints" / "unfinished"
    unfinished.mkdir()
    (unfinished / "model.safetensors").write_bytes(b"half")
    with (broken.output / "log.jsonl").open("a") as log:
        log.write('{"step": 6, "lo')
    pretrain(broken)
    assert losses(broken.output) == losses(whole.output)
    assert weights(broken.output) == weights(whole.output)
    assert [p.name for p in sorted((broken.output / "checkpoints").iterdir())] == ["step-00000009", "step-00000012"]


def test_a_finished_run_is_not_trained_again(micro: Make) -> None:
    config = micro(training={"steps": 3})
    first = pretrain(config)
    steps: list[int] = []
    again = pretrain(config, on_progress=lambda progress: steps.append(progress.step))
    assert steps == []
    assert again["per_character"] == first["per_character"]


def test_micro_batches_do_not_change_the_losses(micro: Make) -> None:
    one, four = (
        micro("one", training={"micro_batch": 8, "steps": 4}),
        micro("four", training={"micro_batch": 2, "steps": 4}),
    )
    pretrain(one)
    pretrain(four)
    for (_, loss, _), (_, other, _) in zip(losses(one.output), losses(four.output), strict=True):
        assert loss == pytest.approx(other, rel=1e-5)


@pytest.mark.slow
def test_two_processes_have_the_loss_curve_of_one(micro: Make, repository: Path) -> None:
    one, two = micro("one", training={"steps": 5}), micro("two", training={"steps": 5})
    pretrain(one)
    file = two.output.with_suffix(".yaml")
    file.write_text(two.model_dump_json())
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--num_cpu_threads_per_process", "1"]
    options = ["--config_file", repository / "scripts" / "accelerate" / "cpu2.yaml", "--main_process_port", "0"]
    command = [*launch, *options, repository / "scripts" / "pretrain.py", file]
    run = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert [step for step, _, _ in losses(two.output)] == [1, 2, 3, 4, 5]
    for (_, loss, rate), (_, other, other_rate) in zip(losses(one.output), losses(two.output), strict=True):
        assert loss == pytest.approx(other, rel=1e-4)
        assert rate == other_rate
    assert json.loads((two.output / "result.json").read_text())["processes"] == 2
    alone, shared = (read_lines(config.output / "evaluations.jsonl")[-1] for config in (one, two))
    assert alone["per_character"] == pytest.approx(shared["per_character"], rel=1e-4)


def test_bf16_trains_a_llama(micro: Make) -> None:
    config = micro(model={"family": "llama"}, training={"precision": "bf16", "steps": 12})
    result = pretrain(config)
    curve = losses(config.output)
    assert curve[-1][1] < curve[0][1] - 1
    assert result["precision_bits"] == (16 if bf16_is_fast_here() else 32)


def test_a_folder_of_another_run_is_refused(micro: Make) -> None:
    pretrain(micro(training={"steps": 3}))
    with pytest.raises(ModelError, match=r"holds a run with another training\.learning_rate; choose another output"):
        pretrain(micro(training={"steps": 3, "learning_rate": 1e-4}))


def test_trackers_get_the_losses(micro: Make) -> None:
    config = micro(training={"steps": 3}, run={"report_to": ["tensorboard"]})
    pretrain(config)
    events = list(config.output.rglob("events.out.tfevents.*"))
    assert sum(event.stat().st_size for event in events) > 100


@pytest.mark.parametrize(
    ("name", "message"), [("nothing", "no tracker 'nothing'"), ("wandb", "wandb is not installed")]
)
def test_a_tracker_that_is_not_there_is_named(micro: Make, name: str, message: str) -> None:
    with pytest.raises(ModelError, match=f"run.report_to: {message}"):
        pretrain(micro(run={"report_to": [name]}))


def test_a_tokenizer_that_is_not_there_is_named(micro: Make, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nowhere: no tokenizer there \(musl data tokenizer trains one\)"):
        pretrain(micro(data={"tokenizer": tmp_path / "nowhere"}))
