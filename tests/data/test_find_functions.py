"""Functions of a file: signatures as numpy dtypes, spans in the original text, reasons for what cannot be expressed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data.find_functions import FunctionTable, find_functions
from data.function import Function, Parameter
from data.source_file import SourceFile


def table_of(text: str, language: str = "c") -> FunctionTable:
    return find_functions(SourceFile(Path("a.c" if language == "c" else "a.cpp"), text, language))  # type: ignore[arg-type]


def function_of(text: str, language: str = "c") -> Function:
    table = table_of(text, language)
    assert not table.unsupported, table.unsupported
    return table.functions[-1]


def parameter_of(declaration: str, before: str = "", language: str = "c") -> Parameter:
    return function_of(f"{before}\nvoid f({declaration}) {{}}\n", language).parameters[-1]


@pytest.mark.parametrize(
    ("declaration", "dtype", "c_type"),
    [
        ("int a", np.int32, "int"),
        ("unsigned a", np.uint32, "unsigned int"),
        ("long int unsigned a", np.uint64, "unsigned long"),
        ("char a", np.int8, "char"),
        ("unsigned char a", np.uint8, "unsigned char"),
        ("short a", np.int16, "short"),
        ("long long a", np.int64, "long long"),
        ("double a", np.float64, "double"),
        ("_Bool a", np.bool_, "bool"),
        ("size_t a", np.uint64, "size_t"),
        ("int32_t a", np.int32, "int32_t"),
    ],
)
def test_scalar_parameters_have_numpy_types(declaration: str, dtype: type, c_type: str) -> None:
    parameter = parameter_of(declaration)
    assert (parameter.dtype, parameter.c_type, parameter.rank) == (np.dtype(dtype), c_type, 0)


@pytest.mark.parametrize(
    ("declaration", "rank", "extents"),
    [
        ("float *a", 1, (None,)),
        ("float a[]", 1, (None,)),
        ("float a[8]", 1, (8,)),
        ("float a[][4]", 2, (None, 4)),
        ("float (*a)[4]", 2, (None, 4)),
        ("int n, int m, float a[n][m]", 2, (None, None)),
        ("float a[2][3][2 * SIZE]", 3, (2, 3, 10)),
    ],
)
def test_array_parameters_have_rank_and_extents(declaration: str, rank: int, extents: tuple[int | None, ...]) -> None:
    parameter = parameter_of(declaration, "enum { SIZE = 5 };")
    assert (parameter.rank, parameter.extents, parameter.dtype) == (rank, extents, np.dtype(np.float32))


def test_const_is_that_of_the_elements() -> None:
    assert parameter_of("const float *restrict a").const
    assert parameter_of("float const *a").const
    assert not parameter_of("float *const a").const
    assert parameter_of("const double a[][3]").const


def test_typedefs_enums_and_structs_are_resolved() -> None:
    types = """
    typedef unsigned char byte;
    typedef struct { float x, y; byte rgb[3]; struct { short q; } in[2]; } point_t;
    enum color { RED };
    """
    parameter = parameter_of("const point_t *p", types)
    expected = np.dtype(
        [("x", "f4"), ("y", "f4"), ("rgb", "u1", 3), ("in", np.dtype([("q", "i2")], align=True), 2)], align=True
    )
    assert parameter.dtype == expected and parameter.dtype.itemsize == 16
    assert (parameter.c_type, parameter.rank, parameter.const) == ("point_t", 1, True)
    assert parameter_of("byte b", types).dtype == np.uint8
    assert parameter_of("enum color c", types).c_type == "enum color"
    assert parameter_of("struct s v", "struct s { char c; double d; };").dtype.itemsize == 16


def test_types_of_system_headers_are_found() -> None:
    parameter = parameter_of("struct timespec t", "#include <time.h>")
    assert parameter.dtype.names == ("tv_sec", "tv_nsec")


def test_cxx_references_and_bool() -> None:
    parameter = parameter_of("int &n", language="c++")
    assert parameter.reference and parameter.rank == 0 and not parameter.const
    assert parameter_of("const float &x", language="c++").const
    assert parameter_of("bool b", language="c++").dtype == np.bool_
    assert function_of("static inline long f(int a) { return a; }", "c++").returns == np.int64


def test_spans_are_those_of_the_original_text() -> None:
    text = "#include <stdio.h>\n/* first */\nstatic  int   one(void)\n{ return 1; }\n\nvoid two(int a) { }\n"
    one, two = table_of(text).functions
    assert one.text == "static  int   one(void)\n{ return 1; }" and one.is_static
    assert (one.span.line, one.span.column, one.span.end_line) == (3, 1, 4)
    assert text.encode()[two.span.start_byte : two.span.end_byte] == b"void two(int a) { }"


def test_spans_count_bytes_of_utf8() -> None:
    text = "// größer\nint f(void) { return 1; }\n"
    function = function_of(text)
    assert text.encode()[function.span.start_byte : function.span.end_byte] == b"int f(void) { return 1; }"


def test_a_function_made_by_a_macro_has_the_span_of_its_use() -> None:
    text = "#define OP(name, op) int name(int a, int b) { return a op b; }\nOP(add, +)\nOP(sub,\n   -)\n"
    add, sub = table_of(text).functions
    assert (add.name, add.text) == ("add", "OP(add, +)")
    assert (sub.name, sub.text, sub.span.line, sub.span.end_line) == ("sub", "OP(sub,\n   -)", 3, 4)


def test_functions_of_headers_are_not_listed(tmp_path: Path) -> None:
    (tmp_path / "h.h").write_text("static inline int twice(int a) { return 2 * a; }\n")
    table = find_functions(SourceFile(tmp_path / "a.c", '#include "h.h"\nint f(int a) { return twice(a); }\n', "c"))
    assert [function.name for function in table.functions] == ["f"]


@pytest.mark.parametrize(
    ("definition", "code"),
    [
        ("void f(void (*g)(int)) {}", "MUSL005"),
        ("void f(int n, ...) {}", "MUSL004"),
        ("void f(int **a) {}", "MUSL007"),
        ("void f(char *a[]) {}", "MUSL007"),
        ("void f(void *a) {}", "MUSL007"),
        ("struct s; void f(struct s *a) {}", "MUSL007"),
        ("struct s { struct s *next; }; void f(struct s *a) {}", "MUSL007"),
        ("union u { int i; float f; }; void f(union u a) {}", "MUSL020"),
        ("int *f(int *a) { return a; }", "MUSL007"),
        ("#include <stdio.h>\nvoid f(FILE *a) {}", "MUSL007"),
    ],
)
def test_signatures_that_no_test_can_express_are_listed_with_their_reason(definition: str, code: str) -> None:
    table = table_of(f"{definition}\nint g(int a) {{ return a; }}\n")
    assert [(u.name, u.code) for u in table.unsupported] == [("f", code)]
    assert [function.name for function in table.functions] == ["g"]


def test_old_style_definitions_have_typed_parameters() -> None:
    function = function_of("int f(a, b) int a; const float *b; { return a; }")
    assert [(p.name, p.rank, p.const) for p in function.parameters] == [("a", 0, False), ("b", 1, True)]


def test_a_syntax_error_is_placed_and_the_other_functions_are_found() -> None:
    table = table_of("int f(int a) { return a; }\nint g(int a) {\n  return a + ;\n}\nint h(int a) { return a; }\n")
    assert [function.name for function in table.functions] == ["f", "h"]
    assert [(u.name, u.code) for u in table.unsupported] == [("g", "MUSL001")]
    assert [(e.line, e.column) for e in table.syntax_errors] == [(3, 14)]


def test_overloads_templates_and_methods_are_not_functions_to_test() -> None:
    text = "float f(float a) { return a; }\ndouble f(double a) { return a; }\n"
    text += "template <typename T> T g(T a) { return a; }\nstruct S { int m(); };\nint S::m() { return 1; }\n"
    table = table_of(text, "c++")
    assert table.functions == ()
    assert {(u.name, u.code) for u in table.unsupported} == {("f", "MUSL010"), ("g", "MUSL010"), ("S::m", "MUSL010")}
