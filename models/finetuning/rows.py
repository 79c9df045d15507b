"""`Rows`: the rows of tokens that a run trains on, packed or not, and the batches that are made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

import datasets
import numpy as np
import torch
from datasets import Dataset
from torch import Tensor
from trl.data_utils import pack_dataset
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from models.errors import ModelError
from models.finetuning.examples import IGNORED, TokenRow
from models.pretraining.packing import sequence_numbers

Row: TypeAlias = Mapping[str, list[int]]


@dataclass(frozen=True)
class Rows:
    """`dataset` has `input_ids`, `labels` and `seq_lengths` (the lengths of the examples in a row) in each row."""

    dataset: Dataset
    examples: int
    tokens: int
    left_out: int
    """Examples that are longer than a row."""

    @property
    def lengths(self) -> list[int]:
        """Tokens of each row."""
        return [sum(of_row) for of_row in cast("list[list[int]]", self.dataset["seq_lengths"])]


def make_rows(examples: Sequence[TokenRow], context: int, *, pack: bool, seed: int) -> Rows:
    """Rows of at most `context` tokens; packed by best-fit decreasing (trl), after a shuffle that `seed` decides.
    ModelError where no example is short enough."""
    kept = [row for row in examples if len(row.ids) <= context]
    if not kept:
        raise ModelError(f"data: none of {len(examples)} examples fits into model.context ({context} tokens)")
    dataset = Dataset.from_dict({"input_ids": [row.ids for row in kept], "labels": [row.labels for row in kept]})
    if pack:
        shown = datasets.are_progress_bars_disabled()
        datasets.disable_progress_bars()
        dataset = pack_dataset(dataset.shuffle(seed=seed), context, "bfd")
        if not shown:
            datasets.enable_progress_bars()
    else:
        dataset = dataset.add_column("seq_lengths", [[len(row.ids)] for row in kept])
    return Rows(dataset, len(kept), sum(len(row.ids) for row in kept), len(examples) - len(kept))


@dataclass(frozen=True)
class Collator:
    """Rows to a batch, padded to the longest. Positions begin at 0 in each example of a row, from which transformers
    makes a mask that keeps them apart: (rows, longest). That mask is for attention by sdpa and eager only."""

    pad: int

    def __call__(self, rows: Sequence[Row]) -> dict[str, Tensor]:
        longest = max(len(row["input_ids"]) for row in rows)
        return {
            "input_ids": torch.stack([_padded(row["input_ids"], longest, self.pad) for row in rows]),
            "labels": torch.stack([_padded(row["labels"], longest, IGNORED) for row in rows]),
            "position_ids": torch.stack([_padded(positions(row["seq_lengths"]), longest, 0) for row in rows]),
        }


def new_collator(attention: str, pad: int) -> Collator | DataCollatorForLanguageModeling:
    """For flash attention trl's, which lays the rows one after the other without padding."""
    if attention in ("sdpa", "eager"):
        return Collator(pad)
    return DataCollatorForLanguageModeling(pad_token_id=pad, padding_free=True)


def positions(lengths: Sequence[int]) -> list[int]:
    """0, 1, 2, ... anew for each length."""
    return [position for length in lengths for position in range(length)]


def example_numbers(position_ids: Tensor) -> Tensor:
    """Which example each token of a batch is of: (rows, tokens) positions to numbers from 0, that differ between rows.
    Each token of the padding counts as an example."""
    return (position_ids == 0).flatten().cumsum(0).view_as(position_ids) - 1


def _padded(values: Sequence[int], length: int, filler: int) -> Tensor:
    return torch.tensor([*values, *[filler] * (length - len(values))])


_BATCHES_SORTED_AT_ONCE = 50


def row_order(lengths: Sequence[int], batch: int, steps: int, seed: int) -> list[int]:
    """The rows of all steps, `batch` a step: epoch after epoch, each a shuffle of its own; then the rows of 50 steps
    (or of an epoch, where it has fewer) are dealt anew, so that a step has rows of about one length (less padding), and
    the steps shuffled.

    A run that goes on needs no state of a loader, and how many processes there are makes no difference."""
    order = sequence_numbers(0, steps * batch, len(lengths), seed)
    length_of = np.array(lengths)
    window = max(1, min(_BATCHES_SORTED_AT_ONCE, len(lengths) // batch)) * batch
    parts = []
    for start in range(0, len(order), window):
        rows = order[start : start + window]
        steps_of = rows[np.argsort(length_of[rows], kind="stable")].reshape(-1, batch)
        parts.append(np.random.default_rng([seed, start]).permutation(steps_of).ravel())
    return [int(number) for number in np.concatenate(parts)]
