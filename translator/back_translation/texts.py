"""`LanguageTexts`: the training texts of one language as token ids, and which of them a step sees.

Which texts are in a batch is a function of seed and step alone, so a run that goes on needs no state of a loader.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from models.errors import ModelError
from models.pretraining.documents import training_ids
from models.pretraining.packing import open_packed, sequence_numbers
from translator.back_translation.config import DataGroup, Side

T = TypeVar("T")

POOL = 32
"""Batches that are filled together: texts of about one length stand in one batch."""


@dataclass(frozen=True, eq=False)
class LanguageTexts:
    """Texts of `side`: those of `stream` between `starts` and `ends`, each with the marks of its language and its end.
    `left_out` counts the texts that are longer than the context."""

    side: Side
    stream: NDArray[np.unsignedinteger]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    numbers: NDArray[np.int64]
    left_out: int
    _pools: dict[tuple[int, int, int], NDArray[np.int64]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.starts)

    def ids(self, number: int) -> list[int]:
        """The ids of a text."""
        found: list[int] = self.stream[self.starts[number] : self.ends[number]].tolist()
        return found

    def batch(self, turn: int, size: int, seed: int) -> list[int]:
        """The `size` texts of the batch that is drawn at this turn (counted from 0), over all epochs."""
        pool, place = divmod(turn, POOL)
        key = (pool, size, seed)
        if key not in self._pools:
            self._pools.clear()
            self._pools[key] = self._pool(pool, size, seed)
        chosen: list[int] = self._pools[key][place].tolist()
        return chosen

    def _pool(self, pool: int, size: int, seed: int) -> NDArray[np.int64]:
        """(POOL, size): the texts that follow in the shuffled order, by length, cut into batches, these shuffled."""
        drawn = sequence_numbers(pool * POOL * size, POOL * size, len(self), seed)
        lengths = (self.ends - self.starts)[drawn]
        batches = drawn[np.argsort(lengths, kind="stable")].reshape(POOL, size)
        order = np.random.default_rng([seed, pool]).permutation(POOL)
        return batches[order]


def open_texts(folder: Path, side: Side, end: int, context: int) -> LanguageTexts:
    """The texts of the packed stream in `folder`, whose texts end with `end`. ModelError where none is short enough."""
    stream = open_packed(folder).stream()
    ends = np.flatnonzero(stream == end).astype(np.int64) + 1
    starts = np.concatenate([np.zeros(1, np.int64), ends[:-1]])
    lengths = ends - starts
    short = np.flatnonzero((lengths <= context) & (lengths > 2))  # two are the marks
    if not len(short):
        raise ModelError(f"data.{side}: no text has at most model.context ({context}) tokens")
    return LanguageTexts(side, stream, starts[short], ends[short], short, int((lengths > context).sum()))


def row_ids(data: DataGroup, texts: LanguageTexts) -> list[str]:
    """The ids of the rows that the texts are of, in their order."""
    ids = list(training_ids(data.corpus(texts.side)))
    return [ids[number] for number in texts.numbers]


def parts(items: Sequence[T], size: int) -> list[Sequence[T]]:
    """The items in order, `size` at a time."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def pad(rows: Sequence[Sequence[int]], filler: int) -> torch.Tensor:
    """The rows one below the other, (rows, longest), the shorter ones filled up at their ends."""
    longest = max(len(row) for row in rows)
    return torch.tensor([[*row, *[filler] * (longest - len(row))] for row in rows], dtype=torch.long)
