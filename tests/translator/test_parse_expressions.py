"""The IR of single constructs: types by C's conversions, memory accesses in one form, side effects hoisted."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.source_file import SourceFile
from translator.analytic.ir import (
    Array,
    Assign,
    Binary,
    Call,
    Cast,
    Const,
    Declare,
    Expr,
    For,
    Function,
    Index,
    Member,
    Pointer,
    Program,
    Scalar,
    Struct,
    Var,
    While,
)
from translator.analytic.parse import parse_program
from translator.analytic.print_c import Printer
from translator.analytic.visit import walk


def program_of(text: str, language: str = "c") -> Program:
    path = Path("a.c" if language == "c" else "a.cpp")
    return parse_program(SourceFile(path, text, language))  # type: ignore[arg-type]


def function_of(text: str, language: str = "c") -> Function:
    function = program_of(text, language).functions[-1]
    assert not function.unsupported, function.unsupported
    return function


def body_of(statements: str, parameters: str = "int *a, int n", language: str = "c", before: str = "") -> str:
    function = function_of(f"{before}\nvoid f({parameters}) {{ {statements} }}", language)
    return Printer().statements(function.body.body)


def type_of(expression: str, parameters: str, language: str = "c", before: str = "") -> str:
    function = function_of(f"{before}\nvoid f({parameters}) {{ double result_ = {expression}; }}", language)
    declare = function.body.body[-1]
    assert isinstance(declare, Declare) and declare.init is not None and isinstance(declare.init.type, Scalar)
    return declare.init.type.name


PARAMETERS = "char c, short s, int i, unsigned u, long l, unsigned long ul, float f, double d"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("c + s", "int"),
        ("i + u", "unsigned int"),
        ("u + l", "long"),
        ("l + ul", "unsigned long"),
        ("i * f", "float"),
        ("f + d", "double"),
        ("f * 2.0", "double"),
        ("f * 2.0f", "float"),
        ("s << l", "int"),
        ("-c", "int"),
        ("i < l", "int"),
        ("i ? f : i", "float"),
        ("(float)i", "float"),
        ("'a'", "int"),
        ("4294967295", "long"),
        ("0xffffffff", "unsigned int"),
        ("10ull", "unsigned long long"),
        ("sizeof(int)", "unsigned long"),
        ("sqrt(f)", "double"),
        ("sqrtf(d)", "float"),
        ("abs(i)", "int"),
        ("fmaxf(f, f)", "float"),
        ("max(i, f)", "float"),
        ("max(i, i)", "int"),
    ],
)
def test_types_follow_the_usual_conversions(expression: str, expected: str) -> None:
    assert type_of(expression, PARAMETERS) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("i < l", "bool"),
        ("sqrt(f)", "float"),
        ("sqrt(i)", "double"),
        ("std::sqrt(f)", "float"),
        ("std::pow(f, 2)", "double"),
        ("fabs(f)", "float"),
        ("std::max(f, f)", "float"),
        ("std::min<double>(f, i)", "double"),
        ("float(d)", "float"),
        ("static_cast<unsigned char>(i)", "unsigned char"),
        ("'a'", "char"),
        ("!i", "bool"),
    ],
)
def test_cxx_overloads_and_casts_have_their_types(expression: str, expected: str) -> None:
    assert type_of(expression, PARAMETERS, "c++") == expected


def test_a_c_call_of_a_double_function_converts_its_float_argument() -> None:
    """CUDA's sin(float) is single precision, so the conversion that C makes has to stand in the text."""
    assert body_of("r[0] = sin(x);", "double *r, float x") == "r[0] = sin((double)x);\n"
    assert body_of("r[0] = sin(x);", "double *r, float x", "c++", "#include <cmath>") == "r[0] = sin((double)x);\n"
    assert body_of("r[0] = sin(x);", "double *r, float x", "c++", "#include <math.h>") == "r[0] = sin(x);\n"


@pytest.mark.parametrize(
    ("source", "printed"),
    [
        ("*a = 1;", "a[0] = 1;"),
        ("*(a + n) = 1;", "a[n] = 1;"),
        ("*(n + a) = 1;", "a[n] = 1;"),
        ("*(a - n) = 1;", "a[-n] = 1;"),
        ("(a + n)[2] = 1;", "a[n + 2] = 1;"),
        ("*(a + n - 1) = 1;", "a[n - 1] = 1;"),
        ("n[a] = 1;", "a[n] = 1;"),
        ("(&a[n])[1] = 1;", "a[n + 1] = 1;"),
        ("*&a[n] = 1;", "a[n] = 1;"),
        ("(*a)++;", "a[0]++;"),
        ("int *p = &*a;", "int *p = a;"),
        ("int *p = &a[n];", "int *p = &a[n];"),
    ],
)
def test_every_way_to_an_element_is_one_index(source: str, printed: str) -> None:
    assert body_of(source) == f"{printed}\n"


