"""The commands `musl pretrain` and `musl complete`: progress, what is printed, and the exit status."""

from __future__ import annotations

import json as json_module
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from musl.training_bar import TrainingBar, print_result

if TYPE_CHECKING:
    from models.pretraining.train import Evaluated
    from models.training_folder import Progress as Step


class Pretrain(Protocol):
    """`musl.pretrain_model` with the command's arguments filled in."""

    def __call__(
        self, *, on_progress: Callable[[Step], None], on_evaluation: Callable[[Evaluated], None]
    ) -> dict[str, float]: ...


def run_pretrain(pretrain: Pretrain, *, json: bool) -> int:
    """Train, with a bar of loss, speed and time left on a terminal, and print the figures of the result."""
    bar = TrainingBar()

    def show_evaluation(evaluated: Evaluated) -> None:
        figures = evaluated.likelihood
        bar.console.print(
            f"step {evaluated.step}: held-out perplexity {figures.per_character:.3f} per character,"
            f" {figures.per_lexical_token:.2f} per lexical token"
        )

    def train() -> str:
        with bar:
            result = pretrain(on_progress=bar.show, on_evaluation=show_evaluation)
        if json:
            return json_module.dumps(result) if result else ""
        return "\n".join(f"{name:<26}{figure:>18,.4g}" for name, figure in result.items())

    return print_result(train)


def run_complete(complete: Callable[[], str], *, json: bool) -> int:
    """Print the completion, or with `json` an object that holds it."""
    return print_result(lambda: json_module.dumps({"completion": complete()}) if json else complete())
