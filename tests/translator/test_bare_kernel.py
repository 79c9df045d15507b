"""Kernels for somebody else's launch: what they look like, and that they compute what the source computes whatever grid
and blocks they are launched with."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from cuda_side import CudaSide

from compile.build import Build
from compile.emulator.build import build_emulated_program
from compile.program import run_program
from compile.sandbox import Sandbox
from data.find_functions import find_functions
from data.read_source import read_source
from data.source_file import SourceFile
from musl.bench import replacement_text
from translator.analytic.adapt_cxx import to_cxx
from translator.analytic.prelude import PRELUDE
from translator.analytic.translator import AnalyticTranslator
from translator.protocol import Refusal, Translation, TranslationOptions

SAXPY = "void saxpy(int n, float a, const float *x, float *y) { for (int i = 0; i < n; i++) y[i] = a * x[i] + y[i]; }"


def outcome_of(
    text: str, *, serial: bool = False, form: str = "kernel", language: str = "c++"
) -> Translation | Refusal:
    """The last function of `text` in the given form."""
    source = SourceFile(Path("user.cpp" if language == "c++" else "user.c"), text, language)  # type: ignore[arg-type]
    function = find_functions(source).functions[-1]
    options = TranslationOptions(form=form, serial_kernels=serial)  # type: ignore[arg-type]
    outcome = AnalyticTranslator().translate(source, [function], options)[function.name]
    return outcome if isinstance(outcome, Refusal) else outcome[0]


def kernel_of(text: str, **options: bool) -> Translation:
    """The kernel of the last function, which must be translated."""
    outcome = outcome_of(text, **options)  # type: ignore[arg-type]
    assert isinstance(outcome, Translation), outcome.reasons[0]
    return outcome


def codes_of(outcome: Translation | Refusal) -> list[str]:
    """The codes of the remarks, or of the reasons against."""
    return [each.code for each in (outcome.remarks if isinstance(outcome, Translation) else outcome.reasons)]


# ---------------------------------------------------------------- text


def test_one_loop_becomes_a_grid_stride_loop_and_nothing_else() -> None:
    kernel = kernel_of(SAXPY)
    assert kernel.kernels == (
        "__global__ void saxpy_kernel(int n, float a, const float *x, float *y) {\n"
        "    if (blockIdx.y + blockIdx.z + threadIdx.y + threadIdx.z > 0) return;\n"
        "    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {\n"
        "        y[i] = a * x[i] + y[i];\n"
        "    }\n"
        "}\n"
    )
    assert kernel.kernel_names == ("saxpy_kernel",)
    assert (kernel.host_wrapper, kernel.sequential, kernel.prelude) == ("", "", "")
    assert [(loop.line, loop.iterators, loop.kernel, loop.form) for loop in kernel.parallel] == [
        (1, ("i",), "saxpy_kernel", "grid")
    ]


def test_parameters_keep_their_order_also_where_the_kernel_does_not_use_them() -> None:
    kernel = kernel_of("void f(int unused, double *a, const long n, char *b) { for (int i = 0; i < n; i++) a[i] = 0; }")
    assert "f_kernel(int unused, double *a, const long n, char *b)" in kernel.kernels


def test_references_and_rows_of_variable_length_become_pointers() -> None:
    by_reference = kernel_of("void f(float *a, float &s, int n) { for (int i = 0; i < n; i++) a[i] *= s; }")
    assert "f_kernel(float *a, float *s, int n)" in by_reference.kernels and "s[0]" in by_reference.kernels
    rows = "void g(int n, double a[n][n]) { for (int i = 0; i < n; i++) for (int j = 0; j < n; j++) a[i][j] = i; }"
    source = outcome_of(rows, language="c")
    assert isinstance(source, Translation) and "g_kernel(int n, double *a)" in source.kernels


def test_the_extent_of_an_array_need_not_be_known() -> None:
    body = "k[i] = b[i] * 2; a[i] = b[k[i]];"
    text = f"void f(int *k, const int *b, int *a, int n) {{ for (int i = 0; i < n; i++) {{ {body} }} }}"
    drop_in, kernel = outcome_of(text, form="drop_in"), outcome_of(text)
    assert isinstance(drop_in, Refusal) and codes_of(drop_in) == ["MUSL109"]
    assert isinstance(kernel, Translation)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("void add_cpu(int *a, int n) { for (int i = 0; i < n; i++) a[i]++; }", "add_kernel"),
        ("void add(int *a, int n) { for (int i = 0; i < n; i++) a[i]++; }", "add_kernel"),
        ("void addKernel(int *a, int n) { for (int i = 0; i < n; i++) a[i]++; }", "addKernel_cuda"),
        (
            "int add_kernel(int x) { return x + 1; }\n"
            "void add(int *a, int n) { for (int i = 0; i < n; i++) a[i] = add_kernel(a[i]); }",
            "add_kernel_cuda",
        ),
    ],
)
def test_the_kernel_has_a_name_that_the_file_does_not_use(text: str, name: str) -> None:
    assert kernel_of(text).kernel_names == (name,)


def test_loops_that_wait_for_each_other_are_run_by_one_block_which_is_said() -> None:
    kernel = kernel_of(
        "void f(float *a, float *b, int n) {\n"
        "    for (int i = 0; i < n; i++) b[i] = a[i];\n"
        "    for (int i = 1; i < n; i++) a[i] = b[i - 1];\n"
        "}"
    )
    assert codes_of(kernel) == ["MUSL116"]
    assert kernel.kernels.count("__syncthreads();") == 1
    assert [(loop.line, loop.form) for loop in kernel.parallel] == [(2, "block"), (3, "block")]


def test_loops_over_different_arrays_share_the_whole_grid() -> None:
    kernel = kernel_of(
        "void f(float *a, float *b, int n, int m) {\n"
        "    for (int i = 0; i < n; i++) a[i] += 1;\n"
        "    for (int i = 0; i < n; i++) for (int j = 0; j < m; j++) b[i * m + j] = 2;\n"
        "}"
    )
    assert codes_of(kernel)[-1:] != ["MUSL116"]
    assert "__syncthreads" not in kernel.kernels
    assert "if (blockIdx.y + threadIdx.y == 0)" in kernel.kernels


@pytest.mark.parametrize(
    ("body", "guarded"),
    [
        ("a[i] = b[i] * 2;", False),
        ("if (b[i] > 0) a[i] = 1; else a[i] = 2;", False),
        ("a[2 * i] = b[i]; a[2 * i + 1] = 0;", False),
        ("for (int k = 0; k < 4; k++) a[4 * i + k] = b[k];", False),
        ("a[i] += b[i];", True),
        ("a[i] = 0; a[i] = b[i];", True),
        ("a[i] = 0; for (int k = 0; k < 4; k++) a[i] += b[k];", True),
        ("for (int k = 0; k < 4; k++) a[i] = b[k];", True),
        ("b[i] = a[i]; a[i] = 3;", True),
    ],
)
def test_threads_beyond_the_first_layer_leave_where_they_would_do_harm(body: str, guarded: bool) -> None:
    kernel = kernel_of(f"void f(int *a, int *b, int n) {{ for (int i = 0; i < n; i++) {{ {body} }} }}")
    assert ("threadIdx.y + threadIdx.z > 0) return;" in kernel.kernels) == guarded


def test_loops_that_may_depend_on_each_other_are_run_by_one_thread_when_they_do() -> None:
    kernel = kernel_of("void f(int *a, int n, int m) { for (int i = 0; i < n; i++) a[i * m] += i; }").kernels
    assert "if (m <= 0) {  // in order, by one thread\n        if (first > 0) return;\n        stride = 1;" in kernel
    assert "for (int i = first; i < n; i += stride) {" in kernel


def test_a_rewritten_loop_has_the_source_beside_it_for_one_thread() -> None:
    body = "int k = 0; for (int i = 0; i < n; i++) for (int j = 0; j < m; j++) a[k++] = i;"
    kernel = kernel_of(f"void f(int *a, int n, int m) {{ {body} }}").kernels
    assert "static __device__ void f_in_order(int *a, int n, int m) {" in kernel
    assert re.search(r"if \(.*m < 0\) \{.*\n +if \(.* == 0\) f_in_order\(a, n, m\);\n +return;", kernel)


def test_a_sum_over_all_iterations_needs_one_block() -> None:
    kernel = kernel_of(
        "void f(float *a, int n) { float s = 0; for (int i = 0; i < n; i++) s += a[i]; a[0] = s; }",
    )
    assert codes_of(kernel) == ["MUSL116"]
    assert "__shared__ float s_parts[1024];" in kernel.kernels
    assert kernel.parallel[0].form == "reduction"


def test_nothing_parallel_is_refused_unless_serial_kernels_are_asked_for() -> None:
    scan = "void scan(int *a, int n) { for (int i = 1; i < n; i++) a[i] += a[i - 1]; }"
    assert codes_of(outcome_of(scan)) == ["MUSL101"]
    kernel = kernel_of(scan, serial=True)
    assert codes_of(kernel) == ["MUSL101", "MUSL117"]
    assert kernel.parallel == ()
    assert "for (int i = 1; i < n; i++) {\n        a[i] += a[i - 1];" in kernel.kernels


def test_a_function_that_returns_a_value_is_refused() -> None:
    text = "int f(int *a, int n) { for (int i = 0; i < n; i++) a[i] = 0; return n; }"
    assert codes_of(outcome_of(text, serial=True)) == ["MUSL115"]


def test_a_local_array_of_variable_length_is_refused() -> None:
    text = "void f(int *a, int n) { int t[n]; for (int i = 0; i < n; i++) t[i] = a[i]; a[0] = t[n - 1]; }"
    outcome = outcome_of(text, serial=True, language="c")
    assert isinstance(outcome, Refusal) and codes_of(outcome) == ["MUSL115"]
    assert "local array t" in outcome.reasons[0].message


def test_a_global_that_is_not_constant_is_refused_and_a_constant_one_is_written_out() -> None:
    loop = "void f(int *a, int n) { for (int i = 0; i < n; i++) a[i] = g; }"
    assert codes_of(outcome_of(f"int g;\n{loop}", serial=True)) == ["MUSL115"]
    assert "a[i] = 7;" in kernel_of(f"const int g = 7;\n{loop}").kernels
    assert "a[i] = (-7);" in kernel_of(f"const int g = -7;\n{loop}").kernels
    assert "a[i] = ((float)0.1);" in kernel_of(f"const float g = 0.1;\n{loop}").kernels
    assert "a[i] = (2 * 3 + 1);" in kernel_of(f"const int h = 2 * 3;\nconst int g = h + 1;\n{loop}").kernels


def test_a_constant_table_of_the_file_becomes_the_kernels_own() -> None:
    loop = "void f(int *a, int n) { for (int i = 0; i < n; i++) a[i] = weights[i % 3]; }"
    kernel = kernel_of(f"static const int weights[3] = {{1, -2, 1}};\n{loop}").kernels
    assert "    const int weights[3] = {1, -2, 1};\n    for (int i = " in kernel
    assert codes_of(outcome_of(f"int weights[3] = {{1, -2, 1}};\n{loop}", serial=True)) == ["MUSL115"]


def test_a_narrow_counter_can_number_more_threads_than_it_has_values() -> None:
    kernel = kernel_of("void f(int *a) { for (unsigned char i = 0; i < 200; i++) a[i] = i; }")
    assert "for (int i = blockIdx.x" in kernel.kernels


def test_the_kernel_brings_the_helpers_that_it_calls() -> None:
    text = "#include <algorithm>\nvoid f(float *a, int n) { for (int i = 0; i < n; i++) a[i] = std::max(a[i], 0.f); }"
    kernel = kernel_of(text)
    assert "T musl_max(T a, T b)" in kernel.kernels and "musl_min" not in kernel.kernels


# ---------------------------------------------------------------- serial kernels in a drop-in function


def test_a_drop_in_function_with_nothing_parallel_can_be_a_kernel_of_one_thread() -> None:
    scan = "void scan(int *a, int n) { for (int i = 1; i < n; i++) a[i] += a[i - 1]; }"
    assert codes_of(outcome_of(scan, form="drop_in")) == ["MUSL101"]
    outcome = outcome_of(scan, form="drop_in", serial=True)
    assert isinstance(outcome, Translation)
    assert "dim3 block(1), grid(1);" in outcome.host_wrapper
    assert outcome.parallel == () and codes_of(outcome) == ["MUSL101"]


def test_a_function_without_arrays_is_no_serial_kernel() -> None:
    text = "int f(int n) { int s = 0; while (n > 0) { s += n; n /= 2; } return s; }"
    assert isinstance(outcome_of(text, form="drop_in", serial=True), Refusal)


# ---------------------------------------------------------------- any launch

FUNCTIONS = r"""
#include <stdio.h>
#define SIZE 4096

