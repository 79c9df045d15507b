"""Prints what `translate` costs: its start, one small function end to end, the samples, and the size of an install.

.venv/bin/python scripts/bench_translate.py            # about a minute
.venv/bin/python scripts/bench_translate.py --size     # also makes a fresh environment and measures it
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SMALL = "void scale(int n, float a, float *x)\n{\n    for (int i = 0; i < n; i++)\n        x[i] = a * x[i];\n}\n"


def main() -> None:
    """Print every figure with the machine and the commit it was taken on."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", action="store_true", help="measure a core install in a fresh virtual environment")
    parser.add_argument("--no-samples", action="store_true", help="leave the sample folder out")
    arguments = parser.parse_args()
    print(f"{processor()}, {os.cpu_count()} cores, Python {platform.python_version()}, commit {commit()}")
    print(f"translate --help            {best(help_seconds, 5):6.2f} s")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "scale.c"
        source.write_text(SMALL)
        translate(source, Path(folder) / "warm.cu")  # the first run on a machine also builds MuSL's own objects
        print(f"one function, 20 tests      {best(lambda: translate(source, Path(folder) / 'out.cu'), 3):6.2f} s")
    if not arguments.no_samples:
        count, seconds = samples_seconds()
        print(f"sample folder, {count} files     {seconds:6.2f} s")
    if arguments.size:
        print(f"core install                {core_megabytes():6.0f} MB")


def help_seconds() -> float:
    """Wall time of `translate --help`."""
    return timed([command(), "--help"])


def translate(source: Path, output: Path) -> float:
    """Wall time of one translation with 20 tests."""
    return timed([command(), str(source), "-o", str(output), "--tests", "20"])


def samples_seconds() -> tuple[int, float]:
    """Number of the sample files in one folder, and the wall time to translate them all with 20 tests each."""
    files = sorted(path for path in (ROOT / "data" / "samples").iterdir() if path.suffix in (".c", ".cpp"))
    with tempfile.TemporaryDirectory() as folder:
        return len(files), timed([command(), *map(str, files), "--out-root", folder], allowed=(0, 3))


def core_megabytes() -> float:
    """Disk use of the packages that a core install adds to a fresh virtual environment, in units of 10^6 bytes."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        before = disk_use(Path(folder))
        pip = [f"{folder}/bin/python", "-m", "pip", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "-c", str(ROOT / "constraints.txt"), str(ROOT)], check=True)
        return (disk_use(Path(folder)) - before) / 1e6


def disk_use(folder: Path) -> int:
    """Bytes of disk that a folder takes (`du`)."""
    run = subprocess.run(["du", "-s", "--block-size=1", str(folder)], capture_output=True, text=True, check=True)
    return int(run.stdout.split()[0])


def timed(argv: list[str], allowed: tuple[int, ...] = (0,)) -> float:
    """Wall seconds of a command; its exit status must be one that is allowed."""
    started = time.perf_counter()
    run = subprocess.run(argv, capture_output=True, text=True, check=False)
    if run.returncode not in allowed:
        sys.exit(f"{' '.join(argv)} ended with status {run.returncode}\n{run.stdout}{run.stderr}")
    return time.perf_counter() - started


def best(measure: Callable[[], float], times: int) -> float:
    """The shortest of several measurements, the one that other load disturbed least."""
    return min(measure() for _ in range(times))


def command() -> str:
    """The `translate` of this environment."""
    return str(Path(sys.executable).with_name("translate"))


def processor() -> str:
    """The processor's name."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def commit() -> str:
    """The commit of the working tree, marked where it has changes."""
    run = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return run.stdout.strip() or "unknown"


if __name__ == "__main__":
    main()
