"""What a Tester model is asked, to the letter, and that anonymous answers come back with the function's names."""

from __future__ import annotations

from pathlib import Path

from neural_tester_parts import function_of

from compile.sandbox import Sandbox
from data.testcase import TestCase
from models.model_form import ModelForm
from tester.neural.materialize import Request, materialize
from tester.neural.prompts import PROMPT_FILE, ask, example
from tester.neural.read_answer import read_answer
from tester.neural.snippet import Snippet

SHORT, ANONYMOUS, INSTRUCT = ModelForm("short"), ModelForm("short", anonymous=True), ModelForm("instruct")
TEXT = "void scale(float *x, int n, float a)\n{\n    x[n - 1] *= a;\n}\n"
TEST = "float x[] = {1, 2.5};\nscale(x, 2, 0.5f);"


def test_the_short_form_is_exact() -> None:
    assert ask(TEXT, SHORT).text == f"// C tests\n{TEXT.strip()}\n// test\n"
    kernel = "__global__ void scale(float *x, int n) { x[0] = n; }"
    assert ask(kernel, SHORT).text == f"// CUDA tests\n{kernel}\n// test\n"
    assert example(TEXT, TEST, SHORT) == {"prompt": ask(TEXT, SHORT).text, "completion": TEST, "task": "tests"}


def test_the_anonymous_form_keeps_numbers_and_comes_back() -> None:
    line = example(TEXT, TEST, ANONYMOUS)
    assert line["prompt"].startswith("// C tests\nvoid func_0(float *arr_0, int var_0, float var_1)")
    assert line["completion"] == "float arr_0[] = {1, 2.5};\nfunc_0(arr_0, 2, 0.5f);"
    question = ask(TEXT, ANONYMOUS)
    assert question.text == line["prompt"]
    assert question.decode(line["completion"]) == TEST
    assert "scale(x, 2, var_7)" in question.decode("func_0(arr_0, 2, var_7);")


def test_an_instruct_model_gets_an_example_and_the_function() -> None:
    question = ask(TEXT, INSTRUCT, name="scale", tests=4)
    assert "4 different tests of the C function scale" in question.text and TEXT.strip() in question.text
    assert question.system == PROMPT_FILE.read_text(encoding="utf-8").strip()
    assert example(TEXT, TEST, INSTRUCT)["completion"] == f"```c\n{TEST}\n```"


def test_the_worked_example_gives_the_tests_that_it_says(tmp_path: Path) -> None:
    text = PROMPT_FILE.read_text(encoding="utf-8")
    function = function_of(text[text.index("void clamp_row") : text.index("two tests are")])
    parts = read_answer(text, function)
    requests = [Request(part, function) for part in parts if isinstance(part, Snippet)]
    assert len(parts) == len(requests) == 2
    first, second = materialize(requests, Sandbox(tmp_path.resolve()))
    assert isinstance(first, TestCase) and isinstance(second, TestCase)
    assert [test.arguments[2] for test in (first, second)] == [5, 300]
    assert second.unset[1] is not None and second.unset[1].all()
