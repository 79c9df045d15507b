"""Loop forms and ranges: what is found without a loop on the host, and counters of unusual shape."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.find_functions import find_functions
from data.source_file import SourceFile
from translator.analytic.translator import AnalyticTranslator
from translator.protocol import Refusal, Translation, TranslationOptions

SWAP = """void f(int *a, int n) {
    for (int i = 0, j = n - 1; i < j; i++, j--) { int t = a[i]; a[i] = a[j]; a[j] = t; } }"""


def translate(text: str, extents: dict[str, str] | None = None) -> Translation | Refusal:
    """The translation of the last function of a C text."""
    source = SourceFile(Path("forms.c"), text, "c")
    functions = find_functions(source).functions
    found = AnalyticTranslator().translate(source, functions, TranslationOptions(extents=extents or {}))
    result = found[functions[-1].name]
    return result if isinstance(result, Refusal) else result[0]


def wrapper_of(translation: Translation | Refusal) -> str:
    """The host wrapper alone, without the function on device memory."""
    assert isinstance(translation, Translation), translation.reasons
    return translation.host_wrapper.split("\n}\n", 1)[1]


def test_conditions_on_counters_need_no_loop_on_the_host() -> None:
    text = """void edge(const float *u, float *v, int h, int w) {
        for (int y = 0; y < h; y++) for (int x = 0; x < w; x++)
            if (y > 0 && y < h - 1 && x > 0) v[y * w + x] = u[(y - 1) * w + x] + u[(y + 1) * w + x - 1];
            else v[y * w + x] = 0; }"""
    wrapper = wrapper_of(translate(text))
    assert "for (" not in wrapper
    assert "u_used.add(1, (h - 3) * w + (w - 1));" in wrapper


def test_data_dependent_subscripts_are_inspected_on_the_host() -> None:
    text = "void gather(int n, const int *k, const float *a, float *o) { for (int i = 0; i < n; i++) o[i] = a[k[i]]; }"
    wrapper = wrapper_of(translate(text))
    assert "for (int i = 0; i < n; i++)" in wrapper
    assert "a_used.add(k[i], k[i]);" in wrapper


def test_a_break_ends_the_inspection_where_it_ends_the_loop() -> None:
    text = """void find(int n, int m, const int *a, const int *key, int *o) { for (int i = 0; i < n; i++) { int w = -1;
        for (int j = 0; j < m; j++) { if (a[j] == key[i]) { w = j; break; } } o[i] = w; } }"""
    assert "if (a[j] == key[i]) break;" in wrapper_of(translate(text))


@pytest.mark.parametrize(
    ("text", "iterators"),
    [
        (SWAP, "i"),
        ("void f(int *a, int n) { for (int *p = a; p < a + n; p++) *p = 7; }", "p"),
        ("void f(int *a, int n) { int *end = a + n; for (int *p = a; p != end; ++p) *p += 1; }", "p"),
        ("void f(int *a, unsigned n) { for (unsigned i = n; i-- > 0;) a[i] *= 2; }", "i"),
        ("void f(int *a, unsigned n) { for (unsigned i = n; i > 0; i--) a[i - 1] *= 2; }", "i"),
        ("void f(const int *a, int *b, int n, int w) { for (int i = 0; i + w <= n; i++) b[i] = a[i + w - 1]; }", "i"),
    ],
    ids=["meeting", "pointer", "end", "down to zero", "down to one", "offset"],
)  # fmt: skip
def test_counters_of_unusual_shape_are_counted(text: str, iterators: str) -> None:
    translation = translate(text)
    assert isinstance(translation, Translation), translation.reasons
    assert [loop.iterators for loop in translation.parallel] == [(iterators,)]


def test_an_unsigned_counter_that_falls_gets_a_signed_one_in_the_kernel() -> None:
    translation = translate("void f(int *a, unsigned n) { for (unsigned i = n; i > 0; i--) a[i - 1] *= 2; }")
    assert isinstance(translation, Translation)
    assert "for (long i_i = (long)n - " in translation.kernels


def test_a_given_extent_stands_in_only_where_the_code_does_not_tell() -> None:
    text = """void f(int n, const int *label, int *count, float *mean) {
        for (int i = 0; i < n; i++) count[i] = label[i] + 1;
        for (int i = 0; i < n; i++) if (count[i] > 0) mean[i] = 1.0f / count[i]; }"""
    refused = translate(text)
    assert isinstance(refused, Refusal)
    assert refused.reasons[0].code == "MUSL109"
    wrapper = wrapper_of(translate(text, {"mean": "n", "label": "2 * n"}))
    assert "mean_used.add(0, n - 1);" in wrapper
    assert "label_used.add(0, n - 1);" in wrapper


def test_a_recurrence_names_the_pair_of_accesses() -> None:
    refused = translate("void f(int *a, int n) { for (int i = 1; i < n; i++) a[i] = a[i - 1]; }")
    assert isinstance(refused, Refusal)
    assert refused.reasons[0].message == "carried dependence over i: a[i] is written and a[i - 1] is read"


def test_a_guard_holds_where_only_a_part_of_the_loop_runs() -> None:
    """With m = 0 the inner loop is empty, and all iterations of i still update b[0]."""
    text = """void rows(int n, int m, int *b) { for (int i = 0; i < n; i++) {
        for (int j = 0; j < m; j++) b[i * m + j] = i;
        b[i * m] = 2 * b[i * m] + i; } }"""
    assert "!(m > 0)" in wrapper_of(translate(text))
