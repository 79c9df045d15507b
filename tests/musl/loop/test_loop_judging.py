"""What becomes a source of the loop, and how its translations and tests are judged, from either side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from lookup_parts import LookupParts
from loop_runs import MakeConfig

from data.corpus.row import Row, row_id
from data.testcase import TestCase
from musl.loop.bench import Bench, check_tests, compile_all, judge, judge_on_host
from musl.loop.measure_stage import measure_tests
from musl.loop.records import HeldOut
from musl.loop.source import Source, Unsuitable, c_side, cuda_side, function_of, source_of
from musl.loop.voices import Written
from musl.prepare import make_sandbox
from musl.verdict import VerdictStatus
from tester.neural.snippet import print_test

C = "void scale(float *x, int n) { for (int i = 0; i < n; i++) x[i] = 3.0f * x[i]; }\n"
KERNEL = """\
__global__ void scale_kernel(float *x, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) x[i] = 3.0f * x[i];
}
"""
HOST = "void run(float *x, int n)\n{\n    float *d;\n}\n"


def _row(text: str, *, host: str = "", name: str = "scale", includes: tuple[str, ...] = ()) -> Row:
    language, kind = ("cuda", "kernel") if "__global__" in text else ("c", "function")
    return Row(row_id(language, text), kind, language, name, text, "", 1, 1, "", host=host, includes=includes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    sandbox, obstacle = make_sandbox(tmp_path_factory.mktemp("scratch"), unsafe=False)
    assert sandbox is not None, obstacle
    yield Bench(sandbox, "emulator", ("forward", "reverse"), 0)


def _calls(*sizes: int, extra: int = 0) -> list[TestCase]:
    """Calls with arrays of these sizes; n is larger than the array by `extra`."""
    return [TestCase((np.arange(1, n + 1, dtype=np.float32), np.int32(n + extra))) for n in sizes]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("float sum(float *x) { return x[0]; }", "returns a value"),
        ("struct p { int a; };\nvoid f(struct p *x) { x->a = 1; }", "other than numbers"),
        ("int g(const float *x, int n);", "no function"),
        ("void f(const float *x, int n) { }", "no array to write to"),
        ("__global__ void a(float *x) { }\n__global__ void b(float *x) { }", "2 kernels"),
        ("__global__ void a(tensor_t x, float *y) { }", "types that are not known|cannot be read"),
    ],
)
def test_functions_whose_results_cannot_be_compared_are_no_sources(text: str, why: str) -> None:
    with pytest.raises(Unsuitable, match=why):
        source_of(_row(text, name="f"))


def test_a_kernel_keeps_a_host_function_only_if_it_passes_on_what_it_is_given() -> None:
    assert source_of(_row(f"{KERNEL}\n{HOST}", host=HOST)).host == HOST
    for other in (HOST.replace("int n", "long n"), HOST.replace("void run", "float run"), ""):
        assert source_of(_row(KERNEL, host=other)).host == ""
    assert source_of(_row(f"{KERNEL}\n{HOST}", host=HOST)).text.strip() == KERNEL.strip()  # models see the kernel alone


def test_macros_that_check_cuda_calls_do_not_reach_the_c_text() -> None:
    before = (
        "#include <cuda_runtime.h>\n#define BLOCK 64\n#define CHECK(c) \\\n    do { c; } while (0)\n#define TWO 2\n"
    )
    file, _ = c_side(Source("s", "cuda", "scale_kernel", KERNEL, before), C)
    assert file.text == f"#include <math.h>\n#define BLOCK 64\n#define TWO 2\n{C}"


def test_a_kernel_that_takes_other_parameters_cannot_be_called() -> None:
    source = source_of(_row(C))
    with pytest.raises(Unsuitable, match=r"its kernel takes \(float \*, long\), the C function \(float \*, int\)"):
        cuda_side(source, KERNEL.replace("int n", "long n"), function_of(source))
    assert "dim3(16, 16)" in cuda_side(source, KERNEL.replace("blockIdx.x", "blockIdx.y"), function_of(source)).text


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        (KERNEL, VerdictStatus.EQUIVALENT),
        (KERNEL.replace("3.0f", "2.0f"), VerdictStatus.DIFFERENT),
        (KERNEL.replace("if (i < n) ", ""), VerdictStatus.OUT_OF_BOUNDS),
        (KERNEL.replace("float *x", "double *x"), VerdictStatus.CANDIDATE_FAILED),
    ],
)
def test_a_kernel_is_judged_against_its_c_function(bench: Bench, text: str, verdict: VerdictStatus) -> None:
    judged = judge(bench, source_of(_row(C)), text, _calls(5, 300))
    assert judged.status is verdict
    assert judged.results in ((True, True), (False, False), ())


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        (C, VerdictStatus.EQUIVALENT),
        (C.replace("3.0f", "2.0f"), VerdictStatus.DIFFERENT),
        (C.replace("int n", "long n"), VerdictStatus.CANDIDATE_FAILED),
        # Right where it does not crash: the tests are valid for the kernel, so that does not excuse it.
        (C.replace("x[i] = 3", "x[n > 9 ? i - 1 : i] = 3"), VerdictStatus.CANDIDATE_FAILED),
    ],
)
def test_a_c_function_is_judged_against_its_kernel(bench: Bench, text: str, verdict: VerdictStatus) -> None:
    assert judge(bench, source_of(_row(KERNEL)), text, _calls(4, 5, 300)).status is verdict


def test_a_c_function_is_judged_against_another(bench: Bench) -> None:
    source = source_of(_row(C))
    found = [judge_on_host(bench, source, text, _calls(4, 7)).status for text in (C, C.replace("3.0f", "2.0f"))]
    assert found == [VerdictStatus.EQUIVALENT, VerdictStatus.DIFFERENT]


@pytest.mark.parametrize("text", [C, KERNEL])
def test_tests_are_valid_if_the_source_runs_clean_and_only_new_ones_raise_coverage(bench: Bench, text: str) -> None:
    found = check_tests(bench, source_of(_row(text)), [*_calls(3, extra=2), *_calls(4, 5)])
    assert [bool(fault) for fault in found.faults] == [True, False, False]
    assert found.covers[1:] == (True, False) and found.coverage is not None and found.coverage[0] > 90


@pytest.mark.parametrize("sizes", [(31,), ()])
def test_the_tests_of_a_tester_are_measured_by_the_faults_that_they_find(
    bench: Bench, make_config: MakeConfig, tmp_path: Path, sizes: tuple[int, ...]
) -> None:
    source = source_of(_row(C))
    written = [Written(print_test(test, function_of(source)) or "") for test in _calls(*sizes)]
    one = HeldOut("s", "scale", C, "", "simple", KERNEL, "scale_kernel", ())
    parts = LookupParts(make_config(tmp_path).training)
    found = measure_tests(bench, parts, one, (*written, Written("", "empty")), 3, 0)
    assert (found.faults, found.malformed) == (("",) * len(sizes) + ("empty",), ("empty",))
    assert found.planted == 3
    assert bool(found.killed) == bool(sizes)  # without tests nothing is found, which is not as if nothing was planted


def test_texts_are_compiled_together_and_one_that_does_not_costs_no_other() -> None:
    c, cuda = source_of(_row(C)), source_of(_row(KERNEL))
    texts = [KERNEL, KERNEL.replace("i < n", "j < n"), C]
    assert compile_all([c, c, cuda], texts) == [True, False, True]
    needs = replace(c, before="#define SIZE 4\n")
    assert compile_all([needs, c], [KERNEL.replace("3.0f", "SIZE")] * 2) == [True, False]


def test_paths_of_this_machine_play_no_part() -> None:
    assert c_side(source_of(_row(C)), C)[0].path.parent == Path("/pair")
