"""Reports of the emulator's runtime read back as faults: kind, places, array and index."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from c_side import make_test
from cuda_side import CudaSide

import compile.fault
from compile.emulator.build import RUNTIME
from compile.fault import Fault, FaultKind, Place, read_fault
from compile.outcome import Status
from compile.run_record import TestRun
from compile.runner import Schedule, TestLimits, run_schedules

INTS = np.arange(100, dtype=np.int32)


def remark_of(run: TestRun, kind: FaultKind) -> Fault:
    assert run.outcome.ok, run.outcome.message
    assert kind.is_remark
    assert kind in run.remarks, run.outcome.message
    return run.remarks[kind]


def fault_of(run: TestRun) -> Fault:
    assert not run.outcome.ok
    fault = read_fault(run.outcome.message)
    assert fault is not None, run.outcome.message
    return fault


def test_the_runtime_and_the_reader_have_the_same_kinds() -> None:
    header = (RUNTIME / "internal.h").read_text(encoding="utf-8")
    phrases = re.findall(r'\*\w+ = "([^"]+)"', header[header.index("namespace fault") :])
    assert len(phrases) == len(set(phrases)) == len(FaultKind)
    for phrase in phrases:
        fault = read_fault(f"{phrase}: host code at f.cu:3: something")
        assert fault is not None
        assert (fault.file, fault.line, fault.message) == ("f.cu", 3, "something")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "out of bounds",
        "out of bounds: of what one should say",
        "a race: kernel k block (0,0,0) thread (0,0,0): no",
        "race: kernel k block (0,0) thread (0,0,0): no",
        "CUDA error cudaErrorInvalidValue (invalid argument): cudaMemcpy is to read 400 bytes",
    ],
)
def test_other_text_is_no_fault(text: str) -> None:
    assert read_fault(text) is None


def test_an_access_past_the_end_has_thread_array_and_index(cuda_side: CudaSide) -> None:
    kernel = "__global__ void k(int *a, int n) {\n int i = blockIdx.x * 32 + threadIdx.x; if (i < n) a[i] = 1; }"
    (run,) = cuda_side.try_on_array(kernel, "k<<<4, 32>>>(d, n + 1);", INTS, schedules=["forward"])
    assert fault_of(run) == Fault(
        FaultKind.OUT_OF_BOUNDS,
        "out of bounds: kernel k block (3,0,0) thread (4,0,0) at user.cu:2: "
        "store of 4 bytes just past device array of 400 bytes (index 100), allocated at user.cu:5",
        "store of 4 bytes just past device array of 400 bytes (index 100), allocated at user.cu:5",
        Place("user.cu", 2, "k", (3, 0, 0), (4, 0, 0)),
        "device array",
        100,
    )


def test_an_index_before_the_beginning_is_negative(cuda_side: CudaSide) -> None:
    kernel = "__global__ void k(double *a) { __shared__ double s[4]; s[int(a[0]) - 2] = 1; a[0] = s[0]; }"
    (run,) = cuda_side.try_on_array(kernel, "k<<<1, 1>>>(d);", np.zeros(4), schedules=["forward"])
    fault = fault_of(run)
    assert (fault.kind, fault.array, fault.index) == (FaultKind.OUT_OF_BOUNDS, "shared variable s", -2)


@pytest.mark.parametrize("offset", [-9, -1, 16, 17, 30])
@pytest.mark.parametrize("declaration", ["__shared__ int s[16], t[16]", "extern __shared__ int s[]"])
def test_shared_memory_has_poison_around_every_variable(cuda_side: CudaSide, declaration: str, offset: int) -> None:
    kernel = f"__global__ void k(int *a, int at) {{ {declaration}; s[at] = 1; a[0] = s[0]; }}"
    kernel = kernel.replace("s[at] = 1;", "s[at] = t[0] = 1;") if "t[16]" in kernel else kernel
    (run,) = cuda_side.try_on_array(kernel, f"k<<<1, 1, 64>>>(d, {offset});", INTS, schedules=["forward"])
    fault = fault_of(run)
    assert (fault.kind, fault.index) == (FaultKind.OUT_OF_BOUNDS, offset)


def test_dynamic_shared_memory_that_the_launch_does_not_give(cuda_side: CudaSide) -> None:
    kernel = "__global__ void k(int *a) { extern __shared__ int s[]; s[1] = 1; a[0] = s[1]; }"
    (run,) = cuda_side.try_on_array(kernel, "k<<<1, 1>>>(d);", INTS, schedules=["forward"])
    fault = fault_of(run)
    assert (fault.kind, fault.array, fault.index) == (FaultKind.OUT_OF_BOUNDS, "dynamic shared memory", None)


def test_a_barrier_that_is_not_reached_by_all_has_both_lines(cuda_side: CudaSide) -> None:
    kernel = "__global__ void k(int *a) {\n if (threadIdx.x < 16)\n  __syncthreads();\n else\n  __syncthreads(); }"
    (run,) = cuda_side.try_on_array(kernel, "k<<<1, 32>>>(d);", INTS, schedules=["forward"])
    fault = fault_of(run)
    assert fault.kind is FaultKind.DIVERGENT_BARRIER
    assert fault.place == Place("user.cu", 5, "k", (0, 0, 0), (16, 0, 0))
    assert fault.other == Place("user.cu", 3, "k", (0, 0, 0), (0, 0, 0))


RACES = {
    "threads of a block at two lines": (
        "s[threadIdx.x] = a[threadIdx.x];\n a[threadIdx.x] = s[63 - threadIdx.x];",
        "k<<<1, 64>>>(d);",
        FaultKind.MISSING_BARRIER,
        (2, 3),
    ),
    "threads of a block at one line": (
        "a[0] += a[threadIdx.x + 1];\n s[0] = 0;",
        "k<<<1, 64>>>(d);",
        FaultKind.DATA_RACE,
        (2, 2),
    ),
    "blocks": (
        "if (threadIdx.x == 0) {\n a[0] = blockIdx.x + 1;\n a[blockIdx.x] = a[0]; } s[0] = 0;",
        "k<<<3, 2>>>(d);",
        FaultKind.DATA_RACE,
        (4, 4),
    ),
}


@pytest.mark.parametrize("race", RACES)
def test_a_race_has_both_places(cuda_side: CudaSide, race: str) -> None:
    body, launch, kind, lines = RACES[race]
    kernel = f"__global__ void k(int *a) {{ __shared__ int s[64];\n {body} }}"
    (run,) = cuda_side.try_on_array(kernel, launch, INTS + 1, schedules=["forward"], check="races")
    fault = fault_of(run)
    assert fault.kind is kind, fault.text
    assert fault.other is not None
    assert {fault.line, fault.other.line} <= set(lines) | {3}
    assert fault.text.startswith("race: ")
    assert (fault.block, fault.thread) != (fault.other.block, fault.other.thread)


def test_an_unread_error_has_the_call_and_its_line(cuda_side: CudaSide) -> None:
    launch = "cudaMemcpy(d, a, 4, cudaMemcpyDeviceToHost);\n    cudaDeviceSynchronize();"
    (run,) = cuda_side.try_on_array("", launch, INTS, schedules=["forward"])
    fault = remark_of(run, FaultKind.API_ERROR)
    assert fault.place == Place("user.cu", 6)
    assert fault.message == (
        "cudaErrorInvalidValue (invalid argument): cudaMemcpy is to read device memory, but is given a host pointer"
    )


def test_a_bad_launch_has_its_line(cuda_side: CudaSide) -> None:
    kernel = "__global__ void k(int *a) {}"
    (run,) = cuda_side.try_on_array(kernel, "\n    k<<<1, 2000>>>(d);", INTS, schedules=["forward"])
    fault = remark_of(run, FaultKind.API_ERROR)
    assert (fault.file, fault.line) == ("user.cu", 7)
    assert "launch of k with grid (1,1,1), block (2000,1,1)" in fault.message


def test_what_a_program_prints_does_not_hide_its_fault(cuda_side: CudaSide) -> None:
    printed = 'fprintf(stderr, "deadlock: kernel k block (0,0,0) thread (0,0,0): not at all\\n");'
    noise = 'for (int i = 0; i < 20000; i++) fprintf(stderr, "noise\\n");'
    kernel = "__global__ void k(int *a) { a[100] = 1; }"
    (run,) = cuda_side.try_on_array(kernel, f"{printed} {noise} k<<<1, 1>>>(d);", INTS, schedules=["forward"])
    assert run.outcome.status is Status.RUNTIME_ERROR
    assert fault_of(run).kind is FaultKind.OUT_OF_BOUNDS


# ---- memory that was never written

READS = {
    "device array": (
        "__global__ void k(int *a, int *b) {\n a[threadIdx.x] = b[threadIdx.x]; }",
        "int *b; cudaMalloc(&b, 64); cudaMemset(b, 0, 12); k<<<1, 16>>>(d, b);",
        ("device array", 3, (3, 0, 0)),
    ),
    "one byte": (
        "__global__ void k(int *a, unsigned char *b) {\n a[threadIdx.x] = b[threadIdx.x]; }",
        "unsigned char *b; cudaMalloc(&b, 64); cudaMemset(b, 0, 7); k<<<1, 16>>>(d, b);",
        ("device array", 7, (7, 0, 0)),
    ),
    "shared array of a block": (
        "__global__ void k(int *a) { __shared__ int s[64];\n"
        " if (blockIdx.x == 0 || threadIdx.x) s[threadIdx.x] = 1; __syncthreads();\n "
        "a[blockIdx.x * 4 + threadIdx.x] += s[0] & 1; }",
        "k<<<1, 4>>>(d); k<<<2, 4>>>(d);",
        ("shared variable s", 0, None),
    ),
    "dynamic shared memory": (
        "__global__ void k(int *a) { extern __shared__ int s[];\n a[0] = s[3]; }",
        "k<<<1, 1, 64>>>(d);",
        ("dynamic shared memory", 3, (0, 0, 0)),
    ),
    "copied from memory never written": (
        "__global__ void k(int *a, int *b) {\n a[threadIdx.x] = b[threadIdx.x]; }",
        "int *b, *c; cudaMalloc(&b, 64); cudaMalloc(&c, 64); cudaMemset(b, 1, 20); "
        "cudaMemcpy(c, b, 64, cudaMemcpyDeviceToDevice); k<<<1, 16>>>(d, c);",
        ("device array", 5, (5, 0, 0)),
    ),
    "allocated again": (
        "__global__ void k(int *a, int *b) {\n a[0] = b[0]; }",
        "int *b; for (int i = 0; i < 9; i++) { cudaMalloc(&b, 32 << 20); if (i < 8) { cudaMemset(b, 1, 32 << 20); "
        "cudaFree(b); } } k<<<1, 1>>>(d, b);",
        ("device array", 0, (0, 0, 0)),
    ),
    "managed memory": (
        "__global__ void k(int *a, int *b) {\n a[threadIdx.x] = b[threadIdx.x]; }",
        "int *b; cudaMallocManaged(&b, 64); for (int i = 0; i < 9; i++) b[i] = i; k<<<1, 16>>>(d, b);",
        ("managed array", 9, (9, 0, 0)),
    ),
    "atomic": (
        "__global__ void k(int *a, int *b) {\n atomicAdd(b, 1); a[0] = b[0]; }",
        "int *b; cudaMalloc(&b, 64); k<<<1, 1>>>(d, b);",
        ("device array", 0, (0, 0, 0)),
    ),
}


@pytest.mark.parametrize("read", READS)
def test_a_read_of_memory_never_written_is_remarked(cuda_side: CudaSide, read: str) -> None:
    kernel, launch, (array, index, thread) = READS[read]
    (run,) = cuda_side.try_on_array(kernel, launch, INTS, schedules=["forward"], check="races")
    fault = remark_of(run, FaultKind.UNINITIALISED_READ)
    assert (fault.kernel, fault.array, fault.index) == ("k", array, index)
    assert thread is None or fault.thread == thread


@pytest.mark.parametrize(
    ("kernel", "launch"),
    [
        ("__device__ int v[8];\n__global__ void k(int *a) { a[0] = v[3]; }", "k<<<1, 1>>>(d);"),
        ("__constant__ int v[8];\n__global__ void k(int *a) { a[0] = v[3]; }", "k<<<1, 1>>>(d);"),
        (
            "__global__ void k(int *a, int *b) { a[threadIdx.x] = b[threadIdx.x]; }",
            "int *b; cudaMallocManaged(&b, 400); memcpy(b, a, 400); k<<<1, 100>>>(d, b);",
        ),
        (
            "struct P { char c; int i; };\n__global__ void k(int *a, P *p) { p[1].c = 1; p[1].i = 2; P q = p[1]; "
            "p[0] = q; a[0] = p[0].i; }",
            "P *p; cudaMalloc(&p, 64); k<<<1, 1>>>(d, p);",
        ),
        (
            "__global__ void k(int *a, int *b) { memset(b, 0, 64); int c[16]; memcpy(c, b, 64); a[0] = c[15]; }",
            "int *b; cudaMalloc(&b, 64); k<<<1, 1>>>(d, b);",
        ),
        (
            "__global__ void k(int *a) { __shared__ int s[32]; s[threadIdx.x] = 1; __syncthreads(); "
            "a[blockIdx.x * 32 + threadIdx.x] = s[31 - threadIdx.x]; }",
            "k<<<3, 32>>>(d);",
        ),
    ],
    ids=["device variable", "constant", "managed memory by memcpy", "padding", "memset in a kernel", "shared memory"],
)
def test_what_was_written_is_not_remarked(cuda_side: CudaSide, kernel: str, launch: str) -> None:
    (run,) = cuda_side.try_on_array(kernel, launch, INTS, schedules=["forward"], check="races")
    assert run.outcome.ok, run.outcome.message
    assert not run.remarks


def test_a_copy_of_memory_never_written_is_remarked(cuda_side: CudaSide) -> None:
    launch = "int *b; cudaMalloc(&b, 64); cudaMemset(b, 0, 60);\n    cudaMemcpy(a, b, 64, cudaMemcpyDeviceToHost);"
    (run,) = cuda_side.try_on_array("", launch, INTS, schedules=["forward"], check="races")
    fault = remark_of(run, FaultKind.UNINITIALISED_COPY)
    assert fault.place == Place("user.cu", 7)
    assert "copies 64 bytes to the host, of which the one at offset 60 of device array of 64 bytes" in fault.message


def test_schedules_may_name_the_pattern_of_memory_never_written(cuda_side: CudaSide) -> None:
    cuda = """
