"""`time_gpu`: how long the kernels of a call take on the GPU.

Method: the call is made some times to warm up (clocks, caches of code, lazy loading), then `repeats` times, each after
256 MB were written, so that nothing of its data is left in the L2 cache, with its arguments as they were. CUDA events
stand around every launch, and their distances are added up; the median is what counts, as single runs are disturbed. So
do Triton's `triton.testing.do_bench` and the timing of KernelBench (arXiv 2502.10517). A launch's own overhead on the
device, about 2 us, is part of what events measure. The times come from the process that ran the code under test
(compile/gpu/build.py says what that means).
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from compile.build import Build
from compile.gpu.protocol import REPEATS
from compile.outcome import Outcome, Status
from compile.runner import TestLimits, run_tests
from data.function import Function
from data.testcase import TestCase

QUANTILES = 5  # low and high are the first and the last of the four cuts: 20 % of the runs lie below, 20 % above


@dataclass(frozen=True)
class GpuTiming:
    """Milliseconds that a call's kernels took together: median, and the range that holds the middle 60 % of the `runs`.
    `call_ms` is the median of the whole call: allocating, copying and the host's own work too. `threads` are those of
    its largest launch."""

    median_ms: float
    low: float
    high: float
    runs: int
    call_ms: float
    threads: int


def time_gpu(
    build: Build,
    test: TestCase,
    function: Function,
    *,
    repeats: int = 50,
    seconds: float = 60.0,
) -> GpuTiming | Outcome:
    """The time of `function` on the GPU with the arguments of `test`, or how the call failed. `build` is one of
    `build_gpu`; a build of the whole program by nvcc cannot be timed (INFRASTRUCTURE). All runs together may take
    `seconds`. A call that launches nothing takes 0 ms. ValueError for less than two repeats."""
    if repeats < 2:
        raise ValueError("a median takes two runs or more")
    if not (build.folder / "gpu.json").is_file():
        return Outcome(Status.INFRASTRUCTURE, stderr=f"it cannot be timed: {build.warnings}".encode())
    timed = replace(build, environment={**build.environment, REPEATS: str(repeats)})
    limits = TestLimits(seconds=seconds, total_seconds=2 * seconds, stderr_bytes=64 * repeats + 4096)
    (run,) = run_tests(timed, [test], function, limits=limits)
    if not run.outcome.ok:
        return run.outcome
    said = json.loads(run.outcome.stderr.splitlines()[0])
    return _summary(said["times"], said["threads"])


def _summary(times: Sequence[tuple[float, float]], threads: int) -> GpuTiming:
    kernels, calls = ([pair[i] for pair in times] for i in range(2))
    low, *_, high = statistics.quantiles(kernels, n=QUANTILES, method="inclusive")
    return GpuTiming(statistics.median(kernels), low, high, len(kernels), statistics.median(calls), threads)
