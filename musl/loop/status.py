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
from musl.loop.stage_clock import StageTime, stage_in_hand

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
    over), `so_far` the seconds that it has had already, at its `work` `done` parts of `of`, `seconds` what the stages
    took so far by round. `left` are the seconds that are expected to remain, each stage as long as in the rounds
    before, None where no round has shown one of them yet; `left_at_least` counts such stages as in round 0, which has
    less to do. Seconds are those of all starts of the run together."""

    rounds: int
    running: bool
    finished: tuple[tuple[str, ...], ...]
    round: int
    stage: str
    so_far: float
    work: str
    done: int
    of: int
    seconds: Mapping[int, Mapping[str, float]]
    left: float | None
    left_at_least: float
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
    in_hand = _in_hand(folder, at, stage)
    least, is_all = _left(missing, seconds, in_hand.seconds)
    return LoopStatus(
        rounds=config.rounds,
        running=_is_locked(folder.path / "lock"),
        finished=finished,
        round=at,
        stage=stage,
        so_far=in_hand.seconds,
        work=in_hand.work,
        done=in_hand.done,
        of=in_hand.of,
        seconds=seconds,
        left=least if is_all else None,
        left_at_least=least,
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


def _in_hand(folder: LoopFolder, number: int, stage: str) -> StageTime:
    noted = stage_in_hand(folder)
    return noted if noted is not None and (noted.round, noted.stage) == (number, stage) else StageTime(number, stage, 0)


def _left(
    missing: Sequence[tuple[int, str]], seconds: Mapping[int, Mapping[str, float]], so_far: float
) -> tuple[float, bool]:
    """(what the missing stages take, the first of which has had `so_far` seconds; whether all of them are known)."""
    total, is_all = 0.0, True
    for place, (_, stage) in enumerate(missing):
        known = [taken[stage] for number, taken in seconds.items() if number > 0 and stage in taken]
        if not known:
            # Round 0 translates, judges and learns from nothing but the seed, and is measured as all rounds are.
            known = [taken[stage] for number, taken in seconds.items() if number == 0 and stage in taken]
            is_all = is_all and bool(known) and stage == "measure"
        mean = sum(known) / max(len(known), 1)
        total += mean if place else max(mean - so_far, 0.0)
    return total, is_all


def _is_locked(path: Path) -> bool:
    try:
        with path.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
