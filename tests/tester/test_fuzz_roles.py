"""The light reading of a function: what each parameter seems to be for."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.find_functions import find_functions
from data.source_file import SourceFile
from tester.fuzz_roles import Roles, estimate_operations, read_roles


def roles(text: str, cplusplus: bool = False) -> Roles:
    source = SourceFile(Path("roles.cpp" if cplusplus else "roles.c"), text, "c++" if cplusplus else "c")
    return read_roles(find_functions(source).functions[0])


def test_sizes_are_found_through_locals() -> None:
    read = roles(
        """void pad(int h, int w, int p, int alpha, float *a) {
            int height = h + 2 * p; int width = w + 2 * p;
            for (int i = 0; i < height; i++) for (int j = 0; j < width; j++) a[i * width + j] = alpha;
        }"""
    )
    assert set(read.sizes) == {"h", "w", "p"}


@pytest.mark.parametrize(
    "loop",
    [
        "while (n--) *a++ = 0;",
        "for (int i = n - 1; i >= 0; i--) a[i] = 0;",
        "int i = 0; do { a[i] = 0; i += 2; } while (i < n / 2);",
        "float *end = a + n; for (float *p = a; p < end; p++) *p = 0;",
    ],
)
def test_every_kind_of_loop_has_its_size(loop: str) -> None:
    assert roles(f"void f(int n, int k, float *a) {{ {loop} a[0] = k; }}").sizes == ("n",)


def test_strides_offsets_divisors_and_pitches() -> None:
    read = roles(
        """void f(int n, int stride, int offset, int m, int pitch, float *a, float *b) {
            for (int i = 0; i < n; i++) {
                float *row = (float *)((char *)b + i * pitch);
                a[i * stride + offset] = row[0] + (float)(i % m);
            }
        }"""
    )
    assert read.sizes == ("n",)
    assert read.factors >= {"stride"} and "offset" not in read.factors
    assert read.terms == {"offset"}
    assert read.divisors == {"m"}
    assert read.pitches == {"pitch"}


def test_index_arrays_directly_and_through_a_local() -> None:
    read = roles(
        """void f(int n, const int *idx, const int *jdx, const int *plain, float *a) {
            for (int i = 0; i < n; i++) { int j = jdx[i]; a[idx[i]] += a[j] * plain[i]; }
        }"""
    )
    assert read.indices == {"idx", "jdx"}


def test_row_pointers_bound_loops() -> None:
    read = roles(
        """void spmv(int rows, const int *start, const int *column, const double *v, const double *x, double *y) {
            for (int r = 0; r < rows; r++) {
                double sum = 0;
                for (int k = start[r]; k < start[r + 1]; k++) sum += v[k] * x[column[k]];
                y[r] = sum;
            }
        }"""
    )
    assert (read.sizes, read.bounds) == (("rows",), {"start"})
    assert "column" in read.indices
    assert read.accumulates and read.data_dependent


def test_fields_of_a_struct_by_value() -> None:
    read = roles(
        """struct grid { int nx; int ny; double h; };
        void f(struct grid g, double *u) { for (int i = 0; i < g.nx * g.ny; i++) u[i] *= g.h; }"""
    )
    assert read.sizes == ("g.nx", "g.ny")


@pytest.mark.parametrize(
    ("statement", "accumulates"),
    [
        ("s += a[i];", True),
        ("s = s + a[i];", True),
        ("s = fmaxf(s, a[i]);", True),
        ("a[i] += 1.0f;", False),
        ("a[0] += a[i];", True),
        ("k += 2;", False),
        ("a[i] = 2.0f * a[i];", False),
    ],
)
def test_only_updates_that_the_loop_does_not_index_can_be_reordered(statement: str, accumulates: bool) -> None:
    loop = f"for (int i = 0; i < n; i++) {statement}"
    text = f"#include <math.h>\nfloat f(int n, int k, float *a) {{ float s = 0; {loop} return s + k; }}"
    assert roles(text).accumulates is accumulates


@pytest.mark.parametrize(
    ("condition", "depends"),
    [("a[i] > 0", True), ("flag", True), ("i + 1 < n", False), ("t > 0.5f", True), ("a", True)],
)
def test_conditions_on_data_make_the_extents_depend_on_it(condition: str, depends: bool) -> None:
    loop = f"for (int i = 0; i < n; i++) if ({condition}) b[i] = a[i];"
    text = f"void f(int n, int flag, float t, float *a, float *b) {{ {loop} }}"
    assert roles(text).data_dependent is depends
    assert roles(text).nullable == ({"a"} if condition == "a" else set())


def test_constants_of_the_text() -> None:
    read = roles("int f(char c, float x) { return c == 'q' || x < 0.25f ? 0x10 : 300; }")
    assert set(read.integers) == {ord("q"), 16, 300}
    assert read.reals == (0.25,)


def test_work_is_estimated_over_nested_loops() -> None:
    read = roles(
        """void f(int n, int m, float *a) {
            for (int i = 0; i < n; i++) for (int j = 0; j < m; j++) for (int k = 0; k < 50; k++) a[i * m + j] += k;
        }"""
    )
    assert 50 * 30 * 20 <= estimate_operations(read.loops, {"n": 30, "m": 20}) < 2 * 50 * 30 * 20


@pytest.mark.parametrize("text", ["void f(int n) { goto", 'void f(int n) { asm("nop"); }', "int f(void) { return 0; }"])
def test_text_that_says_little_gives_roles_all_the_same(text: str) -> None:
    functions = find_functions(SourceFile(Path("odd.c"), text, "c")).functions
    for function in functions:
        assert read_roles(function).sizes == ()


def test_members_stored_through_a_local_pointer_do_not_multiply() -> None:
    """Each store `p->m += dt * p->m` used to lengthen every path by every member, without end."""
    fields = "pqrstuvw"
    stores = " ".join(f"p->{name} += dt * p->{name} + w.{name};" for name in fields)
    read = roles(
        f"typedef struct {{ double {', '.join(fields)}; }} particle;\n"
        f"void move(int n, particle *a, particle w, double dt)"
        f"{{ for (int i = 0; i < n; i++) {{ particle *p = &a[i]; {stores} }} }}"
    )
    assert read.sizes == ("n",)
