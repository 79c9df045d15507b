"""Runs of many tests in one process: a test costs no other test, results are typed and joined, traces are exact."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from c_side import CSide, make_test

from compile.outcome import Status
from compile.run_record import Touched
from compile.runner import Schedule, TestLimits, run_schedules, run_tests
from compile.sandbox import Sandbox

MANY_FAULTS = """
#include <stdlib.h>
#include <string.h>
int f(int *a, int what) {
    volatile int *nowhere = 0;
    a[0] += 1;
    if (what == 1) *nowhere = 1;
    if (what == 2) exit(0);
    if (what == 3) for (;;) {}
    if (what == 4) for (;;) memset(malloc(1 << 20), 1, 1 << 20);
    if (what == 5) abort();
    return a[0] * 2;
}
"""


@pytest.mark.parametrize("mode", ["plain", "sanitize"])
def test_a_failing_test_costs_that_test_alone(c_side: CSide, mode: str) -> None:
    limits = TestLimits(seconds=0.3, memory_bytes=64 << 20)
    calls = [([10 + what], what) for what in (0, 1, 2, 3, 4, 5, 0)]
    runs = c_side.run(MANY_FAULTS, "f", *calls, mode=mode, limits=limits)
    statuses = [run.outcome.status for run in runs]
    crashed = Status.RUNTIME_ERROR
    assert statuses == [Status.OK, crashed, crashed, Status.TIMEOUT, Status.OUT_OF_MEMORY, crashed, Status.OK]
    assert [runs[0].returned, runs[6].returned] == [22, 22]
    assert runs[6].arguments[0].tolist() == [11]
    assert "exited with status 0" in runs[2].outcome.message


def test_tests_beyond_the_time_of_the_run_are_timeouts(c_side: CSide) -> None:
    limits = TestLimits(seconds=0.2, total_seconds=0.5)
    runs = c_side.run("int f(int n) { while (n) {} return 7; }", "f", *[(1,)] * 5, (0,), limits=limits)
    assert [run.outcome.status for run in runs] == [Status.TIMEOUT] * 6
    assert "not run" in runs[5].outcome.message


def test_after_so_many_tests_that_hang_in_the_first_schedule_the_others_are_skipped(c_side: CSide) -> None:
    build, function = c_side.build("int f(int n) { while (n == 1) {} return 7; }", "f", "plain")
    tests = [make_test(function, n) for n in (0, 1, 0, 1, 0, 1)]
    limits = TestLimits(seconds=0.2, hangs=2)
    (runs,) = run_schedules(build, tests, function, [Schedule("forward"), Schedule("reverse")], limits)
    assert [run.outcome.status for run in runs[:4]] == [Status.OK, Status.TIMEOUT] * 2
    assert [run.skipped for run in runs] == [False] * 4 + [True] * 2
    assert runs[5].outcome.status is Status.TIMEOUT and "not run: tests before it" in runs[5].outcome.message


def test_every_scalar_type_survives_the_round_trip(c_side: CSide) -> None:
    types = ["_Bool", "signed char", "unsigned char", "short", "unsigned short", "int", "unsigned", "long"]
    types += ["unsigned long", "float", "double", "long double"]
    for c_type in types:
        text = f"{c_type} f({c_type} a, {c_type} *b) {{ {c_type} old = b[1]; b[1] = a; return old; }}"
        build, function = c_side.build(text, "f", "plain")
        dtype = function.parameters[0].dtype
        high = 1 if dtype == np.bool_ else np.iinfo(dtype).max if dtype.kind in "iu" else dtype.type(1) / 3
        (run,) = run_tests(build, [make_test(function, high, [0, 1, 0])], function)
        assert run.returned == dtype.type(1), c_type
        assert run.arguments[1].dtype == dtype
        assert run.arguments[1][1] == dtype.type(high), c_type


def test_a_test_of_another_type_is_refused(c_side: CSide) -> None:
    build, function = c_side.build("int f(int *a) { return a[0]; }", "f", "plain")
    _, other = c_side.build("int f(float *a) { return a[0]; }", "f", "plain")
    with pytest.raises(ValueError, match="dtype int32"):
        run_tests(build, [make_test(other, [1.0])], function)


def test_what_the_function_prints_is_no_result(c_side: CSide) -> None:
    text = '#include <stdio.h>\nint f(int n) { printf("99\\n"); fprintf(stderr, "98\\n"); return n; }'
    (run,) = c_side.run(text, "f", (5,))
    assert run.returned == 5
    assert run.outcome.stderr == b"98\n"


def test_hundreds_of_tests_run_in_one_process_and_keep_their_order(c_side: CSide) -> None:
    build, function = c_side.build("int f(const int *a, int n) { return a[n - 1]; }", "f", "plain")
    tests = [make_test(function, list(range(n)), n) for n in range(1, 301)]
    runs = run_tests(build, tests, function)
    assert [int(run.returned) for run in runs] == list(range(300))


# ---------------------------------------------------------------- traces


def test_a_trace_tells_exactly_which_elements_a_call_needs(c_side: CSide) -> None:
    text = """
    void f(const double *in, double *out, int n, int stride, short *unused) {
        for (int i = 1; i < n; i++) out[i * stride] = in[i - 1];
    }
    """
    (run,) = c_side.run(text, "f", ([1, 2], [0], 100, 3, [5]), mode="trace")
    assert run.outcome.ok, run.outcome.message
    in_, out, n, stride, unused = run.touched
    assert in_ == Touched(0, 99, read=True, written=False)
    assert out == Touched(3, 298, read=False, written=True)
    assert n is None and stride is None
    assert unused == Touched(0, 0, read=False, written=False)


def test_a_traced_array_repeats_its_values(c_side: CSide) -> None:
    text = "int f(const int *a, int n) { int s = 0; for (int i = 0; i < n; i++) s += a[i]; return s; }"
    (run,) = c_side.run(text, "f", ([1, 10, 100], 100000), mode="trace")
    assert run.returned == int(np.resize([1, 10, 100], 100000).sum())


def test_elements_before_an_array_have_negative_indices(c_side: CSide) -> None:
    text = "int f(int *a, int i) { a[i] += 1; return a[i]; }"
    (run,) = c_side.run(text, "f", ([1, 2, 3], -2), mode="trace")
    assert run.touched[0] == Touched(-2, -1, read=True, written=True)
    assert run.returned == 3  # ... 1 2 3 | 1 2 3: the element at -2 repeats a[1]


def test_a_wild_access_ends_a_traced_call(c_side: CSide) -> None:
    text = "int f(int *a, long i) { return a[i]; }"
    runs = c_side.run(text, "f", ([1], 1 << 25), ([1], 1 << 45), (None, 0), mode="trace")
    assert [run.outcome.status for run in runs] == [Status.RUNTIME_ERROR] * 3
    assert "far outside" in runs[0].outcome.message


def test_a_trace_sees_structs_rows_and_functions_of_the_c_library(c_side: CSide) -> None:
    text = """
    #include <string.h>
    struct p { float x; int k; };
    static int helper(char *s) { return (int)strlen(s); }
    void f(struct p *a, double m[][4], char *s, unsigned char *out, int n) {
        a[n].k = helper(s);
        m[n][3] = 1;
        memset(out + 2, 7, n);
        struct p copy = a[n + 1];
        a[n + 2] = copy;
    }
    """
    call = ([(1, 2)], np.zeros(4), [65, 66, 0], [0], 5)
    (run,) = c_side.run(text, "f", call, mode="trace")
    assert run.outcome.ok, run.outcome.message
    a, m, s, out, _ = run.touched
    assert a is not None and (a.low, a.high) == (5, 8)
    assert m is not None and (m.low, m.high, m.written) == (23, 24, True)
    assert s == Touched(0, 3, read=True, written=False)
    assert out == Touched(2, 7, read=False, written=True)


def test_a_trace_sees_structs_that_are_passed_by_value(c_side: CSide) -> None:
    text = """
    typedef struct { double re, im; } cplx;
    static cplx twice(cplx a) { cplx r; r.re = 2 * a.re; r.im = 2 * a.im; return r; }
    void f(cplx *a, const cplx *b, int n) { for (int i = 0; i < n; i++) a[i] = twice(b[i]); }
    """
    (run,) = c_side.run(text, "f", ([(0, 0)], [(1, 2)], 7), mode="trace")
    assert run.outcome.ok, run.outcome.message
    assert run.touched[:2] == (Touched(0, 7, read=False, written=True), Touched(0, 7, read=True, written=False))


def test_traces_of_cxx_see_references_and_algorithms(c_side: CSide) -> None:
    text = """
    #include <algorithm>
    void f(float *a, float *b, int n, int &last) { std::copy(a, a + n, b); std::fill(a, a + 2, 0.0f); last = n; }
    """
    (run,) = c_side.run(text, "f", ([1, 2, 3], [0], 9, 0), mode="trace", language="c++")
    assert run.outcome.ok, run.outcome.message
    assert run.touched[0] == Touched(0, 9, read=True, written=True)
    assert run.touched[1] == Touched(0, 9, read=False, written=True)
    assert run.arguments[3] == 9


def test_tests_run_without_a_sandbox_where_the_user_says_so(tmp_path: Path) -> None:
    unsafe = CSide(Sandbox(tmp_path, unsafe=True), tmp_path)
    text = "#include <unistd.h>\nint f(int n) { if (n > 1) fork(); return n; }"
    kept, forbidden = unsafe.run(text, "f", (1,), (2,))
    assert kept.returned == 1
    assert forbidden.outcome.status is Status.FORBIDDEN


def test_a_build_that_is_gone_is_the_machines_fault(c_side: CSide) -> None:
    build, function = c_side.build("int f(int n) { return n; }", "f", "plain")
    build.executable.unlink()
    runs = run_tests(build, [make_test(function, 1), make_test(function, 2)], function)
    assert [run.outcome.status for run in runs] == [Status.INFRASTRUCTURE] * 2


def test_no_tests_are_no_runs(c_side: CSide) -> None:
    build, function = c_side.build("int f(int n) { return n; }", "f", "plain")
    assert run_tests(build, [], function) == []


def test_schedules_run_one_after_the_other_in_one_process(c_side: CSide) -> None:
    text = "float f(float *a) { a[0] += 1.0f; volatile float third = 3.0f; return a[0] / third; }"
    build, function = c_side.build(text, "f", "plain")
    tests = [make_test(function, [n]) for n in (0.0, 1.0, 9.0)]
    schedules = [Schedule("round up"), Schedule("round down"), Schedule("forward", 1)]
    together = run_schedules(build, tests, function, schedules)
    alone = [run_tests(build, tests, function, schedule=s.name, seed=s.seed) for s in schedules]
    assert [[run.returned for run in runs] for runs in together] == [[run.returned for run in runs] for runs in alone]
    assert together[0][0].returned != together[1][0].returned
    assert [run.arguments[0].tolist() for run in together[2]] == [[1.0], [2.0], [10.0]]


def test_a_schedule_may_run_the_first_tests_alone(c_side: CSide) -> None:
    build, function = c_side.build("int f(int n) { return n; }", "f", "plain")
    tests = [make_test(function, n) for n in (3, 4, 5)]
    runs = run_schedules(build, tests, function, [Schedule("a", first=1), Schedule("b"), Schedule("c", first=9)])
    assert [[run.returned for run in part] for part in runs] == [[3], [3, 4, 5], [3, 4, 5]]
    build.executable.unlink()
    lost = run_schedules(build, tests, function, [Schedule("a", first=2), Schedule("b", first=1)])
    assert [len(part) for part in lost] == [2, 1]


def test_no_schedule_follows_one_with_a_timeout(c_side: CSide) -> None:
    build, function = c_side.build("int f(int n) { while (n) {} return 7; }", "f", "plain")
    tests = [make_test(function, 0), make_test(function, 1), make_test(function, 0)]
    schedules = [Schedule("forward"), Schedule("reverse")]
    (runs,) = run_schedules(build, tests, function, schedules, TestLimits(seconds=0.2))
    assert [run.outcome.status for run in runs] == [Status.OK, Status.TIMEOUT, Status.OK]
    both = run_schedules(build, tests[:1], function, schedules)
    assert [[run.returned for run in runs] for runs in both] == [[7], [7]]


def test_a_lost_process_costs_every_schedule_not_yet_reported(c_side: CSide) -> None:
    build, function = c_side.build("int f(int n) { return n; }", "f", "plain")
    build.executable.unlink()
    runs = run_schedules(build, [make_test(function, 1)], function, [Schedule("forward"), Schedule("reverse")])
    assert [[run.outcome.status for run in part] for part in runs] == [[Status.INFRASTRUCTURE]] * 2


def test_a_test_finds_nothing_of_the_results_of_the_one_before(c_side: CSide) -> None:
    text = r"""
    #include <stdio.h>
    #include <string.h>
    /* counts the bytes of MARK in shared anonymous mappings: the channel through which results leave */
    int f(unsigned char *a, int n) {
        FILE *maps = fopen("/proc/self/maps", "r");
        char line[512], flags[8];
        unsigned long begin, end;
        int found = 0;
        while (maps && fgets(line, sizeof line, maps)) {
            if (sscanf(line, "%lx-%lx %7s", &begin, &end, flags) != 3 || flags[0] != 'r' || flags[3] != 's') continue;
            for (unsigned char *p = (unsigned char *)begin; p < (unsigned char *)end; p++) found += *p == 0xd7;
        }
        memset(a, 0xd7, n);
        return found;
    }
    """
    runs = c_side.run(text, "f", ([0] * 100, 100), ([0] * 100, 100), mode="plain")
    assert [run.returned for run in runs] == [0, 0]


def test_of_much_output_the_beginning_and_the_end_are_kept(c_side: CSide) -> None:
    text = '#include <stdio.h>\nint f(int n) { for (int i = 0; i < n; i++) fprintf(stderr, "%06d\\n", i); return 0; }'
    limits = TestLimits(stderr_bytes=4000)
    short, long = c_side.run(text, "f", (571,), (20000,), limits=limits)
    assert short.outcome.stderr == b"".join(b"%06d\n" % i for i in range(571))
    lines = long.outcome.stderr.splitlines()
    assert len(long.outcome.stderr) == 4000
    assert (lines[0], lines[427], lines[-1]) == (b"000000", b"000427", b"019999")
