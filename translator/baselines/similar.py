"""`SimilarTexts`: the texts of a collection that are most like another, as NNGen finds them.

NNGen (Liu et al., "Neural-machine-translation-based commit message generation: how far are we?", ASE 2018)
takes the five texts whose bags of words have the largest cosine with the query's, and of those the one with the largest
BLEU-4. Words are lexical tokens here.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from data.tokens.lexical import lexical_tokens

_SHORTLIST = 5
_ORDERS = 4


class SimilarTexts:
    """A collection of texts, at least one."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._words = [lexical_tokens(text) for text in texts]
        counts = [Counter(words) for words in self._words]
        self._lengths = np.array([_length(bag) for bag in counts])
        places: dict[str, list[tuple[int, int]]] = {}
        for place, bag in enumerate(counts):
            for word, count in bag.items():
                places.setdefault(word, []).append((place, count))
        self._places = {word: np.array(found).T for word, found in places.items()}

    def nearest(self, text: str, most: int = 1) -> list[int]:
        """The places of the `most` texts that are most like `text`, best first; of equal ones the first in order."""
        words = lexical_tokens(text)
        cosines = self._cosines(Counter(words))
        shortlist = np.argsort(-cosines, kind="stable")[: max(most, _SHORTLIST)].tolist()
        likeness = {place: sentence_bleu(self._words[place], words) for place in shortlist}
        return sorted(shortlist, key=lambda place: (-likeness[place], -cosines[place], place))[:most]

    def _cosines(self, bag: Counter[str]) -> npt.NDArray[np.float64]:
        products = np.zeros(len(self._words))
        for word, count in bag.items():
            if word in self._places:
                at, counts = self._places[word]
                products[at] += count * counts
        return np.asarray(products / np.maximum(self._lengths * _length(bag), 1))


def sentence_bleu(words: Sequence[str], reference: Sequence[str]) -> float:
    """BLEU-4 of one text, from 0 to 1, with one added to the matches and totals of orders above the first (Lin and Och,
    COLING 2004)."""
    logs = 0.0
    for order in range(1, _ORDERS + 1):
        own, wanted = _ngrams(words, order), _ngrams(reference, order)
        added = int(order > 1)
        matches, total = (own & wanted).total() + added, own.total() + added
        if not matches:
            return 0.0
        logs += math.log(matches / total) / _ORDERS
    return math.exp(logs + min(0.0, 1 - len(reference) / len(words)))


def _ngrams(words: Sequence[str], order: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(words[start:] for start in range(order)), strict=False))


def _length(bag: Counter[str]) -> float:
    return math.sqrt(sum(count * count for count in bag.values()))
