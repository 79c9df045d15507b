"""`FinetuneFolder`: the files of one run, each of which appears whole or not at all.

config.json                  what was asked for; a run goes on only with the same
log.jsonl                    {"step", "loss", "learning_rate", "grad_norm", "seconds"} of every step
evaluations.jsonl            {"step", "loss"} on the held-out examples
checkpoints/checkpoint-N/    weights, optimizer and random states after step N; whole where it holds `whole`
model/                       the trained model or adapter, its tokenizer and musl.json
result.json                  the figures of the finished run
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from models.training_folder import TrainingFolder

_MARK = "whole"


@dataclass(frozen=True)
class FinetuneFolder(TrainingFolder):
    """The files under `path`."""

    @property
    def checkpoints(self) -> Path:
        """Where checkpoints are."""
        return self.path / "checkpoints"

    def newest_checkpoint(self) -> tuple[int, Path] | None:
        """The step and the folder of the last whole checkpoint; what a kill left of others is removed."""
        whole = self._whole()
        for folder in self.checkpoints.glob("checkpoint-*"):
            if folder not in [place for _, place in whole]:
                shutil.rmtree(folder)
        return whole[-1] if whole else None

    def _whole(self) -> list[tuple[int, Path]]:
        marks = self.checkpoints.glob(f"checkpoint-*/{_MARK}")
        return sorted((int(mark.parent.name.removeprefix("checkpoint-")), mark.parent) for mark in marks)

    def vouch(self, step: int, keep: int) -> None:
        """Mark the checkpoint of this step as whole, then remove all but the newest `keep`."""
        (self.checkpoints / f"checkpoint-{step}" / _MARK).touch()
        for _, folder in self._whole()[:-keep]:
            (folder / _MARK).unlink()
            shutil.rmtree(folder)
