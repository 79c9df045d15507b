"""Mutants judged for real: killed by fuzz tests or by the race build, proven equivalent, or surviving."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from compile.sandbox import Sandbox
from data.find_functions import find_functions
from data.source_file import SourceFile
from data.testcase import TestCase
from musl.mutation_score import BY_OPTIMISER, MutantJudge, MutantStatus, join_suites, mutation_score, passing_tests
from musl.verdict import VerdictStatus
from tester.fuzz import FuzzTester
from tester.mutants import Mutant, MutationOperator, make_mutants
from tester.protocol import TestSuite

Op = MutationOperator
SCALE = "void scale(int n, float a, const float *x, float *y) { for (int i = 0; i < n; i++) y[i] = a * x[i] + y[i]; }\n"
# One thread a block: that i < n is what the launch says already. Only for n above 0.
SCALE_CUDA = """
__global__ void kernel(int n, float a, const float *x, float *y)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = a * x[i] + y[i];
}
void scale(int n, float a, const float *x, float *y)
{
    float *dx, *dy;
    cudaMalloc(&dx, n * sizeof(float));
    cudaMalloc(&dy, n * sizeof(float));
    cudaMemcpy(dx, x, n * sizeof(float), cudaMemcpyHostToDevice);
    cudaMemcpy(dy, y, n * sizeof(float), cudaMemcpyHostToDevice);
    kernel<<<n, 1>>>(n, a, dx, dy);
    cudaMemcpy(y, dy, n * sizeof(float), cudaMemcpyDeviceToHost);
    cudaFree(dx);
    cudaFree(dy);
}
"""
SUM = "float sum(int n, const float *x) { float s = 0; for (int i = 0; i < n; i++) s += x[i]; return s; }\n"
SUM_CUDA = """
__global__ void kernel(int n, const float *x, float *out)
{
    __shared__ float part[64];
    float s = 0;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) s += x[i];
    part[threadIdx.x] = s;
    __syncthreads();
    for (int half = 32; half > 0; half /= 2) {
        if (threadIdx.x < half) part[threadIdx.x] += part[threadIdx.x + half];
        __syncthreads();
    }
    if (threadIdx.x == 0) atomicAdd(out, part[0]);
}
float sum(int n, const float *x)
{
    if (n <= 0) return 0;
    float *dx, *out, s;
    cudaMalloc(&dx, n * sizeof(float));
    cudaMalloc(&out, sizeof(float));
    cudaMemcpy(dx, x, n * sizeof(float), cudaMemcpyHostToDevice);
    cudaMemset(out, 0, sizeof(float));
    kernel<<<2, 64>>>(n, dx, out);
    cudaMemcpy(&s, out, sizeof(float), cudaMemcpyDeviceToHost);
    cudaFree(dx);
    cudaFree(out);
    return s;
}
"""


def make_judge(c_text: str, cuda_text: str, scratch: Path) -> MutantJudge:
    """A judge with fuzz tests on which the text without a fault is right."""
    source = SourceFile(scratch / "pair.c", c_text, "c")
    function = find_functions(source).functions[0]
    sandbox = Sandbox(scratch)
    suite = FuzzTester(source, sandbox).make_tests(function, 12, seed=1)
    suite = passing_tests(source, function, cuda_text, suite, sandbox=sandbox, scratch=scratch)
    return MutantJudge(source, function, cuda_text, suite, sandbox, scratch)


@pytest.fixture(scope="module")
def scale(tmp_path_factory: pytest.TempPathFactory) -> MutantJudge:
    return make_judge(SCALE, SCALE_CUDA, tmp_path_factory.mktemp("scale"))


@pytest.fixture(scope="module")
def total(tmp_path_factory: pytest.TempPathFactory) -> MutantJudge:
    return make_judge(SUM, SUM_CUDA, tmp_path_factory.mktemp("sum"))


def mutant_of(judge: MutantJudge, operator: MutationOperator, before: str, after: str, number: int = 0) -> Mutant:
    """The mutant with this change, the `number`-th in the text."""
    mutants = make_mutants(judge.cuda_text, function=judge.function.name)
    return [m for m in mutants if (m.operator, m.before, m.after) == (operator, before, after)][number]


def test_the_originals_are_equivalent_on_tests_of_their_domain(scale: MutantJudge, total: MutantJudge) -> None:
    assert scale.judge_original().status is VerdictStatus.EQUIVALENT
    assert total.judge_original().status is VerdictStatus.EQUIVALENT
    sizes = [int(np.asarray(test.arguments[0])) for test in scale.suite.tests]
    assert len(sizes) >= 8
    assert min(sizes) > 0  # the wrapper asks for 0 bytes and for less than that where n is not positive


@pytest.mark.parametrize(
    ("operator", "before", "after"),
    [
        (Op.OFF_BY_ONE, "n", "n - 1"),
        (Op.OPERATOR_CHANGED, "+", "-"),
        (Op.BLOCK_LOST, "blockIdx.x * blockDim.x + threadIdx.x", "threadIdx.x"),
        (Op.INDEX_SWAPPED, "x", "y"),
        (Op.COPY_REMOVED, "cudaMemcpy(y, dy, n * sizeof(float), cudaMemcpyDeviceToHost);", ";"),
        (Op.COPY_SIZE, "n * sizeof(float)", "(n * sizeof(float)) / 2"),
        (Op.ALLOCATION_SIZE, "n * sizeof(float)", "(n * sizeof(float)) / 2"),
        (Op.LAUNCH_SIZE, "n", "n - 1"),
        (Op.ARGUMENT_ORDER, "dx, dy", "dy, dx"),
    ],
)
def test_a_fault_of_a_plain_kernel_is_killed(
    scale: MutantJudge, operator: MutationOperator, before: str, after: str
) -> None:
    result = scale.judge(mutant_of(scale, operator, before, after))
    assert result.status is MutantStatus.KILLED
    assert not result.proof


@pytest.mark.parametrize(
    ("operator", "before", "after", "number"),
    [
        (Op.WRONG_IDENTITY, "0", "1", 0),
        (Op.STRIDE_LOST, "gridDim.x * blockDim.x", "blockDim.x", 0),
        (Op.BOUNDARY, "<", "<=", 0),
        (Op.CONSTANT_CHANGED, "32", "33", 0),
        (Op.MEMSET_REMOVED, "cudaMemset(out, 0, sizeof(float));", ";", 0),
        (Op.GUARD_DROPPED, "if (threadIdx.x == 0) ", "", 0),
    ],
)
def test_a_fault_of_a_reduction_is_killed(
    total: MutantJudge, operator: MutationOperator, before: str, after: str, number: int
) -> None:
    result = total.judge(mutant_of(total, operator, before, after, number))
    assert result.status is MutantStatus.KILLED


@pytest.mark.parametrize("number", [0, 1])
def test_a_removed_barrier_is_killed(total: MutantJudge, number: int) -> None:
    result = total.judge(mutant_of(total, Op.BARRIER_REMOVED, "__syncthreads();", ";", number))
    assert result.status is MutantStatus.KILLED
    assert result.verdict.status in (VerdictStatus.RACY, VerdictStatus.DIFFERENT)


def test_a_removed_barrier_that_no_result_shows_is_found_by_the_race_build(tmp_path: Path) -> None:
    # What thread 63 - t left there is never x[0] + 1, before the barrier and after.
    cuda = """
