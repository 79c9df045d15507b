"""What a Translator model is asked, and the examples it is trained on: one form for both."""

from __future__ import annotations

from pathlib import Path

import pytest
from replay_generator import ReplayGenerator

from data.find_functions import find_functions
from data.source_file import SourceFile
from data.tokens.tokompiler import encode
from models.generation.protocol import Answer, NoAnswer, Sampling
from models.model_form import STYLES, ModelForm
from models.pretraining.denoising import repair_text
from translator.neural.batch import Item, translate_batch
from translator.neural.context import context_of
from translator.neural.prompts import Direction, ask, example, repair
from translator.neural.read_answer import Malformed, Snippet

C = "void scale(int n, float a, float *x) {\n    for (int i = 0; i < n; i++) x[i] = a * x[i] + 2.5f;\n}\n"
KERNEL = """__global__ void scale_gpu(int n, float a, float *x) {
    int place = blockIdx.x * blockDim.x + threadIdx.x;
    if (place < n) x[place] = a * x[place] + 2.5f;
}
"""
FORMS = [ModelForm(style, anonymous) for style in STYLES for anonymous in (False, True)]
SHORT, ANONYMOUS = ModelForm("short"), ModelForm("short", anonymous=True)


def test_the_short_form_is_exact() -> None:
    assert ask(C, "scale", "c2cuda", SHORT).text == f"// C to CUDA\n{C.strip()}\n// CUDA\n"
    assert ask(KERNEL, "scale_gpu", "cuda2c", SHORT).text == f"// CUDA to C\n{KERNEL.strip()}\n// C\n"
    assert example(C, KERNEL, "c2cuda", SHORT) == {
        "prompt": f"// C to CUDA\n{C.strip()}\n// CUDA\n",
        "completion": KERNEL.strip(),
        "task": "c2cuda",
    }


def test_a_repair_is_asked_for_as_in_pretraining() -> None:
    text = "void scale(float *x, int n) {\n    for (int i = 0; i < n; i++)\n        x[i] *= 3.5f;\n}\n"
    own = encode(text, "c").text.strip("\n")
    asked = repair(text, "c", ModelForm("short", anonymous=True), "a seed")
    assert asked["prompt"] + asked["completion"] == repair_text(own, "c", "a seed")
    assert asked["completion"] == own and "scale" not in asked["prompt"]
    assert repair(text, "c", ModelForm("short"), "a seed")["completion"] == text.strip("\n")


def test_a_model_of_languages_is_given_the_bare_source_and_the_direction_beside_it() -> None:
    form = ModelForm("languages", anonymous=True)
    for direction, source in (("c2cuda", C), ("cuda2c", KERNEL)):
        question = ask(source, "scale", direction, form)  # type: ignore[arg-type]
        short = ask(source, "scale", direction, ANONYMOUS)  # type: ignore[arg-type]
        assert short.text.splitlines()[1:-1] == question.text.splitlines()
        assert question.prompt("a").task == direction and question.system == ""
        made = example(C, KERNEL, direction, form)  # type: ignore[arg-type]
        assert (made["prompt"], made["task"]) == (question.text, direction)
        assert "a * x[" in question.decode(made["completion"]) and "2.5f" in question.decode(made["completion"])


def test_anonymous_texts_have_no_name_of_the_source() -> None:
    made = example(C, KERNEL, "c2cuda", ANONYMOUS)
    both = made["prompt"] + made["completion"]
    assert not any(word in both for word in ("scale", "place", "2.5"))
    assert "for (int var_2 = 0; var_2 < var_0; var_2++) arr_0[var_2] = var_1 * arr_0[var_2] + real_0f;" in both
    assert "arr_0[var_3] = var_1 * arr_0[var_3] + real_0f" in made["completion"]


def test_an_instruct_prompt_has_the_example_and_the_source() -> None:
    question = ask(C, "scale", "c2cuda", ModelForm())
    assert question.system and C.strip() in question.text and "`scale`" in question.text
    assert "__global__ void blend_kernel(" in question.text and "$" not in question.text
    assert "void blend(" in ask(KERNEL, "scale_gpu", "cuda2c", ModelForm()).text


