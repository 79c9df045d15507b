"""Nothing outlives a run: no process, no file in /tmp, /dev/shm or the scratch folder, also where MuSL is killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from compile import bounded
from compile.outcome import Status
from compile.sandbox import Limits, Sandbox, processes_have_an_rlimit
from compile.scratch import scratch_folder


def is_running(command: bytes) -> bool:
    """Whether some process of this machine has this command line."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if command in entry.read_bytes():
                return True
        except OSError:
            continue
    return False


def comes_true(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Whether the condition holds before the time is over."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def names(*folders: str) -> set[str]:
    """What lies in the folders."""
    return {f"{folder}/{name}" for folder in folders for name in os.listdir(folder)}  # noqa: PTH208


HOSTILE = {
    "orphans": "for k in 1 2 3; do (setsid sh -c 'trap \"\" TERM HUP; exec sleep 4001' &); done",
    "files": "echo x > /tmp/left-behind; echo x > /dev/shm/left-behind; mkfifo /tmp/left-fifo; ln -s / /tmp/left-link",
    "an endless loop": "trap '' TERM INT HUP; sleep 4001 & while :; do :; done",
    "a stopped process": "kill -STOP $$",
}


@pytest.mark.parametrize("script", HOSTILE)
def test_a_run_leaves_nothing_behind(tmp_path: Path, script: str) -> None:
    before = names("/tmp", "/dev/shm")
    Sandbox(tmp_path).run(["/bin/sh", "-c", HOSTILE[script]], limits=Limits(wall_seconds=0.5))
    assert comes_true(lambda: not is_running(b"sleep\x004001"))
    left = [name for name in names("/tmp", "/dev/shm") - before if "left-" in name]
    assert not left
    assert not list(tmp_path.iterdir())


KILLED = """
import sys, threading
from compile.sandbox import Sandbox
from compile.scratch import scratch_folder
with scratch_folder() as folder:
    (folder / "build").mkdir()
    (folder / "build" / "unit.o").write_text("x")
    print(folder, flush=True)
    script = "(setsid sleep 4002 &); while :; do echo x > file; done"
    Sandbox(folder).run(["/bin/sh", "-c", script], writable=True)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_process_leaves_nothing_behind(how: signal.Signals) -> None:
    """MuSL is killed in the middle of a run: its sandbox dies with it, and its folder goes."""
    process = subprocess.Popen([sys.executable, "-c", KILLED], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    folder = Path(process.stdout.readline().strip())
    assert comes_true(lambda: is_running(b"sleep\x004002") and (folder / "file").exists())
    process.send_signal(how)
    process.wait()
    assert comes_true(lambda: not is_running(b"sleep\x004002"))
    assert comes_true(lambda: not folder.exists())


def test_a_folder_goes_at_the_end_of_its_body() -> None:
    with pytest.raises(ZeroDivisionError), scratch_folder() as folder:
        (folder / "file").write_text("x")
        _ = 1 // 0
    assert not folder.exists()
    assert comes_true(lambda: not is_running(bytes(folder)))


def test_a_folder_that_is_still_written_to_goes_too() -> None:
    """As after an interrupt: the processes of a killed sandbox write for a moment longer."""

    script = """
i=0
while [ -d . ] && [ $i -lt 3000 ]; do : > $i 2> /dev/null || exit; i=$((i + 1)); done
"""
    with scratch_folder() as folder:
        writer = subprocess.Popen(["/bin/sh", "-c", script], cwd=folder)
        assert comes_true(lambda: (folder / "50").exists())
    assert not folder.exists()
    writer.wait()


# ---------------------------------------------------------------------------------------------- limits without rlimits


BOMBS = {
    "of one session": "f() { sleep 4003 & f | f & }; while :; do f; done",
    "of a session for each": 'export f=\'setsid sh -c "$f" & setsid sh -c "$f" & sleep 4003\'; eval "$f"',
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_a_fork_bomb_of_an_unrestricted_run_is_stopped(tmp_path: Path, bomb: str) -> None:
    """Forks without end where processes may be made, as in a compiler: stopped, and all of it is gone. What watched it
    has the place among the machine's processes again that it had."""
    policy = os.sched_getscheduler(0)
    begin = time.monotonic()
    outcome = Sandbox(tmp_path).run(["/bin/sh", "-c", bomb], limits=Limits(wall_seconds=20.0, processes=60))
    assert outcome.status is Status.RUNTIME_ERROR
    assert outcome.message.startswith("stopped: more than 60 processes") or "fork" in outcome.message.lower()
    assert time.monotonic() - begin < 10
    assert comes_true(lambda: not is_running(b"sleep\x004003"))
    assert os.sched_getscheduler(0) == policy


def test_the_memory_of_all_processes_together_is_bounded(tmp_path: Path) -> None:
    """Three processes that are each below the limit, and together above it: out of memory."""
    hog = f"{sys.executable} -S -c 'x = bytearray(60 << 20); import time; time.sleep(20)'"
    limits = Limits(wall_seconds=15.0, memory_bytes=150 << 20)
    prefix = Path(sys.base_prefix)
    outcome = Sandbox(tmp_path).run(
        ["/bin/sh", "-c", f"{hog} & {hog} & {hog} & wait"], limits=limits, readable=[Path(sys.prefix), prefix]
    )
    assert outcome.status is Status.OUT_OF_MEMORY
    assert outcome.message.startswith("stopped: more memory")
    assert outcome.seconds < 10


def test_a_writable_folder_cannot_fill_the_disk(tmp_path: Path) -> None:
    """Many files that are each below the limit of one: stopped soon after the limit of the folder."""
    script = "k=0; while :; do k=$((k + 1)); dd if=/dev/zero of=f$k bs=1M count=8 2> /dev/null; done"
    limits = Limits(wall_seconds=15.0, file_bytes=16 << 20, folder_bytes=64 << 20)
    outcome = Sandbox(tmp_path).run(["/bin/sh", "-c", script], limits=limits, writable=True)
    assert outcome.message.startswith("stopped: more than 67108864 bytes in its folder")
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 1 << 30


def test_an_rlimit_bounds_the_processes_where_the_user_is_not_root() -> None:
    """As another user: the fork itself fails, at every instant, also where nobody looks."""
    if os.geteuid() != 0:
        pytest.skip("needs root to become another user")
    folder = Path(tempfile.mkdtemp(prefix="musl-test-"))
    folder.chmod(0o777)
    Sandbox(folder).run(["true"])  # all that is looked up once
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(12345)
        os.setuid(12345)
        processes_have_an_rlimit.cache_clear()
        bounded.GUARD_SECONDS = 60.0
        script = "k=0; while [ $k -lt 100 ]; do sleep 4004 & k=$((k + 1)); done; echo all"
        outcome = Sandbox(folder).run(["/bin/sh", "-c", script], limits=Limits(wall_seconds=3.0, processes=20))
        (folder / "outcome").write_text(f"{processes_have_an_rlimit()} {outcome.stdout!r} {outcome.message}")
        os._exit(0)
    os.waitpid(child, 0)
    said = (folder / "outcome").read_text()
    shutil.rmtree(folder)
    if "bwrap:" in said or said.startswith("False"):
        pytest.skip(f"another user cannot make such a sandbox here: {said}")
    assert "ork" in said and "all" not in said
