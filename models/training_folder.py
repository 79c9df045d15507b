"""`TrainingFolder`: what the folder of a training run holds whatever is trained, and how its files come into being."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from models.errors import ModelError
from models.run_config import Group, differing_keys, validated

Fields: TypeAlias = Mapping[str, float | int | str | None]

_FREE = frozenset({"run", "output"})  # what never changes the result


@dataclass(frozen=True)
class Progress:
    """After a step: its number, the loss in nats per token, tokens per second of all processes, and what is left."""

    step: int
    steps: int
    loss: float
    learning_rate: float
    tokens_per_second: float
    seconds_left: float


@dataclass(frozen=True)
class TrainingFolder:
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

    def claim(self, config: Group) -> None:
        """Make this the folder of the run. ModelError where it is another run's, with the keys that differ, or where
        it cannot be written."""
        card = self.path / "config.json"
        if card.is_file():
            before = validated(type(config), json.loads(card.read_text(encoding="utf-8")), str(card))
            if keys := differing_keys(before, config, _FREE):
                raise ModelError(f"{self.path}: holds a run with another {', '.join(keys)}; choose another output")
            return
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            write_whole(card, config.model_dump_json(indent=1) + "\n")
        except OSError as error:
            raise ModelError(f"{self.path}: cannot be written ({error.strerror})") from None

    def forget_after(self, step: int) -> None:
        """Drop lines of the log and of the evaluations that came after `step`, half lines included."""
        for file in (self.log, self.evaluations):
            lines = [line for line in read_lines(file) if int(line["step"]) <= step]
            write_whole(file, "".join(json.dumps(line) + "\n" for line in lines))


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
