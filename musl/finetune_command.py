"""The command `musl finetune`: progress, what is printed, and the exit status."""

from __future__ import annotations

import json as json_module
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Protocol

from musl.training_bar import TrainingBar, print_result

if TYPE_CHECKING:
    from models.finetuning.run import FinetuneResult, Progress


class Finetune(Protocol):
    """`musl.finetune_model` with the command's arguments filled in."""

    def __call__(self, *, on_progress: Callable[[Progress], None]) -> FinetuneResult | None: ...


def run_finetune(finetune: Finetune, *, json: bool) -> int:
    """Train, with a bar of loss, speed and time left on a terminal, and print the figures of the result."""

    def train() -> str:
        with TrainingBar() as bar:
            result = finetune(on_progress=bar.show)
        if result is None:
            return ""
        return json_module.dumps(asdict(result)) if json else _lines(result)

    return print_result(train)


def _lines(result: FinetuneResult) -> str:
    figures = {name: value for name, value in asdict(result).items() if value is not None}
    return "\n".join(
        f"{name:<20}{value:>18,.4g}" if isinstance(value, float) else f"{name:<20}{value:>18}"
        for name, value in figures.items()
    )
