"""A benchmark of seven problems in the BabelTower unit-test format, and what a run on it needs.

0 SCALE      elementwise
1 ADD2D      two dimensions
2 COUNT      a reduction by atomics
3 FLAG       the reference's kernel takes its parameters in another order than the C function
4 SQUARE     a bad pair: the reference computes something else
5 NEGATE     its snippets lack a brace, so that no test can be used
6 PREFIX     nothing is parallel: the reference is a kernel of one thread
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from compile.toolchain import find_nvcc, installed_tools
from musl.evaluation.problems import Problem, read_problems
from musl.evaluation.records import Direction, RunRecord

SCALE, ADD2D, COUNT, FLAG, SQUARE, NEGATE, PREFIX = range(7)
SOUND = (SCALE, ADD2D, COUNT, FLAG, PREFIX)
INDEX = "int i = blockIdx.x * blockDim.x + threadIdx.x;"


@dataclass(frozen=True)
class Array:
    """A parameter that is an array: `count` elements, `copied` "in", "out" or "both"."""

    type: str
    name: str
    count: str
    copied: str


Parameter = Array | tuple[str, str]


@dataclass(frozen=True)
class Made:
    """What a case is made of. `passed` are the kernel's arguments where they are not the function's own, `calls` the
    values of the tests: declarations, and the arguments of the call."""

    name: str
    parameters: Sequence[Parameter]
    c_body: str
    kernel_body: str
    launch: str
    calls: Sequence[tuple[str, str]]
    passed: Sequence[str] = ()

    @property
    def c_text(self) -> str:
        return f"void {self.name}_cpu({_list(self.parameters)}) {{ {self.c_body} }}"

    @property
    def kernel(self) -> str:
        by_name = {_name(parameter): parameter for parameter in self.parameters}
        taken = [by_name[name] for name in self.passed] if self.passed else self.parameters
        return f"__global__ void {self.name}({_list(taken)}) {{ {self.kernel_body} }}"

    @property
    def wrapper(self) -> str:
        """Host code as the published harness has it: no check of any call."""
        arrays = [parameter for parameter in self.parameters if isinstance(parameter, Array)]
        lines = [line for array in arrays for line in _upload(array)]
        names = self.passed or [_name(parameter) for parameter in self.parameters]
        arguments = ", ".join(f"d_{name}" if any(a.name == name for a in arrays) else name for name in names)
        lines.append(f"{self.name}<<<{self.launch}>>>({arguments});")
        lines += [line for array in arrays for line in _download(array)]
        body = "".join(f"    {line}\n" for line in lines)
        return f"void {self.name}_invoke_in_cpp({_list(self.parameters)}) {{\n{body}}}"

    def line(self) -> dict[str, object]:
        """The case as an object of the benchmark's file."""
        c_calls = [f"{declared}\nwrapper({self.name}_cpu, {given});\n" for declared, given in self.calls]
        return {
            "cpp_code": self.c_text,
            "cuda_code": self.kernel,
            "cuda_wrapper": self.wrapper,
            "consistent_cpp_inputs": c_calls,
            "consistent_cuda_inputs": [call.replace("_cpu,", "_invoke_in_cpp,") for call in c_calls],
            "consistent_outputs": ["" for _ in c_calls],
        }


def _name(parameter: Parameter) -> str:
    return parameter.name if isinstance(parameter, Array) else parameter[1]


def _list(parameters: Sequence[Parameter]) -> str:
    return ", ".join(f"{p.type} *{p.name}" if isinstance(p, Array) else " ".join(p) for p in parameters)


def _upload(array: Array) -> list[str]:
    element = array.type.removeprefix("const ")
    lines = [f"{element} *d_{array.name};", f"cudaMalloc(&d_{array.name}, {array.count} * sizeof({element}));"]
    copy = f"cudaMemcpy(d_{array.name}, {array.name}, {array.count} * sizeof({element}), cudaMemcpyHostToDevice);"
    return [*lines, copy] if array.copied != "out" else lines


def _download(array: Array) -> list[str]:
    size = f"{array.count} * sizeof({array.type})"
    copy = f"cudaMemcpy({array.name}, d_{array.name}, {size}, cudaMemcpyDeviceToHost);"
    return [*([copy] if array.copied != "in" else []), f"cudaFree(d_{array.name});"]


