"""What the IR does not hold is refused with a stable code and a place, and never stops the other functions."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.source_file import SourceFile
from translator.analytic.codes import CODES
from translator.analytic.ir import Unsupported
from translator.analytic.parse import parse_program


def reasons(text: str, language: str = "c") -> list[Unsupported]:
    path = Path("a.c" if language == "c" else "a.cpp")
    program = parse_program(SourceFile(path, text, language))  # type: ignore[arg-type]
    return [reason for function in program.functions for reason in function.unsupported]


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("MUSL001", "void f(int *a) { a[0] = ; }"),
        ("MUSL002", "void f(int *a) { if (a[0]) goto end; a[0] = 1; end: ; }"),
        ("MUSL003", 'void f(int *a) { __asm__("nop"); }'),
        ("MUSL004", "int f(int n, ...) { return n; }"),
        ("MUSL005", "int f(int (*g)(int), int n) { return g(n); }"),
        ("MUSL006", "int f(int n) { return n < 2 ? 1 : n * f(n - 1); }"),
        ("MUSL007", "void f(int **a) { a[0][0] = 1; }"),
        ("MUSL007", "void f(void *a) { }"),
        ("MUSL008", "void f(int *a, int i) { a[i++] = i; }"),
        ("MUSL008", "int f(int i, int n) { return n && i++; }"),
        ("MUSL008", "void f(int *a, int i) { i = i++ + 1; }"),
        ("MUSL008", "void f(int *a, int *b, int i) { a[--i] = b[i]; }"),
        ("MUSL009", "int f(int n) { return unknown(n); }"),
        ("MUSL009", "int f(int n) { return missing + n; }"),
        ("MUSL011", "#include <stdlib.h>\nvoid f(int n) { int *p = malloc(n); }"),
        ("MUSL012", '#include <stdio.h>\nvoid f(int n) { printf("%d", n); }'),
        ("MUSL013", "int f(void) { static int calls; return ++calls; }"),
        ("MUSL014", "int total; void f(int n) { total += n; }"),
        ("MUSL015", "#include <stdlib.h>\nvoid f(int n) { if (n) exit(1); }"),
        ("MUSL016", "#include <stdlib.h>\nint f(void) { return rand(); }"),
        ("MUSL017", "void f(int n) { switch (n) { case 0: if (n) { case 1: n = 2; } } }"),
        ("MUSL019", "void f(int n) { volatile int x = n; }"),
        ("MUSL020", "union u { int i; float f; }; float f(int n) { union u x; x.i = n; return x.f; }"),
        ("MUSL022", "int max(int a, int b) { return a > b ? a : b; }"),
    ],
)
def test_what_the_ir_does_not_hold_has_its_code(code: str, text: str) -> None:
    found = reasons(text)
    assert code in {reason.code for reason in found}, found
    assert code in CODES


@pytest.mark.parametrize(
    "body",
    [
        "auto g = [](int x) { return x; }; a[0] = g(1);",
        "try { a[0] = 1; } catch (...) { }",
        "int *p = new int[3]; p[0] = 1;",
        "int b[3] = {1, 2, 3}; for (int x : b) a[0] += x;",
        "std::vector<int> v(3);",
    ],
)
def test_cxx_outside_the_c_like_subset_is_refused(body: str) -> None:
    found = reasons(f"#include <vector>\nvoid f(int *a) {{ {body} }}", "c++")
    assert {reason.code for reason in found} & {"MUSL007", "MUSL010"}


def test_reasons_name_the_place_and_the_source() -> None:
    (reason,) = reasons("int f(int n) {\n  int m = n;\n  goto end;\nend:\n  return m;\n}")[:1]
    assert (reason.code, reason.at.line, reason.at.column) == ("MUSL002", 3, 3)
    (reason,) = reasons("void f(int *a, int i) {\n    a[i++] = i;\n}")
    assert reason.message == "`i` changes and is used in the same expression"


def test_all_reasons_of_a_function_are_collected() -> None:
    found = reasons('#include <stdio.h>\nvoid f(int *a) { printf("a"); goto x; x: a[0] = b; }')
    assert [reason.code for reason in found] == ["MUSL012", "MUSL002", "MUSL002"]


def test_mutual_recursion_is_found_and_other_functions_are_free_of_it() -> None:
    text = "int g(int n);\nint f(int n) { return g(n - 1); }\n"
    text += "int g(int n) { return n ? f(n) : 0; }\nint h(int n) { return f(n); }"
    program = parse_program(SourceFile(Path("a.c"), text, "c"))
    assert {f.name: [u.code for u in f.unsupported] for f in program.functions} == {
        "f": ["MUSL006"],
        "g": ["MUSL006"],
        "h": [],
    }


def test_one_refused_function_does_not_stop_the_others() -> None:
    text = "int f(int n) { return n + ; }\nint g(int n) { return n; }\n"
    program = parse_program(SourceFile(Path("a.c"), text, "c"))
    function = program.function("g")
    assert function is not None and not function.unsupported


def test_const_tables_and_constant_locals_are_no_hidden_state() -> None:
    assert (
        reasons("static const int t[2] = {1, 2};\nint f(int n) { static const int u[2] = {3, 4}; return t[n] + u[n]; }")
        == []
    )


def test_cxx_keywords_are_names_in_c() -> None:
    text = "struct p { int class; };\n"
    text += "int f(struct p *this, int new) { int template = new; return this->class + template; }"
    assert reasons(text) == []