void scale(int *a, int *b, int n, int m) { for (int i = 0; i < n; i++) a[i] += b[i] * m; }
void backwards(int *a, int *b, int n, int m) { for (int i = n - 1; i >= 0; i -= 3) a[i] += b[i] + i; }
void wide(int *a, int *b, int n, int m) { for (long long i = 2; i <= n; i++) a[i] += b[i - 2]; }
void narrow(int *a, int *b, int n, int m) { for (unsigned char i = 0; i < 200; i++) a[i] += b[i]; }
void matrix(int *a, int *b, int n, int m) {
    for (int i = 0; i < 9; i++) for (int j = 0; j < 13; j++) a[i * 13 + j] += b[j * 9 + i] * m;
}
void cube(int *a, int *b, int n, int m) {
    for (int i = 0; i < 4; i++) for (int j = 0; j < 5; j++) for (int k = 0; k < 6; k++) a[(i * 5 + j) * 6 + k] += b[k];
}
void triangle(int *a, int *b, int n, int m) { for (int i = 0; i < 9; i++) for (int j = 0; j < i; j++) a[i * 9 + j]++; }
void strided(int *a, int *b, int n, int m) { for (int i = 0; i < n; i++) a[2000 + i * m] = b[i]; }
void rows(int *a, int *b, int n, int m) {
    for (int i = 0; i < n; i++) { int s = 0; for (int j = 0; j < 5; j++) s += b[i + j]; a[i] = s; }
}
void two(int *a, int *b, int n, int m) {
    for (int i = 0; i < n; i++) a[i] += m;
    for (int i = 0; i < 11; i++) for (int j = 0; j < 7; j++) b[i * 7 + j] += j;
}
void first_and_rest(int *a, int *b, int n, int m) { a[0] = m; a[1] += n; for (int i = 0; i < n; i++) b[i]++; }
void counts(int *a, int *b, int n, int m) { for (int i = 0; i < n; i++) a[b[i] & 31] += 1; }
void last_wins(int *a, int *b, int n, int m) { for (int i = 0; i < n; i++) a[b[i] & 15] = i; }
void shifted(int *a, int *b, int n, int m) {
    for (int i = 0; i < n; i++) b[i] += a[i];
    for (int i = 1; i < n; i++) a[i] = b[i - 1];
}
void steps(int *a, int *b, int n, int m) {
    for (int t = 0; t < 3; t++) {
        for (int i = 1; i < n - 1; i++) b[i] = a[i - 1] + a[i + 1];
        for (int i = 1; i < n - 1; i++) a[i] = b[i] / 2;
        if (a[1] > 40) break;
    }
}
void exchanged(int *a, int *b, int n, int m) {
    for (int t = 0; t < 3; t++) {
        for (int i = 1; i < n - 1; i++) b[i] = a[i - 1] - a[i + 1];
        int *other = a; a = b; b = other;
    }
}
void until_small(int *a, int *b, int n, int m) {
    while (a[0] > 3) { for (int i = 0; i < n; i++) b[i] += a[0]; a[0] /= 2; }
}
void average(int *a, int *b, int n, int m) {
    int sum = 0;
    for (int i = 0; i < n; i++) sum += b[i];
    for (int i = 0; i < n; i++) a[i] -= sum / (n > 0 ? n : 1);
}
void row_sums(int *a, int *b, int n, int m) {
    for (int r = 0; r < 3; r++) {
        int sum = 0;
        for (int i = 0; i < n; i++) sum += b[r + i] * a[i];
        a[r] = sum;
    }
}
void range(int *a, int *b, int n, int m) {
    int low = b[0], high = b[0];
    for (int i = 1; i < n; i++) { if (b[i] < low) low = b[i]; if (b[i] > high) high = b[i]; }
    a[0] = low; a[1] = high;
}
void product(int *a, int *b, int n, int m) {
    unsigned bits = 0, odd = 1; int all = 1, some = 0;
    for (int i = 0; i < n; i++) { bits ^= b[i]; odd *= 2 * b[i] + 1; all = all && b[i] != 3; some = some || b[i] == m; }
    a[0] = bits; a[1] = odd; a[2] = all; a[3] = some;
}
void smallest(int *a, int *b, int n, int m) {
    int best = 1000, where = -1, first = 1000, place = -1;
    for (int i = 0; i < n; i++) if (b[i] <= best) { best = b[i]; where = i; }
    for (int i = 0; i < n; i++) if (b[i] < first) { first = b[i]; place = i; }
    a[0] = best; a[1] = where; a[2] = first; a[3] = place;
}
void last_seen(int *a, int *b, int n, int m) {
    int seen = -1;
    for (int i = 0; i < n; i++) if (b[i] > m) seen = i;
    a[0] = seen;
}
void table(int *a, int *b, int n, int m) {
    const int weights[3] = {1, -2, 1};
    for (int i = 1; i < n; i++) { int s = 0; for (int k = 0; k < 3; k++) s += weights[k] * b[i - 1 + k]; a[i] = s; }
}
void buckets(int *a, int *b, int n, int m) {
    int count[16];
    for (int k = 0; k < 16; k++) count[k] = 0;
    for (int i = 0; i < n; i++) count[b[i] & 15]++;
    for (int k = 0; k < 16; k++) a[k] = count[k];
}
void running(int *a, int *b, int n, int m) {
    unsigned s = 0;
    for (int i = 0; i < n; i++) { s = s * 3 + b[i]; a[i] = s; }
    for (int i = 0; i < n; i++) b[i] += s;
}
void prefix(int *a, int *b, int n, int m) { for (int i = 1; i < n; i++) a[i] += a[i - 1]; }
void early(int *a, int *b, int n, int m) { for (int i = 0; i < n; i++) { if (b[i] == 5) return; a[i]++; } }
void shortest(int *a, int *b, int n, int m) {
    for (int i = 0; i < 49; i++) a[i] = (b[i] & 31) + 1;
    for (int k = 0; k < 7; k++) for (int i = 0; i < 7; i++) for (int j = 0; j < 7; j++)
        if (a[i * 7 + k] + a[k * 7 + j] < a[i * 7 + j]) a[i * 7 + j] = a[i * 7 + k] + a[k * 7 + j];
}
static int twice(int x) { return 2 * x; }
void helped(int *a, int *b, int n, int m) { int d = twice(m); for (int i = 0; i < n; i++) a[i] = twice(b[i]) + d; }
"""
NAMES = re.findall(r"^void (\w+)\(int \*a, int \*b, int n, int m\)", FUNCTIONS, re.MULTILINE)
GEOMETRIES = (
    ("1", "1"),
    ("3", "32"),
    ("dim3(7, 3)", "dim3(5, 2, 3)"),
    ("dim3(1, 9, 2)", "dim3(1, 3)"),
    ("400", "1"),
    ("2", "1024"),
)

MAIN = """
static int A[SIZE], B[SIZE], launch;

