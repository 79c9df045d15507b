"""A run that is killed at random moments, 20 times, ends as one that was not."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest
from lookup_parts import LookupParts
from loop_runs import MakeConfig

from musl.loop import stage_clock
from musl.loop.config import LoopConfig
from musl.loop.run import run_loop

KILLS = 20
# What a run is not compared by: what it took, the order in which verdicts came, where it lies, its lock.
_OWN = frozenset({"progress.jsonl", ".stage.json.tmp", "verdicts.jsonl", "loop.json", "lock"})


def _start(config: LoopConfig) -> int:
    """The run in a process of its own, which ends with 0 when the run is whole."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        run_loop(config, parts=LookupParts(config.training))
        status = 0
    finally:
        os._exit(status)


def _killed(child: int, after: float) -> bool:
    """Whether the process had to be killed after so many seconds; it may also have ended well before."""
    deadline = time.monotonic() + after
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            assert os.waitstatus_to_exitcode(status) == 0
            return False
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


def _files(folder: Path) -> dict[str, bytes]:
    files = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in files.items() if name not in _OWN}


@pytest.mark.slow
def test_a_run_that_is_killed_20_times_ends_as_one_that_was_not(
    make_config: MakeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage_clock, "EVERY", 0.0)
    calm = make_config(tmp_path / "calm")
    started = time.monotonic()
    run_loop(calm, parts=LookupParts(calm.training))
    duration = time.monotonic() - started
    draw = random.Random(20)
    wanted, kills, runs = _files(calm.output), 0, 0
    while kills < KILLS:
        config = make_config(tmp_path / f"killed-{runs}")
        while _killed(_start(config), after=draw.uniform(0.0, duration / 2) if kills < KILLS else 600.0):
            kills += 1
        assert _files(config.output) == wanted
        runs += 1
    assert kills >= KILLS and len(wanted) > 15
