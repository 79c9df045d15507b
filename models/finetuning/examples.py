"""`Example`: a prompt with the completion that a model shall learn, and the token rows that examples become."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from models.errors import ModelError
from models.model_form import Style

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

IGNORED = -100
"""The label of a token that carries no loss."""


@dataclass(frozen=True)
class Example:
    """`system` is the system message of a chat (empty: none). `place` is the file and line that it came from."""

    prompt: str
    completion: str
    system: str
    place: str


@dataclass(frozen=True)
class TokenRow:
    """One example as tokens: ids, and labels that are ids where a completion is learned, else IGNORED."""

    ids: list[int]
    labels: list[int]


def read_examples(paths: Sequence[Path]) -> list[Example]:
    """The examples of JSON Lines files, blank lines skipped. ModelError that names file and line for one that is
    broken, and for files that hold none."""
    examples = [example for path in paths for example in _of_file(path)]
    if not examples:
        raise ModelError(f"{', '.join(map(str, paths))}: no example there")
    return examples


def _of_file(path: Path) -> Iterator[Example]:
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield _parse(line, f"{path}:{number}")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or 'not UTF-8'})") from None


def _parse(line: str, place: str) -> Example:
    try:
        read = json.loads(line)
    except json.JSONDecodeError as error:
        raise ModelError(f"{place}: not JSON ({error.msg} at column {error.colno})") from None
    if not isinstance(read, Mapping):
        raise ModelError(f'{place}: not an object with "prompt" and "completion"')
    for key in ("prompt", "completion"):
        if not isinstance(read.get(key), str):
            raise ModelError(f'{place}: "{key}" is missing or no text')
        if not read[key]:
            raise ModelError(f'{place}: "{key}" is empty')
    system = read.get("system", "")
    if not isinstance(system, str):
        raise ModelError(f'{place}: "system" is no text')
    return Example(read["prompt"], read["completion"], system, place)


def token_row(example: Example, tokenizer: PreTrainedTokenizerBase, style: Style) -> TokenRow:
    """The prompt's tokens as they are when the model is asked, the completion's, and the token that ends a text."""
    prompt, completion = _chat(example, tokenizer) if style == "instruct" else _plain(example, tokenizer)
    ids = [*prompt, *completion]
    # What a row begins with cannot be predicted: where rows are packed, another example stands before it.
    start = max(1, len(prompt))
    return TokenRow(ids, [IGNORED] * start + ids[start:])


def _plain(example: Example, tokenizer: PreTrainedTokenizerBase) -> tuple[list[int], list[int]]:
    prompt = cast("list[int]", tokenizer(example.prompt, verbose=False)["input_ids"])
    completion = cast("list[int]", tokenizer(example.completion, add_special_tokens=False, verbose=False)["input_ids"])
    return prompt, [*completion, _end(tokenizer)]


def _chat(example: Example, tokenizer: PreTrainedTokenizerBase) -> tuple[list[int], list[int]]:
    """The template writes both, without thoughts where it has a place for them, as when the model is asked; what it
    writes after the answer's end is cut."""
    asked = [{"role": "user", "content": example.prompt}]
    if example.system:
        asked.insert(0, {"role": "system", "content": example.system})
    answered = [*asked, {"role": "assistant", "content": example.completion}]
    write = partial(tokenizer.apply_chat_template, tokenize=False, enable_thinking=False)
    prompt = cast("str", write(asked, add_generation_prompt=True))
    whole = cast("str", write(answered))
    if not whole.startswith(prompt):
        raise ModelError(f"{example.place}: the chat template writes another prompt once the answer is known")
    prompt_ids, rest = (
        cast("list[int]", tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
        for text in (prompt, whole[len(prompt) :])
    )
    end = _end(tokenizer)
    cut = len(rest) - rest[::-1].index(end) if end in rest else len(rest)
    return prompt_ids, rest[:cut] if end in rest else [*rest, end]


def _end(tokenizer: PreTrainedTokenizerBase) -> int:
    end = tokenizer.eos_token_id
    assert isinstance(end, int)  # load_tokenizer saw to it
    return end
