"""`Build`: a function (or a whole program) that is compiled and ready to run in a sandbox."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from compile.sandbox import Sandbox


@dataclass(frozen=True)
class Build:
    """`kind` is "plain", "sanitize", "trace" or "coverage" (the C side), "emulator" or "gpu" (the CUDA side), or
    "program".

    `executable` is the host that loads `unit` (compile/unit.py), or holds everything itself where `unit` is None. For
    the emulator `watched` is a unit of the same text that watches every access, where it was asked for.
    `folder` holds what belongs to this build. `warnings` is what the compiler said. `readable` and
    `environment` are what a run needs beside it. `restricted` puts the seccomp filter on; `writable` gives the run
    its folder (coverage counters). `bounded` limits the memory of the calls; a GPU driver maps far more than it uses.
    """

    executable: Path
    kind: str
    sandbox: Sandbox
    unit: Path | None = None
    watched: Path | None = None
    warnings: str = ""
    readable: tuple[Path, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    restricted: bool = True
    writable: bool = False
    bounded: bool = True

    @property
    def units(self) -> tuple[Path, ...]:
        """The units in the order in which schedules number them."""
        return tuple(unit for unit in (self.unit, self.watched) if unit is not None)

    @property
    def folder(self) -> Path:
        return (self.unit or self.executable).parent
