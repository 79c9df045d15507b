"""Translated functions against the source's own on chosen inputs: sizes around a block, zero and negative sizes,
strides and pitches of every sign, and arrays of the caller that overlap.

One program calls them all and prints what they wrote. The C side runs under the sanitizers, the CUDA side in the
emulator, which finds accesses outside what was copied.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from compile.build import Build
from compile.emulator.build import build_emulated_program
from compile.program import run_program
from compile.sandbox import Sandbox
from data.find_functions import find_functions
from data.read_source import read_source
from musl.bench import replacement_text
from translator.analytic.adapt_cxx import to_cxx
from translator.analytic.translator import AnalyticTranslator
from translator.protocol import Refusal, TranslationOptions

FUNCTIONS = r"""
#include <stdio.h>
#include <math.h>
#include <limits.h>

struct pair { int a, b; };

void shift(int *a, int n, int m) { for (int i = 0; i < n; i++) a[i] = a[i + m]; }
void stride(int *a, int n, int s) { for (int i = 0; i < n; i++) a[i * s] = i; }
void pitch(int *a, int ld, int m, int n) {
    for (int i = 0; i < m; i++) for (int j = 0; j < n; j++) a[i * ld + j] = a[i * ld + j] / 2 + i;
}
void copy(int *a, const int *b, int n) { for (int i = 0; i < n; i++) a[i] = b[i] + 1; }
void split(const int *x, int *a, int *c, int n) { for (int i = 0; i < n - 1; i++) { c[i] = a[i + 1]; a[i] = x[i]; } }
void mirror(int *a, int n) { for (int i = 0; i < n; i++) for (int j = i + 1; j < n; j++) a[j * n + i] = a[i * n + j]; }
void halves(int *a, const int *b, int n) { for (int i = 0; i < n; i++) a[(i - 3) / 2 + 2] = b[i]; }
void scatter(int *a, const int *b, int n) { for (int i = n - 1; i >= 0; i--) a[b[i] & 15] = i; }
void wrapped(int *a, int n) { for (int i = 0; i < n; i++) { unsigned char k = i; a[k] += i; } }
void leave_out(int *a, int n, int m) { for (int i = 0; i < n; i++) { if (i < m) a[i] = 1; else a[i] = a[i - m]; } }
void exchange(int *a, int *b, int n, int steps) {
    for (int t = 0; t < steps; t++) {
        for (int i = 1; i < n - 1; i++) b[i] = a[i - 1] + a[i + 1];
        int *tmp = a; a = b; b = tmp;
    }
}
void shortest(int *d, int n) {
    for (int k = 0; k < n; k++) for (int i = 0; i < n; i++) for (int j = 0; j < n; j++)
        if (d[i * n + k] + d[k * n + j] < d[i * n + j]) d[i * n + j] = d[i * n + k] + d[k * n + j];
}
void pack(int *o, const int *a, int n, int m) {
    int k = 0;
    for (int i = 0; i < n; i++) { for (int j = 0; j < m; j++) o[k++] = a[i * m + j] * 2; o[k++] = 0; }
}
void fields(struct pair *p, int n) { for (int i = 1; i < n; i++) p[i].a = p[i - 1].b + 1; }
void reversed(int *a, int n) {
    for (int i = 0; i < n / 2; i++) { int t = a[i]; a[i] = a[n - 1 - i]; a[n - 1 - i] = t; }
}
int first_largest(const float *x, int n) { int b = 0; for (int i = 1; i < n; i++) if (x[i] > x[b]) b = i; return b; }
int last_smallest(const int *a, int n) {
    int m = INT_MAX, k = -1;
    for (int i = 0; i < n; i++) if (a[i] <= m) { m = a[i]; k = i; }
    return k;
}
float largest(const float *a, int n) { float m = -1e30f; for (int i = 0; i < n; i++) if (a[i] > m) m = a[i]; return m; }
int product(const int *a, const int *b, int n) { int s = 0; for (int i = 0; i < n; i++) s += a[i] * b[i]; return s; }
int after(int *a, int n) { int i; for (i = 2; i < n; i += 3) a[i] = 0; return i; }
"""

MAIN = r"""
enum { SIZE = 4096 };
static int A[SIZE], B[SIZE], C[SIZE];
static float F[SIZE];

static void fill(void) {
    for (int i = 0; i < SIZE; i++) {
        A[i] = (i * 37) % 101 - 40; B[i] = (i * 53) % 97 - 30; C[i] = i % 7; F[i] = A[i] * 0.37f;
    }
}

