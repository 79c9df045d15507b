"""`finetune_model`: a model trained further on prompts and completions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import ModelError
from models.finetuning.config import Loss, read_config, with_loss
from musl.errors import MachineError, UsageError

if TYPE_CHECKING:
    from models.finetuning.run import FinetuneResult, Progress


def finetune_model(
    config: Path,
    *,
    loss: Loss | None = None,
    test_samples: int | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> FinetuneResult | None:
    """Train what a YAML file asks for (models/finetuning/config.py), or go on where a killed run stopped; `loss` and
    `test_samples` go before what the file says. None on all processes but the first.

    UsageError for a config, a model or data that cannot be used, MachineError without the extra `models`.
    """
    try:
        asked = with_loss(read_config(config), loss, test_samples)  # before torch is loaded, which takes seconds
        from models.finetuning.run import finetune

        result = finetune(asked, progress=on_progress)
    except ModuleNotFoundError as error:
        raise MachineError(f"{error.name} is not installed: pip install 'musl-cuda[data,models]'") from None
    except ModelError as error:
        raise UsageError(str(error)) from None
    from accelerate import PartialState

    return result if PartialState().is_main_process else None
