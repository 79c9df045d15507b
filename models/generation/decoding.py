"""`decode`: token after token for a batch of rows, each of which leaves the batch when it has ended.

transformers' own `generate` computes all rows until the last one has ended, prompts anew for every sample, and copies
the whole cache at every token. On two CPU cores these three cost more than the answers (docs/models.md has figures).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
    state = _prefill(model, prompts, rows)
    ending = torch.tensor(sorted(ends), device=model.device)
    made: list[list[int]] = [[] for _ in rows]
    step = 0
    while True:
        tokens = choose(state.logits, state.rows, step)
        for row, token, alive in zip(state.rows.tolist(), tokens.tolist(), state.alive.tolist(), strict=True):
            if alive:
                made[row].append(token)
        step += 1
        state.alive &= ~torch.isin(tokens, ending) & (state.rooms[state.rows] > step)
        going_on = int(state.alive.sum())
        if not going_on:
            return made
        if going_on < _KEPT * len(state.rows):
            tokens = tokens[state.alive]
            state.keep(state.alive.nonzero()[:, 0])
        state.forward(tokens[:, None])


def _prefill(model: PreTrainedModel, prompts: Sequence[Sequence[int]], rows: Sequence[Row]) -> _State:
    """The state after the prompts: each row has a copy of its prompt's."""
    longest = max(len(ids) for ids in prompts)
    padded = torch.zeros((len(prompts), longest), dtype=torch.long)
    mask = torch.zeros_like(padded)
    for place, ids in enumerate(prompts):  # padding comes first, so that all answers begin at one place
        padded[place, longest - len(ids) :] = torch.tensor(ids)
        mask[place, longest - len(ids) :] = 1
    device = model.device
    numbers = torch.arange(len(prompts), device=device)
    rooms = torch.tensor([row.room for row in rows], device=device)
    alive = torch.ones_like(numbers, dtype=torch.bool)
    state = _State(model, _new_cache(model), mask.to(device), numbers, rooms, alive, torch.empty(0))
    state.forward(padded.to(device))
    state.keep(torch.tensor([row.prompt for row in rows], device=device))
    state.rows = torch.arange(len(rows), device=device)
    return state


@dataclass
class _State:
    """The rows that are still in the batch: `rows` are their numbers, `alive` whether they go on, `mask` (n, tokens so
    far) is 0 where there is padding; `rooms` has all rows, also those that left."""

    model: PreTrainedModel
    cache: Cache
    mask: torch.Tensor
    rows: torch.Tensor
    rooms: torch.Tensor
    alive: torch.Tensor
    logits: torch.Tensor

    def forward(self, tokens: torch.Tensor) -> None:
        """Compute the logits after `tokens` (n, any number)."""
        if (missing := self.cache.get_seq_length() + tokens.shape[1] - self.mask.shape[1]) > 0:
            self.mask = torch.cat([self.mask, self.mask.new_ones((len(self.mask), missing))], dim=1)
        places = (self.mask.cumsum(dim=1) - 1).clamp(min=0)[:, -tokens.shape[1] :]
        named = _names_of(self.model)
        output = self.model(
            input_ids=tokens,
            attention_mask=self.mask,
            position_ids=places,
            use_cache=True,
            **{named.cache: self.cache},
            **({"logits_to_keep": 1} if named.keeps_logits else {}),
        )
        self.logits = output.logits[:, -1].float()

    def keep(self, places: torch.Tensor) -> None:
        """Go on with the rows at these places of the batch, which may repeat."""
        self.cache.batch_select_indices(places)
        self.mask, self.rows, self.alive = self.mask[places], self.rows[places], self.alive[places]
        self.logits = self.logits[places]


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


def _new_cache(model: PreTrainedModel) -> Cache:
    """transformers' cache for the model, with room to grow in where its layers keep all tokens."""
    usual = DynamicCache(config=model.config)
    if all(type(layer) is DynamicLayer for layer in usual.layers):
        return Cache(layer_class_to_replicate=_RoomyLayer)
    return usual
