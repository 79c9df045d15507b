"""Tokompiler: what becomes anonymous, what stays, and that the way back is whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from data.corpus.language import parse
from data.function import Language
from data.tokens.lexical import lexical_tokens
from data.tokens.tokompiler import decode, encode


def anonymous(text: str, language: Language = "c") -> str:
    """The anonymous text, after the way back was tried."""
    encoded = encode(text, language)
    assert lexical_tokens(decode(encoded)) == lexical_tokens(text)
    return " ".join(lexical_tokens(encoded.text))


def spaced(text: str) -> str:
    return " ".join(lexical_tokens(text))


def test_each_kind_of_name_has_its_placeholder() -> None:
    text = """
        #define SCALE(v) ((v) * factor)
        typedef double real;
        struct body { real mass; float x, y; };
        enum mode { SLOW, FAST };
        static real total(const struct body *bodies, int n, real w[4]) {
            real sum = SLOW;
            for (int i = 0; i < n; i++) sum += SCALE(bodies[i].mass) + bodies[i].x * w[3];
            if (sum < 0) goto done;
        done:
            return sum;
        }"""
    assert anonymous(text) == spaced("""
        #define macro_0(var_0) ((var_0) * var_1)
        typedef double type_0;
        struct type_1 { type_0 field_0; float x, y; };
        enum type_2 { var_2, var_3 };
        static type_0 func_0(const struct type_1 *arr_0, int var_4, type_0 arr_1[num_0]) {
            type_0 var_5 = var_2;
            for (int var_6 = 0; var_6 < var_4; var_6++)
                var_5 += macro_0(arr_0[var_6].field_0) + arr_0[var_6].x * arr_1[num_1];
            if (var_5 < 0) goto label_0;
        label_0:
            return var_5;
        }""")


def test_a_declaration_without_a_value_is_no_appearance() -> None:
    """The same numbers as where each variable is declared when it is used first, as kernels do."""
    early = """
        void sums(int n, int m, const float *a, float *out) {
            int unused, j, i, last[2];
            float sum;
            for (i = 0; i < n; i++) {
                sum = 0;
                for (j = 0; j < m; j++) sum += a[i * m + j];
                out[i] = sum;
            }
        }"""
    assert anonymous(early) == spaced("""
        void func_0(int var_0, int var_1, const float *arr_0, float *arr_1) {
            int var_5, var_4, var_2, arr_2[2];
            float var_3;
            for (var_2 = 0; var_2 < var_0; var_2++) {
                var_3 = 0;
                for (var_4 = 0; var_4 < var_1; var_4++) var_3 += arr_0[var_2 * var_1 + var_4];
                arr_1[var_2] = var_3;
            }
        }""")


def test_the_interface_of_cuda_and_of_libraries_stays() -> None:
    text = """
        __global__ void add(float *a, const float *__restrict__ b, int n) {
            __shared__ float tile[256];
            int x = blockIdx.x * blockDim.x + threadIdx.x;
            tile[threadIdx.x] = x < n ? sqrtf(b[x]) : 0.0f;
            __syncthreads();
            atomicAdd(&a[0], tile[x % 256]);
        }
        void launch(float *a, const float *b, int n) {
            float *device;
            cudaMalloc((void **)&device, n * sizeof(float));
            dim3 grid(n);
            add<<<grid, 256>>>(device, b, n);
            printf("%d\\n", n);
        }"""
    assert anonymous(text, "cuda") == spaced("""
        __global__ void func_0(float *arr_0, const float *__restrict__ arr_1, int var_0) {
            __shared__ float arr_2[num_0];
            int var_1 = blockIdx.x * blockDim.x + threadIdx.x;
            arr_2[threadIdx.x] = var_1 < var_0 ? sqrtf(arr_1[var_1]) : 0.0f;
            __syncthreads();
            atomicAdd(&arr_0[0], arr_2[var_1 % num_0]);
        }
        void func_1(float *arr_0, const float *arr_1, int var_0) {
            float *arr_3;
            cudaMalloc((void **)&arr_3, var_0 * sizeof(float));
            dim3 var_2(var_0);
            func_0<<<var_2, num_0>>>(arr_3, arr_1, var_0);
            printf("str_0", var_0);
        }""")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # A library's name that the program gives to a thing of its own is the program's, unless it calls the library.
        ("int f(int time) { return time; }", "int func_0(int var_0) { return var_0; }"),
        ("float exp(float a) { return exp(a); }", "float func_0(float var_0) { return func_0(var_0); }"),
        (
            "float sqrtf(float); float f(float a) { return sqrtf(a); }",
            "float sqrtf(float); float func_0(float var_0) { return sqrtf(var_0); }",
        ),
        # Literals: suffixes are apart, and 0 to 2 stay.
        (
            "x = 3 + 3u + 3.0f + 0xFFul + 0x1.8p3 + 1e9L + 1.0f + 2;",
            "var_0 = num_0 + num_0u + real_0f + num_1ul + real_1 + real_2L + 1.0f + 2;",
        ),
        ("char f() { return '\\0' + 'a' + L'b'; }", "char func_0() { return '\\0' + char_0 + char_1; }"),
        ('const void *f() { return L"a" "b" "a"; }', 'const void *func_0() { return L"str_0" "str_1" "str_0"; }'),
        # One name has one placeholder, whatever scope it is in.
        (
            "int f(int i) { { int i = 3; i++; } return i; }",
            "int func_0(int var_0) { { int var_0 = num_0; var_0++; } return var_0; }",
        ),
        # Pragmas and includes have words of their own.
        (
            '#include "my.h"\nvoid f(int n, float s) {\n#pragma omp parallel for reduction(+ : s) num_threads(4)\n'
            "for (;;) s++; }",
            '#include "my.h"\nvoid func_0(int var_0, float var_1) {\n'
            "#pragma omp parallel for reduction(+ : var_1) num_threads(4)\n"
            "for (;;) var_1++; }",
        ),
        # So do namespaces of libraries, whatever is taken from them.
        (
            "float f(float a) { return std::clamp(a, std::abs(a), my::b); }",
            "float func_0(float var_0) { return std::clamp(var_0, std::abs(var_0), type_0::var_1); }",
        ),
        ('extern "C" { int f(); }', 'extern "C" { int func_0(); }'),
        # Names that look like placeholders are names.
        (
            'int var_1(int num_3f, int str_0) { return num_3f + "var_0" [0]; }',
            'int func_0(int var_0, int var_1) { return var_0 + "str_0"[0]; }',
        ),
        # Words do not run together.
        ("int f() { return.5+'a'; case'b': ; }", "int func_0() { return real_0 + char_0; case char_1: ; }"),
    ],
)
def test_what_stays_and_what_does_not(text: str, expected: str) -> None:
    language: Language = "c++" if "::" in text or "extern" in text else "c"
    assert anonymous(text, language) == spaced(expected)


def test_comments_and_empty_lines_are_dropped_and_lines_kept() -> None:
    encoded = encode("int f() // one\n\n{ /* two\n three */ return\n  3; }\n", "c")
    assert encoded.text == "int func_0()\n{   return\n  num_0; }\n"


def test_a_seed_numbers_at_random_and_the_same_way_each_time() -> None:
    text = "float f(float *a, int n) { float s = 3; for (int i = 0; i < n; i++) s += a[i]; return s; }"
    first, again, other = (encode(text, "c", seed) for seed in (7, 7, 8))
    assert first == again
    assert first.text != other.text
    assert first.text != encode(text, "c").text
    assert decode(first) == decode(other) == text
    assert len(set(first.table)) == len(encode(text, "c").table)


def test_another_text_is_decoded_with_the_same_table() -> None:
    encoded = encode("void add(float *a, int n) { a[n] += 1.5; }", "c")
    translated = encoded.with_text(
        "__global__ void func_1(float *arr_0, int var_0) { int var_1 = threadIdx.x; arr_0[var_1] += real_0f; }", "cuda"
    )
    assert decode(translated) == (
        "__global__ void func_1(float *a, int n) { int var_1 = threadIdx.x; a[var_1] += 1.5f; }"
    )


def test_a_fresh_name_is_like_no_other() -> None:
    encoded = encode("int f(int var_7, int n) { return var_7 + n; }", "c")
    assert decode(encoded.with_text("int var_7 = var_0 + var_1;")) == "int var_7_ = var_7 + n;"


@pytest.mark.parametrize(
    ("source", "placeholder", "number"),
    [
        ("3", "num_0f", "3.0f"),
        ("0x10u", "num_0f", "16.0f"),
        ("010", "num_0F", "8.0F"),
        ("1.5", "real_0u", "1.5"),
        ("1.5f", "real_0", "1.5"),
        ("7", "num_0ull", "7ull"),
    ],
)
def test_a_changed_suffix_keeps_the_value(source: str, placeholder: str, number: str) -> None:
    encoded = encode(f"x = {source};", "c")
    assert decode(encoded.with_text(f"x = {placeholder};")) == f"x = {number};"


PIECES = """#define #pragma #include <a.h> omp ( ) { } [ ] ; . -> :: std x y printf var_0 num_1f str_0 1.5f 3 0 ' "
    "str_0" 'a' /* */ // int struct float * = + extern case goto :"""
