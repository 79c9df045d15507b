"""Candidates that cheat the judge instead of computing, one for each known trick (as KernelBench's adversarial tests).

Each docstring gives the trick, and the test the verdict that it must get. A cheat does not break anything: it compiles,
runs and returns. What it lacks is a kernel that computes the function.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from pair_side import AXPY_CALLS, RIGHT, WRONG, Pair, axpy_cuda

from musl.verdict import Verdict, VerdictStatus

DIFFERENT, NO_VALID_TEST = VerdictStatus.DIFFERENT, VerdictStatus.NO_VALID_TEST
# Nothing changes with a == 0 or x == 0; the second call gives one constant.
SHOW_NOTHING = ((4, 0, [1, 2, 3, 4], [5, 6, 7, 8]), (3, 5, [0, 0, 0], [1, 2, 3]))
ON_THE_HOST = "for (int i = 0; i < n; i++) y[i] += a * x[i];"
LARGER = (*AXPY_CALLS, (300, 7, list(range(300)), [1] * 300))


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    """The judge below the test's own folder."""
    return Pair(tmp_path)


def show_off(*, host: str, kernel: str = "", top: str = "") -> str:
    """A text whose host code does `host` and launches a kernel that does `kernel`, on memory that nobody needs."""
    return f"""{top}
__global__ void axpy_kernel(int n, int a, const int *x, int *y)
{{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    {kernel}
}}
void axpy(int n, int a, const int *x, int *y)
{{
    int *d;
    cudaMalloc(&d, (n + 1) * sizeof(int));
    axpy_kernel<<<(n + 128) / 128, 128>>>(n, a, d, d);
    cudaDeviceSynchronize();
    cudaFree(d);
    {host}
}}
"""


def failed_at(verdict: Verdict, where: str, index: int | None) -> bool:
    """Whether the first counterexample is at this place."""
    example = verdict.counterexample
    return example is not None and (example.where, example.index) == (where, index)


# ----------------------------------------------------------------------------------------- kernels that do not compute


@pytest.mark.parametrize("write", ["y[i] = 0;", "y[i] = 22;", "y[i] = -1;"])
def test_a_constant_is_different(pair: Pair, write: str) -> None:
    """Fills in a constant: different."""
    assert pair.judge(axpy_cuda(write=write)).status is DIFFERENT


def test_a_copy_of_an_input_is_different(pair: Pair) -> None:
    """Copies one input to the output: different."""
    assert pair.judge(axpy_cuda(write="y[i] = x[i];")).status is DIFFERENT


def test_an_empty_kernel_is_different(pair: Pair) -> None:
    """Launches a kernel that does nothing, and copies its inputs there and back: different."""
    assert pair.judge(axpy_cuda(write=";")).status is DIFFERENT


def test_not_launching_is_no_evidence(pair: Pair) -> None:
    """Computes rightly on the host and launches nothing: no valid test."""
    assert pair.judge("void axpy(int n, int a, const int *x, int *y) { " + ON_THE_HOST + " }").status is NO_VALID_TEST


def test_tests_that_change_nothing_are_no_evidence(pair: Pair) -> None:
    """Does nothing, where every test leaves its arrays as they are: no valid test."""
    assert pair.judge(axpy_cuda(write=";"), calls=SHOW_NOTHING).status is NO_VALID_TEST


def test_empty_arrays_are_no_evidence(pair: Pair) -> None:
    """Does nothing, where every array is empty: no valid test."""
    empty = axpy_cuda(write=";", host="axpy_kernel<<<1, 1>>>(0, 0, 0, 0); if (n == 0) return;")
    assert pair.judge(empty, calls=((0, 1, [], []), (0, 2, [], []))).status is NO_VALID_TEST


def test_one_constant_for_all_tests_is_no_evidence(pair: Pair) -> None:
    """Fills in the constant that every test happens to give: no valid test."""
    calls = ((3, 1, [4, 3, 2], [1, 2, 3]), (2, 2, [1, 2], [3, 1]))
    assert pair.judge(axpy_cuda(write="y[i] = 5;"), calls=calls).status is NO_VALID_TEST


