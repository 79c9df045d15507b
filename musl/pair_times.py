"""How long the sides of a pair take: on a GPU, and the C function on one core of this machine."""

from __future__ import annotations

import shutil
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from compile.build import Build
from compile.gpu.build import build_gpu
from compile.gpu.timing import GpuTiming, time_gpu
from compile.host import build_host
from compile.outcome import Outcome
from compile.runner import Schedule, run_schedules
from data.pairs import Pair
from data.testcase import TestCase
from musl.errors import MachineError
from musl.judge import Judge
from musl.pair_sides import PairSides, Unjudged, read_sides
from musl.pair_tests import PairTests, make_pair_tests
from musl.reference import Reference, run_reference

REPEATS = 30


@dataclass(frozen=True)
class PairTimes:
    """Milliseconds, medians over `repeats` runs of the test with the most data: the kernels on the GPU under `threads`
    threads, and the C function, compiled with -O3, on one core."""

    kernels: float
    sequential: float
    threads: int
    repeats: int


def time_pair(judge: Judge, pair: Pair, repeats: int = REPEATS) -> PairTimes | None:
    """The times of a pair that is known to be equivalent; None where one side cannot be timed. Needs a GPU."""
    with _prepared(judge, pair) as (own, sides, tests):
        assert sides.candidate is not None
        largest = max(range(len(tests.suite.tests)), key=lambda i: _bytes_of(tests.suite.tests[i]), default=None)
        if largest is None:
            return None
        scratch = own.sandbox.scratch
        build = build_gpu(pair.cuda, sides.candidate, scratch, own.sandbox, sides.source)
        plain = build_host(sides.source, sides.function, "optimized", scratch, own.sandbox)
        if isinstance(build, Outcome) or isinstance(plain, Outcome):
            return None
        c_call = tests.suite.tests[largest].filled(0)
        cuda_call = c_call if tests.cuda is None else tests.cuda[largest].filled(0)
        timing = time_gpu(build, cuda_call, sides.candidate, repeats=repeats)
        rows = run_schedules(plain, [c_call], sides.function, [Schedule("forward")] * repeats)
        runs = [row[0].outcome for row in rows]
        if not isinstance(timing, GpuTiming) or not all(run.ok for run in runs):
            return None
        sequential = 1000 * statistics.median(run.seconds for run in runs)
        return PairTimes(timing.median_ms, sequential, timing.threads, repeats)


def _bytes_of(test: TestCase) -> int:
    return sum(np.asarray(argument).nbytes for argument in test.arguments if argument is not None)


@contextmanager
def _prepared(judge: Judge, pair: Pair) -> Iterator[tuple[Judge, PairSides, PairTests]]:
    """The pair's sides and tests in a folder of their own; MachineError where it does not come so far."""
    folder = Path(tempfile.mkdtemp(prefix="pair-", dir=judge.sandbox.scratch)).resolve()
    own = replace(judge, sandbox=judge.sandbox.within(folder))
    try:
        sides = read_sides(pair)
        yield own, sides, make_pair_tests(own, sides)
    except Unjudged as unjudged:
        raise MachineError(unjudged.verdict.reason) from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def prepare_for_gpu(judge: Judge, pair: Pair) -> tuple[Reference, Build | Outcome]:
    """What is done for a pair before its CUDA side runs on a GPU: the results of the C side, and the build for a device
    (which need not be there). For measuring; MachineError where the pair cannot come so far."""
    with _prepared(judge, pair) as (own, sides, tests):
        assert sides.candidate is not None
        scratch = own.sandbox.scratch
        reference = build_host(sides.source, sides.function, "sanitize", scratch, own.sandbox)
        if isinstance(reference, Outcome):
            raise MachineError(reference.message)
        expected = run_reference(reference, tests.suite.tests, sides.function)
        return expected, build_gpu(pair.cuda, sides.candidate, scratch, own.sandbox, sides.source, require_device=False)
