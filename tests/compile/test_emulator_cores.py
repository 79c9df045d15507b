"""Long launches spread over several operating-system threads: results, faults and limits stay as on one."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from c_side import make_test
from cuda_side import CudaSide

from compile.emulator.build import runtime_objects
from compile.fault import FaultKind, read_fault
from compile.outcome import Status
from compile.run_record import TestRun
from compile.runner import Schedule, TestLimits, run_schedules
from compile.toolchain import find_gxx

SIGNATURE = "void f(float *a, int n, int m)"
BLOCKS = 800  # of 64 threads, long enough to be spread
SCHEDULES = [Schedule("forward"), Schedule("reverse"), Schedule("shuffle", 3)]
# Each thread works for some microseconds.
WORK = "__device__ float work(float v, int m) { for (int j = 0; j < m; j++) v = v * 0.999f + 0.25f; return v; }\n"


def run(
    cuda_side: CudaSide, kernel: str, *workers: int, m: int = 300, blocks: int = BLOCKS, seconds: float = 5.0
) -> list[list[TestRun]]:
    """`k<<<blocks, 64>>>(d, n, m)` on n = 64 * blocks elements, in each schedule, for each number of workers."""
    cuda = f"""{WORK}{kernel}
void f(float *a, int n, int m) {{
    float *d;
    cudaMalloc(&d, n * sizeof(float));
    cudaMemcpy(d, a, n * sizeof(float), cudaMemcpyHostToDevice);
    k<<<n / 64, 64>>>(d, n, m);
    cudaMemcpy(a, d, n * sizeof(float), cudaMemcpyDeviceToHost);
    cudaFree(d);
}}
"""
    build, function = cuda_side.build(cuda, SIGNATURE)
    test = [make_test(function, np.arange(64 * blocks) % 1000, 64 * blocks, m)]
    limits = [TestLimits(seconds=seconds, workers=number) for number in workers]
    return [[runs[0] for runs in run_schedules(build, test, function, SCHEDULES, limit)] for limit in limits]


def results(runs: list[TestRun]) -> list[bytes]:
    for each in runs:
        assert each.outcome.ok, each.outcome.message
    return [np.asarray(each.arguments[0]).tobytes() for each in runs]


def count(threads: bytes) -> int:
    """How many different threads have written their mark."""
    return len(set(np.frombuffer(threads, np.float32)))


REVERSE_BLOCKS = """
__global__ void k(float *a, int n, int m) {
    __shared__ float s[64], sum;
    extern __shared__ float unused[];
    int i = blockIdx.x * 64 + threadIdx.x;
    s[threadIdx.x] = work(a[i], m);
    if (threadIdx.x == 0) sum = 0;
    __syncthreads();
    for (int half = 32; half > 0; half /= 2) {
        if (threadIdx.x < half) s[threadIdx.x] += s[threadIdx.x + half];
        __syncthreads();
    }
    a[i] = s[0] + __shfl_xor_sync(~0u, a[i], 5) + sum;
}
"""


def test_a_spread_launch_gives_the_same_bytes(cuda_side: CudaSide) -> None:
    alone, two, five = (results(runs) for runs in run(cuda_side, REVERSE_BLOCKS, 1, 2, 5))
    assert alone == two
    assert alone == five


# Linked with the emulator's runtime by the test itself: programs under test may not use these names.
COUNT_OTHERS = """#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
typedef const volatile void *Pointer;
extern "C" void musl_hook_workers(unsigned);
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*)(Pointer, size_t), void (*)(Pointer));
static pthread_t own;
static volatile bool watching;
static volatile int others;
static void on_malloc(Pointer, size_t) { others += watching && pthread_self() != own; }
static void on_free(Pointer) { others += watching && pthread_self() != own; }
int main() {
    own = pthread_self();
    if (!__sanitizer_install_malloc_and_free_hooks(on_malloc, on_free)) return 1;
    musl_hook_workers(60);
    watching = true;
    usleep(200000);
    watching = false;
    printf("%d", others);
    fflush(stdout);
    _exit(0);
}
"""


def test_threads_are_whole_before_the_programs_heap_is_watched(tmp_path: Path) -> None:
    """A thread allocates and frees when it begins. The list of the program's blocks knows of one thread: such a free in
    the middle of one of the program's own once broke it, and a right translation was called wrong."""
    (tmp_path / "count.cpp").write_text(COUNT_OTHERS)
    objects = [str(path) for path in runtime_objects()]
    command = [str(find_gxx().path), "-fsanitize=address", "-pthread", "count.cpp", *objects, "-o", "count"]
    subprocess.run(command, cwd=tmp_path, check=True)
    run = subprocess.run([tmp_path / "count"], capture_output=True, text=True, check=True)
    assert (run.stdout, run.stderr) == ("0", "")


