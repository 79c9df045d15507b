"""Whole programs: what they print and return, compared as text and as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from compile.sandbox import Sandbox
from data.source_file import SourceFile
from musl.compare_programs import compare_output, compare_programs
from musl.verdict import Verdict, VerdictStatus

PROGRAM = r"""
#include <stdio.h>
#include <stdlib.h>
void square(int n, double *x) { for (int i = 0; i < n; i++) x[i] = x[i] * x[i]; }
int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 5;
    if (n < 0) return 3;
    double *x = (double *)malloc((n + 1) * sizeof(double));
    for (int i = 0; i < n; i++) x[i] = 0.1 * i;
    square(n, x);
    for (int i = 0; i < n; i++) printf("%d %.6f\n", i, x[i]);
    free(x);
    return n > 100;
}
"""
SQUARE = "void square(int n, double *x) { for (int i = 0; i < n; i++) x[i] = x[i] * x[i]; }"
SQUARE_CUDA = r"""
__global__ void kernel(int n, double *x)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) x[i] = x[i] * x[i];
}
void square(int n, double *x)
{
    if (n <= 0) return;
    double *d;
    cudaMalloc(&d, n * sizeof(double));
    cudaMemcpy(d, x, n * sizeof(double), cudaMemcpyHostToDevice);
    kernel<<<(n + 31) / 32, 32>>>(n, d);
    cudaMemcpy(x, d, n * sizeof(double), cudaMemcpyDeviceToHost);
    cudaFree(d);
}
"""
CUDA = PROGRAM.replace(SQUARE, SQUARE_CUDA)


def compare(program: str, cuda: str, scratch: Path, run_args: Sequence[Sequence[str]] = ((),)) -> Verdict:
    source = SourceFile(scratch / "program.c", program, "c")
    return compare_programs(source, cuda, run_args, sandbox=Sandbox(scratch), scratch=scratch)


def test_the_same_program_on_several_arguments(tmp_path: Path) -> None:
    verdict = compare(PROGRAM, CUDA, tmp_path, [[], ["0"], ["40"], ["101"], ["-1"]])
    assert verdict.status is VerdictStatus.EQUIVALENT, verdict.reason
    assert (verdict.tests_run, verdict.tests_passed) == (5, 5)
    assert verdict.reason == ""


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("if (i < n) x[i]", "if (i < n - 1) x[i]", "stdout line"),
        ("return n > 100;", "return n > 10;", "exit status"),
        ("%d %.6f", "%d: %.6f", "stdout line"),
    ],
)
def test_a_difference_is_found_and_shown(tmp_path: Path, old: str, new: str, where: str) -> None:
    verdict = compare(PROGRAM, CUDA.replace(old, new), tmp_path, [[], ["40"]])
    assert verdict.status is VerdictStatus.DIFFERENT
    assert verdict.counterexample is not None
    assert verdict.counterexample.where.startswith(where)


def test_an_invalid_access_in_a_kernel_is_out_of_bounds(tmp_path: Path) -> None:
    verdict = compare(PROGRAM, CUDA.replace("if (i < n) ", ""), tmp_path)
    assert verdict.status is VerdictStatus.OUT_OF_BOUNDS, verdict.reason


def test_arguments_on_which_the_c_program_is_undefined_are_no_test(tmp_path: Path) -> None:
    broken = PROGRAM.replace("(n + 1) * sizeof", "4 * sizeof")
    verdict = compare(broken, CUDA, tmp_path, [["40"]])
    assert verdict.status is VerdictStatus.NO_VALID_TEST
    verdict = compare(broken, CUDA, tmp_path, [["40"], ["3"]])
    assert (verdict.status, verdict.tests_run) == (VerdictStatus.EQUIVALENT, 1)


def test_what_changes_from_run_to_run_is_left_out(tmp_path: Path) -> None:
    clock = (
        'struct timespec t; timespec_get(&t, TIME_UTC); printf("took %ld ns\\n", (long)t.tv_nsec);\n    return n > 100;'
    )
    program = PROGRAM.replace("return n > 100;", clock).replace(
        "#include <stdio.h>", "#include <stdio.h>\n#include <time.h>"
    )
    cuda = program.replace(SQUARE, SQUARE_CUDA)
    verdict = compare(program, cuda, tmp_path)
    assert verdict.status is VerdictStatus.EQUIVALENT, verdict.reason
    wrong = cuda.replace("took", "used")
    assert compare(program, wrong, tmp_path).status is VerdictStatus.DIFFERENT


def test_a_program_that_does_not_build(tmp_path: Path) -> None:
    assert compare(PROGRAM, CUDA + "}", tmp_path).status is VerdictStatus.CANDIDATE_FAILED
    undefined = PROGRAM.replace(SQUARE, "void square(int n, double *x);")
    verdict = compare(undefined, CUDA, tmp_path)
    assert verdict.status is VerdictStatus.NO_VALID_TEST
    assert "square" in verdict.reason


@pytest.mark.parametrize(
    ("expected", "got", "same"),
    [
        ("sum 1.234567\n", "sum 1.234568\n", True),  # one unit in the last printed place
        ("sum 1.234567\n", "sum 1.234569\n", False),
        ("sum 1234567.125\n", "sum 1234567.625\n", True),  # 4e-7 relative
        ("x 1e-30 y\n", "x 2e-30 y\n", True),
        ("x 1e-30 y\n", "x 9e-30 y\n", False),
        ("count 1000000\n", "count 1000001\n", False),
        ("  0.5|\n", " -nan|\n", False),
        ("nan\n", "-nan\n", True),
        ("inf\n", "-inf\n", False),
        (" 9.9999999\n", "10.0000000\n", True),
        ("a\nb\n", "a\n", False),
        ("a\n", "a\nb\n", False),
        ("a\n", "a", False),
        ("", "", True),
        ("", "x\n", False),
    ],
)
def test_printed_numbers(expected: str, got: str, same: bool) -> None:
    assert (compare_output(expected, got)[0] is None) is same


def test_the_first_different_line_is_named() -> None:
    difference, _ = compare_output("a\nb 1.0\nc\n", "a\nb 1.0\nd\n")
    assert difference is not None
    assert (difference.line, difference.expected, difference.got) == (3, "c", "d")


def test_a_program_of_two_files(tmp_path: Path) -> None:
    source = SourceFile(tmp_path / "square.c", SQUARE + "\n", "c")
    main = SourceFile(tmp_path / "main.c", PROGRAM.replace(SQUARE, "void square(int n, double *x);"), "c")
    cuda = f'extern "C" {{\n{SQUARE_CUDA}}}\n'
    verdict = compare_programs(source, cuda, others=[main], sandbox=Sandbox(tmp_path), scratch=tmp_path)
    assert verdict.status is VerdictStatus.EQUIVALENT, verdict.reason
