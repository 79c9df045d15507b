"""The host wrapper that MuSL writes around a model's kernel: what is launched, what is refused instead of guessed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from cuda_side import CudaSide

from compile.sandbox import Sandbox
from data.find_functions import find_functions
from data.source_file import SourceFile
from musl.bench import replacement_text
from translator.neural.host_wrapper import wrap_kernel
from translator.neural.read_answer import Malformed, Snippet, read_translation
from translator.protocol import Provenance, Refusal, Translation, TranslationOptions

ROWS = "void rows(int n, int m, const int *a, int *sums) {\n    for (int i = 0; i < n; i++) {\n        int s = 0;\n" + (
    "        for (int j = 0; j < m; j++) s += a[i * m + j];\n        sums[i] = s;\n    }\n}\n"
)
ADD = "void add(int h, int w, const int *a, int *b) {\n    for (int i = 0; i < h; i++)\n" + (
    "        for (int j = 0; j < w; j++) b[i * w + j] += a[i * w + j];\n}\n"
)
FILL = "void fill(int n, int *a) { for (int i = 0; i < n; i++) a[i] = i; }\n"
BOX = "void box(int l, int m, int n, int *a) {\n    for (int i = 0; i < l; i++) for (int j = 0; j < m; j++)\n" + (
    "        for (int k = 0; k < n; k++) a[(i * m + j) * n + k] += 1;\n}\n"
)


def wrap(c: str, kernel: str, extents: Mapping[str, str] | None = None) -> Translation | Malformed | Refusal:
    source = SourceFile(Path("/made/file.c"), c, "c")
    function = find_functions(source).functions[-1]
    snippet = read_translation(kernel, function.text, function.name, "cuda")
    assert isinstance(snippet, Snippet), snippet
    return wrap_kernel(source, function, snippet, TranslationOptions(extents=extents or {}), Provenance("model", 3))


def text_of(c: str, kernel: str) -> str:
    made = wrap(c, kernel)
    assert isinstance(made, Translation)
    return made.prelude + replacement_text(made)


def launch_of(c: str, kernel: str) -> tuple[str, str]:
    """(the line that declares grid and block, the configuration)."""
    text = text_of(c, kernel)
    declared = next((line.strip() for line in text.splitlines() if line.strip().startswith("const dim3")), "")
    return declared.removeprefix("const dim3 "), text.partition("<<<")[2].partition(">>>")[0]


def test_a_thread_for_each_element_and_each_iteration() -> None:
    kernel = "__global__ void k(int n, int *a) { int i = blockIdx.x * blockDim.x + threadIdx.x; if (i < n) a[i] = i; }"
    declared, configuration = launch_of(FILL, kernel)
    assert declared == "block(256), grid((unsigned int)((threads + 255) / 256));"
    assert configuration == "grid, block"
    text = text_of(FILL, kernel)
    assert "if (threads < (long long)a_used.count()) threads = (long long)a_used.count();" in text
    assert "if (threads < (long long)n) threads = (long long)n;" in text


@pytest.mark.parametrize(
    ("c", "kernel", "expected"),
    [
        (  # a block for a row
            ROWS,
            "__global__ void k(int n, int m, const int *a, int *sums) { int i = blockIdx.x; if (i < n) sums[i] = 0; }",
            ("block(1), grid((unsigned int)threads);", "grid, block"),
        ),
        (
            ROWS,
            "__global__ void k(int n, int m, const int *a, int *sums) { __shared__ int part[64]; int i = blockIdx.x; "
            "for (int j = threadIdx.x; j < m; j += blockDim.x) part[threadIdx.x] = i; }",
            ("block(64), grid((unsigned int)threads);", "grid, block"),
        ),
        (  # blocks of the size that the kernel takes for granted
            FILL,
            "#define SIZE 128\n__global__ void k(int n, int *a) { int i = SIZE * blockIdx.x + threadIdx.x; a[i] = i; }",
            ("block(128), grid((unsigned int)((threads + 127) / 128));", "grid, block"),
        ),
        (  # one block
            FILL,
            "__global__ void k(int n, int *a) { for (int i = threadIdx.x; i < n; i += blockDim.x) a[i] = i; }",
            ("", "1, 256"),
        ),
        (
            FILL,
            "__global__ void k(int n, int *a) { if (threadIdx.x < n) a[threadIdx.x] = threadIdx.x; }",
            ("", "1, 1024"),
        ),
        (FILL, "__global__ void k(int n, int *a) { for (int i = 0; i < n; i++) a[i] = i; }", ("", "1, 1")),
        (  # two dimensions, with the extents of the shared tile
            ADD,
            "#define TILE 8\n__global__ void k(int h, int w, const int *a, int *b) { __shared__ int t[TILE][TILE + 1]; "
            "int j = blockIdx.x * TILE + threadIdx.x, i = blockIdx.y * TILE + threadIdx.y; }",
            ("block(8, 8), grid((unsigned int)((threads + 7) / 8), (unsigned int)((threads + 7) / 8));", "grid, block"),
        ),
        (
            BOX,
            "__global__ void k(int l, int m, int n, int *a) { int k = blockIdx.x * blockDim.x + threadIdx.x, "
            "j = blockIdx.y * blockDim.y + threadIdx.y, i = blockIdx.z * blockDim.z + threadIdx.z; }",
            (
                "block(8, 8, 4), grid((unsigned int)((threads + 7) / 8), (unsigned int)((threads + 7) / 8), "
                "(unsigned int)((threads + 3) / 4));",
                "grid, block",
            ),
        ),
    ],
)
def test_the_launch_follows_how_the_kernel_counts_its_threads(c: str, kernel: str, expected: tuple[str, str]) -> None:
    assert launch_of(c, kernel) == expected


def test_names_of_the_source_do_not_meet_those_of_the_wrapper() -> None:
    c = "void f(int threads, int grid, int *block) { for (int i = 0; i < threads; i++) block[i] = grid; }"
    kernel = "__global__ void f(int threads, int grid, int *block) { block[blockIdx.x * 8 + threadIdx.x] = 1; }"
    assert launch_of(c, kernel)[0].startswith("block_(8), grid_((unsigned int)((threads_ + 7)")


@pytest.mark.parametrize(
    ("c", "kernel", "code"),
    [
        (FILL, "__global__ void k(int n, int *a) { extern __shared__ int t[]; a[0] = t[threadIdx.x]; }", "MUSL208"),
        (
            "void f(const int *links, int *a) { int i = 0; do { a[i] = 1; i = links[i]; } while (i > 0); }",
            "__global__ void k(const int *links, int *a) { a[blockIdx.y * 16 + threadIdx.x] = 1; }",
            "MUSL209",
        ),
    ],
)
def test_what_would_have_to_be_guessed_is_refused(c: str, kernel: str, code: str) -> None:
    made = wrap(c, kernel, {"a": "8", "links": "8"})
    assert isinstance(made, Malformed)
    assert made.code == code


def test_an_extent_that_the_code_does_not_tell_is_refused_unless_it_is_given() -> None:
    c = "int find(int n, const int *a, int key) { for (int i = 0; i < n; i++) if (a[i] == key) return i; return -1; }"
    kernel = "__global__ void k(int n, const int *a, int key, int *result) { *result = a[0] == key ? 0 : -1; }"
    refused = wrap(c, kernel)
    assert isinstance(refused, Refusal) and refused.reasons[0].code == "MUSL109"
    given = wrap(c, kernel, {"a": "n"})  # the analytic Translator finds no plan for it, and none is needed
    assert isinstance(given, Translation)
    assert "a_used.add(0, n - 1);" in given.host_wrapper
    assert "find_kernel<<<1, 1>>>(n, a, key, result.data);" in given.host_wrapper


def test_parameters_in_another_order_are_passed_by_name() -> None:
    kernel = "__global__ void k(int *a, int n) { int i = blockIdx.x * blockDim.x + threadIdx.x; if (i < n) a[i] = i; }"
    assert "fill_kernel<<<grid, block>>>(a, n);" in text_of(FILL, kernel)


def test_rows_of_fixed_length_become_the_pointer_that_the_kernel_takes() -> None:
    c = "void f(int n, float a[][4]) { for (int i = 0; i < n; i++) for (int j = 0; j < 4; j++) a[i][j] += 1; }"
    flat = "__global__ void k(int n, float *a) { int i = blockIdx.x * 4 + threadIdx.x; if (i < 4 * n) a[i] += 1; }"
    assert "<<<grid, block>>>(n, (float *)a);" in text_of(c, flat)
    rows = "__global__ void k(int n, float (*a)[4]) { int i = blockIdx.x * 4 + threadIdx.x; if (i < n) a[i][0] += 1; }"
    assert "<<<grid, block>>>(n, a);" in text_of(c, rows)


def test_what_comes_with_a_kernel_has_a_namespace_and_includes_stand_above() -> None:
    kernel = (
        "#include <math.h>\n#define STEP 2\nstruct pair { int a; };\n"
        "__device__ int next(int i) { return i * STEP; }\n"
        "__global__ void fill(int n, int *a) { int i = threadIdx.x; if (i < n) a[i] = next(i); }\n"
    )
    text = text_of(FILL, kernel)
    assert text.startswith("#include <math.h>\n#ifndef MUSL_PRELUDE")
    assert text.count("#include <math.h>") == 1 and "#undef STEP\n" in text
    assert 'extern "C++" {\nnamespace fill_cuda {' in text
    assert "fill_cuda::fill_kernel<<<1, 1024>>>(n, a);" in text


def test_provenance_and_kernels_are_told() -> None:
    made = wrap(FILL, "__global__ void fill(int n, int *a) { a[0] = n; }")
    assert isinstance(made, Translation)
    assert made.kernel_names == ("fill_kernel",) and made.provenance == Provenance("model", 3)


def test_wrapped_kernels_compute_what_they_should(tmp_path: Path) -> None:
    kernel = """__global__ void rows(int n, int m, const int *a, int *sums) {
    __shared__ int part[32];
    if (blockIdx.x >= n) return;
    int s = 0;
    for (int j = threadIdx.x; j < m; j += 32) s += a[blockIdx.x * m + j];
    part[threadIdx.x] = s;
    __syncthreads();
    if (threadIdx.x == 0) {
        for (int k = 1; k < 32; k++) part[0] += part[k];
        sums[blockIdx.x] = part[0];
    }
}"""
    head = "void rows(int n, int m, const int *a, int *sums)"
    values = np.arange(80, dtype=np.int32)
    side = CudaSide(Sandbox(tmp_path), tmp_path)
    runs = side.run(text_of(ROWS, kernel), head, 2, 40, values, np.zeros(2, np.int32))
    for run in runs:
        assert run.outcome.ok, run.outcome.message
        assert list(np.asarray(run.arguments[-1])) == [780, 2380]
        assert run.launches == 1
