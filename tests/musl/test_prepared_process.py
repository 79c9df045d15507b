"""A process that imports once and forks for each task."""

from __future__ import annotations

import functools
import importlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.errors import ModelError
from musl.errors import UsageError
from musl.loop.beside import Beside, Chunk
from musl.prepared_process import PreparedProcess
from musl.workers import Died


@pytest.fixture
def slow_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The module `slow_to_import` adds a line to the file that is returned, each time that it is imported."""
    log = tmp_path / "imported"
    (tmp_path / "slow_to_import.py").write_text(
        f"import os\nwith open({str(log)!r}, 'a') as log:\n    log.write(f'{{os.getpid()}}\\n')\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    return log


def _imports() -> Iterator[object]:
    """This process, and whether the module was there before it was asked for."""
    known = "slow_to_import" in sys.modules
    importlib.import_module("slow_to_import")
    yield os.getpid(), known


def _ends(how: str) -> Iterator[object]:
    yield os.getpid()
    if how == "crash":
        os._exit(3)
    elif how == "error":
        raise ZeroDivisionError(how)
    time.sleep(60)


def _refuses() -> Iterator[int]:
    yield 1
    raise ModelError("build/base: a model without a tokenizer")


def test_a_module_is_imported_once_for_all_tasks(slow_module: Path) -> None:
    with PreparedProcess(["slow_to_import"]) as prepared:
        pids = set()
        for _ in range(3):
            ((pid, known),) = prepared.run(_imports)  # type: ignore[misc]
            assert known
            pids.add(pid)
    assert len(pids) == 3
    (importer,) = slow_module.read_text().split()
    assert int(importer) not in pids | {os.getpid()}
    assert "slow_to_import" not in sys.modules


def test_a_module_that_cannot_be_imported_is_left_to_the_task(slow_module: Path) -> None:
    with PreparedProcess(["no_such_module", "slow_to_import"]) as prepared:
        ((_, known),) = prepared.run(_imports)  # type: ignore[misc]
    assert known


@pytest.mark.parametrize(("how", "said"), [("crash", "status 3"), ("error", "ZeroDivisionError: error")])
def test_a_task_that_ends_badly_costs_itself_alone(how: str, said: str) -> None:
    with PreparedProcess([]) as prepared:
        _, died = prepared.run(functools.partial(_ends, how))
        assert isinstance(died, Died) and died.how == how and said in died.detail
        assert next(prepared.run(functools.partial(_ends, how))) != os.getpid()


def test_what_runs_ends_with_the_context() -> None:
    with PreparedProcess([]) as prepared:
        pid = next(prepared.run(functools.partial(_ends, "never")))
        assert isinstance(pid, int)
        os.kill(pid, 0)
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    pytest.fail("the task went on after its context")


def test_a_process_that_is_gone_is_said_to_be() -> None:
    with PreparedProcess([]) as prepared:
        parent = next(prepared.run(_parent))
        assert isinstance(parent, int)
        os.kill(parent, 9)
        time.sleep(0.2)
        (died,) = prepared.run(_imports)
    assert isinstance(died, Died) and died.how == "crash"


def _parent() -> Iterator[object]:
    yield os.getppid()


def test_a_loop_generates_in_forks_of_it() -> None:
    with PreparedProcess(["string"]) as prepared:
        beside: Beside[int, int, int] = Beside(functools.partial(iter, [5, 6]), 1, 10.0, 10.0, prepared)
        assert [m.value for m in beside.messages() if isinstance(m, Chunk)] == [5, 6]
        refused: Beside[int, int, int] = Beside(_refuses, 1, 10.0, 10.0, prepared)
        with pytest.raises(UsageError, match="a model without a tokenizer"):
            list(refused.messages())
