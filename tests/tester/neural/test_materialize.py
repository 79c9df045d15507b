"""Snippets that only a compiler understands become typed tests, and what a hostile one does costs itself alone."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from neural_tester_parts import SCALE, function_of, request

from compile.sandbox import Sandbox
from data.testcase import TestCase
from tester.neural.materialize import Rejected, Rejection, Request, materialize
from tester.neural.snippet import Snippet
from tester.neural.undeclared import find_undeclared

GOOD = "float x[300]; for (int i = 0; i < 300; i++) x[i] = i % 7; scale(x, 300, 0.5f);"
STRUCT = """
#define MOST 4
typedef struct { char tag; double weight; } particle;
static const int half = MOST / 2;
double total(const particle *all, particle extra, int n) { return all[n - 1].weight + extra.weight; }
"""


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    return Sandbox(tmp_path_factory.mktemp("snippets").resolve())


def arguments(result: TestCase | Rejected) -> list[object]:
    """The arguments as Python values."""
    assert isinstance(result, TestCase), result
    return [None if value is None else value.tolist() for value in result.arguments]


def test_loops_functions_pointers_and_types_are_what_c_makes_of_them(sandbox: Sandbox) -> None:
    wanted = [
        (GOOD, [[i % 7 for i in range(300)], 300, 0.5]),
        (
            "int n = 3; float x[n]; for (int i = 0; i < n; i++) x[i] = i / 2; scale(x, n, 1.0 / 4);",
            [[0, 0, 1], 3, 0.25],
        ),
        ("float *x = malloc(2 * sizeof(float)); x[0] = sqrtf(4); x[1] = fabs(-1); scale(x, 2, 'a');", [[2, 1], 2, 97]),
        ("float *x = (float *)calloc(2, 4); scale(x + 1, 2 - 1, 0);", [[0], 1, 0]),
        ("float x[4] = {1, 2}; for (int i = 2; i < 4; i++) x[i] = x[i - 2]; scale(&x[1], 3, 1);", [[2, 1, 2], 3, 1]),
        ("std::vector<float> x(2, 1.5f); scale(x.data(), x.size(), 3);", [[1.5, 1.5], 2, 3]),
        ("float x; x = sinf(0); scale(&x, 1, 1);", [[0], 1, 1]),
        ("float *x = nullptr; if (x) abort(); scale(x, 0, 1);", [None, 0, 1]),
    ]
    results = materialize([request(text) for text, _ in wanted], sandbox)
    assert [arguments(result) for result in results] == [values for _, values in wanted]
    assert {result.origin for result in results if isinstance(result, TestCase)} == {"model"}


def test_types_and_constants_of_the_file_are_known(sandbox: Sandbox) -> None:
    text = "particle all[MOST] = {{1, 2}, {'b', 3}}; particle e = {0}; e.weight = half; total(all, e, half);"
    (result,) = materialize([request(text, STRUCT)], sandbox)
    assert arguments(result) == [[(1, 2.0), (98, 3.0), (0, 0.0), (0, 0.0)], (0, 2.0), 2]


def test_elements_that_a_snippet_never_sets_are_open(sandbox: Sandbox) -> None:
    text = "float x[4]; for (int i = 0; i < 2; i++) x[i] = i; scale(x, 4, 1);"
    heap = "float *x = malloc(8); x[0] = expf(0); scale(x, 1, 1);"
    first, second = materialize([request(text), request(heap)], sandbox)
    assert isinstance(first, TestCase) and first.unset[0] is not None
    assert first.unset[0].tolist() == [False, False, True, True] and first.unset[1:] == (None, None)
    assert isinstance(second, TestCase) and second.unset[0] is not None
    assert second.unset[0].tolist() == [False, True]


# What a model may write at worst, and the reason that it must get.
HOSTILE = [
    ("for (;;) {} scale(0, 0, 0);", Rejection.TIMEOUT),
    ("float x[1]; if (x) exit(0); scale(x, 1, 1);", Rejection.RUNTIME_ERROR),
    ("int *p = (int *)8; *p = 1; scale(0, 0, 0);", Rejection.RUNTIME_ERROR),
    ("if (1) return; scale(0, 0, 0);", Rejection.RUNTIME_ERROR),
    ('float x[1]; x[0] = system("touch /tmp/evil"); scale(x, 1, 1);', Rejection.FORBIDDEN),
    ("for (;;) memset(malloc(1 << 24), 1, 1 << 24); scale(0, 0, 0);", Rejection.OUT_OF_MEMORY),
    ("static float x[1 << 28]; x[0] = sinf(1); scale(x, 1, 1);", Rejection.TOO_LARGE),
    ("float *x = malloc(1 << 26); x[0] = sinf(1); scale(x, 1, 1);", Rejection.TOO_LARGE),
    ("float x[1]; x[0] = unknown; scale(x, 1, 1);", Rejection.COMPILE_ERROR),
    ("double x[1]; x[0] = sin(1); scale(x, 1, 1);", Rejection.COMPILE_ERROR),
    ("double x[] = {1}; scale(x, 1, 1);", Rejection.ARGUMENTS),
    ("float x[2]; int n; x[0] = sinf(1); scale(x, n, 1);", Rejection.UNSET),
    ("float x[2]; x[0] = sinf(1); float *p = x; scale(p, 2, 1);", Rejection.UNKNOWN_EXTENT),
]


def test_what_a_hostile_snippet_does_costs_itself_alone(sandbox: Sandbox) -> None:
    requests = [request(text) for text, _ in HOSTILE]
    mixed = [part for one in requests for part in (one, request(GOOD))]
    results = materialize(mixed, sandbox)
    for (text, reason), result in zip(HOSTILE, results[::2], strict=True):
        assert isinstance(result, Rejected), (text, result)
        # on a machine that is slow to give memory, the time is used up before it
        also = Rejection.TIMEOUT if reason is Rejection.OUT_OF_MEMORY else reason
        assert result.reason in (reason, also), (text, result)
    assert all(isinstance(result, TestCase) for result in results[1::2])


def test_no_file_of_the_user_is_seen_and_none_is_written(sandbox: Sandbox, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("1")
    read = f'float x[1]; FILE *f = fopen("{secret}", "r"); x[0] = f != NULL; scale(x, 1, 1);'
    write = f'float x[1]; x[0] = 1; fopen("{sandbox.scratch}/evil", "w"); scale(x, 1, 1);'
    results = materialize([request(read), request(write)], sandbox)
    assert [arguments(result)[0] for result in results] == [[0], [1]]
    assert not (sandbox.scratch / "evil").exists() and secret.read_text() == "1"
    assert not list(sandbox.scratch.iterdir())


def test_one_array_for_two_parameters_is_no_test(sandbox: Sandbox) -> None:
    text = "void add(float *x, const float *y, int n) { for (int i = 0; i < n; i++) x[i] += y[i]; }"
    twice = "float x[4]; for (int i = 0; i < 4; i++) x[i] = i; add(x, x + 2, 2);"
    apart = "float *x = malloc(8), *y = malloc(8); x[0] = x[1] = y[0] = y[1] = 1; add(x, y, 2);"
    first, second = materialize([request(twice, text), request(apart, text)], sandbox)
    assert isinstance(first, Rejected) and first.reason is Rejection.ALIASED
    assert arguments(second) == [[1, 1], [1, 1], 2]


def test_snippets_of_many_functions_share_one_unit_and_stay_apart(sandbox: Sandbox) -> None:
    texts = [
        f"#define N {n}\nstruct s {{ int v[{n}]; }};\nvoid f{n}(struct s *a, int n) {{ a->v[0] = n; }}" for n in (2, 3)
    ]
    snippet = "struct s a; for (int i = 0; i < N; i++) a.v[i] = i;"
    requests = [request(f"{snippet} f{n}(&a, N);", text) for n, text in zip((2, 3), texts, strict=True)]
    first, second = materialize(requests, sandbox)
    assert isinstance(first, TestCase) and isinstance(second, TestCase)
    arrays = [np.asarray(result.arguments[0])["v"].tolist() for result in (first, second)]
    assert arrays == [[[0, 1]], [[0, 1, 2]]]


def test_a_files_macros_are_for_its_own_snippets(sandbox: Sandbox) -> None:
    own = "#define M_PI 3\n#define COUNT 2\nvoid f(double *x, int n) { x[0] = n * M_PI; }"
    other = "void g(double *x, int n) { x[0] = n; }"
    fill = "for (int i = 0; i < 1; i++) x[i] = M_PI;"
    requests = [request(f"double x[1]; {fill} f(x, COUNT);", own), request(f"double x[1]; {fill} g(x, 1);", other)]
    assert [arguments(result) for result in materialize(requests, sandbox)] == [[[3], 2], [[np.pi], 1]]


def test_a_snippet_takes_little_time(sandbox: Sandbox) -> None:
    requests = [request(GOOD.replace("300", str(100 + i))) for i in range(100)]
    materialize(requests[:1], sandbox)  # what is compiled once per machine
    begin = time.process_time()
    results = materialize(requests, sandbox)
    assert all(isinstance(result, TestCase) for result in results)
    assert (time.process_time() - begin) / len(requests) < 0.02  # of this process; compilers are counted elsewhere


def test_constant_statements_need_no_compiler() -> None:
    nowhere = Sandbox(Path("/nowhere"), unsafe=True)
    snippet = Snippet("scale", "float x[] = {1, -2e3, INFINITY}, y[2];\nconst int n = sizeof(x) / 4;", ("x", "n", "1"))
    (result,) = materialize([Request(snippet, function_of(SCALE))], nowhere)
    assert isinstance(result, TestCase)
    assert np.array_equal(np.asarray(result.arguments[0]), np.array([1, -2000, np.inf], np.float32))
    assert result.arguments[1] == 3 and result.unset == ()


@pytest.mark.parametrize(
    ("statements", "unknown"),
    [
        ("float x[] = {1, y};\nscale(x, 1, 1);", "y"),
        ("float x[] = {1};\nscale(x, n, 1);", "n"),
        ("scale(z, 1, 1);", "z"),
        ("float x[3]; for (int i = 0; i < m; i++) x[i] = i; scale(x, 3, 1);", "m"),
        ("float x[3], *p = x; for (int i = 0; i < 3; i++) { float t = i; p[i] = t; } scale(x, 3, 1);", ""),
        ("std::vector<float> v(3); for (auto &e : v) e = 1; scale(v.data(), v.size(), RAND_MAX);", ""),
        ("struct { int k; } s = {1}; float x[3] = {0}; x[s.k] = sqrtf(2); scale(x, 3, M_PI);", ""),
        ("auto f = [](int a) { return a + 1; }; float x[3] = {1}; x[1] = f(2); scale(x, 3, FLT_MAX);", ""),
        ("enum { A, b }; int c(0); float x[3] = {1}; x[c] = b; scale(x, 3, INFINITY);", ""),
    ],
)
def test_variables_that_nobody_declares_are_found_without_a_compiler(statements: str, unknown: str) -> None:
    assert find_undeclared(request(statements).snippet) == unknown


def test_what_is_left_to_the_compiler_is_declared(sandbox: Sandbox) -> None:
    text = "float x[MOST] = {0}; x[0] = half; total(x, half);"
    source = "#define MOST 4\nstatic const int half = MOST / 2;\nvoid total(float *x, int n) { x[0] = n; }"
    (result,) = materialize([request(text, source)], sandbox)
    assert arguments(result) == [[2, 0, 0, 0], 2]
