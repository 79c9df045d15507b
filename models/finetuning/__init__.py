"""Fine-tuning of causal models on prompts and completions, with trl and peft."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.finetuning.config import FinetuneConfig, read_config
    from models.finetuning.run import FinetuneResult, Progress, finetune, run_finetuning

__all__ = ["FinetuneConfig", "FinetuneResult", "Progress", "finetune", "read_config", "run_finetuning"]


def __getattr__(name: str) -> object:
    """Loads a name when it is first used: a config is read, and refused, without torch."""
    if name not in __all__:
        raise AttributeError(f"module 'models.finetuning' has no attribute {name!r}")
    home = "config" if name in ("FinetuneConfig", "read_config") else "run"
    return getattr(import_module(f"models.finetuning.{home}"), name)
