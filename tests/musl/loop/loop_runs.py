"""What the tests of the loop are given by their fixtures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from musl.loop.config import LoopConfig
from musl.loop.folder import LoopFolder
from musl.loop.metrics import RoundMetrics

MakeConfig = Callable[..., LoopConfig]


@dataclass(frozen=True)
class FinishedRun:
    """A run of the seed and two rounds, with what it was asked for."""

    config: LoopConfig
    folder: LoopFolder
    metrics: list[RoundMetrics]
