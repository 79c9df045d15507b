"""Stage 2, denoising: the decoder writes a text as it was, from the same text with noise.

    <cuda> __global__ ( func_0 <mask> ...     -->     <cuda> __global__ void func_0 ( ...

It teaches the decoder both languages, and to write from what the encoder makes of a source that is not quite right:
what a text translated by the model itself is. Its loss counts less and less (`translation.denoising_weight`).
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from translator.back_translation.config import Side
from translator.back_translation.network import Batch, translation_batch
from translator.back_translation.noise import Noise


def denoising_batch(
    texts: Sequence[Sequence[int]], seeds: Sequence[str], side: Side, noise: Noise, progress: float, weight: float
) -> Batch:
    """The texts from themselves with noise, which is drawn for each from its seed; `progress` is the share of the stage
    that is done."""
    sources = [
        noise.corrupted(ids, side, progress, random.Random(seed)) for ids, seed in zip(texts, seeds, strict=True)
    ]
    return translation_batch(sources, texts, noise.marks, weight)


def weight_at(points: Sequence[tuple[float, float]], progress: float) -> float:
    """The weight of the loss when this share of the stage is done: linear between the points, level after the last."""
    before = [point for point in points if point[0] <= progress][-1]
    after = next((point for point in points if point[0] > progress), None)
    if after is None:
        return before[1]
    return before[1] + (after[1] - before[1]) * (progress - before[0]) / (after[0] - before[0])
