"""`Beside`: one process that generates, and others that verify what it has generated so far.

The process of the loop itself loads no model: it only hands on what comes, so that its forks are light, a model that
takes too much memory costs a process of its own, and the memory of a device is free again when a stage is over.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from data.corpus.errors import DataError
from models.errors import ModelError
from musl.errors import MachineError, UsageError
from musl.prepared_process import PreparedProcess
from musl.workers import Died, Stage, Task, WorkerPool

C = TypeVar("C")
K = TypeVar("K")
R = TypeVar("R")
_GENERATOR = "generator"


@dataclass(frozen=True)
class Chunk(Generic[C]):
    """What the generating process gives at a time."""

    value: C


@dataclass(frozen=True)
class Result(Generic[K, R]):
    """What became of a piece of work."""

    key: K
    value: R | Died


@dataclass(frozen=True)
class _Returned:
    value: object


@dataclass(frozen=True)
class _Refused:
    """An error for the user, in one line; `usage` says that the request is to blame and not the machine."""

    line: str
    usage: bool


@dataclass
class Beside(Generic[C, K, R]):
    """Generates with `generate` (None: nothing is generated), and does the work that is submitted meanwhile on `jobs`
    processes more. `timeout` seconds are for a piece of work, `generation_timeout` for a chunk. What generates is a
    fork of the process that is `prepared` for it, where there is one."""

    generate: Callable[[], Iterator[C]] | None
    jobs: int
    timeout: float
    generation_timeout: float
    prepared: PreparedProcess | None = None
    _pool: WorkerPool = field(init=False)
    _keys: dict[str, K] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self._pool = WorkerPool(self.jobs + (self.generate is not None))

    def submit(self, key: K, work: Callable[[], R]) -> None:
        """Have `work` done by another process; its Result has the key."""
        name = f"work {next(self._numbers)}"
        self._keys[name] = key
        self._pool.submit(name, functools.partial(_once, work), self.timeout)

    def messages(self) -> Iterator[Chunk[C] | Result[K, R]]:
        """Chunks and results as they come, until all is done. Raises UsageError for what cannot be generated as it was
        asked for, MachineError where the generating process ended."""
        if self.generate is not None:
            task: Task = functools.partial(_guarded, self.generate)
            if self.prepared is not None:
                task = functools.partial(self.prepared.run, task)
            self._pool.submit(_GENERATOR, task, self.generation_timeout)
        for name, message in self._pool.messages():
            if name == _GENERATOR:
                yield from self._generated(message)
            elif isinstance(message, _Returned):
                yield Result(self._keys.pop(name), message.value)  # type: ignore[arg-type]  # what its work returned
            elif isinstance(message, Died) and name in self._keys:
                yield Result(self._keys.pop(name), message)

    def _generated(self, message: object) -> Iterator[Chunk[C]]:
        if isinstance(message, _Refused):
            raise UsageError(message.line) if message.usage else MachineError(message.line)
        if isinstance(message, Died):
            raise MachineError(f"the process with the model ended ({message.how}): {last_line(message)}")
        if isinstance(message, Chunk):
            yield message


def _once(work: Callable[[], object]) -> Iterator[object]:
    yield _Returned(work())


def _guarded(generate: Callable[[], Iterator[object]]) -> Iterator[object]:
    yield Stage("generating")
    try:
        for value in generate():
            yield Chunk(value)
    except ModuleNotFoundError as error:
        yield _Refused(f"{error.name} is not installed: pip install 'musl-cuda[data,models]'", usage=False)
    except (UsageError, ModelError, DataError) as error:
        yield _Refused(str(error), usage=True)
    except (MachineError, MemoryError) as error:
        yield _Refused(str(error) or "out of memory", usage=False)


def last_line(died: Died) -> str:
    """The last line of what is known of a process that ended."""
    lines = died.detail.strip().splitlines()
    return lines[-1] if lines else died.how
