"""`LoopFolder` and `RoundFolder`: the files of one run of the loop, each of which appears whole or not at all.

    DIR/loop.json                 what was asked for; a run goes on only with the same
    DIR/progress.jsonl            what every stage took
    DIR/stage.json                the stage in hand, and what it has taken so far
    DIR/verdicts.jsonl            verdicts by what they depend on, so that no text is judged twice
    DIR/held_out.parquet          the held-out functions
    DIR/round-NN/0N_...           the artifacts of a round, in the order of `ARTIFACTS`
    DIR/lock                      held by the process that works here, and by all that it started

What is renamed into place is on the disk before (fsync of file and folder): a kill, also of the machine, loses the
artifact in hand and no other.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from models.errors import ModelError
from models.run_config import differing_keys, validated
from musl.errors import UsageError
from musl.loop.config import FREE, LoopConfig, SwitchesGroup

TRANSLATIONS, TESTS, VERDICTS = "01_translations.parquet", "02_tests.parquet", "03_verdicts.parquet"
TRIPLETS, CHECKPOINT, METRICS = "04_triplets.parquet", "05_checkpoint", "06_metrics.json"
ARTIFACTS = (TRANSLATIONS, TESTS, VERDICTS, TRIPLETS, CHECKPOINT, METRICS)
HELD_OUT = "held_out.parquet"
# What may differ where a seed is taken over: rounds after it are what these act on.
_AFTER_SEED = frozenset(f"switches.{key}" for key in SwitchesGroup.model_fields)
_PATIENCE = 20.0  # seconds for the processes of a run that was killed to end


@dataclass(frozen=True)
class RoundFolder:
    """The artifacts of one round."""

    path: Path
    number: int

    def artifact(self, name: str) -> Path:
        """Where an artifact is, or will be."""
        return self.path / name

    def has(self, name: str) -> bool:
        """Whether the artifact is whole."""
        return self.artifact(name).exists()

    @property
    def unfinished(self) -> Path:
        """Where weights are trained before they get their name; training goes on there after a kill."""
        return self.path / f".{CHECKPOINT}.unfinished"

    def finish_checkpoint(self) -> None:
        """Gives the trained weights their name."""
        for file in sorted(self.unfinished.rglob("*")):
            _sync(file)
        _sync(self.unfinished)
        self.unfinished.rename(self.artifact(CHECKPOINT))
        _sync(self.path)


@dataclass(frozen=True)
class LoopFolder:
    """The files under `path`."""

    path: Path

    @property
    def progress(self) -> Path:
        """One line for each finished stage: {"round", "stage", "seconds"}."""
        return self.path / "progress.jsonl"

    @property
    def stage_in_hand(self) -> Path:
        """{"round", "stage", "seconds"} of the stage that is not finished, while there is one."""
        return self.path / "stage.json"

    @property
    def verdicts(self) -> Path:
        return self.path / "verdicts.jsonl"

    @property
    def held_out(self) -> Path:
        return self.path / HELD_OUT

    def round(self, number: int) -> RoundFolder:
        """The folder of a round."""
        return RoundFolder(self.path / f"round-{number:02d}", number)

    def config(self) -> LoopConfig:
        """What the run was asked for; UsageError where there is none."""
        card = self.path / "loop.json"
        try:
            return validated(LoopConfig, json.loads(card.read_text(encoding="utf-8")), str(card))
        except (OSError, ValueError, ModelError):
            raise UsageError(f"{self.path}: holds no run of `musl loop` (its loop.json cannot be read)") from None

    def claim(self, config: LoopConfig) -> None:
        """Make this the folder of the run. UsageError where it is another run's, with the keys that differ."""
        if (self.path / "loop.json").exists() and (keys := differing_keys(self.config(), config, FREE)):
            raise UsageError(f"{self.path}: holds a run with another {', '.join(keys)}; choose another output")
        write_whole(self.path / "loop.json", config.model_dump_json(indent=1) + "\n")

    def take_seed(self, config: LoopConfig) -> None:
        """Take over the held-out functions, the verdicts and round 0 of `run.seed_from`, unless they are here.
        UsageError where that is no run whose seed is the same, or where its seed is not done."""
        given = config.run.seed_from
        if given is None or self.round(0).has(METRICS):
            return
        other = LoopFolder(given)
        keys = [key for key in differing_keys(other.config(), config, FREE) if key not in _AFTER_SEED]
        if keys:
            raise UsageError(f"run.seed_from: {given} holds a run with another {', '.join(keys)}")
        if not other.round(0).has(METRICS):
            raise UsageError(f"run.seed_from: round 0 of {given} is not done")
        unfinished = self.path / ".round-00.unfinished"
        for stale in (unfinished, self.round(0).path):
            shutil.rmtree(stale, ignore_errors=True)
        shutil.copyfile(other.held_out, self.held_out)
        shutil.copyfile(other.verdicts, self.verdicts)
        shutil.copytree(other.round(0).path, unfinished)
        unfinished.rename(self.round(0).path)

    @contextlib.contextmanager
    def lock(self) -> Iterator[int]:
        """Nobody else works in the folder during the body. What is started there inherits the lock, so that what a
        killed run has left behind is waited for. UsageError where another run holds it."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise UsageError(f"{self.path}: cannot be written ({error.strerror or error})") from None
        os.set_inheritable(handle, True)
        try:
            deadline = time.monotonic() + _PATIENCE
            while not _locked(handle):
                if time.monotonic() > deadline:
                    raise UsageError(f"{self.path}: another `musl loop` works there")
                time.sleep(0.1)
            yield handle
        finally:
            os.close(handle)

    def add_progress(self, round_number: int, stage: str, seconds: float) -> None:
        """Note what a stage took."""
        add_line(self.progress, {"round": round_number, "stage": stage, "seconds": round(seconds, 3)})


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def write_whole(path: Path, text: str) -> None:
    """Writes a file under a temporary name and renames it, both on the disk. UsageError where the disk refuses."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise UsageError(f"{path}: cannot be written ({error.strerror or error})") from None


def add_line(path: Path, record: Mapping[str, object]) -> None:
    """Appends a line of JSON; half a line that a kill has left ends there. UsageError where the disk refuses."""
    try:
        with path.open("ab+") as file:
            size = file.tell()
            if size:
                file.seek(size - 1)
            whole = not size or file.read(1) == b"\n"
            file.write(f"{'' if whole else chr(10)}{json.dumps(dict(record))}\n".encode())
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror or error})") from None


def read_lines(path: Path) -> Iterator[Mapping[str, object]]:
    """The lines of a file that only grows, without half ones."""
    if not path.is_file():
        return
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
        with contextlib.suppress(ValueError):
            record = json.loads(line)
            if isinstance(record, dict):
                yield record


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
