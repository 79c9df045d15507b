"""`StageClock`: what a stage takes, all starts of the run together."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from musl.errors import UsageError
from musl.loop.folder import LoopFolder, write_whole

EVERY = 10.0  # seconds between two notes, which is what a kill can make forgotten


@dataclass(frozen=True)
class StageTime:
    """A stage of a round that is not done, and the seconds that it has taken so far: it is at `work`, of which `done`
    parts of `of` are done ("" and 0 where that is not known)."""

    round: int
    stage: str
    seconds: float
    work: str = ""
    done: int = 0
    of: int = 0


def stage_in_hand(folder: LoopFolder) -> StageTime | None:
    """What was noted last of a stage that has not come to its end."""
    try:
        return StageTime(**json.loads(folder.stage_in_hand.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


class StageClock:
    """The clock of one start of a run. It notes what the stage in hand has taken so far; the next start counts on from
    there."""

    def __init__(self, folder: LoopFolder) -> None:
        self._folder = folder
        self._stage: tuple[int, str] | None = None
        self._work = ("", 0, 0)
        self._begun = self._noted = time.monotonic()

    @contextlib.contextmanager
    def timed(self, number: int, stage: str) -> Iterator[None]:
        """Notes among the stages that are done what the body took, if it came to its end."""
        before = stage_in_hand(self._folder)
        goes_on = before is not None and (before.round, before.stage) == (number, stage)
        self._noted = time.monotonic()
        self._begun = self._noted - (before.seconds if before is not None and goes_on else 0.0)
        self._stage, self._work = (number, stage), ("", 0, 0)
        try:
            yield
        finally:
            with contextlib.suppress(UsageError):  # the disk may be what ended the body
                self._note()
            self._stage = None
        self._folder.add_progress(number, stage, time.monotonic() - self._begun)
        self._folder.stage_in_hand.unlink(missing_ok=True)

    def tick(self, work: str = "", done: int = 0, of: int = 0) -> None:
        """To be called whenever something got done."""
        self._work = (work, done, of)
        if time.monotonic() - self._noted >= EVERY:
            self._note()

    def _note(self) -> None:
        if self._stage is not None:
            self._noted = time.monotonic()
            (number, stage), (work, done, of) = self._stage, self._work
            taken = StageTime(number, stage, round(self._noted - self._begun, 3), work, done, of)
            write_whole(self._folder.stage_in_hand, json.dumps(asdict(taken)) + "\n")
