"""The commands `musl pretrain` and `musl complete`: progress, what is printed, and the exit status."""

from __future__ import annotations

import json as json_module
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from musl.errors import MachineError, UsageError

if TYPE_CHECKING:
    from models.pretraining.train import Evaluated
    from models.pretraining.train import Progress as Step

EXIT_OK, EXIT_FAILURE, EXIT_USAGE = 0, 1, 2


class Pretrain(Protocol):
    """`musl.pretrain_model` with the command's arguments filled in."""

    def __call__(
        self, *, on_progress: Callable[[Step], None], on_evaluation: Callable[[Evaluated], None]
    ) -> dict[str, float]: ...


def run_pretrain(pretrain: Pretrain, *, json: bool) -> int:
    """Train, with a bar of loss, speed and time left on a terminal, and print the figures of the result."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[state]}"))
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    task = bar.add_task("training", total=None, state="")

    def show_step(step: Step) -> None:
        state = f"loss {step.loss:.3f}, {step.tokens_per_second:,.0f} tokens/s, {_time(step.seconds_left)} left"
        bar.update(task, completed=step.step, total=step.steps, state=state)

    def show_evaluation(evaluated: Evaluated) -> None:
        figures = evaluated.likelihood
        console.print(
            f"step {evaluated.step}: held-out perplexity {figures.per_character:.3f} per character,"
            f" {figures.per_lexical_token:.2f} per lexical token"
        )

    def train() -> str:
        with bar:
            result = pretrain(on_progress=show_step, on_evaluation=show_evaluation)
        if json:
            return json_module.dumps(result) if result else ""
        return "\n".join(f"{name:<26}{figure:>18,.4g}" for name, figure in result.items())

    return _print(train)


def run_complete(complete: Callable[[], str], *, json: bool) -> int:
    """Print the completion, or with `json` an object that holds it."""
    return _print(lambda: json_module.dumps({"completion": complete()}) if json else complete())


def _print(work: Callable[[], str]) -> int:
    try:
        if text := work():
            print(text)
    except (UsageError, MachineError) as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_USAGE if isinstance(error, UsageError) else EXIT_FAILURE
    return EXIT_OK


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