def test_rows_of_arrays_are_one_index_with_all_subscripts() -> None:
    function = function_of("void f(int n, int m, float a[n][m], float (*b)[4]) { a[n - 1][2] = *(*(b + 1) + m); }")
    (assign,) = function.body.body
    assert isinstance(assign, Assign) and isinstance(assign.target, Index) and isinstance(assign.value, Index)
    assert len(assign.target.subscripts) == len(assign.value.subscripts) == 2
    assert isinstance(function.params[2].type, Array) and isinstance(function.params[3].type, Array)
    assert function.params[3].type.extents[0] is None


def test_unsigned_offsets_are_not_summed_in_32_bits() -> None:
    assert body_of("a[0] = *(a + u - v);", "int *a, unsigned u, unsigned v") == "a[0] = a[(long)u - (long)v];\n"


def test_members_through_pointers_arrays_and_references() -> None:
    types = "struct p { float x; int k[2]; };"
    source = "q->x = 1; (*q).k[1] = q[n].k[0]; (q + 1)->x = r.x;"
    printed = body_of(source, "struct p *q, struct p &r, int n", "c++", types)
    assert printed == "q->x = 1;\nq->k[1] = q[n].k[0];\nq[1].x = r.x;\n"
    function = function_of(f"{types}\nvoid f(struct p *q) {{ q->x = 1; }}")
    (assign,) = function.body.body
    assert isinstance(assign, Assign) and isinstance(assign.target, Member)
    assert isinstance(assign.target.base, Index) and isinstance(assign.target.base.type, Struct)


@pytest.mark.parametrize(
    ("source", "printed"),
    [
        ("int k = 0; a[k++] = n;", "int k = 0;\na[k] = n;\nk++;\n"),
        ("int k = 0; a[++k] = n;", "int k = 0;\nk++;\na[k] = n;\n"),
        ("int x, y; x = y = 0;", "int x;\nint y;\ny = 0;\nx = 0;\n"),
        ("a[0] = a[1] = n + 1;", "a[1] = n + 1;\na[0] = a[1];\n"),
        ("*a++ = n;", "a[0] = n;\na++;\n"),
        ("int x = n++;", "int x = n;\nn++;\n"),
        ("a[0] = (n += 2);", "n += 2;\na[0] = n;\n"),
        ("a[0] = (n++, n);", "n++;\na[0] = n;\n"),
        ("n++, a[0] = n;", "n++;\na[0] = n;\n"),
        ("n ? a[0]++ : a[1]++;", "if (n) {\n    a[0]++;\n} else {\n    a[1]++;\n}\n"),
        ("n > 1 && (a[0] = 3);", "if (n > 1) {\n    a[0] = 3;\n}\n"),
        ("int x = a[0]++;", "int value_1 = a[0];\na[0]++;\nint x = value_1;\n"),
        ("if (n++ > 2) a[0] = n;", "int value_1 = n > 2;\nn++;\nif (value_1) {\n    a[0] = n;\n}\n"),
        (
            "if (n > 1 && a[n]++ < 3) a[0] = n;",
            "if (n > 1) {\n    int value_2 = a[n];\n    a[n]++;\n    if (value_2 < 3) {\n        a[0] = n;\n    }\n}\n",
        ),
        ("if (__builtin_expect(n > 1, 1)) a[0] = n;", "if (n > 1) {\n    a[0] = n;\n}\n"),
        ("do { a[0] = n; } while (0);", "{\n    a[0] = n;\n}\n"),
    ],
)
def test_side_effects_become_statements(source: str, printed: str) -> None:
    assert body_of(source) == printed


@pytest.mark.parametrize(
    ("source", "printed"),
    [
        ("while (n--) a[n] = 0;", "n--;\nfor (; n >= 0; n--) {\n    a[n] = 0;\n}\n"),
        ("while (--n >= 0) a[n] = 0;", "n--;\nfor (; n >= 0; n--) {\n    a[n] = 0;\n}\n"),
        ("for (int i = n; i-- > 0;) a[i] = 0;", "for (int i = n - 1; i >= 0; i--) {\n    a[i] = 0;\n}\n"),
        ("for (int i = 0; i++ < n;) a[i] = 0;", "for (int i = 1; i <= n; i++) {\n    a[i] = 0;\n}\n"),
        ("int i = 0; while (i++ <= n) a[i] = 0;", "int i = 0;\ni++;\nfor (; i <= n + 1; i++) {\n    a[i] = 0;\n}\n"),
        (
            "unsigned u = n; while (u--) a[u] = 0;",
            "unsigned int u = n;\nwhile (u) {\n    u--;\n    a[u] = 0;\n}\nu--;\n",
        ),
        (
            "unsigned u = n; while (u--) { if (a[u]) break; }",
            "unsigned int u = n;\nwhile (1) {\n    unsigned int value_1 = u;\n    u--;\n    if (!value_1) {\n"
            "        break;\n    }\n    if (a[u]) {\n        break;\n    }\n}\n",
        ),
        ("int c; while ((c = *a++)) n += c;", "int c;\nc = a[0];\na++;\nfor (; c; c = a[0], a++) {\n    n += c;\n}\n"),
        ("do a[0]++; while (--n);", "do {\n    a[0]++;\n    n--;\n} while (n);\n"),
    ],
)
def test_side_effects_of_loop_conditions_keep_their_order(source: str, printed: str) -> None:
    assert body_of(source) == printed


