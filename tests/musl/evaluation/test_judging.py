"""Translations are judged for real in both harnesses and both directions, and each way to fail is told by its name."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from benchmark import (
    ADD2D,
    CASES,
    COUNT,
    FLAG,
    INDEX,
    NEGATE,
    PREFIX,
    SCALE,
    SOUND,
    drop_in,
    read_benchmark,
    without_nvcc,
)

from compile.sandbox import Sandbox
from compile.toolchain import find_nvcc
from musl.evaluation.judging import Judging
from musl.evaluation.records import Direction, EvaluatedRecord, Failure, Harness, TranslationRecord
from musl.evaluation.translations import make_record
from musl.judge import Judge
from musl.verdict import VerdictStatus

JudgeText = Callable[..., EvaluatedRecord]
SCALE_C = CASES[SCALE].c_text
SCALED = "if (i < n) a[i] = s * a[i];"


@pytest.fixture(scope="module")
def judge_text(tmp_path_factory: pytest.TempPathFactory) -> JudgeText:
    """The verdict on a text for a problem, in a harness and a direction."""
    folder = tmp_path_factory.mktemp("judging")
    directions: tuple[Direction, ...] = ("c2cuda", "cuda2c")
    problems = {direction: read_benchmark(folder, direction) for direction in directions}
    sandbox = Sandbox(folder)

    def judged(
        problem: int, text: str, harness: Harness = "own", direction: Direction = "c2cuda", tests: int = 0
    ) -> EvaluatedRecord:
        chosen = problems[direction][problem]
        judging = Judging(Judge(sandbox, "emulator", tests, cache=True), harness)
        return judging.evaluate((chosen, make_record(chosen, 3, text, 0.0)))

    return judged


@pytest.fixture
def no_nvcc() -> Iterator[None]:
    with without_nvcc():
        yield


quickly = pytest.mark.usefixtures("no_nvcc")


@quickly
@pytest.mark.parametrize(
    ("text", "failure", "words"),
    [
        (drop_in(), "", ""),
        (drop_in("if (i < n) a[i] = s * a[i] + 1;"), "wrong", "a[0]: expected 2.5, got 3.5"),
        (drop_in("if (i < n) a[i] = factor * a[i];"), "compile", "'factor' was not declared"),
        ("I am sorry, but (", "parse", "defines no host function scale_cpu"),
        (drop_in().replace("scale_cpu", "scale_gpu"), "parse", "defines no host function scale_cpu"),
        (drop_in().replace("float s, int n)\n{\n    \n", "int n)\n{ float s = 1;\n"), "parse", "takes 2 parameters"),
        (drop_in(launch="1, 2048"), "launch", "block (2048,1,1)"),
        (drop_in(launch="", end="for (int i = 0; i < n; i++) a[i] *= s;"), "launch", "no test launched a kernel"),
        (drop_in("", end="for (int i = 0; i < n; i++) a[i] *= s;"), "launch", "the host computes"),
        (drop_in(f"__shared__ float t[65536]; t[i] = a[i]; {SCALED}"), "launch", "262144 bytes"),
        (drop_in("a[i] = s * a[i];"), "bounds", "just past device array of 12 bytes"),
        (drop_in("__trap();"), "crash", "__trap()"),
        (drop_in(host="exit(0);"), "crash", "exited with status 0"),
        (drop_in(f'int l; asm("mov.u32 %0, %%laneid;" : "=r"(l)); {SCALED}'), "infrastructure", "inline PTX"),
        (drop_in(top="texture<float, 1> image;"), "infrastructure", "texture"),
    ],
)
def test_a_drop_in_function_fails_for_what_it_does(
    judge_text: JudgeText, text: str, failure: Failure, words: str
) -> None:
    record = judge_text(SCALE, text)
    assert (record.failure, record.id, record.sample) == (failure, SCALE, 3)
    assert words in record.message
    unknown = failure == "infrastructure"
    assert record.compiles is (None if unknown else failure not in ("compile", "parse"))


@quickly
def test_a_wrong_result_says_where(judge_text: JudgeText) -> None:
    record = judge_text(SCALE, drop_in("if (i < n) a[i] = i == 1 ? 7 : s * a[i];"))
    assert record.counterexample is not None
    assert (record.counterexample.where, record.counterexample.index) == ("a", 1)
    assert (record.counterexample.expected, record.counterexample.got) == ("-5", "7")
    assert record.results == (False, False)


@quickly
def test_equal_compile_errors_have_equal_messages(judge_text: JudgeText) -> None:
    first = judge_text(SCALE, drop_in("if (i < n) a[i] = factor * a[i];"))
    second = judge_text(ADD2D, CASES[ADD2D].kernel.replace("+= x", "+= factor * x"), "reference")
    assert first.failure == second.failure == "compile"
    assert first.message == second.message == "'factor' was not declared in this scope"
    assert first.reason != second.reason


@quickly
@pytest.mark.parametrize("harness", ["own", "reference"])
def test_a_model_that_only_repeats_itself_is_soon_done_with(judge_text: JudgeText, harness: Harness) -> None:
    started = time.monotonic()
    assert judge_text(SCALE, "float " * 20_000, harness).failure == "parse"
    assert judge_text(SCALE, "a(b " * 20_000, harness).failure == "parse"
    assert time.monotonic() - started < 10


@quickly
def test_a_refusal_is_counted_with_its_code(judge_text: JudgeText, tmp_path: Path) -> None:
    problem = read_benchmark(tmp_path)[SCALE]
    refusal = TranslationRecord(id=SCALE, refusal="MUSL101 carried dependence over i")
    record = Judging(Judge(Sandbox(tmp_path)), "own").evaluate((problem, refusal))
    assert (record.failure, record.message, record.compiles) == ("refused", refusal.refusal, False)


@quickly
def test_a_kernel_in_the_references_wrapper(judge_text: JudgeText) -> None:
    kernel = f"__global__ void renamed(float *b, const float t, int m) {{ {INDEX} if (i < m) b[i] *= t; }}"
    assert judge_text(SCALE, kernel, "reference").verdict is VerdictStatus.EQUIVALENT
    helper = "__global__ void other(int *x) { *x = 0; }\n"
    assert judge_text(SCALE, helper + kernel, "reference").failure == ""
    assert judge_text(SCALE, kernel + helper, "reference").failure == ""
    assert judge_text(SCALE, SCALE_C, "reference").failure == "parse"


@quickly
def test_an_update_without_atomics_is_a_race(judge_text: JudgeText) -> None:
    record = judge_text(COUNT, CASES[COUNT].kernel.replace("atomicAdd(found, 1)", "found[0] += 1"), "reference")
    assert record.failure == "race"
    assert record.fault is not None and record.fault.kind == "data_race"


@quickly
def test_a_kernel_that_never_ends_is_out_of_time(judge_text: JudgeText) -> None:
    record = judge_text(PREFIX, CASES[PREFIX].kernel.replace("i < n; i++", "i > 0; i = 1"), "reference")
    assert (record.failure, record.compiles) == ("time", True)


@quickly
def test_a_problem_whose_snippets_are_broken_is_tried_on_inputs_made_for_it(judge_text: JudgeText) -> None:
    without = judge_text(NEGATE, CASES[NEGATE].kernel, "reference")
    assert (without.failure, without.compiles, without.tests.valid) == ("untested", None, 0)
    made = judge_text(NEGATE, CASES[NEGATE].kernel, "reference", tests=3)
    assert (made.failure, made.compiles, made.tests.origin) == ("", True, "fuzz")
    wrong = judge_text(NEGATE, CASES[NEGATE].kernel.replace("-a[i]", "a[i]"), "reference", tests=3)
    assert wrong.failure == "wrong"


# ------------------------------------------------------------------------------------------------ other parameter lists

OWN_LIST = f"__global__ void flag(const float *x, int *flags, float limit, int n) {{ {INDEX} FLAGGED }}"
UNNAMED = f"__global__ void flag(const float *p, int *q, float r, int m) {{ {INDEX} if (i < m) q[i] = p[i] > r; }}"
SWAPPED = f"__global__ void count(const int *x, int n, int *found, int limit) {{ {CASES[COUNT].kernel_body} }}"
FLAGGED = "if (i < n) flags[i] = x[i] > limit;"


@quickly
@pytest.mark.parametrize(
    ("problem", "text", "failure", "difference"),
    [
        (FLAG, OWN_LIST.replace("FLAGGED", FLAGGED), "compile", "(float *, int *, float, int)"),
        (FLAG, UNNAMED, "compile", "(float *, int *, float, int)"),
        (COUNT, SWAPPED, "bounds", "(x, n, found, limit)"),
    ],
)
def test_a_parameter_list_that_is_the_only_fault_is_said(
    judge_text: JudgeText, problem: int, text: str, failure: Failure, difference: str
) -> None:
    record = judge_text(problem, text, "reference")
    assert record.failure == failure
    assert f"its kernel takes {difference}, the reference's wrapper passes" in record.signature
    assert record.signature.endswith("called with what it takes it is equivalent")


@quickly
@pytest.mark.parametrize(
    ("problem", "text", "failure"),
    [
        (FLAG, OWN_LIST.replace("FLAGGED", FLAGGED.replace(">", "<")), "compile"),  # wrong in any wrapper
        (FLAG, OWN_LIST.replace("FLAGGED", FLAGGED.replace("limit", "bound")), "compile"),
        (SCALE, f"__global__ void scale(float *a, int n) {{ {INDEX} if (i < n) a[i] *= 2; }}", "compile"),
        (SCALE, CASES[SCALE].kernel.replace("s *", "s +"), "wrong"),
        (FLAG, CASES[FLAG].kernel, ""),
    ],
)
def test_a_signature_is_not_blamed_for_other_faults(
    judge_text: JudgeText, problem: int, text: str, failure: Failure
) -> None:
    record = judge_text(problem, text, "reference")
    assert (record.failure, record.signature) == (failure, "")
    assert "its kernel takes" not in record.message


# ----------------------------------------------------------------------------------------------------------- CUDA to C


@pytest.mark.parametrize(
    ("text", "failure", "words"),
    [
        (SCALE_C, "", ""),
        (SCALE_C.replace("scale_cpu", "of_another_name"), "", ""),
        (f"static float same(float x) {{ return x; }}\n{SCALE_C.replace('* a[i]', '* same(a[i])')}", "", ""),
        (SCALE_C.replace("s *", "s +"), "wrong", "a[0]: expected 2.5, got 3.5"),
        (SCALE_C.replace("i < n", "i <= n"), "bounds", "heap-buffer-overflow"),
        (SCALE_C.replace("= s", "= factor"), "compile", "'factor' was not declared in this scope"),
        (SCALE_C.replace("{", "{ int x = 2147483647; x += n;", 1), "crash", "signed integer overflow"),
        (SCALE_C.replace("{", "{ abort();", 1), "crash", "ABRT"),
        (SCALE_C.replace("{", "{ scale_cpu(a, s, n);", 1), "crash", "stack-overflow"),
        (SCALE_C.replace(", int n", ""), "parse", "takes 2 parameters, the C function 3"),
        ("int n;", "parse", "it defines no function"),
        ("Here is (the function:", "parse", "it defines no function"),
    ],
)
def test_a_c_function_is_judged_against_the_c_reference(
    judge_text: JudgeText, text: str, failure: Failure, words: str
) -> None:
    record = judge_text(SCALE, text, "own", "cuda2c")
    assert (record.failure, record.compiles) == (failure, failure not in ("compile", "parse"))
    assert words in record.message


@pytest.mark.parametrize("number", SOUND)
def test_the_benchmarks_own_c_functions_pass_in_both_harnesses(judge_text: JudgeText, number: int) -> None:
    harnesses: tuple[Harness, ...] = ("own", "reference")
    verdicts = [judge_text(number, CASES[number].c_text, harness, "cuda2c").verdict for harness in harnesses]
    assert verdicts == [VerdictStatus.EQUIVALENT] * 2


# ---------------------------------------------------------------------------------------------------------------- nvcc


@pytest.mark.skipif(find_nvcc() is None, reason="no nvcc")
def test_nvcc_has_the_last_word_where_there_is_one(judge_text: JudgeText) -> None:
    # What g++ has and nvcc does not: a call of a host function from a kernel that never comes to it.
    right = judge_text(SCALE, drop_in())
    assert (right.failure, right.compiles) == ("", True)
    top = "float twice(float x) { return x + x; }"
    refused = judge_text(SCALE, drop_in(f"{SCALED} if (i < 0) a[i] = twice(s);", top=top))
    assert (refused.failure, refused.compiles) == ("compile", False)
    assert refused.verdict is VerdictStatus.CANDIDATE_FAILED
    assert "calling a __host__ function" in refused.message
    lacking = judge_text(SCALE, drop_in(f'int l; asm("mov.u32 %0, %%laneid;" : "=r"(l)); {SCALED}'))
    assert (lacking.failure, lacking.compiles) == ("infrastructure", True)
