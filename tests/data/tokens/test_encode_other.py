"""`Encoded.encode_other`: a second text over the table of a first one."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from data.function import Language
from data.synthesis.synthesize import synthesize
from data.tokens.lexical import lexical_tokens
from data.tokens.tokompiler import Encoded, decode, encode

SCALE = "void scale(float *x, int n, float by) { for (int i = 0; i < n; i++) x[i] *= by + 3.5f; }"
PIECES = """#define #pragma #include <a.h> omp ( ) { } [ ] ; . -> :: std x y max printf var_0 num_1f str_0 1.5f 3 0 ' "
    "str_0" 'a' /* */ // int struct float * = + extern case goto :"""
TEXTS = st.lists(st.sampled_from(["\n", "\\\n", *PIECES.split()])).map(" ".join)
LANGUAGES = st.sampled_from(["c", "c++", "cuda"])


def other(source: str, text: str, language: Language = "c", *, keep_numbers: bool = False) -> str:
    """The second text beside `source`, after the way back was tried."""
    encoded = encode(source, "c").encode_other(text, language, keep_numbers=keep_numbers)
    assert lexical_tokens(decode(encoded)) == lexical_tokens(text)
    return " ".join(lexical_tokens(encoded.text))


def spaced(text: str) -> str:
    return " ".join(lexical_tokens(text))


def test_a_kernel_has_the_placeholders_of_its_function_and_new_ones_after_them() -> None:
    kernel = """__global__ void scale(float *x, int n, float by) {
        int at = blockIdx.x * blockDim.x + threadIdx.x; if (at < n) x[at] *= by + 3.5f - 4.5f; }"""
    assert other(SCALE, kernel, "cuda") == spaced("""
        __global__ void func_0(float *arr_0, int var_0, float var_1) {
        int var_3 = blockIdx.x * blockDim.x + threadIdx.x; if (var_3 < var_0)
        arr_0[var_3] *= var_1 + real_0f - real_1f; }""")


def test_the_table_of_the_other_text_extends_that_of_the_source() -> None:
    source = encode(SCALE, "c")
    extended = source.encode_other("int at = 77;", "cuda")
    assert dict(extended.table) == {**source.table, "var_3": "at", "num_0": "77"}


def test_a_test_keeps_its_numbers() -> None:
    test = "float x[] = {1.5f, 2, -3.5f, 'a'};\nfloat big = 7e3f;\nscale(x, 3, big);"
    assert other(SCALE, test, keep_numbers=True) == spaced(
        "float arr_0[] = {1.5f, 2, -3.5f, 'a'}; float var_3 = 7e3f; func_0(arr_0, 3, var_3);"
    )


@pytest.mark.parametrize(
    ("source", "text", "expected"),
    [
        # A function of the source that is called like one of a library is the source's in its test, too.
        ("void transform(int *fill) { fill[0] = 1; }", "transform(fill);", "func_0(arr_0);"),
        # A library's function that a variable of the source has the name of is still the library's where it is called.
        (
            "int f(int max) { return max; }",
            "int g(int a) { return max(a, 3); }",
            "int func_1(int var_1) { return max(var_1, num_0); }",
        ),
        ("int f(int max) { return max; }", "f(max);", "func_0(var_0);"),
        # Members that the source declares, of which the other text sees the use only.
        ("struct s { int size; }; int f(struct s *p) { return p->size; }", "p->size = 3;", "arr_0->field_0 = num_0;"),
        ("int f(int *p) { return *p; }", "p->size = 3;", "arr_0->size = num_0;"),
    ],
)
def test_what_is_known_from_the_source(source: str, text: str, expected: str) -> None:
    assert other(source, text) == spaced(expected)


def test_new_names_do_not_take_a_number_that_was_drawn_at_random() -> None:
    for seed in range(50):
        source = encode(SCALE, "c", seed)
        extended = source.encode_other("int a, b, c, d, e;", "c")
        assert len(set(extended.table)) == len(source.table) + 5
        assert {placeholder: extended.table[placeholder] for placeholder in source.table} == dict(source.table)


@given(TEXTS, TEXTS, LANGUAGES, LANGUAGES, st.sampled_from([None, 1]), st.booleans())
@example("", 'max :: str_0 "str_0"', "c", "c", None, False)  # a name that is like a string's placeholder
def test_any_two_texts_come_back(
    first: str, second: str, language: Language, target: Language, seed: int | None, keep_numbers: bool
) -> None:
    source = encode(first, language, seed)
    made = source.encode_other(second, target, keep_numbers=keep_numbers)
    assert lexical_tokens(decode(made)) == lexical_tokens(second)
    assert lexical_tokens(decode(source.with_text(source.text))) == lexical_tokens(first)
    assert made.table.items() >= source.table.items()


@given(TEXTS, LANGUAGES, st.sampled_from([None, 1]))
def test_the_same_text_again_is_the_same_and_adds_nothing(text: str, language: Language, seed: int | None) -> None:
    source = encode(text, language, seed)
    again = source.encode_other(text, language)
    assert again == Encoded(source.text, language, source.table)


def test_synthesized_kernels_come_back_beside_c_functions() -> None:
    for function, kernel in zip(synthesize(60, 4, "c"), synthesize(60, 4, "cuda"), strict=True):
        made = encode(function.text, "c").encode_other(kernel.text, "cuda")
        assert lexical_tokens(decode(made)) == lexical_tokens(kernel.text)
        assert kernel.name not in lexical_tokens(made.text)
