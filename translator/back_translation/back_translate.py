"""Stage 2: denoising and back-translation take turns, as do the languages.

    turn   trained to write
    0      C from C with noise            (denoise.py)
    1      CUDA from CUDA with noise
    2      C from what the model, as it is now, makes of that C in CUDA
    3      CUDA from what it makes of that CUDA in C

The translation itself is not trained on, so it may be wrong: the text that is to be written is always one that somebody
wrote. With a filter only pairs that pass are trained on (TransCoder-ST, arXiv 2110.06773).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from translator.back_translation.config import SIDES, FilterGroup, Side, TranslationGroup, other
from translator.back_translation.denoise import denoising_batch, weight_at
from translator.back_translation.judging import Candidate, Judge
from translator.back_translation.network import Work, pair_batches
from translator.back_translation.noise import Noise
from translator.back_translation.texts import LanguageTexts, parts
from translator.back_translation.translate import Translate


@dataclass(frozen=True)
class Filter:
    """Pairs are trained on where `judge` lets them pass. `rows` are the ids of the texts' rows, `read` makes text of
    token ids."""

    group: FilterGroup
    judge: Judge
    rows: Mapping[Side, Sequence[str]]
    read: Callable[[Sequence[int]], str]

    def passed(self, numbers: Sequence[int], side: Side, written: Sequence[Sequence[int]]) -> Sequence[bool]:
        """Of the translations of the texts with these numbers, which pass."""
        rows = self.rows[side]
        return self.judge([Candidate(rows[n], side, self.read(ids)) for n, ids in zip(numbers, written, strict=True)])


@dataclass(frozen=True)
class Turns:
    """What is done in stage 2."""

    group: TranslationGroup
    texts: Mapping[Side, LanguageTexts]
    noise: Noise
    translate: Translate
    filter: Filter | None
    seed: int

    def work(self, step: int, mine: slice) -> Work:
        """The part `mine` of the texts of a step."""
        progress = step / self.group.steps
        weight = weight_at(self.group.denoising_weight, progress)
        translates = progress >= self.group.back_translation_from
        side = SIDES[step % 2]
        numbers = self.texts[side].batch(step // 2, self.group.batch_sequences, self.seed)[mine]
        if translates and (not weight or step % 4 >= 2):
            return self._back_translated(numbers, side, progress)
        batches = [
            denoising_batch(
                [self.texts[side].ids(number) for number in part],
                [f"{self.seed}/{step}/{number}" for number in part],
                *(side, self.noise, progress, weight),
            )
            for part in parts(numbers, self.group.micro_batch)
        ]
        return Work(f"{side} from {side} with noise", batches)

    def _back_translated(self, numbers: Sequence[int], side: Side, progress: float) -> Work:
        judging = self.filter if self.filter is not None and progress >= self.filter.group.begin else None
        if judging is not None:
            numbers = numbers[: judging.group.judged_per_batch]
        targets = [self.texts[side].ids(number) for number in numbers]
        sources = self.translate(targets, other(side))
        counts = {"generated": sum(map(len, sources))}
        pairs = list(zip(sources, targets, strict=True))
        if judging is not None:
            passed = judging.passed(numbers, side, sources)
            pairs = [pair for pair, passes in zip(pairs, passed, strict=True) if passes]
            counts |= {"judged": len(passed), "passed": len(pairs)}
        batches = pair_batches(pairs, self.group.micro_batch, self.noise.marks)
        return Work(f"{side} from its {other(side)}", batches, counts)
