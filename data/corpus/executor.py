"""Where the work is done: this process, processes of this machine, or a Ray cluster. Results keep the order."""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Protocol, TypeVar

from data.corpus.errors import DataError, one_line
from data.parent_process import end_with_parent

Item = TypeVar("Item")
Result = TypeVar("Result")
Handle = TypeVar("Handle")
RAY = "ray://"
# Items in work or done and not yet taken, for each worker: enough to keep it busy, few enough to bound the memory.
_WAITING = 2


class Executor(Protocol):
    """Does the same work on many items."""

    @property
    def is_local(self) -> bool:
        """Whether its workers see this machine's files."""
        ...

    def map(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """The results in the order of the items, a bounded number of which is taken ahead."""
        ...


class LocalExecutor:
    """`jobs` processes of this machine; with one, this process itself. They end when this process ends, however."""

    is_local = True

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs

    def map(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """See `Executor`."""
        if self._jobs == 1:
            yield from map(work, items)
            return
        # A forked process would have the locks of this one's threads, which pyarrow has some of.
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(self._jobs, mp_context=context, initializer=_begin)
        try:
            window = self._jobs * _WAITING
            yield from _in_order(lambda item: pool.submit(work, item), lambda future: future.result(), items, window)
        except BrokenProcessPool:
            raise DataError(
                "a worker process was killed (out of memory?); run the same command again to go on"
            ) from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


class RayExecutor:
    """The workers of a Ray cluster. DataError where Ray is not installed or the cluster does not answer."""

    is_local = False

    def __init__(self, address: str) -> None:
        try:
            import ray
        except ImportError:
            raise DataError(f"{address}: Ray is not installed (pip install 'musl-cuda[cluster]')") from None
        self._ray = ray
        try:
            ray.init(address, log_to_driver=False)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise DataError(f"{address}: the Ray cluster does not answer ({one_line(error)})") from None

    def map(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """See `Executor`."""
        remote = self._ray.remote(max_retries=3)(work)
        resources = self._ray.cluster_resources()  # type: ignore[no-untyped-call]
        window = max(1, int(resources.get("CPU", 1))) * _WAITING
        try:
            yield from _in_order(remote.remote, self._ray.get, items, window)
        except self._ray.exceptions.RayTaskError as error:
            raise DataError(f"a task on the Ray cluster failed ({one_line(error.cause)})") from None
        finally:
            self._ray.shutdown()


def make_executor(where: str | None, jobs: int) -> Executor:
    """`where` is None for this machine, else the address of a Ray cluster, ray://HOST:PORT."""
    if where is None:
        return LocalExecutor(jobs)
    if not where.startswith(RAY):
        raise DataError(f"{where}: not an executor (ray://HOST:PORT)")
    return RayExecutor(where)


def _in_order(
    submit: Callable[[Item], Handle], wait: Callable[[Handle], Result], items: Iterable[Item], window: int
) -> Iterator[Result]:
    handles: deque[Handle] = deque()
    try:
        for item in items:
            handles.append(submit(item))
            if len(handles) >= window:
                yield wait(handles.popleft())
    except DataError:  # of the items: what is in work is not to be lost
        while handles:
            yield wait(handles.popleft())
        raise
    while handles:
        yield wait(handles.popleft())


def _begin() -> None:
    """A worker whose parent is killed would wait for work for ever."""
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent gets it as well, and ends the pool
