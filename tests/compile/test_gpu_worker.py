"""The worker on the GPU and its watchdog, from the build to the records of the tests, over a stand-in for NVIDIA's
driver (standin/libcuda.c): a process protocol is exercised here, not a GPU."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from c_side import make_test
from cuda_side import CudaSide
from gpu_kernels import KERNELS, PARAMETERS
from gpu_kernels import SIGNATURE as KERNELS_SIGNATURE

from compile.build import Build
from compile.fault import FaultKind, read_fault
from compile.gpu.build import build_gpu
from compile.gpu.device import GpuInfo, device_environment, find_gpu, why_no_gpu
from compile.gpu.timing import GpuTiming, time_gpu
from compile.outcome import Outcome, Status
from compile.run_record import TestRun
from compile.runner import Schedule, TestLimits, run_schedules, run_tests
from compile.sandbox import Sandbox
from compile.toolchain import find_nvcc
from data.function import Function
from musl.findings import Finding
from musl.given_wrapper import needed_bytes
from musl.verdict import VerdictStatus

pytestmark = pytest.mark.skipif(find_nvcc() is None, reason="nvcc was not found")

STANDIN = Path(__file__).resolve().parent / "standin"
SIGNATURE = "int f(float *a, int n, int what, float by)"
# What the kernels do, the stand-in does in C; those of these names alone.
CUDA = r"""
#include <cuda_runtime.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
__constant__ float factor;
extern "C" __global__ void scale(float *a, int n) { a[threadIdx.x] *= factor; }
extern "C" __global__ void fault(float *a) { a[1 << 30] = 0; }
extern "C" __global__ void hang(float *a) { while (a[0] == a[0]) { } }
static int calls;
int f(float *a, int n, int what, float by) {
    float *d;
    calls++;
    if (what == 1) exit(0);
    if (what == 2) abort();
    if (what == 3) a[n] = 1;
    if (what == 4) for (volatile int i = 0;; i++) { }
    if (what == 5) fprintf(stderr, "said by the code under test\n");
    if (what == 6) { cudaMalloc(&d, 1ull << 40); return calls; }
    if (what == 15 || what == 16) n += 10;
    if (what == 7) { for (int i = 3; i < 64; i++) close(i); return calls; }
    cudaMalloc(&d, n * sizeof(float));
    const size_t row = 10 * sizeof(float);
    if (what == 16 || what == 17) cudaMemcpy2D(d, row, a, row, row, n / 10, cudaMemcpyHostToDevice);
    else if (what != 8) cudaMemcpy(d, a, n * sizeof(float), cudaMemcpyHostToDevice);
    cudaMemcpyToSymbol(factor, &by, sizeof by);
    if (what == 9) fault<<<1, 1>>>(d);
    else if (what == 10) hang<<<1, 1>>>(d);
    else scale<<<1, what == 11 ? 2048 : 256>>>(d, n);
    if (what == 12) cudaFree(a);
    if (what == 13 && cudaFree(a) != cudaGetLastError()) return -1;
    cudaMemcpy(a, d, (n - 10 * (what == 15 || what == 16)) * sizeof(float), cudaMemcpyDeviceToHost);
    if (what != 14) cudaFree(d);
    return calls;
}
"""
VALUES = np.arange(300, dtype=np.float32)
LIMITS = TestLimits(seconds=0.4, total_seconds=60.0)


@dataclass(frozen=True)
class StandIn:
    """A build of CUDA over the stand-in."""

    build: Build
    function: Function

    def run(self, *whats: int, **options: object) -> list[TestRun]:
        """One test for each number, in one run."""
        tests = [make_test(self.function, VALUES, len(VALUES), what, 3.0) for what in whats]
        return run_tests(self.build, tests, self.function, limits=LIMITS, **options)  # type: ignore[arg-type]

    def outcome(self, what: int) -> Outcome:
        (run,) = self.run(what)
        return run.outcome


@pytest.fixture(scope="session")
def standin_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stand-in's libraries, compiled."""
    folder = tmp_path_factory.mktemp("standin")
    (folder / "rest.c").write_text("".join(f"int {name}(void) {{ return 801; }}\n" for name in unserved_names()))
    for name, soname in (("libcuda", "libcuda.so.1"), ("libcurand", "libcurand.so.10")):
        versions = folder / f"{name}.map"
        versions.write_text(f"{soname} {{ global: *; }};\n")
        script = [f"-Wl,--version-script={versions}"] if name == "libcurand" else []
        rest = [str(folder / "rest.c")] if name == "libcuda" else []
        argv = ["gcc", "-shared", "-fPIC", "-O1", f"-Wl,-soname,{soname}", *script, str(STANDIN / f"{name}.c"), *rest]
        subprocess.run([*argv, "-o", str(folder / soname)], check=True)
    return folder