WHO = """#include <pthread.h>
{memory}
__global__ void k(float *a, int n, int m) {{
    {before}
    a[blockIdx.x * 64 + threadIdx.x] = work(1, m) * 0 + (float)((unsigned long)pthread_self() >> 12 & 0xfffff);
}}
"""


@pytest.mark.parametrize(
    ("memory", "before", "spread"),
    [
        ("", "", True),
        ("__device__ int t;", "atomicAdd(&t, 1);", False),
        ("__shared__ int of_file[4];", "of_file[threadIdx.x % 4] = 1;", False),
        ("", 'if (n < 0) printf("%d", n);', False),
        ("", "__threadfence();", False),
    ],
)
def test_only_blocks_that_cannot_depend_on_each_other_are_spread(
    cuda_side: CudaSide, memory: str, before: str, spread: bool
) -> None:
    kernel = WHO.format(memory=memory, before=before)
    alone, three = (results(runs) for runs in run(cuda_side, kernel, 1, 3, m=1000))
    assert all((count(threads) > 1) == spread for threads in three)
    assert all(count(threads) == 1 for threads in alone)


def test_a_short_launch_stays_on_one_thread(cuda_side: CudaSide) -> None:
    kernel = WHO.format(memory="", before="")
    (three,) = run(cuda_side, kernel, 3, m=1, blocks=20)
    assert all(count(threads) == 1 for threads in results(three))


FAULTY = {
    "store past the end": ("a[i + (b == 700 || b == 501 || b == 502) * n] = 1;", FaultKind.OUT_OF_BOUNDS),
    "shared": ("__shared__ float s[64]; s[threadIdx.x + (b >= 501)] = 1; a[i] = s[0];", FaultKind.OUT_OF_BOUNDS),
    "division": ("if (b == 501 || b == 640) a[i] = n / (m - 300);", FaultKind.DIVISION),
    "assertion": ("assert(b < 501);", FaultKind.ASSERTION),
    "before a block that does not end": (
        "if (b == 501) a[i] = a[n]; while (b == 502) a[i] += 1;",
        FaultKind.OUT_OF_BOUNDS,
    ),
    "barrier": ("if (b > 500) { if (threadIdx.x) __syncthreads(); else __syncwarp(); }", FaultKind.DEADLOCK),
}


@pytest.mark.parametrize("fault", FAULTY)
def test_the_fault_of_the_first_block_in_the_order_is_reported(cuda_side: CudaSide, fault: str) -> None:
    statement, kind = FAULTY[fault]
    kernel = f"""
__global__ void k(float *a, int n, int m) {{
    int b = blockIdx.x, i = b * 64 + threadIdx.x;
    a[i] = work(a[i], m);
    {statement}
}}
"""
    alone, *spread = (
        [each.outcome.message for each in runs] for runs in run(cuda_side, kernel, 1, 3, 3, 3, seconds=1.0)
    )
    first = read_fault(alone[0])
    assert first is not None
    assert (first.kind, first.block) == (kind, (501, 0, 0))
    assert spread == [alone] * 3


@pytest.mark.parametrize(
    ("statement", "status"),
    [
        ("if (blockIdx.x == 700) fork();", Status.FORBIDDEN),
        ("if (blockIdx.x == 700) for (volatile int j = 0;; j++) {}", Status.TIMEOUT),
        ("if (blockIdx.x == 700) _exit(0);", Status.RUNTIME_ERROR),
    ],
)
def test_limits_hold_for_all_threads(cuda_side: CudaSide, statement: str, status: Status) -> None:
    kernel = f"""#include <unistd.h>
__global__ void k(float *a, int n, int m) {{ a[threadIdx.x] = work(1, m); {statement} }}"""
    ((first, *_),) = run(cuda_side, kernel, 3, seconds=1.0)
    assert first.outcome.status is status, first.outcome.message
