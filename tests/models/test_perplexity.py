"""Likelihoods do not depend on how texts are cut and batched, and their normalizations are what they say."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from torch.nn import functional

from data.corpus.row import read_rows
from models.pretraining.config import PretrainConfig
from models.pretraining.documents import document_of
from models.pretraining.evaluate import measure, windows_of
from models.pretraining.likelihood import HeldOut, held_out
from models.pretraining.sizes import SIZES, new_model
from models.pretraining.vocabulary import load_vocabulary


@pytest.fixture(scope="module")
def model() -> Iterator[torch.nn.Module]:
    yield new_model("gpt_neox", SIZES["micro"], vocabulary=50, context=16, end=0, seed=3)


def test_every_token_but_the_first_is_scored_once() -> None:
    lengths = [1, 2, 16, 17, 40, 100]
    scored = [set[int]() for _ in lengths]
    for window in windows_of(lengths, 16):
        places = set(range(window.scored, window.end))
        assert not places & scored[window.text]
        assert window.end - window.start <= 16
        assert window.scored - window.start >= min(window.scored, 8)  # half a context before it, or all there is
        scored[window.text] |= places
    assert scored == [set(range(1, length)) for length in lengths]


def test_batches_do_not_change_the_likelihood(model: torch.nn.Module) -> None:
    texts = [[0, *(7 * i % 50 for i in range(start, start + length))] for start, length in ((1, 3), (5, 15), (9, 30))]
    alone = [measure(model, HeldOut([text], 1, 1), 16, 1, Accelerator()).nats for text in texts]
    together = measure(model, HeldOut(texts, 1, 1), 16, 3, Accelerator())
    assert together.nats == pytest.approx(sum(alone), rel=1e-5)
    assert together.tokens == 48


def test_the_likelihood_of_a_short_text_is_the_model_s(model: torch.nn.Module) -> None:
    text = [0, 4, 8, 15, 16, 23, 42]
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([text])).logits[0, :-1]
    expected = functional.cross_entropy(logits, torch.tensor(text[1:]), reduction="sum")
    assert measure(model, HeldOut([text], 1, 1), 16, 1, Accelerator()).nats == pytest.approx(float(expected), rel=1e-5)


def test_perplexities_are_normalized_by_what_the_text_has(
    micro: Callable[..., PretrainConfig], corpus: Path, tokenizer: Path
) -> None:
    documents = [document_of(row, micro().data) for row in read_rows(corpus)][:3]
    vocabulary = load_vocabulary(tokenizer)
    texts = held_out(documents, vocabulary.encode(documents))
    assert texts.characters == sum(len(document.text) for document in documents)
    assert 35 * 3 < texts.lexical_tokens < 45 * 3
    # A model that knows nothing but the 26 letters: 26 a character however the text is cut into tokens.
    likelihood = texts.likelihood(texts.characters * math.log(26))
    assert likelihood.per_character == pytest.approx(26)
    assert likelihood.per_token == pytest.approx(26 ** (texts.characters / texts.tokens))
    assert likelihood.per_lexical_token == pytest.approx(26 ** (texts.characters / texts.lexical_tokens))
