"""MuSL: translate sequential C into CUDA, and show function by function that the result computes the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from musl.corpus import build_corpus
    from musl.evaluation.evaluate import evaluate_benchmark
    from musl.pretrain import complete_text, pretrain_model
    from musl.report.page import make_report
    from musl.synthesis import synthesize_corpus
    from musl.translate import translate_file
    from musl.verify import verify_pairs

__all__ = [
    "build_corpus",
    "complete_text",
    "evaluate_benchmark",
    "make_report",
    "pretrain_model",
    "synthesize_corpus",
    "translate_file",
    "verify_pairs",
]


def __getattr__(name: str) -> object:
    """Loads a function when it is first used: `import musl` alone, as the command line does it, stays light."""
    if name == "build_corpus":
        from musl.corpus import build_corpus

        return build_corpus
    if name == "evaluate_benchmark":
        from musl.evaluation.evaluate import evaluate_benchmark

        return evaluate_benchmark
    if name == "complete_text":
        from musl.pretrain import complete_text

        return complete_text
    if name == "pretrain_model":
        from musl.pretrain import pretrain_model

        return pretrain_model
    if name == "make_report":
        from musl.report.page import make_report

        return make_report
    if name == "synthesize_corpus":
        from musl.synthesis import synthesize_corpus

        return synthesize_corpus
    if name == "translate_file":
        from musl.translate import translate_file

        return translate_file
    if name == "verify_pairs":
        from musl.verify import verify_pairs

        return verify_pairs
    raise AttributeError(f"module 'musl' has no attribute {name!r}")