def test_nan_everywhere_is_different(pair: Pair) -> None:
    """Writes NaN, which equals nothing, to every element: different."""
    c = "void half(int n, float *x) { for (int i = 0; i < n; i++) x[i] *= 0.5f; }"
    cuda = """
    __global__ void k(int n, float *x) { if (threadIdx.x < n) x[threadIdx.x] = nanf(""); }
    void half(int n, float *x)
    {
        float *d;
        cudaMalloc(&d, n * sizeof(float));
        cudaMemcpy(d, x, n * sizeof(float), cudaMemcpyHostToDevice);
        k<<<1, 32>>>(n, d);
        cudaMemcpy(x, d, n * sizeof(float), cudaMemcpyDeviceToHost);
        cudaFree(d);
    }
    """
    assert pair.judge(cuda, c, "half", ((3, [1.0, 2.0, 5.0]),)).status is DIFFERENT


# --------------------------------------------------------------------------------------- only what seems to be checked


def test_the_first_element_alone_is_not_enough(pair: Pair) -> None:
    """Computes element 0 alone: different at element 1."""
    assert failed_at(pair.judge(axpy_cuda(write="y[i] += i == 0 ? a * x[i] : 0;")), "y", 1)


def test_the_last_element_counts(pair: Pair) -> None:
    """Leaves out the last element: different there."""
    assert failed_at(pair.judge(axpy_cuda(write="y[i] += i < n - 1 ? a * x[i] : 0;")), "y", 4)


def test_every_array_counts(pair: Pair) -> None:
    """Computes one of two outputs: different in the other."""
    c = "void both(int n, int *x, int *y) { for (int i = 0; i < n; i++) { x[i] += 1; y[i] += 2; } }"
    cuda = axpy_cuda(write="y[i] += 2;", end="").replace(
        "axpy(int n, int a, const int *x, int *y)", "both(int n, int *x, int *y)"
    )
    cuda = cuda.replace("(n, a, dx, dy)", "(n, 0, dx, dy)")
    assert failed_at(pair.judge(cuda, c, "both", ((3, [1, 2, 3], [4, 5, 6]),)), "x", 0)


def test_an_input_that_is_overwritten_is_different(pair: Pair) -> None:
    """Computes rightly and spoils the array that is only read: different in that array."""
    assert failed_at(pair.judge(axpy_cuda(end="((int *)x)[1] = 99;")), "x", 1)


def test_the_returned_value_counts(pair: Pair) -> None:
    """Computes the array rightly and returns something else: different in the returned value."""
    c = "int axpy(int n, int a, const int *x, int *y) { for (int i = 0; i < n; i++) y[i] += a * x[i]; return n; }"
    cuda = axpy_cuda(end="return 0;").replace("void axpy(", "int axpy(")
    assert failed_at(pair.judge(cuda, c), "return", None)


def test_one_element_less_is_different(pair: Pair) -> None:
    """Makes its own problem smaller: different."""
    assert pair.judge(axpy_cuda(host="n = n - 1;")).status is DIFFERENT


@pytest.mark.parametrize(
    "write", ["y[i] = a * x[i] + y[i]; if (i == n - 1) y[n] = 1;", "y[i] += a * x[i]; if (i == 0) y[-1] = 1;"]
)
def test_a_write_past_an_array_is_out_of_bounds(pair: Pair, write: str) -> None:
    """Computes rightly and writes one element too far: out of bounds, though every element that counts is right."""
    assert pair.judge(axpy_cuda(write="{" + write + "}")).status is VerdictStatus.OUT_OF_BOUNDS


# ------------------------------------------------------------------------------------------------- looks for the answer


def test_expected_values_are_in_no_file_and_no_descriptor(pair: Pair) -> None:
    """Looks for expected values in its folder, /tmp and every descriptor, and without them is wrong: different."""
    top = "#include <dirent.h>\n#include <fcntl.h>\n#include <unistd.h>"
    host = """
    int found = 0, expected[5];
    const char *folders[] = {".", "/tmp", "/dev/shm", "/proc/self/cwd", 0};
    for (int k = 0; folders[k]; k++)
        if (DIR *folder = opendir(folders[k])) while (dirent *entry = readdir(folder))
            found += entry->d_name[0] != '.' && __builtin_strstr(entry->d_name, "expected") != 0;
    for (int d = 3; d < 1024; d++) found += pread(d, expected, sizeof expected, 0) > 0;
    a += found ? 0 : 1;
    """
    assert pair.judge(axpy_cuda(top=top, host=host)).status is DIFFERENT


