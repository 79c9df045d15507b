"""`PreparedProcess`: a process that has imported what takes long to import, and forks itself for each task.

Importing torch, transformers, trl and peft takes some fifteen seconds, and a loop of three rounds starts eighteen
processes that need them. The loop's own process stays without them: it forks for each verdict, and a fork of a process
with so many pages takes 60 milliseconds instead of two. multiprocessing's forkserver would be a process with
another working folder, environment and logging than the loop's.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import math
import multiprocessing
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from types import TracebackType

from musl.workers import Died, Done, Task, WorkerPool, end_worker, start_worker


class PreparedProcess:
    """Imports `modules` as soon as it is entered, beside whatever the caller does, and ends with its context. A module
    that cannot be imported is left to the task that needs it, which says why."""

    def __init__(self, modules: Sequence[str]) -> None:
        self._modules = modules

    def __enter__(self) -> PreparedProcess:
        theirs, self._tasks = multiprocessing.get_context("fork").Pipe(duplex=False)
        self._worker = start_worker(functools.partial(_serve, self._modules, theirs), math.inf)
        theirs.close()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        end_worker(self._worker)
        self._tasks.close()

    def run(self, task: Task) -> Iterator[object]:
        """What the task yields in a fork of the prepared process, and `Died` where it did not end well. The task is
        pickled. One at a time; after one that was left early, the context has to end."""
        try:
            self._tasks.send(task)
            while not isinstance(message := self._worker.connection.recv(), Done):
                yield message
                if isinstance(message, Died):
                    return
        except (EOFError, OSError):
            yield Died("crash", "the process that was to fork for it had ended")


def _serve(modules: Sequence[str], tasks: Connection) -> Iterator[object]:
    for module in modules:
        with contextlib.suppress(Exception):
            importlib.import_module(module)
    while True:
        pool = WorkerPool(1)
        pool.submit("task", tasks.recv(), math.inf)
        for key, message in pool.messages():
            if key:
                yield message
