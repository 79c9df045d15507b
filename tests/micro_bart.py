"""`write_micro_bart`: the folder of an encoder-decoder model of a few thousand weights that learns pairs by heart in
seconds, as `musl backtranslate` leaves one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer, BartConfig, BartForConditionalGeneration

from data.tokens.bpe import save_tokenizer
from data.tokens.lexical_vocabulary import CONFIG, SMALLEST_VOCABULARY, train_lexical
from models.generation.encoder_decoder import DIRECTIONS, LANGUAGE_TOKENS
from models.model_form import ModelForm
from translator.neural.prompts import Direction, example

FORM = ModelForm("languages", anonymous=True)

torch.set_num_threads(1)  # the model is too small for more, and what forks afterwards may not use OpenMP's threads


def write_micro_bart(
    folder: Path, pairs: Sequence[tuple[str, str]], *, steps: int = 120, context: int = 256, hidden: int = 64
) -> Path:
    """Trains on the (C, CUDA) pairs in both directions for so many steps, all of them in every step."""
    ways: tuple[Direction, ...] = ("c2cuda", "cuda2c")
    examples = [example(c, cuda, way, FORM) for c, cuda in pairs for way in ways]
    texts = [one[side] for one in examples for side in ("prompt", "completion")]  # type: ignore[literal-required]
    save_tokenizer(train_lexical(texts, SMALLEST_VOCABULARY), folder, CONFIG)
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens({"additional_special_tokens": list(LANGUAGE_TOKENS.values())})
    torch.manual_seed(0)
    model = BartForConditionalGeneration(_config(tokenizer, context, hidden))
    _learn(model, [_ids(tokenizer, one["prompt"], one["completion"], one["task"]) for one in examples], steps)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    FORM.save(folder)
    return folder


def _config(tokenizer: Any, context: int, hidden: int) -> BartConfig:
    sizes: Any = {
        f"{side}_{what}": count
        for side in ("encoder", "decoder")
        for what, count in (("layers", 1), ("attention_heads", 4), ("ffn_dim", 2 * hidden))
    }
    end = tokenizer.eos_token_id
    special = {"eos_token_id": end, "bos_token_id": end, "pad_token_id": tokenizer.pad_token_id}
    return BartConfig(
        vocab_size=len(tokenizer), d_model=hidden, max_position_embeddings=context, dropout=0.0, **sizes, **special
    )


def _ids(tokenizer: Any, source: str, target: str, task: str) -> tuple[list[int], list[int]]:
    """(what the encoder reads, what the decoder writes after its first token); both begin with their language."""
    ends = [tokenizer.eos_token_id]
    first = [tokenizer.convert_tokens_to_ids(LANGUAGE_TOKENS[language]) for language in DIRECTIONS[task]]
    source_ids, target_ids = tokenizer([source, target], add_special_tokens=False)["input_ids"]
    return [first[0], *source_ids, *ends], [first[1], *target_ids, *ends]


def _learn(model: Any, pairs: Sequence[tuple[list[int], list[int]]], steps: int) -> None:
    def padded(rows: Sequence[list[int]], by: int) -> torch.Tensor:
        return torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], True, by)

    sources, targets = padded([one for one, _ in pairs], -1), padded([other for _, other in pairs], -100)
    mask = (sources >= 0).long()
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
    model.train()
    for _ in range(steps):
        outcome = model(
            input_ids=sources.clamp(min=0),
            attention_mask=mask,
            decoder_input_ids=targets[:, :-1].clamp(min=0),
            labels=targets[:, 1:].contiguous(),
        )
        outcome.loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.eval()
