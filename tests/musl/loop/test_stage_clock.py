"""What a stage took is known after any number of starts, kept by notes that a kill does not take away."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from musl.loop import stage_clock
from musl.loop.folder import LoopFolder, read_lines
from musl.loop.stage_clock import EVERY, StageClock, StageTime, stage_in_hand


class Watch:
    """A clock that the tests turn."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    made = Watch()
    monkeypatch.setattr(stage_clock, "time", made)
    return made


def killed(folder: LoopFolder, watch: Watch, stage: str, seconds: int) -> None:
    """A start that works for so long, ticks each second, and is killed."""
    child = os.fork()
    if child == 0:
        try:
            clock = StageClock(folder)
            with clock.timed(1, stage):
                for _ in range(seconds):
                    watch.now += 1
                    clock.tick()
                os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL


def test_a_stage_that_fails_and_goes_on_has_taken_both_times(tmp_path: Path, watch: Watch) -> None:
    folder = LoopFolder(tmp_path)
    with pytest.raises(KeyboardInterrupt), StageClock(folder).timed(1, "verify"):
        watch.now += 3
        raise KeyboardInterrupt
    assert stage_in_hand(folder) == StageTime(1, "verify", 3.0)
    watch.now += 500  # nobody works
    with StageClock(folder).timed(1, "verify"):
        watch.now += 4
    assert list(read_lines(folder.progress)) == [{"round": 1, "stage": "verify", "seconds": 7.0}]
    assert stage_in_hand(folder) is None


def test_a_kill_takes_no_more_than_the_time_since_the_last_note(tmp_path: Path, watch: Watch) -> None:
    folder = LoopFolder(tmp_path)
    for start in (1, 2):
        killed(folder, watch, "train", 57)
        assert stage_in_hand(folder) == StageTime(1, "train", start * 50.0)
    with StageClock(folder).timed(1, "train"):
        watch.now += 5
    assert list(read_lines(folder.progress)) == [{"round": 1, "stage": "train", "seconds": 105.0}]
    assert EVERY == 10.0


def test_a_note_says_how_far_the_work_is_and_the_next_stage_does_not_begin_with_it(
    tmp_path: Path, watch: Watch
) -> None:
    folder = LoopFolder(tmp_path)
    clock = StageClock(folder)
    with clock.timed(1, "train"):
        for done in range(1, 15):
            watch.now += 1
            clock.tick("train tester", done, 20)
        assert stage_in_hand(folder) == StageTime(1, "train", 10.0, "train tester", 10, 20)
    with pytest.raises(KeyboardInterrupt), clock.timed(1, "measure"):
        watch.now += 2
        raise KeyboardInterrupt
    assert stage_in_hand(folder) == StageTime(1, "measure", 2.0)


def test_another_stage_does_not_begin_with_the_time_of_the_last(tmp_path: Path, watch: Watch) -> None:
    folder = LoopFolder(tmp_path)
    killed(folder, watch, "train", 30)
    clock = StageClock(folder)
    clock.tick()  # between stages there is nothing to note
    with clock.timed(1, "measure"):
        watch.now += 5
    assert list(read_lines(folder.progress)) == [{"round": 1, "stage": "measure", "seconds": 5.0}]


@pytest.mark.parametrize("text", ["", "[]", '{"round": 1}', '{"round": 1, "stage": "train", "seconds": 3'])
def test_a_note_that_cannot_be_read_is_none(tmp_path: Path, watch: Watch, text: str) -> None:
    folder = LoopFolder(tmp_path)
    folder.stage_in_hand.write_text(text, encoding="utf-8")
    assert stage_in_hand(folder) is None
    killed(folder, watch, "train", 10)
    assert stage_in_hand(folder) == StageTime(1, "train", 10.0)
