"""What must not become parallel, with the reason that the user reads, and the guards that keep parallel code honest."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.find_functions import find_functions
from data.source_file import SourceFile
from translator.analytic.translator import AnalyticTranslator
from translator.protocol import Diagnostic, Refusal, Translation, TranslationOptions

HEADER = "#include <math.h>\n#include <stddef.h>\n#include <stdbool.h>\n#include <limits.h>\n"


def outcome_of(text: str, *, strict_fp: bool = False) -> Translation | Refusal:
    """What becomes of the last function of the text."""
    source = SourceFile(Path("user.c"), HEADER + text, "c")
    function = find_functions(source).functions[-1]
    outcome = AnalyticTranslator().translate(source, [function], TranslationOptions(strict_fp=strict_fp))[function.name]
    return outcome if isinstance(outcome, Refusal) else outcome[0]


def reason_of(text: str, *, strict_fp: bool = False) -> Diagnostic:
    """The first reason why the last function of the text was refused."""
    outcome = outcome_of(text, strict_fp=strict_fp)
    assert isinstance(outcome, Refusal), f"parallel: {outcome.parallel}"
    return outcome.reasons[0]


def wrapper_of(text: str) -> str:
    """The host wrapper of the last function of the text."""
    outcome = outcome_of(text)
    assert isinstance(outcome, Translation), outcome
    return outcome.host_wrapper


CARRIED_ARRAYS = {
    "the element before": "void f(int *a, int n) { for (int i = 1; i < n; i++) a[i] = a[i - 1]; }",
    "prefix sum in place": "void f(int *a, int n) { for (int i = 1; i < n; i++) a[i] += a[i - 1]; }",
    "Fibonacci": "void f(long *a, int n) { for (int i = 2; i < n; i++) a[i] = a[i-1] + a[i-2]; }",
    "a[2i] from a[i]": "void f(int *a, int n) { for (int i = 0; i < n; i++) a[2 * i] = a[i]; }",
    "the first element": "void f(float *a, int n) { for (int i = 0; i < n; i++) a[i] = a[0] + 1; }",
    "reversal over the whole array": (
        "void f(int *a, int n) { for (int i = 0; i < n; i++) { int t = a[i]; a[i] = a[n-1-i]; a[n-1-i] = t; } }"
    ),
    "both neighbours in two dimensions": (
        """void f(int *a, int n) {
        for (int i = 1; i < n; i++) for (int j = 1; j < n; j++) a[i*n+j] = a[(i-1)*n+j] + a[i*n+j-1]; }"""
    ),
    "Gauss-Seidel": (
        """void f(double *u, int n) { for (int i = 1; i < n - 1; i++) for (int j = 1; j < n - 1; j++)
        u[i*n+j] = u[(i-1)*n+j] + u[(i+1)*n+j] + u[i*n+j-1] + u[i*n+j+1]; }"""
    ),
    "bubble sort": (
        """void f(int *a, int n) { for (int i = 0; i < n; i++) for (int j = 0; j + 1 < n - i; j++)
        if (a[j] > a[j+1]) { int t = a[j]; a[j] = a[j+1]; a[j+1] = t; } }"""
    ),
    "longest common subsequence": (
        """void f(const char *s, const char *t, int *d, int n, int m) {
        for (int i = 1; i <= n; i++) for (int j = 1; j <= m; j++)
            d[i*(m+1)+j] = s[i-1] == t[j-1] ? d[(i-1)*(m+1)+j-1] + 1 : d[(i-1)*(m+1)+j] + d[i*(m+1)+j-1]; }"""
    ),
    "two arrays in a circle": (
        "void f(float *a, float *b, int n) { for (int i = 1; i < n; i++) { a[i] = b[i - 1]; b[i] = a[i] * 2; } }"
    ),
    "a pointer into the same array": (
        "void f(float *a, int n) { float *b = a + 1; for (int i = 0; i < n - 1; i++) b[i] = a[i] * 2; }"
    ),
    "even elements feed odd ones": (
        "void f(int *a, int n) { for (int i = 0; i < n; i++) { if (i % 2 == 0) a[i] = 1; else a[i] = a[i - 1] + 1; } }"
    ),
    "a condition on data around the dependence": (
        "void f(int *a, const int *b, int n) { for (int i = 1; i < n; i++) { if (b[i]) a[i] = a[i - 1] + 1; } }"
    ),
    "one field of neighbouring structs": (
        """struct pair { int a, b; };
        void f(struct pair *p, int n) { for (int i = 1; i < n; i++) p[i].a = p[i - 1].a + p[i].b; }"""
    ),
    "a whole struct read before its field is written": (
        """struct pair { int a, b; };
        void f(struct pair *p, int n) { for (int i = 1; i < n; i++) { struct pair t = p[i - 1]; p[i].a = t.a + 1; } }"""
    ),
    "a local array carried over iterations": (
        """void f(const int *a, int *o, int n) { int h[4] = {0, 0, 0, 0};
        for (int i = 0; i < n; i++) { h[i & 3] += a[i]; o[i] = h[0] + h[3]; } }"""
    ),
    "a fetch of a counter before it steps": (
        "void f(const int *b, int *h, int *o, int n) { for (int i = 0; i < n; i++) o[i] = h[b[i]]++; }"
    ),
    "two operations on shared elements": (
        "void f(const int *b, int *h, int n) { for (int i = 0; i < n; i++) { h[b[i]] += 1; h[b[i]] *= 2; } }"
    ),
    "subscripts that the loop writes": ("void f(int *h, int n) { for (int i = 0; i < n; i++) h[h[i]] += 1; }"),
    "knapsack in place": (
        """void f(int *dp, const int *wt, const int *v, int n, int w) {
        for (int i = 0; i < n; i++) for (int j = w; j >= wt[i]; j--)
            if (dp[j - wt[i]] + v[i] > dp[j]) dp[j] = dp[j - wt[i]] + v[i]; }"""
    ),
}

CARRIED_SCALARS = {
    "running sum": (
        "void f(const int *a, int *o, int n) { int s = 0; for (int i = 0; i < n; i++) { s += a[i]; o[i] = s; } }"
    ),
    "running maximum": (
        """int f(const int *a, int *o, int n) { int m = INT_MIN;
        for (int i = 0; i < n; i++) { if (a[i] > m) m = a[i]; o[i] = m; } return m; }"""
    ),
    "saturating sum": (
        """int f(const int *a, int n) { int s = 0;
        for (int i = 0; i < n; i++) { s += a[i]; if (s > 100) s = 100; } return s; }"""
    ),
    "sum that stops itself": (
        "int f(const int *a, int n) { int s = 0; for (int i = 0; i < n; i++) if (s < 100) s += a[i]; return s; }"
    ),
    "decaying sum": (
        "float f(const float *a, int n) { float s = 0; for (int i = 0; i < n; i++) s = s * 0.5f + a[i]; return s; }"
    ),
    "alternating sum": (
        "float f(const float *a, int n) { float s = 0; for (int i = 0; i < n; i++) s = a[i] - s; return s; }"
    ),
    "hash": (
        """unsigned f(const unsigned char *s, int n) { unsigned h = 5381;
        for (int i = 0; i < n; i++) h = h * 33 + s[i]; return h; }"""
    ),
    "generator with a state": (
        """void f(unsigned *o, int n, unsigned seed) {
        for (int i = 0; i < n; i++) { seed = seed * 1664525u + 1013904223u; o[i] = seed; } }"""
    ),
    "second largest": (
        """int f(const int *a, int n) { int m = INT_MIN, m2 = INT_MIN; for (int i = 0; i < n; i++) {
        if (a[i] > m) { m2 = m; m = a[i]; } else if (a[i] > m2) m2 = a[i]; } return m2; }"""
    ),
    "count of records": (
        """int f(const int *a, int n) { int m = INT_MIN, c = 0;
        for (int i = 0; i < n; i++) if (a[i] > m) { m = a[i]; c++; } return c; }"""
    ),
    "largest sum of a stretch": (
        """int f(const int *a, int n) { int s = 0, best = 0; for (int i = 0; i < n; i++) {
        s = s + a[i] > 0 ? s + a[i] : 0; if (s > best) best = s; } return best; }"""
    ),
    "longest run": (
        """int f(const int *a, int n) { int r = 0, best = 0; for (int i = 0; i < n; i++) {
        if (a[i] > 0) { r++; if (r > best) best = r; } else r = 0; } return best; }"""
    ),
    "compaction": (
        """int f(const int *a, int *o, int n) { int c = 0;
        for (int i = 0; i < n; i++) if (a[i] > 0) o[c++] = a[i]; return c; }"""
    ),
    "the value of an earlier iteration": (
        """void f(const int *a, int *b, int n) { int prev = 0;
        for (int i = 0; i < n; i++) { b[i] = a[i] - prev; prev = a[i]; } }"""
    ),
    "a scalar set in some iterations": (
        """void f(const int *a, int *b, int n) { int t = 5;
        for (int i = 0; i < n; i++) { if (a[i] > 2) t = i; b[i] = t; } }"""
    ),
    "largest by a neighbour's index": (
        """int f(const int *x, int n) { int b = 0;
        for (int i = 0; i + 1 < n; i++) if (x[i + 1] > x[b]) b = i; return b; }"""
    ),
    "an integer sum that truncates each term's result": (
        "int f(const float *a, int n) { int s = 0; for (int i = 0; i < n; i++) s += a[i] * 0.5f; return s; }"
    ),
    "a bool that adds numbers": (
        "bool f(const int *a, int n) { bool s = 0; for (int i = 0; i < n; i++) s += a[i]; return s; }"
    ),
    "a bool that toggles by numbers": (
        "bool f(const int *a, int n) { bool s = 0; for (int i = 0; i < n; i++) s ^= a[i]; return s; }"
    ),
    "a minimum that a NaN replaces": (
        """float f(const float *a, int n) { float m = 1e30f;
        for (int i = 0; i < n; i++) m = m < a[i] ? m : a[i]; return m; }"""
    ),
    "a stepped unsigned char, which wraps": (
        "void f(int *a, int n) { unsigned char k = 0; for (int i = 0; i < n; i++) a[k++] = i; }"
    ),
}

OTHER = {
    "a search that returns": (
        "int f(const int *a, int n) { for (int i = 0; i < n; i++) if (a[i] == 7) return i; return -1; }",
        "MUSL105",
    ),
    "a search that breaks": (
        """int f(const int *a, int n) { int r = -1;
        for (int i = 0; i < n; i++) if (a[i] == 7) { r = i; break; } return r; }""",
        "MUSL105",
    ),
    "a string's end": ("int f(const char *s) { int n = 0; while (s[n]) n++; return n; }", "MUSL106"),
    "a bound that the loop lowers": (
        "void f(int *a, int n) { for (int i = 0; i < n; i++) { if (a[i] < 0) n--; a[i] = 1; } }",
        "MUSL106",
    ),
    "a counter that the body moves": (
        "void f(int *a, int n) { for (int i = 0; i < n; i++) { a[i] = 5; if (i % 3 == 0) i++; } }",
        "MUSL106",
    ),
    "a bound in the array that is written": (
        "void f(int *a) { for (int i = 0; i < a[0]; i++) a[i] = 3; }",
        "MUSL106",
    ),
    "a bound behind a pointer that is written": (
        "void f(int *a, int *n) { for (int i = 0; i < *n; i++) { a[i] = i; if (i == 5) *n = 7; } }",
        "MUSL106",
    ),
    "a counter that wraps below zero": (
        "void f(int *a, unsigned n) { for (unsigned i = n - 1; i < n; i--) a[i] = 1; }",
        "MUSL106",
    ),
    "a pointer to one of two arrays": (
        "void f(float *a, float *b, int n, int c) { float *p = c ? a : b; for (int i = 0; i < n; i++) p[i] = 1; }",
        "MUSL110",
    ),
    "bytes that no atomic operation adds": (
        "void f(const int *b, unsigned char *h, int n) { for (int i = 0; i < n; i++) h[b[i]]++; }",
        "MUSL112",
    ),
    "truncating sums in bins": (
        "void f(const int *b, const float *w, int *h, int n) { for (int i = 0; i < n; i++) h[b[i]] += w[i]; }",
        "MUSL112",
    ),
    "no loop at all": ("int f(int a) { return a + 1; }", "MUSL107"),
}


@pytest.mark.parametrize("text", CARRIED_ARRAYS.values(), ids=list(CARRIED_ARRAYS))
def test_elements_that_iterations_share_keep_the_loop_in_order(text: str) -> None:
    assert reason_of(text).code in ("MUSL101", "MUSL103", "MUSL112")


@pytest.mark.parametrize("text", CARRIED_SCALARS.values(), ids=list(CARRIED_SCALARS))
def test_scalars_that_iterations_hand_on_keep_the_loop_in_order(text: str) -> None:
    reason = reason_of(text)
    assert reason.code == "MUSL102"
    assert "carries its value from one iteration over i to the next" in reason.message


@pytest.mark.parametrize(("text", "code"), OTHER.values(), ids=list(OTHER))
def test_other_obstacles_have_their_own_codes(text: str, code: str) -> None:
    assert reason_of(text).code == code


def test_a_carried_dependence_names_both_elements_and_its_place() -> None:
    reason = reason_of("void f(int *a, int n) {\n  for (int i = 1; i < n; i++)\n    a[i] = a[i - 1];\n}")
    assert reason.message == "carried dependence over i: a[i] is written and a[i - 1] is read"
    assert (reason.line, reason.column) == (HEADER.count("\n") + 3, 5)


@pytest.mark.parametrize(
    "text",
    [
        "float f(const float *a, int n) { float s = 0; for (int i = 0; i < n; i++) s += a[i]; return s; }",
        "void f(const int *b, double *h, int n) { for (int i = 0; i < n; i++) h[b[i]] += 0.25 * i; }",
        "double f(const double *a, int n) { double s = 1; for (int i = 0; i < n; i++) s *= a[i]; return s; }",
    ],
)
def test_strict_fp_refuses_what_reorders_floating_point_sums(text: str) -> None:
    assert reason_of(text, strict_fp=True).code == "MUSL104"


def test_rows_may_not_overlap() -> None:
    wrapper = wrapper_of(
        """void f(float *a, int ld, int m, int n) {
        for (int i = 0; i < m; i++) for (int j = 0; j < n; j++) a[i * ld + j] = a[i * ld + j] * 2 + i; }"""
    )
    assert "n <= ld" in wrapper


def test_a_shift_by_a_parameter_is_parallel_only_where_it_leaves_the_array() -> None:
    wrapper = wrapper_of("void f(int *a, int n, int m) { for (int i = 0; i < n; i++) a[i] = a[i + m]; }")
    assert "n <= m" in wrapper


def test_arrays_of_the_caller_are_checked_for_overlap_where_one_is_written() -> None:
    copied = wrapper_of("void f(int *a, const int *b, int n) { for (int i = 0; i < n; i++) a[i] = b[i]; }")
    assert "musl_overlap(" in copied
    read_only = wrapper_of(
        "int f(const int *a, const int *b, int n) { int s = 0; for (int i = 0; i < n; i++) s += a[i]*b[i]; return s; }"
    )
    assert "musl_overlap(" not in read_only
