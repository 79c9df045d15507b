"""`Likelihood`: how probable a model finds held-out texts, in figures that do not depend on its tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from models.pretraining.documents import Document


@dataclass(frozen=True)
class Likelihood:
    """`nats`: the negative log-likelihood of the texts, each with its end, given how each begins (its language's mark).

    A perplexity per token compares models only where they share a vocabulary. These two are normalized: the same nats
    are divided among units that belong to the text, so a model of long tokens gains nothing by having fewer of them.

        per_character      = exp(nats / characters)      (Mielke 2019, sjmielke.com/comparing-perplexities.htm)
        per_lexical_token  = exp(nats / lexical tokens)  (Xu et al. 2022, PolyCoder, arXiv 2202.13169,
                                                          after which MonoCoder, arXiv 2312.13322, measures as well)

    Under Tokompiler the texts are shorter in characters but have the same lexical tokens, and the table of names is
    not predicted: its `per_lexical_token` says how well the anonymous text is known, its `per_character` compares with
    nothing but other Tokompiler runs.
    """

    nats: float
    tokens: int
    characters: int
    lexical_tokens: int

    @property
    def per_token(self) -> float:
        """Perplexity per token of the model's own vocabulary, the mark of the end included."""
        return math.exp(self.nats / self.tokens)

    @property
    def per_character(self) -> float:
        """Perplexity per character of the texts."""
        return math.exp(self.nats / self.characters)

    @property
    def per_lexical_token(self) -> float:
        """Perplexity per lexical token of the texts, comments counting none."""
        return math.exp(self.nats / self.lexical_tokens)


@dataclass(frozen=True)
class HeldOut:
    """Texts to measure on: their ids as `Vocabulary.encode` lays them out, and what is divided by."""

    ids: Sequence[Sequence[int]]
    characters: int
    lexical_tokens: int

    @property
    def tokens(self) -> int:
        """The tokens that are predicted: all but each text's first mark."""
        return sum(len(one) - 1 for one in self.ids)

    def likelihood(self, nats: float) -> Likelihood:
        """The figures of a model that finds the texts `nats` improbable."""
        return Likelihood(nats, self.tokens, self.characters, self.lexical_tokens)


def held_out(documents: Sequence[Document], ids: Sequence[Sequence[int]]) -> HeldOut:
    """The measured texts, whose ids are given in the documents' order."""
    return HeldOut(ids, sum(len(one.text) for one in documents), sum(one.lexical_tokens for one in documents))
