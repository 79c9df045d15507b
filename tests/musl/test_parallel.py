"""One function over many items in workers: each item once, whatever becomes of the workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from musl.machine import usable_cores
from musl.parallel import map_in_workers, shares
from musl.workers import Died


def square(number: int) -> int:
    return number * number


@pytest.mark.parametrize("jobs", [1, 2, 7])
def test_each_item_is_done_once(tmp_path: Path, jobs: int) -> None:
    def note(item: str) -> str:
        with (tmp_path / item).open("a", encoding="utf-8") as file:
            file.write("done\n")
        return item.upper()

    items = [f"item{number}" for number in range(40)]
    results = dict(map_in_workers(note, items, jobs, timeout=20))
    assert results == {index: item.upper() for index, item in enumerate(items)}
    assert {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()} == dict.fromkeys(
        items, "done\n"
    )


def test_many_workers_at_one_time_take_no_item_twice() -> None:
    """Reads of a file whose position processes share may give the same number twice."""
    seen = Counter(index for index, _ in map_in_workers(square, range(3000), jobs=4, timeout=20))
    assert len(seen) == 3000 and set(seen.values()) == {1}


def test_no_item_needs_no_worker() -> None:
    assert list(map_in_workers(square, [], jobs=2, timeout=1)) == []


def test_a_crash_an_exception_and_a_hang_cost_their_own_item_alone() -> None:
    def work(item: str) -> int:
        if item == "crash":
            os.kill(os.getpid(), signal.SIGKILL)
        if item == "hang":
            time.sleep(60)
        if item == "fail":
            raise ValueError("no such thing")
        return os.getpid()

    items = ["a", "crash", "b", "fail", "c", "hang", "d", "crash", "e"]
    results = dict(map_in_workers(work, items, jobs=2, timeout=1.0))
    assert sorted(results) == list(range(len(items)))
    died = {index: result for index, result in results.items() if isinstance(result, Died)}
    assert {items[index]: result.how for index, result in died.items()} == {
        **{"crash": "crash", "fail": "error", "hang": "timeout"}
    }
    assert sorted(died) == [1, 3, 5, 7]
    assert any("no such thing" in result.detail for result in died.values())


def test_each_item_has_the_whole_time() -> None:
    def work(seconds: float) -> float:
        time.sleep(seconds)
        return seconds

    results = dict(map_in_workers(work, [0.4] * 6, jobs=1, timeout=1.5))
    assert results == dict.fromkeys(range(6), 0.4)


def test_a_result_that_cannot_be_sent_is_an_error_of_its_item() -> None:
    results = dict(map_in_workers(lambda item: (lambda: item) if item else item, [0, 1, 0], jobs=1, timeout=20))
    assert results[0] == results[2] == 0
    failed = results[1]
    assert isinstance(failed, Died) and failed.how == "error" and "pickle" in failed.detail


def test_work_is_shared_by_few_workers() -> None:
    def work(item: int) -> int:
        time.sleep(0.02)
        return os.getpid()

    by_worker = Counter(result for _, result in map_in_workers(work, range(20), jobs=3, timeout=20))
    assert len(by_worker) == 3 and os.getpid() not in by_worker


def test_leaving_early_ends_the_workers() -> None:
    def work(item: int) -> int:
        if item:
            time.sleep(60)
        return os.getpid()

    results = map_in_workers(work, [0, 1, 2], jobs=2, timeout=100)
    _, worker = next(results)
    assert isinstance(worker, int)
    results.close()  # type: ignore[attr-defined]
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)


@pytest.mark.parametrize("processors", [[0], [0, 1], [3, 5, 6], range(16), range(100, 228)])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 12, 16, 128])
def test_shares_are_all_processors_in_equal_parts(processors: Sequence[int], count: int) -> None:
    parts = shares(processors, count)
    assert len(parts) == count
    if 0 < count <= len(processors):
        assert sorted(number for part in parts for number in part) == sorted(processors)
        assert max(map(len, parts)) - min(map(len, parts)) <= 1
    else:
        assert parts == [frozenset(processors)] * count


def test_workers_keep_to_shares_of_the_processors() -> None:
    """Also the one that takes the place of one that crashed, and what a worker starts."""

    show = [sys.executable, "-c", "import os; print(*os.sched_getaffinity(0))"]

    def work(item: str) -> tuple[int, frozenset[int], frozenset[int]]:
        if item == "crash":
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.05)
        child = subprocess.run(show, capture_output=True, text=True, check=True).stdout
        return os.getpid(), frozenset(os.sched_getaffinity(0)), frozenset(map(int, child.split()))

    allowed = os.sched_getaffinity(0)
    seen = dict(map_in_workers(work, ["a", "b", "crash", *"cdefgh"], jobs=2, timeout=20))
    told = [value for value in seen.values() if not isinstance(value, Died)]
    assert len(told) == 8 and len({pid for pid, _, _ in told}) == 3
    assert {share for _, share, _ in told} == set(shares(allowed, 2))
    assert all(child == share for _, share, child in told)
    assert os.sched_getaffinity(0) == allowed


def test_usable_cores_are_those_that_this_process_may_run_on() -> None:
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert usable_cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)
    assert usable_cores() == len(allowed)