__global__ void k(unsigned char *a, unsigned char *b) {
    __shared__ unsigned char s[2];
    extern __shared__ unsigned char t[];
    a[blockIdx.x] = b[3]; a[2 + blockIdx.x] = s[1]; a[4 + blockIdx.x] = t[5];
}
void f(unsigned char *a) {
    unsigned char *d, *b;
    cudaMalloc(&d, 6); cudaMalloc(&b, 8);
    k<<<2, 1, 8>>>(d, b);
    cudaMemcpy(a, d, 6, cudaMemcpyDeviceToHost);
}
"""
    build, function = cuda_side.build(cuda, "void f(unsigned char *a)")
    names = ["forward fill 00", "forward fill ff", "reverse fill 7f", "shuffle fill 80", "forward", "reverse"]
    schedules = [Schedule(name, 5) for name in names]
    runs = run_schedules(build, [make_test(function, [0] * 6)], function, schedules, TestLimits())
    patterns = [np.unique(np.asarray(each[0].arguments[0])).tolist() for each in runs]
    assert patterns == [[0], [0xFF], [0x7F], [0x80], [0xCB], [0x3D]]


def test_an_unknown_schedule_is_said(cuda_side: CudaSide, tmp_path: Path) -> None:
    build, function = cuda_side.build("void f() {}", "void f()")
    for name in ("backward", "forward fill", "forward 00", "forward fill zz"):
        (runs,) = run_schedules(build, [make_test(function)], function, [Schedule(name)])
        assert fault_of(runs[0]).kind is FaultKind.OTHER, name


def test_no_pattern_is_matched_by_two_kinds() -> None:
    phrases = compile.fault._PHRASES
    assert len(set(phrases.values())) == len(phrases)
