"""`Noise`: what denoising does to the tokens of a text.

    <c> void func_0 ( float * arr_0 ) { ... <end>     -->     <c> void ( func_0 <mask> * arr_0 { ) ... <end>

Shuffling, dropping and hiding are those of TransCoder (section 3, after Lample et al. 2018, arXiv 1711.00043, section
2.3). CodeRosetta (arXiv 2410.20527, section 3) also drops the words that CUDA alone has more often than others, so that
the model learns to put them in, puts such words where they do not belong, so that it learns to leave them out, and
corrupts more as training goes on.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from models.pretraining.denoising import moved
from translator.back_translation.config import NoiseGroup, Side
from translator.back_translation.marks import Marks


@dataclass(frozen=True)
class Noise:
    """The noise that `group` asks for. The marks of a text stay where they are."""

    group: NoiseGroup
    marks: Marks

    def corrupted(self, ids: Sequence[int], side: Side, progress: float, rng: random.Random) -> list[int]:
        """The text with noise; `progress` is the share of the stage that is done."""
        group = self.group
        strength = group.adaptive_start + (1 - group.adaptive_start) * progress if group.adaptive else 1.0
        tokens = list(ids[1:-1])
        if group.shuffle * strength > 1:
            tokens = moved(tokens, group.shuffle * strength, rng, lambda token: True)
        return [ids[0], *self._touched(tokens, side, strength, rng), ids[-1]]

    def _touched(self, tokens: Sequence[int], side: Side, strength: float, rng: random.Random) -> Iterator[int]:
        group, words = self.group, self.marks.cuda_words
        own = frozenset(words)
        for token in tokens:
            if side == "c" and words and rng.random() < group.insert * strength:
                yield rng.choice(words)
            dropped = max(group.drop, group.keyword_drop) if token in own else group.drop
            if rng.random() < dropped * strength:
                continue
            yield self.marks.mask if rng.random() < group.blank * strength else token
