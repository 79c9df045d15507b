"""`RunFolder`: the files of one pretraining run, each of which appears whole or not at all.

config.json               what was asked for; a run goes on only with the same
tokens/                   the packed training stream
log.jsonl                 {"step", "loss", "learning_rate", "tokens", "seconds"} of every step
evaluations.jsonl         the held-out figures
checkpoints/step-N/       weights, optimizer and random states after step N, readable by transformers
model/                    the trained model with its tokenizer
result.json               the figures of the finished run
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from models.training_folder import TrainingFolder


@dataclass(frozen=True)
class RunFolder(TrainingFolder):
    """The files under `path`."""

    def checkpoint(self, step: int) -> Path:
        """The folder of the checkpoint after `step` steps."""
        return self.path / "checkpoints" / f"step-{step:08d}"

    def unfinished_checkpoint(self) -> Path:
        """Where a checkpoint is written before it gets its name; empty when this returns."""
        folder = self.path / "checkpoints" / "unfinished"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def checkpoints(self) -> list[tuple[int, Path]]:
        """The whole checkpoints with their steps, the oldest first."""
        found = (self.path / "checkpoints").glob("step-*")
        return sorted((int(folder.name.removeprefix("step-")), folder) for folder in found)

    def prune(self, keep: int) -> None:
        """Remove all but the newest `keep` checkpoints."""
        for _, folder in self.checkpoints()[:-keep]:
            shutil.rmtree(folder)
