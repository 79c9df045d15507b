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
    """A stage of a round that is not done, and the seconds that it has taken so far."""

    round: int
    stage: str
    seconds: float


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
        self._begun = self._noted = time.monotonic()

    @contextlib.contextmanager
    def timed(self, number: int, stage: str) -> Iterator[None]:
        """Notes among the stages that are done what the body took, if it came to its end."""
        before = stage_in_hand(self._folder)
        goes_on = before is not None and (before.round, before.stage) == (number, stage)
        self._noted = time.monotonic()
        self._begun = self._noted - (before.seconds if before is not None and goes_on else 0.0)
        self._stage = (number, stage)
        try:
            yield
        finally:
            with contextlib.suppress(UsageError):  # the disk may be what ended the body
                self._note()
            self._stage = None
        self._folder.add_progress(number, stage, time.monotonic() - self._begun)
        self._folder.stage_in_hand.unlink(missing_ok=True)

    def tick(self) -> None:
        """To be called whenever something got done."""
        if time.monotonic() - self._noted >= EVERY:
            self._note()

    def _note(self) -> None:
        if self._stage is not None:
            self._noted = time.monotonic()
            taken = StageTime(*self._stage, round(self._noted - self._begun, 3))
            write_whole(self._folder.stage_in_hand, json.dumps(asdict(taken)) + "\n")
