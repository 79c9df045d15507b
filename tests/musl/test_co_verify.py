"""Verdicts on right and wrong hand-written CUDA: each with the verdict that it must get."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from compile.fault import FaultKind
from compile.sandbox import Sandbox
from data.find_functions import find_functions
from data.function import Function
from data.source_file import SourceFile
from data.testcase import TestCase
from musl.co_verify import co_verify
from musl.findings import describe_argument
from musl.verdict import Verdict, VerdictStatus
from tester.fuzz import FuzzTester
from tester.protocol import TestSuite
from translator.analytic.prelude import PRELUDE

SAXPY = "void saxpy(int n, float a, const float *x, float *y) { for (int i = 0; i < n; i++) y[i] = a * x[i] + y[i]; }\n"
SAXPY_CUDA = """
__global__ void kernel(int n, float a, const float *x, float *y)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = a * x[i] + y[i];
}
void saxpy(int n, float a, const float *x, float *y)
{
    if (n <= 0) return;
    float *dx, *dy;
    size_t bytes = n * sizeof(float);
    cudaMalloc(&dx, bytes);
    cudaMalloc(&dy, bytes);
    cudaMemcpy(dx, x, bytes, cudaMemcpyHostToDevice);
    cudaMemcpy(dy, y, bytes, cudaMemcpyHostToDevice);
    kernel<<<(n + 127) / 128, 128>>>(n, a, dx, dy);
    cudaMemcpy(y, dy, bytes, cudaMemcpyDeviceToHost);
    cudaFree(dx);
    cudaFree(dy);
}
"""
SUM = "float sum(int n, const float *x) { float s = 0; for (int i = 0; i < n; i++) s += x[i]; return s; }\n"
SUM_CUDA = """
__global__ void kernel(int n, const float *x, float *out)
{
    __shared__ float part[64];
    float s = 0;
    for (int i = threadIdx.x; i < n; i += blockDim.x) s += x[i];
    part[threadIdx.x] = s;
    for (int half = 32; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) part[threadIdx.x] += part[threadIdx.x + half];
    }
    if (threadIdx.x == 0) *out = part[0];
}
float sum(int n, const float *x)
{
    if (n <= 0) return 0;
    float *dx, *out, s;
    cudaMalloc(&dx, n * sizeof(float));
    cudaMalloc(&out, sizeof(float));
    cudaMemcpy(dx, x, n * sizeof(float), cudaMemcpyHostToDevice);
    kernel<<<1, 64>>>(n, dx, out);
    cudaMemcpy(&s, out, sizeof(float), cudaMemcpyDeviceToHost);
    cudaFree(dx);
    cudaFree(out);
    return s;
}
"""
LAST = "void last(int n, const int *x, int *out) { for (int i = 0; i < n; i++) out[0] = x[i]; }\n"
LAST_CUDA = """
__global__ void kernel(int n, const int *x, int *out)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) out[0] = x[i];
}
void last(int n, const int *x, int *out)
{
    if (n <= 0) return;
    int *dx, *d;
    cudaMalloc(&dx, n * sizeof(int));
    cudaMalloc(&d, sizeof(int));
    cudaMemcpy(dx, x, n * sizeof(int), cudaMemcpyHostToDevice);
    kernel<<<(n + 63) / 64, 64>>>(n, dx, d);
    cudaMemcpy(out, d, sizeof(int), cudaMemcpyDeviceToHost);
    cudaFree(dx);
    cudaFree(d);
}
"""


class Pair:
    """A C function with its tests, ready to be compared with candidates."""

    def __init__(self, c_text: str, scratch: Path, tests: TestSuite | None = None) -> None:
        self.source = SourceFile(scratch / "pair.c", c_text, "c")
        self.function: Function = find_functions(self.source).functions[0]
        self.scratch, self.sandbox = scratch, Sandbox(scratch)
        self.tests = tests or FuzzTester(self.source, self.sandbox).make_tests(self.function, 12, seed=1)

    def verify(self, cuda_text: str) -> Verdict:
        return co_verify(self.source, self.function, cuda_text, self.tests, sandbox=self.sandbox, scratch=self.scratch)


@pytest.fixture(scope="module")
def saxpy(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return Pair(SAXPY, tmp_path_factory.mktemp("saxpy"))


@pytest.fixture(scope="module")
def total(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return Pair(SUM, tmp_path_factory.mktemp("sum"))


def replaced(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new)


def test_a_right_candidate_is_equivalent(saxpy: Pair) -> None:
    verdict = saxpy.verify(SAXPY_CUDA)
    assert verdict.status is VerdictStatus.EQUIVALENT, verdict.reason
    assert verdict.tests_run == verdict.tests_passed >= 9
    assert verdict.tests_run < len(saxpy.tests.tests)  # n <= 0 launches nothing
    assert len(verdict.schedules) >= 3
    assert verdict.counterexample is None


@pytest.mark.parametrize(
    ("fault", "old", "new", "status"),
    [
        ("missing guard", "if (i < n) ", "", VerdictStatus.OUT_OF_BOUNDS),
        ("off by one", "i < n", "i < n - 1", VerdictStatus.DIFFERENT),
        ("wrong constant", "a * x[i]", "1.00001f * a * x[i]", VerdictStatus.DIFFERENT),
        ("result not copied back", "cudaMemcpy(y, dy", "cudaMemcpy(dy, dy", VerdictStatus.CANDIDATE_FAILED),
        ("input not copied", "cudaMemcpy(dx, x, bytes, cudaMemcpyHostToDevice);", "", VerdictStatus.DIFFERENT),
        ("copies more than the array", "size_t bytes = n", "size_t bytes = (n + 1)", VerdictStatus.OUT_OF_BOUNDS),
        ("host pointer in the kernel", "(n, a, dx, dy)", "(n, a, x, dy)", VerdictStatus.CANDIDATE_FAILED),
        ("too many threads", "<<<(n + 127) / 128, 128>>>", "<<<1, 2048>>>", VerdictStatus.CANDIDATE_FAILED),
        ("too few blocks", "(n + 127) / 128", "n / 128 + (n < 128)", VerdictStatus.DIFFERENT),
        ("crash", "if (n <= 0) return;", "if (n > 64) *(volatile int *)0 = 1;", VerdictStatus.OUT_OF_BOUNDS),
        ("does not compile", "float *dx, *dy;", "float *dx, *dy", VerdictStatus.CANDIDATE_FAILED),
    ],
)
def test_a_fault_gets_its_verdict(saxpy: Pair, fault: str, old: str, new: str, status: VerdictStatus) -> None:
    verdict = saxpy.verify(replaced(SAXPY_CUDA, old, new))
    assert verdict.status is status, f"{fault}: {verdict.reason}"
    assert verdict.reason


def test_a_difference_comes_with_its_inputs(saxpy: Pair) -> None:
    verdict = saxpy.verify(replaced(SAXPY_CUDA, "i < n", "i < n - 1"))
    example = verdict.counterexample
    assert example is not None
    assert set(example.inputs) == {"n", "a", "x", "y"}
    assert (example.where, example.index) == ("y", int(example.inputs["n"]) - 1)
    assert example.expected != example.got
    assert example.inputs["y"].startswith(f"float32[{example.inputs['n']}] {{")


def test_a_candidate_that_does_nothing_is_different(saxpy: Pair) -> None:
    verdict = saxpy.verify("void saxpy(int n, float a, const float *x, float *y) {}\n")
    assert verdict.status is VerdictStatus.DIFFERENT


def test_computing_on_the_host_is_no_evidence(saxpy: Pair) -> None:
    verdict = saxpy.verify(SAXPY)
    assert verdict.status is VerdictStatus.NO_VALID_TEST
    assert "launched" in verdict.reason
    assert verdict.tests_run == 0


def test_a_function_that_changes_nothing_shows_nothing(tmp_path: Path) -> None:
    text = "void keep(int n, float *x) { for (int i = 0; i < n; i++) x[i] = x[i]; }\n"
    cuda = "__global__ void kernel() {}\nvoid keep(int n, float *x) { kernel<<<1, 1>>>(); cudaDeviceSynchronize(); }\n"
    verdict = Pair(text, tmp_path).verify(cuda)
    assert verdict.status is VerdictStatus.NO_VALID_TEST
    assert "equal the inputs" in verdict.reason


def test_a_sum_in_another_order_is_equivalent(total: Pair) -> None:
    verdict = total.verify(SUM_CUDA)
    assert verdict.status is VerdictStatus.EQUIVALENT, verdict.reason


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("int i = threadIdx.x;", "int i = threadIdx.x + 1;"),
        ("int half = 32", "int half = 16"),
        ("return s;", "return s * 1.0001f;"),
    ],
)
def test_a_wrong_sum_is_different(total: Pair, old: str, new: str) -> None:
    assert total.verify(replaced(SUM_CUDA, old, new)).status is VerdictStatus.DIFFERENT


def test_a_missing_barrier_is_not_equivalent(total: Pair) -> None:
    verdict = total.verify(replaced(SUM_CUDA, "__syncthreads();", ""))
    assert verdict.status in (VerdictStatus.RACY, VerdictStatus.DIFFERENT)


def test_atomic_float_sums_are_not_called_racy(total: Pair) -> None:
    cuda = SUM_CUDA.replace("if (threadIdx.x == 0) *out = part[0];", "")
    cuda = replaced(cuda, "part[threadIdx.x] = s;", "atomicAdd(out, s); return;")
    cuda = replaced(cuda, "kernel<<<1, 64>>>", "cudaMemset(out, 0, sizeof(float)); kernel<<<1, 64>>>")
    verdict = total.verify(cuda)
    assert verdict.status is VerdictStatus.EQUIVALENT, verdict.reason


def test_the_last_writer_wins_only_in_order(tmp_path: Path) -> None:
    verdict = Pair(LAST, tmp_path).verify(LAST_CUDA)
    assert verdict.status is VerdictStatus.RACY
    assert "order of threads" in verdict.reason


def test_a_test_that_is_not_valid_for_the_c_side_is_no_test(tmp_path: Path) -> None:
    too_short = TestCase((np.int32(9), np.float32(1), np.ones(3, np.float32), np.ones(9, np.float32)), "dataset")
    verdict = Pair(SAXPY, tmp_path, TestSuite((too_short,), None, 0)).verify(SAXPY_CUDA)
    assert verdict.status is VerdictStatus.NO_VALID_TEST
    assert "heap-buffer-overflow" in verdict.reason


def test_a_dataset_test_that_reads_an_uninitialised_variable_is_no_test(tmp_path: Path) -> None:
    text = "void f(int n, int *x) { int s; for (int i = 0; i < n; i++) x[i] = s; }\n"
    cuda = "__global__ void k() {}\nvoid f(int n, int *x) { k<<<1, 1>>>(); for (int i = 0; i < n; i++) x[i] = 0; }\n"
    test = TestCase((np.int32(3), np.ones(3, np.int32)), "dataset")
    verdict = Pair(text, tmp_path, TestSuite((test,), None, 0)).verify(cuda)
    assert verdict.status is VerdictStatus.NO_VALID_TEST
    assert "uninitialised" in verdict.reason


def test_without_tests_there_is_no_verdict(tmp_path: Path) -> None:
    verdict = Pair(SAXPY, tmp_path, TestSuite((), None, 7, "runtime error: shift")).verify(SAXPY_CUDA)
    assert verdict.status is VerdictStatus.NO_VALID_TEST
    assert "shift" in verdict.reason


def test_a_c_side_that_does_not_compile_is_not_the_candidates_fault(tmp_path: Path) -> None:
    pair = Pair(SAXPY, tmp_path, TestSuite((_saxpy_test(),), None, 0))
    pair.source = SourceFile(pair.source.path, "#include <no_such_header.h>\n" + SAXPY, "c")
    verdict = pair.verify(SAXPY_CUDA)
    assert verdict.status is VerdictStatus.NO_VALID_TEST
    assert "no_such_header.h" in verdict.reason


@pytest.mark.parametrize(
    ("argument", "text"),
    [
        (None, "null"),
        (np.int32(7), "7"),
        (np.float32(0.1), "0.100000001"),
        (np.arange(3, dtype=np.int32), "int32[3] {0, 1, 2}"),
        (np.arange(99, dtype=np.int64), "int64[99] {0, 1, 2, 3, 4, 5, 6, 7, ...}"),
        (np.zeros(0, np.float64), "float64[0] {}"),
    ],
)
def test_inputs_are_shown_in_short(argument: np.generic | np.ndarray | None, text: str) -> None:
    assert describe_argument(argument) == text


def _saxpy_test() -> TestCase:
    return TestCase((np.int32(2), np.float32(1), np.ones(2, np.float32), np.ones(2, np.float32)))


VARIANCE = """
float variance(int n, const float *x)
{
    float s = 0, q = 0;
    for (int i = 0; i < n; i++) { s += x[i]; q += x[i] * x[i]; }
    return q / n - (s / n) * (s / n);
}
"""
VARIANCE_CUDA = """
__global__ void kernel(int n, const float *x, float *out)
{
    __shared__ float s[64], q[64];
    s[threadIdx.x] = q[threadIdx.x] = 0;
    for (int i = threadIdx.x; i < n; i += 64) { s[threadIdx.x] += x[i]; q[threadIdx.x] += x[i] * x[i]; }
    __syncthreads();
    if (threadIdx.x == 0) {
        float a = 0, b = 0;
        for (int i = 63; i >= 0; i--) { a += s[i]; b += q[i]; }
        *out = b / n - (a / n) * (a / n);
    }
}
float variance(int n, const float *x)
{
    float *dx, *out, v;
    cudaMalloc(&dx, n * sizeof(float));
    cudaMalloc(&out, sizeof(float));
    cudaMemcpy(dx, x, n * sizeof(float), cudaMemcpyHostToDevice);
    kernel<<<1, 64>>>(n, dx, out);
    cudaMemcpy(&v, out, sizeof(float), cudaMemcpyDeviceToHost);
    cudaFree(dx);
    cudaFree(out);
    return v;
}
"""


def test_cancellation_of_a_reordered_sum_is_rounding_and_a_wrong_factor_is_not(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    tests = [TestCase((np.int32(n), (1 + rng.normal(0, 1e-3, n)).astype(np.float32))) for n in (7, 100, 1009)]
    tests.append(TestCase((np.int32(500), rng.normal(0, 1, 500).astype(np.float32))))
    pair = Pair(VARIANCE, tmp_path, TestSuite(tuple(tests), None, 0))
    verdict = pair.verify(VARIANCE_CUDA)
    assert verdict.status is VerdictStatus.EQUIVALENT, verdict.reason
    wrong = pair.verify(replaced(VARIANCE_CUDA, "*out = b / n", "*out = b / (n + 0.01f)"))
    assert wrong.status is VerdictStatus.DIFFERENT


@pytest.mark.slow
def test_a_kernel_that_does_not_end_has_failed(tmp_path: Path) -> None:
    pair = Pair(SAXPY, tmp_path, TestSuite((_saxpy_test(),), None, 0))
    verdict = pair.verify(replaced(SAXPY_CUDA, "if (i < n)", "while (n > 0 && x[0] == 1) ; if (i < n)"))
    assert verdict.status is VerdictStatus.CANDIDATE_FAILED
    assert "time" in verdict.reason


COUNT = "void count(int n, const unsigned char *x, int *h) { for (int i = 0; i < n; i++) h[x[i]]++; }\n"
COUNT_CUDA = """
__global__ void kernel(int n, const unsigned char *x, int *h)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) atomicAdd(&h[x[i]], 1);
}
void count(int n, const unsigned char *x, int *h)
{
    if (n <= 0) return;
    int bins = 0;
    for (int i = 0; i < n; i++) if (x[i] >= bins) bins = x[i] + 1;
    unsigned char *dx;
    int *dh;
    cudaMalloc(&dx, n);
    cudaMalloc(&dh, bins * sizeof(int));
    cudaMemcpy(dx, x, n, cudaMemcpyHostToDevice);
    cudaMemcpy(dh, h, bins * sizeof(int), cudaMemcpyHostToDevice);
    kernel<<<(n + 63) / 64, 64>>>(n, dx, dh);
    cudaMemcpy(h, dh, bins * sizeof(int), cudaMemcpyDeviceToHost);
    cudaFree(dx);
    cudaFree(dh);
}
"""


def test_tests_after_two_that_do_not_end_show_nothing(saxpy: Pair) -> None:
    """The candidate is wrong by then; the others are not run, and nobody says that they told it apart."""
    verdict = saxpy.verify(replaced(SAXPY_CUDA, "if (i < n)", "while (n > 0) i++; if (i < n)"))
    assert verdict.status is VerdictStatus.CANDIDATE_FAILED and "its time was used up" in verdict.reason
    assert verdict.results.count(False) == 2 and None in verdict.results


def test_a_histogram_needs_atomics(tmp_path: Path) -> None:
    pair = Pair(COUNT, tmp_path)
    right = pair.verify(COUNT_CUDA)
    assert right.status is VerdictStatus.EQUIVALENT, right.reason
    racy = pair.verify(replaced(COUNT_CUDA, "atomicAdd(&h[x[i]], 1)", "h[x[i]] += 1"))
    assert racy.status is VerdictStatus.RACY
    assert racy.reason.split(": ", 1)[1].startswith("race: ")
    assert racy.counterexample is not None


STRIDED_CUDA = f"""
{PRELUDE}
__global__ void kernel(int n, float a, const float *x, float *y)
{{
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {{
        y[i] = a * x[i] + y[i];
    }}
}}
void saxpy(int n, float a, const float *x, float *y)
{{
    musl_range used = {{0, n > 0 ? n : 0}};
    if (used.empty()) return;
    auto dx = musl_upload(x, used, true);
    auto dy = musl_upload(y, used, true);
    kernel<<<musl_blocks(n, 64, 65535), 64>>>(n, a, dx, dy);
    musl_download(y, dy, used);
    musl_release(dx, used);
    musl_release(dy, used);
}}
"""


def test_a_loop_that_does_not_stride_is_found_with_few_blocks(saxpy: Pair) -> None:
    verdict = saxpy.verify(STRIDED_CUDA)
    assert verdict.status is VerdictStatus.EQUIVALENT, verdict.reason
    once = saxpy.verify(replaced(STRIDED_CUDA, "y[i] = a * x[i] + y[i];", "y[i] = a * x[i] + y[i]; break;"))
    assert once.status is VerdictStatus.DIFFERENT
    assert "few blocks" in once.reason
    block = saxpy.verify(replaced(STRIDED_CUDA, "gridDim.x * blockDim.x", "blockDim.x"))
    assert block.status in (VerdictStatus.DIFFERENT, VerdictStatus.RACY)


DOUBLE = "void twice(int n, int *a) { for (int i = 0; i < n; i++) a[i] *= 2; }\n"
SHOW = """
__global__ void kernel(int *d) { d[threadIdx.x] = 1; }
void twice(int n, int *a)
{
    int *d;
    cudaMalloc(&d, 32 * sizeof(int));
    kernel<<<1, 32>>>(d);
    for (int i = 0; i < n; i++) a[i] *= 2;
    cudaFree(d);
}
"""


def test_a_kernel_for_show_is_no_evidence(tmp_path: Path) -> None:
    verdict = Pair(DOUBLE, tmp_path).verify(SHOW)
    assert verdict.status is VerdictStatus.NO_VALID_TEST, verdict.reason
    assert "kernels that do nothing" in verdict.reason


PICK = "void pick(int n, const int *a, int *b) { for (int i = 0; i < n; i++) b[i] = a[i]; }\n"
PICK_CUDA = """
__global__ void kernel(int n, const int *a, int *b, const int *spare)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) b[i] = SELECT;
}
void pick(int n, const int *a, int *b)
{
    if (n <= 0) return;
    int *da, *db, *spare;
    cudaMalloc(&da, n * sizeof(int));
    cudaMalloc(&db, n * sizeof(int));
    cudaMalloc(&spare, n * sizeof(int));
    cudaMemcpy(da, a, n * sizeof(int), cudaMemcpyHostToDevice);
    kernel<<<(n + 63) / 64, 64>>>(n, da, db, spare);
    cudaMemcpy(b, db, n * sizeof(int), cudaMemcpyDeviceToHost);
    cudaFree(da);
    cudaFree(db);
    cudaFree(spare);
}
"""


@pytest.mark.parametrize(
    ("select", "status"),
    [
        ("spare[i] == 0 ? 7 : a[i]", VerdictStatus.DIFFERENT),  # right unless fresh memory holds zeros, as on a GPU
        ("a[i] + spare[i] - spare[i]", VerdictStatus.EQUIVALENT),  # whatever it holds
    ],
)
def test_memory_that_was_never_written_counts_where_it_decides(
    tmp_path: Path, select: str, status: VerdictStatus
) -> None:
    verdict = Pair(PICK, tmp_path).verify(PICK_CUDA.replace("SELECT", select))
    assert verdict.status is status, verdict.reason
    if status is VerdictStatus.DIFFERENT:
        assert verdict.fault is not None
        assert verdict.fault.kind is FaultKind.UNINITIALISED_READ
        assert verdict.fault.line == 5


def test_a_fault_names_kind_place_and_index(saxpy: Pair) -> None:
    verdict = saxpy.verify(SAXPY_CUDA.replace("if (i < n) ", ""))
    assert verdict.fault is not None
    assert (verdict.fault.kind, verdict.fault.kernel, verdict.fault.line) == (FaultKind.OUT_OF_BOUNDS, "kernel", 5)
    assert verdict.fault.index is not None


ONES = "void ones(int n, int *a) { for (int i = 0; i < n; i++) a[i] = a[i] > 0; }\n"
ONES_CUDA = """
__global__ void kernel(int n, int *a) { if (threadIdx.x < n) a[threadIdx.x] = 1; }
void ones(int n, int *a)
{
    int *d;
    cudaMalloc(&d, n * sizeof(int));
    cudaMemcpy(d, a, n * sizeof(int), cudaMemcpyHostToDevice);
    kernel<<<1, 64>>>(n, d);
    cudaMemcpy(a, d, n * sizeof(int), cudaMemcpyDeviceToHost);
    cudaFree(d);
}
"""


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (ONES, VerdictStatus.NO_VALID_TEST),  # other inputs would give zeros
        (ONES.replace("a[i] > 0", "1"), VerdictStatus.EQUIVALENT),  # the function does fill in ones
    ],
)
def test_tests_with_one_constant_do_not_count_unless_the_function_is_constant(
    tmp_path: Path, text: str, status: VerdictStatus
) -> None:
    calls = tuple(TestCase((np.int32(3), np.array([5, k, 9], np.int32)), "dataset") for k in (6, 7))
    verdict = Pair(text, tmp_path, TestSuite(calls, None, 0)).verify(ONES_CUDA)
    assert verdict.status is status, verdict.reason
