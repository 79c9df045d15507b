"""The same .cu text on a real GPU. Skipped where there is none; `scripts/gpu_check.sh` runs these on a GPU machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from c_side import make_test
from cuda_side import CudaSide
from gpu_kernels import KERNELS, PARAMETERS
from gpu_kernels import SIGNATURE as KERNELS_SIGNATURE

from compile.build import Build
from compile.fault import FaultKind, read_fault
from compile.gpu.build import build_gpu
from compile.gpu.device import DEVICE_FILES, GpuInfo, find_gpu, why_no_gpu
from compile.gpu.plan import find_sanitizer, why_no_worker
from compile.gpu.timing import GpuTiming, time_gpu
from compile.nvcc import compile_nvcc
from compile.outcome import Outcome, Status
from compile.runner import TestLimits, run_tests
from compile.toolchain import find_nvcc

SCALE = """#include <cuda_runtime.h>
__global__ void scale(float *a, int n, int from) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    while (from == -1 && *(volatile float *)a >= 0) { }
    if (i < n) a[i] = 2.0f * a[i + from];
}
void f(float *a, int n, int what) {
    float *d;
    if (n <= 0) return;
    cudaMalloc(&d, n * sizeof(float));
    if (what != 1) cudaMemcpy(d, a, n * sizeof(float), cudaMemcpyHostToDevice);
    scale<<<(n + 255) / 256, what == 2 ? 4096 : 256>>>(d, n, what == 3 ? 1 << 30 : what == 4 ? -1 : 0);
    cudaMemcpy(a, d, n * sizeof(float), cudaMemcpyDeviceToHost);
    cudaFree(d);
}
"""
SIGNATURE = "void f(float *a, int n, int what)"
LIMITS = TestLimits(seconds=20.0, total_seconds=120.0)
VALUES = np.arange(1000, dtype=np.float32)


@pytest.fixture
def gpu() -> GpuInfo:
    """The GPU of this machine; skips, and says why, where it cannot be used."""
    found = find_gpu()
    if found is None:
        pytest.skip(why_no_gpu())
    if find_nvcc() is None:
        pytest.skip("nvcc was not found")
    return found


@pytest.fixture
def gpu_build(cuda_side: CudaSide, gpu: GpuInfo) -> Build:
    """`f` above, for the GPU of this machine, run through PyCUDA."""
    if why_no_worker():
        pytest.skip(why_no_worker())
    build = build_gpu(SCALE, cuda_side.function(SIGNATURE), cuda_side.scratch, cuda_side.sandbox)
    assert isinstance(build, Build), build.message
    return build


@pytest.mark.gpu
def test_results_and_launches_come_back_from_the_gpu(cuda_side: CudaSide, gpu_build: Build) -> None:
    function = cuda_side.function(SIGNATURE)
    tests = [make_test(function, VALUES, 1000, 0), make_test(function, [], 0, 0)]
    full, empty = run_tests(gpu_build, tests, function, limits=LIMITS)
    assert full.outcome.ok and empty.outcome.ok, full.outcome.message
    assert np.array_equal(np.asarray(full.arguments[0]), 2 * VALUES)
    assert (full.launches, empty.launches) == (1, 0)


@pytest.mark.gpu
def test_memory_that_was_never_written_differs_between_schedules(cuda_side: CudaSide, gpu_build: Build) -> None:
    function = cuda_side.function(SIGNATURE)
    tests = [make_test(function, VALUES, 1000, 1)]
    (forward,) = run_tests(gpu_build, tests, function, schedule="forward", limits=LIMITS)
    (reverse,) = run_tests(gpu_build, tests, function, schedule="reverse", limits=LIMITS)
    assert not np.array_equal(np.asarray(forward.arguments[0]), np.asarray(reverse.arguments[0]))


@pytest.mark.gpu
def test_a_launch_that_fails_unread_is_remarked(cuda_side: CudaSide, gpu_build: Build) -> None:
    function = cuda_side.function(SIGNATURE)
    (run,) = run_tests(gpu_build, [make_test(function, VALUES, 1000, 2)], function, limits=LIMITS)
    assert run.outcome.ok, run.outcome.message
    assert "cudaErrorInvalidConfiguration" in run.remarks[FaultKind.API_ERROR].text


@pytest.mark.gpu
def test_a_kernel_that_faults_or_hangs_costs_its_own_test_alone(cuda_side: CudaSide, gpu_build: Build) -> None:
    function = cuda_side.function(SIGNATURE)
    tests = [make_test(function, VALUES, 1000, what) for what in (0, 3, 0, 4, 0)]
    limits = TestLimits(seconds=3.0, total_seconds=120.0)
    right, fault, after, hang, last = run_tests(gpu_build, tests, function, limits=limits)
    assert fault.outcome.status is Status.RUNTIME_ERROR
    told = read_fault(fault.outcome.message)  # 4 GB past the array: error 700 or, where no space is, 717
    assert told is not None and told.kind is FaultKind.OUT_OF_BOUNDS, fault.outcome.message
    assert hang.outcome.status is Status.TIMEOUT
    for run in (right, after, last):
        assert run.outcome.ok, run.outcome.message
        assert np.array_equal(np.asarray(run.arguments[0]), 2 * VALUES)


@pytest.mark.gpu
def test_every_kind_of_launch_and_symbol_works_on_the_device(cuda_side: CudaSide, gpu: GpuInfo) -> None:
    function = cuda_side.function(KERNELS_SIGNATURE)
    build = build_gpu(KERNELS, function, cuda_side.scratch, cuda_side.sandbox)
    assert isinstance(build, Build), build.message
    (run,) = run_tests(build, [make_test(function, VALUES, 1000)], function, limits=LIMITS)
    assert run.outcome.ok and not run.remarks, run.outcome.message
    assert run.launches == len(PARAMETERS)


@pytest.mark.gpu
def test_constant_memory_and_device_variables_hold_what_is_copied_to_them(cuda_side: CudaSide, gpu: GpuInfo) -> None:
    cuda = """__constant__ float weights[2];
