"""configs/micro.yaml: three rounds of two models that begin with random weights, killed on the way."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from micro_world import make_micro_world

from musl.loop.folder import CHECKPOINT, LoopFolder
from musl.loop.status import read_metrics


def _loop(folder: Path, config: Path) -> subprocess.Popen[bytes]:
    """`musl loop` in a process group of its own."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", "from musl.cli import main; main()", "loop", str(config)]
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)


@pytest.mark.slow
def test_verified_triplets_grow_and_a_killed_run_goes_on(repository: Path, tmp_path: Path) -> None:
    make_micro_world(tmp_path)
    config = repository / "configs" / "micro.yaml"
    draw = random.Random(5)
    for _ in range(3):
        run = _loop(tmp_path, config)
        try:
            run.wait(draw.uniform(4.0, 12.0))
        except subprocess.TimeoutExpired:
            os.kill(run.pid, signal.SIGKILL)
            run.wait()
    assert _loop(tmp_path, config).wait() == 0
    folder = LoopFolder(tmp_path / "build" / "micro" / "loop")
    metrics = read_metrics(folder)
    triplets = [one.loop.triplets for one in metrics]
    assert len(triplets) == 4 and triplets == sorted(triplets) and triplets[-1] > triplets[0]
    assert sum(one.loop.by_voice.get("model", 0) for one in metrics) == triplets[-1] - triplets[0]
    assert metrics[-1].translator["c2cuda"].pass_at["pass@1"].value
    trained = json.loads((folder.round(3).artifact(CHECKPOINT) / "models.json").read_text())
    assert all((folder.path / model / "model.safetensors").is_file() for model in trained.values())
