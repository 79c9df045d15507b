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


Op = MutationOperator


@pytest.mark.parametrize(
    ("operator", "body", "expected"),
    [
        (Op.GUARD_DROPPED, "if (i < n) a[i] = 1;", {("if (i < n) ", "")}),
        (Op.GUARD_DROPPED, "if (i >= n) return;", {("if (i >= n) return;", ";")}),
        (
            Op.GUARD_DROPPED,
            "if (i < n && j < m) { a[i] = 1; }",
            {
                ("if (i < n && j < m) ", ""),
                ("i < n && j < m", "i < n"),
                ("i < n && j < m", "j < m"),
            },
        ),
        (Op.GUARD_DROPPED, "if (i < n) a[i] = 1; else a[0] = 2;", set()),
        (Op.OFF_BY_ONE, "a[i] = 1;", {("i", "i + 1"), ("i", "i - 1")}),
        (Op.OFF_BY_ONE, "if (i < n) m++;", {("n", "n - 1")}),
        (Op.OFF_BY_ONE, "for (int k = 2; k != n; k++) m++;", {("2", "2 + 1")}),
        (Op.BOUNDARY, "if (i <= n) m++;", {("<=", "<")}),
        (Op.BOUNDARY, "if (i > n) m++;", {(">", ">=")}),
        (Op.INDEX_SWAPPED, "a[i * m + j] = 1;", {("i * m + j", "j * m + i")}),
        (Op.INDEX_SWAPPED, "b[i][j] = 1;", {("[i][j]", "[j][i]")}),
        (Op.INDEX_SWAPPED, "m = blockDim.x;", {("x", "y")}),
        (Op.BLOCK_LOST, "m = blockIdx.x * 8 + threadIdx.x;", {("blockIdx.x * 8 + threadIdx.x", "threadIdx.x")}),
        (Op.STRIDE_LOST, "for (int k = 0; k < n; k += blockDim.x) m++;", {("blockDim.x", "1")}),
        (Op.OPERATOR_CHANGED, "a[i] = n - m;", {("-", "+")}),
        (Op.OPERATOR_CHANGED, "a[i] *= n;", {("*=", "/=")}),
        (Op.OPERATOR_CHANGED, "a[i] = min(n, m);", {("min", "max")}),
        (Op.OPERATOR_CHANGED, "if (i == n) m++;", {("==", "!="), ("++", "--")}),
        (Op.CONSTANT_CHANGED, "a[i] = 7u;", {("7u", "8u")}),
        (Op.CONSTANT_CHANGED, "b[i][j] = 0.5f;", {("0.5f", "1.5f")}),
        (Op.CONSTANT_CHANGED, "a[i] = 0x1F;", {("0x1F", "0x20")}),
        (Op.WRONG_IDENTITY, "int s = 0;\nfor (int k = i; k < n; k++) s += a[k];\na[i] = s;", {("0", "1")}),
        (Op.WRONG_IDENTITY, "int s = 1;\nfor (int k = i; k < n; k++) s *= a[k];\na[i] = s;", {("1", "0")}),
        (
            Op.WRONG_IDENTITY,
            "float s = -INFINITY;\nfor (int k = i; k < 9; k++) s = fmaxf(s, b[0][k]);\nb[0][i] = s;",
            {("-INFINITY", "0")},
        ),
        (Op.WRONG_IDENTITY, "int s = 0;\na[i] = s;", set()),
        (Op.BARRIER_REMOVED, "__syncthreads();\na[i] = 1;", {("__syncthreads();", ";")}),
        (Op.ATOMIC_MADE_PLAIN, "atomicAdd(&a[0], i);", {("atomicAdd(&a[0], i)", "*(&a[0]) += i")}),
        (
            Op.ATOMIC_MADE_PLAIN,
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
            Op.COPY_REMOVED,
            {
                ("cudaMemcpy(dx, x, n * sizeof(float), cudaMemcpyHostToDevice);", ";"),
                ("cudaMemcpy(y, dy, n * sizeof(float), cudaMemcpyDeviceToHost);", ";"),
            },
        ),
        (Op.COPY_SIZE, {("n * sizeof(float)", "(n * sizeof(float)) / 2")}),
        (Op.ALLOCATION_SIZE, {("n * sizeof(float)", "(n * sizeof(float)) / 2")}),
        (Op.MEMSET_REMOVED, {("cudaMemset(dout, 0, sizeof(float));", ";")}),
        (Op.LAUNCH_SIZE, {("(n + 63) / 64", "n / 64"), ("64", "64 / 2")}),
        (Op.ARGUMENT_ORDER, {("n, m", "m, n"), ("dx, dz", "dz, dx"), ("dy, dout", "dout, dy")}),
    ],
)
def test_faults_of_the_host_wrapper(operator: MutationOperator, expected: set[tuple[str, str]]) -> None:
    assert planted(KERNEL, operator) == {e for e in expected if e[0] != "dz, dy"} | (
        {("dz, dy", "dy, dz")} if operator is Op.ARGUMENT_ORDER else set()
    )