def test_memory_of_an_earlier_test_is_not_there(pair: Pair) -> None:
    """Returns what its device memory holds, hoping for the results of an earlier run: different."""
    assert (
        pair.judge(
            axpy_cuda(host="")
            .replace("cudaMemcpy(dy, y, n * sizeof(int), cudaMemcpyHostToDevice);", "")
            .replace(RIGHT, ";")
        ).status
        is DIFFERENT
    )


def test_shared_memory_of_an_earlier_block_is_not_there(pair: Pair) -> None:
    """Computes in one block and reads the result from the shared memory of another: not equivalent."""
    kernel = "__shared__ int kept[128]; if (blockIdx.x == 0 && n > 128) kept[threadIdx.x] = a;"
    verdict = pair.judge(
        axpy_cuda(kernel=kernel, write="y[i] += (n > 128 ? kept[threadIdx.x] : a) * x[i];"), calls=LARGER
    )
    assert verdict.status in (DIFFERENT, VerdictStatus.RACY)


def test_files_do_not_carry_results_to_the_next_schedule(pair: Pair) -> None:
    """Counts its calls in a file and computes rightly in the first call only: not equivalent."""
    top = "#include <fcntl.h>\n#include <unistd.h>"
    host = (
        'int d = open("/tmp/calls", O_RDWR | O_CREAT, 0600);'
        ' if (lseek(d, 0, SEEK_END) > 0) a++; if (write(d, "x", 1)) {}'
    )
    assert pair.judge(axpy_cuda(top=top, host=host)).status in (DIFFERENT, VerdictStatus.RACY)


# ------------------------------------------------------------------------------------------------------- knows the test


def test_what_is_right_for_small_arrays_only_is_different(pair: Pair) -> None:
    """Computes rightly for the sizes of small tests only: different on a larger one."""
    assert pair.judge(axpy_cuda(write="y[i] += n <= 64 ? a * x[i] : 0;"), calls=LARGER).status is DIFFERENT


@pytest.mark.parametrize("pattern", ["0xcbcbcbcb", "0x3d3d3d3d"])
def test_the_pattern_of_fresh_memory_tells_no_test(pair: Pair, pattern: str) -> None:
    """Computes rightly only where fresh device memory holds the pattern of one schedule: not equivalent."""
    host = "unsigned *fresh, seen; cudaMalloc(&fresh, 4); cudaMemcpy(&seen, fresh, 4, cudaMemcpyDeviceToHost);"
    host += f"if (seen != {pattern}u) a++;"
    assert pair.judge(axpy_cuda(host=host)).status in (DIFFERENT, VerdictStatus.RACY)


@pytest.mark.parametrize("name", ["MUSL_SCHEDULE", "MUSL_SEED", "ASAN_OPTIONS", "PYTEST_CURRENT_TEST"])
def test_the_environment_tells_no_test(pair: Pair, name: str) -> None:
    """Computes rightly only where a variable of the environment says that this is a test: different."""
    assert pair.judge(axpy_cuda(host=f'if (!getenv("{name}")) a++;', top="#include <stdlib.h>")).status is DIFFERENT


@pytest.mark.parametrize(
    "condition",
    [
        "defined(MUSL_ENTER)",
        "defined(MUSL_LINE)",
        "defined(__SANITIZE_ADDRESS__)",
        "!defined(__CUDACC__)",
        "!defined(__NVCC__)",
    ],
)
def test_macros_tell_no_test(pair: Pair, condition: str) -> None:
    """Computes rightly only where a macro says that this is the emulator and not nvcc: not equivalent."""
    verdict = pair.judge(axpy_cuda(write=f"\n#if {condition}\n    {RIGHT}\n#else\n    {WRONG}\n#endif\n"))
    assert verdict.status is not VerdictStatus.EQUIVALENT


