"""CUDA programs with one fault each: the emulator finds it and says what, where and in which thread."""

from __future__ import annotations

import numpy as np
import pytest
from cuda_side import CudaSide

from compile.fault import FaultKind, read_fault
from compile.outcome import Status

INTS = np.arange(100, dtype=np.int32)
FILL = "__global__ void k(int *a, int n) { int i = blockIdx.x * blockDim.x + threadIdx.x; if (i < n) a[i] = 1; }"
STORE = "out of bounds: kernel k block ({},0,0) thread ({},0,0) at user.cu:1: store of 4 bytes "

# kernel, launch, the first line of the message in the schedule "forward"
FAULTS = {
    "store past the end": (FILL, "k<<<4, 32>>>(d, n + 1);", STORE.format(3, 4) + "just past device array of 400 bytes"),
    "store far past the end": (
        FILL,
        "k<<<1, 32>>>(d + 90, 20);",
        STORE.format(0, 10) + "just past device array of 400 bytes",
    ),
    "store past what is open of device memory": (
        FILL,
        "k<<<1, 1>>>(d + 50000, 1);",
        "out of bounds: kernel k block (0,0,0) thread (0,0,0) at user.cu:1: "
        "store 199600 bytes past device array of 400 bytes",
    ),
    "store before the beginning": (
        FILL,
        "k<<<1, 1>>>(d - 2, 1);",
        STORE.format(0, 0) + "8 bytes before device array of 400 bytes",
    ),
    "wild pointer": (
        FILL,
        "k<<<1, 1>>>((int *)0x123456789000, 1);",
        "out of bounds: kernel k block (0,0,0) thread (0,0,0) at user.cu:1: store at address 0x123456789000",
    ),
    "null pointer": (
        FILL,
        "k<<<1, 1>>>(nullptr, 1);",
        "null pointer: kernel k block (0,0,0) thread (0,0,0) at user.cu:1: store through a null pointer",
    ),
    "host array in a kernel": (
        FILL,
        "k<<<1, 1>>>(a, 1);",
        "host memory used in a kernel: kernel k block (0,0,0) thread (0,0,0) at user.cu:1: "
        "store of 4 bytes at offset 0 of host array (parameter 1) of 400 bytes",
    ),
    "heap of the host in a kernel": (
        FILL,
        "int *h = (int *)malloc(40); k<<<1, 1>>>(h, 1); free(h);",
        "host memory used in a kernel: kernel k block (0,0,0) thread (0,0,0) at user.cu:1: "
        "store of 4 bytes at offset 0 of host memory of 40 bytes",
    ),
    "local variable of the host in a kernel": (
        FILL,
        "int h = 0; k<<<1, 1>>>(&h, 1); a[0] = h;",
        "host memory used in a kernel: kernel k block (0,0,0) thread (0,0,0) at user.cu:1: "
        "store of 4 bytes on the host's stack",
    ),
    "device memory in host code": (
        FILL,
        "k<<<1, 1>>>(d, 1);\n    a[0] = d[3];",
        "device memory used by host code: host code at user.cu:7: "
        "load of 4 bytes at offset 12 of device array of 400 bytes",
    ),
    "freed memory": (
        FILL,
        "cudaFree(d); k<<<1, 1>>>(d, 1);",
        "use after cudaFree: kernel k block (0,0,0) thread (0,0,0) at user.cu:1: "
        "store of 4 bytes at offset 0 of a freed device array of 400 bytes",
    ),
    "copy of freed memory": (
        "",
        "cudaFree(d);",
        "CUDA error cudaErrorInvalidValue (invalid argument): cudaMemcpy is to read 400 bytes, of which the last lies "
        "at offset 399 of a freed device array",
    ),
    "freed twice": (
        "",
        "int *e; cudaMalloc(&e, 4); cudaFree(e); cudaFree(e);",
        "CUDA error cudaErrorInvalidValue (invalid argument): cudaFree of memory that is already freed",
    ),
    "shared array": (
        "__global__ void k(int *a) { __shared__ int s[32]; s[threadIdx.x] = 1; a[0] = s[0]; }",
        "k<<<1, 64>>>(d);",
        STORE.format(0, 32) + "just past shared variable s of 128 bytes",
    ),
    "dynamic shared memory": (
        "__global__ void k(int *a) { extern __shared__ int s[]; s[threadIdx.x] = 1; a[0] = s[0]; }",
        "k<<<1, 64, 40>>>(d);",
        STORE.format(0, 10) + "just past dynamic shared memory of 40 bytes",
    ),
    "local array": (
        "__global__ void k(int *a, int n) { int l[4]; for (int i = 0; i < n; i++) l[i] = i; a[0] = l[n % 4]; }",
        "k<<<1, 1>>>(d, 6);",
        STORE.format(0, 0) + "outside a local variable",
    ),
    "atomic": (
        "__global__ void k(int *a, int n) { atomicAdd(a + n, 1); }",
        "k<<<1, 1>>>(d, n);",
        STORE.format(0, 0) + "just past device array of 400 bytes",
    ),
    "divergent barrier": (
        "__global__ void k(int *a) {\n if (threadIdx.x < 16) __syncthreads();\n else a[0] = 1;\n __syncthreads(); }",
        "k<<<1, 32>>>(d);",
        "divergent barrier: kernel k block (0,0,0) thread (16,0,0) at user.cu:4: waits at a barrier, "
        "while thread (0,0,0) of the block waits at that of line 2",
    ),
    "shuffle that not all lanes reach": (
        "__global__ void k(int *a) {\n if (threadIdx.x < 16) a[0] = __shfl_sync(~0u, 1, 0);\n __syncthreads(); }",
        "k<<<1, 32>>>(d);",
        "deadlock: kernel k block (0,0,0) thread (0,0,0) at user.cu:2: waits in a warp operation "
        "for threads that wait at the barrier of line 3",
    ),
    "mask without the caller": (
        "__global__ void k(int *a) { a[threadIdx.x] = __shfl_sync(1u, 1, 0); }",
        "k<<<1, 2>>>(d);",
        "divergent warp operation: kernel k block (0,0,0) thread (1,0,0) at user.cu:1: "
        "the mask 0x00000001 of a warp operation does not name the calling lane 1",
    ),
    "assertion": (
        "#include <assert.h>\n__global__ void k(int *a) { assert(threadIdx.x != 5); }",
        "k<<<1, 32>>>(d);",
        "assertion failed: kernel k block (0,0,0) thread (5,0,0) at user.cu:2: assertion `threadIdx.x != 5` failed",
    ),
    "trap": (
        "__global__ void k(int *a) { if (a[3] == 3) __trap(); }",
        "k<<<1, 1>>>(d);",
        "trap: kernel k block (0,0,0) thread (0,0,0) at user.cu:1: __trap()",
    ),
    "division by zero": (
        "__global__ void k(int *a, int n) { a[1] = n / a[0]; }",
        "k<<<1, 1>>>(d, n);",
        "division by zero: kernel k block (0,0,0) thread (0,0,0) at user.cu:1: integer division by zero",
    ),
    "endless recursion": (
        "__device__ int r(int n) { volatile int big[64]; big[n % 64] = n; return r(n + 1) + big[n % 64]; }\n"
        "__global__ void k(int *a) { a[0] = r(0); }",
        "k<<<1, 1>>>(d);",
        "stack overflow: kernel k block (0,0,0) thread (0,0,0) at user.cu:1: store out of bounds of the thread's stack",
    ),
    "kernel called like a function": (
        FILL,
        "k(a, n);",
        "device code called by host code: host code at user.cu:1: k is code for the device",
    ),
    "device function called by the host": (
        "__device__ int one() { return 1; }",
        "a[0] = one();",
        "device code called by host code: host code at user.cu:1: one is code for the device",
    ),
    "misaligned vector": (
        "__global__ void k(int *a) { *(int4 *)(a + 1) = make_int4(1, 2, 3, 4); }",
        "k<<<1, 1>>>(d);",
        "misaligned access: kernel k block (0,0,0) thread (0,0,0) at user.cu:1: 'struct int4', "
        "whose address must be a multiple of 16, at offset 4 of device array of 400 bytes, allocated at user.cu:4",
    ),
    "device variable in host code": (
        "__device__ int v[4] = {3};\n__global__ void k(int *a, int n) { a[0] = v[n]; }",
        "k<<<1, 1>>>(d, 3);\n    a[0] = v[m];",
        "device memory used by host code: host code at user.cu:8: names the device variable v",
    ),
    "no block": (
        FILL,
        "k<<<0, 32>>>(d, n);",
        "CUDA error cudaErrorInvalidConfiguration (invalid configuration argument)",
    ),
    "too many threads": (FILL, "k<<<1, 1025>>>(d, n);", "CUDA error cudaErrorInvalidConfiguration"),
    "too deep a block": (FILL, "k<<<1, dim3(1, 1, 65)>>>(d, n);", "CUDA error cudaErrorInvalidConfiguration"),
    "too wide a grid": (FILL, "k<<<dim3(1, 65536), 1>>>(d, n);", "CUDA error cudaErrorInvalidConfiguration"),
    "too much shared memory": (FILL, "k<<<1, 1, 49153>>>(d, n);", "CUDA error cudaErrorInvalidValue"),
    "too many static shared bytes": (
        "__global__ void k(int *a) { __shared__ double s[7000]; s[0] = 1; a[0] = s[0]; }",
        "k<<<1, 1>>>(d);",
        "too much shared memory: kernel k block (0,0,0) thread (0,0,0) at user.cu:1: the block declares 56000 bytes",
    ),
    "copy in the wrong direction": (
        "",
        "cudaMemcpy(d, a, 4, cudaMemcpyDeviceToHost);",
        "CUDA error cudaErrorInvalidValue (invalid argument): "
        "cudaMemcpy is to read device memory, but is given a host pointer",
    ),
    "copy of too much": (
        "",
        "cudaMemcpy(d, a, n * 4 + 4, cudaMemcpyHostToDevice);",
        "out of bounds: host code at user.cu:6: cudaMemcpy: load of 404 bytes just past host array (parameter 1)",
    ),
    "copy out of a device array that is too short": (
        "",
        "int *e; cudaMalloc(&e, 40); cudaMemcpy(a, e, 44, cudaMemcpyDeviceToHost);",
        "CUDA error cudaErrorInvalidValue (invalid argument): cudaMemcpy is to read 44 bytes, of which the last lies "
        "3 bytes past device array of 40 bytes",
    ),
    "free of what was not allocated": ("", "cudaFree(d + 1);", "CUDA error cudaErrorInvalidValue"),
    "no such device": ("", "cudaSetDevice(1);", "CUDA error cudaErrorInvalidDevice (invalid device ordinal)"),
    "memory that no device has": ("", "int *e; cudaMalloc(&e, 1ull << 40);", "CUDA error cudaErrorMemoryAllocation"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_found_and_placed(cuda_side: CudaSide, fault: str) -> None:
    kernel, launch, message = FAULTS[fault]
    (run,) = cuda_side.try_on_array(kernel, launch, INTS, schedules=["forward"])
    assert run.outcome.message.startswith(message), run.outcome.message
    read = read_fault(run.outcome.message)
    assert read is not None, run.outcome.message
    if message.startswith("CUDA error "):  # said when it happens, and again when the call ends and nothing has read it
        assert run.outcome.ok
        error = message.removeprefix("CUDA error ").split()[0]
        assert (read.kind, read.file, read.kernel) == (FaultKind.API_ERROR, "user.cu", "")
        assert read.message.startswith(error)
        assert run.remarks == {FaultKind.API_ERROR: read}
    else:
        assert run.outcome.status is Status.RUNTIME_ERROR
        assert read.text == run.outcome.message
        assert read.kind is not FaultKind.OTHER


def test_a_remark_cannot_be_taken_back_by_closing_stderr(cuda_side: CudaSide) -> None:
    launch = "k<<<1, 5000>>>(d, n); close(2);"
    (run,) = cuda_side.try_on_array(f"#include <unistd.h>\n{FILL}", launch, INTS, schedules=["forward"])
    assert run.outcome.ok
    assert run.remarks[FaultKind.API_ERROR].text == "api_error (not described)"


def test_an_error_that_the_program_handles_is_none(cuda_side: CudaSide) -> None:
    launch = "k<<<1, 5000>>>(d, n); if (cudaGetLastError() != cudaSuccess) k<<<1, 500>>>(d, n);"
    assert all((result == 1).all() for result in cuda_side.on_array(FILL, launch, INTS))


@pytest.mark.parametrize(
    ("kernel", "launch"),
    [
        (
            "__global__ void k(int *a) { if (threadIdx.x > 0) a[threadIdx.x] += a[threadIdx.x - 1]; }",
            "k<<<1, 100>>>(d);",
        ),
        ("__global__ void k(int *a) { if (blockIdx.x > 0) a[blockIdx.x] += a[blockIdx.x - 1]; }", "k<<<100, 1>>>(d);"),
        ("__global__ void k(int *a) { a[0] = threadIdx.x; }", "k<<<1, 100>>>(d);"),
        (
            "__global__ void k(int *a) { __shared__ int s[64]; s[threadIdx.x] = a[threadIdx.x]; "
            "a[threadIdx.x] = s[63 - threadIdx.x]; }",
            "k<<<1, 64>>>(d);",
        ),
        (
            "__global__ void k(volatile int *a) { for (int s = 16; s > 0; s /= 2) "
            "if (threadIdx.x < s) a[threadIdx.x] += a[threadIdx.x + s]; }",
            "k<<<1, 32>>>(d);",
        ),
        ("__global__ void k(int *a) { __shared__ int s; if (threadIdx.x == 40) s = 1; a[0] = s; }", "k<<<1, 32>>>(d);"),
        ("__global__ void k(int *a, int *b) { a[0] = b[7]; }", "int *b; cudaMalloc(&b, 32); k<<<1, 1>>>(d, b);"),
        ("__global__ void k(int *a) { a[0] = __shfl_down_sync(~0u, 1, 20); }", "k<<<1, 8>>>(d);"),
    ],
    ids=[
        "carried over threads",
        "carried over blocks",
        "last store wins",
        "missing barrier",
        "warp without __syncwarp",
        "shared memory never written",
        "device memory never written",
        "shuffle from a lane that is not there",
    ],
)
def test_results_that_depend_on_order_or_garbage_differ_between_schedules(
    cuda_side: CudaSide, kernel: str, launch: str
) -> None:
    results = cuda_side.on_array(kernel, launch, INTS + 1, races=False)
    assert not np.array_equal(results[0], results[1])


def test_a_local_variable_that_is_never_written_holds_no_zero(cuda_side: CudaSide) -> None:
    kernel = "__global__ void k(float *a) { float sum; for (int i = 0; i < 4; i++) sum += a[i]; a[5] = sum; }"
    for result in cuda_side.on_array(kernel, "k<<<1, 1>>>(d);", np.ones(8, np.float32)):
        assert result[5] < -1e30


def test_the_same_seed_gives_the_same_shuffle(cuda_side: CudaSide) -> None:
    kernel = "__device__ int t;\n__global__ void k(int *a) { a[atomicAdd(&t, 1)] = blockIdx.x * 10 + threadIdx.x; }"
    results = cuda_side.on_array(kernel, "k<<<10, 10>>>(d);", INTS, schedules=["shuffle", "shuffle"])
    assert np.array_equal(results[0], results[1])


def test_a_kernel_that_does_not_end_is_a_timeout(cuda_side: CudaSide) -> None:
    kernel = "__global__ void k(volatile int *a) { while (a[0] == 0) {} }"
    (run,) = cuda_side.try_on_array(kernel, "k<<<1, 2>>>(d);", INTS, schedules=["forward"], seconds=0.3)
    assert run.outcome.status is Status.TIMEOUT


def test_compile_errors_name_the_users_line(cuda_side: CudaSide) -> None:
    cuda = "__global__ void k(int *a) {\n    __shared__ int s[4];\n    a[0] = s[0] + nonsense;\n}\n"
    cuda += "void f() { k<<<1,\n 1>>>(0); }"
    outcome = cuda_side.fail_to_build(cuda, "void f()")
    assert outcome.status is Status.COMPILE_ERROR
    assert "user.cu:3:19: error: 'nonsense' was not declared" in outcome.message
    outcome = cuda_side.fail_to_build("\nvoid f() { int *d; k<<<1, 2; }", "void f()")
    assert outcome.message.endswith("user.cu:2: error: a launch `<<<` without `>>>(`")


RACES = {
    "lost update": (
        "__global__ void k(int *a) {\n    a[0] += a[threadIdx.x + 1]; }",
        "k<<<1, 50>>>(d);",
        "race: kernel k block (0,0,0) thread (1,0,0) at user.cu:2: load of 4 bytes at offset 0 of "
        "device array of 400 bytes (index 0), allocated at user.cu:5, "
        "which block (0,0,0) thread (0,0,0) stores at user.cu:2 with no barrier between",
    ),
    "lost update between blocks": (
        "__global__ void k(int *a) { if (threadIdx.x == 0) a[7] += blockIdx.x + 1; }",
        "k<<<3, 50>>>(d);",
        "race: kernel k block (1,0,0) thread (0,0,0) at user.cu:1: load of 4 bytes at offset 28 of device array",
    ),
    "missing barrier in shared memory": (
        "__global__ void k(int *a) { __shared__ int s[64]; s[threadIdx.x] = a[threadIdx.x]; a[threadIdx.x] = s[0]; }",
        "k<<<1, 64>>>(d);",
        "race: kernel k block (0,0,0) thread (1,0,0) at user.cu:1: load of 4 bytes at offset 0 of shared variable s",
    ),
    "load before another thread's store": (
        "__global__ void k(int *a) { int v = a[threadIdx.x + 1]; a[threadIdx.x] = v + 1; }",
        "k<<<1, 64>>>(d);",
        "race: kernel k block (0,0,0) thread (1,0,0) at user.cu:1: store of 4 bytes at offset 4 of "
        "device array of 400 bytes (index 1), allocated at user.cu:4, which block (0,0,0) thread (0,0,0) loads",
    ),
    "store beside an atomic": (
        "__global__ void k(int *a) { if (threadIdx.x < 32) atomicAdd(a, 1); else a[0] = 99; }",
        "k<<<1, 64>>>(d);",
        "race: kernel k block (0,0,0) thread (32,0,0)",
    ),
}


@pytest.mark.parametrize("race", RACES)
def test_races_are_found_whatever_the_result(cuda_side: CudaSide, race: str) -> None:
    kernel, launch, message = RACES[race]
    (run,) = cuda_side.try_on_array(kernel, launch, INTS + 1, schedules=["forward"], check="races")
    assert run.outcome.status is Status.RUNTIME_ERROR
    assert run.outcome.message.startswith(message), run.outcome.message


@pytest.mark.parametrize(
    "kernel",
    [
        "__global__ void k(int *a) { if (a[threadIdx.x + 1] > 3) a[0] = 1; }",
        "__global__ void k(int *a) { unsigned char *b = (unsigned char *)a; b[blockIdx.x * 64 + threadIdx.x] += 1; }",
        "__global__ void k(int *a) { __shared__ int s[64]; s[threadIdx.x] = a[threadIdx.x]; __syncwarp(); "
        "if (threadIdx.x == 0 && blockIdx.x == 0) a[99] = s[31] == 31; }",
        "__device__ int done; __global__ void k(int *a) { __shared__ int last; if (threadIdx.x == 0) { "
        "a[blockIdx.x] = blockIdx.x; __threadfence(); last = atomicAdd(&done, 1) == 2; } __syncthreads(); "
        "if (last && threadIdx.x == 0) a[50] = a[0] + a[1] + a[2]; }",
    ],
    ids=["the same value by many", "bytes side by side", "ordered by a warp", "last block"],
)
def test_what_is_ordered_or_changes_nothing_is_no_race(cuda_side: CudaSide, kernel: str) -> None:
    for run in cuda_side.try_on_array(kernel, "k<<<3, 64>>>(d);", INTS, check="races"):
        assert run.outcome.ok, run.outcome.message


# A launch that no reading of the text finds: the kernel calls it through a pointer.
NESTED = """
template <class F> __device__ void call(F f) { f(); }
__global__ void inner(int *a) { a[0] = 1; }
void start(int *a) { inner<<<1, 1>>>(a); }
__global__ void outer(int *a, void (*f)(int *)) { f(a); }
"""


def test_what_the_emulator_lacks_is_its_own_limit(cuda_side: CudaSide) -> None:
    (run,) = cuda_side.try_on_array(NESTED, "outer<<<1, 1>>>(d, start);", INTS, schedules=["forward"])
    assert run.outcome.status is Status.INFRASTRUCTURE
    fault = read_fault(run.outcome.message)
    assert fault is not None and fault.kind is FaultKind.UNSUPPORTED
    assert "MUSL302" in fault.message


def test_a_program_cannot_claim_a_limit_of_the_emulator(cuda_side: CudaSide) -> None:
    claim = 'fprintf(stderr, "unsupported: host code at user.cu:1: MUSL302 dynamic parallelism\\\\n"); exit(99);'
    (run,) = cuda_side.try_on_array("#include <stdio.h>\n#include <stdlib.h>", claim, INTS, schedules=["forward"])
    assert run.outcome.status is Status.RUNTIME_ERROR
    declared = 'extern "C" void musl_unsupported(void);'
    outcome = cuda_side.fail_to_build(f"{declared}\nvoid f(int *a) {{ musl_unsupported(); }}", "void f(int *a)")
    assert outcome.status is Status.COMPILE_ERROR
