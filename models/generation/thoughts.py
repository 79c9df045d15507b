"""`without_thoughts`: an answer without the reasoning that some instruct models write before it."""

from __future__ import annotations

import re

_THOUGHTS = re.compile(r"\A\s*<think>.*?</think>\s*", re.DOTALL)


def without_thoughts(text: str) -> str:
    """The text after a `<think>...</think>` at its beginning. Thoughts that were cut before their end stay."""
    return _THOUGHTS.sub("", text)
