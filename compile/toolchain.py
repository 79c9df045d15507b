"""`Toolchain`: the compilers of this machine, found once per process.

gcc, g++ and gcov come from PATH. nvcc comes from PATH, else from NVIDIA's wheels in site-packages
(`nvidia/cu13/bin/nvcc` since CUDA 13, `nvidia/cuda_nvcc/bin/nvcc` before).
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

NVCC_OF_WHEELS = ("nvidia/cu13/bin/nvcc", "nvidia/cu12/bin/nvcc", "nvidia/cuda_nvcc/bin/nvcc")


class ToolchainMissing(RuntimeError):
    """A compiler that is needed is not installed; the message says how to get it."""


@dataclass(frozen=True)
class Tool:
    """A program: its place, the version that it reports ("12.2.0"), and the folders that it must see when it runs."""

    path: Path
    version: str
    roots: tuple[Path, ...]


def find_gcc() -> Tool:
    """The C compiler. Raises ToolchainMissing."""
    return _require("gcc", "apt-get install gcc")


def find_gxx() -> Tool:
    """The C++ compiler. Raises ToolchainMissing."""
    return _require("g++", "apt-get install g++")


def find_gcov() -> Tool:
    """gcc's coverage reader, of the same version as gcc where several are installed. Raises ToolchainMissing."""
    major = find_gcc().version.split(".")[0]
    return _find_on_path(f"gcov-{major}") or _require("gcov", "apt-get install gcc")


@functools.cache
def find_nvcc() -> Tool | None:
    """The CUDA compiler, or None where there is none. `roots` holds the toolkit's folder (for wheels: `nvidia`)."""
    found = shutil.which("nvcc")
    if found:
        path = _unwrap(Path(found))
        return Tool(path, _nvcc_version(path), _roots(path))
    for folder in _site_packages():
        for relative in NVCC_OF_WHEELS:
            path = folder / relative
            if path.is_file() and os.access(path, os.X_OK):
                return Tool(path, _nvcc_version(path), (folder / "nvidia",))
    return None


@functools.cache
def installed_tools() -> tuple[Tool, ...]:
    """Those of gcc, g++ and nvcc that this machine has."""
    tools = (_find_on_path("gcc"), _find_on_path("g++"), find_nvcc())
    return tuple(tool for tool in tools if tool is not None)


def find_bubblewrap() -> Path | None:
    """The program `bwrap`, or None."""
    found = shutil.which("bwrap")
    return Path(found) if found else None


def _require(name: str, command: str) -> Tool:
    tool = _find_on_path(name)
    if tool is None:
        raise ToolchainMissing(f"{name} was not found on PATH: install it, for example `{command}`")
    return tool


@functools.cache
def _find_on_path(name: str) -> Tool | None:
    found = shutil.which(name)
    if not found:
        return None
    path = Path(found)
    text = _first_line([str(path), "-dumpfullversion"]) if name != "gcov" else _first_line([str(path), "--version"])
    match = re.search(r"\d+(\.\d+)+", text)
    return Tool(path, match.group(0) if match else text, _roots(path))


def _first_line(argv: list[str]) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False)
    lines = (done.stdout or done.stderr).splitlines()
    return lines[0].strip() if lines else ""


def _nvcc_version(path: Path) -> str:
    done = subprocess.run([str(path), "--version"], capture_output=True, text=True, timeout=60, check=False)
    match = re.search(r"V(\d+\.\d+\.\d+)", done.stdout)
    return match.group(1) if match else ""


def _unwrap(path: Path) -> Path:
    """nvcc finds its headers from its own place, and some systems put a one-line script on PATH instead of it."""
    real = path.resolve()
    with real.open("rb") as file:
        head = file.read(512)
    match = re.search(rb"^exec\s+\"?(/[^\s\"]+/nvcc)\b", head, re.MULTILINE) if head.startswith(b"#!") else None
    return Path(match.group(1).decode()).resolve() if match else real


def _roots(path: Path) -> tuple[Path, ...]:
    """The folders above `bin` of the program as named and as resolved; those in /usr are always visible. For a program
    in ~/bin it is that folder alone, as nothing may show the user's whole home."""
    home = Path(os.environ.get("HOME", "/nonexistent")).resolve()
    folders = set()
    for place in (path.parent, path.resolve().parent):
        folders.add(place if home.is_relative_to(place.parent) else place.parent)
    return tuple(sorted(folder for folder in folders if not folder.is_relative_to("/usr") and folder != Path("/")))


def _site_packages() -> list[Path]:
    return [Path(entry) for entry in sys.path if entry.endswith(("site-packages", "dist-packages"))]
