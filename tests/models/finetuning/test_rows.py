"""Examples that share a row do not see each other, and only completions carry a loss."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn import functional
from transformers import AutoModelForCausalLM, AutoTokenizer, GPTNeoXConfig, GPTNeoXForCausalLM, PreTrainedModel
from trl.trainer.utils import add_fused_lm_head

from models.errors import ModelError
from models.finetuning.examples import IGNORED, TokenRow, read_examples, token_row
from models.finetuning.head import score_labels_only
from models.finetuning.rows import Collator, example_numbers, make_rows, row_order


@pytest.fixture(scope="module")
def token_rows(base: Path, examples: Path) -> list[TokenRow]:
    tokenizer = AutoTokenizer.from_pretrained(base)
    return [token_row(example, tokenizer, "short") for example in read_examples([examples])]


def gpt_neox() -> PreTrainedModel:
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    return GPTNeoXForCausalLM(GPTNeoXConfig(vocab_size=500, max_position_embeddings=512, **shape))


@pytest.mark.parametrize("kind", ["sdpa", "eager", "gpt_neox"])
def test_a_packed_row_has_the_losses_of_its_examples_alone(base: Path, token_rows: list[TokenRow], kind: str) -> None:
    model = gpt_neox() if kind == "gpt_neox" else AutoModelForCausalLM.from_pretrained(base, attn_implementation=kind)
    score_labels_only(model)
    rows = make_rows(token_rows[:7], 480, pack=True, seed=0)
    batch = Collator(0)([rows.dataset[number] for number in range(len(rows.dataset))])
    assert len(rows.dataset) == 3  # of up to 3 examples
    with torch.no_grad():
        packed = model(**batch, fused_lm_head=True)
        alone = sum(
            float(functional.cross_entropy(model(torch.tensor([row.ids])).logits[0, :-1], targets, reduction="sum"))
            for row in token_rows[:7]
            for targets in [torch.tensor(row.labels[1:])]
        )
    assert float(-packed.log_probs.sum()) == pytest.approx(alone, rel=1e-5)
    assert int(packed.label_mask.sum()) == sum(label != IGNORED for row in token_rows[:7] for label in row.labels)


def test_the_head_on_a_cpu_is_trls(base: Path, token_rows: list[TokenRow]) -> None:
    rows = make_rows(token_rows[:5], 256, pack=True, seed=0)
    batch = Collator(0)([rows.dataset[number] for number in range(len(rows.dataset))])
    models = [AutoModelForCausalLM.from_pretrained(base) for _ in range(2)]
    score_labels_only(models[0])
    add_fused_lm_head(models[1])
    ours, theirs = (model(**batch, fused_lm_head=True) for model in models)
    assert torch.equal(ours.label_mask, theirs.label_mask)
    assert torch.allclose(ours.log_probs, theirs.log_probs, atol=1e-5)
    ours.log_probs.sum().backward()
    theirs.log_probs.sum().backward()
    for one, other in zip(models[0].parameters(), models[1].parameters(), strict=True):
        assert one.grad is not None
        assert torch.allclose(one.grad, other.grad, rtol=1e-3, atol=1e-3)


def test_each_token_of_a_batch_knows_its_example(token_rows: list[TokenRow]) -> None:
    rows = make_rows(token_rows[:4], 256, pack=True, seed=0)
    batch = Collator(0)([rows.dataset[number] for number in range(len(rows.dataset))])
    numbers = example_numbers(batch["position_ids"])
    learned = numbers[batch["labels"] != IGNORED]
    assert len(learned.unique()) == 4
    counts = sorted(int((learned == number).sum()) for number in learned.unique())
    assert counts == sorted(sum(label != IGNORED for label in row.labels) for row in token_rows[:4])


def test_packing_loses_no_example(token_rows: list[TokenRow]) -> None:
    packed, apart = (make_rows(token_rows, 256, pack=pack, seed=3) for pack in (True, False))
    assert len(apart.dataset) == len(token_rows) > len(packed.dataset)
    assert packed.tokens == apart.tokens == sum(len(row.ids) for row in token_rows)
    assert sum(len(ids) for ids in packed.dataset["input_ids"]) == packed.tokens
    assert max(len(ids) for ids in packed.dataset["input_ids"]) <= 256


def test_an_example_longer_than_a_row_is_left_out_and_counted(token_rows: list[TokenRow]) -> None:
    long = TokenRow([5] * 300, [IGNORED] * 10 + [5] * 290)
    rows = make_rows([*token_rows, long], 256, pack=True, seed=0)
    assert (rows.examples, rows.left_out) == (len(token_rows), 1)
    with pytest.raises(ModelError, match=r"none of 1 examples fits into model\.context \(256 tokens\)"):
        make_rows([long], 256, pack=True, seed=0)


def test_every_epoch_has_every_row_once_in_an_order_of_its_own() -> None:
    lengths = [10 + number % 7 for number in range(12)]
    order = row_order(lengths, 4, 6, seed=1)
    first, second = order[:12], order[12:]
    assert order == row_order(lengths, 4, 6, seed=1) != row_order(lengths, 4, 6, seed=2)
    assert sorted(order) == sorted([*range(12), *range(12)])
    assert first != second


def test_the_rows_of_a_step_have_about_one_length() -> None:
    lengths = [(number * 37) % 200 for number in range(200)]
    order = row_order(lengths, 8, 50, seed=0)
    spread = [max(of_step) - min(of_step) for of_step in steps_of(order, lengths)]
    assert sum(spread) / len(spread) < 10
    means = [sum(of_step) / 8 for of_step in steps_of(order, lengths)]
    assert means != sorted(means)  # the steps themselves are shuffled


def steps_of(order: list[int], lengths: list[int]) -> list[list[int]]:
    return [[lengths[row] for row in order[start : start + 8]] for start in range(0, len(order), 8)]
