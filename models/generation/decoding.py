"""`decode`: token after token for a batch of rows, each of which leaves the batch when it has ended.

transformers' own `generate` computes all rows until the last one has ended, prompts anew for every sample, and copies
the whole cache at every token. On two CPU cores these three cost more than the answers (docs/models.md has figures).
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import torch
from transformers import Cache, DynamicCache
from transformers.cache_utils import DynamicLayer

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# Logits (n, vocabulary) of the rows (n,) at a step, to their tokens (n,).
Choice: TypeAlias = Callable[[torch.Tensor, torch.Tensor, int], torch.Tensor]
_SPARE = 64  # tokens that a cache has room for beyond those it holds
_KEPT = 0.8  # ended rows are dropped once fewer than this share of the batch goes on


@dataclass(frozen=True)
class Row:
    """One answer to be made: which of the batch's prompts it answers, and the most tokens that it may have."""

    prompt: int
    room: int


@torch.inference_mode()
def decode(
    model: PreTrainedModel, prompts: Sequence[Sequence[int]], rows: Sequence[Row], ends: frozenset[int], choose: Choice
) -> list[list[int]]:
    """The token ids that follow for each row, the one of `ends` included that ended it; without one it was cut at its
    room, which is at least 1. `prompts`: token ids, of any lengths, computed once however many rows answer them.
    Raises torch.OutOfMemoryError where the device cannot hold the batch."""
    padded, mask = pad(prompts, left=True)  # so that all answers begin at one place
    state = _CausalState(model, new_cache(model), mask.to(model.device))
    state.forward(padded.to(model.device))
    return go_on(state, rows, ends, choose)


def pad(texts: Sequence[Sequence[int]], *, left: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """(token ids, mask) of texts of any lengths, each (texts, longest); the mask is 0 where there is padding."""
    longest = max(len(ids) for ids in texts)
    padded = torch.zeros((len(texts), longest), dtype=torch.long)
    mask = torch.zeros_like(padded)
    for place, ids in enumerate(texts):
        own = slice(longest - len(ids), longest) if left else slice(len(ids))
        padded[place, own] = torch.tensor(ids)
        mask[place, own] = 1
    return padded, mask


@dataclass
class State(ABC):
    """What a batch has computed so far: `logits` (n, vocabulary) are those of each row's next token."""

    model: PreTrainedModel
    cache: Cache
    mask: torch.Tensor
    logits: torch.Tensor = field(init=False)

    @abstractmethod
    def forward(self, tokens: torch.Tensor) -> None:
        """Compute the logits after `tokens` (n, any number)."""

    def keep(self, places: torch.Tensor) -> None:
        """Go on with the rows at these places of the batch, which may repeat."""
        self.cache.batch_select_indices(places)
        self.mask, self.logits = self.mask[places], self.logits[places]

    def compute(self, **inputs: object) -> None:
        """Runs the model, which adds to the cache, for the logits of the last token."""
        named = _names_of(self.model)
        last = {"logits_to_keep": 1} if named.keeps_logits else {}
        output = self.model(use_cache=True, **{named.cache: self.cache}, **last, **inputs)
        self.logits = output.logits[:, -1].float()


def go_on(state: State, rows: Sequence[Row], ends: frozenset[int], choose: Choice) -> list[list[int]]:
    """Token after token for rows whose prompts `state` has computed; as `decode`."""
    device = state.model.device
    state.keep(torch.tensor([row.prompt for row in rows], device=device))
    ending = torch.tensor(sorted(ends), device=device)
    rooms = torch.tensor([row.room for row in rows], device=device)
    numbers = torch.arange(len(rows), device=device)  # of the rows that are still in the batch
    alive = torch.ones_like(numbers, dtype=torch.bool)
    made: list[list[int]] = [[] for _ in rows]
    step = 0
    while True:
        tokens = choose(state.logits, numbers, step)
        for row, token, goes_on in zip(numbers.tolist(), tokens.tolist(), alive.tolist(), strict=True):
            if goes_on:
                made[row].append(token)
        step += 1
        alive &= ~torch.isin(tokens, ending) & (rooms[numbers] > step)
        going_on = int(alive.sum())
        if not going_on:
            return made
        if going_on < _KEPT * len(numbers):
            state.keep(alive.nonzero()[:, 0])
            tokens, numbers, alive = tokens[alive], numbers[alive], alive[alive]
        state.forward(tokens[:, None])


@dataclass
class _CausalState(State):
    """`mask` (n, tokens so far) is 0 where there is padding."""

    def forward(self, tokens: torch.Tensor) -> None:
        if (missing := self.cache.get_seq_length() + tokens.shape[1] - self.mask.shape[1]) > 0:
            self.mask = torch.cat([self.mask, self.mask.new_ones((len(self.mask), missing))], dim=1)
        places = (self.mask.cumsum(dim=1) - 1).clamp(min=0)[:, -tokens.shape[1] :]
        self.compute(input_ids=tokens, attention_mask=self.mask, position_ids=places)


@dataclass(frozen=True)
class _Names:
    cache: str
    keeps_logits: bool


def _names_of(model: PreTrainedModel) -> _Names:
    """How the model's `forward` calls its cache, which transformers is renaming, and whether it can compute the last
    token's logits alone."""
    adapted = getattr(model, "get_base_model", None)  # of peft, whose own forward hands everything on
    parameters = inspect.signature((adapted() if adapted else model).forward).parameters
    return _Names("cache" if "cache" in parameters else "past_key_values", "logits_to_keep" in parameters)


class _RoomyLayer(DynamicLayer):
    """Keys and values (rows, heads, tokens, width) with spare room behind them, so that a token is written in place
    instead of copying all before it. `keys` and `values` are the written part, as in DynamicLayer."""

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The keys and values with the new ones behind them."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self.keys, self.values = key_states[:, :, :0], value_states[:, :, :0]
        assert self.keys is not None and self.values is not None
        before, after = self.keys.shape[2], self.keys.shape[2] + key_states.shape[2]
        if after > self._capacity():
            self._room = (_with_room(self.keys, after), _with_room(self.values, after))
        for whole, new in zip(self._room, (key_states, value_states), strict=True):
            whole[:, :, before:after] = new
        self.keys, self.values = (whole[:, :, :after] for whole in self._room)
        return self.keys, self.values

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keep these rows, which may repeat."""
        super().batch_select_indices(indices)
        assert self.keys is not None and self.values is not None
        self._room = (self.keys, self.values)

    def _capacity(self) -> int:
        return self._room[0].shape[2] if hasattr(self, "_room") else 0


def _with_room(held: torch.Tensor, tokens: int) -> torch.Tensor:
    """A tensor for `tokens` and some more that begins with `held`."""
    whole = held.new_empty((held.shape[0], held.shape[1], tokens + _SPARE, held.shape[3]))
    whole[:, :, : held.shape[2]] = held
    return whole


def new_cache(model: PreTrainedModel) -> Cache:
    """transformers' cache for the model, with room to grow in where its layers keep all tokens."""
    usual = DynamicCache(config=model.config)
    if all(type(layer) is DynamicLayer for layer in usual.layers):
        return Cache(layer_class_to_replicate=_RoomyLayer)
    return usual
