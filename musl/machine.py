"""What machine and which commit a figure comes from."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

from compile.gpu.device import find_gpu


def describe_machine() -> str:
    """Processor, cores, GPU and Python, in a line."""
    parts = [processor(), f"{os.cpu_count()} cores"]
    gpu = find_gpu()
    parts.append(gpu.name if gpu is not None else "no GPU")
    return ", ".join([*parts, f"Python {platform.python_version()}"])


def usable_cores() -> int:
    """The cores that this process may run on: fewer than the machine has under Slurm or with taskset."""
    return len(os.sched_getaffinity(0))


def processor() -> str:
    """The processor's name, as Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def find_commit() -> str:
    """The commit of the checkout that this runs from, with `+` where it was changed since; empty outside of one."""
    folder = Path(__file__).resolve().parent
    commit = _git(folder, "rev-parse", "--short", "HEAD")
    return f"{commit}+" if commit and _git(folder, "status", "--porcelain", "--untracked-files=no") else commit


def _git(folder: Path, *words: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