def test_faults_of_generated_wrappers() -> None:
    assert planted(GRID, Op.COPY_REMOVED) == {("true", "false"), ("musl_download(x, d_x, x_used);", ";")}
    assert planted(GRID, Op.COPY_SIZE) == {("n - 1", "n - 1 - 1")}
    assert planted(GRID, Op.STRIDE_LOST) == {
        ("gridDim.x * blockDim.x", "gridDim.x"),
        ("gridDim.x * blockDim.x", "blockDim.x"),
        ("}", "break; }"),
    }
    assert planted(GRID, Op.LAUNCH_SIZE) == set()  # any grid and any block cover the elements


# ---------------------------------------------------------------- where nothing is planted


@pytest.mark.parametrize(
    ("operator", "body", "why"),
    [
        (Op.OPERATOR_CHANGED, "a[i] = a[m] + 0;", "neutral operand"),
        (Op.OPERATOR_CHANGED, "b[i][0] = b[m][0] / 1.0f;", "neutral operand"),
        (Op.OPERATOR_CHANGED, "a[i] = 2 * 2;", None),
        (Op.OPERATOR_CHANGED, "a[i] = min(n, n);", "one argument twice"),
        (Op.BOUNDARY, "m = n < m ? n : m;", "extremum"),
        (Op.BOUNDARY, "b[i][0] = b[i][1] > 0.0f ? b[i][1] : 0;", "extremum, of a literal"),
        (Op.BOUNDARY, "if (n > m) m = n;", "extremum"),
        (Op.BOUNDARY, "m = n < m ? n : i;", None),
        (Op.BARRIER_REMOVED, "__syncthreads();", "last barrier"),
        (Op.CONSTANT_CHANGED, "if (threadIdx.x == 0) a[0] = m;", "any thread"),
        (Op.CONSTANT_CHANGED, "if (threadIdx.x == 0) a[threadIdx.x] = m;", None),
        (Op.INDEX_SWAPPED, "a[i * m + i] = 1;", "the same index"),
    ],
)
def test_what_provably_changes_nothing_is_not_planted(operator: MutationOperator, body: str, why: str | None) -> None:
    found = in_kernel(body, operator)
    if why is None:
        assert found
    elif operator is Op.CONSTANT_CHANGED:
        assert all("threadIdx" not in before for before, _ in found)
        assert ("0", "1") not in {pair for pair in found if pair == ("0", "1")} or body.count("0") > 1
    else:
        assert not found, why


def test_only_what_the_function_runs_is_mutated() -> None:
    lines = KERNEL.splitlines()
    mutated = {lines[m.line - 1].strip() for m in make_mutants(KERNEL, function="f")}
    assert any("twice(float v)" in line for line in mutated)
    assert not any(line.startswith(("static void f_sequential", "void other", "//")) for line in mutated)
    assert not any("f_sequential(n, y)" in line for line in mutated)
    everywhere = {lines[m.line - 1].strip() for m in make_mutants(KERNEL)}
    assert any(line.startswith("void other") for line in everywhere)
    assert not any("f_sequential" in line for line in everywhere)


def test_a_wrapper_of_the_library_leads_to_the_kernel_and_is_left_alone() -> None:
    text = GRID.replace("void f(", "void musl_own_wrapper(")
    inside = [m for m in make_mutants(GRID, function="f") if m.line < GRID[: GRID.index("void f(")].count("\n") + 1]
    assert [m.after for m in make_mutants(text, function="musl_own_wrapper")] == [m.after for m in inside] != []


def test_text_without_cuda_has_no_mutants() -> None:
    assert make_mutants("void f(int n, float *x) { for (int i = 0; i < n; i++) x[i] = i + 1; }\n") == []
    assert make_mutants("") == []
    assert make_mutants(KERNEL, function="no_such_function") == []


