"""`Measure`: how good the model in training is, on held-out texts without pairs.

accuracy     the share of translations that co-verify finds equivalent to their source (TransCoder's computational
             accuracy, section 5.2, which needs no pair where the judge runs both sides)
round_trip   C -> CUDA -> C and the other way: how far a text comes back as it was. A model that only copies would do
             that perfectly, so a text counts as 0 where its translation is not in the other language: where a text into
             CUDA has none of CUDA's own words, or one into C has some. (Lample et al. 2018, arXiv 1711.00043, section
             3.3, select by the BLEU of round trips; here it is difflib's likeness of tokens, which needs no other
             package.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal, TypeAlias

from models.errors import ModelError
from models.pretraining.config import DataGroup as CorpusGroup
from models.pretraining.documents import held_out_documents
from models.pretraining.vocabulary import Vocabulary
from translator.back_translation.config import SIDES, Side, other
from translator.back_translation.judging import Candidate, Judge
from translator.back_translation.marks import Marks
from translator.back_translation.texts import parts
from translator.back_translation.translate import Translate

Ids: TypeAlias = Sequence[int]
_DIRECTIONS: Mapping[Side, Literal["c2cuda", "cuda2c"]] = {"c": "c2cuda", "cuda": "cuda2c"}


@dataclass(frozen=True)
class Evaluated:
    """The held-out figures after `step` steps, by name, each between 0 and 1."""

    step: int
    figures: Mapping[str, float]


@dataclass(frozen=True)
class HeldOut:
    """Texts that are not trained on: the ids of their rows and their tokens."""

    rows: Sequence[str]
    texts: Sequence[Ids]


def held_out_texts(data: CorpusGroup, vocabulary: Vocabulary, most: int, context: int) -> HeldOut:
    """The held-out texts with the smallest row ids, at most that many, without those longer than the context.
    ModelError where there is none."""
    documents = held_out_documents(data, most)
    pairs = zip(documents, vocabulary.encode(documents), strict=True)
    kept = [(document.id, ids) for document, ids in pairs if len(ids) <= context]
    if not kept:
        raise ModelError("data.held_out_share: no text that is held out is short enough, so nothing can be measured")
    return HeldOut([identity for identity, _ in kept], [ids for _, ids in kept])


@dataclass(frozen=True)
class Measure:
    """The figures of the model behind `translate`; `judge` gives the accuracy where there is one, `read` makes text of
    token ids, `batch` texts are translated at once."""

    held_out: Mapping[Side, HeldOut]
    translate: Translate
    batch: int
    judge: Judge | None
    read: Callable[[Ids], str]

    def __call__(self) -> dict[str, float]:
        """The figures of both directions and, under the names alone, their means."""
        figures: dict[str, float] = {}
        for side in SIDES:
            for name, figure in self._direction(side, self.held_out[side]).items():
                figures[f"{_DIRECTIONS[side]}_{name}"] = figure
                figures[name] = figures.get(name, 0.0) + figure / len(SIDES)
        return figures

    def _direction(self, side: Side, held_out: HeldOut) -> dict[str, float]:
        there = self._translated(held_out.texts, other(side))
        back = self._translated(there, side)
        marks = self.translate.marks
        right = [is_in_language(ids, other(side), marks) for ids in there]
        alike = [likeness(text, again) for text, again in zip(held_out.texts, back, strict=True)]
        figures = {
            "in_language": _mean(right),
            "exact": _mean(one and a == 1 for one, a in zip(right, alike, strict=True)),
            "round_trip": _mean(one * a for one, a in zip(right, alike, strict=True)),
        }
        if self.judge is not None:
            texts = [Candidate(row, side, self.read(ids)) for row, ids in zip(held_out.rows, there, strict=True)]
            figures["accuracy"] = _mean(self.judge(texts))
        return figures

    def _translated(self, texts: Sequence[Ids], target: Side) -> list[list[int]]:
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        written: dict[int, list[int]] = {}
        for part in parts(order, self.batch):
            written |= dict(zip(part, self.translate([texts[place] for place in part], target), strict=True))
        return [written[place] for place in range(len(texts))]


def is_in_language(ids: Ids, side: Side, marks: Marks) -> bool:
    """Whether a text has words of CUDA's own if it is to be CUDA, and none if it is to be C."""
    return bool(set(marks.cuda_words).intersection(ids)) == (side == "cuda")


def likeness(one: Ids, two: Ids) -> float:
    """1 for the same tokens, 0 for none in common (difflib: twice the matching ones over all)."""
    return SequenceMatcher(None, one, two, autojunk=False).ratio()


def _mean(figures: Iterable[float]) -> float:
    given = [float(figure) for figure in figures]
    return sum(given) / len(given)
