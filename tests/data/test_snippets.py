"""Test snippets as values: what is evaluated, what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data.find_functions import find_functions
from data.function import Function
from data.snippets import Array, NotConstant, bind, evaluate, parse_number
from data.source_file import SourceFile


def argument(statement: str, expression: str) -> object:
    return evaluate(f"{statement}\nwrapper(f, {expression});").arguments[0]


@pytest.mark.parametrize(
    ("statement", "values", "dtype"),
    [
        ("float a[] = {1, -2.5, 1e3f, INFINITY};", [1, -2.5, 1000, np.inf], np.float32),
        ("int a[4] = {1, 2};", [1, 2, 0, 0], np.int32),
        ("unsigned char a[] = {255, 'A', true};", [255, 65, 1], np.uint8),
        ("double a[2 * 2] = {1.0 / 4, 7 / 2, 7 % 4, 1 << 3};", [0.25, 3, 3, 8], np.float64),
        ("long long a[] = {LLONG_MAX, 0x10, 010, 3000000000};", [2**63 - 1, 16, 8, 3000000000], np.int64),
        ("int n = 3; int a[] = {n, -n, n * n, (n + 1) % 2};", [3, -3, 9, 0], np.int32),
        ("unsigned a[] = {-1, UINT_MAX};", [2**32 - 1, 2**32 - 1], np.uint32),
        ("float b[] = {0.1, 0.2}; float a[] = {b[1], (float)3, FLT_MAX};", [0.2, 3, 3.4028235e38], np.float32),
        ("{ short a[] = {1}; }\nshort a[] = {2};", [2], np.int16),
        ("int a[1] = {}; a[0] = 5; // set later", [5], np.int32),
        ("int a[] = {4}; for (int i = 0; i < 3; i++) { }", [4], np.int32),
    ],
)
def test_arrays_are_evaluated(statement: str, values: list[float], dtype: type) -> None:
    array = argument(statement, "a")
    assert isinstance(array, Array)
    assert array.values.dtype == dtype
    assert not array.unset.any()
    assert np.array_equal(array.values, np.array(values).astype(dtype))


def test_elements_that_nobody_sets_are_known() -> None:
    array = argument("int a[3]; a[1] = 4;", "a")
    assert isinstance(array, Array)
    assert array.unset.tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("text", "value", "dtype"),
    [
        ("3", 3, np.int32),
        ("3u", 3, np.uint32),
        ("4294967295", 4294967295, np.int64),
        ("0xffffffff", 4294967295, np.uint32),
        ("1'000L", 1000, np.int64),
        ("1.5f", 1.5, np.float32),
        ("-2e-3", -0.002, np.float64),
        ("0x1p4", 16.0, np.float64),
    ],
)
def test_literals_have_the_types_of_cxx(text: str, value: float, dtype: type) -> None:
    number = parse_number(text)
    assert (number, number.dtype) == (dtype(value), np.dtype(dtype))


@pytest.mark.parametrize(
    ("snippet", "reason"),
    [
        ("int a[] = {1};", "calls the function 0 times"),
        ("wrapper(f, 1); wrapper(f, 2);", "calls the function 2 times"),
        ("std::vector<int> a(3); wrapper(f, a);", "the type"),
        ("int a[] = {rand()}; wrapper(f, a);", "`rand()`"),
        ("int a[2]; for (int i = 0; i < 2; i++) a[i] = i; wrapper(f, a);", "for statement"),
        ("int a[] = {1}; wrapper(f, a); }", "unbalanced brace"),
        ("wrapper(f, unknown);", "`unknown`"),
        ("int a[2][2] = {{1, 2}, {3, 4}}; wrapper(f, a);", "array of arrays"),
    ],
)
def test_what_is_not_known_is_refused_by_name(snippet: str, reason: str) -> None:
    with pytest.raises(NotConstant, match=reason.replace("(", r"\(").replace(")", r"\)")):
        evaluate(snippet)


def function(text: str) -> Function:
    return find_functions(SourceFile(Path("f.cpp"), text, "c++")).functions[0]


def test_a_call_takes_the_types_of_the_function() -> None:
    test = bind(
        evaluate("float a[2]; wrapper(f, a, 7.9, 300);"), function("void f(float *a, int n, unsigned char c) {}")
    )
    assert test.arguments[1] == np.int32(7)
    assert test.arguments[2] == np.uint8(44)
    assert test.unset[0] is not None and test.unset[0].all()
    assert test.origin == "dataset"


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ("float a[2]; wrapper(f, a);", "passes 1 arguments to f, which takes 2"),
        ("double a[2]; wrapper(f, a, 1);", "a is a pointer to float32, it passes float64"),
        ("float a[2]; wrapper(f, a, a);", "n is a value"),
        ("float a[2]; wrapper(f, a, INFINITY);", "has no value as int32"),
    ],
)
def test_a_call_that_does_not_fit_is_refused(call: str, reason: str) -> None:
    with pytest.raises(NotConstant, match=reason):
        bind(evaluate(call), function("void f(float *a, int n) {}"))


def test_one_array_for_two_parameters_is_refused() -> None:
    with pytest.raises(NotConstant, match="one array twice"):
        bind(evaluate("int a[2]; wrapper(f, a, a);"), function("void f(int *a, int *b) {}"))


def test_null_pointers_and_addresses_are_passed() -> None:
    test = bind(evaluate("int x = 3; wrapper(f, NULL, &x);"), function("void f(float *a, int *b) {}"))
    assert test.arguments[0] is None
    assert np.array_equal(np.asarray(test.arguments[1]), [3])
