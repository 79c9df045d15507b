"""What a model is asked: `ask`, and the training example of the same form: `example` (and `repair`).

instruct   the text of translator/prompts/, with one worked example; answers are fenced code
short      // C to CUDA          a line that names the task, the source, a line that begins the answer
           {source}
           // CUDA
languages  {source}              alone: the direction is the prompt's task
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from string import Template
from typing import Literal, TypeAlias

from data.function import Language
from data.tokens import tokompiler
from models.model_form import ModelForm
from models.pretraining.denoising import repair_prompt
from models.question import Example, Question

Direction: TypeAlias = Literal["c2cuda", "cuda2c"]

_FOLDER = Path(__file__).resolve().parent.parent / "prompts"
_SHORT = {"c2cuda": "// C to CUDA\n{source}\n// CUDA\n", "cuda2c": "// CUDA to C\n{source}\n// C\n"}
_FENCE = {"c2cuda": "cuda", "cuda2c": "c"}
# C is read by the grammar of C++, which has its references, too: benchmarks call both C.
_LANGUAGES: dict[Direction, tuple[Language, Language]] = {"c2cuda": ("c++", "cuda"), "cuda2c": ("cuda", "c++")}


def ask(function_text: str, name: str, direction: Direction, form: ModelForm, context: str = "") -> Question:
    """The question after the other side of `function_text`, whose function (or kernel) is called `name`. Instruct forms
    with the source's own names also show `context`, what the file says besides."""
    source = function_text.strip("\n")
    encoded = tokompiler.encode(source, _LANGUAGES[direction][0]) if form.anonymous else None
    source = source if encoded is None else encoded.text.strip("\n")
    if form.style == "short":
        return Question(_SHORT[direction].format(source=source), "", _LANGUAGES[direction][1], encoded)
    if form.style == "languages":
        return Question(source, "", _LANGUAGES[direction][1], encoded, direction)
    if encoded is not None:
        name = next((own for own, original in encoded.table.items() if original == name), name)
    system, text = _template(direction)
    around = _around(context) if context and encoded is None else ""
    return Question(text.substitute(name=name, source=source, around=around), system, _LANGUAGES[direction][1], encoded)


def example(c_text: str, cuda_text: str, direction: Direction, form: ModelForm, name: str = "") -> Example:
    """The training example of a pair, in the very form in which `ask` asks. `name` is needed by instruct forms."""
    source, answer = (c_text, cuda_text) if direction == "c2cuda" else (cuda_text, c_text)
    question = ask(source, name, direction, form)
    answer = answer.strip("\n")
    if question.encoded is not None:
        answer = question.encoded.encode_other(answer, _LANGUAGES[direction][1]).text.strip("\n")
    if form.style == "instruct":
        answer = f"```{_FENCE[direction]}\n{answer}\n```"
    return Example(prompt=question.text, completion=answer, task=direction)


def repair(text: str, language: Language, form: ModelForm, seed: str) -> Example:
    """The training example of a text with noise that is to become what it was, as in the pretraining of models that are
    asked in the short form; the same seed gives the same noise."""
    text = text.strip("\n")
    if form.anonymous:
        text = tokompiler.encode(text, "cuda" if language == "cuda" else "c++").text.strip("\n")
    return Example(prompt=repair_prompt(text, language, seed), completion=text, task="repair")


def _around(context: str) -> str:
    """The paragraph that shows the rest of the file."""
    return Template((_FOLDER / "around.txt").read_text(encoding="utf-8")).substitute(context=context) + "\n"


@lru_cache(maxsize=2)
def _template(direction: Direction) -> tuple[str, Template]:
    """(system message, text) of the prompt in translator/prompts/."""
    system, _, text = (_FOLDER / f"{direction}.txt").read_text(encoding="utf-8").partition("\n---\n")
    return system.strip(), Template(text)
