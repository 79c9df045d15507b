"""The n-gram baseline against its own formula, written out slowly, and against what a distribution has to be."""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from collections.abc import Sequence

import pytest

from models.pretraining.ngram import train_ngrams

VOCABULARY = 6


def make_texts(seed: int, count: int, length: int = 12) -> list[list[int]]:
    """Texts over five ids that begin with 5: each id mostly follows from the one before."""
    draw = random.Random(seed)
    texts = []
    for _ in range(count):
        text = [5, draw.randrange(5)]
        while len(text) < length:
            text.append((text[-1] + draw.choices([1, 2, 3], [8, 2, 1])[0]) % 5)
        texts.append(text)
    return texts


def slow_nats(texts: Sequence[Sequence[int]], training: Sequence[Sequence[int]], order: int) -> float:
    """Interpolated modified Kneser-Ney by dictionaries."""
    pad = [VOCABULARY] * (order - 2)
    raw: Counter[tuple[int, ...]] = Counter()
    for text in training:
        padded = [*pad, *text]
        for end in range(len(pad) + 1, len(padded)):
            raw[tuple(padded[end - order + 1 : end + 1])] += 1
    counts = {order: raw}
    for k in range(order - 1, 0, -1):
        counts[k] = Counter(gram[1:] for gram in counts[k + 1])
    discounts = {}
    for k, of_order in counts.items():
        n = Counter(of_order.values())
        y = n[1] / (n[1] + 2 * n[2]) if n[1] else 0.0
        found = [c - (c + 1) * y * n[c + 1] / n[c] if n[c] else 0.0 for c in (1, 2, 3)]
        usable = all(n[c] for c in (1, 2, 3, 4)) and all(0 < d < c for c, d in enumerate(found, 1))
        discounts[k] = found if usable else [0.5, 1.0, 1.5]
    after: dict[int, dict[tuple[int, ...], dict[int, int]]] = {k: defaultdict(dict) for k in counts}
    for k, of_order in counts.items():
        for gram, count in of_order.items():
            after[k][gram[:-1]][gram[-1]] = count

    def probability(k: int, history: tuple[int, ...], token: int) -> float:
        if k == 0:
            return 1 / VOCABULARY
        lower = probability(k - 1, history[1:], token)
        following = after[k].get(history)
        if not following:
            return lower
        taken = sum(discounts[k][min(count, 3) - 1] for count in following.values())
        count = following.get(token, 0)
        own = count - discounts[k][min(count, 3) - 1] if count else 0.0
        return (own + taken * lower) / sum(following.values())

    total = 0.0
    for text in texts:
        padded = [*pad, *text]
        for end in range(len(pad) + 1, len(padded)):
            total -= math.log(probability(order, tuple(padded[end - order + 1 : end]), padded[end]))
    return total


@pytest.mark.parametrize("order", [2, 3, 5])
@pytest.mark.parametrize("count", [2, 60])
def test_it_is_modified_kneser_ney(order: int, count: int) -> None:
    training, held_out = make_texts(1, count), make_texts(2, 5)
    model = train_ngrams(training, order, VOCABULARY)
    assert model.nats(held_out) == pytest.approx(slow_nats(held_out, training, order), rel=1e-9)


@pytest.mark.parametrize("history", [[5], [5, 1], [5, 0, 0, 0], [5, 2, 3, 4, 0, 1]])
def test_probabilities_after_a_history_sum_to_one(history: list[int]) -> None:
    model = train_ngrams(make_texts(1, 40), 4, VOCABULARY)
    before = model.nats([history])
    total = sum(math.exp(before - model.nats([[*history, token]])) for token in range(VOCABULARY))
    assert total == pytest.approx(1)


def test_a_longer_history_predicts_text_that_depends_on_it_better() -> None:
    draw = random.Random(0)
    texts = []
    for _ in range(200):
        text = [5, draw.randrange(5), draw.randrange(5)]
        while len(text) < 20:
            text.append((text[-1] + 2 * text[-2] + (draw.random() < 0.1)) % 5)
        texts.append(text)
    two, three = (train_ngrams(texts[:150], order, VOCABULARY).nats(texts[150:]) for order in (2, 3))
    assert three < 0.6 * two


def test_no_text_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a text"):
        train_ngrams([], 3, VOCABULARY)
