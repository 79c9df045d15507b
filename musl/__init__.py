"""MuSL: translate sequential C into CUDA, and show function by function that the result computes the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from musl.translate import translate_file

__all__ = ["translate_file"]


def __getattr__(name: str) -> object:
    """Loads `translate_file` when it is first used: `import musl` alone, as the command line does it, stays light."""
    if name == "translate_file":
        from musl.translate import translate_file

        return translate_file
    raise AttributeError(f"module 'musl' has no attribute {name!r}")
