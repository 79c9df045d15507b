"""`Pair`: a C function with tests, and the verdict on CUDA texts for it, for the tests of the judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from c_side import make_test

from compile.sandbox import Sandbox
from data.find_functions import find_functions
from data.source_file import SourceFile
from musl.co_verify import co_verify
from musl.verdict import Verdict
from tester.protocol import TestSuite

AXPY = "void axpy(int n, int a, const int *x, int *y)\n{\n    for (int i = 0; i < n; i++) y[i] += a * x[i];\n}\n"
AXPY_CALLS = (
    (5, 3, [1, 2, 3, 4, 5], [7, 0, -2, 9, 4]),
    (3, -2, [10, 20, 30], [1, 2, 3]),
)
# A right version of AXPY with room for additions: in front, at the head of the host function, and in the kernel.
AXPY_CUDA = """{top}
__global__ void axpy_kernel(int n, int a, const int *x, int *y)
{{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    {kernel}
    if (i < n) {write}
}}
void axpy(int n, int a, const int *x, int *y)
{{
    {host}
    int *dx, *dy;
    cudaMalloc(&dx, n * sizeof(int));
    cudaMalloc(&dy, n * sizeof(int));
    cudaMemcpy(dx, x, n * sizeof(int), cudaMemcpyHostToDevice);
    cudaMemcpy(dy, y, n * sizeof(int), cudaMemcpyHostToDevice);
    axpy_kernel<<<(n + 127) / 128, 128>>>(n, a, dx, dy);
    cudaMemcpy(y, dy, n * sizeof(int), cudaMemcpyDeviceToHost);
    cudaFree(dx);
    cudaFree(dy);
    {end}
}}
"""
RIGHT, WRONG = "y[i] += a * x[i];", "y[i] += a * x[i] + 1;"


def axpy_cuda(*, top: str = "", host: str = "", kernel: str = "", write: str = RIGHT, end: str = "") -> str:
    """The text of a version of AXPY with these additions; `write` is what each thread computes."""
    return AXPY_CUDA.format(top=top, host=host, kernel=kernel, write=write, end=end)


@dataclass
class Pair:
    """Gives verdicts in one sandbox below the test's own folder."""

    scratch: Path

    def judge(
        self, cuda: str, c: str = AXPY, name: str = "axpy", calls: Sequence[Sequence[object]] = AXPY_CALLS
    ) -> Verdict:
        """The verdict on `cuda` for the function `name` of the C text `c`, tested with `calls`."""
        source = SourceFile(self.scratch / "user.c", c, "c")
        function = next(f for f in find_functions(source).functions if f.name == name)
        tests = TestSuite(tuple(make_test(function, *call) for call in calls), None, 0)
        sandbox = Sandbox(self.scratch)
        return co_verify(source, function, cuda, tests, sandbox=sandbox, scratch=self.scratch)
