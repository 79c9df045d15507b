"""`make_tests_batch`: the snippets that a model writes for many functions at once, and what of its answers is none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from data.function import Function
from models.generation.protocol import Generator, NoAnswer, Result, Sampling
from models.model_form import ModelForm
from models.question import Question
from tester.neural.prompts import ask
from tester.neural.read_answer import Flaw, Malformed, read_answer
from tester.neural.snippet import Snippet

Written = Mapping[str, Sequence[Snippet | Malformed]]  # by function id, in the order of the answers


def make_tests_batch(
    generator: Generator,
    form: ModelForm,
    functions: Iterable[Function],
    sampling: Sampling,
    *,
    tests: int = 1,
    progress: Callable[[int], None] | None = None,
) -> Written:
    """By the id of each function what the model writes: `sampling.samples` answers, each one snippet (an instruct model
    is asked for `tests` in one answer) or `Malformed` with its reason. `progress` is told how many functions are done.

    Raises GenerationError where the model cannot answer at all.
    """
    asked = {function.id: function for function in functions}
    questions = {identity: ask(f.text, form, name=f.name, tests=tests) for identity, f in asked.items()}
    prompts = [question.prompt(identity) for identity, question in questions.items()]
    answers = generator.generate(prompts, sampling, progress) if prompts else {}
    return {identity: read_results(answers[identity], questions[identity], asked[identity]) for identity in asked}


def read_results(results: Sequence[Result], question: Question, function: Function) -> tuple[Snippet | Malformed, ...]:
    """What a model's answers to the question hold, in their order."""
    found: list[Snippet | Malformed] = []
    for result in results:
        if isinstance(result, NoAnswer):
            found.append(Malformed(Flaw.NO_ANSWER, result.reason))
        else:
            found += read_answer(question.decode(result.text), function, finished=result.finished)
    return tuple(found)


def count_malformed(written: Written) -> Counter[str]:
    """How many answers are malformed, by their reason."""
    return Counter(part.reason.value for parts in written.values() for part in parts if isinstance(part, Malformed))
