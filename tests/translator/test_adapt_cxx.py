"""The text of the .cu file: everything but the replaced functions stands as it was, and C++ compilers take it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from data.read_source import SourceError
from data.source_file import SourceFile
from translator.analytic.adapt_cxx import to_cxx

NVCC = shutil.which("nvcc")


def adapt(text: str, folder: Path, replacements: dict[str, str] | None = None, name: str = "a.c") -> str:
    path = folder / name
    path.write_text(text)
    source = SourceFile(path, text, "c" if name.endswith(".c") else "c++")
    return to_cxx(source, replacements or {}, "// header\n", folder / "a.cu")


def errors_of(text: str, folder: Path) -> str:
    command = ["g++", "-x", "c++", "-std=gnu++17", "-fsyntax-only", "-w", f"-iquote{folder}", "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False).stderr


def test_a_replaced_function_and_nothing_else_changes(tmp_path: Path) -> None:
    text = "#include <math.h>\n\n/* scales */\nvoid scale(int n, float *x) { x[0] = n; }\n\n"
    text += "int kept(int  a) { return a; } // end\n"
    made = adapt(text, tmp_path, {"scale": "void scale(int n, float *x)\n{\n}"})
    assert made == (
        '// header\n\n#include <math.h>\n\nextern "C" {\n\n/* scales */\nvoid scale(int n, float *x)\n{\n}\n\n'
        'int kept(int  a) { return a; } // end\n\n}  // extern "C"\n'
    )


def test_cxx_sources_get_no_extern_c_and_keep_their_includes(tmp_path: Path) -> None:
    text = '#include <cmath>\nextern "C" void f(float *x) { x[0] = 1; }\nfloat g(float x) { return std::sqrt(x); }\n'
    made = adapt(text, tmp_path, {"f": "void f_helper() {}\nvoid f(float *x) { x[0] = 2; }"}, "a.cpp")
    assert made.startswith("// header\n\n#include <cmath>\n")
    assert 'extern "C" {\nvoid f_helper() {}' in made
    assert errors_of(made, tmp_path) == ""


@pytest.mark.parametrize(
    ("line", "adapted"),
    [
        ("double *a = malloc(n * sizeof(double));", "double *a = (double *)malloc(n * sizeof(double));"),
        ("double *a, *b; a = b = calloc(n, 8);", "double *a, *b; a = b = (double *)calloc(n, 8);"),
        ("struct s t; t.d = realloc(t.d, n);", "struct s t; t.d = (double *)realloc(t.d, n);"),
        ("take(malloc(8));", "take((double *)malloc(8));"),
        ("void *v = 0; double *d = n ? v : v;", "void *v = 0; double *d = (double *)(n ? v : v);"),
        ("enum color c = n;", "enum color c = (color)n;"),
        ("unsigned *u = &n;", "unsigned *u = (unsigned int *)&n;"),
        ("float z[2] = { 1, n };", "float z[2] = { 1, (float)n };"),
        ("int t[4] = { [2] = 1 };", "int t[4] = {0, 0, 1};"),
        ("struct s t = { .n = 3, .d = 0 };", "struct s t = {0, 3};"),
        ("register int i = n;", "int i = n;"),
        ("double *restrict p = 0;", "double *__restrict__ p = 0;"),
        ("_Bool b = n;", "bool b = n;"),
        ("int new = n, class = new;", "int new_ = n, class_ = new_;"),
        ("int blockDim = n;", "int blockDim_ = n;"),
        ('const char *s = "new class"; /* new */', 'const char *s = "new class"; /* new */'),
        ("switch (n) { case 1:; int k = 3; default: n = 0; }", "switch (n) { case 1:; int k; k = 3; default: n = 0; }"),
    ],
)  # fmt: skip
def test_what_only_c_allows_is_made_cxx(tmp_path: Path, line: str, adapted: str) -> None:
    before = "#include <stdlib.h>\nstruct s { double *d; int n; };\nenum color { RED };\nvoid take(double *p);\n"
    made = adapt(f"{before}void f(int n) {{\n    {line}\n}}\n", tmp_path)
    assert f"    {adapted}\n" in made
    assert errors_of(made, tmp_path) == ""


def test_old_style_and_variable_length_definitions_are_printed_anew(tmp_path: Path) -> None:
    text = """
