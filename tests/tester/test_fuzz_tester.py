"""The fuzz tester on real functions: its tests are valid, exactly sized, varied, deterministic, and reach rare code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from compile.build import Build
from compile.host import build_host
from compile.run_record import TestRun
from compile.runner import run_tests
from compile.sandbox import Sandbox
from data.find_functions import find_functions
from data.function import Function
from data.source_file import SourceFile
from data.testcase import TestCase
from tester.fuzz import FuzzOptions, FuzzTester
from tester.protocol import TestSuite

SAXPY = "void saxpy(int n, float a, const float *x, float *y) { for (int i = 0; i < n; i++) y[i] = a * x[i] + y[i]; }\n"


class Bench:
    """One C or C++ function, its tester, and a sanitized build of its own."""

    def __init__(self, text: str, scratch: Path, suffix: str = ".c", options: FuzzOptions | None = None) -> None:
        self.source = SourceFile(scratch / f"user{suffix}", text, "c" if suffix == ".c" else "c++")
        self.function: Function = find_functions(self.source).functions[-1]
        self.sandbox, self.scratch = Sandbox(scratch), scratch
        self.tester = FuzzTester(self.source, self.sandbox, scratch, options)

    def make(self, count: int = 14, seed: int = 0) -> TestSuite:
        return self.tester.make_tests(self.function, count, seed)

    def run(self, tests: list[TestCase] | tuple[TestCase, ...]) -> list[TestRun]:
        build = build_host(self.source, self.function, "sanitize", self.scratch, self.sandbox)
        assert isinstance(build, Build)
        return run_tests(build, tests, self.function)

    def values(self, suite: TestSuite, name: str) -> list[np.ndarray]:
        """What the tests give to a parameter."""
        index = [parameter.name for parameter in self.function.parameters].index(name)
        return [np.asarray(test.arguments[index]) for test in suite.tests if test.arguments[index] is not None]


@pytest.fixture(scope="module")
def saxpy(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bench, TestSuite]:
    bench = Bench(SAXPY, tmp_path_factory.mktemp("saxpy"))
    return bench, bench.make(20)


def shortened(test: TestCase) -> Iterator[TestCase]:
    """The test with one array a single element shorter, for each array in turn."""
    for index, argument in enumerate(test.arguments):
        if isinstance(argument, np.ndarray) and argument.size:
            cut = (*test.arguments[:index], argument[:-1], *test.arguments[index + 1 :])
            yield replace(test, arguments=cut)


def test_all_tests_are_valid(saxpy: tuple[Bench, TestSuite]) -> None:
    bench, suite = saxpy
    assert len(suite.tests) >= 20
    assert all(run.outcome.ok for run in bench.run(suite.tests))
    assert suite.coverage is not None
    assert (suite.coverage.line, suite.coverage.branch) == (100.0, 100.0)


def test_arrays_are_not_one_element_longer_than_the_call_needs(saxpy: tuple[Bench, TestSuite]) -> None:
    bench, suite = saxpy
    cut = [short for test in suite.tests[:6] for short in shortened(test)]
    assert len(cut) >= 6
    runs = bench.run(cut)
    assert all("heap-buffer-overflow" in run.outcome.message for run in runs)


def test_sizes_have_every_kind(saxpy: tuple[Bench, TestSuite]) -> None:
    bench, suite = saxpy
    sizes = {int(n) for n in bench.values(suite, "n")}
    assert {0, 1, 257, 1009} <= sizes
    assert any(size > 2 and size & (size - 1) == 0 for size in sizes)
    assert any(size > 1 and size % 2 for size in sizes)


def test_values_have_special_floats_unless_unwanted(saxpy: tuple[Bench, TestSuite], tmp_path: Path) -> None:
    bench, suite = saxpy
    values = np.concatenate(bench.values(suite, "x"))
    assert np.isnan(values).any() and np.isinf(values).any()
    tame = Bench(SAXPY, tmp_path, options=FuzzOptions(special_values=False))
    assert np.isfinite(np.concatenate([*tame.values(tame.make(), "x"), *tame.values(tame.make(), "y")])).all()


def test_the_same_seed_gives_the_same_tests_byte_for_byte(saxpy: tuple[Bench, TestSuite], tmp_path: Path) -> None:
    _, suite = saxpy
    again, other = Bench(SAXPY, tmp_path).make(20), Bench(SAXPY, tmp_path).make(20, seed=5)
    assert [test.id for test in again.tests] == [test.id for test in suite.tests]
    assert len({test.id for test in again.tests}) == len(again.tests)
    assert {test.id for test in other.tests} != {test.id for test in suite.tests}


def test_edge_cases_that_write_nothing_are_few(saxpy: tuple[Bench, TestSuite]) -> None:
    bench, suite = saxpy
    idle = 0
    for test, run in zip(suite.tests, bench.run(suite.tests), strict=True):
        before, after = np.asarray(test.arguments[3]), np.asarray(run.arguments[3])
        idle += bool(np.array_equal(before, after, equal_nan=True))
    assert 1 <= idle <= FuzzOptions().edge_cases


def test_several_sizes_are_unequal_and_equal_and_pass_one_block(tmp_path: Path) -> None:
    bench = Bench(
        """void transpose(int rows, int cols, const double *a, double *b) {
            for (int i = 0; i < rows; i++) for (int j = 0; j < cols; j++) b[j * rows + i] = a[i * cols + j];
        }""",
        tmp_path,
    )
    suite = bench.make(20)
    pairs = [(int(r), int(c)) for r, c in zip(bench.values(suite, "rows"), bench.values(suite, "cols"), strict=True)]
    assert any(r == c > 1 for r, c in pairs)
    assert any(r > c > 1 for r, c in pairs) and any(c > r > 1 for r, c in pairs)
    assert max(max(pair) for pair in pairs) > 128
    for (r, c), a in zip(pairs, bench.values(suite, "a"), strict=True):
        assert a.size == max(r, 0) * max(c, 0)


def test_index_arrays_repeat_and_reach_the_end(tmp_path: Path) -> None:
    bench = Bench(
        "void gather(int n, const int *idx, float *x, float *y) { for (int i = 0; i < n; i++) y[i] = x[idx[i]]; }",
        tmp_path,
    )
    suite = bench.make(20)
    indices = [values for values in bench.values(suite, "idx") if values.size > 3]
    assert any(len(set(values.tolist())) < values.size for values in indices)
    assert any(len(set(values.tolist())) == values.size for values in indices)
    for values, x in zip(bench.values(suite, "idx"), bench.values(suite, "x"), strict=True):
        assert x.size == (values.max() + 1 if values.size else 0)


def test_row_pointers_make_valid_sparse_matrices(tmp_path: Path) -> None:
    bench = Bench(
        """void spmv(int rows, const int *start, const int *column, const float *v, const float *x, float *y) {
            for (int r = 0; r < rows; r++) {
                float sum = 0;
                for (int k = start[r]; k < start[r + 1]; k++) sum += v[k] * x[column[k]];
                y[r] = sum;
            }
        }""",
        tmp_path,
    )
    suite = bench.make()
    assert len(suite.tests) >= 14
    assert any(v.size > 30 for v in bench.values(suite, "v"))
    starts = [start.astype(int) for start in bench.values(suite, "start") if start.size > 2]
    ascending = [start for start in starts if (np.diff(start) >= 0).all()]
    assert len(ascending) >= len(starts) // 2  # others are counts, of which the loop may use any
    assert any(start[0] == 0 and start[-1] > start.size for start in ascending)


def test_a_range_inside_an_array_is_longer_than_a_block_in_some_test(tmp_path: Path) -> None:
    bench = Bench(
        """int copy(const int *src, int n, int from, int count, int *dst) {
            if (from < 0 || count < 0 || count > n || from > n - count) return -2;
            for (int i = 0; i < count; i++) dst[i] = src[from + i];
            return 0;
        }""",
        tmp_path,
    )
    assert max(dst.size for dst in bench.values(bench.make(), "dst")) > 256


def test_sizes_are_seen_in_loops_that_a_macro_makes(tmp_path: Path) -> None:
    bench = Bench(
        """#define FOR(i, n) for (int i = 0; i < (n); i++)
        void scale(int rows, int cols, float a, float *x) {
            FOR(i, rows) {
                FOR(j, cols) {
                    x[i * cols + j] *= a;
                }
            }
        }""",
        tmp_path,
    )
    suite = bench.make()
    assert max(int(n) for n in bench.values(suite, "rows")) > 256
    assert max(int(n) for n in bench.values(suite, "cols")) > 64


def test_a_large_size_is_kept_large_by_small_others(tmp_path: Path) -> None:
    bench = Bench(
        """void f(int n, int dim, const float *p, float *d) {
            for (int i = 0; i < n; i++)
                for (int j = 0; j < n; j++) {
                    float s = 0;
                    for (int k = 0; k < dim; k++) s += p[i * dim + k] * p[j * dim + k];
                    d[i * n + j] = s;
                }
        }""",
        tmp_path,
    )
    suite = bench.make()
    assert max(int(n) for n in bench.values(suite, "n")) > 256


def test_no_row_of_a_large_matrix_repeats(tmp_path: Path) -> None:
    bench = Bench(
        """void add(int n, const float *x, float *y) {
            for (int i = 0; i < n; i++) for (int j = 0; j < n; j++) y[i * n + j] += x[i * n + j];
        }""",
        tmp_path,
    )
    suite = bench.make()
    sizes = [int(n) for n in bench.values(suite, "n")]
    varied = [x for x, n in zip(bench.values(suite, "x"), sizes, strict=True) if n > 60 and len(np.unique(x)) > 500]
    assert len(varied) >= 3
    for x in varied:
        rows = x[:4096].reshape(-1, 64)
        assert len(np.unique(rows, axis=0)) == len(rows)


def test_a_store_under_a_condition_on_data_gets_a_whole_array(tmp_path: Path) -> None:
    bench = Bench(
        "void keep(int n, float t, float *x, int *out) { for (int i = 0; i < n; i++) if (x[i] > t) out[2 * i] = i; }",
        tmp_path,
    )
    suite = bench.make()
    for n, out in zip(bench.values(suite, "n"), bench.values(suite, "out"), strict=True):
        if n > 2:
            assert out.size >= 2 * int(n) - 1


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("for (int i = 0; i < n; i++) if (x[i] == 4711) x[i] = 0;", "a constant in the data"),
        ("for (int i = 0; i < n; i++) { if (x[i] > 100) x[i] = 1; else if (x[i] < -100) x[i] = 2; }", "far thresholds"),
        (
            "for (int i = 0; i < n; i++) switch (m) { case 17: x[i] = 1; break; case 33: x[i] = 2; break; default: ; }",
            "cases",
        ),
        ("if (n == 77) x[0] = 5; for (int i = 0; i < n; i++) x[i] = m;", "one size"),
    ],
)
def test_rare_branches_are_reached(tmp_path: Path, body: str, what: str) -> None:
    suite = Bench(f"void f(int n, int m, int *x) {{ {body} }}", tmp_path).make()
    assert suite.coverage is not None
    assert suite.coverage.branch == 100.0, what


def test_invalid_inputs_are_dropped_and_counted(tmp_path: Path) -> None:
    text = "void f(int n, int m, int *x) { for (int i = 0; i < n; i++) x[i] = 100 / (m - 2); }"
    bench = Bench(text, tmp_path)
    suite = bench.make()
    assert len(suite.tests) >= 14
    assert suite.dropped > 0
    assert "division by zero" in suite.first_error or "SIGFPE" in suite.first_error
    assert 2 not in {int(m) for m, n in zip(bench.values(suite, "m"), bench.values(suite, "n"), strict=True) if n > 0}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("void f(int n, int *x) { int s; for (int i = 0; i < 5; i++) x[i] = s; }", "uninitialised"),
        ("void f(int n, int *x) { x[-1] = n; }", "before the array"),
        ("int f(int n) { return n + 2147483647 + (n < 1 ? 2147483647 : 1) + 1; }", "overflow"),
        ("void f(int n, int *x) { *(int *)0 = n; }", "outside every array"),
        ("void f(int n, int *x) { while (n == n) x[0] = n; }", "time"),
        ("void f(int n, int *x) { for (int i = 0; i < 4; i++) x[i] = undeclared; }", "undeclared"),
    ],
)
def test_a_function_without_a_valid_input_has_no_tests(tmp_path: Path, text: str, message: str) -> None:
    options = FuzzOptions(batches=1, seconds=0.1)
    suite = Bench(text, tmp_path, options=options).make(4)
    assert suite.tests == ()
    assert message in suite.first_error


def test_a_call_that_ends_only_on_some_data_is_not_a_test(tmp_path: Path) -> None:
    text = "void f(int n, int *x) { for (int i = 0; i < n; i++) { while (x[i] == 3) ; x[i] = n; } }"
    bench = Bench(text, tmp_path, options=FuzzOptions(seconds=0.1))
    suite = bench.make()
    assert len(suite.tests) >= 10 and suite.dropped > 0
    assert not any((values == 3).any() for values in bench.values(suite, "x"))


KINDS = {
    "array of structs": """
        typedef struct { float x, y; int tag[2]; } P;
        void f(int n, P *p) { for (int i = 0; i < n; i++) p[i].x += p[i].y * p[i].tag[1]; }""",
    "struct by value": """
        struct S { int n; double h; };
        void f(struct S s, double *u) { for (int i = 0; i < s.n; i++) u[i] = s.h * i; }""",
    "variable length array": """
        void f(int n, int m, double a[n][m]) {
            for (int i = 0; i < n; i++) for (int j = 0; j < m; j++) a[i][j] += i - j;
        }""",
    "array of rows": """
        void f(float a[][7], int n) { for (int i = 0; i < n; i++) for (int j = 0; j < 7; j++) a[i][j] *= 2; }""",
    "string": """
        void f(char *s) { for (int i = 0; s[i]; i++) if (s[i] >= 'a' && s[i] <= 'z') s[i] -= 32; }""",
    "bool": """
        #include <stdbool.h>
        int f(int n, const bool *b, bool all) {
            int k = 0;
            for (int i = 0; i < n; i++) k += b[i] || all;
            return k;
        }""",
    "bytes": """
        void f(unsigned char *p, int w, int h, int c) {
            for (int i = 0; i < w * h; i++) p[i * c] = 255 - p[i * c];
        }""",
    "reference": """
        void f(const float *x, long n, int &count) {
            count = 0;
            for (long i = 0; i < n; i++) if (x[i] > 0) count++;
        }""",
    "null pointers": """
        void f(int n, float *a, float *b) {
            for (int i = 0; i < n; i++) { if (a) a[i] += 1; if (b) b[i] += 2; }
        }""",
    "wrapping hash": """
        #include <stdint.h>
        #include <stddef.h>
        uint64_t f(const uint8_t *p, size_t n) {
            uint64_t h = 14695981039346656037u;
            for (size_t i = 0; i < n; i++) { h ^= p[i]; h *= 1099511628211u; }
            return h;
        }""",
    "pitch in bytes": """
        void f(float *a, int pitch, int w, int h) {
            for (int j = 0; j < h; j++) {
                float *row = (float *)((char *)a + j * pitch);
                for (int i = 0; i < w; i++) row[i] = i;
            }
        }""",
    "early exit": """
        int f(int n, const int *x, int key) { for (int i = 0; i < n; i++) if (x[i] == key) return i; return -1; }""",
    "steps": """
        void f(int n, int steps, double *a, double *b) {
            for (int t = 0; t < steps; t++) {
                for (int i = 1; i < n - 1; i++) b[i] = 0.5 * (a[i - 1] + a[i + 1]);
                for (int i = 1; i < n - 1; i++) a[i] = b[i];
            }
        }""",
}


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_of_every_kind(tmp_path: Path, kind: str) -> None:
    bench = Bench(KINDS[kind], tmp_path, ".cpp" if kind == "reference" else ".c")
    suite = bench.make(12)
    assert len(suite.tests) >= 12, suite.first_error
    assert suite.coverage is not None
    assert (suite.coverage.line, suite.coverage.branch) == (100.0, 100.0)
    for parameter, argument in zip(bench.function.parameters, suite.tests[0].arguments, strict=True):
        assert argument is None or argument.dtype == parameter.dtype


def test_a_pointer_that_is_looked_at_is_null_in_some_tests(tmp_path: Path) -> None:
    text = "void f(int n, float *a) { for (int i = 0; i < n; i++) if (a) a[i] += 1; }"
    suite = Bench(text, tmp_path).make(20)
    assert any(test.arguments[1] is None for test in suite.tests)


def test_whole_arrays_are_as_long_as_a_caller_would_make_them(tmp_path: Path) -> None:
    text = "void f(int n, int m, float *a) { for (int i = 0; i < n; i++) a[i * m] = i; }"
    exact, whole = Bench(text, tmp_path), Bench(text, tmp_path, options=FuzzOptions(whole_arrays=True))
    for bench, rounded in ((exact, False), (whole, True)):
        suite = bench.make()
        for n, m, a in zip(*(bench.values(suite, name) for name in ("n", "m", "a")), strict=True):
            if n > 1 and m > 0:
                assert bool(a.size == n * m) is (rounded or bool(m == 1))


def test_some_data_equals_the_scalar_that_it_is_compared_with(tmp_path: Path) -> None:
    text = "void f(int n, float t, float *x) { for (int i = 0; i < n; i++) x[i] = x[i] > t ? x[i] : 0; }"
    bench = Bench(text, tmp_path)
    suite = bench.make(20)
    pairs = zip(bench.values(suite, "t"), bench.values(suite, "x"), strict=True)
    assert any(t != 0 and (x == t).any() for t, x in pairs)
