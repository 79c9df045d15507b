"""`NgramModel`: interpolated modified Kneser-Ney smoothing over token ids (Chen and Goodman 1998, TR-10-98, section 3),
the yardstick that a neural model has to beat.

Every k-gram has a number, and the k-gram (w1..wk) is known by the number of (w1..wk-1) and by wk. So counting is
sorting and looking up is bisection, with no table of strings.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Ints: TypeAlias = NDArray[np.int64]
Text: TypeAlias = "Sequence[int] | Ints"
Floats: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]

# Where counts of counts leave a discount undefined (texts too few or too regular), as KenLM's --discount_fallback.
_FALLBACK = (0.5, 1.0, 1.5)


@dataclass(frozen=True)
class _Order:
    """The k-grams of one order by number. `keys` is sorted: number of the first k-1 tokens * (vocabulary + 1) + last
    token; a k-gram's place there is its number. `discounted` is its count less the discount. By the number of the first
    k-1 tokens: `total` of the counts that follow them, and `taken`, the sum of their discounts."""

    keys: Ints
    discounted: Floats
    total: Floats
    taken: Floats


@dataclass(frozen=True)
class NgramModel:
    """P(w | h) = (max(c(hw) - D(c), 0) + taken(h) P(w | h less its first token)) / total(h), down to 1 / vocabulary.

    c counts occurrences at the highest order, and below it the distinct tokens seen before.
    """

    vocabulary: int
    orders: Sequence[_Order]

    def nats(self, texts: Iterable[Text]) -> float:
        """Negative log-likelihood of the texts, summed over all ids but each text's first, which is given."""
        stream, predicted = _stream(texts, len(self.orders), self.vocabulary)
        probability = np.full(len(stream), 1.0 / self.vocabulary)
        before = np.zeros(len(stream), dtype=np.int64)
        for order in self.orders:
            keys = np.where(before >= 0, before * (self.vocabulary + 1) + stream, -1)
            number = _find(order.keys, keys)
            seen = (before >= 0) & (order.total[before] > 0)
            own = np.where(number >= 0, order.discounted[number], 0.0)[seen]
            history = before[seen]
            probability[seen] = (own + order.taken[history] * probability[seen]) / order.total[history]
            before = _shift(number)
        return float(-np.log(probability[predicted]).sum())


def train_ngrams(texts: Iterable[Text], order: int, vocabulary: int) -> NgramModel:
    """An n-gram model of texts whose ids are below `vocabulary`; each begins with an id that is given. ValueError
    without texts. In memory: some 100 bytes for each id and order."""
    stream, predicted = _stream(texts, order, vocabulary)
    if not predicted.any():
        raise ValueError("an n-gram model needs a text")
    numbers, keys = _number(stream, order, vocabulary)
    orders = []
    for k in range(1, order + 1):
        counts = _counts(numbers, keys, predicted, k, order)
        histories = 1 if k == 1 else len(keys[k - 2])
        orders.append(_order(keys[k - 1], counts, histories, vocabulary))
    return NgramModel(vocabulary, orders)


def _stream(texts: Iterable[Text], order: int, vocabulary: int) -> tuple[Ints, Flags]:
    """All texts in a row, each after order - 2 pads (an id of their own), and which places are predicted."""
    padding = np.full(max(order - 2, 0), vocabulary, dtype=np.int64)
    ids, flags = [padding[:0]], [np.zeros(0, dtype=bool)]
    for text in texts:
        ids += [padding, np.asarray(text, dtype=np.int64)]
        flag = np.ones(len(padding) + len(text), dtype=bool)
        flag[: len(padding) + 1] = False
        flags.append(flag)
    return np.concatenate(ids), np.concatenate(flags)


def _number(stream: Ints, order: int, vocabulary: int) -> tuple[list[Ints], list[Ints]]:
    """For each k: the number of the k-gram that ends at each place, and the sorted keys. A k-gram that would reach
    before the stream has a number too; no predicted place has one."""
    numbers, keys = [], []
    before = np.zeros(len(stream), dtype=np.int64)
    for _ in range(order):
        of_order, number = np.unique(before * (vocabulary + 1) + stream, return_inverse=True)
        keys.append(of_order)
        numbers.append(number.astype(np.int64))
        before = _shift(numbers[-1])
    return numbers, keys


def _counts(numbers: Sequence[Ints], keys: Sequence[Ints], predicted: Flags, k: int, order: int) -> Ints:
    """For each k-gram how often it was predicted (highest order), or after how many different tokens."""
    if k == order:
        return np.bincount(numbers[k - 1][predicted], minlength=len(keys[k - 1]))
    places = np.flatnonzero(predicted)
    _, first = np.unique(numbers[k][places], return_index=True)
    return np.bincount(numbers[k - 1][places[first]], minlength=len(keys[k - 1]))


def _order(keys: Ints, counts: Ints, histories: int, vocabulary: int) -> _Order:
    discount = np.concatenate([[0.0], _discounts(counts)])[np.minimum(counts, 3)]
    history = keys // (vocabulary + 1)
    return _Order(
        keys,
        counts - discount,
        np.bincount(history, weights=counts, minlength=histories).astype(np.float64),
        np.bincount(history, weights=discount, minlength=histories).astype(np.float64),
    )


def _discounts(counts: Ints) -> tuple[float, float, float]:
    """D1, D2, D3+ (Chen and Goodman 1998, equation 26), from how many k-grams were counted once, twice, ..."""
    n1, n2, n3, n4 = (int((counts == c).sum()) for c in (1, 2, 3, 4))
    if min(n1, n2, n3, n4) == 0:
        return _FALLBACK
    y = n1 / (n1 + 2 * n2)
    found = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
    return found if all(0 < d < c for c, d in enumerate(found, 1)) else _FALLBACK


def _shift(numbers: Ints) -> Ints:
    """What stood one place before; 0 before the first."""
    return np.concatenate([np.zeros(1, dtype=np.int64), numbers[:-1]])


def _find(keys: Ints, wanted: Ints) -> Ints:
    """The place of each wanted key, -1 where it is none."""
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, place, -1)