static void fill(void) {
    for (int i = 0; i < SIZE; i++) { A[i] = (i * 37) % 101 - 40; B[i] = (i * 53) % 97 - 30; }
    A[0] = 61;
}

static void show(const char *name, int n, int m) {
    unsigned h = 2166136261u;
    for (int i = 0; i < SIZE; i++) { h = (h ^ (unsigned)A[i]) * 16777619u; h = (h ^ (unsigned)B[i]) * 16777619u; }
    printf("%s launch=%d n=%d m=%d: %u\\n", name, launch, n, m, h);
    fill();
}

int main(void) {
    const int sizes[] = {-2, 0, 1, 2, 31, 77, 300};
    fill();
    for (launch = 0; launch < LAUNCHES; launch++)
        for (int q = 0; q < 7; q++)
            for (int m = -1; m < 3; m += q == 5 ? 1 : 3) { CALLS }
    return 0;
}
"""
# Host code as a benchmark's own: it copies whole arrays and launches as it likes.
WRAPPER = """{kernel}
extern int launch;
void {name}(int *a, int *b, int n, int m) {{
    int *d_a, *d_b;
    cudaMalloc(&d_a, SIZE * sizeof(int));
    cudaMalloc(&d_b, SIZE * sizeof(int));
    cudaMemcpy(d_a, a, SIZE * sizeof(int), cudaMemcpyHostToDevice);
    cudaMemcpy(d_b, b, SIZE * sizeof(int), cudaMemcpyHostToDevice);
    {launches}
    if (cudaDeviceSynchronize() != cudaSuccess) printf("failed: ");
    cudaMemcpy(a, d_a, SIZE * sizeof(int), cudaMemcpyDeviceToHost);
    cudaMemcpy(b, d_b, SIZE * sizeof(int), cudaMemcpyDeviceToHost);
    cudaFree(d_a);
    cudaFree(d_b);
}}
"""


def program_text() -> str:
    calls = " ".join(f'{name}(A, B, sizes[q], m); show("{name}", sizes[q], m);' for name in NAMES)
    main = MAIN.replace("LAUNCHES", str(len(GEOMETRIES))).replace("CALLS", calls)
    return FUNCTIONS + main.replace("B[SIZE], launch;", "B[SIZE];\nint launch;")


def kernels_of(path: Path) -> dict[str, str]:
    """For each function a kernel, with a wrapper that launches it as `launch` says."""
    source = read_source(path)
    wanted = [f for f in find_functions(source).functions if f.name in NAMES]
    outcomes = AnalyticTranslator().translate(source, wanted, TranslationOptions(form="kernel", serial_kernels=True))
    texts = {}
    for name, outcome in outcomes.items():
        assert not isinstance(outcome, Refusal), f"{name}: {outcome.reasons[0]}"
        launches = "\n    ".join(
            f"if (launch == {k}) {outcome[0].kernel_names[0]}<<<{grid}, {block}>>>(d_a, d_b, n, m);"
            for k, (grid, block) in enumerate(GEOMETRIES)
        )
        texts[name] = WRAPPER.format(kernel=outcome[0].kernels, name=name, launches=launches)
    return texts


def serial_drop_ins_of(path: Path) -> dict[str, str]:
    """The functions with nothing parallel, as host functions that launch one thread."""
    source = read_source(path)
    wanted = [f for f in find_functions(source).functions if f.name in NAMES]
    outcomes = AnalyticTranslator().translate(source, wanted, TranslationOptions(serial_kernels=True))
    serial = {n: o[0] for n, o in outcomes.items() if not isinstance(o, Refusal) and not o[0].parallel}
    assert "prefix" in serial and all("grid(1);" in each.host_wrapper for each in serial.values())
    return {name: replacement_text(each) for name, each in serial.items()}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program's C text."""
    path = tmp_path_factory.mktemp("program") / "user.c"
    path.write_text(program_text())
    return path


