"""An encoder and decoder that are given induction heads copy before their first step; ones that are not do not."""

from __future__ import annotations

import pytest
import torch

from models.errors import ModelError
from models.run_config import validated
from translator.back_translation.config import ModelGroup
from translator.back_translation.marks import Marks
from translator.back_translation.network import begin_decoder, new_translator, translation_batch

WORDS = 500
MARKS = Marks(
    pad=0, end=1, mask=2, languages={"c": 3, "cuda": 4}, special=frozenset(range(5)), size=WORDS, cuda_words=()
)
GROUP = {"layers": 2, "hidden": 192, "heads": 4, "context": 128, "dropout": 0.0}


def _share_of_copies(words: int, *, induction_heads: bool) -> float:
    """How often the likeliest next token is that of the source, random ones of `words`; sources of unequal lengths."""
    translator = new_translator(ModelGroup(**GROUP, induction_heads=induction_heads), MARKS, seed=2).eval()
    begin_decoder(translator)
    generator = torch.Generator().manual_seed(1)
    texts = [
        [MARKS.languages["c"], *torch.randint(5, 5 + words, (count,), generator=generator).tolist(), MARKS.end]
        for count in range(40, 100, 10)
    ]
    batch = translation_batch(texts, texts, MARKS)
    with torch.no_grad():
        guessed = translator(
            input_ids=batch.source, attention_mask=batch.attention, decoder_input_ids=batch.decoder
        ).logits.argmax(-1)
    right = (guessed == batch.wanted) & (batch.wanted > MARKS.end)
    return float(right.sum() / (batch.wanted > MARKS.end).sum())


def test_it_copies_what_it_never_saw() -> None:
    assert _share_of_copies(WORDS - 5, induction_heads=True) > 0.9
    assert _share_of_copies(WORDS - 5, induction_heads=False) < 0.05


def test_three_tokens_tell_places_apart_where_one_does_not() -> None:
    assert _share_of_copies(12, induction_heads=True) > 0.8


def test_the_same_seed_gives_the_same_weights() -> None:
    first, second, other = (
        new_translator(ModelGroup(**GROUP, induction_heads=True), MARKS, seed).state_dict() for seed in (1, 1, 2)
    )
    assert all(torch.equal(weight, second[name]) for name, weight in first.items())
    name = "model.decoder.layers.0.encoder_attn.k_proj.weight"
    assert not torch.equal(first[name], other[name])


@pytest.mark.parametrize("shape", [{"heads": 2}, {"hidden": 180, "heads": 10}])
def test_shapes_that_cannot_hold_them_are_refused(shape: dict[str, int]) -> None:
    with pytest.raises(ModelError, match="induction_heads: they need"):
        validated(ModelGroup, {**GROUP, **shape, "induction_heads": True}, "config")