def unserved_names() -> list[str]:
    """What PyCUDA, where it is installed, is linked with and the stand-in does not have: it answers "not supported"."""
    spec = importlib.util.find_spec("pycuda")
    places = [Path(place) for place in spec.submodule_search_locations or ()] if spec is not None else []
    libraries = [library for place in places for library in place.glob("_driver*.so")]
    listed = [subprocess.run(["nm", "-D", "-u", path], capture_output=True, text=True).stdout for path in libraries]
    wanted = {name for text in listed for name in re.findall(r" U (cu[A-Z]\w*)$", text, re.MULTILINE)}
    return sorted(wanted - set(re.findall(r"^int (cu\w+)\(", (STANDIN / "libcuda.c").read_text(), re.MULTILINE)))


def over_standin(build: Build | Outcome, libraries: Path) -> Build:
    """The build with the stand-in for the driver, and for PyCUDA too where that is not installed."""
    assert isinstance(build, Build), build.message
    paths = build.environment["PYTHONPATH"].split(os.pathsep)
    if importlib.util.find_spec("pycuda") is None:
        paths.append(str(STANDIN))
    environment = {**build.environment, "LD_LIBRARY_PATH": str(libraries), "PYTHONPATH": os.pathsep.join(paths)}
    device = Path("/dev/full")  # any device: a run that is shown one gets what a driver needs beside it
    return replace(build, environment=environment, readable=(*build.readable, libraries, STANDIN, device))


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory, standin_folder: Path) -> StandIn:
    """`CUDA` above, built once."""
    scratch = tmp_path_factory.mktemp("gpu")
    side = CudaSide(Sandbox(scratch), scratch)
    build = build_gpu(CUDA, side.function(SIGNATURE), scratch, side.sandbox, arch="sm_80", require_device=False)
    return StandIn(over_standin(build, standin_folder), side.function(SIGNATURE))


def test_results_launches_and_symbols_come_back(standin: StandIn) -> None:
    run, again = standin.run(0, 5)
    assert run.outcome.ok and again.outcome.ok, run.outcome.message
    assert np.array_equal(np.asarray(run.arguments[0]), 3 * VALUES)
    assert (run.launches, again.launches) == (1, 1)
    assert again.outcome.message == "said by the code under test"


def test_no_variable_of_the_host_outlives_a_test(standin: StandIn) -> None:
    """`calls` counts the calls of one process; every test gets a unit loaded anew."""
    assert [run.returned for run in standin.run(0, 0, 0)] == [1, 1, 1]


@pytest.mark.parametrize(
    ("what", "status", "words"),
    [
        (1, Status.RUNTIME_ERROR, "exited with status 0"),
        (2, Status.RUNTIME_ERROR, "SIGABRT"),
        (3, Status.RUNTIME_ERROR, "SIGSEGV"),
        (4, Status.TIMEOUT, "its time was used up"),
        (7, Status.RUNTIME_ERROR, "the call did not return"),
        (9, Status.RUNTIME_ERROR, "cudaErrorIllegalAddress"),
        (10, Status.TIMEOUT, "its time was used up"),
    ],
    ids=["exit", "abort", "overrun", "host loop", "descriptors", "fault", "hang"],
)
def test_what_goes_wrong_costs_its_own_test_alone(standin: StandIn, what: int, status: Status, words: str) -> None:
    before, wrong, after = standin.run(0, what, 0)
    assert (wrong.outcome.status, words in wrong.outcome.message) == (status, True), wrong.outcome
    for run in (before, after):
        assert run.outcome.ok, run.outcome.message
        assert np.array_equal(np.asarray(run.arguments[0]), 3 * VALUES)


