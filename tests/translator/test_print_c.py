"""Printing: minimal parentheses, declarations of every type, hooks."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.source_file import SourceFile
from translator.analytic.ir import (
    Array,
    Assign,
    Block,
    Const,
    Expr,
    Function,
    Index,
    Location,
    Loop,
    Pointer,
    Scalar,
    Struct,
    Symbol,
    Type,
    Var,
)
from translator.analytic.parse import parse_program
from translator.analytic.print_c import Printer

AT = Location("a.c", 1, 1)
INT, FLOAT = Scalar("int"), Scalar("float")


def function_of(text: str) -> Function:
    return parse_program(SourceFile(Path("a.c"), text, "c")).functions[-1]


def expression_of(text: str) -> str:
    function = function_of(f"void f(int a, int b, int c, float x, int *p) {{ a = {text}; }}")
    (assign,) = function.body.body
    assert isinstance(assign, Assign), function.unsupported
    return Printer().expression(assign.value)


@pytest.mark.parametrize(
    ("source", "printed"),
    [
        ("((a) + ((b) * (c)))", "a + b * c"),
        ("(a + b) * c", "(a + b) * c"),
        ("a - (b - c)", "a - (b - c)"),
        ("(a - b) - c", "a - b - c"),
        ("a / (b * c)", "a / (b * c)"),
        ("-(-a)", "- -a"),
        ("- a * b", "-a * b"),
        ("-(a * b)", "-(a * b)"),
        ("!(a && b)", "!(a && b)"),
        ("(float)(a + b)", "(float)(a + b)"),
        ("(float)a + b", "(float)a + b"),
        ("(float)p[a]", "(float)p[a]"),
        ("a ? b : (c ? a : b)", "a ? b : c ? a : b"),
        ("(a ? b : c) + 1", "(a ? b : c) + 1"),
        ("(a & 3) == 1", "(a & 3) == 1"),
        ("a << (b + 1)", "a << (b + 1)"),
        ("(a || b) && c", "(a || b) && c"),
        ("a && b || c", "(a && b) || c"),
        ("~(a | b) ^ c", "~(a | b) ^ c"),
        ("*(p + a * b)", "p[a * b]"),
        ("a < b == (b < c)", "a < b == b < c"),
    ],
)
def test_parentheses_stand_only_where_they_are_needed(source: str, printed: str) -> None:
    assert expression_of(source) == printed


@pytest.mark.parametrize(
    ("kind", "declared"),
    [
        (Pointer(FLOAT, const=True), "const float *a"),
        (Pointer(Pointer(FLOAT)), "float **a"),
        (Pointer(FLOAT, reference=True), "float &a"),
        (Array(FLOAT, (Const("4", 4, INT, at=AT), Const("8", 8, INT, at=AT))), "float a[4][8]"),
        (Array(FLOAT, (None, Const("8", 8, INT, at=AT)), const=True), "const float (*a)[8]"),
        (Scalar("unsigned char", "uint8_t"), "uint8_t a"),
        (Struct("p", (), "struct p"), "struct p a"),
    ],
)
def test_declarations_of_every_type(kind: Type, declared: str) -> None:
    assert Printer().declaration("a", kind) == declared


def test_const_variables_and_const_pointers() -> None:
    function = function_of("void f(const int n, float *const p, const float *const q) { const int m = n; }")
    assert Printer().signature(function) == "void f(const int n, float * const p, const float * const q)"
    assert Printer().statements(function.body.body) == "const int m = n;\n"


def test_casts_name_types_without_a_variable() -> None:
    printed = expression_of("*(float *)((char *)p + a * b)")
    assert printed == "((float *)((char *)p + a * b))[0]"


def test_a_variable_prints_as_its_replacement() -> None:
    function = function_of("void f(int *a, int n) { a[n] += n * 2; }")
    printer = Printer({function.params[1]: "(*n_)"})
    assert printer.statements(function.body.body) == "a[(*n_)] += (*n_) * 2;\n"


def test_index_can_be_overridden() -> None:
    class Bounded(Printer):
        def index(self, expr: Index) -> str:
            return f"at({self.expression(expr.base)}, {self.expression(expr.subscripts[0])})"

    function = function_of("void f(int *a, int n) { a[n] = a[n - 1] + 1; }")
    assert Bounded().statements(function.body.body) == "at(a, n) = at(a, n - 1) + 1;\n"


@pytest.mark.parametrize(
    ("step", "descending", "header"),
    [
        (Const("1", 1, INT, at=AT), False, "for (int i = 0; i < n; i++) {"),
        (Const("4", 4, INT, at=AT), False, "for (int i = 0; i < n; i += 4) {"),
        (Const("1", 1, INT, at=AT), True, "for (int i = 0; i > n; i--) {"),
        (Const("2", 2, INT, at=AT), True, "for (int i = 0; i > n; i -= 2) {"),
    ],
)
def test_counted_loops_are_plain_for(step: Expr, descending: bool, header: str) -> None:
    iterator, bound = Symbol("i", INT, "local", AT), Symbol("n", INT, "param", AT)
    lower = Const("0", 0, INT, at=AT)
    loop = Loop(iterator, lower, Var(bound, at=AT), step, Block((), at=AT), True, descending, at=AT)
    assert Printer().statement(loop).splitlines()[0] == header


def test_variable_rows_print_flat() -> None:
    function = function_of("void f(int n, int m, double a[n][m + 1][4]) { a[1][n - 1][2] = 0; double (*r)[4] = a[n]; }")
    assert Printer().signature(function) == "void f(int n, int m, double *a)"
    assert Printer().statements(function.body.body).splitlines()[0] == "a[(1 * (m + 1) + (n - 1)) * 4 + 2] = 0;"


def test_restrict_is_printed_on_pointers_only() -> None:
    function = function_of("void f(const float *a, int n) { }")
    assert Printer(restrict=True).signature(function) == "void f(const float *__restrict__ a, int n)"


def test_a_for_with_two_variables_keeps_its_header() -> None:
    function = function_of("void f(int *a, int n) { for (int i = 0, j = n; i < j; i++, --j) a[i] = j; }")
    printed = Printer().statements(function.body.body)
    assert printed == "for (int i = 0, j = n; i < j; i++, j--) {\n    a[i] = j;\n}\n"
