"""`Judge`: how pairs are judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from compile.sandbox import Sandbox
from musl.case import SCHEDULES, GpuOptions


@dataclass(frozen=True)
class Judge:
    """How pairs are judged: `tests` fuzz tests are made for a pair without its own, `more` in addition to its own;
    `threads` builds run at a time, and `cache` says whether what they make is kept. With `mutants` the strength of an
    equivalent pair's tests is measured too, with so many faults planted in the CUDA side (musl/strength.py)."""

    sandbox: Sandbox
    device: Literal["emulator", "gpu"] = "emulator"
    tests: int = 20
    more: int = 0
    seed: int = 0
    schedules: Sequence[str] = SCHEDULES
    threads: int = 1
    cache: bool = False
    gpu: GpuOptions | None = None
    mutants: int = 0
