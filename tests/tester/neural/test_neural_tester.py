"""The neural Tester on what models write: valid tests are kept, all else is counted, nothing falls back silently."""

from __future__ import annotations

from pathlib import Path

import pytest
from neural_tester_parts import function_of, source_of
from replay_generator import ReplayGenerator

from compile.sandbox import Sandbox
from models.generation.protocol import Answer, NoAnswer, Result, Sampling
from models.model_form import ModelForm
from tester.fuzz import FuzzTester
from tester.neural.batch import count_malformed, make_tests_batch
from tester.neural.snippet import Snippet
from tester.neural.tester import NeuralOptions, NeuralTester

SHORT, INSTRUCT = ModelForm("short"), ModelForm("instruct")
SIGN = """int sign(const int *x, int n) {
    int s = 0;
    for (int i = 0; i < n; i++) {
        if (x[i] < 0)
            s--;
        else if (x[i] > 0)
            s++;
    }
    return s;
}
"""
ANSWERS: list[str | Result] = [
    "int x[] = {1, 2};\nsign(x, 2);",
    "int x[] = {3};\nsign(x, 1);",
    "int x[] = {3};\nsign(x, 1);",
    "int x[] = {1};\nsign(x, 2);",
    "int x[] = {1};\nsign(x);",
    "int x[9]; for (int i = 0; i < 9; i++) x[i] = -i; sign(x, 9);",
    "int x[] = {1, 2",
    NoAnswer("the prompt is too long"),
]


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return Sandbox(tmp_path.resolve())


def make(sandbox: Sandbox, answers: list[str | Result], **more: object) -> NeuralTester:
    generator = ReplayGenerator({"sign": answers})
    options = NeuralOptions(samples=len(answers), rounds=2)
    return NeuralTester(generator, SHORT, source_of(SIGN), sandbox, options, **more)  # type: ignore[arg-type]


def test_valid_tests_come_with_those_first_that_raise_coverage(sandbox: Sandbox) -> None:
    tester, function = make(sandbox, ANSWERS), function_of(SIGN)
    suite = tester.make_tests(function, 2, seed=5)
    assert [test.arguments[1] for test in suite.tests] == [2, 9]
    assert suite.coverage is not None and suite.coverage.line == 100
    assert suite.tests[0].origin == "model"
    tally = tester.tallies[function.id]
    assert dict(tally.faults) == {"invalid": 1, "arguments": 1, "syntax": 1, "no_answer": 1}
    assert tally.valid == 3 and suite.dropped == 4 and suite.first_error.startswith("arguments: it passes 1 argument")
    assert str(tally) == "3 valid; 1 arguments, 1 invalid, 1 no_answer, 1 syntax"


def test_the_model_is_asked_again_with_another_seed_where_tests_are_too_few(sandbox: Sandbox) -> None:
    tester = make(sandbox, ANSWERS)
    generator = tester.generator
    assert isinstance(generator, ReplayGenerator)
    tester.make_tests(function_of(SIGN), 3, seed=5)
    assert [sampling.seed for _, sampling in generator.asked] == [5]
    tester.make_tests(function_of(SIGN), 20, seed=5)
    assert [sampling.seed for _, sampling in generator.asked[1:]] == [5, 6]


def test_a_model_that_writes_no_test_leaves_none_and_says_why(sandbox: Sandbox) -> None:
    tester = make(sandbox, ["I cannot do that."])
    suite = tester.make_tests(function_of(SIGN), 4, seed=0)
    assert suite.tests == () and suite.coverage is None
    assert suite.first_error == "syntax: not a list of C statements" and suite.dropped == 2


def test_fuzz_as_a_second_voice_comes_behind_the_model(sandbox: Sandbox) -> None:
    second = FuzzTester(source_of(SIGN), sandbox)
    tester = make(sandbox, ANSWERS, second=second)
    suite = tester.make_tests(function_of(SIGN), 3, seed=0)
    origins = [test.origin for test in suite.tests]
    assert origins[:3] == ["model"] * 3 and len(origins) >= 6 and set(origins[3:]) == {"fuzz"}
    assert tester.name == "replay+fuzz"
    assert len({test.id for test in suite.tests}) == len(suite.tests)


def test_answers_that_were_made_before_are_used_without_the_model(sandbox: Sandbox) -> None:
    function = function_of(SIGN)
    generator = ReplayGenerator({"sign": ANSWERS})
    written = make_tests_batch(generator, SHORT, [function, function], Sampling(samples=len(ANSWERS)))
    assert len(generator.asked) == 1 and len(generator.asked[0][0]) == 1
    tester = NeuralTester(None, SHORT, source_of(SIGN), sandbox, written=written, name="own")
    assert len(tester.make_tests(function, 3, seed=0).tests) == 3 and tester.name == "own"
    with pytest.raises(ValueError, match="a model to ask"):
        NeuralTester(None, SHORT, source_of(SIGN), sandbox)


def test_a_batch_joins_answers_by_function_and_counts_what_is_malformed() -> None:
    sign, other = function_of(SIGN), function_of("void twice(int *y) { y[0] *= 2; }")
    cut = Answer("int y[] = {1, ", 5, finished=False)
    several = "```c\nint x[1] = {0};\nsign(x, 1);\n```\n```c\nint x[2] = {0};\nsign(x, 2);\n```"
    generator = ReplayGenerator({"sign(": [several], "twice(": ["int y[] = {1};\ntwice(y);", cut]})
    done: list[int] = []
    written = make_tests_batch(generator, INSTRUCT, [sign, other], Sampling(samples=2), tests=2, progress=done.append)
    assert [isinstance(part, Snippet) for part in written[sign.id]] == [True] * 4
    assert [isinstance(part, Snippet) for part in written[other.id]] == [True, False]
    assert count_malformed(written) == {"cut_off": 1} and done == [1, 2]
    assert all("2 different tests" in prompt.text and prompt.system for prompt in generator.asked[0][0])
