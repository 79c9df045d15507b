#!/usr/bin/env python
"""The published way of judging pairs and MuSL's, side by side on the same development cases.

    scripts/bench_verify.py --data DIR                       (DIR holds babeltower/unit_tests.dev.jsonl)
    scripts/bench_verify.py --data DIR --workers 1 2         (the curve over workers alone, over all cases)

(a) The published way: for every test a new C++ program and a new CUDA program (the function or kernel and wrapper, a
    template that prints every argument with iostream, one call), compiled by g++ and by nvcc and run; the printed texts
    are compared. Where there is no GPU the CUDA program is started all the same: its time to an error stands for its
    time to a result.
(b) `musl verify` on the emulator, on the same tests (`--tests 0`), with and without kept builds, and with two workers;
    and as it is by default, with fuzz tests for those pairs whose own tests show nothing (which (a) calls right).
(c) MuSL's nvcc path: what `musl verify --device gpu` does for a pair but for the device's own work: the C side built,
    run and checked, the CUDA side built for a device by nvcc and g++. Without a GPU that is all that can be timed.

Each is timed from the text of the pair to its verdict, in this process, one pair after the other unless it says
otherwise. The speed of a machine changes while it runs: so the published way takes its time in parts, and between them
each way of MuSL's is run over all cases; its median counts. The curve over workers judges all cases as `musl verify`
does by default, without kept builds, with each number of workers in turn, `--parts` times.
"""

from __future__ import annotations

import argparse
import functools
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
CASES = Path("babeltower") / "unit_tests.dev.jsonl"
TEMPLATE = REPOSITORY / "scripts" / "published_harness.h"


@dataclass(frozen=True)
class Timing:
    """A way of judging: `seconds` for `pairs` pairs."""

    name: str
    pairs: int
    seconds: float

    @property
    def rate(self) -> float:
        """Pairs per second."""
        return self.pairs / self.seconds


def main() -> int:
    """Time all ways and print the table."""
    arguments = parse_arguments()
    from data.babeltower import BenchmarkCase, read_cases
    from musl.warm_up import warm_up

    cases: list[BenchmarkCase] = [c for c in read_cases(arguments.data / CASES) if c.c_name and c.wrapper_name]
    chosen = sorted(
        random.Random(arguments.seed).sample(cases, min(arguments.cases, len(cases))), key=lambda c: c.index
    )
    warm_up("emulator")
    print_machine()
    if arguments.workers:
        print_curve(cases, arguments.workers, arguments.parts)
        return 0
    with tempfile.TemporaryDirectory(prefix="musl-bench-") as folder:
        scratch = Path(folder)
        ways: list[tuple[str, Callable[[], None]]] = [
            ("(b) emulator, no cache, 1 worker", lambda: verify(chosen, scratch, jobs=1, cache=False)),
            ("(b) emulator, no cache, 2 workers", lambda: verify(chosen, scratch, jobs=2, cache=False)),
            ("(b) emulator, builds kept, 1 worker", lambda: verify(chosen, scratch, jobs=1, cache=True)),
            ("(b) emulator, builds kept, 2 workers", lambda: verify(chosen, scratch, jobs=2, cache=True)),
            ("(b) by default: no cache, 1 worker", lambda: verify(chosen, scratch, jobs=1, cache=False, tests=20)),
            ("(c) nvcc path, no cache, 1 worker", lambda: nvcc_path(chosen, scratch)),
        ]
        verify(chosen, scratch, jobs=2, cache=True)  # so that what is kept is there
        seconds: dict[str, list[float]] = {name: [] for name, _ in ways}
        published = 0.0
        for part in range(arguments.parts):
            for name, way in ways:
                seconds[name].append(timed(name, way))
            cases_of_part = chosen[part :: arguments.parts]
            published += timed("(a) published way", lambda cases=cases_of_part: judge_published(cases, scratch))
    timings = [Timing(name, len(chosen), statistics.median(seconds[name])) for name, _ in ways]
    print_table(Timing("(a) published way", len(chosen), published), timings)
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = os.environ.get("MUSL_SHARED_DATA")
    parser.add_argument("--data", type=Path, default=Path(data) if data else None, required=data is None)
    parser.add_argument("--cases", type=int, default=40, help="development cases (40)")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of cases (0)")
    parser.add_argument("--parts", type=int, default=4, help="parts of the published way, runs of each of MuSL's (4)")
    parser.add_argument("--workers", type=int, nargs="+", help="the curve over these numbers of workers, nothing else")
    return parser.parse_args()


def timed(name: str, way: Callable[[], None]) -> float:
    """Seconds that one run of a way takes."""
    started = time.monotonic()
    way()
    seconds = time.monotonic() - started
    print(f"{name}: {seconds:.1f} s", file=sys.stderr)
    return seconds


# -------------------------------------------------------------------------------------------------------- MuSL's ways


