"""What a Tester model is asked, and what it is trained on.

The short form, exact, for training and inference alike:

    // C tests                  (// CUDA tests, where the function is a kernel)
    {source}
    // test
    {snippet}

With `anonymous` both are Tokompiler's text over one table (data/tokens/tokompiler.py); numbers of the snippet stay. The
instruct form is tester/prompts/tests.txt as the system message, and the function as the user's.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from data.tokens.tokompiler import Encoded, decode, encode
from models.generation.protocol import Prompt
from models.model_form import ModelForm
from tester.neural.snippet import Snippet

PROMPT_FILE = Path(__file__).resolve().parent.parent / "prompts" / "tests.txt"
TASK = "tests"
_KERNEL = re.compile(r"\b__global__\b")


class Example(TypedDict):
    """A line of training data (trl's prompt-completion form, with its task)."""

    prompt: str
    completion: str
    task: str


@dataclass(frozen=True)
class Question:
    """What is asked; `system` is empty where the form has none. With an anonymous form `encoded` is the function's
    text, over whose table answers are decoded."""

    text: str
    system: str = ""
    encoded: Encoded | None = None

    def prompt(self, identity: str) -> Prompt:
        """The prompt for a Generator."""
        return Prompt(identity, self.text, self.system)

    def decode(self, answer: str) -> str:
        """The answer with the function's own names."""
        return answer if self.encoded is None else decode(self.encoded.with_text(answer, "c++"))


def ask(function_text: str, form: ModelForm, *, name: str = "", tests: int = 3) -> Question:
    """The question for tests of the function (or kernel) in the text; an instruct model is told its `name`, and asked
    for so many `tests` in one answer."""
    source = function_text.strip("\n")
    is_kernel = _KERNEL.search(source) is not None
    encoded = encode(source, "cuda" if is_kernel else "c++") if form.anonymous else None
    if encoded is not None:
        source = encoded.text.strip("\n")
        name = next((own for own, original in encoded.table.items() if original == name), name)
    if form.style == "short":
        return Question(f"// {'CUDA' if is_kernel else 'C'} tests\n{source}\n// test\n", "", encoded)
    kind, fence = ("CUDA kernel", "cuda") if is_kernel else ("C function", "c")
    number = "one test" if tests == 1 else f"{tests} different tests"
    called = f" {name}" if name else ""
    return Question(f"Write {number} of the {kind}{called}.\n\n```{fence}\n{source}\n```", _system(), encoded)


def example(function_text: str, snippet: Snippet | str, form: ModelForm) -> Example:
    """What a model learns from: the function, and one test in C statements."""
    question = ask(function_text, form, tests=1)
    text = snippet.text if isinstance(snippet, Snippet) else snippet
    if question.encoded is not None:
        text = question.encoded.encode_other(text, "c++", keep_numbers=True).text
    if form.style == "instruct":
        text = f"```c\n{text}\n```"
    return Example(prompt=question.text, completion=text, task=TASK)


@functools.cache
def _system() -> str:
    return PROMPT_FILE.read_text(encoding="utf-8").strip()
