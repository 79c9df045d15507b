"""MuSL: translate sequential C into CUDA, and show function by function that the result computes the same."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from musl.backtranslate import backtranslate_model
    from musl.corpus import build_corpus
    from musl.evaluation.evaluate import evaluate_benchmark
    from musl.finetune import finetune_model
    from musl.loop.run import run_loop
    from musl.pretrain import complete_text, pretrain_model
    from musl.report.page import make_report
    from musl.synthesis import synthesize_corpus
    from musl.translate import translate_file
    from musl.verify import verify_pairs

__all__ = [
    "backtranslate_model",
    "build_corpus",
    "complete_text",
    "evaluate_benchmark",
    "finetune_model",
    "make_report",
    "pretrain_model",
    "run_loop",
    "synthesize_corpus",
    "translate_file",
    "verify_pairs",
]


_HOMES = {
    "backtranslate_model": "musl.backtranslate",
    "build_corpus": "musl.corpus",
    "complete_text": "musl.pretrain",
    "evaluate_benchmark": "musl.evaluation.evaluate",
    "finetune_model": "musl.finetune",
    "make_report": "musl.report.page",
    "pretrain_model": "musl.pretrain",
    "run_loop": "musl.loop.run",
    "synthesize_corpus": "musl.synthesis",
    "translate_file": "musl.translate",
    "verify_pairs": "musl.verify",
}


def __getattr__(name: str) -> object:
    """Loads a function when it is first used: `import musl` alone, as the command line does it, stays light."""
    if name not in _HOMES:
        raise AttributeError(f"module 'musl' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
