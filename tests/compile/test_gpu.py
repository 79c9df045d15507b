"""The same .cu text on a real GPU. Skipped where there is none; `scripts/gpu_check.sh` runs these on a GPU machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from c_side import make_test
from cuda_side import CudaSide

from compile.build import Build
from compile.gpu import DEVICE_FILES, build_gpu, find_gpu, why_no_gpu
from compile.nvcc import compile_nvcc
from compile.outcome import Outcome, Status
from compile.runner import TestLimits, run_tests
from compile.toolchain import find_nvcc

SCALE = """#include <cuda_runtime.h>
__global__ void scale(float *a, int n, int from) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) a[i] = 2.0f * a[i + from];
}
void f(float *a, int n, int what) {
    float *d;
    if (n <= 0) return;
    cudaMalloc(&d, n * sizeof(float));
    if (what != 1) cudaMemcpy(d, a, n * sizeof(float), cudaMemcpyHostToDevice);
    scale<<<(n + 255) / 256, what == 2 ? 4096 : 256>>>(d, n, what == 3 ? 1 << 30 : 0);
    cudaMemcpy(a, d, n * sizeof(float), cudaMemcpyDeviceToHost);
    cudaFree(d);
}
"""
SIGNATURE = "void f(float *a, int n, int what)"
LIMITS = TestLimits(seconds=20.0, total_seconds=120.0)
VALUES = np.arange(1000, dtype=np.float32)


@pytest.fixture
def gpu_build(cuda_side: CudaSide) -> Build:
    """`f` above, for the GPU of this machine; skips where there is none."""
    if find_gpu() is None:
        pytest.skip(why_no_gpu())
    if find_nvcc() is None:
        pytest.skip("nvcc was not found")
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
@pytest.mark.parametrize(("what", "error"), [(2, "cudaErrorInvalidConfiguration"), (3, "cudaErrorIllegalAddress")])
def test_errors_left_at_the_end_fail_the_test(cuda_side: CudaSide, gpu_build: Build, what: int, error: str) -> None:
    function = cuda_side.function(SIGNATURE)
    (run,) = run_tests(gpu_build, [make_test(function, VALUES, 1000, what)], function, limits=LIMITS)
    assert run.outcome.status is Status.RUNTIME_ERROR
    assert error in run.outcome.message


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
    text = (folder / "gpu_runtime" / "hooks.cpp").read_text(encoding="utf-8")
    header = (folder / "driver" / "musl_driver.h").read_text(encoding="utf-8")
    outcome = compile_nvcc(text.replace('#include "musl_driver.h"', header), tmp_path, cuda_side.sandbox)
    assert outcome.ok, outcome.message
