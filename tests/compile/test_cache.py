"""Compiled parts of MuSL itself are made once, and those that nothing uses any more go."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from compile import cache

DAY = 24 * 3600.0


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own."""
    monkeypatch.setattr(cache, "cache_folder", lambda: tmp_path)
    return tmp_path


def _write(path: Path) -> None:
    path.write_text("made")


def _age(path: Path, days: float) -> None:
    then = time.time() - days * DAY
    os.utime(path, (then, then))


def test_a_part_is_made_once(folder: Path) -> None:
    made: list[Path] = []

    def make(path: Path) -> None:
        made.append(path)
        _write(path)

    assert cache.cached("part", ["key"], make) == cache.cached("part", ["key"], make)
    assert cache.cached("part", ["other"], make).read_text() == "made"
    assert len(made) == 2 and len(list(folder.iterdir())) == 2


def test_what_nothing_asked_for_in_a_month_goes_when_a_part_is_made(folder: Path) -> None:
    old, used = (cache.cached("part", [key], _write) for key in ("old", "used"))
    builds, half_made = folder / "builds", folder / ".new-killed"
    for other in (builds, half_made):
        other.mkdir()
    for path in (old.parent, used.parent, builds, half_made):
        _age(path, 31)
    cache.cached("part", ["used"], _write)
    assert old.exists()
    new = cache.cached("part", ["new"], _write)
    assert used.exists() and new.exists() and builds.exists()
    assert not old.parent.exists() and not half_made.exists()


def test_what_was_used_last_week_stays(folder: Path) -> None:
    part, half_made = cache.cached("part", ["key"], _write), folder / ".new-now"
    half_made.mkdir()
    _age(part.parent, 7)
    cache.cached("part", ["new"], _write)
    assert part.exists() and half_made.exists()
