"""Two builds in one run of the sandbox: each gets its own words and status, and none waits for one that has gone."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from compile.host import COMPILE_LIMITS, RunScript
from compile.outcome import Outcome, Status
from compile.sandbox import Sandbox
from compile.shared_run import SharedRun

Build = Callable[[RunScript, Sandbox], Outcome]


def together(folder: Path, *builds: Build, seconds: float = 60.0) -> list[Outcome]:
    """The outcomes of builds that share a run, each in a folder of its own."""
    sandbox = Sandbox(folder)
    shared = SharedRun(sandbox, replace(COMPILE_LIMITS, wall_seconds=seconds), len(builds))

    def carry_out(number: int) -> Outcome:
        own = folder / f"build {number}"
        own.mkdir()
        try:
            return builds[number](shared.of_rank(number), sandbox.within(own))
        finally:
            shared.leave()

    with ThreadPoolExecutor(len(builds)) as pool:
        building = [pool.submit(carry_out, number) for number in range(len(builds))]
    return [future.result() for future in building]


def script(text: str) -> Build:
    return lambda run, sandbox: run(text, sandbox, [])


def kept(run: RunScript, sandbox: Sandbox) -> Outcome:
    return Outcome(Status.OK, stderr=b"from the cache")


def test_each_has_its_own_folder_words_and_status(tmp_path: Path) -> None:
    text = "pwd > here && echo $TMPDIR >> here && echo words >&2"
    first, second = together(tmp_path, script(text), script("echo complaint; false && echo no"))
    assert first.ok and first.stderr == b"words\n"
    assert second.status is Status.COMPILE_ERROR and second.exit_code == 1 and second.stderr == b"complaint\n"
    assert (tmp_path / "build 0" / "here").read_text() == f"{tmp_path / 'build 0'}\n" * 2


def test_they_run_in_one_sandbox(tmp_path: Path) -> None:
    """Each leaves something in /tmp, which lives as long as the sandbox: the one that comes second finds both."""
    outcomes = together(tmp_path, script("touch /tmp/a; echo /tmp/?"), script("touch /tmp/b; echo /tmp/?"))
    assert sorted(len(outcome.stderr.split()) for outcome in outcomes) == [1, 2]


@pytest.mark.parametrize("position", [0, 1])
def test_one_that_needs_no_run_keeps_nobody_waiting(tmp_path: Path, position: int) -> None:
    builds: list[Build] = [script("echo made")]
    builds.insert(position, kept)
    outcomes = together(tmp_path, *builds)
    assert outcomes[position].stderr == b"from the cache"
    assert outcomes[1 - position].stderr == b"made\n"


def test_a_second_try_runs_alone(tmp_path: Path) -> None:
    def twice(run: RunScript, sandbox: Sandbox) -> Outcome:
        assert not run("exit 3", sandbox, []).ok
        return run("echo again", sandbox, [])

    outcomes = together(tmp_path, twice, script("echo other"))
    assert [outcome.stderr for outcome in outcomes] == [b"again\n", b"other\n"]


def test_one_that_does_not_end_costs_what_comes_after_it(tmp_path: Path) -> None:
    def late(run: RunScript, sandbox: Sandbox) -> Outcome:
        time.sleep(0.3)  # it comes last, and yet its rank is the first
        return run("echo made", sandbox, [])

    first, *others = together(tmp_path, late, script("sleep 60"), script("echo never"), seconds=1.0)
    assert first.ok and first.stderr == b"made\n"
    assert [other.status for other in others] == [Status.TIMEOUT, Status.TIMEOUT]


def test_a_build_that_raises_lets_the_other_go_on(tmp_path: Path) -> None:
    def broken(run: RunScript, sandbox: Sandbox) -> Outcome:
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        together(tmp_path, broken, script("echo made"))
    assert (tmp_path / "build 1" / "compiler.said").read_text() == "made\n"


def test_a_machine_that_starts_no_process_fails_every_build(tmp_path: Path) -> None:
    """The sandbox's folder is gone, so that its shell cannot be started there."""
    sandbox = Sandbox(tmp_path / "gone", unsafe=True)
    shared = SharedRun(sandbox, COMPILE_LIMITS, 2)
    own = Sandbox(tmp_path, unsafe=True)
    with ThreadPoolExecutor(2) as pool:
        building = [pool.submit(shared.of_rank(rank), "echo made", own, []) for rank in range(2)]
        outcomes = [future.result(timeout=20) for future in building]
    assert [outcome.status for outcome in outcomes] == [Status.INFRASTRUCTURE] * 2
