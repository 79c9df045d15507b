"""`preflight`: a pair that is known to be right and one that is known to be wrong are judged before all others.

If the first is not `equivalent` or the second not `different`, the machine (compiler, sandbox, GPU) is broken, and no
verdict of it would mean anything.
"""

from __future__ import annotations

from data.pairs import Json, Pair
from musl.errors import MachineError
from musl.judge import Judge
from musl.judge_pair import judge_pair
from musl.verdict import VerdictStatus

_C = "void preflight(const float *x, float *y, int n) { for (int i = 0; i < n; i++) y[i] = 2.0f * x[i] + y[i]; }\n"
_CUDA = """\
__global__ void preflight_kernel(const float *x, float *y, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = 2.0f * x[i] + y[i];
}

void preflight(const float *x, float *y, int n)
{
    float *dx, *dy;
    size_t bytes = n * sizeof(float);
    cudaMalloc((void **)&dx, bytes);
    cudaMalloc((void **)&dy, bytes);
    cudaMemcpy(dx, x, bytes, cudaMemcpyHostToDevice);
    cudaMemcpy(dy, y, bytes, cudaMemcpyHostToDevice);
    preflight_kernel<<<(n + 31) / 32, 32>>>(dx, dy, n);
    cudaMemcpy(y, dy, bytes, cudaMemcpyDeviceToHost);
    cudaFree(dx);
    cudaFree(dy);
}
"""
_SIZES = (1, 33, 100)
_TESTS: tuple[tuple[Json, ...], ...] = tuple(
    ([k + 0.5 for k in range(n)], [7.0 - k for k in range(n)], n) for n in _SIZES
)
_EXPECTED = {
    VerdictStatus.EQUIVALENT: _CUDA,
    VerdictStatus.DIFFERENT: _CUDA.replace("2.0f * x[i]", "3.0f * x[i]"),
}


def preflight(judge: Judge) -> None:
    """Raises MachineError where a known pair does not get its verdict; the message says which and what it got."""
    for expected, cuda in _EXPECTED.items():
        record = judge_pair(judge, Pair("preflight", _C, cuda, function="preflight", tests=_TESTS))
        if record.verdict is not expected:
            raise MachineError(
                f"this machine cannot judge: a pair that is known to be {expected} was judged {record.verdict}"
                f"{f' ({record.reason})' if record.reason else ''}; `musl doctor` shows what it has"
            )