@pytest.mark.parametrize(
    ("what", "error"),
    [(6, "cudaErrorMemoryAllocation"), (11, "cudaErrorInvalidConfiguration"), (12, "cudaErrorInvalidValue")],
    ids=["memory", "launch", "free"],
)
def test_an_error_that_nobody_reads_is_remarked(standin: StandIn, what: int, error: str) -> None:
    run, after = standin.run(what, 0)
    assert run.outcome.ok, run.outcome.message
    assert error in run.remarks[FaultKind.API_ERROR].text
    assert not after.remarks and np.array_equal(np.asarray(after.arguments[0]), 3 * VALUES)


@pytest.mark.parametrize("what", [15, 16], ids=["plain", "in rows"])
def test_a_copy_past_the_end_of_an_argument_says_how_much_it_wanted(standin: StandIn, what: int) -> None:
    """As on the emulator, so that the host wrapper of a benchmark can be forgiven (musl/given_wrapper.py)."""
    run, after = standin.run(what, 0)
    fault = read_fault(run.outcome.message)
    assert run.outcome.status is Status.RUNTIME_ERROR
    assert fault is not None and fault.kind is FaultKind.OUT_OF_BOUNDS and not fault.kernel
    wanted = needed_bytes([Finding(VerdictStatus.OUT_OF_BOUNDS, "forward", run.outcome.message, fault=fault)])
    assert wanted == (0, 4 * (len(VALUES) + 10))
    assert after.outcome.ok and np.array_equal(np.asarray(after.arguments[0]), 3 * VALUES)


def test_a_copy_in_rows_arrives(standin: StandIn) -> None:
    (run,) = standin.run(17)
    assert run.outcome.ok and np.array_equal(np.asarray(run.arguments[0]), 3 * VALUES), run.outcome.message


def test_a_fault_on_the_device_is_told_by_its_kind(standin: StandIn) -> None:
    fault = read_fault(standin.outcome(9).message)
    assert fault is not None and fault.kind is FaultKind.OUT_OF_BOUNDS


def test_a_kernel_that_hangs_is_killed_when_its_time_is_used_up(standin: StandIn) -> None:
    begin = time.monotonic()
    assert standin.outcome(10).status is Status.TIMEOUT
    assert time.monotonic() - begin < 15.0


def test_the_next_schedule_is_not_begun_after_a_timeout(standin: StandIn) -> None:
    tests = [make_test(standin.function, VALUES, len(VALUES), 4, 3.0)]
    runs = run_schedules(standin.build, tests, standin.function, [Schedule("forward"), Schedule("reverse")], LIMITS)
    assert [[run.outcome.status for run in one] for one in runs] == [[Status.TIMEOUT]]


def test_after_two_tests_that_hang_the_others_are_skipped(standin: StandIn) -> None:
    tests = [make_test(standin.function, VALUES, len(VALUES), what, 3.0) for what in (4, 4, 0)]
    runs = run_tests(standin.build, tests, standin.function, limits=replace(LIMITS, hangs=2))
    assert [run.outcome.status for run in runs] == [Status.TIMEOUT] * 3
    assert [run.skipped for run in runs] == [False, False, True]


def test_an_error_that_is_read_is_no_error(standin: StandIn) -> None:
    (run,) = standin.run(13)
    assert run.outcome.ok and not run.remarks, run.outcome.message


def test_new_device_memory_holds_what_the_schedule_says(standin: StandIn) -> None:
    runs: Sequence[TestRun] = [standin.run(8, schedule=name)[0] for name in ("forward", "reverse")]
    forward, reverse = (np.asarray(run.arguments[0]) for run in runs)
    expected = 3 * np.frombuffer(b"\xcb" * 4 * len(VALUES), np.float32)
    assert np.array_equal(forward, expected) and not np.array_equal(forward, reverse)


