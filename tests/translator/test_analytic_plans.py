"""What the analytic Translator makes parallel: the form of each kernel and the loops that span its grid."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.find_functions import find_functions
from data.source_file import SourceFile
from translator.analytic.translator import AnalyticTranslator
from translator.protocol import Refusal, Translation, TranslationOptions

HEADER = "#include <math.h>\n#include <stddef.h>\n#include <stdbool.h>\n#include <limits.h>\n#include <string.h>\n"


def translate(text: str, *, strict_fp: bool = False, language: str = "c") -> Translation:
    """The translation of the last function of the text."""
    suffix = "c" if language == "c" else "cpp"
    source = SourceFile(Path(f"user.{suffix}"), HEADER + text, "c" if language == "c" else "c++")
    function = find_functions(source).functions[-1]
    outcome = AnalyticTranslator().translate(source, [function], TranslationOptions(strict_fp=strict_fp))[function.name]
    assert not isinstance(outcome, Refusal), outcome.reasons[0]
    return outcome[0]


def parallel(translation: Translation) -> str:
    """`form:iterators` of each parallel loop: `grid:i,j reduction:k`."""
    return " ".join(f"{p.form.replace(' ', '_')}:{','.join(p.iterators)}" for p in translation.parallel)


LOOPS = {
    "one dimension": ("void f(float *a, int n) { for (int i = 0; i < n; i++) a[i] *= 2; }", "grid:i"),
    "three dimensions": (
        """void f(float *o, const float *x, int d, int h, int w) {
        for (int k = 0; k < d; k++) for (int i = 0; i < h; i++) for (int j = 0; j < w; j++)
            o[(k * h + i) * w + j] = x[(k * h + i) * w + j] + 1; }""",
        "grid:k,i,j",
    ),
    "the innermost three of four": (
        """void f(float *o, int a, int b, int c, int d) {
        for (int i = 0; i < a; i++) for (int j = 0; j < b; j++) for (int k = 0; k < c; k++) for (int l = 0; l < d; l++)
            o[((i * b + j) * c + k) * d + l] = 1; }""",
        "grid:j,k,l",
    ),
    "counted while": ("void f(float *a, int n) { int i = 0; while (i < n) { a[i] += 1; i++; } }", "grid:i"),
    "while with stepped pointers": (
        "void f(float *d, const float *s, int n) { while (n--) *d++ = *s++; }",
        "grid:n",
    ),
    "counting down in steps": ("void f(int *a, int n) { for (int i = n - 1; i >= 0; i -= 3) a[i] = i; }", "grid:i"),
    "until not equal": ("void f(int *a, int n) { for (int i = 0; i != n; i++) a[i] = i; }", "grid:i"),
    "bound with a minimum": (
        "void f(float *a, int n, int m) { for (int i = 0; i < (n < m ? n : m); i++) a[i] = 1; }",
        "grid:i",
    ),
    "bound behind a pointer": ("void f(int *a, const int *n) { for (int i = 0; i < *n; i++) a[i] = i; }", "grid:i"),
    "triangle": (
        "void f(float *a, int n) { for (int i = 0; i < n; i++) for (int j = 0; j <= i; j++) a[i * n + j] = 1; }",
        "grid:i,j",
    ),
    "upper triangle into the lower": (
        """void f(float *a, int n) {
        for (int i = 0; i < n; i++) for (int j = i + 1; j < n; j++) a[j * n + i] = a[i * n + j]; }""",
        "grid:i,j",
    ),
    "transposition in place": (
        """void f(float *a, int n) { for (int i = 0; i < n; i++) for (int j = i + 1; j < n; j++) {
        float t = a[i * n + j]; a[i * n + j] = a[j * n + i]; a[j * n + i] = t; } }""",
        "grid:i,j",
    ),
    "reversal in place over half of the array": (
        """void f(int *a, int n) { for (int i = 0; i < n / 2; i++) {
        int t = a[i]; a[i] = a[n - 1 - i]; a[n - 1 - i] = t; } }""",
        "grid:i",
    ),
    "array parameters with variable extents": (
        """void f(int n, int m, double a[n][m]) {
        for (int i = 0; i < n; i++) for (int j = 0; j < m; j++) a[i][j] *= 2; }""",
        "grid:i,j",
    ),
    "array parameters with fixed extents": (
        """void f(float a[32][16], float b[16][32]) {
        for (int i = 0; i < 32; i++) for (int j = 0; j < 16; j++) a[i][j] = b[j][i]; }""",
        "grid:i,j",
    ),
    "rows by a pitch in bytes": (
        """void f(char *base, size_t pitch, int w, int h) { for (int y = 0; y < h; y++) {
        float *row = (float *)(base + y * pitch); for (int x = 0; x < w; x++) row[x] = x; } }""",
        "grid:y,x",
    ),
    "row pointers": (
        """void f(float *a, int n, int m) {
        for (int i = 0; i < n; i++) { float *r = a + i * m; for (int j = 0; j < m; j++) r[j] += 1; } }""",
        "grid:i,j",
    ),
    "red and black points": (
        """void f(double *u, int n) { for (int i = 1; i < n - 1; i++) for (int j = 1 + i % 2; j < n - 1; j += 2)
        u[i*n+j] = u[(i-1)*n+j] + u[(i+1)*n+j] + u[i*n+j-1] + u[i*n+j+1]; }""",
        "grid:i,j",
    ),
    "odd elements into even ones": (
        "void f(int *a, int n) { for (int i = 0; i < n; i++) a[2 * i] = a[2 * i + 1]; }",
        "grid:i",
    ),
    "different fields of neighbouring structs": (
        """struct pair { int a, b; };
        void f(struct pair *p, int n) { for (int i = 1; i < n; i++) p[i].a = p[i - 1].b + 1; }""",
        "grid:i",
    ),
}

ORDER = {
    "a column sweep runs its columns side by side": (
        """void f(float *a, int n, int m) {
        for (int i = 1; i < n; i++) for (int j = 0; j < m; j++) a[i*m+j] += a[(i-1)*m+j]; }""",
        "grid:j",
    ),
    "a skewed dependence keeps the outer loop in order": (
        """void f(int *a, int n) {
        for (int i = 1; i < n; i++) for (int j = 0; j < n - 1; j++) a[i*n+j] = a[(i-1)*n+j+1] + 1; }""",
        "grid:j",
    ),
    "a row sweep runs its rows side by side": (
        """void f(float *a, int n, int m) {
        for (int i = 0; i < n; i++) for (int j = 1; j < m; j++) a[i*m+j] += a[i*m+j-1]; }""",
        "grid:i",
    ),
    "time steps with a copy back": (
        """void f(float *a, float *b, int n, int steps) { for (int t = 0; t < steps; t++) {
        for (int i = 1; i < n - 1; i++) b[i] = a[i-1] + a[i+1]; for (int i = 1; i < n - 1; i++) a[i] = b[i]; } }""",
        "grid:i grid:i",
    ),
    "time steps with exchanged pointers": (
        """void f(float *a, float *b, int n, int steps) { for (int t = 0; t < steps; t++) {
        for (int i = 1; i < n - 1; i++) b[i] = a[i-1] + a[i+1]; float *tmp = a; a = b; b = tmp; } }""",
        "grid:i",
    ),
    "iterations until convergence": (
        """double f(double *a, double *b, int n, int most) { double diff = 1; int it = 0;
        while (diff > 1e-3 && it < most) { diff = 0;
            for (int i = 1; i < n - 1; i++) { b[i] = 0.5 * (a[i-1] + a[i+1]); diff += fabs(b[i] - a[i]); }
            for (int i = 1; i < n - 1; i++) a[i] = b[i];
            it++; } return diff; }""",
        "reduction:i grid:i",
    ),
    "Floyd-Warshall": (
        """void f(int *d, int n) { for (int k = 0; k < n; k++) for (int i = 0; i < n; i++) for (int j = 0; j < n; j++)
        if (d[i*n+k] + d[k*n+j] < d[i*n+j]) d[i*n+j] = d[i*n+k] + d[k*n+j]; }""",
        "grid:i,j",
    ),
    "LU decomposition": (
        """void f(double *a, int n) { for (int k = 0; k < n; k++) {
        for (int i = k + 1; i < n; i++) a[i*n+k] /= a[k*n+k];
        for (int i = k + 1; i < n; i++) for (int j = k + 1; j < n; j++) a[i*n+j] -= a[i*n+k] * a[k*n+j]; } }""",
        "grid:i grid:i,j",
    ),
    "several right-hand sides of a triangular solve": (
        """void f(const double *u, double *x, int n, int m) {
        for (int i = n - 1; i >= 0; i--) for (int c = 0; c < m; c++) {
        double s = x[i*m+c]; for (int j = i + 1; j < n; j++) s -= u[i*n+j] * x[j*m+c]; x[i*m+c] = s / u[i*n+i]; } }""",
        "grid:c",
    ),
    "odd-even sort": (
        """void f(int *a, int n) { for (int p = 0; p < n; p++) for (int i = p % 2; i + 1 < n; i += 2)
        if (a[i] > a[i+1]) { int t = a[i]; a[i] = a[i+1]; a[i+1] = t; } }""",
        "grid:i",
    ),
    "a loop split where an anti-dependence allows it": (
        """void f(const float *x, float *a, float *c, int n) {
        for (int i = 0; i < n - 1; i++) { c[i] = a[i + 1]; a[i] = x[i]; } }""",
        "grid:i grid:i",
    ),
}

SCALARS = {
    "sum": ("float f(const float *a, int n) { float s = 0; for (int i = 0; i < n; i++) s += a[i]; return s; }", "i"),
    "sum by subtraction": (
        "float f(const float *a, int n) { float s = 9; for (int i = 0; i < n; i++) s = s - a[i]; return s; }",
        "i",
    ),
    "product": (
        "double f(const double *a, int n) { double s = 1; for (int i = 0; i < n; i++) s *= a[i]; return s; }",
        "i",
    ),
    "nested sum": (
        """double f(const double *a, int n, int m) { double s = 0;
        for (int i = 0; i < n; i++) for (int j = 0; j < m; j++) s += a[i*m+j]; return s; }""",
        "i,j",
    ),
    "integer minimum": (
        """int f(const int *a, int n) { int m = INT_MAX;
        for (int i = 0; i < n; i++) if (a[i] < m) m = a[i]; return m; }""",
        "i",
    ),
    "maximum by ?:": (
        """int f(const int *a, int n) { int m = INT_MIN;
        for (int i = 0; i < n; i++) m = a[i] > m ? a[i] : m; return m; }""",
        "i",
    ),
    "maximum by fmaxf": (
        "float f(const float *a, int n) { float m = 0; for (int i = 0; i < n; i++) m = fmaxf(m, a[i]); return m; }",
        "i",
    ),
    "logical and": (
        "int f(const int *a, int n) { int ok = 1; for (int i = 0; i < n; i++) ok = ok && a[i] > 0; return ok; }",
        "i",
    ),
    "flag": (
        "int f(const int *a, int n) { int r = 0; for (int i = 0; i < n; i++) if (a[i] < 0) r = 1; return r; }",
        "i",
    ),
    "bitwise xor": (
        "unsigned f(const unsigned *a, int n) { unsigned x = 0; for (int i = 0; i < n; i++) x ^= a[i]; return x; }",
        "i",
    ),
    "sum in an unsigned char": (
        """unsigned char f(const unsigned char *a, int n) { unsigned char s = 0;
        for (int i = 0; i < n; i++) s += a[i]; return s; }""",
        "i",
    ),
    "truncated terms summed as integers": (
        "int f(const float *a, int n) { int s = 0; for (int i = 0; i < n; i++) s += (int)a[i]; return s; }",
        "i",
    ),
    "first smallest": (
        """int f(const float *a, int n) { if (n <= 0) return -1; float m = a[0]; int k = 0;
        for (int i = 1; i < n; i++) if (a[i] < m) { m = a[i]; k = i; } return k; }""",
        "i",
    ),
    "largest by index": (
        "int f(const int *x, int n) { int b = 0; for (int i = 1; i < n; i++) if (x[i] > x[b]) b = i; return b; }",
        "i",
    ),
    "last occurrence": (
        """int f(const int *a, int n, int v) { int r = -1;
        for (int i = 0; i < n; i++) if (a[i] == v) r = i; return r; }""",
        "i",
    ),
    "two at once": (
        """void f(const float *a, int n, float *o) { float s = 0, q = 0;
        for (int i = 0; i < n; i++) { s += a[i]; q += a[i] * a[i]; } o[0] = s; o[1] = q; }""",
        "i",
    ),
}

WRITES = {
    "histogram": (
        "void f(const unsigned char *s, int *h, int n) { for (int i = 0; i < n; i++) h[s[i]]++; }",
        "atomics:i",
    ),
    "weighted histogram": (
        "void f(const int *b, const float *w, float *h, int n) { for (int i = 0; i < n; i++) h[b[i]] += w[i]; }",
        "atomics:i",
    ),
    "largest of each bin": (
        """void f(const int *b, const int *w, int *h, int n) {
        for (int i = 0; i < n; i++) if (w[i] > h[b[i]]) h[b[i]] = w[i]; }""",
        "atomics:i",
    ),
    "bit set": (
        "void f(const int *b, unsigned *h, int n) { for (int i = 0; i < n; i++) h[b[i] >> 5] |= 1u << (b[i] & 31); }",
        "atomics:i",
    ),
    "scatter": (
        "void f(const int *b, const float *w, float *h, int n) { for (int i = 0; i < n; i++) h[b[i]] = w[i]; }",
        "ordered_writes:i",
    ),
    "scatter of one constant": (
        "void f(const int *b, int *h, int n) { for (int i = 0; i < n; i++) h[b[i]] = 1; }",
        "grid:i",
    ),
    "remainders as subscripts": (
        "void f(int *a, int n) { for (int i = 0; i < n; i++) a[i % 16] = i; }",
        "ordered_writes:i",
    ),
    "a subscript in an unsigned char, which wraps": (
        "void f(int *a, int n) { for (int i = 0; i < n; i++) { unsigned char k = i; a[k] += i; } }",
        "atomics:i",
    ),
    "sums along diagonals": (
        "void f(int *a, int n) { for (int i = 0; i < n; i++) for (int j = 0; j < n; j++) a[i + j] += i * j; }",
        "atomics:i,j",
    ),
    "pairs of bodies": (
        """void f(const float *x, float *f, int n) { for (int i = 0; i < n; i++) for (int j = i + 1; j < n; j++) {
        float d = x[j] - x[i]; f[i] += d; f[j] -= d; } }""",
        "atomics:i,j",
    ),
}

INDUCTION = {
    "out[k++] in a nest": (
        """void f(float *o, const float *a, int n, int m) { int k = 0; for (int i = 0; i < n; i++) {
        for (int j = 0; j < m; j++) o[k++] = a[i*m+j] * 2; o[k++] = 0; } }""",
        "grid:i",
    ),
    "out[k++] in a triangle": (
        """int f(int *o, int n) { int k = 0;
        for (int i = 0; i < n; i++) for (int j = 0; j <= i; j++) o[k++] = i * j; return k; }""",
        "grid:i,j",
    ),
    "two places a step": (
        """void f(int *o, const int *a, int n) { int k = 0;
        for (int i = 0; i < n; i++) { o[k] = a[i]; o[k + 1] = -a[i]; k += 2; } }""",
        "grid:i",
    ),
    "three pointers": (
        """void f(float *o, const float *a, const float *b, int n) { float *p = o; const float *q = a, *r = b;
        for (int i = 0; i < n; i++) *p++ = *q++ + *r++; }""",
        "grid:i",
    ),
}

CALLS = {
    "a helper with a scalar": (
        """static float sq(float x) { return x * x; }
        void f(float *a, int n) { for (int i = 0; i < n; i++) a[i] = sq(a[i]) + fabsf(a[i]); }""",
        "grid:i",
    ),
    "a helper with a row": (
        """static float dot(const float *a, const float *b, int n) {
        float s = 0; for (int i = 0; i < n; i++) s += a[i] * b[i]; return s; }
        void f(const float *a, const float *x, float *y, int n) {
            for (int i = 0; i < n; i++) y[i] = dot(a + i*n, x, n); }""",
        "grid:i",
    ),
    "a helper that loops and writes": (
        """static void axpy(float *y, const float *x, float a, int n) { for (int i = 0; i < n; i++) y[i] += a * x[i]; }
        void f(float *a, const float *x, const float *u, int n) {
            for (int i = 0; i < n; i++) axpy(a + i*n, x, u[i], n); }""",
        "grid:i,axpy1_i",
    ),
    "a helper that returns a struct": (
        """typedef struct { double re, im; } cplx;
        static cplx mul(cplx a, cplx b) {
            cplx r; r.re = a.re*b.re - a.im*b.im; r.im = a.re*b.im + a.im*b.re; return r; }
        void f(cplx *a, const cplx *b, int n) { for (int i = 0; i < n; i++) a[i] = mul(a[i], b[i]); }""",
        "grid:i",
    ),
    "memset": (
        """void f(int *a, const int *b, int n) {
        memset(a, 0, n * sizeof(int)); for (int i = 0; i < n; i++) a[i] += b[i]; }""",
        "grid:k grid:i",
    ),
    "a loop in every query": (
        """void f(const unsigned *a, const unsigned *b, unsigned *o, int n) { for (int i = 0; i < n; i++) {
        unsigned x = a[i], y = b[i]; while (y) { unsigned t = x % y; x = y; y = t; } o[i] = x; } }""",
        "grid:i",
    ),
    "a switch that falls through": (
        """void f(int *a, const int *k, int n) { for (int i = 0; i < n; i++) { int r = 0; switch (k[i] & 3) {
        case 0: r += 1; case 1: r += 10; break; case 2: r = 7; break; default: r = -1; } a[i] = r; } }""",
        "grid:i",
    ),
    "a table in constant memory of the file": (
        """static const float W[5] = {1, 4, 6, 4, 1};
        void f(const unsigned char *s, float *o, int n) { for (int i = 0; i < n; i++) o[i] = W[s[i] % 5]; }""",
        "grid:i",
    ),
}


@pytest.mark.parametrize(("text", "wanted"), LOOPS.values(), ids=list(LOOPS))
def test_independent_loops_span_the_grid(text: str, wanted: str) -> None:
    assert parallel(translate(text)) == wanted


@pytest.mark.parametrize(("text", "wanted"), ORDER.values(), ids=list(ORDER))
def test_dependent_loops_stay_in_order_around_parallel_ones(text: str, wanted: str) -> None:
    assert parallel(translate(text)) == wanted


@pytest.mark.parametrize(("text", "iterators"), SCALARS.values(), ids=list(SCALARS))
def test_scalars_that_all_iterations_combine_into_are_reductions(text: str, iterators: str) -> None:
    assert parallel(translate(text)) == f"reduction:{iterators}"


@pytest.mark.parametrize(("text", "wanted"), WRITES.values(), ids=list(WRITES))
def test_shared_elements_get_atomics_or_ordered_writes(text: str, wanted: str) -> None:
    assert parallel(translate(text)) == wanted


@pytest.mark.parametrize(("text", "wanted"), INDUCTION.values(), ids=list(INDUCTION))
def test_stepped_variables_have_closed_forms(text: str, wanted: str) -> None:
    assert parallel(translate(text)) == wanted


@pytest.mark.parametrize(("text", "wanted"), CALLS.values(), ids=list(CALLS))
def test_calls_and_control_flow_inside_an_iteration(text: str, wanted: str) -> None:
    assert parallel(translate(text)) == wanted


def test_cxx_references_and_std_min_are_understood() -> None:
    text = """#include <algorithm>
    void f(int *a, const long &n, bool twice) {
        for (long i = 0; i < n; i++) a[i] = std::min(a[i], 7) * (twice ? 2 : 1); }"""
    assert parallel(translate(text, language="c++")) == "grid:i"


def test_a_loop_that_stays_in_order_has_a_remark_with_its_place() -> None:
    translation = translate(
        "void f(float *a, int n, int m) {\nfor (int i = 0; i < n; i++)\n"
        "for (int j = 0; j < m; j++)\n{ float t = a[i*m]; if (j > 0) a[i*m+j] = t + a[i*m+j-1]; } }"
    )
    assert parallel(translation) == "grid:i"
    swept = translate(
        "void f(int *a, int n) {\nfor (int i = 1; i < n; i++)\n"
        "for (int j = 0; j < n - 1; j++)\na[i*n+j] = a[(i-1)*n+j+1] + 1; }"
    )
    assert [(remark.code, remark.line) for remark in swept.remarks] == [("MUSL101", HEADER.count("\n") + 4)]


def test_strict_fp_keeps_integer_reductions() -> None:
    text = "int f(const int *a, int n) { int s = 0; for (int i = 0; i < n; i++) s += a[i]; return s; }"
    assert parallel(translate(text, strict_fp=True)) == "reduction:i"


def test_strict_fp_keeps_sums_inside_one_thread() -> None:
    text = """void f(const float *a, float *r, int n, int m) { for (int i = 0; i < n; i++) {
    float s = 0; for (int j = 0; j < m; j++) s += a[i*m+j]; r[i] = s; } }"""
    assert parallel(translate(text, strict_fp=True)) == "grid:i"
