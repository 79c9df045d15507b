"""Examples are read line by line, and become the tokens that a model sees when it is asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from models.errors import ModelError
from models.finetuning.examples import IGNORED, Example, TokenRow, read_examples, token_row

EXAMPLE = Example("// C to CUDA\nint a;\n// CUDA\n", "__device__ int a;", "", "here:1")


def learned(row: TokenRow, tokenizer: PreTrainedTokenizerBase) -> str:
    text = tokenizer.decode([label for label in row.labels if label != IGNORED])
    assert isinstance(text, str)
    return text


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"prompt": "a"', r"train\.jsonl:2: not JSON \(Expecting ',' delimiter at column \d+\)"),
        ('["a", "b"]', r'train\.jsonl:2: not an object with "prompt" and "completion"'),
        ('{"prompt": "a"}', r'train\.jsonl:2: "completion" is missing or no text'),
        ('{"prompt": 3, "completion": "b"}', r'train\.jsonl:2: "prompt" is missing or no text'),
        ('{"prompt": "a", "completion": ""}', r'train\.jsonl:2: "completion" is empty'),
        ('{"prompt": "a", "completion": "b", "system": 1}', r'train\.jsonl:2: "system" is no text'),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    file = tmp_path / "train.jsonl"
    file.write_text('{"prompt": "a", "completion": "b", "task": "tests"}\n' + line + "\n")
    with pytest.raises(ModelError, match=message):
        read_examples([file])


@pytest.mark.parametrize(("content", "message"), [(b"\n\n", "no example there"), (b"\xff\xfe{", "not UTF-8")])
def test_a_file_without_examples_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "train.jsonl"
    file.write_bytes(content)
    with pytest.raises(ModelError, match=message):
        read_examples([file])
    with pytest.raises(ModelError, match=r"nowhere\.jsonl: cannot be read \(No such file or directory\)"):
        read_examples([tmp_path / "nowhere.jsonl"])


def test_the_short_form_is_the_prompt_as_it_stands_and_the_completion_with_its_end(base: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(base)
    row = token_row(EXAMPLE, tokenizer, "short")
    asked = tokenizer(EXAMPLE.prompt)["input_ids"]
    assert row.ids[: len(asked)] == asked
    assert learned(row, tokenizer) == "__device__ int a;</s>"
    assert row.ids[len(asked) :] == row.labels[len(asked) :]


def test_the_chat_form_is_written_by_the_template(chat_base: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(chat_base)
    row = token_row(Example("Translate.", "int a;", "You write CUDA.", "here:1"), tokenizer, "instruct")
    assert tokenizer.decode(row.ids) == (
        "<|im_start|>system\nYou write CUDA.<|im_end|>\n<|im_start|>user\nTranslate.<|im_end|>\n"
        "<|im_start|>assistant\nint a;<|im_end|>"
    )
    assert learned(row, tokenizer) == "int a;<|im_end|>"
    assert row.ids.count(tokenizer.eos_token_id) == 3
