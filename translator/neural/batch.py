"""`translate_batch`: many functions asked of a model at once, and their answers read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from models.generation.protocol import Generator, NoAnswer, Result, Sampling
from models.model_form import ModelForm
from models.question import Question
from translator.neural.prompts import Direction, ask
from translator.neural.read_answer import Malformed, Translated, read_translation


class Item(NamedTuple):
    """One function to translate: `id` joins it with its answers, `name` is its function's (or its kernel's), `context`
    what its file says besides."""

    id: str
    text: str
    name: str
    direction: Direction
    context: str = ""


def translate_batch(
    generator: Generator,
    form: ModelForm,
    items: Sequence[Item | tuple[str, str, str, Direction]],
    sampling: Sampling,
    *,
    check_parameters: bool = True,
    progress: Callable[[int], None] | None = None,
) -> Mapping[str, Sequence[Translated]]:
    """What the model makes of each item (with the fields of `Item`), by id: `sampling.samples` entries, in the order of
    the samples.

    `progress` is told how many items are answered. Raises GenerationError where the model cannot answer at all.
    """
    asked = [Item(*item) for item in items]
    questions = {item.id: ask(item.text, item.name, item.direction, form, item.context) for item in asked}
    if len(questions) != len(asked):
        raise ValueError("two items have the same id")
    answers = generator.generate([question.prompt(key) for key, question in questions.items()], sampling, progress)
    return {
        item.id: [_read(item, questions[item.id], answer, check_parameters) for answer in answers[item.id]]
        for item in asked
    }


def _read(item: Item, question: Question, result: Result, check_parameters: bool) -> Translated:
    if isinstance(result, NoAnswer):
        return Malformed("no_answer", result.reason)
    return read_translation(
        question.decode(result.text),
        item.text,
        item.name,
        "cuda" if item.direction == "c2cuda" else "c",
        finished=result.finished,
        check_parameters=check_parameters,
    )