TEXTS = st.lists(st.sampled_from(["\n", "\\\n", *PIECES.split()])).map(" ".join)


@given(TEXTS, st.sampled_from(["c", "c++", "cuda"]), st.sampled_from([None, 1]))
@example("' x /* \n */ '", "c", None)  # two quotes without a partner
@example("#define M ' /* \n */ '", "c", None)
@example('#include " \\\n "', "c", None)  # no header's name, but a string
def test_any_text_comes_back(text: str, language: Language, seed: int | None) -> None:
    assert lexical_tokens(decode(encode(text, language, seed))) == lexical_tokens(text)


def check(text: str, language: Language, seed: int | None) -> None:
    """The way back is whole, and the anonymous text parses where the text does."""
    encoded = encode(text, language, seed)
    assert lexical_tokens(decode(encoded)) == lexical_tokens(text)
    was_broken = parse(language, text.encode()).root_node.has_error
    assert was_broken or not parse(language, encoded.text.encode()).root_node.has_error, encoded.text


def test_samples_and_translations_come_back_and_parse(repository: Path) -> None:
    files = [*(repository / "data" / "samples").rglob("*.c*"), *(repository / "tests" / "golden").rglob("*.cu")]
    assert len(files) > 50
    languages: dict[str, Language] = {".c": "c", ".cpp": "c++", ".cu": "cuda"}
    for path in files:
        check(path.read_text(), languages[path.suffix], None)


def test_development_functions_come_back_and_parse(shared_data: Path) -> None:
    folder = shared_data / "babeltower"
    lines = (folder / "unit_tests.dev.jsonl").read_text().splitlines()
    cases = [json.loads(line) for line in lines]
    assert cases
    for case in cases:
        check(case["cpp_code"], "c", 5)
        check(case["cuda_code"] + "\n" + case["cuda_wrapper"], "cuda", 5)
