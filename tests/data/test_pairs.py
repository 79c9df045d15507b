"""Pairs as lines of JSON: what is read, and the one line for what is not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from data.find_functions import find_functions
from data.pairs import PairError, read_pairs, typed_tests
from data.source_file import SourceFile

ADD = {"id": 7, "c": "void f(int *a, int n) {}", "cuda": "void f(int *a, int n) {}"}
CASE = {
    "cpp_code": "void f ( int * a ) { }",
    "cuda_code": "__global__ void k ( int * a ) { }",
    "cuda_wrapper": "void f_cuda(int *a) {}",
    "consistent_cpp_inputs": ["int a[] = {1};\nwrapper(f, a);"],
    "consistent_cuda_inputs": ["int a[] = {1};\nwrapper(f_cuda, a);"],
    "consistent_outputs": [""],
}


def write(folder: Path, *lines: object) -> Path:
    path = folder / "pairs.jsonl"
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def test_both_formats_are_read(tmp_path: Path) -> None:
    own, case = read_pairs(write(tmp_path, {**ADD, "sample": 2, "tests": [[[1, 2], 2]]}, "", CASE))
    assert (own.key, own.language, own.tests) == (("7", 2), "c", (([1, 2], 2),))
    assert (case.key, case.language, case.function, case.wrapper) == (("1", 0), "c++", "f", "f_cuda")
    assert "__global__" in case.cuda and "f_cuda" in case.cuda


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (['{"id": 1'], "pairs.jsonl:1: not JSON"),
        (["[]"], "pairs.jsonl:1: a line is an object"),
        ([{"id": 1, "c": ""}], "pairs.jsonl:1: it has no cuda"),
        ([{**ADD, "id": 1.5}], "id is neither a number nor a text"),
        ([{**ADD, "c": 3}], "c is not a text"),
        ([{**ADD, "sample": -1}], "sample is not a number"),
        ([{**ADD, "tests": []}], "tests is not a list of calls"),
        ([ADD, ADD], "pairs.jsonl:2: id 7, sample 0 stands on line 1 too"),
        ([{**CASE, "cuda_code": None}], "cuda_code is not a text"),
        ([], "holds no pair"),
    ],
)
def test_what_is_no_pair_is_named_with_its_line(tmp_path: Path, lines: list[object], message: str) -> None:
    with pytest.raises(PairError, match=message):
        read_pairs(write(tmp_path, *lines))


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(PairError, match=r"nowhere.jsonl: cannot be read \(No such file"):
        read_pairs(tmp_path / "nowhere.jsonl")


def test_tests_take_the_types_of_the_function() -> None:
    text = "void f(const float *x, unsigned char *y, int n, double a) {}"
    function = find_functions(SourceFile(Path("f.c"), text, "c")).functions[0]
    (test,) = typed_tests(function, [[[1, 2.5], None, 2, 1]])
    x, y, n, a = test.arguments
    assert isinstance(x, np.ndarray) and x.dtype == np.float32 and x.tolist() == [1, 2.5]
    assert y is None
    assert (n, a) == (np.int32(2), np.float64(1))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ([[1], [2], 3], "test 1 has 3 arguments, f takes 4"),
        ([[1], [300], 1, 0], "y: not numbers of type unsigned char"),
        ([[1], [2], 1.5, 0], "n: not numbers of type int"),
        ([1, [2], 1, 0], "x: a list of numbers is needed"),
        ([[1], [2], [1], 0], "n: a number is needed"),
        ([["a"], [2], 1, 0], "x: not numbers of type float"),
    ],
)
def test_a_test_that_does_not_fit_is_refused(call: list[object], message: str) -> None:
    text = "void f(const float *x, unsigned char *y, int n, double a) {}"
    function = find_functions(SourceFile(Path("f.c"), text, "c")).functions[0]
    with pytest.raises(ValueError, match=message):
        typed_tests(function, [call])  # type: ignore[list-item]
