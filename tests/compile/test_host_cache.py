"""The cache of compiled parts: made once, shared, and replaced by a folder of the process where it cannot be kept."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from compile.cache import OwnBuildFailedError, cache_folder, cached, own_object


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    cache_folder.cache_clear()
    yield tmp_path / "cache" / "musl"
    cache_folder.cache_clear()


def test_threads_that_ask_at_once_make_a_part_once(empty_cache: Path) -> None:
    made: list[int] = []
    together = threading.Barrier(4)

    def make(path: Path) -> None:
        made.append(1)
        path.write_text("content")

    def ask(_: int) -> Path:
        together.wait()
        return cached("part", ["key"], make)

    with ThreadPoolExecutor(4) as pool:
        paths = set(pool.map(ask, range(4)))
    assert len(paths) == 1 and len(made) == 1
    assert paths.pop().read_text() == "content"
    assert [entry.name.startswith(".new-") for entry in empty_cache.iterdir()] == [False]


def test_another_key_is_another_part(empty_cache: Path) -> None:
    first = cached("part", ["ab", "c"], lambda path: path.write_text("1") and None)
    second = cached("part", ["a", "bc"], lambda path: path.write_text("2") and None)
    assert (first.read_text(), second.read_text()) == ("1", "2")


def test_a_part_that_fails_leaves_nothing_behind(empty_cache: Path, tmp_path: Path) -> None:
    source = tmp_path / "broken.c"
    source.write_text("not C\n")
    with pytest.raises(OwnBuildFailedError, match=r"broken\.c:1"):
        own_object(source, ())
    assert list(empty_cache.iterdir()) == []


def test_a_changed_header_makes_a_new_object(empty_cache: Path, tmp_path: Path) -> None:
    (tmp_path / "h.h").write_text("enum { VALUE = 1 };\n")
    (tmp_path / "s.c").write_text('#include "h.h"\nint value = VALUE;\n')
    first = own_object(tmp_path / "s.c", (), [tmp_path / "h.h"])
    assert own_object(tmp_path / "s.c", (), [tmp_path / "h.h"]) == first
    (tmp_path / "h.h").write_text("enum { VALUE = 2 };\n")
    assert own_object(tmp_path / "s.c", (), [tmp_path / "h.h"]) != first


def test_a_cache_that_cannot_be_written_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    cache_folder.cache_clear()
    try:
        folder = cache_folder()
        assert folder.is_dir()
        assert not folder.is_relative_to(tmp_path)
    finally:
        cache_folder.cache_clear()
