"""Extents that the user gives: how they are read, and that test arrays have that many elements."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data.find_functions import find_functions
from data.source_file import SourceFile
from data.testcase import TestCase
from tester.given_extents import evaluate, extended

SOURCE = SourceFile(Path("f.c"), "void f(int n, int m, float *a, float *b) { a[0] = n; b[0] = m; }\n", "c")
(FUNCTION,) = find_functions(SOURCE).functions


@pytest.mark.parametrize(("text", "size"), [("n*m", 12), ("(n + 1) * m - 2", 14), ("-n / 2", -1), ("7", 7)])
def test_an_extent_is_computed_as_c_does(text: str, size: int) -> None:
    assert evaluate(text, {"n": 3, "m": 4}) == size


@pytest.mark.parametrize("text", ["n**m", "f(n)", "n if m else 1", "k", "n /", "1 / 0", "1.5"])
def test_what_is_no_extent_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        evaluate(text, {"n": 3, "m": 4})


def test_an_array_gets_at_least_its_given_extent() -> None:
    test = TestCase((np.int32(2), np.int32(3), np.array([1, 2], np.float32), np.zeros(9, np.float32)))
    longer = extended(FUNCTION, test, {"a": "n*m", "b": "n"})
    assert isinstance(longer, TestCase)
    a, b = longer.arguments[2:]
    assert isinstance(a, np.ndarray) and isinstance(b, np.ndarray)
    assert a.tolist() == [1, 2, 1, 2, 1, 2]
    assert b.size == 9


def test_an_extent_too_large_for_a_test_is_said() -> None:
    test = TestCase((np.int32(1 << 20), np.int32(1 << 20), np.zeros(1, np.float32), np.zeros(1, np.float32)))
    assert "too many" in str(extended(FUNCTION, test, {"a": "n*m"}))
