"""Workers: each task alone bears what happens to it."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial

import pytest

from musl.workers import Died, Done, Stage, WorkerPool


def yield_all(*values: object) -> Iterator[object]:
    yield from values


def crash() -> Iterator[object]:
    os.kill(os.getpid(), signal.SIGKILL)
    yield None


def fail() -> Iterator[object]:
    yield "first"
    raise ValueError("no such thing")


def hang() -> Iterator[object]:
    yield Stage("hanging")
    time.sleep(60)
    yield None


def collect(pool: WorkerPool) -> dict[str, list[object]]:
    seen: dict[str, list[object]] = {}
    for key, message in pool.messages():
        if key:
            seen.setdefault(key, []).append(message)
    return seen


def test_results_arrive_in_order_and_end_with_done() -> None:
    pool = WorkerPool(jobs=2)
    pool.submit("a", partial(yield_all, 1, Stage("half"), 2), timeout=10)
    pool.submit("b", partial(yield_all), timeout=10)
    assert collect(pool) == {"a": [1, Stage("half"), 2, Done()], "b": [Done()]}


def test_a_crash_an_exception_and_a_hang_leave_the_others_alone() -> None:
    pool = WorkerPool(jobs=4)
    pool.submit("crash", crash, timeout=10)
    pool.submit("fail", fail, timeout=10)
    pool.submit("hang", hang, timeout=0.3)
    pool.submit("fine", partial(yield_all, 42), timeout=10)
    seen = collect(pool)
    assert seen["fine"] == [42, Done()]
    assert [type(message) for message in seen["fail"]] == [str, Died]
    failed, crashed, hung = seen["fail"][-1], seen["crash"][-1], seen["hang"][-1]
    assert isinstance(failed, Died) and failed.how == "error" and "no such thing" in failed.detail
    assert isinstance(crashed, Died) and crashed.how == "crash"
    assert isinstance(hung, Died) and hung.how == "timeout"


def test_a_result_starts_the_time_anew_and_a_stage_does_not() -> None:
    def results() -> Iterator[object]:
        for number in range(4):
            time.sleep(0.2)
            yield number

    def stages() -> Iterator[object]:
        for number in range(4):
            time.sleep(0.2)
            yield Stage(str(number))

    pool = WorkerPool(jobs=2)
    pool.submit("results", results, timeout=0.6)
    pool.submit("stages", stages, timeout=0.6)
    seen = collect(pool)
    assert seen["results"][-1] == Done()
    assert isinstance(seen["stages"][-1], Died)


def test_tasks_may_be_submitted_while_results_come_in() -> None:
    pool = WorkerPool(jobs=1)
    pool.submit("first", partial(yield_all, "go"), timeout=10)
    keys = []
    for key, message in pool.messages():
        if message == "go":
            pool.submit("second", partial(yield_all, "end"), timeout=10)
        keys += [key] if message in ("go", "end") else []
    assert keys == ["first", "second"]


def test_workers_die_with_their_parent() -> None:
    code = (
        "import os, time\nfrom musl.workers import WorkerPool\n"
        "def task():\n    yield os.getpid()\n    time.sleep(60)\n"
        "pool = WorkerPool(1)\npool.submit('a', task, 100)\n"
        "for key, message in pool.messages():\n"
        "    if key:\n        print(message, flush=True)\n        os._exit(0)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True)
    child = int(run.stdout)
    deadline = time.monotonic() + 5
    while os.path.exists(f"/proc/{child}") and time.monotonic() < deadline:  # noqa: PTH110 - a process, not a file
        time.sleep(0.05)
    assert not _runs(child)


def test_a_machine_without_a_process_to_spare_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    fork, refusals = os.fork, iter([BlockingIOError(errno.EAGAIN, "no process"), BlockingIOError(errno.EAGAIN, "none")])

    def refuse_twice() -> int:
        for refusal in refusals:
            raise refusal
        return fork()

    monkeypatch.setattr(os, "fork", refuse_twice)
    pool = WorkerPool(jobs=1)
    pool.submit("a", partial(yield_all, 1), timeout=10)
    assert collect(pool) == {"a": [1, Done()]}
    assert next(refusals, None) is None


def test_an_interrupt_amid_a_start_ends_the_worker_that_was_started() -> None:
    """The signal comes while the worker is forked: it is neither lost nor is the worker forgotten."""
    code = (
        "import os, signal, time\nfrom musl.workers import WorkerPool\n"
        "def task():\n    time.sleep(60)\n    yield 1\n"
        "pool = WorkerPool(1)\npool.submit('a', task, 100)\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a background job's tests have it ignored
        "os.register_at_fork(after_in_parent=lambda: os.kill(os.getpid(), signal.SIGINT))\n"
        "try:\n    for _ in pool.messages():\n        pass\n"
        "except KeyboardInterrupt:\n    print('interrupted')\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True)
    assert (run.stdout, run.stderr) == ("interrupted\n", "")


def _runs(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123
            return stat.read().split()[2] != "Z"
    except FileNotFoundError:
        return False
