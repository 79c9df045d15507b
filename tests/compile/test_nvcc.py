"""nvcc as a judge of CUDA text: errors of both sides, warnings, include folders; the emulator takes what nvcc does."""

from __future__ import annotations

from pathlib import Path

import pytest
from cuda_side import CudaSide

from compile.build import Build
from compile.emulator.build import build_emulated_program
from compile.nvcc import compile_nvcc, default_arch
from compile.outcome import Status
from compile.toolchain import find_nvcc
from data.source_file import SourceFile

needs_nvcc = pytest.mark.skipif(find_nvcc() is None, reason="nvcc was not found on PATH or in site-packages")

GOOD = """#include "scale.h"
__global__ void k(float *a, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x, unused;
    if (i < n) a[i] *= SCALE;
}
void f(float *d, int n) { k<<<(n + 255) / 256, 256>>>(d, n); }
"""

# What both compilers must take: names, overloads and conversions of CUDA C++.
BOTH = """#include <cuda_runtime.h>
#include <stdio.h>
#include <cooperative_groups.h>
#include <math_constants.h>
extern "C" {
struct point { float x, y; };
__constant__ float weights[4];
__device__ int counter;
__device__ __forceinline__ float length(struct point p) { return sqrtf(p.x * p.x + p.y * p.y); }
__global__ void __launch_bounds__(256, 2)
k(struct point *__restrict__ p, float *out, int n, unsigned m, long long big) {
    __shared__ float tile[16][17], one;
    extern __shared__ __align__(16) unsigned char raw[];
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    tile[threadIdx.x % 16][0] = one = 1.0f;
    raw[0] = 1;
    __syncthreads();
    float v = i < n ? length(p[i]) : CUDART_INF_F;
    v = fminf(v, min(1.0f, v)) + max(i, n) + min(m, i) + max(big, (long long)i) + fabs(v) + pow(v, 2.0f) + exp(v);
    v += __shfl_down_sync(0xffffffff, v, 1) + __ldg(out) + rsqrtf(v) + __expf(v) + __powf(v, 2.0f) + weights[i & 3];
    v += __fmaf_rn(v, v, v) + __int2float_rn(i) + __float_as_int(v) + __popc(m) + norm3df(v, v, v) + erfcf(v);
    unsigned ballot = __ballot_sync(__activemask(), v > 0);
    if (__any_sync(0xffffffff, ballot != 0) && atomicAdd(&counter, 1) >= 0 && atomicMax(&counter, i) >= 0)
        atomicAdd(out, v);
    cooperative_groups::thread_block block = cooperative_groups::this_thread_block();
    block.sync();
    cooperative_groups::thread_block_tile<32> tile32 = cooperative_groups::tiled_partition<32>(block);
    v += tile32.shfl_down(v, 1) + block.thread_rank() + tile32.thread_rank();
    __threadfence();
    if (i == 0) printf("%f\\n", v);
}
int f(struct point *p, float *out, int n) {
    dim3 grid((n + 255) / 256, 1, 1), block(256);
    cudaError_t error = cudaSuccess;
    cudaStream_t stream;
    cudaStreamCreate(&stream);
    k<<<grid, block, 64, stream>>>(p, out, n, n, 3LL);
    error = cudaGetLastError();
    if (error != cudaSuccess) printf("%s %s\\n", cudaGetErrorName(error), cudaGetErrorString(error));
    cudaStreamDestroy(stream);
    return (int)error;
}
}
int main(void) { return f(NULL, NULL, 0) != cudaErrorInvalidConfiguration; }
"""


def source_with_header(folder: Path) -> SourceFile:
    (folder / "scale.h").write_text("#define SCALE 2.0f\n", encoding="utf-8")
    return SourceFile(folder / "user.cpp", GOOD, "c++", include_dirs=(folder,))


@needs_nvcc
@pytest.mark.parametrize("device_only", [False, True])
def test_warnings_are_shown_with_the_users_line(cuda_side: CudaSide, tmp_path: Path, device_only: bool) -> None:
    source = source_with_header(tmp_path)
    outcome = compile_nvcc(GOOD, tmp_path, cuda_side.sandbox, device_only=device_only, source=source)
    assert outcome.ok, outcome.message
    assert 'user.cu(3): warning #177-D: variable "unused" was declared but never referenced' in outcome.message
    assert "suppress" not in outcome.message


@needs_nvcc
@pytest.mark.parametrize(
    ("cuda", "message"),
    [
        ("__global__ void k(int *a) { a[0] = nonsense; }", 'unit.cu(1): error: identifier "nonsense" is undefined'),
        ("\nvoid f() { nonsense(); }", 'unit.cu(2): error: identifier "nonsense" is undefined'),
        ("int h(); __global__ void k(int *a) { a[0] = h(); }", 'calling a __host__ function("h()")'),
        (
            "__global__ void k(int *a) { __shared__ double s[7000]; s[a[1]] = a[0]; a[0] = s[a[2]]; }",
            "uses too much shared data",
        ),
    ],
    ids=["device", "host", "host function in a kernel", "machine code"],
)
def test_errors_of_every_stage_are_found(cuda_side: CudaSide, tmp_path: Path, cuda: str, message: str) -> None:
    outcome = compile_nvcc(cuda, tmp_path, cuda_side.sandbox, arch="sm_80")
    assert outcome.status is Status.COMPILE_ERROR
    assert message in outcome.message


@needs_nvcc
def test_nvcc_accepts_what_the_emulator_does(cuda_side: CudaSide, tmp_path: Path) -> None:
    outcome = compile_nvcc(BOTH, tmp_path, cuda_side.sandbox)
    assert outcome.ok, outcome.message


def test_the_emulator_accepts_what_nvcc_does(cuda_side: CudaSide, tmp_path: Path) -> None:
    build = build_emulated_program(BOTH, tmp_path, cuda_side.sandbox)
    assert isinstance(build, Build), build.message


def test_without_nvcc_the_outcome_is_the_machines(
    cuda_side: CudaSide, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("compile.nvcc.find_nvcc", lambda: None)
    outcome = compile_nvcc(GOOD, tmp_path, cuda_side.sandbox)
    assert outcome.status is Status.INFRASTRUCTURE
    assert "pip install nvidia-cuda-nvcc" in outcome.message


def test_the_default_architecture_is_one_that_every_supported_nvcc_knows() -> None:
    assert default_arch().startswith("sm_")