def test_a_machine_without_a_device_is_no_fault_of_the_candidate(standin: StandIn) -> None:
    broken = replace(standin.build, environment={**standin.build.environment, "STANDIN_NO_DEVICE": "1"})
    outcome = replace(standin, build=broken).outcome(0)
    assert outcome.status is Status.INFRASTRUCTURE
    assert "no worker on the GPU" in outcome.message


def test_a_machine_without_the_driver_is_no_fault_of_the_candidate(standin: StandIn, tmp_path: Path) -> None:
    broken = replace(standin.build, environment={**standin.build.environment, "LD_LIBRARY_PATH": str(tmp_path)})
    outcome = replace(standin, build=broken).outcome(0)
    assert outcome.status is Status.INFRASTRUCTURE
    assert "no worker on the GPU" in outcome.message


def test_timing_gives_the_kernels_time_and_leaves_the_arguments_alone(standin: StandIn) -> None:
    """The stand-in's clock moves on by 1 ms with every launch, and by nothing else."""
    test = make_test(standin.function, VALUES, len(VALUES), 0, 3.0)
    timing = time_gpu(standin.build, test, standin.function, repeats=5)
    assert timing == GpuTiming(1.0, 1.0, 1.0, 5, 1.0, threads=256)


def test_timing_a_call_that_fails_says_how(standin: StandIn) -> None:
    test = make_test(standin.function, VALUES, len(VALUES), 9, 3.0)
    outcome = time_gpu(standin.build, test, standin.function, repeats=5)
    assert isinstance(outcome, Outcome) and "cudaErrorIllegalAddress" in outcome.message


def test_every_kind_of_launch_finds_its_kernel(cuda_side: CudaSide, standin_folder: Path) -> None:
    """The runtime holds the sizes of the arguments against those that the cubin has."""
    function = cuda_side.function(KERNELS_SIGNATURE)
    build = build_gpu(KERNELS, function, cuda_side.scratch, cuda_side.sandbox, arch="sm_80", require_device=False)
    (run,) = run_tests(over_standin(build, standin_folder), [make_test(function, VALUES, len(VALUES))], function)
    assert run.outcome.ok and not run.remarks, run.outcome.message
    assert run.launches == len(PARAMETERS)


def test_what_compute_sanitizer_reports_fails_the_test_with_its_words(
    cuda_side: CudaSide, standin_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for compute-sanitizer that has one thing to report, before it runs the worker."""
    program = cuda_side.scratch / "bin" / "compute-sanitizer"
    program.parent.mkdir()
    report = "========= COMPUTE-SANITIZER\\n========= Invalid __global__ read of size 4 bytes\\n"
    program.write_text(f'#!/bin/sh\n[ "$1 $2 $3" = "--tool memcheck --log-file" ] || exit 9\n'
                       f'printf "{report}" > "$4"\nshift 4\nexec "$@"\n')  # fmt: skip
    program.chmod(0o755)
    for place in ("compile.gpu.build.find_sanitizer", "compile.gpu.plan.find_sanitizer"):
        monkeypatch.setattr(place, lambda: program)
    function = cuda_side.function(SIGNATURE)
    build = build_gpu(
        CUDA, function, cuda_side.scratch, cuda_side.sandbox, arch="sm_80", sanitizer="memcheck", require_device=False
    )
    tests = [make_test(function, VALUES, len(VALUES), 0, 3.0)] * 2
    reported, silent = run_tests(over_standin(build, standin_folder), tests, function, limits=LIMITS)
    assert reported.outcome.status is Status.RUNTIME_ERROR
    assert reported.outcome.message == "Invalid __global__ read of size 4 bytes"
    assert silent.outcome.ok, silent.outcome.message


def test_a_device_is_found_with_its_architecture_and_the_drivers_library(
    standin_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("compile.gpu.device.DEVICE_FILES", (standin_folder,))
    monkeypatch.setenv("LD_LIBRARY_PATH", str(standin_folder))
    find_gpu.cache_clear()
    try:
        expected = GpuInfo("stand-in, not a GPU", "sm_80", 1 << 30, 1, standin_folder / "libcuda.so.1")
        assert find_gpu() == expected and not why_no_gpu()
        assert device_environment() == {"LD_LIBRARY_PATH": str(standin_folder)}
    finally:
        find_gpu.cache_clear()
