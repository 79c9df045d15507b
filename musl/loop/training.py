"""Where the loop's models are fine-tuned: in this process, or by a launcher (accelerate, torchrun) on several."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from data.parent_process import end_with_parent
from models.errors import ModelError
from models.finetuning.config import FinetuneConfig
from musl.errors import MachineError


def trained(config: FinetuneConfig, said: Path) -> Iterator[tuple[int, int]]:
    """A training in this process: (steps done, of how many). What it says beside that goes to the file `said`.
    ModelError where it cannot be carried out."""
    from models.finetuning.run import finetune

    steps: SimpleQueue[tuple[int, int] | None] = SimpleQueue()

    def train() -> None:
        try:
            finetune(config, progress=lambda done: steps.put((done.step, done.steps)))
        finally:
            steps.put(None)

    with _said_in(said), ThreadPoolExecutor(1) as pool:
        training = pool.submit(train)
        yield from iter(steps.get, None)
        training.result()


def launched(launch: Sequence[str], config: Path, said: Path) -> Iterator[tuple[int, int]]:
    """A training in processes that the command `launch` starts: (steps done, of how many). What it says beside that
    goes to the file `said`. ModelError where it cannot be carried out, MachineError where it ends otherwise."""
    # Launchers leave their processes behind when they are killed.
    command = [*launch, "-m", "models.finetuning", str(config), "--end-with-parent"]
    environment = os.environ | {"PYTHONSAFEPATH": "1"}  # -m would find a folder `models` in the user's own first
    with said.open("w+", encoding="utf-8") as errors:
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True, preexec_fn=end_with_parent
        )
        assert process.stdout is not None
        for line in process.stdout:
            yield from _progress(line)
        if process.wait():
            errors.seek(0)
            raise _failure(errors.read(), process.returncode)


@contextlib.contextmanager
def _said_in(file: Path) -> Iterator[None]:
    """What is said on standard error goes to the file: progress bars and notes of libraries, once per training."""
    sys.stderr.flush()
    before = os.dup(2)
    try:
        with file.open("w", encoding="utf-8") as said:
            os.dup2(said.fileno(), 2)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(before, 2)
        os.close(before)


def _progress(line: str) -> Iterator[tuple[int, int]]:
    """What a line of the training's output says of its steps."""
    try:
        read = json.loads(line)
        yield int(read["step"]), int(read["steps"])
    except (ValueError, KeyError, TypeError):
        return


def _failure(said: str, status: int) -> ModelError | MachineError:
    lines = [line for line in said.splitlines() if line.strip()]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    if errors:
        return ModelError(errors[-1])
    return MachineError(f"the training ended with status {status}: {lines[-1] if lines else 'it said nothing'}")