static double total(int n, int m, double a[n][m]);
int old(a, b) int a; const int *b; { return a + b[0]; }
static double total(int n, int m, double a[n][m]) { return a[n - 1][m - 1]; }
double call(void) { double x[2][3] = { { 1 } }; return total(2, 3, x); }
"""
    made = adapt(text, tmp_path)
    assert "int old(int a, const int *b) {" in made
    assert made.count("static double total(int n, int m, double *a)") == 2
    assert "return a[(n - 1) * m + (m - 1)];" in made
    assert "total(2, 3, (double *)x)" in made
    assert errors_of(made, tmp_path) == ""


def test_system_includes_of_own_headers_are_hoisted(tmp_path: Path) -> None:
    (tmp_path / "own.h").write_text("#include <math.h>\n#include <stdlib.h>\nfloat own(float x);\n")
    made = adapt('#include "own.h"\nfloat own(float x) { return sqrtf(x); }\n', tmp_path)
    head = made[: made.index('extern "C"')]
    assert "#include <math.h>" in head and "#include <stdlib.h>" in head
    assert '#include "own.h"' in made[len(head) :]
    assert errors_of(made, tmp_path) == ""


def test_an_include_that_is_not_taken_stays_in_its_place(tmp_path: Path) -> None:
    text = "#ifdef NOT_DEFINED\n#include <omp.h>\n#endif\nint f(void) { return 1; }\n"
    made = adapt(text, tmp_path)
    assert "omp.h" not in made[: made.index('extern "C"')] and "#include <omp.h>" in made


def test_quoted_includes_work_from_another_folder(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "src" / "own.h").write_text("#define N 3\n")
    text = '#include "own.h"\nint f(void) { return N; }\n'
    path = tmp_path / "src" / "a.c"
    path.write_text(text)
    made = to_cxx(SourceFile(path, text, "c"), {}, "", tmp_path / "out" / "a.cu")
    assert '#include "../src/own.h"' in made
    assert errors_of(made, tmp_path / "out") == ""


def test_main_stands_outside_of_extern_c(tmp_path: Path) -> None:
    made = adapt(
        "static int f(void) { return 0; }\nint main(void) { return f(); }\nint g(void) { return 1; }\n", tmp_path
    )
    assert '}  // extern "C"\n\nint main(void) { return f(); }\n\nextern "C" {' in made
    assert "-Wpedantic" not in errors_of(made, tmp_path)


def test_a_global_that_clashes_with_the_c_library_is_renamed_in_the_replacements_too(tmp_path: Path) -> None:
    made = adapt(
        "static double y1[4];\ndouble f(int i) { return y1[i]; }\n",
        tmp_path,
        {"f": "double f(int i) { return y1[i]; }"},
    )
    assert "static double y1_[4];" in made and "return y1_[i];" in made


def test_a_function_that_clashes_with_cuda_is_renamed_where_it_is_called(tmp_path: Path) -> None:
    made = adapt(
        "static int max(int a, int b) { return a > b ? a : b; }\nint f(int a) { return max(a, 2); }\n", tmp_path
    )
    assert "static int max_(int a, int b)" in made and "return max_(a, 2);" in made


def test_c_that_cannot_be_made_cxx_is_refused_with_its_place(tmp_path: Path) -> None:
    text = "int f(int n) {\n    return _Generic(n, int: 1, default: 2);\n}\n"
    with pytest.raises(SourceError, match=r"a\.c:2: MUSL021"):
        adapt(text, tmp_path)


def test_c_in_a_header_that_cannot_be_made_cxx_is_refused_with_the_headers_place(tmp_path: Path) -> None:
    (tmp_path / "own.h").write_text(
        "#include <stdlib.h>\nstatic inline int *make(void) { int *p = malloc(4); return p; }\n"
    )
    with pytest.raises(SourceError, match=r"own\.h:2: MUSL021 invalid conversion"):
        adapt('#include "own.h"\nint f(void) { return *make(); }\n', tmp_path)


def test_what_stays_wrong_inside_a_replaced_function_does_not_matter(tmp_path: Path) -> None:
    text = "int f(int n) {\n    return _Generic(n, int: 1, default: 2);\n}\n"
    assert "return 3;" in adapt(text, tmp_path, {"f": "int f(int n) { return 3; }"})


def test_the_same_source_gives_the_same_text(tmp_path: Path) -> None:
    text = "#include <stdlib.h>\ndouble *f(int n) { double *a = malloc(n); return a; }\n"
    assert adapt(text, tmp_path) == adapt(text, tmp_path)


@pytest.mark.skipif(NVCC is None, reason="nvcc is not on this machine")
def test_nvcc_takes_an_adapted_file_with_a_kernel(tmp_path: Path) -> None:
    text = Path(__file__).with_name("sources").joinpath("everything.c").read_text()
    kernel = "__global__ void logic_kernel(bool *r) { *r = true; }\n"
    wrapper = "bool logic(int a, int b)\n{\n    logic_kernel<<<1, 1>>>(0);\n    return a < b;\n}"
    (tmp_path / "a.cu").write_text(adapt(text, tmp_path, {"logic": kernel + wrapper}))
    command = [str(NVCC), "-cuda", str(tmp_path / "a.cu"), "-o", str(tmp_path / "a.ii")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
