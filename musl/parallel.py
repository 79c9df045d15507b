"""`map_in_workers`: one function over many items in forked workers, each of which takes the next item when it is
done.

Each keeps to a share of the processors of its own, with all that it starts. Judging a pair is a chain of hundreds of
processes that live for milliseconds; where the kernel places each of them anew, a processor now and then idles
while two wait for the other.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import itertools
import os
import struct
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Generic, TypeVar

from musl.errors import MachineError
from musl.workers import Died, Stage, WorkerPool

T = TypeVar("T")
R = TypeVar("R")
_NUMBER = struct.Struct("<I")


class _Result(Generic[R]):
    """What a worker sends: the number of the item, and what became of it."""

    def __init__(self, index: int, value: R) -> None:
        self.index, self.value = index, value


def map_in_workers(
    work: Callable[[T], R], items: Sequence[T], jobs: int, timeout: float
) -> Iterator[tuple[int, R | Died]]:
    """(index of the item, what `work` returned) as they come; `Died` where the worker crashed, raised or took longer
    than `timeout` seconds for the item. Raises MachineError where workers cannot be started."""
    queue = _queue_of(len(items))
    pool = WorkerPool(jobs)
    in_hand: dict[str, int] = {}
    share_of: dict[str, frozenset[int]] = {}
    started = itertools.count()

    def start(share: frozenset[int]) -> None:
        key = str(next(started))
        share_of[key] = share
        pool.submit(key, functools.partial(_work_off, work, items, queue, share), timeout)

    for share in shares(os.sched_getaffinity(0), min(jobs, len(items))):
        start(share)
    try:
        with contextlib.closing(pool.messages()) as messages:
            for key, message in messages:
                if isinstance(message, Stage):
                    in_hand[key] = int(message.text)
                elif isinstance(message, _Result):
                    del in_hand[key]
                    yield message.index, message.value
                elif isinstance(message, Died):
                    if key not in in_hand:
                        raise MachineError(f"a worker ended before it had begun: {message.detail}")
                    yield in_hand.pop(key), message
                    start(share_of[key])
    finally:
        os.close(queue)


def shares(processors: Collection[int], count: int) -> list[frozenset[int]]:
    """The processors in `count` parts, whose sizes differ by one at most. Where there are fewer processors than parts,
    each part is all of them."""
    ordered = sorted(processors)
    if len(ordered) < count:
        return [frozenset(ordered)] * count
    ends = [part * len(ordered) // count for part in range(count + 1)] if count else []
    return [frozenset(ordered[begin:end]) for begin, end in itertools.pairwise(ends)]


def _queue_of(count: int) -> int:
    """A file of the numbers below `count`. Forked processes share its position: each read takes the next number."""
    queue = os.memfd_create("items")
    with os.fdopen(os.dup(queue), "wb") as file:
        file.write(b"".join(map(_NUMBER.pack, range(count))))
    os.lseek(queue, 0, os.SEEK_SET)
    return queue


def _take(queue: int) -> int | None:
    """The next number, None where there is none left. Two reads of such a file at one time may give the same one: hence
    the lock, which the kernel takes back from a process that is killed."""
    fcntl.lockf(queue, fcntl.LOCK_EX)
    try:
        taken = os.read(queue, _NUMBER.size)
    finally:
        fcntl.lockf(queue, fcntl.LOCK_UN)
    return int(_NUMBER.unpack(taken)[0]) if taken else None


def _work_off(work: Callable[[T], R], items: Sequence[T], queue: int, share: Collection[int]) -> Iterator[object]:
    """Task of a worker: one item after the other, as long as there are some."""
    os.sched_setaffinity(0, share)
    while (index := _take(queue)) is not None:
        yield Stage(str(index))
        yield _Result(index, work(items[index]))
