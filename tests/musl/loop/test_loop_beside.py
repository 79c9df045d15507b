"""Work is done beside generation; what goes wrong on either side costs what it has to and is said in one line."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

from models.errors import ModelError
from musl.errors import MachineError, UsageError
from musl.loop.beside import Beside, Chunk, Result
from musl.workers import Died


def _numbers() -> Iterator[int]:
    for number in range(4):
        time.sleep(0.1)
        yield number


def test_work_is_finished_while_the_next_is_generated() -> None:
    beside: Beside[int, int, int] = Beside(_numbers, 2, 10.0, 10.0)
    order: list[str] = []
    results: dict[int, object] = {}
    for message in beside.messages():
        if isinstance(message, Chunk):
            order.append("chunk")
            number = message.value
            beside.submit(number, lambda number=number: number * number)  # type: ignore[misc]
        else:
            order.append("result")
            results[message.key] = message.value
    assert results == {0: 0, 1: 1, 2: 4, 3: 9}
    assert "result" in order[: len(order) - 1 - order[::-1].index("chunk")]  # before the last chunk came


def test_a_piece_of_work_that_crashes_or_hangs_costs_itself_alone() -> None:
    beside: Beside[int, str, int] = Beside(None, 3, 0.5, 1.0)
    beside.submit("crash", lambda: os._exit(3))
    beside.submit("hang", lambda: time.sleep(60) or 0)  # type: ignore[func-returns-value]
    beside.submit("raise", lambda: 1 // 0)
    beside.submit("good", lambda: 7)
    results = {m.key: m.value for m in beside.messages() if isinstance(m, Result)}
    assert results.pop("good") == 7
    assert {key: value.how for key, value in results.items() if isinstance(value, Died)} == {
        "crash": "crash",
        "hang": "timeout",
        "raise": "error",
    }


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (ModelError("build/base: a model without a tokenizer"), UsageError, "build/base: a model without a tokenizer"),
        (MachineError("no memory left on the GPU"), MachineError, "no memory left on the GPU"),
        (ZeroDivisionError("division by zero"), MachineError, "ended .error.: ZeroDivisionError: division by zero"),
        (ModuleNotFoundError(name="trl"), MachineError, "trl is not installed: pip install"),
    ],
)
def test_what_cannot_be_generated_is_one_line(error: Exception, kind: type[Exception], said: str) -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise error

    beside: Beside[int, int, int] = Beside(failing, 1, 5.0, 5.0)
    with pytest.raises(kind, match=said):
        list(beside.messages())


def test_the_process_that_generates_may_not_hang_for_ever() -> None:
    def hanging() -> Iterator[int]:
        time.sleep(60)
        yield 1

    with pytest.raises(MachineError, match=r"ended \(timeout\)"):
        list(Beside[int, int, int](hanging, 1, 5.0, 0.3).messages())
