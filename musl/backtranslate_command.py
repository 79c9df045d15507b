"""The command `musl backtranslate`: progress, what is printed, and the exit status."""

from __future__ import annotations

import json as json_module
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from musl.training_bar import TrainingBar, print_result

if TYPE_CHECKING:
    from translator.back_translation.measure import Evaluated
    from translator.back_translation.train import StageProgress


class Backtranslate(Protocol):
    """`musl.backtranslate_model` with the command's arguments filled in."""

    def __call__(
        self, *, on_progress: Callable[[StageProgress], None], on_evaluation: Callable[[Evaluated], None]
    ) -> dict[str, float]: ...


def run_backtranslate(backtranslate: Backtranslate, *, json: bool) -> int:
    """Train, with a bar of loss, speed and time left on a terminal and a line for each evaluation, and print the
    figures of the result."""
    bar = TrainingBar()

    def show_evaluation(evaluated: Evaluated) -> None:
        figures = "  ".join(
            f"{name} {100 * evaluated.figures[name]:.1f} %"
            for name in ("accuracy", "round_trip", "in_language")
            if name in evaluated.figures
        )
        bar.console.print(f"step {evaluated.step}: {figures}")

    def train() -> str:
        with bar:
            result = backtranslate(on_progress=bar.show, on_evaluation=show_evaluation)
        if json:
            return json_module.dumps(result) if result else ""
        return "\n".join(f"{name:<36}{figure:>18,.4g}" for name, figure in result.items())

    return print_result(train)
