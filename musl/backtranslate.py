"""`backtranslate_model`: a translator that is trained without pairs, the baseline that the loop is measured against."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from data.corpus.errors import DataError
from models.errors import ModelError
from musl.errors import MachineError, UsageError
from translator.back_translation.config import read_config

if TYPE_CHECKING:
    from translator.back_translation.measure import Evaluated
    from translator.back_translation.train import StageProgress


def backtranslate_model(
    config: Path,
    *,
    unsafe_no_sandbox: bool = False,
    on_progress: Callable[[StageProgress], None] = lambda progress: None,
    on_evaluation: Callable[[Evaluated], None] = lambda evaluated: None,
) -> dict[str, float]:
    """Train what a YAML file asks for (translator/back_translation/config.py), or go on where a killed run stopped.

    The figures of the run's result.json; empty on all processes but the first. UsageError for a config or data that
    cannot be used, MachineError without the extra `models`, or where pairs are to be judged and this machine cannot.
    """
    try:
        asked = read_config(config)  # before torch is loaded, which takes seconds
        from musl.pair_filter import open_judges
        from translator.back_translation.train import Callbacks, backtranslate

        with open_judges(asked, unsafe_no_sandbox=unsafe_no_sandbox) as judges:
            return backtranslate(asked, judges=judges, callbacks=Callbacks(on_progress, on_evaluation))
    except ModuleNotFoundError as error:
        raise MachineError(f"{error.name} is not installed: pip install 'musl-cuda[data,models]'") from None
    except (ModelError, DataError) as error:
        raise UsageError(str(error)) from None
