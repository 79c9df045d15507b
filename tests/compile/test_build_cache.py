"""Builds that are kept: the same text is not compiled twice, another one is, and nothing of a user's file is kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from c_side import make_test

from compile.build import Build
from compile.build_cache import BuildCache
from compile.emulator.build import build_emulated
from compile.host import build_host
from compile.outcome import Outcome, Status
from compile.runner import run_tests
from compile.sandbox import MIB, Sandbox
from data.find_functions import find_functions
from data.function import Function
from data.source_file import SourceFile

TWICE = "int f(int n) { return 2 * n; }\n"
CUDA = "int f(int n) { return 2 * n; }\n"


@pytest.fixture
def cache(tmp_path: Path) -> BuildCache:
    return BuildCache(tmp_path / "builds")


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return Sandbox(tmp_path)


def source_of(text: str, folder: Path) -> tuple[SourceFile, Function]:
    source = SourceFile(folder / "user.c", text, "c")
    return source, find_functions(source).functions[0]


def returned(build: Build | Outcome, function: Function) -> object:
    assert isinstance(build, Build), build.message
    (run,) = run_tests(build, [make_test(function, 21)], function)
    return run.returned


def entries(cache: BuildCache) -> int:
    return len(list(cache.folder.iterdir())) if cache.folder.is_dir() else 0


def test_a_unit_is_compiled_once(cache: BuildCache, sandbox: Sandbox, tmp_path: Path) -> None:
    source, function = source_of(TWICE, tmp_path)
    for _ in range(2):
        build = build_host(source, function, "sanitize", tmp_path, sandbox, cache=cache)
        assert returned(build, function) == 42
        assert entries(cache) == 1
    for _ in range(2):
        emulated = build_emulated(CUDA, function, tmp_path, sandbox, source, cache=cache)
        assert returned(emulated, function) == 42
        assert entries(cache) == 2


def test_what_is_kept_is_what_runs(cache: BuildCache, sandbox: Sandbox, tmp_path: Path) -> None:
    """The second build is not compiled: what another text left under its key would run."""
    source, function = source_of(TWICE, tmp_path)
    other, _ = source_of(TWICE.replace("2 *", "3 *"), tmp_path)
    build_host(source, function, "plain", tmp_path, sandbox, cache=cache)
    (first,) = cache.folder.iterdir()
    build_host(other, function, "plain", tmp_path, sandbox, cache=cache)
    (second,) = [place for place in cache.folder.iterdir() if place != first]
    (first / "unit.so").write_bytes((second / "unit.so").read_bytes())
    assert returned(build_host(source, function, "plain", tmp_path, sandbox, cache=cache), function) == 63


def test_another_text_mode_or_macro_is_another_entry(cache: BuildCache, sandbox: Sandbox, tmp_path: Path) -> None:
    source, function = source_of(TWICE, tmp_path)
    defined = SourceFile(source.path, source.text, "c", defines=("N=3",))
    for one, mode in ((source, "plain"), (source, "sanitize"), (defined, "plain")):
        build_host(one, function, mode, tmp_path, sandbox, cache=cache)  # type: ignore[arg-type]
    assert entries(cache) == 3


def test_errors_are_kept_with_their_words(cache: BuildCache, sandbox: Sandbox, tmp_path: Path) -> None:
    source, function = source_of(TWICE, tmp_path)
    broken = SourceFile(source.path, source.text.replace("return", "retrun"), "c")
    outcomes = [build_host(broken, function, "plain", tmp_path, sandbox, cache=cache) for _ in range(2)]
    assert entries(cache) == 2  # with the C library's headers and without
    for outcome in outcomes:
        assert isinstance(outcome, Outcome)
        assert outcome.status is Status.COMPILE_ERROR
        assert "retrun" in outcome.message


def test_a_file_that_includes_the_users_is_not_kept(cache: BuildCache, sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "factor.h").write_text("#define FACTOR 2\n")
    source, function = source_of('#include "factor.h"\nint f(int n) { return FACTOR * n; }\n', tmp_path)
    assert returned(build_host(source, function, "plain", tmp_path, sandbox, cache=cache), function) == 42
    (tmp_path / "factor.h").write_text("#define FACTOR 3\n")
    assert returned(build_host(source, function, "plain", tmp_path, sandbox, cache=cache), function) == 63
    assert entries(cache) == 0


def test_a_damaged_entry_is_made_anew(cache: BuildCache, sandbox: Sandbox, tmp_path: Path) -> None:
    source, function = source_of(TWICE, tmp_path)
    build_host(source, function, "plain", tmp_path, sandbox, cache=cache)
    (place,) = cache.folder.iterdir()
    (place / "unit.so").unlink()
    assert returned(build_host(source, function, "plain", tmp_path, sandbox, cache=cache), function) == 42


def test_what_was_not_used_for_longest_goes_first(cache: BuildCache) -> None:
    import os

    for age, name in enumerate("abc"):
        place = cache.folder / name
        place.mkdir(parents=True)
        (place / "unit.so").write_bytes(bytes(MIB))
        os.utime(place, (1000 - age, 1000 - age))
    BuildCache(cache.folder, most_bytes=2 * MIB).prune()
    assert sorted(place.name for place in cache.folder.iterdir()) == ["a", "b"]