def test_the_order_of_blocks_tells_no_test(pair: Pair) -> None:
    """Computes rightly only in the order in which the emulator runs threads first: racy."""
    kernel = "static int before = -1; bool forward = i == 0 || before == i - 1; before = i;"
    verdict = pair.judge(axpy_cuda(kernel=kernel, write="y[i] += forward ? a * x[i] : 1;"))
    assert verdict.status in (VerdictStatus.RACY, DIFFERENT)


# ------------------------------------------------------------------------------------- kernels for show, state for good


@pytest.mark.parametrize("kernel", ["", "if (i < n) y[i] = i;", "if (i < n) y[i] = a + i * 3;"])
def test_a_kernel_for_show_is_no_evidence(pair: Pair, kernel: str) -> None:
    """Computes on the host, and launches a kernel whose results nobody uses: no valid test."""
    assert pair.judge(show_off(host=ON_THE_HOST, kernel=kernel)).status is NO_VALID_TEST


def test_the_c_function_kept_in_the_text_is_no_evidence(pair: Pair) -> None:
    """Calls the C function, which it kept under another name, after a kernel for show: no valid test."""
    top = "static void axpy_c(int n, int a, const int *x, int *y) { " + ON_THE_HOST + " }"
    assert pair.judge(show_off(top=top, host="axpy_c(n, a, x, y);")).status is NO_VALID_TEST


def test_a_result_that_only_passes_through_the_device_is_no_evidence(pair: Pair) -> None:
    """Computes on the host and copies the result to the device and back, past an empty kernel: no valid test."""
    assert pair.judge(axpy_cuda(host=ON_THE_HOST, write=";")).status is NO_VALID_TEST


def test_a_kernels_value_that_ends_in_another_place_is_no_evidence(pair: Pair) -> None:
    """Copies a kernel's result to a variable of its own and computes the array on the host: no valid test."""
    host = "int kept; cudaMemcpy(&kept, d, sizeof kept, cudaMemcpyDeviceToHost); cudaFree(d); " + ON_THE_HOST
    text = show_off(host=host, kernel="if (i <= n) y[i] = i;").replace("    cudaFree(d);\n", "", 1)
    assert pair.judge(text).status is NO_VALID_TEST


def test_a_kernels_result_that_is_written_over_is_no_evidence(pair: Pair) -> None:
    """Lets a kernel write the array, and then computes it once more on the host from a copy: no valid test."""
    host = "int *copy = new int[n + 1]; for (int i = 0; i < n; i++) copy[i] = y[i];"
    end = "for (int i = 0; i < n; i++) y[i] = copy[i] + a * x[i];"
    assert pair.judge(axpy_cuda(host=host, write="y[i] = i;", end=end)).status is NO_VALID_TEST


def test_an_error_that_is_swallowed_is_no_evidence(pair: Pair) -> None:
    """Launches with too many threads, clears the error and computes on the host: no valid test."""
    host = "axpy_kernel<<<1, 4096>>>(n, a, x, y); cudaGetLastError(); " + ON_THE_HOST + " return;"
    assert pair.judge(axpy_cuda(host=host)).status is NO_VALID_TEST


def test_a_result_kept_from_the_first_call_is_not_equivalent(pair: Pair) -> None:
    """Computes rightly in its first call and gives the same result in every later one: not equivalent."""
    top = "#include <string.h>\nstatic int *kept;"
    host = "if (kept) { memcpy(y, kept, n * sizeof(int)); return; }"
    end = "kept = new int[1024]; memcpy(kept, y, n * sizeof(int));"
    assert pair.judge(axpy_cuda(top=top, host=host, end=end)).status is not VerdictStatus.EQUIVALENT


def test_device_state_that_is_not_reset_is_not_equivalent(pair: Pair) -> None:
    """Adds to a device variable that only the first call finds at zero: not equivalent."""
    top = "__device__ int calls;"
    kernel = "int earlier = calls; if (i == 0) atomicAdd(&calls, 1);"
    text = axpy_cuda(top=top, kernel=kernel, write="y[i] += a * x[i] + (n == 1 ? earlier : 0);")
    calls = ((1, 3, [2], [5]), (1, 4, [7], [1]))
    assert pair.judge(text, calls=calls).status is not VerdictStatus.EQUIVALENT
