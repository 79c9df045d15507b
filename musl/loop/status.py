"""`loop_status`: where a run of the loop is, and how long it will take, from its folder alone."""

from __future__ import annotations

import fcntl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from musl.errors import UsageError
from musl.loop.folder import ARTIFACTS, CHECKPOINT, METRICS, TRANSLATIONS, TRIPLETS, VERDICTS, LoopFolder, read_lines
from musl.loop.metrics import RoundMetrics
from musl.loop.stage_clock import stage_in_hand

# The stages of a round as progress.jsonl names them, each with the artifact that it ends with.
STAGES: Mapping[str, str] = {
    "translate": TRANSLATIONS,
    "verify": VERDICTS,
    "triplets": TRIPLETS,
    "train": CHECKPOINT,
    "measure": METRICS,
}


@dataclass(frozen=True)
class LoopStatus:
    """`finished` are the whole artifacts of each round, `round` and `stage` what comes next ("" nothing: the run is
    over) and `so_far` the seconds that it has had already, `seconds` what the stages took so far by round, `left` the
    seconds that are expected to remain: each stage as long as in the rounds before, None where no round has shown it
    yet. Seconds are those of all starts of the run together."""

    rounds: int
    running: bool
    finished: tuple[tuple[str, ...], ...]
    round: int
    stage: str
    so_far: float
    seconds: Mapping[int, Mapping[str, float]]
    left: float | None
    metrics: tuple[RoundMetrics, ...]


def loop_status(path: Path) -> LoopStatus:
    """The status of the run in a folder; UsageError where there is none."""
    folder = LoopFolder(path)
    config = folder.config()
    numbers = range(config.rounds + 1)
    finished = tuple(tuple(name for name in ARTIFACTS if folder.round(n).has(name)) for n in numbers)
    missing = [(n, stage) for n in numbers for stage, name in STAGES.items() if name not in finished[n]]
    seconds = _seconds(folder)
    at, stage = missing[0] if missing else (config.rounds, "")
    if missing and not folder.held_out.exists():
        at, stage = -1, "held out"
    so_far = _so_far(folder, at, stage)
    return LoopStatus(
        rounds=config.rounds,
        running=_is_locked(folder.path / "lock"),
        finished=finished,
        round=at,
        stage=stage,
        so_far=so_far,
        seconds=seconds,
        left=_left(missing, seconds, so_far),
        metrics=read_metrics(folder),
    )


def read_metrics(folder: LoopFolder) -> tuple[RoundMetrics, ...]:
    """The figures of the rounds that have some, in order. UsageError where a file holds none."""
    found = []
    for path in sorted(folder.path.glob(f"round-*/{METRICS}")):
        try:
            found.append(RoundMetrics.model_validate_json(path.read_text(encoding="utf-8")))
        except (OSError, ValidationError):
            raise UsageError(f"{path}: holds no figures of a round") from None
    return tuple(found)


def _seconds(folder: LoopFolder) -> dict[int, dict[str, float]]:
    """What was noted, by round and stage; of a stage that was done twice the last."""
    seconds: dict[int, dict[str, float]] = {}
    for line in read_lines(folder.progress):
        number, stage, taken = line.get("round"), line.get("stage"), line.get("seconds")
        if isinstance(number, int) and isinstance(stage, str) and isinstance(taken, int | float):
            seconds.setdefault(number, {})[stage] = float(taken)
    return seconds


def _so_far(folder: LoopFolder, number: int, stage: str) -> float:
    noted = stage_in_hand(folder)
    return noted.seconds if noted is not None and (noted.round, noted.stage) == (number, stage) else 0.0


def _left(
    missing: Sequence[tuple[int, str]], seconds: Mapping[int, Mapping[str, float]], so_far: float
) -> float | None:
    """What the missing stages take, the first of which has had `so_far` seconds."""
    total = 0.0
    for place, (_, stage) in enumerate(missing):
        # Round 0 has other work; it says something only where there is nothing else.
        known = [taken[stage] for number, taken in seconds.items() if number > 0 and stage in taken]
        known = known or [taken[stage] for number, taken in seconds.items() if number == 0 and stage in taken]
        if not known:
            return None
        mean = sum(known) / len(known)
        total += mean if place else max(mean - so_far, 0.0)
    return total


def _is_locked(path: Path) -> bool:
    try:
        with path.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
