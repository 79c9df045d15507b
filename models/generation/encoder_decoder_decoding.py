"""`decode_pairs`: as `decode`, for models whose encoder reads a source and whose decoder writes from a first token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from transformers import EncoderDecoderCache, GenerationConfig
from transformers.modeling_outputs import BaseModelOutput

from models.generation.decoding import Choice, Row, State, go_on, new_cache, pad

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# Beams are compared by the mean log-probability of their tokens, as transformers does unless told otherwise.
LENGTH_PENALTY = 1.0


@dataclass(frozen=True)
class SourceIds:
    """The tokens that the encoder reads, and the one that the decoder begins with, which no answer has in it."""

    ids: Sequence[int]
    start: int


@torch.inference_mode()
def decode_pairs(
    model: PreTrainedModel, sources: Sequence[SourceIds], rows: Sequence[Row], ends: frozenset[int], choose: Choice
) -> list[list[int]]:
    """The token ids that are written for each row (whose `prompt` is the place of its source), the one of `ends`
    included that ended it; without one it was cut at its room. Raises torch.OutOfMemoryError where the device cannot
    hold the batch."""
    ids, mask, starts = _inputs(model, sources)
    hidden = model.get_encoder()(input_ids=ids, attention_mask=mask).last_hidden_state
    state = _DecoderState(model, EncoderDecoderCache(new_cache(model), new_cache(model)), mask, hidden)
    state.forward(starts)
    return go_on(state, rows, ends, choose)


@torch.inference_mode()
def search_beams(
    model: PreTrainedModel, sources: Sequence[SourceIds], room: int, ends: frozenset[int], beams: int, best: int
) -> list[list[list[int]]]:
    """For each source the `best` likeliest answers of at most `room` tokens that transformers' beam search finds with
    so many `beams`, likeliest first; each with the token of `ends` that ended it, if one did."""
    ids, mask, _ = _inputs(model, sources)
    config = GenerationConfig(
        num_beams=beams,
        num_return_sequences=best,
        do_sample=False,
        max_new_tokens=room,
        length_penalty=LENGTH_PENALTY,
        decoder_start_token_id=[source.start for source in sources],
        eos_token_id=sorted(ends),
        pad_token_id=min(ends),  # what comes behind the first of them is cut off
    )
    made = model.generate(input_ids=ids, attention_mask=mask, generation_config=config)  # type: ignore[operator]
    rows = [_until_end(row[1:], ends) for row in made.tolist()]
    return [rows[place : place + best] for place in range(0, len(rows), best)]


def _inputs(model: PreTrainedModel, sources: Sequence[SourceIds]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(token ids, their mask, the decoder's first tokens) on the model's device."""
    ids, mask = pad([source.ids for source in sources], left=False)
    starts = torch.tensor([[source.start] for source in sources])
    return ids.to(model.device), mask.to(model.device), starts.to(model.device)


def _until_end(row: Sequence[int], ends: frozenset[int]) -> list[int]:
    """The tokens up to the first of `ends`."""
    last = next((place for place, token in enumerate(row) if token in ends), len(row) - 1)
    return list(row[: last + 1])


@dataclass
class _DecoderState(State):
    """`mask` (n, source) is 0 where a source has padding, `hidden` (n, source, width) what its encoder made of it."""

    cache: EncoderDecoderCache
    hidden: torch.Tensor = field()

    def forward(self, tokens: torch.Tensor) -> None:
        read = BaseModelOutput(last_hidden_state=self.hidden)
        self.compute(encoder_outputs=read, attention_mask=self.mask, decoder_input_ids=tokens)

    def keep(self, places: torch.Tensor) -> None:
        for cache in (self.cache.self_attention_cache, self.cache.cross_attention_cache):
            cache.batch_select_indices(places)
        self.mask, self.hidden, self.logits = self.mask[places], self.hidden[places], self.logits[places]