def test_a_flat_launch_makes_other_dimensions_trivial() -> None:
    body = "a[(threadIdx.y * blockDim.x + threadIdx.x) * gridDim.y] = 1;"
    flat = in_kernel(body, Op.OPERATOR_CHANGED, "<<<n, 1>>>")
    assert flat == set()  # all of it is a[0 * 1 + 0]
    assert in_kernel(body, Op.OPERATOR_CHANGED, "<<<dim3(n, n), dim3(8, 8)>>>") == {("*", "/"), ("+", "-")}


def test_launches_in_one_function_are_told_apart() -> None:
    text = """
__global__ void one(int *a) { a[blockIdx.x * blockDim.x + threadIdx.x + blockIdx.y * 4] = 1; }
__global__ void two(int *a) { a[blockIdx.x * blockDim.x + threadIdx.x + blockIdx.y * 4] = 2; }
void f(int n, int *a) {
    { const dim3 block(1), grid(n); one<<<grid, block>>>(a); }
    { const dim3 block(8), grid(n, 2); two<<<grid, block>>>(a); }
}
"""
    found = make_mutants(text)
    minus = {(m.line, m.column) for m in found if (m.before, m.after) == ("+", "-")}
    assert {line for line, _ in minus} == {3}


def test_a_block_that_the_grid_is_computed_from_is_left_alone() -> None:
    text = """
__global__ void k(int n, int *a) { int i = blockIdx.x * blockDim.x + threadIdx.x; if (i < n) a[i] = 1; }
void f(int n, int *a) { int block = 256; int grid = (n + block - 1) / block; k<<<grid, block>>>(n, a); }
"""
    assert planted(text, Op.LAUNCH_SIZE) == {("(n + block - 1) / block", "n / block")}
    apart = text.replace("(n + block - 1) / block", "(n + 255) / 256")
    assert planted(apart, Op.LAUNCH_SIZE) == {("(n + 255) / 256", "n / 256"), ("256", "256 / 2")}


def test_work_that_is_only_repeated_is_no_fault() -> None:
    loop = "for (int k = i; k < n; k += gridDim.x * blockDim.x) { int t = a[k]; b[k][0] = t + 1; }"
    assert ("gridDim.x * blockDim.x", "blockDim.x") not in in_kernel(loop, Op.STRIDE_LOST)
    for again in ("a[k] = a[k] + 1;", "m += a[k];", "atomicAdd(&a[k], 1);", "a[k] *= 2;"):
        summed = loop.replace("b[k][0] = t + 1;", again)
        assert ("gridDim.x * blockDim.x", "blockDim.x") in in_kernel(summed, Op.STRIDE_LOST), again
    for once in ("m = max(m, a[k]);", "if (t > m) m = t;", "m |= t;", "m = 1;"):
        harmless = loop.replace("b[k][0] = t + 1;", once)
        assert ("gridDim.x * blockDim.x", "blockDim.x") not in in_kernel(harmless, Op.STRIDE_LOST), once


def test_a_guard_that_the_launch_decides_is_left_alone() -> None:
    body = "if (i < n && j < m) a[i * m + j] = 1;"
    dropped = ("if (i < n && j < m) ", "")
    exact = "<<<dim3(n, m), dim3(1, 1)>>>"
    assert in_kernel(body, Op.GUARD_DROPPED, exact) == set()
    assert in_kernel(body, Op.BOUNDARY, exact) == set()
    half = in_kernel(body, Op.GUARD_DROPPED, "<<<dim3(n, (m + 7) / 8), dim3(1, 8)>>>")
    assert half == {dropped, ("i < n && j < m", "i < n")}
    assert dropped in in_kernel(body, Op.GUARD_DROPPED, "<<<dim3(n, m), dim3(2, 1)>>>")
    assert dropped in in_kernel("i++;\n" + body, Op.GUARD_DROPPED, exact)
    assert in_kernel("if (i >= n) return;", Op.GUARD_DROPPED, "<<<n, 1>>>") == set()
    spaced = "{ int k = blockIdx . x * blockDim . x + threadIdx . x ; if ( k >= n ) return ; }"
    assert in_kernel(spaced, Op.GUARD_DROPPED, "<<<n, 1>>>") == set()
    cast = "{ long k = (long)blockIdx.x * (long)blockDim.x + (long)threadIdx.x; if (k >= n) return; }"
    assert in_kernel(cast, Op.GUARD_DROPPED, "<<<n, 1>>>") == set()
    assert in_kernel(cast.replace("(long)b", "(char)b"), Op.GUARD_DROPPED, "<<<n, 1>>>") != set()
    assert in_kernel("if (i >= m) return;", Op.GUARD_DROPPED, "<<<n, 1>>>") != set()


