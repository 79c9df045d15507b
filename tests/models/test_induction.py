"""A Llama that is given induction heads copies before its first step; one that is not does not."""

from __future__ import annotations

import pytest
import torch

from models.errors import ModelError
from models.pretraining.config import ModelGroup
from models.pretraining.sizes import Shape, new_model
from models.run_config import validated

SHAPE = Shape(layers=2, hidden=192, heads=4)


def _share_of_copies(words: int, *, induction_heads: bool) -> float:
    """How often the likeliest next token is that of the first copy, where 60 random ones of `words` stand twice."""
    model = new_model(
        "llama", SHAPE, vocabulary=500, context=128, end=0, seed=2, induction_heads=induction_heads
    ).eval()
    once = torch.randint(3, 3 + words, (8, 60), generator=torch.Generator().manual_seed(1))
    twice = torch.cat([once, once], 1)
    with torch.no_grad():
        guessed = model(twice).logits[:, 63:-1].argmax(-1)
    return float((guessed == twice[:, 64:]).float().mean())


def test_it_copies_what_it_never_saw() -> None:
    assert _share_of_copies(497, induction_heads=True) > 0.85
    assert _share_of_copies(497, induction_heads=False) < 0.05


def test_three_tokens_tell_places_apart_where_one_does_not() -> None:
    assert _share_of_copies(12, induction_heads=True) > 0.6


def test_the_same_seed_gives_the_same_weights() -> None:
    first, second, other = (
        new_model("llama", SHAPE, vocabulary=99, context=32, end=0, seed=seed, induction_heads=True)
        for seed in (1, 1, 2)
    )
    for name, weight in first.state_dict().items():
        assert torch.equal(weight, second.state_dict()[name]), name
    name = "model.layers.1.self_attn.k_proj.weight"
    assert not torch.equal(first.state_dict()[name], other.state_dict()[name])


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"family": "gpt_neox"}, "induction_heads and family contradict"),
        ({"heads": 2}, "induction_heads: they need"),
        ({"layers": 1}, "induction_heads: they need"),
    ],
)
def test_shapes_that_cannot_hold_them_are_refused(changed: dict[str, object], words: str) -> None:
    group = {"family": "llama", "layers": 2, "hidden": 192, "heads": 4, "induction_heads": True}
    with pytest.raises(ModelError, match=words):
        validated(ModelGroup, {**group, **changed}, "config")