def test_code_with_dollars_and_braces_is_asked_as_it_stands() -> None:
    odd = 'void f(char *s) { const char *t = "${name} {source} $source"; s[0] = t[0]; }'
    for form in (ModelForm(), SHORT):
        assert odd in ask(odd, "f", "c2cuda", form).text


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("direction", ["c2cuda", "cuda2c"])
def test_the_completion_of_an_example_is_read_as_the_pairs_other_side(form: ModelForm, direction: Direction) -> None:
    source, target, name = (C, KERNEL, "scale") if direction == "c2cuda" else (KERNEL, C, "scale_gpu")
    made = example(C, KERNEL, direction, form, name)
    generator = ReplayGenerator({made["prompt"]: [made["completion"]]})
    (result,) = translate_batch(generator, form, [Item("one", source, name, direction)], Sampling())["one"]
    assert isinstance(result, Snippet)
    expected = target
    if form.anonymous and direction == "c2cuda":  # names that the source does not have are not known
        expected = target.replace("scale_gpu", "func_1").replace("place", "var_3")
    if form.anonymous and direction == "cuda2c":
        expected = target.replace("void scale", "void func_1").replace("i ", "var_3 ")
        expected = expected.replace("i++", "var_3++").replace("[i]", "[var_3]")
    assert result.text == expected


def test_answers_are_joined_by_id_and_sample_and_malformed_ones_keep_their_place() -> None:
    other = C.replace("scale", "shift")
    answers = {"void scale(": [KERNEL, "no"], "void shift(": [NoAnswer("too long"), Answer(KERNEL, 9, finished=False)]}
    items = [Item("b", other, "shift", "c2cuda"), Item("a", C, "scale", "c2cuda")]
    done: list[int] = []
    generator = ReplayGenerator(answers)
    found = translate_batch(generator, SHORT, items, Sampling(samples=2, seed=4), progress=done.append)
    assert found["a"] == [Snippet(KERNEL, "scale_gpu", "cuda"), Malformed("no_code", "the answer holds no code")]
    assert [each.kind for each in found["b"] if isinstance(each, Malformed)] == ["no_answer", "cut_off"]
    assert done == [1, 2]
    ((prompts, sampling),) = generator.asked  # all at once
    assert (len(prompts), sampling.samples, sampling.seed) == (2, 2, 4)


def test_equal_ids_are_refused() -> None:
    with pytest.raises(ValueError, match="the same id"):
        translate_batch(ReplayGenerator({}), SHORT, [Item("a", C, "scale", "c2cuda")] * 2, Sampling())


def test_an_instruct_prompt_shows_what_the_file_says_besides() -> None:
    text = (
        "#include <math.h>\n#define SQUARE(v) ((v) * (v))\ntypedef struct { float x, y; } point;\n"
        "static float low(float v) { return v - 1; }\nstatic float inner(float v) { return low(v); }\n"
        "static float unused(float v) { return v; }\n"
        "void f(const point *p, float *out, int n) {\n    for (int i = 0; i < n; i++) out[i] = inner(p[i].x);\n}\n"
    )
    source = SourceFile(Path("/made/file.c"), text, "c")
    function = find_functions(source).functions[-1]
    context = context_of(source, function)
    assert [line.split("(")[0] for line in context.splitlines()] == [
        "#define SQUARE",
        "typedef struct { float x, y; } point;",
        "static float low",
        "static float inner",
    ]
    for form in FORMS:
        shown = context in ask(function.text, function.name, "c2cuda", form, context).text
        assert shown == (form == ModelForm())  # trained forms have none, and anonymous ones no names


def test_a_file_too_long_for_a_prompt_is_not_shown() -> None:
    source = SourceFile(Path("/made/file.c"), f"// {'long ' * 2000}\n{C}", "c")
    assert context_of(source, find_functions(source).functions[0]) == ""