__device__ int count;
namespace { __device__ float hidden; }
__global__ void k(float *a, int n) {
    int i = threadIdx.x;
    if (i < n) { a[i] = weights[0] * a[i] + weights[1] + hidden; atomicAdd(&count, 1); }
}
int f(float *a, int n) {
    float *d, w[2] = {2, 1}, h = 0.5f;
    int done = 0;
    cudaMalloc(&d, n * sizeof(float));
    cudaMemcpy(d, a, n * sizeof(float), cudaMemcpyHostToDevice);
    cudaMemcpyToSymbol(weights, w, sizeof w);
    cudaMemcpyToSymbol(hidden, &h, sizeof h);
    k<<<1, 256>>>(d, n);
    cudaMemcpyFromSymbol(&done, count, sizeof done);
    cudaMemcpy(a, d, n * sizeof(float), cudaMemcpyDeviceToHost);
    cudaFree(d);
    return done;
}
"""
    function = cuda_side.function("int f(float *a, int n)")
    build = build_gpu(cuda, function, cuda_side.scratch, cuda_side.sandbox)
    assert isinstance(build, Build), build.message
    values = VALUES[:200]
    for run in run_tests(build, [make_test(function, values, 200)] * 2, function, limits=LIMITS):
        assert run.outcome.ok and not run.remarks, run.outcome.message
        assert np.array_equal(np.asarray(run.arguments[0]), 2 * values + 1.5)
        assert run.returned == 200  # counted anew in the second test


@pytest.mark.gpu
def test_the_whole_program_gives_the_same(cuda_side: CudaSide, gpu: GpuInfo) -> None:
    """A managed variable: nvcc builds it all."""
    function = cuda_side.function(SIGNATURE)
    build = build_gpu(f"__managed__ int unused;\n{SCALE}", function, cuda_side.scratch, cuda_side.sandbox)
    assert isinstance(build, Build), build.message
    assert "built whole by nvcc: managed variables" in build.warnings
    tests = [make_test(function, VALUES, 1000, what) for what in (0, 3)]
    right, fault = run_tests(build, tests, function, limits=LIMITS)
    assert right.outcome.ok and np.array_equal(np.asarray(right.arguments[0]), 2 * VALUES)
    told = read_fault(fault.outcome.message)  # an address that far is in no space that an H100 loads from: error 717
    assert fault.outcome.status is Status.RUNTIME_ERROR and told is not None and told.kind is FaultKind.OUT_OF_BOUNDS


@pytest.mark.gpu
def test_timing_grows_with_the_work(cuda_side: CudaSide, gpu_build: Build) -> None:
    function = cuda_side.function(SIGNATURE)
    times = []
    for n in (1000, 50_000_000):
        timing = time_gpu(gpu_build, make_test(function, np.ones(n, np.float32), n, 0), function, repeats=10)
        assert isinstance(timing, GpuTiming), timing.message
        assert 0 < timing.low <= timing.median_ms <= timing.high and timing.runs == 10
        times.append(timing.median_ms)
    assert times[1] > 3 * times[0]


@pytest.mark.gpu
def test_memcheck_names_the_access(cuda_side: CudaSide, gpu: GpuInfo) -> None:
    if find_sanitizer() is None:
        pytest.skip("compute-sanitizer was not found")
    function = cuda_side.function(SIGNATURE)
    build = build_gpu(SCALE, function, cuda_side.scratch, cuda_side.sandbox, sanitizer="memcheck")
    assert isinstance(build, Build), build.message
    right, wrong = run_tests(
        build, [make_test(function, VALUES, 1000, what) for what in (0, 3)], function, limits=LIMITS
    )
    assert right.outcome.ok, right.outcome.message
    assert "Invalid __global__ read" in wrong.outcome.message


def test_without_a_device_nothing_is_started_and_the_reason_is_said(cuda_side: CudaSide) -> None:
    if any(path.exists() for path in DEVICE_FILES):
        pytest.skip("NVIDIA's driver is loaded here")
    assert find_gpu() is None
    assert "no CUDA device" in why_no_gpu()
    outcome = build_gpu(SCALE, cuda_side.function(SIGNATURE), cuda_side.scratch, cuda_side.sandbox)
    assert isinstance(outcome, Outcome) and outcome.status is Status.INFRASTRUCTURE


@pytest.mark.skipif(find_nvcc() is None, reason="nvcc was not found")
def test_the_hooks_of_gpu_builds_compile(cuda_side: CudaSide, tmp_path: Path) -> None:
    folder = Path(__file__).resolve().parents[2] / "compile"
    text = (folder / "gpu" / "runtime" / "hooks.cpp").read_text(encoding="utf-8")
    header = (folder / "driver" / "musl_driver.h").read_text(encoding="utf-8")
    outcome = compile_nvcc(text.replace('#include "musl_driver.h"', header), tmp_path, cuda_side.sandbox)
    assert outcome.ok, outcome.message
