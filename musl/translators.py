"""`make_translator`: the Translator that a name stands for."""

from __future__ import annotations

from musl.errors import UsageError
from translator.analytic.translator import AnalyticTranslator
from translator.protocol import Translator


def make_translator(name: str, direction: str = "c2cuda") -> Translator:
    """The Translator of that name; UsageError where there is none for the direction."""
    if name != "analytic":
        raise UsageError(f"--translator {name}: only 'analytic' is there yet; --translations FILE scores given texts")
    if direction != "c2cuda":
        raise UsageError(
            f"--direction {direction}: the analytic Translator writes CUDA only; --translations FILE scores C"
        )
    return AnalyticTranslator()
