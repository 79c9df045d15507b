"""Builds of the C side: what compiles, how values go in and come out, and what the sanitizers stop."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from c_side import CSide, make_test

from compile.build import Build
from compile.host import MODES, build_host
from compile.includes import include_folders
from compile.outcome import Status
from compile.program import build_program, run_program
from compile.runner import run_tests
from compile.valid import UNINITIALISED, run_valid
from data.source_file import SourceFile

DOT = """
static float dot(const float *a, const float *b, int n) {
    float sum = 0;
    for (int i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}
"""


@pytest.mark.parametrize("mode", MODES)
def test_a_static_function_returns_its_value_in_every_mode(c_side: CSide, mode: str) -> None:
    (run,) = c_side.run(DOT, "dot", ([1, 2, 3], [4, 5, 6], 3), mode=mode)
    assert run.outcome.ok
    assert run.returned == np.float32(32)
    assert isinstance(run.returned, np.float32)


def test_structs_typedefs_and_rows_of_variable_length_resolve_in_place(c_side: CSide) -> None:
    text = """
    typedef unsigned char byte_t;
    struct pixel { byte_t r, g, b; float weight; };
    double shade(int n, int m, double rows[n][m], struct pixel *image, struct pixel add, _Bool up) {
        for (int i = 0; i < n; i++) {
            rows[i][m - 1] = image[i].r + add.weight;
            image[i].weight = up ? 1.5f : -1.5f;
        }
        return rows[n - 1][m - 1];
    }
    """
    image = [(1, 2, 3, 0.0), (4, 5, 6, 0.0)]
    (run,) = c_side.run(text, "shade", (2, 3, np.zeros(6), image, (0, 0, 0, 0.25), True))
    assert run.outcome.ok, run.outcome.message
    assert run.returned == 4.25
    assert np.array_equal(run.arguments[2], [0, 0, 1.25, 0, 0, 4.25])
    assert run.arguments[3]["weight"].tolist() == [1.5, 1.5]
    assert run.arguments[3]["g"].tolist() == [2, 5]


def test_references_are_read_back_and_values_are_not(c_side: CSide) -> None:
    text = (
        "void count(const int *a, int n, int &found, int limit) { while (n--) if (a[n] > limit) ++found; limit = 0; }"
    )
    (run,) = c_side.run(text, "count", ([5, 1, 7], 3, 10, 4), language="c++")
    assert run.outcome.ok, run.outcome.message
    assert run.arguments[2] == 12
    assert run.arguments[3] == 4


def test_null_pointers_and_empty_arrays_reach_the_function(c_side: CSide) -> None:
    text = "int kind(const double *a, int n) { return a == 0 ? -1 : n == 0 ? 0 : (int)a[0]; }"
    runs = c_side.run(text, "kind", (None, 0), ([], 0), ([7.0], 1))
    assert [int(run.returned) for run in runs] == [-1, 0, 7]
    assert runs[0].arguments[0] is None


def test_undeclared_well_known_functions_compile_and_keep_the_users_lines(c_side: CSide) -> None:
    text = "void f(float *a, int n) {\n for (int i = 0; i < n; i++)\n  a[i] = max(sqrt(a[i]), fabsf(-1.5f)); }\n"
    (run,) = c_side.run(text, "f", ([16, 1], 2), language="c++")
    assert run.arguments[0].tolist() == [4.0, 1.5]
    (run,) = c_side.run(text, "f", ([16, 1], 3), language="c++")
    assert "(user.cpp:3)" in run.outcome.message.splitlines()[0]


def test_undeclared_functions_of_c_keep_their_types(c_side: CSide) -> None:
    (run,) = c_side.run("double f(double x) { return sqrt(x) + fmin(x, 1.0); }", "f", (2.25,))
    assert run.returned == 2.5


def test_a_file_that_defines_its_own_max_compiles(c_side: CSide) -> None:
    text = "template <class T> T max(T a, T b) { return a > b ? a : b; }\nint f(int a) { return max(a, 3); }"
    (run,) = c_side.run(text, "f", (1,), language="c++")
    assert run.returned == 3


def test_a_compile_error_names_the_users_file_and_line(c_side: CSide) -> None:
    outcome = c_side.fail_to_build("int f(int a) {\n  return b;\n}\n", "f")
    assert outcome.status is Status.COMPILE_ERROR
    assert "user.c:2" in outcome.message


def test_main_of_the_users_file_is_not_run(c_side: CSide) -> None:
    text = "#include <stdlib.h>\nint twice(int a) { return 2 * a; }\nint main(void) { exit(twice(3)); }\n"
    (run,) = c_side.run(text, "twice", (4,))
    assert run.returned == 8


def test_headers_beside_the_file_and_in_include_folders_are_found(c_side: CSide, tmp_path: Path) -> None:
    (tmp_path / "user").mkdir()
    (tmp_path / "more").mkdir()
    (tmp_path / "user" / "own.h").write_text("#define OWN 40\n")
    (tmp_path / "more" / "other.h").write_text("#define OTHER 1\n")
    text = '#include "own.h"\n#include "other.h"\nint f(int a) { return OWN + OTHER + EXTRA + a; }\n'
    source = SourceFile(tmp_path / "user" / "a.c", text, "c", (tmp_path / "more",), ("EXTRA=1",), ("-std=c11", "-O3"))
    function = c_side.function(source, "f")
    build = build_host(source, function, "plain", tmp_path, c_side.sandbox)
    assert isinstance(build, Build), build.message
    (run,) = run_tests(build, [make_test(function, 0)], function)
    assert run.returned == 42


@pytest.mark.parametrize(
    ("text", "arguments", "said"),
    [
        ("int f(int *a, int i) { return a[i]; }", ([1, 2], 2), "f (user.c:1), 0 bytes to the right of 8-byte region"),
        ("int f(int *a, int i) { a[i] = 1; return 0; }", ([1, 2], -1), "write of 4 bytes in f (user.c:1), 4 bytes to"),
        ("int f(int *a, int i) { return a[0] + i; }", (None, 2), "null pointer"),
        ("int f(int *a, int i) { return a[0] + i; }", ([2147483647], 1), "signed integer overflow"),
        ("int f(int *a, int i) { return a[0] / i; }", ([1], 0), "division by zero"),
        ("int f(int *a, int i) { return a[0] << i; }", ([1], 40), "shift exponent 40"),
        ("int f(float *a, int i) { return (int)a[0] + i; }", ([1e20], 0), "outside the range"),
        ("int f(int *a, int i) { int t[4] = {0}; return t[i] + a[0]; }", ([1], 4), "out of bounds"),
    ],
)
def test_undefined_behaviour_ends_the_call_with_its_place(
    c_side: CSide, text: str, arguments: tuple[object, ...], said: str
) -> None:
    (run,) = c_side.run(text, "f", arguments)
    assert run.outcome.status is Status.RUNTIME_ERROR
    assert said in run.outcome.message.splitlines()[0]
    assert run.arguments == ()


def test_a_read_of_an_uninitialised_variable_is_not_a_valid_test(c_side: CSide) -> None:
    text = "int f(const int *a, int n) { int s; if (n > 1) s = 5; return s + a[0]; }"
    plain, function = c_side.build(text, "f", "plain")
    sanitized, _ = c_side.build(text, "f", "sanitize")
    tests = [make_test(function, [1, 2], 2), make_test(function, [1], 1)]
    valid, invalid = run_valid(plain, sanitized, tests, function)
    assert valid.outcome.ok and valid.returned == 6
    assert invalid.outcome.message == UNINITIALISED


def test_a_read_of_fresh_heap_memory_is_not_a_valid_test(c_side: CSide) -> None:
    text = "#include <stdlib.h>\nint f(int n) { int *t = malloc(4 * n); int v = t[n - 1]; free(t); return v; }"
    plain, function = c_side.build(text, "f", "plain")
    sanitized, _ = c_side.build(text, "f", "sanitize")
    (run,) = run_valid(plain, sanitized, [make_test(function, 100)], function)
    assert run.outcome.message == UNINITIALISED


def test_valid_code_is_left_alone_by_the_validity_check(c_side: CSide) -> None:
    text = """#include <math.h>
    void f(float *x, float *y, int n, int h) {
        for (int i = 0; i < n; i++) y[i] = sinf(x[i]) * 1.1f + expf(x[i]);
        h = h << 4; y[0] = h;
    }"""
    plain, function = c_side.build(text, "f", "plain")
    sanitized, _ = c_side.build(text, "f", "sanitize")
    (run,) = run_valid(plain, sanitized, [make_test(function, [np.nan, 2, 3], [0, 0, 0], 3, -1)], function)
    assert run.outcome.ok, run.outcome.message
    assert run.arguments[1][0] == -16


def test_multiplication_and_addition_are_not_contracted(c_side: CSide) -> None:
    text = "double f(double a, double b, double c) { return a * b + c; }"
    source = c_side.source(text)
    source = SourceFile(source.path, text, "c", flags=("-march=native", "-ffast-math"))
    function = c_side.function(source, "f")
    build = build_host(source, function, "plain", c_side.scratch, c_side.sandbox)
    assert isinstance(build, Build)
    a = 1.0 + 2.0**-30
    (run,) = run_tests(build, [make_test(function, a, a, -1.0)], function)
    assert run.returned == a * a - 1.0  # a fused operation keeps the bit 2**-60


def test_a_whole_program_gives_its_output_and_exit_status(c_side: CSide, tmp_path: Path) -> None:
    header = "int add(int a, int b);\n"
    main = '#include <stdio.h>\n#include "add.h"\n'
    main += 'int main(int c, char **v) { printf("%d %s\\n", add(c, 40), v[1]); return 3; }\n'
    (tmp_path / "add.h").write_text(header)
    sources = [
        SourceFile(tmp_path / "main.c", main, "c"),
        SourceFile(tmp_path / "add.c", '#include "add.h"\nint add(int a, int b) { return a + b; }\n', "c"),
    ]
    build = build_program(sources, tmp_path, c_side.sandbox)
    assert isinstance(build, Build), build.message
    outcome = run_program(build, ["x y"])
    assert outcome.stdout == b"42 x y\n"
    assert outcome.exit_code == 3


def test_a_sanitized_program_stops_at_its_first_error(c_side: CSide, tmp_path: Path) -> None:
    text = "#include <stdlib.h>\nint main(void) { char *p = malloc(8); return p[8]; }\n"
    build = build_program([SourceFile(tmp_path / "m.c", text, "c")], tmp_path, c_side.sandbox, sanitize=True)
    assert isinstance(build, Build), build.message
    outcome = run_program(build)
    assert outcome.status is Status.RUNTIME_ERROR
    assert "m.c:2" in outcome.message


@pytest.mark.parametrize("language", ["c", "c++"])
@pytest.mark.parametrize("mode", MODES)
def test_names_of_the_file_stay_its_own(c_side: CSide, mode: str, language: str) -> None:
    """Functions called like those of the C library, and macros called like anything, do not reach the driver."""
    text = """
    #define T float
    #define at 5
    #define arguments 6
    #define returned 7
    long write(int a, const float *b, long n) { return a + n + (long)b[0]; }
    int read(float *a) { a[0] = 3; return 1; }
    void close(float *a) { a[0] += 1; }
    int fork_count = 4;
    int poll(int n) { return n; }
    int f(float *a, int n) { read(a); close(a); return (int)write(n, a, poll(fork_count)); }
    """
    first, second = c_side.run(text, "f", ([0], 1), ([0], 2), mode=mode, language=language)
    assert first.outcome.ok, first.outcome.message
    assert (first.returned, second.returned) == (9, 10)
    assert second.arguments[0].tolist() == [4.0]


def test_templates_exceptions_and_tables_of_cxx_work(c_side: CSide) -> None:
    text = """
    #include <cmath>
    #include <stdexcept>
    #include <vector>
    static const std::vector<float> table = {1, 2, 3};
    template <typename Number> static Number twice(Number a) { return 2 * a; }
    int f(int n) {
        try { return twice((int)table.at(n)); } catch (const std::out_of_range &) { return -1; }
    }
    """
    for mode in MODES:
        runs = c_side.run(text, "f", (1,), (3,), mode=mode, language="c++")
        assert [run.returned for run in runs] == [4, -1], mode


@pytest.mark.parametrize("language", ["c", "c++"])
def test_signatures_of_every_shape_are_called(c_side: CSide, language: str) -> None:
    text = """
    enum color { RED, GREEN = 7 };
    struct pair { int low; double high; };
    typedef struct { float v[3]; short tag; } cell_t;
    int nothing(void) { return 5; }
    struct pair both(enum color c, struct pair p) { p.low += c; p.high *= 2; return p; }
    void rows(float a[][4], const int (*b)[2], cell_t *cells, unsigned char *const text) {
        a[1][3] = b[1][1]; cells[1].v[2] = cells[0].tag; text[0] = 'x';
    }
    """
    (run,) = c_side.run(text, "nothing", (), language=language)
    assert run.returned == 5
    (run,) = c_side.run(text, "both", (7, (1, 1.5)), language=language)
    assert run.returned is not None and run.returned.item() == (8, 3.0)
    cells = [([1, 2, 3], 9), ([4, 5, 6], 0)]
    (run,) = c_side.run(text, "rows", (np.zeros(8), [1, 2, 3, 4], cells, [0]), language=language)
    assert run.outcome.ok, run.outcome.message
    assert run.arguments[0][7] == 4
    assert run.arguments[2][1]["v"].tolist() == [4, 5, 9]
    assert run.arguments[3][0] == ord("x")


def test_the_folder_of_a_file_is_shown_only_where_it_includes_from_it(tmp_path: Path) -> None:
    (tmp_path / "own.h").write_text("")
    alone = SourceFile(tmp_path / "a.c", "#include <math.h>\nint f(int n) { return n; }\n", "c")
    assert include_folders(alone) == []
    for line in ('#include "own.h"', "#include <own.h>", "#define H <math.h>\n#include H"):
        assert include_folders(replace(alone, text=line + "\n" + alone.text)) == [tmp_path.resolve()]
    assert include_folders(replace(alone, include_dirs=(tmp_path / "more",)))[-1] == tmp_path.resolve() / "more"
