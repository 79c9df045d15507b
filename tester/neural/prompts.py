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
from pathlib import Path

from data.tokens.tokompiler import encode
from models.model_form import ModelForm
from models.question import Example, Question
from tester.neural.snippet import Snippet

PROMPT_FILE = Path(__file__).resolve().parent.parent / "prompts" / "tests.txt"
TASK = "tests"
_KERNEL = re.compile(r"\b__global__\b")


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
        return Question(f"// {'CUDA' if is_kernel else 'C'} tests\n{source}\n// test\n", "", "c++", encoded)
    kind, fence = ("CUDA kernel", "cuda") if is_kernel else ("C function", "c")
    number = "one test" if tests == 1 else f"{tests} different tests"
    called = f" {name}" if name else ""
    return Question(f"Write {number} of the {kind}{called}.\n\n```{fence}\n{source}\n```", _system(), "c++", encoded)


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
