"""`SeededChoice`: every answer draws its tokens from random numbers of its own.

One generator for a whole batch would make an answer depend on which others are made beside it. Here the numbers depend
on the seed, the prompt's id and the sample's number alone. Guaranteed: the same batch of the same model on the same
machine gives the same answers. In another batch size an answer gets the same numbers; it differs only where rounding
(padding changes the last bits of a sum) tips a choice.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from models.generation.protocol import Sampling


class SeededChoice:
    """Chooses each row's next token with the row's own numbers; the likeliest token at temperature 0."""

    def __init__(self, seeds: Sequence[int], steps: int, sampling: Sampling, device: torch.device) -> None:
        """One seed a row; `steps` is the most tokens that are drawn."""
        numbers = np.stack([np.random.default_rng(seed).random(steps) for seed in seeds])
        self._draws = torch.from_numpy(numbers).to(device)
        self._sampling = sampling

    def __call__(self, scores: torch.Tensor, rows: torch.Tensor, step: int) -> torch.Tensor:
        """The tokens (n,) for the logits (n, vocabulary) of the rows with the numbers `rows` (n,), as their token
        number `step`."""
        return choose(scores, self._draws[rows, step], self._sampling.temperature, self._sampling.top_p)


def choose(scores: torch.Tensor, drawn: torch.Tensor, temperature: float, top_p: float) -> torch.Tensor:
    """The token (n,) for each row of logits (n, vocabulary) and its uniform number in [0, 1) (n,): where the cumulated
    distribution first exceeds the number (inverse transform sampling), after temperature and nucleus (arXiv
    1904.09751)."""
    if temperature == 0:
        return scores.argmax(dim=1)
    chances = torch.softmax(scores.double() / temperature, dim=1)
    if top_p >= 1:
        return _invert(chances, drawn)
    chances, tokens = chances.sort(dim=1, descending=True, stable=True)
    before = chances.cumsum(dim=1) - chances
    nucleus = chances.masked_fill(before >= top_p, 0.0)
    return tokens.gather(1, _invert(nucleus, drawn)[:, None])[:, 0]


def _invert(chances: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
    cumulated = chances.cumsum(dim=1)
    found = torch.searchsorted(cumulated, drawn[:, None] * cumulated[:, -1:], right=True)
    return found[:, 0].clamp(max=chances.shape[1] - 1)
