"""Finding compilers: wheels where PATH has none, and what of the machine a compiler must be shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import compile.toolchain
from compile.toolchain import ToolchainMissing, find_gcc, find_nvcc


@pytest.fixture
def empty_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A PATH of one empty folder."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    _forget()
    yield folder
    _forget()


def _forget() -> None:
    find_nvcc.cache_clear()
    compile.toolchain._find_on_path.cache_clear()


def make_program(path: Path, output: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{output}'\n")
    path.chmod(0o755)


def test_a_missing_compiler_is_named_with_the_command_that_installs_it(empty_path: Path) -> None:
    with pytest.raises(ToolchainMissing, match=r"gcc was not found on PATH.*apt-get install gcc"):
        find_gcc()


@pytest.mark.parametrize("place", ["nvidia/cu13/bin/nvcc", "nvidia/cuda_nvcc/bin/nvcc"])
def test_nvcc_is_found_in_the_wheels(
    empty_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    packages = tmp_path / "site-packages"
    make_program(packages / place, "Cuda compilation tools, release 13.0, V13.0.48")
    monkeypatch.setattr("sys.path", [str(packages)])
    nvcc = find_nvcc()
    assert nvcc is not None
    assert (nvcc.path, nvcc.version) == (packages / place, "13.0.48")
    assert nvcc.roots == (packages / "nvidia",)


def test_there_may_be_no_nvcc(empty_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", [])
    assert find_nvcc() is None


def test_a_script_that_stands_for_nvcc_is_looked_through(empty_path: Path, tmp_path: Path) -> None:
    make_program(tmp_path / "cuda" / "bin" / "nvcc", "release 12.8, V12.8.93")
    make_program(empty_path / "nvcc", "")
    (empty_path / "nvcc").write_text(f'#!/bin/sh\nexec {tmp_path}/cuda/bin/nvcc "$@"\n')
    nvcc = find_nvcc()
    assert nvcc is not None
    assert nvcc.path == (tmp_path / "cuda" / "bin" / "nvcc").resolve()
    assert nvcc.version == "12.8.93"
    assert nvcc.roots == ((tmp_path / "cuda").resolve(),)


def test_a_compiler_in_the_users_home_does_not_show_the_home(
    empty_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    make_program(empty_path / "gcc", "12.2.0")
    assert find_gcc().roots == (empty_path,)
    assert find_gcc().version == "12.2.0"