def verify(cases: Sequence[object], scratch: Path, *, jobs: int, cache: bool, tests: int = 0) -> None:
    """What `musl verify` does with these cases, without its start and its preflight."""
    from compile.sandbox import Sandbox
    from musl.judge import Judge
    from musl.prepare import preprocessing_in
    from musl.verify import judge_all

    folder = Path(tempfile.mkdtemp(dir=scratch))
    sandbox = Sandbox(folder)
    with preprocessing_in(sandbox):
        records = list(judge_all(Judge(sandbox, cache=cache, tests=tests), pairs_of(cases), jobs, 600.0))
    assert len(records) == len(cases)
    broken = [record for record in records if record.verdict == "infrastructure"]
    assert not broken, broken[0].reason
    shutil.rmtree(folder)


def pairs_of(cases: Sequence[object]) -> list[object]:
    """The cases as pairs."""
    from data.babeltower import BenchmarkCase
    from data.pairs import pair_of_case

    return [pair_of_case(case) for case in cases if isinstance(case, BenchmarkCase)]


def nvcc_path(cases: Sequence[object], scratch: Path) -> None:
    """Each pair as for a GPU, up to the device's own work."""
    from compile.sandbox import Sandbox
    from musl.judge import Judge
    from musl.pair_times import prepare_for_gpu
    from musl.prepare import preprocessing_in

    folder = Path(tempfile.mkdtemp(dir=scratch))
    sandbox = Sandbox(folder)
    with preprocessing_in(sandbox):
        for pair in pairs_of(cases):
            prepare_for_gpu(Judge(sandbox), pair)  # type: ignore[arg-type]
    shutil.rmtree(folder)


# --------------------------------------------------------------------------------------------------- the published way


def judge_published(cases: Sequence[object], scratch: Path) -> None:
    """Every test in two new programs, whose printed texts are compared."""
    from data.babeltower import BenchmarkCase

    for case in cases:
        assert isinstance(case, BenchmarkCase)
        for c_call, cuda_call in zip(case.c_calls, case.cuda_calls, strict=True):
            folder = Path(tempfile.mkdtemp(dir=scratch))
            expected = run_published(folder, "c.cpp", case.c_text, c_call, ["g++", "-std=c++17"])
            got = run_published(folder, "cuda.cu", case.cuda_text, cuda_call, ["nvcc", "-std=c++17"])
            _ = expected == got
            shutil.rmtree(folder)


def run_published(folder: Path, name: str, text: str, call: str, compiler: Sequence[str]) -> str:
    """What the program of one test prints; empty where it does not compile or does not end well."""
    program = f'#include "{TEMPLATE}"\n{text}\nint main() {{\n{call}\nreturn 0;\n}}\n'
    (folder / name).write_text(program, encoding="utf-8")
    output = folder / f"{name}.out"
    built = subprocess.run([*compiler, name, "-o", str(output)], cwd=folder, capture_output=True, check=False)
    if built.returncode != 0:
        return ""
    try:
        ran = subprocess.run([str(output)], capture_output=True, text=True, timeout=10, check=False, errors="replace")
    except subprocess.TimeoutExpired:
        return ""
    return ran.stdout


# ------------------------------------------------------------------------------------------------ the curve of workers


def print_curve(cases: Sequence[object], workers: Sequence[int], runs: int) -> None:
    """The seconds that all cases take with these numbers of workers, medians of runs in turn."""
    seconds: dict[int, list[float]] = {count: [] for count in workers}
    with tempfile.TemporaryDirectory(prefix="musl-bench-") as folder:
        for _ in range(runs):
            for count in workers:
                way = functools.partial(verify, cases, Path(folder), jobs=count, cache=False, tests=20)
                seconds[count].append(timed(f"{count} workers", way))
    first = statistics.median(seconds[workers[0]])
    print(f"| workers | s for {len(cases)} pairs | runs | times the pairs of {workers[0]} |")
    print("|---:|---:|---:|---:|")
    for count in workers:
        median = statistics.median(seconds[count])
        spread = f"{min(seconds[count]):.1f} to {max(seconds[count]):.1f}"
        print(f"| {count} | {median:.1f} | {spread} | {first / median:.2f} |")


# ------------------------------------------------------------------------------------------------------------- printing


def print_machine() -> None:
    commit = subprocess.run(
        ["git", "-C", str(REPOSITORY), "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    ).stdout.strip()
    model = next(
        (line.split(":")[1].strip() for line in cpu_lines() if line.startswith("model name")), platform.machine()
    )
    print(f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}, commit {commit}\n")


def cpu_lines() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.is_file() else []


def print_table(published: Timing, timings: Sequence[Timing]) -> None:
    """Each way's time for a pair, and how many times the published way's pairs it judges in a second."""
    print(f"| way | s for {published.pairs} pairs | s a pair | times the published way |")
    print("|---|---:|---:|---:|")
    for timing in (published, *timings):
        ratio = timing.rate / published.rate
        print(f"| {timing.name} | {timing.seconds:.1f} | {timing.seconds / timing.pairs:.3f} | {ratio:.1f} |")
    one, two = timings[0], timings[1]
    print(f"\n2 workers judge {two.rate / one.rate:.2f} times the pairs of 1 worker (no cache)")


if __name__ == "__main__":
    sys.path.insert(0, str(REPOSITORY))
    raise SystemExit(main())
