"""What rounding can move is measured on other inputs, and leaves the test's own as they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from compile.build import Build
from compile.host import build_host
from compile.runner import run_tests
from compile.sandbox import Sandbox
from data.find_functions import find_functions
from data.source_file import SourceFile
from data.testcase import TestCase
from musl.compare_rounding import measure_slack
from musl.reference import Expected, run_reference

TEXT = """
typedef struct { double low, high; } range;
void shift(int n, double *x, range r) { for (int i = 0; i < n; i++) x[0] += r.low; }
"""


def test_a_struct_by_value_keeps_its_signs(tmp_path: Path) -> None:
    source, sandbox = SourceFile(tmp_path / "shift.c", TEXT, "c"), Sandbox(tmp_path)
    function = find_functions(source).functions[0]
    values = np.zeros(1, function.parameters[2].dtype)
    values["low"], values["high"] = -0.25, -1.5
    test = TestCase((np.int32(3), -np.ones(3), values[0]))
    build = build_host(source, function, "sanitize", tmp_path, sandbox)
    assert isinstance(build, Build), build.message
    (run,) = run_tests(build, [test], function)
    slack = measure_slack(build, function, [Expected(0, test, run, {})])
    assert set(slack[0]["x"]) == {""}
    assert values[0].tolist() == (-0.25, -1.5)
    assert np.array_equal(np.asarray(test.arguments[1]), -np.ones(3))


def test_the_first_tests_magnitude_comes_with_the_reference(tmp_path: Path) -> None:
    """A sum of 1 and -1 is 0, and what another order of its terms can move is bounded by the sum of 1 and 1."""
    text = "float sum(int n, const float *x) { float s = 0; for (int i = 0; i < n; i++) s += x[i]; return s; }"
    source, sandbox = SourceFile(tmp_path / "sum.c", text, "c"), Sandbox(tmp_path)
    function = find_functions(source).functions[0]
    tests = [TestCase((np.int32(2), np.array([one, -one], np.float32))) for one in (1, 2)]
    build = build_host(source, function, "sanitize", tmp_path, sandbox)
    assert isinstance(build, Build), build.message
    first, second = run_reference(build, tests, function).expected
    assert first.magnitude is not None and first.magnitude.returned == 2.0
    assert second.magnitude is None
    slacks = measure_slack(build, function, [first, second])
    assert 0.0 < slacks[0]["return"][""] < slacks[1]["return"][""] < 1e-5
    again = measure_slack(build, function, [Expected(0, first.test, first.run, {}), second])
    assert again[0]["return"][""] == slacks[0]["return"][""]