@pytest.fixture(scope="module")
def expected(program: Path) -> list[str]:
    """What the C program prints under the sanitizers, line by line."""
    flags = ["-w", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    made = program.with_suffix("")
    subprocess.run(["gcc", *flags, str(program), "-o", str(made)], check=True, capture_output=True, text=True)
    lines = subprocess.run([str(made)], check=True, capture_output=True, text=True, timeout=20).stdout.splitlines()
    assert len(lines) == len(NAMES) * len(GEOMETRIES) * (6 * 2 + 4)
    return lines


def wrong_lines(
    program: Path, texts: Mapping[str, str], expected: Sequence[str], *, schedule: str = "forward", header: str = ""
) -> list[str]:
    """Where the program with `texts` in place of its functions prints something else in the emulator."""
    source = read_source(program)
    cuda = to_cxx(source, texts, header, program.with_suffix(".cu"))
    build = build_emulated_program(cuda, program.parent, Sandbox(program.parent), source, schedule=schedule, seed=5)
    assert isinstance(build, Build), build.message
    outcome = run_program(build)
    assert outcome.ok, outcome.message
    printed = outcome.stdout.decode().splitlines()
    return [f"{want}   got {got}" for want, got in zip(expected, printed, strict=True) if want != got]


@pytest.mark.parametrize("schedule", ["forward", "shuffle"])
def test_kernels_compute_what_the_source_computes_under_any_launch(
    program: Path, expected: list[str], schedule: str
) -> None:
    assert not wrong_lines(program, kernels_of(program), expected, schedule=schedule)


def test_serial_kernels_in_drop_in_functions_compute_what_the_source_computes(
    program: Path, expected: list[str]
) -> None:
    assert not wrong_lines(program, serial_drop_ins_of(program), expected, header=PRELUDE)


def test_no_thread_of_a_block_uses_what_another_one_writes_without_waiting(tmp_path: Path) -> None:
    source = SourceFile(Path("user.cpp"), FUNCTIONS, "c++")
    wanted = [f for f in find_functions(source).functions if f.name in NAMES]
    outcomes = AnalyticTranslator().translate(source, wanted, TranslationOptions(form="kernel", serial_kernels=True))
    kernels = {name: outcome[0] for name, outcome in outcomes.items() if not isinstance(outcome, Refusal)}
    waiting = [kernel for kernel in kernels.values() if "MUSL116" in codes_of(kernel)]
    assert len(waiting) > 10
    launches = "\n".join(f"{k.kernel_names[0]}<<<2, dim3(5, 2, 3)>>>(d, d + 2048, n, m);" for k in kernels.values())
    texts = "\n".join(kernel.kernels for kernel in kernels.values())
    values = np.arange(4096, dtype=np.int32) * 53 % 97 - 30
    CudaSide(Sandbox(tmp_path), tmp_path).on_array(
        texts, launches.replace(" n,", " 77,"), values, 2, schedules=["forward"]
    )