/* One line: what was called, and a hash of all that it could have written. */
static void show(const char *name, int n, int m, int result) {
    unsigned h = 2166136261u;
    for (int i = 0; i < SIZE; i++) { h = (h ^ (unsigned)A[i]) * 16777619u; h = (h ^ (unsigned)C[i]) * 16777619u; }
    printf("%s n=%d m=%d: %d %u\n", name, n, m, result, h);
    fill();
}
#define TRY(call, n, m) call; show(#call, n, m, 0);
#define ASK(call, n, m) show(#call, n, m, call);

int main(void) {
    const int sizes[] = {-7, 0, 1, 2, 3, 31, 33, 255, 256, 257, 513};
    fill();
    for (int q = 0; q < 11; q++) {
        const int n = sizes[q], small = n > 40 ? 40 : n;
        for (int m = -3; m < 4; m++) {
            TRY(shift(A + 10, n, m), n, m)
            TRY(stride(A + 2000, n, m), n, m)
            TRY(pitch(A + 1000, m * 7, small, 11), n, m)
            TRY(copy(A + 10 + m, A + 10, n), n, m)
            TRY(split(B, A + 10, A + 10 + m, n), n, m)
            TRY(exchange(A, A + 600 * (m + 3) / 3, n, 3), n, m)
            TRY(pack(A, B, n > 300 ? 300 : n, m), n, m)
            if (m > 0) { TRY(leave_out(A, n, m), n, m) }
        }
        TRY(shift(A, n, 700), n, 700)
        TRY(exchange(A, C, n, 3), n, 0)
        TRY(mirror(A, small), n, 0)
        TRY(halves(A, B, n), n, 0)
        TRY(scatter(A, B, n), n, 0)
        TRY(scatter(A, A, n), n, 0)
        TRY(wrapped(A, n), n, 0)
        TRY(shortest(A, small > 5 ? 5 : small), n, 0)
        for (int i = 0; i < SIZE; i++) A[i] = (i * 7919) % 50 + 1;
        TRY(shortest(A, small), n, 0)
        TRY(fields((struct pair *)A, n), n, 0)
        TRY(reversed(A, n), n, 0)
        ASK(product(A, A, n), n, 0)
        ASK(after(A, n), n, 0)
        ASK(last_smallest(A, n), n, 0)
        ASK(last_smallest(C, n), n, 0)
        ASK((int)largest(F, n), n, 0)
        if (n > 0) { ASK(first_largest(F, n), n, 0) }
        for (int i = 0; i < SIZE; i += 5) F[i] = NAN;
        ASK((int)largest(F, n), n, 0)
        for (int i = 1; i < SIZE; i += 5) F[i] = NAN;
        if (n > 0) { ASK(first_largest(F, n), n, 0) }
    }
    return 0;
}
"""


def print_expected(path: Path, program: Path) -> list[str]:
    """What the C program prints under the sanitizers, line by line."""
    flags = ["-w", "-O1", "-ffp-contract=off", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    subprocess.run(["gcc", *flags, str(path), "-o", str(program), "-lm"], check=True, capture_output=True, text=True)
    return subprocess.run([str(program)], check=True, capture_output=True, text=True, timeout=20).stdout.splitlines()


def cuda_of(path: Path) -> str:
    """The file with every function of FUNCTIONS translated; all of them must be."""
    source = read_source(path)
    wanted = [f for f in find_functions(source).functions if f.name not in ("main", "fill", "show")]
    outcomes = AnalyticTranslator().translate(source, wanted, TranslationOptions())
    chosen = {}
    for name, outcome in outcomes.items():
        assert not isinstance(outcome, Refusal), f"{name}: {outcome.reasons[0]}"
        chosen[name] = outcome[0]
    assert len(chosen) == 20
    prelude = next(iter(chosen.values())).prelude
    replacements = {name: replacement_text(translation) for name, translation in chosen.items()}
    return to_cxx(source, replacements, prelude, path.with_suffix(".cu"))


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the program's C text."""
    folder = tmp_path_factory.mktemp("program")
    (folder / "user.c").write_text(FUNCTIONS + MAIN)
    return folder


def test_translated_functions_compute_what_the_source_computes(program: Path) -> None:
    path = program / "user.c"
    expected = print_expected(path, program / "expected")
    cuda, source = cuda_of(path), read_source(path)
    for schedule in ("forward", "shuffle"):
        build = build_emulated_program(cuda, program, Sandbox(program), source, schedule=schedule, seed=5)
        assert isinstance(build, Build), build.message
        outcome = run_program(build)
        assert outcome.ok, outcome.message
        printed = outcome.stdout.decode().splitlines()
        wrong = [f"{want}   got {got}" for want, got in zip(expected, printed, strict=True) if want != got]
        assert not wrong
    assert len(expected) > 700
