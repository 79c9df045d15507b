"""Builds for a GPU on a machine that need not have one: both sides compile, every launch finds its kernel in the device
code with parameters of the same sizes, and what is beyond the host side is said."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from cuda_side import CudaSide
from gpu_kernels import KERNELS, PARAMETERS, SIGNATURE

from compile.build import Build
from compile.gpu.build import build_gpu
from compile.gpu.host import INCLUDE, runtime_library
from compile.gpu.stubs import stub_device_code
from compile.gpu.symbols import NotElfError, base_name, plain_name, read_symbols
from compile.outcome import Outcome, Status
from compile.toolchain import find_nvcc

needs_nvcc = pytest.mark.skipif(find_nvcc() is None, reason="nvcc was not found")


def build_without_device(side: CudaSide, cuda: str, signature: str = SIGNATURE) -> Build | Outcome:
    return build_gpu(cuda, side.function(signature), side.scratch, side.sandbox, arch="sm_80", require_device=False)


@needs_nvcc
def test_every_kernel_and_variable_of_the_host_side_is_in_the_device_code(cuda_side: CudaSide) -> None:
    build = build_without_device(cuda_side, KERNELS)
    assert isinstance(build, Build), build.message
    assert "built whole" not in build.warnings, build.warnings
    matches = json.loads((build.folder / "gpu.json").read_text())["matches"]
    kernels = sorted(match["parameters"] for match in matches if match["stub"])
    assert kernels == sorted(PARAMETERS.values())
    names = {base_name(plain_name(match["name"])) for match in matches}
    assert names == {*(name.split()[0] for name in PARAMETERS), "weights", "counter", "hidden", "local_table"}
    in_cubin = {symbol.name for symbol in read_symbols(build.folder / "unit.cubin")}
    assert {match["name"] for match in matches} <= in_cubin


@needs_nvcc
@pytest.mark.parametrize(
    ("cuda", "message"),
    [
        (
            "__global__ void k(int *a) { a[0] = nonsense; }\nvoid f(float *a, int n) { }",
            "user.cu(1): error: identifier",
        ),
        ("\nvoid f(float *a, int n) { nonsense(); }", "user.cu(2): error: identifier"),
        (
            "int h(); __global__ void k(int *a) { a[0] = h(); }\nvoid f(float *a, int n) { }",
            "calling a __host__ function",
        ),
    ],
    ids=["device", "host", "host function in a kernel"],
)
def test_what_nvcc_refuses_is_a_compile_error_in_its_words(cuda_side: CudaSide, cuda: str, message: str) -> None:
    outcome = build_without_device(cuda_side, cuda)
    assert isinstance(outcome, Outcome) and outcome.status is Status.COMPILE_ERROR
    assert message in outcome.message


@needs_nvcc
def test_what_is_beyond_the_host_side_is_built_whole_and_said(cuda_side: CudaSide) -> None:
    cuda = """__managed__ float total;
__global__ void k(float *a) { total += a[0]; }
void f(float *a, int n) { k<<<1, 1>>>(a); cudaDeviceSynchronize(); a[0] = total; }
"""
    build = build_without_device(cuda_side, cuda)
    assert isinstance(build, Build), build.message
    assert build.warnings.splitlines()[0] == "built whole by nvcc: managed variables"


def test_without_compute_sanitizer_the_outcome_is_the_machines(
    cuda_side: CudaSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("compile.gpu.build.find_sanitizer", lambda: None)
    function = cuda_side.function(SIGNATURE)
    outcome = build_gpu(
        KERNELS, function, cuda_side.scratch, cuda_side.sandbox, sanitizer="memcheck", require_device=False
    )
    assert isinstance(outcome, Outcome) and outcome.status is Status.INFRASTRUCTURE


def test_stubs_stand_on_the_lines_of_the_bodies() -> None:
    text = """__device__ float square(float x) {
    return x * x;
}
__global__ void k(float *a, int, float by = 2) {
#define TWICE 2
    a[0] = TWICE * by;
}
__host__ __device__ int both(int x) { return x; }
"""
    stubbed = stub_device_code(text)
    assert stubbed.count("\n") == text.count("\n")
    assert "#define TWICE 2" in stubbed.splitlines()[4]
    assert "return x * x" not in stubbed and "TWICE * by" not in stubbed
    assert "int musl_unnamed_1, float by = 2)" in stubbed
    assert stubbed.splitlines()[7] == "__host__ __device__ int both(int x) { return x; }"


@pytest.mark.parametrize(
    ("host", "device"),
    [
        ("_Z1kPfi", "_Z1kPfi"),
        ("_ZL4statPi", "_Z4statPi"),
        ("_ZL6scount", "scount"),
        ("ck", "ck"),
        ("_ZN12_GLOBAL__N_14anonEPi", "_ZN30_GLOBAL__N__620af613_4_k_cu_ck4anonEPi"),
        (
            "_ZN12_GLOBAL__N_12acE",
            "_ZN28_INTERNAL_620af613_4_k_cu_ck30_GLOBAL__N__620af613_4_k_cu_ck2acE",
        ),
    ],
)
def test_names_of_the_two_compilers_meet(host: str, device: str) -> None:
    assert plain_name(host) == plain_name(device)


def test_names_that_differ_stay_apart() -> None:
    assert plain_name("_Z1kPfi") != plain_name("_Z1kPfj")
    assert plain_name("_ZN1a1kEv") != plain_name("_ZN1b1kEv")


@pytest.mark.parametrize(
    ("name", "base"), [("_ZN2ns5inner1kEPf", "k"), ("_Z2tkIfEvPT_i", "tk"), ("_ZL1v", "v"), ("w", "w")]
)
def test_the_base_name_is_the_last_of_a_path(name: str, base: str) -> None:
    assert base_name(name) == base


def test_a_file_that_is_no_object_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not an object, though longer than the header of one would have to be" * 2)
    with pytest.raises(NotElfError):
        read_symbols(tmp_path / "text")


def test_the_runtime_for_the_gpu_has_what_the_emulators_headers_declare() -> None:
    """A function that only the emulator had would send every program that calls it to the slower build."""
    header = (INCLUDE / "musl" / "api.h").read_text(encoding="utf-8")
    declared: set[str] = set()
    for block in re.findall(r'^extern "C" \{$(.*?)^\}', header, re.MULTILINE | re.DOTALL):
        declared.update(re.findall(r"\b(cuda[A-Z]\w*)\(", block))
    assert len(declared) > 50
    assert declared <= {symbol.name for symbol in read_symbols(runtime_library()) if symbol.is_function}
