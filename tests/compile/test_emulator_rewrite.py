"""The rewriting of .cu text: what changes, what does not, and that every line keeps its number."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from cuda_side import CudaSide

from compile.build import Build
from compile.emulator.build import build_emulated
from compile.emulator.rewrite import RewriteError, rewrite
from data.source_file import SourceFile


@pytest.mark.parametrize(
    ("cuda", "cxx"),
    [
        (
            "__global__ void k(int n); void f() { k<<<1, 2>>>(3); }",
            '__global__ void k(int n); void f() { ::musl::musl_kernel(k, "k", ::musl::MuslConfig(1, 2))(3); }',
        ),
        (
            "{ extern __shared__ float s[]; }",
            "{ [[maybe_unused]] float *const s = (float *)(::musl::musl_dynamic_shared); }",
        ),
        (
            "extern __shared__ float s[];",
            "[[maybe_unused]] static float *const s = (float *)(::musl::dynamic_shared_of_file());",
        ),
        (
            "{ __shared__ int a[2][3], b; }",
            "{ typedef int MUSL_TYPE(a)[2][3], MUSL_TYPE(b); MUSL_SHARED(a); MUSL_SHARED(b); }",
        ),
        ("{ static __shared__ int a[N]; }", "{  typedef int MUSL_TYPE(a)[N]; MUSL_SHARED(a); }"),
        ("{ __shared__ alignas(16) int a[N]; }", "{ typedef  int MUSL_TYPE(a)[N]; MUSL_SHARED(a); }"),
        ("{ __shared__ union { int i; } u; }", "{ typedef union { int i; } MUSL_TYPE(u); MUSL_SHARED(u); }"),
        (
            "{ __shared__ struct S { int i; } a, *b; }",
            "{ typedef struct S { int i; } MUSL_TYPE(a), *MUSL_TYPE(b); MUSL_SHARED(a); MUSL_SHARED(b); }",
        ),
        ("__shared__ int a[N];", "static int a[N]; MUSL_SHARED_OF_FILE(a);"),
        ("int x = a << 1 < b; // k<<<1, 1>>>(x)", "int x = a << 1 < b; // k<<<1, 1>>>(x)"),
        ('const char *s = "k<<<1, 1>>>(x)"; char c = \'"\';', 'const char *s = "k<<<1, 1>>>(x)"; char c = \'"\';'),
        ("#include <vector>\nstd::vector<std::vector<std::vector<int>>>(3);",) * 2,
    ],
)
def test_rewriting(cuda: str, cxx: str) -> None:
    assert rewrite(cuda).text == cxx


def test_lines_keep_their_numbers() -> None:
    cuda = "__global__ void k(int *a,\n int n) {\n extern __shared__\n float s[]; /* \n */ }\n"
    cuda += "void f() { k<<<1,\n\n2>>>\n(0, 1); }\nint last;"
    lines = rewrite(cuda).text.splitlines()
    assert len(lines) == len(cuda.splitlines())
    assert lines[-1] == "int last;"
    assert rewrite(cuda).kernels == ("k",)


def test_an_unreadable_launch_is_an_error_with_its_line() -> None:
    with pytest.raises(RewriteError, match="3: error: a launch `<<<` without `>>>\\(`"):
        rewrite("__global__ void k();\n\nvoid f() { k<<<1, 1; }")


def test_macros_of_the_build_reach_the_text(cuda_side: CudaSide, tmp_path: Path) -> None:
    function = cuda_side.function("int f()")
    source = SourceFile(tmp_path / "user.cpp", "", "c++", defines=("N=3", "FLAG"))
    cuda = "static_assert(N == 3 && FLAG == 1); int f() { return N; }"
    build = build_emulated(cuda, function, tmp_path, cuda_side.sandbox, source)
    assert isinstance(build, Build), build.message
    assert not isinstance(
        build_emulated(cuda, function, tmp_path, cuda_side.sandbox, dataclasses.replace(source, defines=())), Build
    )
