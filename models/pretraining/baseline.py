"""`measure_baseline`: the held-out likelihood under n-grams of the very tokens that the model was trained on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from models.pretraining.likelihood import HeldOut, Likelihood
from models.pretraining.ngram import Ints, train_ngrams
from models.pretraining.packing import PackedTokens
from models.pretraining.vocabulary import Vocabulary


def measure_baseline(packed: PackedTokens, texts: HeldOut, vocabulary: Vocabulary, order: int) -> Likelihood:
    """The likelihood of the same texts, over the same tokens, so that all of its perplexities compare with the model's.
    The n-grams are counted on the whole training stream, however little of it the model has seen."""
    model = train_ngrams(_texts(packed, vocabulary.end), order, vocabulary.size)
    return texts.likelihood(model.nats(texts.ids))


def _texts(packed: PackedTokens, end: int) -> Iterator[Ints]:
    """The stream cut after each end mark. Where texts begin with the end mark too, that mark stays with its text."""
    stream = packed.stream().astype(np.int64)
    start = 0
    for place in np.flatnonzero(stream == end):
        if place > start:
            yield stream[start : place + 1]
            start = int(place) + 1
