#!/usr/bin/env python
"""How fast `musl data build` is on the sources of Debian packages, and how much memory it takes.

    scripts/bench_data.py [--folder DIR] [--packages gsl,hdf5,...] [--jobs 1,2]

apt-get fetches the packages' original tarballs into DIR (no root is needed, nothing of the system is changed), where
they stay. Rates are told of wall time, and per core: of the CPU time of all processes together, which other load on
the machine changes less. The peak is the resident memory of all processes together, seen every 200 ms; that of every
tenth file alone shows whether it grows with the tree.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.sources.folder import SOURCE_SUFFIXES
from musl.machine import describe_machine, find_commit

PACKAGES = "fftw3,gsl,hdf5,openmpi,gromacs,suitesparse,petsc,lammps"
RELEASE = "deb-src [trusted=yes] http://deb.debian.org/debian bookworm main\n"
# Mining alone, without cleaning, in one process.
FIND_ONLY = """
import sys
from data.corpus.mine import mine
from data.corpus.clean import Cleaning, file_fault
from data.sources.open_source import open_source
found = 0
for document in open_source(sys.argv[1]):
    content = document.read()
    if not file_fault(content, document.size, Cleaning()):
        found += len(mine(document, content, content.decode(), whole_file=False).rows)
print(found)
"""


@dataclass(frozen=True)
class Cost:
    """Of one run: seconds of wall time, seconds of CPU time and peak bytes of all its processes together."""

    wall: float
    cpu: float
    peak: int


def main() -> int:
    """Fetch, measure, and print a table."""
    arguments = parse_arguments()
    folder = arguments.folder.resolve()
    tree = fetch(arguments.packages.split(","), folder)
    files = source_files(tree)
    size = total_bytes(files)
    print(f"{describe_machine()}, commit {find_commit() or 'unknown'}, load {os.getloadavg()[0]:.1f}")
    print(f"{arguments.packages}: {len(files):,} source files, {size / 1e6:.0f} MB")
    found, cost = run([sys.executable, "-c", FIND_ONLY, str(tree)], folder)
    show("mining", size, int(found), cost)
    for jobs in arguments.jobs.split(","):
        rows, cost = build(tree, folder, jobs)
        show(f"musl data build --jobs {jobs}", size, int(found), cost)
    print(f"rows: {rows['came_in']:,} in, {rows['stayed']:,} kept; left out: {rows['drops']}")
    tenth = link(files[::10], tree, folder / "tenth")
    rows, cost = build(tenth, folder, jobs)
    show(f"a tenth of it, --jobs {jobs}", total_bytes(source_files(tenth)), rows["came_in"], cost)
    return 0


def source_files(tree: Path) -> list[Path]:
    """The files below it that sources are read from."""
    return sorted(path for path in tree.rglob("*") if path.suffix in SOURCE_SUFFIXES and path.is_file())


def total_bytes(files: list[Path]) -> int:
    """Of all the files together."""
    return sum(file.stat().st_size for file in files)


def link(files: list[Path], tree: Path, out: Path) -> Path:
    """A tree of these files alone, as links."""
    shutil.rmtree(out, ignore_errors=True)
    for file in files:
        place = out / file.relative_to(tree)
        place.parent.mkdir(parents=True, exist_ok=True)
        os.link(file, place)
    return out


def build(tree: Path, folder: Path, jobs: str) -> tuple[dict[str, Any], Cost]:
    """The card's counts of rows, and the cost of `musl data build`."""
    out = folder / "corpus"
    shutil.rmtree(out, ignore_errors=True)
    command = [str(Path(sys.executable).with_name("musl")), "data", "build", str(tree), "-o", str(out)]
    card, cost = run([*command, "--jobs", jobs, "--json"], folder)
    return json.loads(card)["rows"], cost


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "musl-bench-data")
    parser.add_argument("--packages", default=PACKAGES)
    parser.add_argument("--jobs", default="1,2")
    return parser.parse_args()


def fetch(packages: list[str], folder: Path) -> Path:
    """The folder with the unpacked source files of the packages, fetched where they are not there yet."""
    sources = folder / "sources"
    missing = [package for package in packages if not (sources / package).is_dir()]
    if missing:
        tarballs = folder / "tarballs"
        tarballs.mkdir(parents=True, exist_ok=True)
        (folder / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        (folder / "cache" / "archives" / "partial").mkdir(parents=True, exist_ok=True)
        (folder / "sources.list").write_text(RELEASE)
        settings = {
            "Dir::Etc::SourceList": folder / "sources.list",
            "Dir::Etc::SourceParts": "/nonexistent",
            "Dir::State::Lists": folder / "lists",
            "Dir::Cache": folder / "cache",
            "APT::Sandbox::User": "root",
        }
        apt = ["apt-get", "-qq", *(word for name, value in settings.items() for word in ("-o", f"{name}={value}"))]
        subprocess.run([*apt, "update"], check=True)
        for package in missing:
            subprocess.run([*apt, "source", "--download-only", package], cwd=tarballs, check=True)
            unpack(sorted(tarballs.glob(f"{package}_*.orig.tar.*")), sources / package)
    return sources


def unpack(tarballs: list[Path], folder: Path) -> None:
    """Unpacks the regular source files of the tarballs."""
    temporary = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    for tarball in tarballs:
        if tarball.suffix == ".asc":
            continue
        with tarfile.open(tarball) as archive:
            members = (member for member in archive if member.isfile() and Path(member.name).suffix in SOURCE_SUFFIXES)
            archive.extractall(temporary, members, filter="data")
    temporary.rename(folder)


def run(command: list[str], folder: Path) -> tuple[str, Cost]:
    """What the command prints, and its cost; its processes are told by their session."""
    output = folder / "output"
    start, peak = time.perf_counter(), 0
    with output.open("w") as handle:
        process = subprocess.Popen(command, stdout=handle, start_new_session=True)
        try:
            while True:
                ended, status, usage = os.wait4(process.pid, os.WNOHANG)
                if ended:
                    break
                peak = max(peak, resident_bytes(process.pid))
                time.sleep(0.2)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    return output.read_text(), Cost(time.perf_counter() - start, usage.ru_utime + usage.ru_stime, peak)


def resident_bytes(session: int) -> int:
    """Resident memory of all processes of a session."""
    total = 0
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = status.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        if int(words[3]) == session:
            total += int(words[21]) * os.sysconf("SC_PAGESIZE")
    return total


def show(what: str, size: int, found: int, cost: Cost) -> None:
    """One line of the table."""
    megabytes = size / 1e6
    print(
        f"{what:30} {cost.wall:6.1f} s, {megabytes / cost.wall:5.1f} MB/s; per core {megabytes / cost.cpu:5.1f} MB/s, "
        f"{found / cost.cpu:7,.0f} functions/s; peak {cost.peak / 1e6:5.0f} MB",
        flush=True,
    )


if __name__ == "__main__":
    raise SystemExit(main())
