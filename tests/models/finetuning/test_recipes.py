"""The recipes that are shipped, with a micro model in place of the one they name: two processes on the CPU (gloo) are
killed with SIGKILL between checkpoints, go on, and end with the losses and weights of a run that was not killed."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import torch
import yaml
from accelerate.commands.config.config_args import load_config_from_file
from safetensors.torch import load_file

from models.finetuning.config import FinetuneConfig, read_config
from models.training_folder import read_lines

CONFIGS = Path(__file__).resolve().parents[3] / "configs"
RECIPES = sorted(CONFIGS.glob("qwen*-finetune.yaml"))
# Processes that are forked from one that has loaded torch start at once.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["models.finetuning.run", "peft", "bitsandbytes"])


def smaller(recipe: Path, base: Path, examples: Path, output: Path) -> Path:
    """The recipe with the micro model, and the numbers that its size and that of the data ask for."""
    asked = yaml.safe_load(recipe.read_text())
    asked["output"] = str(output)
    asked["model"] |= {"base": str(base), "context": 300}
    asked["data"] = {key: [str(examples)] for key in asked["data"]}
    asked["training"] |= {"epochs": 4, "batch_sequences": 4, "micro_batch": 1, "learning_rate": 5e-3, "warmup_steps": 2}
    asked["run"]["checkpoint_every"] = 4
    file = output.with_suffix(".yaml")
    file.write_text(yaml.safe_dump(asked))
    return file


def train(config: Path, rank: int, port: int, wait_at: int) -> None:
    """One of two processes, as `accelerate launch` starts it; after step `wait_at` it waits to be killed."""
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "ACCELERATE_USE_CPU": "true"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    from models.finetuning import run_finetuning

    run_finetuning(config, progress=lambda done: time.sleep(120) if done.step == wait_at else None)


def start(config: Path, wait_at: int = 0) -> list[BaseProcess]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes: list[BaseProcess] = [
        FORKS.Process(target=train, args=(config, rank, port, wait_at)) for rank in range(2)
    ]
    for process in processes:
        process.start()
    return processes


def finish(processes: list[BaseProcess]) -> list[int | None]:
    for process in processes:
        process.join(timeout=120)
    return [process.exitcode for process in processes]


def kill_after(steps: int, log: Path, processes: list[BaseProcess]) -> list[int | None]:
    while len(read_lines(log)) < steps and all(process.is_alive() for process in processes):
        time.sleep(0.005)
    for process in processes:
        process.kill()
    return finish(processes)


def losses(output: Path) -> list[tuple[float, float, float]]:
    return [(line["step"], line["loss"], line["grad_norm"]) for line in read_lines(output / "log.jsonl")]


def weights(output: Path) -> dict[str, torch.Tensor]:
    (file,) = (output / "model").glob("*model.safetensors")
    return load_file(file)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory, examples: Path) -> Path:
    """Twelve examples: two in a row, one and a half steps an epoch."""
    file = tmp_path_factory.mktemp("few") / "train.jsonl"
    file.write_text("".join(examples.read_text().splitlines(keepends=True)[:12]))
    return file


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.stem)
def test_a_killed_run_of_two_processes_goes_on_exactly(
    recipe: Path, chat_base: Path, few: Path, tmp_path: Path
) -> None:
    whole, killed = (smaller(recipe, chat_base, few, tmp_path / name) for name in ("whole", "killed"))
    undisturbed = start(whole)
    output = tmp_path / "killed"
    assert kill_after(5, output / "log.jsonl", start(killed, wait_at=5)) == [-signal.SIGKILL, -signal.SIGKILL]
    assert finish(undisturbed) == [0, 0]
    steps = json.loads((tmp_path / "whole" / "result.json").read_text())["steps"]
    assert len(losses(output)) == 5 < steps == 6
    assert finish(start(killed)) == [0, 0]
    assert losses(output) == losses(tmp_path / "whole")
    left, right = weights(output), weights(tmp_path / "whole")
    assert left.keys() == right.keys()
    assert all(torch.equal(left[name], right[name]) for name in left)
    assert losses(output)[-1][1] < losses(output)[0][1]


@pytest.mark.slow
def test_the_slurm_script_launches_the_recipe(repository: Path, chat_base: Path, few: Path, tmp_path: Path) -> None:
    """On a machine without Slurm its two commands are stood in for: the job runs here, on one machine."""
    config = smaller(CONFIGS / "qwen3-0.6b-finetune.yaml", chat_base, few, tmp_path / "run")
    commands = {"srun": 'exec "$@"', "scontrol": "echo 127.0.0.1"}
    for name, does in commands.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o755)
    slurm = {"SLURM_JOB_NODELIST": "here", "SLURM_NNODES": "1", "SLURM_NODEID": "0", "SLURM_GPUS_ON_NODE": "2"}
    path = f"{tmp_path}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    run = subprocess.run(
        ["bash", "scripts/finetune.slurm", config, "scripts/accelerate/cpu2.yaml"],
        cwd=repository,
        env=os.environ | slurm | {"PATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert [step for step, _, _ in losses(tmp_path / "run")] == list(range(1, 7))
    assert json.loads((tmp_path / "run" / "result.json").read_text())["processes"] == 2
    assert run.stdout.count("tokens_per_second") == 1  # of two processes one says what came out


@pytest.mark.parametrize("name", ["gpus", "fsdp-any", "zero3"])
def test_accelerate_reads_the_config(repository: Path, name: str) -> None:
    config = load_config_from_file(str(repository / "scripts" / "accelerate" / f"{name}.yaml"))
    assert config.num_processes == 8


def test_there_is_a_recipe_for_both_models_and_every_method() -> None:
    configs: list[FinetuneConfig] = [read_config(recipe) for recipe in RECIPES]
    assert {config.model.base for config in configs} == {"Qwen/Qwen3-0.6B", "Qwen/Qwen2.5-Coder-7B-Instruct"}
    assert {config.model.method for config in configs} == {"full", "lora", "qlora"}
    assert {config.training.loss for config in configs} == {"cross_entropy", "limited_confidence"}
