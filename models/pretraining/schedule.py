"""`learning_rate`: a linear warm-up, then a cosine (Loshchilov and Hutter 2017, arXiv 1608.03983, without restarts)."""

from __future__ import annotations

import math

from models.pretraining.config import TrainingGroup


def learning_rate(step: int, training: TrainingGroup) -> float:
    """The rate of step `step`, which counts from 0; the last step comes close to `final_learning_rate`."""
    if step < training.warmup_steps:
        return training.learning_rate * (step + 1) / training.warmup_steps
    share = (step - training.warmup_steps) / (training.steps - training.warmup_steps)
    height = training.learning_rate - training.final_learning_rate
    return training.final_learning_rate + height * (1 + math.cos(math.pi * share)) / 2
