"""`BuildCache`: units and compile errors kept by the hash of everything that made them.

A key covers the commands (with every flag and the versions of the compilers), the text of the unit, and the compiled
headers of MuSL's own (their paths hold the hash of their contents). A unit that reads files of the user's is not kept,
because those may change. Only MuSL's own process writes to the cache, after a compilation has ended: a compiler sees a
folder of its own, and code under test sees none of it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from compile.cache import cache_folder
from compile.outcome import Outcome, Status
from compile.sandbox import MIB
from compile.toolchain import find_gcc, find_gxx, find_nvcc

_KEPT = (Status.OK, Status.COMPILE_ERROR)  # what another try would give again


@dataclass(frozen=True)
class BuildCache:
    """A folder of builds of at most `most_bytes`; what was not used for longest goes first (`prune`)."""

    folder: Path = field(default_factory=lambda: cache_folder() / "builds")
    most_bytes: int = 1024 * MIB

    def build(
        self, steps: Sequence[Sequence[str]], folder: Path, product: str, unit: str, make: Callable[[], Outcome]
    ) -> Outcome:
        """The outcome of `make`, which runs `steps` on the file `unit` in `folder` and leaves `product` there; from the
        cache where the same was made before."""
        kept = self.fetch(steps, folder, product, unit)
        if kept is not None:
            return kept
        outcome = make()
        self.keep(steps, folder, product, unit, outcome)
        return outcome

    def fetch(self, steps: Sequence[Sequence[str]], folder: Path, product: str, unit: str) -> Outcome | None:
        """The outcome that was kept of these steps, with its product put into `folder`; None where there is none."""
        return _fetch(self._place(steps, folder, product, unit), folder / product)

    def keep(self, steps: Sequence[Sequence[str]], folder: Path, product: str, unit: str, outcome: Outcome) -> None:
        """Keep what the steps gave, if another try would give it again."""
        if outcome.status in _KEPT:
            _keep(self._place(steps, folder, product, unit), outcome, folder / product)

    def _place(self, steps: Sequence[Sequence[str]], folder: Path, product: str, unit: str) -> Path:
        return self.folder / _key(steps, (folder / unit).read_bytes(), product)

    def prune(self) -> None:
        """Remove what was not used for longest, until the rest fits."""
        if not self.folder.is_dir():
            return
        entries = [(place.stat().st_mtime, _size(place), place) for place in self.folder.iterdir() if place.is_dir()]
        total = sum(size for _, size, _ in entries)
        for _, size, place in sorted(entries):
            if total <= self.most_bytes:
                return
            shutil.rmtree(place, ignore_errors=True)
            total -= size


def _key(steps: Sequence[Sequence[str]], text: bytes, product: str) -> str:
    nvcc = find_nvcc()
    versions = [find_gcc().version, find_gxx().version, nvcc.version if nvcc is not None else ""]
    words = json.dumps([list(map(list, steps)), versions, product]).encode()
    return hashlib.sha256(len(words).to_bytes(8, "little") + words + text).hexdigest()[:32]


def _fetch(place: Path, product: Path) -> Outcome | None:
    try:
        record = json.loads((place / "outcome.json").read_text(encoding="utf-8"))
        outcome = Outcome(Status(record["status"]), b"", record["stderr"].encode("latin-1"), 0.0, record["exit_code"])
        if outcome.ok:
            shutil.copyfile(place / product.name, product)
        os.utime(place)
    except (OSError, ValueError, KeyError):  # not there, or another process is removing it
        return None
    return outcome


def _keep(place: Path, outcome: Outcome, product: Path) -> None:
    """Written under another name and renamed, so that an entry is whole; where the disk is full, nothing is kept."""
    record = {
        "status": outcome.status.value,
        "stderr": outcome.stderr.decode("latin-1"),
        "exit_code": outcome.exit_code,
    }
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        own = Path(tempfile.mkdtemp(prefix=".new-", dir=place.parent))
    except OSError:
        return
    try:
        if outcome.ok:
            shutil.copyfile(product, own / product.name)
        (own / "outcome.json").write_text(json.dumps(record), encoding="utf-8")
        own.rename(place)
    except OSError:  # another process was faster, or there is no room
        shutil.rmtree(own, ignore_errors=True)


def _size(place: Path) -> int:
    return sum(file.stat().st_size for file in place.iterdir() if file.is_file())