def test_assertions_are_calls_of_assert() -> None:
    assert body_of("assert(n > 0 && a);", before="#include <assert.h>") == "assert(n > 0 && a);\n"
    assert body_of("assert(n > 0);", before="#include <cassert>", language="c++") == "assert((bool)(n > 0));\n"


def test_names_that_hide_an_outer_variable_get_a_suffix() -> None:
    printed = body_of("for (int i = 0; i < n; i++) { int n = i; { int i = n; a[i] = n; } }")
    assert "int n_1 = i;" in printed and "int i_1 = n_1;" in printed and "a[i_1] = n_1;" in printed


def test_initializers_are_positional() -> None:
    types = "struct p { int x, y; float w[2]; };"
    printed = body_of(
        "struct p q = { .w = { 1 }, .x = 2 }; int t[] = { [2] = 5, 6 }; int m[2][2] = { 1, 2, 3 };", before=types
    )
    assert printed == "struct p q = {2, 0, {1}};\nint t[4] = {0, 0, 5, 6};\nint m[2][2] = {{1, 2}, {3}};\n"


def test_constants_have_values() -> None:
    program = program_of(
        "enum { N = 4, M = N * 2 };\nstatic const float w[2] = { 0.5f, 1 };\n#define T 3\n"
        "void f(float *a) { a[0] = M + T + w[1] + 0x10 + 'b'; }"
    )
    constants = {node.text: node.value for node in walk(program.functions[0].body) if isinstance(node, Const)}
    assert constants == {"0": 0, "M": 8, "3": 3, "1": 1, "0x10": 16, "'b'": 98}
    (table,) = program.globals
    assert table.const and table.value is not None and isinstance(table.type, Array)


def test_locations_are_those_of_the_source() -> None:
    function = function_of("#include <math.h>\n#define SQ(x) ((x) * (x))\nvoid f(double *a) {\n  a[0] =   SQ(a[1]);\n}")
    (assign,) = function.body.body
    assert (assign.at.line, assign.at.column) == (4, 3)
    assert isinstance(assign, Assign) and (assign.value.at.line, assign.value.at.column) == (4, 14)


def test_a_cast_and_a_subtraction_are_told_apart() -> None:
    assert body_of("a[0] = (n) - 1; a[1] = (int)-1; a[2] = (byte)(n);", before="typedef unsigned char byte;") == (
        "a[0] = n - 1;\na[1] = (int)-1;\na[2] = (byte)n;\n"
    )


def test_cxx_local_references_auto_and_functional_casts() -> None:
    source = "auto x = a[0] * 0.5f; float &y = b[n]; y += x; auto *p = b; std::swap(p[0], p[1]); bool c{true};"
    printed = body_of(source, "int *a, float *b, int n", "c++")
    assert printed == (
        "float x = a[0] * 0.5f;\nfloat &y = b[n];\ny += x;\nfloat *p = b;\nfloat value_1 = p[0];\np[0] = p[1];\n"
        "p[1] = value_1;\nbool c = true;\n"
    )


def test_scalar_references_are_indexed_at_zero() -> None:
    function = function_of("void f(int &n) { n = n + 1; }", "c++")
    (assign,) = function.body.body
    assert isinstance(assign, Assign) and isinstance(assign.target, Index)
    assert function.params[0].type == Pointer(Scalar("int"), reference=True)
    assert Printer().function(function) == "void f(int &n) {\n    n = n + 1;\n}\n"


def test_functions_of_own_headers_are_parsed(tmp_path: Path) -> None:
    (tmp_path / "h.h").write_text("static inline float sq(float x) { return x * x; }\n")
    program = parse_program(SourceFile(tmp_path / "a.c", '#include "h.h"\nfloat f(float x) { return sq(x); }\n', "c"))
    square = program.function("sq")
    assert square is not None and square.at.file.endswith("h.h")


def test_loops_that_change_nothing_in_their_condition_stay_as_they_are() -> None:
    function = function_of("void f(int *a, int n) { while (n > 0) n -= 2; for (;;) { if (a[0]) return; } }")
    first, second = function.body.body
    assert isinstance(first, While) and isinstance(second, For) and second.cond is None


def test_expression_nodes_compare_by_value() -> None:
    function = function_of("void f(int *a, int i) { a[i + 1] = a[i + 1]; }")
    (assign,) = function.body.body
    assert isinstance(assign, Assign) and assign.target == assign.value
    kinds: list[type[Expr]] = [type(node) for node in walk(assign.value)]  # type: ignore[misc]
    assert kinds == [Index, Var, Binary, Var, Const]


def test_calls_of_own_functions_return_their_type() -> None:
    function = function_of("static short g(int x) { return x; }\nvoid f(int *a) { a[0] = g(a[1]) + (char)a[2]; }")
    calls = [node for node in walk(function.body) if isinstance(node, Call)]
    casts = [node for node in walk(function.body) if isinstance(node, Cast)]
    assert [call.type for call in calls] == [Scalar("short")] and [cast.type for cast in casts] == [Scalar("char")]
