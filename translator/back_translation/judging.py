"""`Judge`: what tells right translations from wrong ones. It is handed in, as verdicts are given by a higher room."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from translator.back_translation.config import Side


@dataclass(frozen=True)
class Candidate:
    """A translation of a row of the corpora: the row's id, the language of its text, and what the model wrote
    (anonymous where the texts are)."""

    row: str
    side: Side
    text: str


Judge: TypeAlias = Callable[[Sequence[Candidate]], Sequence[bool]]
"""Whether each candidate passes, in their order."""
