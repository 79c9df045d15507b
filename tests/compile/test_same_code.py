"""What two CUDA texts compile to with launches as loops: equal for what a launch makes needless, and only for that."""

from __future__ import annotations

from pathlib import Path

import pytest

from compile.outcome import Outcome
from compile.same_code import machine_code, threads_are_alone
from compile.sandbox import Sandbox

TEXT = """
__global__ void kernel(int n, const float *x, float *y)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = x[i] + 2 * y[i];
}
void f(int n, const float *x, float *y)
{
    float *dx, *dy;
    cudaMalloc(&dx, n * 4);
    cudaMalloc(&dy, n * 4);
    cudaMemcpy(dx, x, n * 4, cudaMemcpyHostToDevice);
    cudaMemcpy(dy, y, n * 4, cudaMemcpyHostToDevice);
    kernel<<<n, 1>>>(n, dx, dy);
    cudaMemcpy(y, dy, n * 4, cudaMemcpyDeviceToHost);
}
"""
BLOCKS = TEXT.replace("<<<n, 1>>>", "<<<(n + 63) / 64, 64>>>")


def code(text: str, scratch: Path) -> bytes:
    compiled = machine_code(text, scratch, Sandbox(scratch))
    assert isinstance(compiled, bytes), compiled.message
    return compiled


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("if (i < n) ", ""),
        ("i < n", "i <= n"),
        ("* blockDim.x", "/ blockDim.x"),
        ("+ threadIdx.x", "- threadIdx.x"),
    ],
)
def test_one_thread_a_block_makes_some_faults_harmless(old: str, new: str, tmp_path: Path) -> None:
    assert code(TEXT.replace(old, new), tmp_path) == code(TEXT, tmp_path)
    assert code(BLOCKS.replace(old, new), tmp_path) != code(BLOCKS, tmp_path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("i < n", "i < n - 1"),
        ("2 * y[i]", "3 * y[i]"),
        ("x[i]", "x[i + 1]"),
        ("kernel<<<n, 1>>>", "kernel<<<n - 1, 1>>>"),
        ("kernel<<<n, 1>>>", "kernel<<<n, 2>>>"),
        ("cudaMalloc(&dx, n * 4)", "cudaMalloc(&dx, n * 2)"),
        ("cudaMemcpy(dx, x, n * 4, cudaMemcpyHostToDevice);", ""),
    ],
)
def test_what_differs_compiles_to_something_else(old: str, new: str, tmp_path: Path) -> None:
    assert old in TEXT
    assert code(TEXT.replace(old, new), tmp_path) != code(TEXT, tmp_path)


def test_what_one_thread_does_is_not_merged_with_what_the_next_does(tmp_path: Path) -> None:
    """Each thread stores to one element; that only the last store stays is true of a loop, not of threads."""
    every = TEXT.replace("y[i] = x[i] + 2 * y[i]", "y[0] = n")
    last = TEXT.replace("if (i < n) y[i] = x[i] + 2 * y[i]", "if (i == n - 1) y[0] = n")
    assert code(every, tmp_path) != code(last, tmp_path)


def test_bounds_of_an_array_are_not_taken_for_granted(tmp_path: Path) -> None:
    loop = "float t[4] = {0}; for (int k = 0; k < 4; k++) t[k & 7] += x[k]; y[i] = t[i & 3];"
    text = TEXT.replace("if (i < n) y[i] = x[i] + 2 * y[i];", loop)
    assert code(text.replace("k < 4", "k < 5"), tmp_path) != code(text, tmp_path)


def test_templates_and_device_functions_compile(tmp_path: Path) -> None:
    text = TEXT.replace("__global__", "template <typename T> __global__").replace("kernel<<<", "kernel<float><<<")
    text = "__device__ float twice(float v) { return 2 * v; }\n" + text.replace("2 * y[i]", "twice(y[i])")
    assert code(text, tmp_path) != code(text.replace("2 * v", "3 * v"), tmp_path)


def test_text_that_does_not_compile_is_an_outcome(tmp_path: Path) -> None:
    compiled = machine_code(TEXT.replace("x[i]", "nowhere[i]"), tmp_path, Sandbox(tmp_path))
    assert isinstance(compiled, Outcome)
    assert "nowhere" in compiled.message


def test_threads_that_wait_for_each_other_are_not_alone() -> None:
    assert threads_are_alone(TEXT)
    assert threads_are_alone("// __syncthreads();\n" + TEXT)
    for word in ("__syncthreads();", "__shared__ float s;", "__syncwarp();", "__threadfence();"):
        assert not threads_are_alone(TEXT.replace("if (i < n)", f"{word} if (i < n)"))
