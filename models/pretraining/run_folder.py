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

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from models.pretraining.config import PretrainConfig, parse_config
from models.pretraining.errors import PretrainError
from models.run_config import differing_keys

Fields: TypeAlias = Mapping[str, float | int | str | None]

_FREE = frozenset({"run", "output"})  # what never changes the result


@dataclass(frozen=True)
class RunFolder:
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
    def model(self) -> Path:
        """The trained model."""
        return self.path / "model"

    @property
    def result(self) -> Path:
        """The figures of the finished run."""
        return self.path / "result.json"

    def claim(self, config: PretrainConfig) -> None:
        """Make this the folder of the run. PretrainError where it is another run's, with the keys that differ."""
        card = self.path / "config.json"
        if card.is_file():
            before = parse_config(json.loads(card.read_text(encoding="utf-8")), str(card))
            if keys := differing_keys(before, config, _FREE):
                raise PretrainError(f"{self.path}: holds a run with another {', '.join(keys)}; choose another output")
            return
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            write_whole(card, config.model_dump_json(indent=1) + "\n")
        except OSError as error:
            raise PretrainError(f"{self.path}: cannot be written ({error.strerror})") from None

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

    def forget_after(self, step: int) -> None:
        """Drop lines of the log and of the evaluations that came after `step`, half lines included."""
        for file in (self.log, self.evaluations):
            write_whole(
                file, "".join(json.dumps(line) + "\n" for line in read_lines(file) if int(line["step"]) <= step)
            )

    def prune(self, keep: int) -> None:
        """Remove all but the newest `keep` checkpoints."""
        for _, folder in self.checkpoints()[:-keep]:
            shutil.rmtree(folder)


def read_lines(file: Path) -> list[dict[str, float]]:
    """The JSON lines of a file that only grows: none where it is absent, without the half line that a kill left."""
    if not file.is_file():
        return []
    text = file.read_text(encoding="utf-8")
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def add_line(file: Path, line: Fields) -> None:
    """Append one JSON line."""
    with file.open("a", encoding="utf-8") as handle:
        handle.write(json.dumps(dict(line)) + "\n")


def write_whole(file: Path, text: str) -> None:
    """Write under a temporary name and rename."""
    temporary = file.with_name(f".{file.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(file)
