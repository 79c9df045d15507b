"""Work is done in order, wherever it is done, and a fault of the source does not lose what is in work."""

from __future__ import annotations

import importlib.util
import os
import signal
from collections.abc import Iterator

import pytest

from data.corpus.errors import DataError
from data.corpus.executor import LocalExecutor, make_executor


def _double(number: int) -> int:
    return 2 * number


def _end(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def _broken(count: int) -> Iterator[int]:
    yield from range(count)
    raise DataError("half a source")


def test_results_come_in_the_order_of_the_items() -> None:
    for jobs in (1, 2):
        assert list(LocalExecutor(jobs).map(_double, range(20))) == [2 * number for number in range(20)]


def test_what_is_in_work_is_delivered_before_a_fault_of_the_source() -> None:
    results: list[int] = []
    with pytest.raises(DataError, match="half a source"):
        for result in LocalExecutor(2).map(_double, _broken(3)):
            results.append(result)
    assert results == [0, 2, 4]


def test_few_items_are_taken_ahead() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    results = LocalExecutor(2).map(_double, items())
    next(results)
    assert len(taken) <= 5
    assert list(results)[-1] == 198


def test_a_worker_that_is_killed_is_one_line() -> None:
    with pytest.raises(DataError, match="a worker process was killed"):
        list(LocalExecutor(2).map(_end, [1]))


def test_an_executor_is_named_by_its_address() -> None:
    with pytest.raises(DataError, match="tcp://x: not an executor"):
        make_executor("tcp://x", 1)


@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="Ray is installed")
def test_without_ray_there_is_one_line_that_names_the_extra() -> None:
    with pytest.raises(DataError, match=r"Ray is not installed \(pip install 'musl-cuda\[cluster\]'\)"):
        make_executor("ray://localhost:10001", 1)
