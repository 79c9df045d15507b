"""`stage_rate`: the learning rate of a step of a stage."""

from __future__ import annotations

import math

from models.pretraining.schedule import learning_rate
from translator.back_translation.config import StageGroup


def stage_rate(step: int, group: StageGroup) -> float:
    """The rate of step `step` of the stage, which counts from 0: a linear warm-up, then down with the root of the step
    (Vaswani et al. 2017, arXiv 1706.03762, section 5.3) or with a cosine."""
    if group.schedule == "cosine" or step < group.warmup_steps:
        return learning_rate(step, group)
    return group.learning_rate * math.sqrt(max(group.warmup_steps, 1) / (step + 1))
