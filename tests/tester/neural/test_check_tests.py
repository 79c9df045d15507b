"""Which tests are valid for a C function, which raise its coverage, and what small fuzz tests look like."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from neural_tester_parts import function_of, source_of

from compile.sandbox import Sandbox
from data.testcase import TestCase
from tester.neural.check import READS_UNSET, check_tests, raises_coverage
from tester.neural.materialize import Request, materialize
from tester.neural.read_answer import read_answer
from tester.neural.seeds import small_tests
from tester.neural.snippet import Snippet, print_test

CLAMP = """void clamp(const float *in, float *out, int n, float low) {
    for (int i = 0; i < n; i++) {
        if (in[i] < low)
            out[i] = low;
        else
            out[i] = in[i];
    }
}
"""


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return Sandbox(tmp_path.resolve())


def clamp(values: list[float], size: int | None = None, *, open_out: bool = False) -> TestCase:
    x = np.array(values, np.float32)
    count = len(values) if size is None else size
    unset = (None, np.ones(len(values), bool), None, None) if open_out else ()
    return TestCase((x, np.zeros(len(values), np.float32), np.int32(count), np.float32(0)), "model", unset)


def test_valid_tests_and_those_that_raise_coverage_are_told(sandbox: Sandbox) -> None:
    function, source = function_of(CLAMP), source_of(CLAMP)
    tests = [clamp([1, 2]), clamp([3]), clamp([1], 2), clamp([-1]), clamp([-1, 1], open_out=True)]
    checked = check_tests(function, source, tests, sandbox)
    assert checked.valid == (True, True, False, True, True)
    assert "overflow" in checked.errors[2]
    assert checked.raises == (True, False, False, True, False)
    assert checked.coverage is not None and checked.coverage.line == 100
    valid = [test for test, good in zip(tests, checked.valid, strict=True) if good]
    assert raises_coverage(function, source, valid, sandbox) == (True, False, True, False)
    assert raises_coverage(function, source, valid[::-1], sandbox) == (True, False, False, False)


def test_results_must_not_depend_on_what_a_test_leaves_open(sandbox: Sandbox) -> None:
    text = "void add(float *x, const float *y, int n) { for (int i = 0; i < n; i++) x[i] += y[i]; }"
    y = np.ones(2, np.float32)
    opened = TestCase((y.copy(), y, np.int32(2)), "model", (np.array([False, True]), None, None))
    one = TestCase((y.copy(), y, np.int32(1)), "model", (np.array([False, True]), None, None))
    checked = check_tests(function_of(text), source_of(text), [opened, one], sandbox)
    assert checked.errors == (READS_UNSET, "")


def test_a_function_that_does_not_compile_has_no_valid_test(sandbox: Sandbox) -> None:
    text = "void f(int n) { undeclared(n); }"
    checked = check_tests(function_of(text), source_of(text), [TestCase((np.int32(1),), "model")], sandbox)
    assert checked.valid == (False,) and "undeclared" in checked.build_error
    with pytest.raises(ValueError, match="does not compile"):
        raises_coverage(function_of(text), source_of(text), [TestCase((np.int32(1),), "model")], sandbox)


def test_small_tests_are_short_valid_and_come_back(sandbox: Sandbox) -> None:
    function, source = function_of(CLAMP), source_of(CLAMP)
    tests = small_tests(function, source, sandbox, 6, seed=3, large=2)
    assert [test.id for test in tests] == [t.id for t in small_tests(function, source, sandbox, 6, seed=3, large=2)]
    sizes = [np.asarray(test.arguments[0]).size for test in tests]
    assert len(tests) == 8 and all(size <= 16 for size in sizes[:6]) and all(size > 256 for size in sizes[6:])
    assert not any(np.asarray(test.arguments[1]).any() for test in tests)  # `out` is only written
    checked = check_tests(function, source, tests, sandbox)
    assert all(checked.valid) and checked.coverage is not None and checked.coverage.branch == 100
    texts = [print_test(test, function) for test in tests]
    assert all(text is not None and len(text) < 400 for text in texts)
    snippets = [read_answer(text or "", function)[0] for text in texts]
    back = materialize([Request(s, function) for s in snippets if isinstance(s, Snippet)], sandbox)
    assert [test.id for test in back if isinstance(test, TestCase)] == [test.id for test in tests]
