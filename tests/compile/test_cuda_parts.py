"""Kernels, parameter lists, device code and launches are found in texts as people and models write them."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from compile.cuda_parts import (
    device_code,
    device_functions,
    divides_work,
    kernels_of,
    launched_kernels,
    with_arguments,
    with_kernel,
)


@pytest.mark.parametrize(
    ("text", "name", "signature"),
    [
        ("__global__ void k(float *a, int n) {}", "k", "(float *, int)"),
        ("__global__ void k ( const float * __restrict__ a , unsigned int n ) { }", "k", "(float *, unsigned int)"),
        ('extern "C" __global__ void __launch_bounds__(256, 2) k(double a[], float s = 2 * (1 + 3)) {}', "k", None),
        ("__global__ void k(float (*unused), int n, float m[4][5], int rest[N]) {}", "k", None),
        ("template <typename T, int N> __global__ void k(T *a, int n) { a[n] = N; }", "k", "(T *, int)"),
        ("__global__ static void k(void) {}", "k", "()"),
        ("__global__ void k() {}", "k", "()"),
        ("__global__ void k(int, const float *) {}", "k", "(int, float *)"),
        ("#define KERNEL __global__ void\nKERNEL k(int **rows, struct S s) {}", "k", "(int **, S)"),
        ("// __global__ void no(int a) {}\n__global__ void k(int /* how many */ n) {}", "k", "(int)"),
        ("namespace n { __global__ void k(const volatile int *const p) {} }", "k", "(int *)"),
    ],
)
def test_a_kernel_has_its_name_and_what_a_caller_passes(text: str, name: str, signature: str | None) -> None:
    (kernel,) = kernels_of(text)
    assert kernel.name == name
    if signature is not None:
        assert kernel.signature == signature


def test_default_arguments_and_arrays_are_told_from_names() -> None:
    (kernel,) = kernels_of("__global__ void k(double a[], int b[N + 1], float s = 2 * (1 + 3), int n = f(1, 2)) {}")
    assert kernel.types == ("double *", "int *", "float", "int")
    assert [parameter.name for parameter in kernel.parameters] == ["a", "b", "s", "n"]


def test_declarations_are_no_kernels_and_overloads_are_two() -> None:
    text = "__global__ void k(int n);\n__global__ void k(int n) {}\n__global__ void k(float x) {}\nvoid h() {}"
    assert [kernel.types for kernel in kernels_of(text)] == [("int",), ("float",)]


def test_a_kernel_written_by_a_macro_is_none_that_can_be_named() -> None:
    assert kernels_of("#define MAKE(name) __global__ void name(int n) {}\nMAKE(k)\n") == []


def test_device_functions_are_told_from_kernels() -> None:
    text = "__device__ float f(float x) { return x; }\n__global__ void k(float *a) { *a = f(*a); }\nint host() {}"
    assert device_functions(text) == [("f", False), ("k", True)]


HOST = "void k_host(float *a) {\n    k<<<1, 1>>>(a);\n}\n"


@pytest.mark.parametrize(
    "part",
    [
        "__global__ void k(float *a) { *a = 1; }",
        'extern "C" __global__ void k(float *a) { *a = 1; }',
        "template <int N>\n__global__ void __launch_bounds__(32) k(float *a) { if (N) { *a = 1; } }",
        "__device__ float one() { return 1; }\n__global__ void k(float *a) { *a = one(); }",
    ],
)
def test_device_code_leaves_out_the_host_functions(part: str) -> None:
    assert device_code(f"#include <cstdio>\n{part}\n{HOST}") == f"{part}\n"
    assert device_code(f"{HOST}{part}") == f"{part}\n"


def test_device_code_alone_stays_as_it_was() -> None:
    text = "// a remark\n#define N 4\n__constant__ float c[N];\n__global__ void k(float *a) { *a = c[0]; }  \n"
    assert device_code(text) == text
    assert device_code("void f() {}\n") == "void f() {}\n"
    assert device_code("") == ""


@pytest.mark.parametrize(
    "launch",
    [
        "k<<<g, b>>>(a, n);",
        "k <<< g , b >>> ( a , n ) ;",
        "k<< <g, b>> >(a, n);",
        "k<float, 4><<<g, b>>>(a, n);",
        "k<<<dim3(g, 2), dim3(b, f(1)), n * sizeof(int), 0>>>(a, n);",
    ],
)
def test_a_launch_is_found_and_its_kernel_replaced(launch: str) -> None:
    text = f"void k_all(float *k_a) {{ if (a < k) {{}} {launch} }}"
    assert launched_kernels(text) == ["k"]
    assert with_kernel(text, "k", "other") == text.replace(launch, launch.replace("k", "other", 1))
    assert with_kernel(text, "a", "other") == text


def test_only_the_kernel_in_front_of_a_launch_is_replaced() -> None:
    text = "kk<<<1, 1>>>(k); k<<<1, 1>>>(kk); s.k<<<1, 1>>>(); kk<<<2, 2>>>(1);"
    assert launched_kernels("kk<<<1, 1>>>(k); k<<<1, 1>>>(kk); kk<<<2, 2>>>(1);") == ["kk", "k"]
    assert with_kernel(text, "k", "other") == text.replace(" k<<<", " other<<<")


def test_arguments_are_passed_in_another_order() -> None:
    text = "void f() { k<<<g(1, 2), b>>>(a, f(x, y), {1, 2}, c[i, j]); done(); k<<<1, 1>>>(p, q, r, s); }"
    expected = "void f() { k<<<g(1, 2), b>>>({1, 2}, a); done(); k<<<1, 1>>>(r, p); }"
    assert with_arguments(text, "k", [2, 0]) == expected
    assert with_arguments(text, "k", []) == "void f() { k<<<g(1, 2), b>>>(); done(); k<<<1, 1>>>(); }"


@pytest.mark.parametrize("text", ["k<<<1, 1>>>(a);", "k<<<1, 1>>>(a, b", "k<<<1, 1", "k<<<1, 1>>>();"])
def test_arguments_that_are_not_there_cannot_be_passed(text: str) -> None:
    assert with_arguments(text, "k", [0, 1]) is None


PIECES = st.sampled_from(
    [
        *("__global__", "__device__", "__host__", "void", "float", "k", "operator", "template", "<", ">", "<<<", ">>>"),
        *("(", ")", "{", "}", "[", "]", ";", ",", "=", "*", "&", "::", "->", '"', "'", "//", "/*", "*/", "\\", "\n"),
        *("#define", "#if", "#endif", "#include", " ", "__launch_bounds__", 'extern "C"', 'R"(', "0x1p-3", "\u2028"),
    ]
)


@settings(max_examples=200, deadline=None)
@given(
    text=st.one_of(st.lists(PIECES, max_size=25).map("".join), st.lists(PIECES, max_size=25).map(" ".join), st.text())
)
@example(text="__global__ void operator")
@example(text="\ud800 __global__ void k(int n")
def test_no_text_is_too_odd(text: str) -> None:
    names = [kernel.name for kernel in kernels_of(text)]
    assert names == [name for name, is_kernel in device_functions(text) if is_kernel]
    code = device_code(text)
    assert code == text or all(line in text for line in code.split("\n"))
    for name in (*launched_kernels(text), "k"):
        assert len(with_kernel(text, name, name + "_other")) >= len(text)
        moved = with_arguments(text, name, [0])
        assert moved is None or isinstance(moved, str)


def test_a_kernel_that_does_all_the_work_in_every_thread_divides_none() -> None:
    copied = "__global__ void f(int *x, int n) { for (int i = 0; i < n; i++) x[i] = i; }"
    divided = copied.replace("int i = 0", "int i = threadIdx.x").replace("i++", "i += blockDim.x")
    grouped = "__global__ void f(int *x) { auto g = cooperative_groups::this_grid(); x[g.thread_rank()] = 1; }"
    commented = copied.replace("x[i]", "/* threadIdx.x */ x[i]")
    host = copied + " void g(int *x, int n) { int threadIdx = 0; f<<<1, 1>>>(x, n + threadIdx); }"
    assert [divides_work(text) for text in (divided, grouped)] == [True, True]
    assert [divides_work(text) for text in (copied, commented, host)] == [False, False, False]
