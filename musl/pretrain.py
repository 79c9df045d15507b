"""`pretrain_model` and `complete_text`: a model of code trained from scratch, and what it makes of a text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from data.corpus.errors import DataError
from models.errors import ModelError
from models.pretraining.config import read_config
from musl.errors import MachineError, UsageError

if TYPE_CHECKING:
    from models.pretraining.train import Evaluated
    from models.training_folder import Progress


def pretrain_model(
    config: Path,
    *,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    on_evaluation: Callable[[Evaluated], None] = lambda evaluated: None,
) -> dict[str, float]:
    """Train what a YAML file asks for (models/pretraining/config.py), or go on where a killed run stopped.

    The figures of the run's result.json; empty on all processes but the first. UsageError for a config or data that
    cannot be used, MachineError without the extra `models`.
    """
    try:
        asked = read_config(config)  # before torch is loaded, which takes seconds
        from models.pretraining.train import pretrain

        return pretrain(asked, on_progress=on_progress, on_evaluation=on_evaluation, score=_code_bleu)
    except ModuleNotFoundError as error:
        raise _missing(error) from None
    except (ModelError, DataError) as error:
        raise UsageError(str(error)) from None


def complete_text(
    file: Path, model: Path, *, tokens: int = 256, temperature: float = 0.0, seed: int = 0, language: str | None = None
) -> str:
    """What the model in a run's folder writes after the text of `file`, at most `tokens` tokens of its vocabulary; C or
    CUDA by the text unless `language` says which. UsageError and MachineError as `pretrain_model`."""
    try:
        from models.pretraining.completion import load_code_model
    except ModuleNotFoundError as error:
        raise _missing(error) from None
    from data.corpus.language import parse_by_content

    try:
        text = file.read_text(encoding="utf-8")
        read_as = language or parse_by_content(str(file), text.encode())[0]
        return load_code_model(model).complete(text, read_as, most=tokens, temperature=temperature, seed=seed)
    except (ModelError, DataError) as error:
        raise UsageError(str(error)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: cannot be read ({getattr(error, 'strerror', None) or 'not UTF-8'})") from None


def _missing(error: ModuleNotFoundError) -> MachineError:
    return MachineError(f"{error.name} is not installed: pip install 'musl-cuda[data,models]'")


def _code_bleu(made: Mapping[str, str], wanted: Mapping[str, str]) -> float:
    """CodeBLEU in percent of completions against what was there, by id."""
    from musl.evaluation.code_bleu import code_bleu

    hypotheses: dict[int | str, list[str]] = {key: [text] for key, text in made.items()}
    references: dict[int | str, str] = dict(wanted.items())
    return code_bleu(hypotheses, references).value
