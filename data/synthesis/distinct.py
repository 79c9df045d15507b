"""How a text looks without its names and its layout, to count texts that are the same but for them."""

from __future__ import annotations

import re

_WORD = re.compile(r"[A-Za-z_]\w*|\d[\w.]*|\S")
_TYPES = ("float", "double", "int", "unsigned", "long", "short", "char")
_KEPT = frozenset({*_TYPES, "for", "while", "if", "else", "return"})


def without_names(text: str) -> str:
    """The tokens of the text, its names numbered in the order in which they appear."""
    numbers: dict[str, str] = {}
    words = (
        numbers.setdefault(word, f"v{len(numbers)}") if word[0].isidentifier() and word not in _KEPT else word
        for word in _WORD.findall(text)
    )
    return " ".join(words)
