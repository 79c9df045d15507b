"""Training for the loop: in its own process, and in two that `accelerate launch` starts."""

from __future__ import annotations

import functools
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from micro_world import make_micro_world

from models.errors import ModelError
from musl.loop.beside import Beside, Chunk
from musl.loop.config import TrainingGroup
from musl.loop.neural_parts import NeuralParts

Finetune = Callable[..., Iterator[tuple[int, int]]]
STEPS = 6


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, and with examples."""
    folder = tmp_path_factory.mktemp("training")
    make_micro_world(folder)
    lines = [{"prompt": f"f ( {n} )", "completion": f"g ( {n} )", "task": "c2cuda"} for n in range(8)]
    (folder / "examples.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


@pytest.fixture
def finetune(world: Path, tmp_path: Path) -> Finetune:
    """What the loop calls, with a launcher or without one."""

    def call(*launch: str, examples: Path = world / "examples.jsonl") -> Iterator[tuple[int, int]]:
        steps = {"steps": STEPS, "batch_sequences": 2, "micro_batch": 1, "learning_rate": 1e-3, "warmup_steps": 1}
        groups = {"model": {"method": "full", "context": 64}, "training": steps}
        parts = NeuralParts(TrainingGroup(translator=groups, tester=groups), launch)
        (tmp_path / "translator").mkdir(exist_ok=True)
        return parts.finetune(str(world / "build/micro/base"), examples, tmp_path / "translator", "translator", 3)

    return call


@pytest.fixture
def accelerate(repository: Path) -> list[str]:
    program = str(Path(sys.executable).parent / "accelerate")
    return [program, "launch", "--config_file", str(repository / "scripts" / "accelerate" / "cpu2.yaml")]


def _trained(folder: Path) -> list[float]:
    """The losses of a run whose model is there."""
    assert (folder / "translator" / "model" / "model.safetensors").is_file()
    lines = (folder / "translator" / "log.jsonl").read_text().splitlines()
    return [json.loads(line)["loss"] for line in lines]


def test_nothing_is_imported_before_a_fork_beside_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    groups: dict[str, object] = {
        "training": {"steps": 1, "batch_sequences": 1, "micro_batch": 1, "learning_rate": 1e-3}
    }
    parts = NeuralParts(TrainingGroup(translator=groups, tester=groups))
    monkeypatch.setattr("musl.loop.neural_parts.DEVICE_FILES", (tmp_path / "nvidiactl",))
    assert "models.finetuning.run" in parts.libraries
    (tmp_path / "nvidiactl").touch()
    assert not parts.libraries


@pytest.mark.slow
def test_two_launched_processes_train_as_one_does(
    finetune: Finetune, accelerate: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    told = list(range(1, STEPS + 1))
    assert [done for done, of in finetune() if of == STEPS] == told
    alone = _trained(tmp_path)
    (tmp_path / "translator").rename(tmp_path / "alone")
    assert [done for done, of in finetune(*accelerate) if of == STEPS] == told
    assert json.loads((tmp_path / "translator" / "result.json").read_text())["processes"] == 2
    assert _trained(tmp_path) == pytest.approx(alone, rel=1e-3)
    assert capfd.readouterr().err == ""


@pytest.mark.slow
def test_launched_processes_end_with_the_loop(finetune: Finetune, accelerate: list[str], tmp_path: Path) -> None:
    """Those of `accelerate launch` are in sessions of their own, so that no signal to its group reaches them."""
    beside: Beside[tuple[int, int], str, None] = Beside(functools.partial(finetune, *accelerate), 0, 300.0, 300.0)
    running = []
    for message in beside.messages():
        if isinstance(message, Chunk):
            running = _processes(tmp_path)
            break
    assert len(running) >= 3  # the launcher and what it launched
    deadline = time.monotonic() + 10.0
    while _processes(tmp_path):
        assert time.monotonic() < deadline, "a training goes on without its loop"
        time.sleep(0.05)


def _processes(folder: Path) -> list[int]:
    """The processes that were started with a path in the folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue  # it has just ended
    return found


@pytest.mark.slow
@pytest.mark.parametrize("launched", [False, True])
def test_what_cannot_be_trained_is_said_in_one_line(
    finetune: Finetune, accelerate: list[str], tmp_path: Path, launched: bool
) -> None:
    with pytest.raises(ModelError, match=r"missing\.jsonl: ") as refused:
        list(finetune(*(accelerate if launched else ()), examples=tmp_path / "missing.jsonl"))
    assert "\n" not in str(refused.value)


@pytest.mark.slow
def test_a_folder_called_models_where_the_user_is_does_no_harm(
    finetune: Finetune, accelerate: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").write_text("raise SystemExit('not this one')")
    monkeypatch.chdir(tmp_path)
    assert (STEPS, STEPS) in finetune(*accelerate)
