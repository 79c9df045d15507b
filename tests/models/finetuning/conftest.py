"""A micro base with its tokenizer, a few examples, and the config of a run that the tests of fine-tuning share."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer, Qwen2Config, Qwen2ForCausalLM

from models.finetuning.config import FinetuneConfig
from models.model_form import ModelForm

CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def make_base(folder: Path, tokenizer: Path, *, hidden: int = 32, chat: bool = False) -> Path:
    """A Qwen2 of two layers with fresh weights; with `chat` its tokenizer has the chat template of that family."""
    torch.manual_seed(hidden)
    loaded = AutoTokenizer.from_pretrained(tokenizer)
    if chat:
        loaded.add_special_tokens({"eos_token": "<|im_end|>", "additional_special_tokens": ["<|im_start|>"]})
        loaded.chat_template = CHAT
        loaded.split_special_tokens = False
    config = Qwen2Config(
        vocab_size=len(loaded),
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=512,
        eos_token_id=loaded.eos_token_id,
        tie_word_embeddings=False,
    )
    Qwen2ForCausalLM(config).save_pretrained(folder)
    loaded.save_pretrained(folder)
    return folder


def make_examples(file: Path, count: int = 24) -> Path:
    """Pairs of a loop and its kernel with constants of their own."""
    lines = [
        {
            "prompt": f"// C to CUDA\nvoid f(int *x, int n) {{ for (int i = 0; i < n; i++) x[i] += {n}; }}\n// CUDA\n",
            "completion": f"__global__ void f(int *x, int n) {{ int i = threadIdx.x; if (i < n) x[i] += {n}; }}",
            "task": "c2cuda",
        }
        for n in range(count)
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory, tokenizer: Path) -> Path:
    """A model trained on nothing, that says it is asked in the short form."""
    folder = make_base(tmp_path_factory.mktemp("base"), tokenizer)
    ModelForm("short", anonymous=True).save(folder)
    return folder


@pytest.fixture(scope="session")
def wider_base(tmp_path_factory: pytest.TempPathFactory, tokenizer: Path) -> Path:
    """A model whose weights have other shapes."""
    return make_base(tmp_path_factory.mktemp("wider"), tokenizer, hidden=64)


@pytest.fixture(scope="session")
def chat_base(tmp_path_factory: pytest.TempPathFactory, tokenizer: Path) -> Path:
    """The same with a chat template, that says nothing of its form; wide enough for the blocks of 4-bit weights."""
    return make_base(tmp_path_factory.mktemp("chat"), tokenizer, hidden=64, chat=True)


@pytest.fixture(scope="session")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 examples."""
    return make_examples(tmp_path_factory.mktemp("examples") / "train.jsonl")


@pytest.fixture
def asked(base: Path, examples: Path, tmp_path: Path) -> Callable[..., dict[str, object]]:
    """What a config file holds; keywords replace keys of a group: `training={"steps": 3}`."""

    def make(output: str = "run", **groups: Mapping[str, object]) -> dict[str, object]:
        given: dict[str, dict[str, object]] = {
            "model": {"base": str(base), "context": 256},
            "data": {"train": [str(examples)]},
            "training": {"steps": 8, "batch_sequences": 4, "micro_batch": 2, "learning_rate": 5e-3, "warmup_steps": 2},
            "run": {"checkpoint_every": 3},
        }
        merged = {group: {**given.get(group, {}), **groups.get(group, {})} for group in given | groups}
        return {"output": str(tmp_path / output), "seed": 1, **merged}

    return make


@pytest.fixture
def micro(asked: Callable[..., dict[str, object]]) -> Callable[..., FinetuneConfig]:
    """`asked`, validated."""

    def make(output: str = "run", **groups: Mapping[str, object]) -> FinetuneConfig:
        return FinetuneConfig.model_validate(asked(output, **groups))

    return make