__global__ void kernel(const int *x, int *y)
{
    __shared__ int part[64];
    part[threadIdx.x] = x[0];
    __syncthreads();
    y[threadIdx.x] = part[63 - threadIdx.x] == x[0] + 1 ? 0 : x[0];
}
void f(const int *x, int *y)
{
    int *dx, *dy;
    cudaMalloc(&dx, sizeof(int));
    cudaMalloc(&dy, 64 * sizeof(int));
    cudaMemcpy(dx, x, sizeof(int), cudaMemcpyHostToDevice);
    kernel<<<1, 64>>>(dx, dy);
    cudaMemcpy(y, dy, 64 * sizeof(int), cudaMemcpyDeviceToHost);
}
"""
    judge = make_judge("void f(const int *x, int *y) { for (int i = 0; i < 64; i++) y[i] = x[0]; }\n", cuda, tmp_path)
    assert judge.judge_original().status is VerdictStatus.EQUIVALENT
    result = judge.judge(mutant_of(judge, Op.BARRIER_REMOVED, "__syncthreads();", ";"))
    assert result.verdict.status is VerdictStatus.RACY
    assert "race: " in result.verdict.reason


def test_an_atomic_made_plain_is_killed(total: MutantJudge) -> None:
    result = total.judge(mutant_of(total, Op.ATOMIC_MADE_PLAIN, "atomicAdd(out, part[0])", "*(out) += part[0]"))
    assert result.verdict.status is VerdictStatus.RACY


@pytest.mark.parametrize(("before", "after"), [("if (i < n) ", ""), ("i < n", "i <= n"), ("i < n", "i < n + 0")])
def test_a_fault_that_the_launch_makes_none_is_proven_to_be_none(scale: MutantJudge, before: str, after: str) -> None:
    text = SCALE_CUDA.replace(before, after, 1)
    result = scale.judge(Mutant("by hand", Op.GUARD_DROPPED, 5, 5, before, after, text))
    assert result.status is MutantStatus.EQUIVALENT
    assert result.proof == BY_OPTIMISER


def test_weak_tests_let_a_fault_survive(scale: MutantJudge) -> None:
    rng = np.random.default_rng(0)
    values = [rng.normal(size=(2, 1)).astype(np.float32) for _ in range(4)]
    one_element = tuple(TestCase((np.int32(1), np.float32(2), x, y)) for x, y in values)
    weak = replace(scale, suite=TestSuite(one_element, None, 0))
    lost = mutant_of(scale, Op.BLOCK_LOST, "blockIdx.x * blockDim.x + threadIdx.x", "threadIdx.x")
    assert weak.judge(lost).status is MutantStatus.SURVIVED
    known = replace(weak, known_equivalent={lost.id: "shown by hand"})
    assert (known.judge(lost).status, known.judge(lost).proof) == (MutantStatus.EQUIVALENT, "shown by hand")
    contradicted = replace(scale, known_equivalent={lost.id: "shown by hand"}, prove_all=True).judge(lost)
    assert contradicted.status is MutantStatus.KILLED
    assert contradicted.is_contradiction


def test_a_mutant_that_does_not_compile_is_stillborn(scale: MutantJudge) -> None:
    broken = replace(
        mutant_of(scale, Op.OFF_BY_ONE, "n", "n - 1"), text=SCALE_CUDA.replace("i < n", "i < nowhere"), id="broken"
    )
    assert scale.judge(broken).status is MutantStatus.STILLBORN


def test_the_score_counts_what_can_be_killed(scale: MutantJudge) -> None:
    seen: list[str] = []
    score = mutation_score(
        scale.source,
        scale.function,
        SCALE_CUDA,
        scale.suite,
        sandbox=scale.sandbox,
        scratch=scale.scratch,
        limit=6,
        on_result=lambda result: seen.append(result.mutant.id),
    )
    assert [result.mutant.id for result in score.results] == seen
    assert score.killed + score.survived + score.equivalent + score.stillborn == len(seen) == 6
    assert score.rate == score.killed / (score.killed + score.survived)


def test_a_wrong_original_has_no_score(scale: MutantJudge) -> None:
    wrong = SCALE_CUDA.replace("a * x[i]", "a - x[i]")
    where = {"sandbox": scale.sandbox, "scratch": scale.scratch}
    score = mutation_score(scale.source, scale.function, wrong, scale.suite, **where)
    assert score.original.status is VerdictStatus.DIFFERENT
    assert (score.results, score.rate) == ((), None)


def test_joined_suites_hold_each_test_once(scale: MutantJudge) -> None:
    joined = join_suites([scale.suite, scale.suite])
    assert [test.id for test in joined.tests] == [test.id for test in scale.suite.tests]
