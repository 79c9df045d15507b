"""CUDA C++ as programs write it: launches in every form, qualifiers behind macros, architecture, places of errors."""

from __future__ import annotations

import numpy as np
import pytest
from cuda_side import CudaSide

from compile.emulator.rewrite import rewrite
from compile.outcome import Status

ZEROS = np.zeros(64, dtype=np.int32)


def added(cuda_side: CudaSide, kernels: str, launch: str, expected: int) -> None:
    """`launch` adds the same number to each of the 64 elements of `d`."""
    for result in cuda_side.on_array(kernels, launch, ZEROS, schedules=["forward"]):
        assert result.tolist() == [expected] * 64


PLAIN = "__global__ void plain(int *a, int v) { a[threadIdx.x] += v; }\ntypedef void (*Kernel)(int *, int);\n"


@pytest.mark.parametrize(
    ("kernels", "launch", "expected"),
    [
        (PLAIN, "plain<<<dim3(1), dim3(64), 0>>>(d, 1); plain<<<{1, 1}, {64, 1, 1}, 0, 0>>>(d, 2);", 3),
        ("__global__ void one(int *a) { for (int i = 0; i < 64; i++) a[i] += 4; }", "one<<<1>>>(d);", 4),
        (PLAIN, "if (n > 64) plain<<<1, 64>>>(d, 1); else if (n) (plain)<<<1, 64>>>(d, 2);", 2),
        (PLAIN, "Kernel table[2] = {plain, plain}; table[1]<<<1, 64>>>(d, 1); (*table[0])<<<1, 64>>>(d, 1);", 2),
        (PLAIN + "Kernel choose(int) { return plain; }", "choose(3)<<<1, 64>>>(d, 5);", 5),
        (PLAIN + "struct S { Kernel k; };", "S s = {plain}, *p = &s; s.k<<<1, 64>>>(d, 1); p->k<<<1, 64>>>(d, 2);", 3),
        (
            "#define N 4\n"
            "template <bool B, class T, int A> __global__ void t(T *a, T v) { a[threadIdx.x] += B ? v : A; }",
            "t<(N > 2), int, (1 < 2)><<<1, 64>>>(d, 3); t<(N < 2), int, N><<<1, 64>>>(d, 3);",
            7,
        ),
        (
            "__global__ void t(int *a, int v = 7, const int *p = NULL) { a[threadIdx.x] += v + (p ? *p : 0); }",
            "t<<<1, 64>>>(d); t<<<1, 64>>>(d, 8, NULL);",
            15,
        ),
        ("namespace a { namespace b { template <int K> __global__ void k(int *x) { x[threadIdx.x] += K; } } }",
         "a::b::k<17><<<1, 64>>>(d); ::a::b::k<1><<<1, 64>>>(d);", 18),
        (
            PLAIN + "template <class T> __global__ void t(T *a, T v) { a[threadIdx.x] += v; }\n"
            "#define LAUNCH(k, g, b, ...) \\\n  do { \\\n    k<<<(g), \\\n      (b)>>> \\\n   (__VA_ARGS__); \\\n"
            "  } while (0)\n"
            "#define PASTED(name) pla##name<<<1, 64>>>(d, 1)\n",
            "LAUNCH(plain, 1, 64, d, 1); LAUNCH((t<int>), 1, 64, d, 2); LAUNCH(t, 1, 64, d, 3); PASTED(in);",
            7,
        ),
        (
            PLAIN,
            "int v = 9; void *p[] = {&d, &v}; cudaLaunchKernel((void *)plain, dim3(1), dim3(64), p, 0, 0);"
            "cudaLaunchKernel((const void *)&plain, 1, 64, p);",
            18,
        ),
    ],
)  # fmt: skip
def test_launches(cuda_side: CudaSide, kernels: str, launch: str, expected: int) -> None:
    added(cuda_side, kernels, launch, expected)