def test_a_store_that_any_thread_may_do_is_left_alone() -> None:
    store = "__syncthreads();\nif (threadIdx.x == 0) a[blockIdx.x] = m;"
    assert in_kernel(store, Op.GUARD_DROPPED) == set()
    assert ("==", "!=") not in in_kernel(store, Op.OPERATOR_CHANGED)
    for other in (
        store.replace("= m", "+= m"),
        store.replace("= m", "= threadIdx.x"),
        store.replace("= m", "= a[1]"),
        store.replace("__syncthreads();", "m = threadIdx.x;"),
    ):
        assert ("if (threadIdx.x == 0) ", "") in in_kernel(other, Op.GUARD_DROPPED), other


def test_copies_of_what_kernels_do_not_use_are_left_alone() -> None:
    text = """
__global__ void k(const int *in, int *both, int *out) { int i = threadIdx.x; both[i] += in[i]; out[i] = both[i]; }
void f(const int *in, int *both, int *out) {
    cudaMemcpy(d_in, in, 36, cudaMemcpyHostToDevice);
    cudaMemcpy(d_both, both, 36, cudaMemcpyHostToDevice);
    cudaMemcpy(d_out, out, 36, cudaMemcpyHostToDevice);
    k<<<1, 9>>>(d_in, d_both, d_out);
    cudaMemcpy(in, d_in, 36, cudaMemcpyDeviceToHost);
    cudaMemcpy(both, d_both, 36, cudaMemcpyDeviceToHost);
    cudaMemcpy(out, d_out, 36, cudaMemcpyDeviceToHost);
}
"""
    lines = text.splitlines()
    found = [m for m in make_mutants(text) if m.operator in (Op.COPY_REMOVED, Op.COPY_SIZE)]
    copies = {lines[m.line - 1].strip().removeprefix("cudaMemcpy(").partition(", 36")[0] for m in found}
    assert copies == {"d_in, in", "d_both, both", "both, d_both", "out, d_out"}
    assert len(found) == 2 * len(copies)


def test_arguments_of_a_symmetric_kernel_are_not_exchanged() -> None:
    text = """
__global__ void k(const float *x, const float *y, float *z) { int i = blockIdx.x; z[i] = x[i] SIGN y[i]; }
void f(const float *x, const float *y, float *z) { k<<<9, 1>>>(x, y, z); }
"""
    assert ("x, y", "y, x") not in planted(text.replace("SIGN", "+"), Op.ARGUMENT_ORDER)
    assert ("x, y", "y, x") in planted(text.replace("SIGN", "-"), Op.ARGUMENT_ORDER)


# ---------------------------------------------------------------- the whole


def test_mutants_are_the_same_each_time_and_parse() -> None:
    first, second = (make_mutants(KERNEL, function="f", seed=3, limit=20) for _ in range(2))
    assert first == second
    assert len(first) == len({m.id for m in first}) == len({m.text for m in first}) == 20
    assert first != make_mutants(KERNEL, function="f", seed=4, limit=20)
    everything = make_mutants(KERNEL, function="f")
    assert set(first) <= set(everything)
    for mutant in everything:
        assert not list(syntax_errors(parse_cuda(mutant.text.encode())))
        assert mutant.text != KERNEL
        line = KERNEL.splitlines()[mutant.line - 1]
        assert line[mutant.column - 1 :].startswith(mutant.before.splitlines()[0])


def test_an_id_does_not_depend_on_what_stands_around() -> None:
    moved = "// A comment.\n\nvoid unrelated(int n) { kernel<<<1, 1>>>(n, n, 0, 0, 0, 0); }\n"
    before, after = make_mutants(KERNEL, function="f"), make_mutants(moved + KERNEL, function="f")
    assert [m.id for m in before] == [m.id for m in after]
    assert [m.line + 3 for m in before] == [m.line for m in after]


def test_few_mutants_are_of_different_operators() -> None:
    chosen = make_mutants(KERNEL, function="f", limit=8)
    assert len({m.operator for m in chosen}) == 8


def test_every_operator_is_described() -> None:
    assert set(DESCRIPTIONS) == set(MutationOperator)
