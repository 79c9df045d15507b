"""Coverage of one function: the user's lines and branches, adding up over runs."""

from __future__ import annotations

from c_side import CSide, make_test

from compile.build import Build
from compile.coverage import MeasuredCoverage, measure_coverage, reset_coverage
from compile.host import build_host
from compile.runner import run_tests

BRANCHES = """
static int other(int a) { return a > 0 ? a : -a; }
int f(const int *a, int n) {
    int s = 0;
    for (int i = 0; i < n; i++) {
        if (a[i] > 10)
            s += other(a[i]);
    }
    return s;
}
"""


def test_coverage_grows_with_the_tests_and_counts_one_function(c_side: CSide) -> None:
    build, function = c_side.build(BRANCHES, "f", "coverage")
    run_tests(build, [make_test(function, [1], 0)], function)
    first = measure_coverage(build, function)
    assert isinstance(first, MeasuredCoverage)
    assert first.branch == 25.0
    assert 0 < first.line < 100
    run_tests(build, [make_test(function, [1, 20], 2)], function)
    second = measure_coverage(build, function)
    assert isinstance(second, MeasuredCoverage)
    assert (second.line, second.branch) == (100.0, 100.0)
    assert first.executed < second.executed
    assert {line for line, _ in second.executed} <= set(range(3, 11))


def test_coverage_can_be_forgotten(c_side: CSide) -> None:
    build, function = c_side.build(BRANCHES, "f", "coverage")
    run_tests(build, [make_test(function, [1, 20], 2)], function)
    reset_coverage(build)
    run_tests(build, [make_test(function, [1], 0)], function)
    measured = measure_coverage(build, function)
    assert isinstance(measured, MeasuredCoverage)
    assert measured.branch == 25.0


def test_a_straight_line_has_no_branch_and_calls_of_cxx_are_none(c_side: CSide) -> None:
    text = "#include <cmath>\nfloat f(float x) {\n  return std::sqrt(std::fabs(x));\n}\n"
    build, function = c_side.build(text, "f", "coverage", language="c++")
    run_tests(build, [make_test(function, -4.0)], function)
    measured = measure_coverage(build, function)
    assert measured == MeasuredCoverage(100.0, None, frozenset({(2, -1), (3, -1)}))


def test_overloads_are_told_apart_by_their_line(c_side: CSide) -> None:
    first = "float g(float x) { return x > 0 ? x : 0; }\n"
    source = c_side.source(first + "int g(int *x)\n{\n    return x[0];\n}\n", "c++")
    function = c_side.function(c_side.source(first, "c++"), "g")
    build = build_host(source, function, "coverage", c_side.scratch, c_side.sandbox)
    assert isinstance(build, Build), build.message
    run_tests(build, [make_test(function, 1.0)], function)
    measured = measure_coverage(build, function)
    assert isinstance(measured, MeasuredCoverage)
    assert measured.branch == 50.0


def test_a_call_that_crashed_leaves_no_counts(c_side: CSide) -> None:
    text = "int f(int *a) {\n  int *p = a;\n  return p[0];\n}\n"
    build, function = c_side.build(text, "f", "coverage")
    run_tests(build, [make_test(function, None)], function)
    measured = measure_coverage(build, function)
    assert isinstance(measured, MeasuredCoverage)
    assert measured.line == 0.0
