"""Mutants: what each operator plants, where nothing is planted, and that the same text gives the same mutants."""

from __future__ import annotations

import pytest

from data.syntax import syntax_errors
from tester.mutant_sources import parse_cuda
from tester.mutants import DESCRIPTIONS, MutationOperator, make_mutants

KERNEL = """
__device__ float twice(float v) { return v * 2.0f; }

// i < n in a comment, and "i < n" in a string, are no code.
__global__ void kernel(int n, int m, const float *x, const float *z, float *y, float *out)
{
    __shared__ float part[64];
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n && m > 0) y[i] = twice(x[i]) - z[i];
    float s = 0;
    for (int k = threadIdx.x; k < n; k += blockDim.x) s += x[k];
    part[threadIdx.x] = s;
    __syncthreads();
    if (threadIdx.x == 0) atomicAdd(out, part[0]);
}

static void f_sequential(int n, float *y) { for (int i = 0; i < n; i++) y[i] += 1; }
void other(int n) { kernel<<<n, 1>>>(n, n, 0, 0, 0, 0); }

void f(int n, int m, const float *x, const float *z, float *y, float *out)
{
    if (n == 0) { f_sequential(n, y); return; }
    float *dx, *dz, *dy, *dout;
    cudaMalloc(&dx, n * sizeof(float));
    cudaMemcpy(dx, x, n * sizeof(float), cudaMemcpyHostToDevice);
    cudaMemset(dout, 0, sizeof(float));
    kernel<<<(n + 63) / 64, 64>>>(n, m, dx, dz, dy, dout);
    cudaMemcpy(y, dy, n * sizeof(float), cudaMemcpyDeviceToHost);
    cudaFree(dx);
}
"""
GRID = """
__global__ void scale(int n, float *x) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) { x[i] *= 3; }
}
void f(int n, float *x) {
    musl_range x_used = {0, 0};
    x_used.add(0, n - 1);
    auto d_x = musl_upload(x, x_used, true);
    const dim3 block(256), grid(musl_blocks(n, block.x, 512));
    scale<<<grid, block>>>(n, d_x);
    musl_download(x, d_x, x_used);
}
"""


def planted(text: str, operator: MutationOperator, function: str | None = "f") -> set[tuple[str, str]]:
    """(before, after) of the mutants of one operator."""
    return {(m.before, m.after) for m in make_mutants(text, function=function) if m.operator is operator}


def in_kernel(body: str, operator: MutationOperator, launch: str = "<<<(n + 63) / 64, 64>>>") -> set[tuple[str, str]]:
    """The same for one statement of a kernel."""
    text = f"""
__global__ void k(int n, int m, int *a, float (*b)[9]) {{
    int i = blockIdx.x * blockDim.x + threadIdx.x, j = blockIdx.y * blockDim.y + threadIdx.y;
    {body}
}}
void f(int n, int m, int *a, float (*b)[9]) {{ k{launch}(n, m, a, b); }}
"""
    lines = text.splitlines()
    line = next(number for number, content in enumerate(lines, 1) if content.strip() == body.splitlines()[0].strip())
    last = line + len(body.splitlines()) - 1
    return {(m.before, m.after) for m in make_mutants(text) if m.operator is operator and line <= m.line <= last}


O = MutationOperator


