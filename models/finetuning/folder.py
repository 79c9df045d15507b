"""`FinetuneFolder`: the files of one run, each of which appears whole or not at all.

config.json                  what was asked for; a run goes on only with the same
log.jsonl                    {"step", "loss", "learning_rate", "grad_norm", "seconds"} of every step
evaluations.jsonl            {"step", "loss"} on the held-out examples
checkpoints/checkpoint-N/    weights, optimizer and random states after step N; whole where it holds `whole`
model/                       the trained model or adapter, its tokenizer and musl.json
result.json                  the figures of the finished run
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from models.errors import ModelError
from models.finetuning.config import FinetuneConfig
from models.pretraining.run_folder import read_lines, write_whole
from models.run_config import differing_keys, validated

_FREE = frozenset({"run", "output"})
_MARK = "whole"


@dataclass(frozen=True)
class FinetuneFolder:
    """The files under `path`."""

    path: Path

    @property
    def log(self) -> Path:
        """One line for each step."""
        return self.path / "log.jsonl"

    @property
    def evaluations(self) -> Path:
        """One line for each evaluation."""
        return self.path / "evaluations.jsonl"

    @property
    def checkpoints(self) -> Path:
        """Where checkpoints are."""
        return self.path / "checkpoints"

    @property
    def model(self) -> Path:
        """The trained model."""
        return self.path / "model"

    @property
    def result(self) -> Path:
        """The figures of the finished run."""
        return self.path / "result.json"

    def claim(self, config: FinetuneConfig) -> None:
        """Make this the folder of the run. ModelError where it is another run's, with the keys that differ."""
        card = self.path / "config.json"
        if card.is_file():
            before = validated(FinetuneConfig, json.loads(card.read_text(encoding="utf-8")), str(card))
            if keys := differing_keys(before, config, _FREE):
                raise ModelError(f"{self.path}: holds a run with another {', '.join(keys)}; choose another output")
            return
        self.path.mkdir(parents=True, exist_ok=True)
        write_whole(card, config.model_dump_json(indent=1) + "\n")

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

    def forget_after(self, step: int) -> None:
        """Drop what was logged after `step`, half lines included."""
        for file in (self.log, self.evaluations):
            lines = [line for line in read_lines(file) if int(line["step"]) <= step]
            write_whole(file, "".join(json.dumps(line) + "\n" for line in lines))
