"""A model's answer is the code in it, or malformed for a reason that can be counted."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from translator.neural.codes import CODE_OF, NEURAL_CODES, Kind
from translator.neural.read_answer import Malformed, Snippet, read_translation

SCALE = "void scale(int n, float a, float *x) {\n    for (int i = 0; i < n; i++) x[i] = a * x[i];\n}\n"
SUM = "float sum(const float *x, int n) { float s = 0; for (int i = 0; i < n; i++) s += x[i]; return s; }\n"
BODY = "{ int i = blockIdx.x * blockDim.x + threadIdx.x; if (i < n) x[i] *= a; }\n"
KERNEL = f"__global__ void scale_gpu(int n, float a, float *x) {BODY}"
LAUNCHER = "void scale(int n, float a, float *x) { float *d; scale_gpu<<<1, n>>>(n, a, d); }\n"


def read(answer: str, **options: bool) -> Snippet | Malformed:
    return read_translation(answer, SCALE, "scale", "cuda", **options)


def kind(answer: str, **options: bool) -> Kind | None:
    result = read(answer, **options)
    return result.kind if isinstance(result, Malformed) else None


@pytest.mark.parametrize(
    "answer",
    [
        KERNEL,
        f"```cuda\n{KERNEL}```",
        f"Sure! It's this:\n\n```cpp\n{KERNEL}```\nDon't forget to free.\n```c\nint main() {{ return 0; }}\n```",
        f"Here's the kernel.\n\n{KERNEL}\nIt isn't hard (is it?",
        f"```cuda\n{KERNEL}int main() {{ return 0; }}\n```",
        f"```\n{KERNEL}{LAUNCHER.replace('void scale(', 'void launch(')}```",
        f"```cuda\n{KERNEL}",
    ],
)
def test_the_kernel_is_found_whatever_stands_around_it(answer: str) -> None:
    assert read(answer) == Snippet(KERNEL, "scale_gpu", "cuda")


def test_helpers_macros_and_includes_stay_with_the_kernel() -> None:
    code = f"#include <math.h>\n#define T 4\n__device__ float twice(float v) {{ return 2 * v; }}\n\n{KERNEL}"
    assert read(f"Well:\n{code}") == Snippet(code, "scale_gpu", "cuda")


def test_a_host_function_of_the_functions_name_makes_the_answer_whole() -> None:
    result = read(f"```cuda\n{KERNEL}\n{LAUNCHER}\nint main() {{ scale(0, 1, 0); }}\n```")
    assert isinstance(result, Snippet) and result.is_whole
    assert "scale_gpu<<<1, n>>>" in result.text and "main" not in result.text


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("", "no_code"),
        ("I'm sorry, I can't do that.", "no_code"),
        ("```cuda\n\n```", "no_code"),
        (KERNEL[:-3], "syntax"),
        (KERNEL.replace("if (i < n)", "if (i < n"), "syntax"),
        (SCALE, "no_function"),
        ("```\nint x;\n```", "no_function"),
        (KERNEL + KERNEL.replace("scale_gpu", "again"), "several_functions"),
        (KERNEL.replace("float *x", "double *x"), "other_parameters"),
        (KERNEL.replace("float *x", "float x"), "other_parameters"),
        (KERNEL.replace("int n, ", ""), "other_parameters"),
        (KERNEL.replace("int n, ", "int n, int m, "), "other_parameters"),
        (f"{KERNEL}{LAUNCHER.replace('int n, float a', 'float a')}", "other_parameters"),
    ],
)
def test_what_is_no_translation_has_a_stable_reason(answer: str, expected: Kind) -> None:
    result = read(answer)
    assert isinstance(result, Malformed)
    assert result.kind == expected
    assert str(result).startswith(CODE_OF[expected]) and "\n" not in result.words


@pytest.mark.parametrize(
    ("c", "kernel", "words"),
    [
        (SCALE, "k(int n, float *x)", "k takes (int, float *), scale is called with (int, float, float *)"),
        (
            SUM,
            "k(const float *x, int n)",
            "k takes (float *, int), sum is called with (float *, int, float * for the result)",
        ),
        (
            "void copy(float *to, int *from) { *to = *from; }",
            "k(float *from, int *to)",
            "k takes (float * from, int * to), copy is called with (float * to, int * from)",
        ),
        (
            "int copy(float *y, int *x) { *y = *x; return 0; }",
            "k(float *x, int *y, int *r)",
            "k takes (float * x, int * y, int * r), copy is called with (float * y, int * x, int * for the result)",
        ),
    ],
)
def test_parameters_that_do_not_fit_are_told_with_what_they_had_to_be(c: str, kernel: str, words: str) -> None:
    result = read_translation(f"__global__ void {kernel} {{ }}", c, c.split("(")[0].split()[-1], "cuda")
    assert isinstance(result, Malformed)
    assert result.kind == "other_parameters" and result.words == words


def test_an_answer_that_was_cut_off_counts_only_where_its_code_ended() -> None:
    assert kind(KERNEL, finished=False) == "cut_off"
    assert kind(f"```cuda\n{KERNEL}", finished=False) == "cut_off"
    assert kind(f"```cuda\n{KERNEL}```\nThis kern", finished=False) is None


@pytest.mark.parametrize(
    "parameters",
    [
        "const int n, const float a, float *__restrict__ x",
        "int n, double a, float x[]",
        "unsigned n, float a, float* x",
        "float *x, int n, float a",  # by name, in another order
    ],
)
def test_parameters_may_be_spelled_and_ordered_otherwise(parameters: str) -> None:
    assert kind(KERNEL.replace("int n, float a, float *x", parameters)) is None


def test_of_several_kernels_the_one_with_the_parameters_stands_for_the_function() -> None:
    other = "__global__ void fill(int *x) { x[0] = 0; }\n"
    result = read(other + KERNEL)
    assert isinstance(result, Snippet) and result.name == "scale_gpu"


def test_parameters_are_left_to_a_harness_that_launches_the_kernel_itself() -> None:
    assert kind(KERNEL.replace("int n, ", ""), check_parameters=False) is None


def test_the_value_of_a_function_comes_back_through_one_more_pointer() -> None:
    kernel = "__global__ void total(const float *x, int n, float *result) { atomicAdd(result, x[threadIdx.x]); }\n"
    assert isinstance(read_translation(kernel, SUM, "sum", "cuda"), Snippet)
    lacking = read_translation(kernel.replace(", float *result", ""), SUM, "sum", "cuda")
    assert isinstance(lacking, Malformed) and lacking.kind == "other_parameters"


def test_towards_c_the_last_function_or_that_of_the_kernels_name_is_meant() -> None:
    helper = "static float twice(float v) { return 2 * v; }\n"
    result = read_translation(f"```c\n{helper}{SCALE}int main() {{ return 0; }}\n```", KERNEL, "scale_gpu", "c")
    assert result == Snippet(helper + SCALE, "scale", "c")
    named = SCALE.replace("scale", "scale_gpu")
    result = read_translation(named + "void after(int n) { }\n", KERNEL, "scale_gpu", "c")
    assert isinstance(result, Snippet) and result.name == "scale_gpu"


def test_towards_c_a_kernel_is_no_function_and_parameters_count() -> None:
    result = read_translation(KERNEL, KERNEL, "scale_gpu", "c")
    assert isinstance(result, Malformed) and result.kind == "no_function"
    result = read_translation(SCALE.replace("float *x", "int *x"), KERNEL, "scale_gpu", "c")
    assert isinstance(result, Malformed) and result.kind == "other_parameters"


def test_every_kind_has_a_code_with_a_meaning() -> None:
    assert sorted(CODE_OF.values()) == sorted(NEURAL_CODES)


PIECES = (
    "__global__",
    "void",
    "scale(",
    ")",
    "{",
    "}",
    "(",
    "[",
    "]",
    "```",
    "```cuda\n",
    "\n",
    "#define T 4\n",
    "<<<",
)
PIECES += (
    "int main",
    "float *x",
    "n",
    ";",
    "'",
    '"',
    "//",
    "/*",
    "*/",
    "template <",
    ">",
    "=",
    ",",
    "extern",
    '"C"',
    "\\",
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=40), st.booleans())
def test_no_answer_is_too_odd_to_be_read(pieces: list[str], finished: bool) -> None:
    for target, source, name in (("cuda", SCALE, "scale"), ("c", KERNEL, "scale_gpu")):
        result = read_translation(" ".join(pieces), source, name, target, finished=finished)  # type: ignore[arg-type]
        if isinstance(result, Snippet):
            assert result.name and result.text.count("(") >= 1
        else:
            assert result.code in NEURAL_CODES
