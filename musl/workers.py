"""`WorkerPool`: tasks in forked processes, so that a task that crashes, hangs or fails costs itself alone.

Threads would not do: a dependence analysis that never ends cannot be stopped in a thread, and a fault in a native
library takes the whole process. A worker is its own process group; it dies with this process, and so does all that it
started inside the sandbox.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
import traceback
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from types import TracebackType
from typing import Literal, TypeAlias

from data.parent_process import end_with_parent

ENDING = (signal.SIGINT, signal.SIGTERM)
_PATIENCE = 20.0  # seconds for a machine that has no process to spare


@dataclass(frozen=True)
class Stage:
    """What a worker does now, for the progress display. It does not extend the worker's time."""

    text: str


@dataclass(frozen=True)
class Died:
    """A worker that ended without finishing: its time was up, its process crashed, or an exception escaped (a bug)."""

    how: Literal["timeout", "crash", "error"]
    detail: str


@dataclass(frozen=True)
class Done:
    """The worker's task ended normally; all its results have been delivered."""


Task: TypeAlias = Callable[[], Iterator[object]]


@dataclass
class Worker:
    """A process with a task, and the end of the pipe where its messages come out."""

    process: ForkProcess
    connection: Connection
    timeout: float
    deadline: float
    failure: Died | None = None


@dataclass
class WorkerPool:
    """Runs at most `jobs` tasks at a time.

    A task is a generator function; what it yields arrives in `messages`, followed by `Done` or `Died`. A result starts
    the task's `timeout` (seconds) anew; a `Stage` does not.
    """

    jobs: int
    _waiting: deque[tuple[str, Task, float]] = field(default_factory=deque)
    _running: dict[str, Worker] = field(default_factory=dict)

    def submit(self, key: str, task: Task, timeout: float) -> None:
        """Queue a task under a key that no unfinished task has; `messages` starts it."""
        self._waiting.append((key, task, timeout))

    def messages(self, tick: float = 0.1) -> Generator[tuple[str, object], None, None]:
        """(key, message) as they come, until every task has ended.

        ("", None) comes at least every `tick` seconds, for a clock. Tasks may be submitted while iterating. Leaving the
        iteration early kills what runs.
        """
        try:
            while self._waiting or self._running:
                self._start_waiting()
                yield from self._collect(tick)
                yield "", None
        finally:
            self.kill()

    def kill(self) -> None:
        """End every worker and forget the queue."""
        self._waiting.clear()
        for worker in self._running.values():
            end_worker(worker)
        self._running.clear()

    def _start_waiting(self) -> None:
        while self._waiting and len(self._running) < self.jobs:
            key, task, timeout = self._waiting.popleft()
            with _signals_held():  # until the worker is known: one that nobody knows of is not killed
                self._running[key] = start_worker(task, timeout)

    def _collect(self, tick: float) -> Iterator[tuple[str, object]]:
        now = time.monotonic()
        soonest = min((worker.deadline for worker in self._running.values()), default=now + tick)
        connections = {worker.connection: key for key, worker in self._running.items()}
        for connection in wait(list(connections), timeout=max(0.0, min(tick, soonest - now))):
            assert isinstance(connection, Connection)
            yield from self._receive(connections[connection])
        for key in [key for key, worker in self._running.items() if worker.deadline < time.monotonic()]:
            worker = self._running.pop(key)
            end_worker(worker)
            yield key, Died("timeout", f"took longer than {worker.timeout:g} s")

    def _receive(self, key: str) -> Iterator[tuple[str, object]]:
        worker = self._running[key]
        try:
            message = worker.connection.recv()
        except (EOFError, ConnectionResetError):
            del self._running[key]
            yield key, _reap(worker)
            return
        if isinstance(message, Died):
            worker.failure = message
        else:
            if not isinstance(message, Stage):
                worker.deadline = time.monotonic() + worker.timeout
            yield key, message


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Python swallows an exception that a signal handler raises amid a fork, so signals wait until it is over."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def start_worker(task: Task, timeout: float) -> Worker:
    """A process that does the task, each message of which restarts its `timeout` (seconds); `end_worker` ends it."""
    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(task, sending), daemon=False)
    with warnings.catch_warnings():  # numpy's idle BLAS threads do not matter to the child, which never uses them
        warnings.simplefilter("ignore", DeprecationWarning)
        _fork(process)
    sending.close()
    return Worker(process, receiving, timeout, time.monotonic() + timeout)


def _fork(process: ForkProcess) -> None:
    """Start the process; a machine that has none to spare for the moment is waited for."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            process.start()
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def _work(task: Task, connection: Connection) -> None:
    os.setpgid(0, 0)
    end_with_parent()
    for number in ENDING:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    with connection, _ReportFailure(connection):
        for message in task():
            connection.send(message)


@dataclass
class _ReportFailure:
    """The boundary of a worker: an exception that escapes the task is sent as `Died`, not printed by the child."""

    connection: Connection

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is not None:
            self.connection.send(Died("error", "".join(traceback.format_exception(kind, error, trace))))
        return True


def _reap(worker: Worker) -> Done | Died:
    worker.process.join()
    worker.connection.close()
    if worker.failure is not None:
        return worker.failure
    if worker.process.exitcode:
        return Died("crash", f"the process ended with status {worker.process.exitcode}")
    return Done()


def end_worker(worker: Worker) -> None:
    """Kill the process and all in its group, if it has not ended by itself."""
    pid = worker.process.pid
    try:
        if pid is not None and os.getpgid(pid) == pid:
            os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # it ended by itself
    worker.process.kill()
    worker.process.join()
    worker.connection.close()
