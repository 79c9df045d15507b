"""A translation is put into its harness: which kernel is launched, which function called, with what."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from benchmark import CASES, COUNT, FLAG, SCALE, drop_in, read_benchmark

from compile.cuda_parts import kernels_of
from data.pairs import Pair
from musl.evaluation.candidates import (
    OtherParameters,
    Unusable,
    choose_kernel,
    other_parameters,
    pair_of,
    rename_callee,
)
from musl.evaluation.problems import Problem


@pytest.fixture
def problems(tmp_path: Path) -> list[Problem]:
    return read_benchmark(tmp_path)


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("K(a)(int n) {} K(scale)(int n) {} K(b)(float *a, float s, int n) {}", "scale"),
        ("K(a)(int n) {} K(b)(float *x, const float y, int z) {} K(c)(int *a, int b, int c) {}", "b"),
        ("K(a)(int n) {} K(b)(int *a, int b, int c) {} K(c)(int a, int b) {}", "b"),
        ("K(a)(int n) {} K(b)(int *a) {}", "b"),
    ],
)
def test_the_kernel_of_the_references_name_or_parameters_is_launched(
    problems: list[Problem], text: str, chosen: str
) -> None:
    text = text.replace("K(", "__global__ void ").replace(")(", "(").replace("K", "")
    reference = kernels_of(CASES[SCALE].kernel)[0]
    assert choose_kernel(kernels_of(text), reference).name == chosen
    pair = pair_of(problems[SCALE], text, 2, "reference")
    assert isinstance(pair, Pair)
    assert pair.sample == 2
    assert pair.given_wrapper
    assert pair.cuda == f"{text}\n{CASES[SCALE].wrapper.replace('scale<<<', f'{chosen}<<<')}\n"


def test_a_drop_in_text_is_called_as_the_c_function_is(problems: list[Problem]) -> None:
    pair = pair_of(problems[SCALE], drop_in(), 0, "own")
    assert isinstance(pair, Pair)
    assert (pair.cuda, pair.wrapper, pair.given_wrapper) == (drop_in(), "scale_cpu", False)
    assert pair.cuda_calls == pair.c_calls


@pytest.mark.parametrize(
    ("text", "called"),
    [
        ("void helper() {}\nvoid scale_cpu(float *a, float s, int n) {}\nvoid last() {}", "scale_cpu"),
        ("void helper() {}\nvoid last(float *a, float s, int n) {}", "last"),
    ],
)
def test_a_c_text_is_called_by_the_references_name_else_its_last_function(
    problems: list[Problem], text: str, called: str
) -> None:
    pair = pair_of(replace(problems[SCALE], direction="cuda2c"), text, 0, "reference")
    assert isinstance(pair, Pair)
    assert (pair.candidate, pair.wrapper) == ("c", called)
    assert pair.cuda_calls is not None
    assert all(f"wrapper({called}, a, " in call for call in pair.cuda_calls)


def test_what_lacks_the_function_cannot_be_used(problems: list[Problem]) -> None:
    assert pair_of(problems[SCALE], "void f() {}", 0, "reference") == Unusable("it defines no __global__ function")
    backwards = replace(problems[SCALE], direction="cuda2c")
    assert pair_of(backwards, "int n;", 0, "own") == Unusable("it defines no function")


def test_only_the_called_function_is_renamed() -> None:
    call = "float f[] = {1};\nwrapper ( f , f, 1);"
    assert rename_callee(call, "f", "g") == "float f[] = {1};\nwrapper(g , f, 1);"
    assert rename_callee(call, "ff", "g") == call


@pytest.mark.parametrize(
    ("problem", "parameters", "adapted"),
    [
        (SCALE, "float *a, float s, int n", None),
        (SCALE, "float *other, float names, int entirely", None),
        (SCALE, "int n, float s, float *a", "scale<<<(n + 31) / 32, 32>>>(n, s, d_a);"),
        (SCALE, "float *a, int n", "scale<<<(n + 31) / 32, 32>>>(d_a, n);"),
        (COUNT, "const int *x, int n, int *found, int limit", "count<<<(n + 31) / 32, 32>>>(d_x, n, d_found, limit);"),
    ],
)
def test_another_list_is_called_by_the_names_of_the_parameters(
    problems: list[Problem], problem: int, parameters: str, adapted: str | None
) -> None:
    text = f"__global__ void {CASES[problem].name}({parameters}) {{}}"
    other = other_parameters(problems[problem], text, 0)
    assert (other is None) == (adapted is None)
    if isinstance(other, OtherParameters) and adapted is not None:
        assert adapted in other.adapted[0].cuda


def test_the_c_functions_list_has_wrappers_of_its_own(problems: list[Problem]) -> None:
    text = "__global__ void flag(const float *a, int *b, float c, int d) {}"
    other = other_parameters(problems[FLAG], text, 0)
    assert other is not None
    assert other.difference == (
        "its kernel takes (float *, int *, float, int), the reference's wrapper passes (int, float, float *, int *)"
    )
    assert [pair.wrapper for pair in other.adapted] == ["musl_own_wrapper"] * 2
    assert all(pair.cuda_calls and "wrapper(musl_own_wrapper, x" in pair.cuda_calls[0] for pair in other.adapted)


def test_a_list_that_no_wrapper_can_fill_is_told_but_not_tried(problems: list[Problem]) -> None:
    other = other_parameters(problems[FLAG], "__global__ void flag(double *a) {}", 0)
    assert other is not None and other.adapted == ()
    assert other_parameters(problems[FLAG], "void flag() {}", 0) is None
