"""Stage 1: the encoder fills in what is hidden, in C and in CUDA in turns.

    <c> void func_0 ( float * arr_0 , int <mask> ) { ... <end>     -->     var_0

What both languages share (keywords, operators, the names that Tokompiler gives) comes to mean the same in both, which
is what the translation without pairs hangs on (TransCoder, section 2.1).
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from translator.back_translation.config import SIDES, MaskedLmGroup, Side
from translator.back_translation.marks import Marks
from translator.back_translation.network import IGNORED, Work, encoder_batch
from translator.back_translation.texts import LanguageTexts, parts

_HIDDEN, _REPLACED = 0.8, 0.1


@dataclass(frozen=True)
class MaskedLm:
    """The batches of stage 1."""

    group: MaskedLmGroup
    texts: Mapping[Side, LanguageTexts]
    marks: Marks
    seed: int

    def work(self, step: int, mine: slice) -> Work:
        """The part `mine` of the texts of a step, the languages in turns."""
        side, turn = SIDES[step % 2], step // 2
        texts = self.texts[side]
        rng = random.Random(f"{self.seed}/masked/{step}")
        hidden = [
            hide(texts.ids(number), self.group.masked, self.marks, rng)
            for number in texts.batch(turn, self.group.batch_sequences, self.seed)
        ][mine]
        batches = [
            encoder_batch("masked", [source for source, _ in part], [wanted for _, wanted in part], self.marks)
            for part in parts(hidden, self.group.micro_batch)
        ]
        return Work(f"hidden tokens of {side}", batches)


def hide(ids: Sequence[int], share: float, marks: Marks, rng: random.Random) -> tuple[list[int], list[int]]:
    """(a text with some of its tokens hidden, what is to be predicted at each place). One token at least is predicted,
    and never a mark."""
    free = [place for place, token in enumerate(ids) if token not in marks.special]
    chosen = [place for place in free if rng.random() < share] or [rng.choice(free)]
    source, wanted = list(ids), [IGNORED] * len(ids)
    for place in chosen:
        wanted[place], drawn = ids[place], rng.random()
        if drawn < _HIDDEN:
            source[place] = marks.mask
        elif drawn < _HIDDEN + _REPLACED:
            source[place] = rng.randrange(marks.size)
    return source, wanted