@pytest.mark.parametrize(
    ("operator", "body", "expected"),
    [
        (O.GUARD_DROPPED, "if (i < n) a[i] = 1;", {("if (i < n) ", "")}),
        (O.GUARD_DROPPED, "if (i >= n) return;", {("if (i >= n) return;", ";")}),
        (
            O.GUARD_DROPPED,
            "if (i < n && j < m) { a[i] = 1; }",
            {
                ("if (i < n && j < m) ", ""),
                ("i < n && j < m", "i < n"),
                ("i < n && j < m", "j < m"),
            },
        ),
        (O.GUARD_DROPPED, "if (i < n) a[i] = 1; else a[0] = 2;", set()),
        (O.OFF_BY_ONE, "a[i] = 1;", {("i", "i + 1"), ("i", "i - 1")}),
        (O.OFF_BY_ONE, "if (i < n) m++;", {("n", "n - 1")}),
        (O.OFF_BY_ONE, "for (int k = 2; k != n; k++) m++;", {("2", "2 + 1")}),
        (O.BOUNDARY, "if (i <= n) m++;", {("<=", "<")}),
        (O.BOUNDARY, "if (i > n) m++;", {(">", ">=")}),
        (O.INDEX_SWAPPED, "a[i * m + j] = 1;", {("i * m + j", "j * m + i")}),
        (O.INDEX_SWAPPED, "b[i][j] = 1;", {("[i][j]", "[j][i]")}),
        (O.INDEX_SWAPPED, "m = blockDim.x;", {("x", "y")}),
        (O.BLOCK_LOST, "m = blockIdx.x * 8 + threadIdx.x;", {("blockIdx.x * 8 + threadIdx.x", "threadIdx.x")}),
        (O.STRIDE_LOST, "for (int k = 0; k < n; k += blockDim.x) m++;", {("blockDim.x", "1")}),
        (O.OPERATOR_CHANGED, "a[i] = n - m;", {("-", "+")}),
        (O.OPERATOR_CHANGED, "a[i] *= n;", {("*=", "/=")}),
        (O.OPERATOR_CHANGED, "a[i] = min(n, m);", {("min", "max")}),
        (O.OPERATOR_CHANGED, "if (i == n) m++;", {("==", "!="), ("++", "--")}),
        (O.CONSTANT_CHANGED, "a[i] = 7u;", {("7u", "8u")}),
        (O.CONSTANT_CHANGED, "b[i][j] = 0.5f;", {("0.5f", "1.5f")}),
        (O.CONSTANT_CHANGED, "a[i] = 0x1F;", {("0x1F", "0x20")}),
        (O.WRONG_IDENTITY, "int s = 0;\nfor (int k = i; k < n; k++) s += a[k];\na[i] = s;", {("0", "1")}),
        (O.WRONG_IDENTITY, "int s = 1;\nfor (int k = i; k < n; k++) s *= a[k];\na[i] = s;", {("1", "0")}),
        (
            O.WRONG_IDENTITY,
            "float s = -INFINITY;\nfor (int k = i; k < 9; k++) s = fmaxf(s, b[0][k]);\nb[0][i] = s;",
            {("-INFINITY", "0")},
        ),
        (O.WRONG_IDENTITY, "int s = 0;\na[i] = s;", set()),
        (O.BARRIER_REMOVED, "__syncthreads();\na[i] = 1;", {("__syncthreads();", ";")}),
        (O.ATOMIC_MADE_PLAIN, "atomicAdd(&a[0], i);", {("atomicAdd(&a[0], i)", "*(&a[0]) += i")}),
        (
            O.ATOMIC_MADE_PLAIN,
            "atomicMax(a, i);",
            {("atomicMax(a, i)", "if ((i) > *(a)) *(a) = i")},
        ),
    ],
)
def test_an_operator_plants_its_faults(operator: MutationOperator, body: str, expected: set[tuple[str, str]]) -> None:
    assert in_kernel(body, operator) == expected


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        (
            O.COPY_REMOVED,
            {
                ("cudaMemcpy(dx, x, n * sizeof(float), cudaMemcpyHostToDevice);", ";"),
                ("cudaMemcpy(y, dy, n * sizeof(float), cudaMemcpyDeviceToHost);", ";"),
            },
        ),
        (O.COPY_SIZE, {("n * sizeof(float)", "(n * sizeof(float)) / 2")}),
        (O.ALLOCATION_SIZE, {("n * sizeof(float)", "(n * sizeof(float)) / 2")}),
        (O.MEMSET_REMOVED, {("cudaMemset(dout, 0, sizeof(float));", ";")}),
        (O.LAUNCH_SIZE, {("(n + 63) / 64", "n / 64"), ("64", "64 / 2")}),
        (O.ARGUMENT_ORDER, {("n, m", "m, n"), ("dx, dz", "dz, dx"), ("dy, dout", "dout, dy")}),
    ],
)
def test_faults_of_the_host_wrapper(operator: MutationOperator, expected: set[tuple[str, str]]) -> None:
    assert planted(KERNEL, operator) == {e for e in expected if e[0] != "dz, dy"} | (
        {("dz, dy", "dy, dz")} if operator is O.ARGUMENT_ORDER else set()
    )


def test_faults_of_generated_wrappers() -> None:
    assert planted(GRID, O.COPY_REMOVED) == {("true", "false"), ("musl_download(x, d_x, x_used);", ";")}
    assert planted(GRID, O.COPY_SIZE) == {("n - 1", "n - 1 - 1")}
    assert planted(GRID, O.STRIDE_LOST) == {
        ("gridDim.x * blockDim.x", "gridDim.x"),
        ("gridDim.x * blockDim.x", "blockDim.x"),
        ("}", "break; }"),
    }
    assert planted(GRID, O.LAUNCH_SIZE) == set()  # any grid and any block cover the elements


# ---------------------------------------------------------------- where nothing is planted


@pytest.mark.parametrize(
    ("operator", "body", "why"),
    [
        (O.OPERATOR_CHANGED, "a[i] = a[m] + 0;", "neutral operand"),
        (O.OPERATOR_CHANGED, "b[i][0] = b[m][0] / 1.0f;", "neutral operand"),
        (O.OPERATOR_CHANGED, "a[i] = 2 * 2;", None),
        (O.OPERATOR_CHANGED, "a[i] = min(n, n);", "one argument twice"),
        (O.BOUNDARY, "m = n < m ? n : m;", "extremum"),
        (O.BOUNDARY, "b[i][0] = b[i][1] > 0.0f ? b[i][1] : 0;", "extremum, of a literal"),
        (O.BOUNDARY, "if (n > m) m = n;", "extremum"),
        (O.BOUNDARY, "m = n < m ? n : i;", None),
        (O.BARRIER_REMOVED, "__syncthreads();", "last barrier"),
        (O.CONSTANT_CHANGED, "if (threadIdx.x == 0) a[0] = m;", "any thread"),
        (O.CONSTANT_CHANGED, "if (threadIdx.x == 0) a[threadIdx.x] = m;", None),
        (O.INDEX_SWAPPED, "a[i * m + i] = 1;", "the same index"),
    ],
)
def test_what_provably_changes_nothing_is_not_planted(operator: MutationOperator, body: str, why: str | None) -> None:
    found = in_kernel(body, operator)
    if why is None:
        assert found
    elif operator is O.CONSTANT_CHANGED:
        assert all("threadIdx" not in before for before, _ in found)
        assert ("0", "1") not in {pair for pair in found if pair == ("0", "1")} or body.count("0") > 1
    else:
        assert not found, why