def test_qualifiers_behind_macros(cuda_side: CudaSide) -> None:
    kernels = """
#define HD __host__ __device__ __forceinline__
#define DEVICE __device__
#define CONSTANT static __constant__
#define KERNEL extern "C" __global__ void
#define SHARED __shared__
int host_only(int x) { return x + 1; }
HD int both(int x) { return x + 1; }
CONSTANT int weights[2];
DEVICE int counter;
KERNEL k(int *a) {
    SHARED int s[64];
    s[threadIdx.x] = weights[1];
    __syncthreads();
    a[threadIdx.x] = both(s[63 - threadIdx.x]) + counter;
}"""
    launch = """
    int w[2] = {host_only(0), both(3)}, c = 100;
    cudaMemcpyToSymbol(weights, w, sizeof w); cudaMemcpyToSymbol(counter, &c, sizeof c);
    k<<<1, 64>>>(d);"""
    added(cuda_side, kernels, launch, 105)


def test_a_device_variable_behind_a_macro_is_the_devices(cuda_side: CudaSide) -> None:
    kernels = "#define DEVICE __device__\nDEVICE int v; __global__ void k(int *a) { a[0] = v; }"
    (run,) = cuda_side.try_on_array(kernels, "k<<<1, 1>>>(d); a[0] = v;", ZEROS, schedules=["forward"])
    assert "device memory used by host code" in run.outcome.message


def test_operators_and_lambdas_of_the_device(cuda_side: CudaSide) -> None:
    kernels = """
struct V { int x; __host__ __device__ V(int x) : x(x) {} };
__device__ V operator+(const V &a, const V &b) { return V(a.x + b.x); }
struct Twice { __device__ int operator()(int x) const { return 2 * x; } };
template <class F> __global__ void apply(int *a, F f) { a[threadIdx.x] = f((V(1) + V(2)).x); }"""
    added(cuda_side, kernels, "apply<<<1, 64>>>(d, Twice()); ", 6)
    added(cuda_side, kernels, "int m2 = 5; apply<<<1, 64>>>(d, [=] __device__ (int x) { return x + m2; });", 8)


def test_device_code_is_of_compute_capability_8(cuda_side: CudaSide) -> None:
    kernels = """
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 600
#else
__device__ double atomicAdd(double *a, double b) { return 0; }
#endif
__global__ void k(int *a) {
#if __CUDA_ARCH__ >= 700
    a[threadIdx.x] = 1;
#else
#error compiled as host code
#endif
#ifndef __CUDA_ARCH__
    a[threadIdx.x] = 2;
#endif
    if (__CUDA_ARCH__ == 800) a[threadIdx.x] += 10;
}"""
    added(cuda_side, kernels, "k<<<1, 64>>>(d);", 11)


def test_launch_bounds_hold(cuda_side: CudaSide) -> None:
    kernels = "template <int N> __global__ void __launch_bounds__(2 * N, 2) k(int *a) { a[threadIdx.x] = 1; }"
    added(cuda_side, kernels, "k<32><<<1, 64>>>(d);", 1)
    (run,) = cuda_side.try_on_array(kernels, "k<16><<<1, 64>>>(d);", ZEROS, schedules=["forward"])
    assert run.outcome.status is Status.RUNTIME_ERROR
    assert "launched with 64 threads a block; its __launch_bounds__ allow 32" in run.outcome.message


@pytest.mark.parametrize(
    "before",
    [
        "#define RUN(k, ...) \\\n  k<<<1, \\\n    1>>> \\\n   (__VA_ARGS__)\nvoid g(int *a) {\n RUN(k,\n a);\n}\n",
        "void g(int *a) {\n k\n <<<\n 1,\n 1\n >>>\n (\n a\n )\n ;\n}\n",
        "__device__ int x[2]\n = {1,\n 2};\n",
        "__global__ void\n__launch_bounds__(\n32)\nq(int *a)\n{\n extern __shared__\n int s[]; __shared__ int\n t[2];\n"
        " s[0] = t[0]; }\n",
        "__global__ void q(int *a) {\n#if __CUDA_ARCH__ \\\n > 700\n a[0] = 1;\n#endif\n}\n",
    ],
)
def test_errors_name_the_users_line(cuda_side: CudaSide, before: str) -> None:
    text = "__global__ void k(int *a) { a[0] = 1; }\n" + before + "void f() { undeclared(); }\n"
    line = text.count("\n")
    assert rewrite(text).text.count("\n") == line
    outcome = cuda_side.fail_to_build(text, "void f()")
    assert outcome.status is Status.COMPILE_ERROR
    assert f"user.cu:{line}:12: error: 'undeclared' was not declared" in outcome.message