# What a run was asked for that never was.
RUN = RunRecord(
    benchmark="b.jsonl",
    digest="0" * 64,
    direction="c2cuda",
    harness="own",
    translator="analytic",
    samples=3,
    seed=0,
    tests=20,
    device="emulator",
    machine="one",
    compiler="12.2.0",
    version="0.1.0",
    started="2026-01-01T00:00:00+00:00",
)
LINEAR = "(n + 31) / 32, 32"
THREE = ("float a[] = {1, -2, 3.5f};", "a, 3")
FIVE = ("float a[] = {0.5f, 4, -1, 8, 2};", "a, 5")
CASES = (
    Made(
        "scale",
        (Array("float", "a", "n", "both"), ("float", "s"), ("int", "n")),
        "for (int i = 0; i < n; i++) a[i] = s * a[i];",
        f"{INDEX} if (i < n) a[i] = s * a[i];",
        LINEAR,
        [(THREE[0], "a, 2.5f, 3"), (FIVE[0], "a, -3, 5")],
    ),
    Made(
        "add2d",
        (
            Array("const float", "x", "rows * cols", "in"),
            Array("float", "y", "rows * cols", "both"),
            ("int", "rows"),
            ("int", "cols"),
        ),
        "for (int r = 0; r < rows; r++) for (int c = 0; c < cols; c++) y[r * cols + c] += x[r * cols + c];",
        "int c = blockIdx.x * blockDim.x + threadIdx.x; int r = blockIdx.y * blockDim.y + threadIdx.y; "
        "if (r < rows && c < cols) y[r * cols + c] += x[r * cols + c];",
        "dim3((cols + 7) / 8, (rows + 3) / 4), dim3(8, 4)",
        [("float x[] = {1, 2, 3, 4, 5, 6}, y[] = {9, 8, 7, 2, 0, -1};", "x, y, 2, 3")],
    ),
    Made(
        "count",
        (Array("const int", "x", "n", "in"), ("int", "limit"), Array("int", "found", "1", "both"), ("int", "n")),
        "for (int i = 0; i < n; i++) if (x[i] > limit) found[0] += 1;",
        f"{INDEX} if (i < n && x[i] > limit) atomicAdd(found, 1);",
        LINEAR,
        [
            ("int x[] = {5, 1, 7, 3, 9}, found[] = {0};", "x, 2, found, 5"),
            ("int x[] = {4, 4, 8}, found[] = {10};", "x, 4, found, 3"),
        ],
    ),
    Made(
        "flag",
        (Array("const float", "x", "n", "in"), Array("int", "flags", "n", "out"), ("float", "limit"), ("int", "n")),
        "for (int i = 0; i < n; i++) flags[i] = x[i] > limit;",
        f"{INDEX} if (i < n) flags[i] = x[i] > limit;",
        LINEAR,
        [("float x[] = {1, 5, 2, 8}; int flags[] = {7, 7, 7, 7};", "x, flags, 2.0f, 4")],
        passed=("n", "limit", "x", "flags"),
    ),
    Made(
        "square",
        (Array("float", "a", "n", "both"), ("int", "n")),
        "for (int i = 0; i < n; i++) a[i] = a[i] * a[i];",
        f"{INDEX} if (i < n) a[i] = a[i] + a[i];",
        LINEAR,
        [THREE],
    ),
    Made(
        "negate",
        (Array("float", "a", "n", "both"), ("int", "n")),
        "for (int i = 0; i < n; i++) a[i] = -a[i];",
        f"{INDEX} if (i < n) a[i] = -a[i];",
        LINEAR,
        [("float a[] = {1, 2, 3;", "a, 3")],
    ),
    Made(
        "prefix",
        (Array("int", "a", "n", "both"), ("int", "n")),
        "for (int i = 1; i < n; i++) a[i] = a[i] * a[i - 1] + 1;",
        "if (blockIdx.x + threadIdx.x == 0) for (int i = 1; i < n; i++) a[i] = a[i] * a[i - 1] + 1;",
        "1, 1",
        [("int a[] = {2, 3, -1, 4};", "a, 4")],
    ),
)


def write_benchmark(folder: Path, *, only: Sequence[int] = ()) -> Path:
    """The benchmark's file, or one of the given cases alone."""
    path = folder / "benchmark.jsonl"
    cases = [case for number, case in enumerate(CASES) if not only or number in only]
    path.write_text("".join(json.dumps(case.line()) + "\n" for case in cases), encoding="utf-8")
    return path


def read_benchmark(folder: Path, direction: Direction = "c2cuda") -> list[Problem]:
    """Its problems."""
    return read_problems(write_benchmark(folder), direction)


def write_lines(path: Path, lines: Sequence[Mapping[str, object]]) -> Path:
    """A file of lines of JSON."""
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def write_references(path: Path) -> Path:
    """The benchmark's own kernels as a file of given translations."""
    return write_lines(path, [{"id": i, "sample": 0, "cuda": case.kernel} for i, case in enumerate(CASES)])


def read_lines(path: Path) -> list[dict[str, object]]:
    """The objects of a file of lines of JSON."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


@contextlib.contextmanager
def without_nvcc() -> Iterator[None]:
    """In the body this machine has no nvcc on PATH, which would add a second to each verdict."""
    folders = os.environ["PATH"].split(os.pathsep)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", os.pathsep.join(f for f in folders if shutil.which("nvcc", path=f) is None))
        _forget_tools()
        yield
    _forget_tools()


def _forget_tools() -> None:
    find_nvcc.cache_clear()
    installed_tools.cache_clear()


def drop_in(
    kernel: str = "if (i < n) a[i] = s * a[i];", *, launch: str = LINEAR, top: str = "", host: str = "", end: str = ""
) -> str:
    """A drop-in version of SCALE's function with this kernel, and with additions around and in its host function."""
    start = f"scale_kernel<<<{launch}>>>(d, s, n);" if launch else ""
    return f"""{top}
__global__ void scale_kernel(float *a, float s, int n)
{{
    {INDEX}
    {kernel}
}}
void scale_cpu(float *a, float s, int n)
{{
    {host}
    float *d;
    cudaMalloc(&d, n * sizeof(float));
    cudaMemcpy(d, a, n * sizeof(float), cudaMemcpyHostToDevice);
    {start}
    cudaMemcpy(a, d, n * sizeof(float), cudaMemcpyDeviceToHost);
    cudaFree(d);
    {end}
}}
"""
