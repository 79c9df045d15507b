"""Whether a text could use a local variable beyond its scope: then, and only then, the emulator watches for it."""

from __future__ import annotations

import numpy as np
import pytest
from cuda_side import CudaSide

from compile.emulator.scopes import keeps_addresses

WRAPPER = """
void f(float *x, int n) {
    float *d_x;
    cudaMalloc((void **)&d_x, n * sizeof(float));
    cudaMemcpy(d_x, x, n * sizeof(float), cudaMemcpyHostToDevice);
    dim3 threads(32), blocks((n + 31) / 32);
    k<<<blocks, threads>>>(d_x, n);
    cudaMemcpy(x, d_x, n * sizeof(float), cudaMemcpyDeviceToHost);
    cudaFree(d_x);
}
"""


@pytest.mark.parametrize(
    "kernel",
    [
        "__global__ void k(float *x, int n) { int i = threadIdx.x; if (i < n && x[i] > 0) x[i] = 0; else x[i] += 1; }",
        "__global__ void k(float *x, int n) { __shared__ float t[32]; float a, b = x[0]; t[threadIdx.x] = a = b; }",
        "__global__ void k(float *x, int n) { extern __shared__ float t[]; x[0] = n % 2 ? 0.0f : t[0]; }",
        "__device__ float g(float x) { return x; } __global__ void k(float *x, int n) { x[0] = g(x[0]); }",
    ],
)
def test_a_text_that_keeps_no_address(kernel: str) -> None:
    assert not keeps_addresses(kernel + WRAPPER)


@pytest.mark.parametrize(
    "statement",
    [
        "float *p = &y;",
        "float &r = y;",
        "auto &&r = g();",
        "float t[4];",
        "float a, t[4];",
        "float a = x[0], *b, t[4];",
        "unsigned char t [ 2 ] [ 2 ];",
        "T t; typedef float T[4];",
        "auto g = [&] { return y; };",
        "struct S { int *p; };",
        "std::vector<int> v;",
        "g(&y);",
        "cudaMemcpyAsync(&y, x, 4, cudaMemcpyDeviceToHost);",
        "x[0] = n & 1;",
    ],
)
def test_a_text_that_may_keep_one(statement: str) -> None:
    text = f"__global__ void k(float *x, int n) {{ float y = 0; {statement} x[0] = y; }}" + WRAPPER
    assert keeps_addresses(text)


def test_a_use_beyond_the_scope_is_found(cuda_side: CudaSide) -> None:
    body = "float *p; { float t[4]; t[n] = 2; p = t; } x[0] = *p;"
    text = f"__global__ void k(float *x, int n) {{ if (threadIdx.x == 0) {{ {body} }} }}{WRAPPER}"
    (run,) = cuda_side.run(text, "void f(float *x, int n)", np.ones(3, np.float32), 3, schedules=["forward"])
    assert run.outcome.message.startswith("out of bounds: kernel k block (0,0,0) thread (0,0,0)")
    assert "outside a local variable" in run.outcome.message
