"""Stage 3, optional: pairs of C and CUDA, in both directions in turns (CodeRosetta, arXiv 2410.20527, section 3,
fine-tunes at the end; TransCoder has no pairs)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from data.pairs import PairError, read_pairs
from models.errors import ModelError
from models.model_form import ModelForm
from models.pretraining.documents import Document
from models.pretraining.packing import sequence_numbers
from models.pretraining.vocabulary import Vocabulary
from translator.back_translation.config import SIDES, DataGroup, FinetuneGroup, Side, other
from translator.back_translation.marks import Marks
from translator.back_translation.network import Work, pair_batches
from translator.neural.prompts import Direction, example

PairIds: TypeAlias = tuple[list[int], list[int]]
_DIRECTIONS: Mapping[Side, Direction] = {"c": "c2cuda", "cuda": "cuda2c"}


@dataclass(frozen=True)
class Pairs:
    """The batches of stage 3. `pairs` are sources with their translations, by the language of the source."""

    group: FinetuneGroup
    pairs: Mapping[Side, Sequence[PairIds]]
    marks: Marks
    seed: int

    def work(self, step: int, mine: slice) -> Work:
        """The part `mine` of the pairs of a step."""
        side, size = SIDES[step % 2], self.group.batch_sequences
        pairs = self.pairs[side]
        numbers = sequence_numbers(step // 2 * size, size, len(pairs), self.seed)[mine]
        chosen = [pairs[number] for number in numbers]
        return Work(f"{other(side)} of a pair", pair_batches(chosen, self.group.micro_batch, self.marks))


def read_pair_ids(
    group: FinetuneGroup, data: DataGroup, vocabulary: Vocabulary, context: int
) -> dict[Side, list[PairIds]]:
    """The pairs of the file in the form in which a translator is asked: both texts over the source's table of names.
    Pairs longer than the context are left out. ModelError where the file cannot be read, or none is left."""
    try:
        read = read_pairs(group.pairs)
    except PairError as error:
        raise ModelError(f"finetune.pairs: {error}") from None
    form = ModelForm("languages", anonymous=data.tokompiler)
    found: dict[Side, list[PairIds]] = {}
    for side, direction in _DIRECTIONS.items():
        examples = [example(pair.c, pair.cuda, direction, form) for pair in read]
        sources = vocabulary.encode([Document("", side, one["prompt"]) for one in examples])
        targets = vocabulary.encode([Document("", other(side), one["completion"]) for one in examples])
        both = zip(sources, targets, strict=True)
        found[side] = [pair for pair in both if max(map(len, pair)) <= context]
        if not found[side]:
            raise ModelError(f"finetune.pairs: no pair has at most model.context ({context}) tokens")
    return found
