"""`TrainingBar`: how far a training run is, on a terminal; and how its commands end."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from musl.errors import MachineError, UsageError

EXIT_OK, EXIT_FAILURE, EXIT_USAGE = 0, 1, 2


class Step(Protocol):
    """What is known after a step: the loss in nats per token, tokens per second, seconds that are left."""

    @property
    def step(self) -> int: ...
    @property
    def steps(self) -> int: ...
    @property
    def loss(self) -> float: ...
    @property
    def tokens_per_second(self) -> float: ...
    @property
    def seconds_left(self) -> float: ...


class TrainingBar:
    """A bar with loss, speed and time left on stderr, nothing where that is no terminal. Used in a `with`."""

    def __init__(self) -> None:
        self.console = Console(stderr=True)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[state]}"),
        )
        self._bar = Progress(*columns, console=self.console, transient=True, disable=not self.console.is_terminal)
        self._task = self._bar.add_task("training", total=None, state="")

    def __enter__(self) -> TrainingBar:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def show(self, step: Step) -> None:
        """The bar moves on to this step."""
        state = f"loss {step.loss:.3f}, {step.tokens_per_second:,.0f} tokens/s, {clock(step.seconds_left)} left"
        self._bar.update(self._task, completed=step.step, total=step.steps, state=state)


def print_result(work: Callable[[], str]) -> int:
    """Print what `work` makes, if anything, or its error in one line; the exit status."""
    try:
        if text := work():
            print(text)
    except (UsageError, MachineError) as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_USAGE if isinstance(error, UsageError) else EXIT_FAILURE
    return EXIT_OK


def clock(seconds: float) -> str:
    """A duration as `h:mm:ss`, or `m:ss` below an hour."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
