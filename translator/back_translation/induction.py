"""`give_induction_heads`: a fresh encoder and decoder that copy the source before the first step.

What the loop's small models begin with (models/pretraining/induction.py, which says why), here across two networks:

    encoder and decoder, layer 0   head k looks k + 1 tokens back by the positions, and writes a signature of what
                                   stands there into a room of its own
    the decoder's look at the      looks for tokens of the source before which stands what was written last, and adds
    source, layer 0                a share of the token that stands there; the heads share the token among them
    output                         the embeddings are tied, so what is added is the token's own logit

A source with noise has what was written last at more than one place, or nowhere: that, and all else, is trained.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import torch
from torch import nn
from transformers import BartForConditionalGeneration
from transformers.models.bart.modeling_bart import BartAttention

from models.pretraining.induction import orthonormal, write_head

TOKENS = 3  # how many tokens back are looked at; so many heads of layer 0
_SHARPNESS = 12.0  # of looking k tokens back, in nats that other places are less
_MATCH = 5.0  # of looking for what is alike, in nats for one token of it
_SIGNATURE = 2.0  # length of a signature beside the token's own part of it
_COPY = 4.0  # length of what is added beside the token itself


def give_induction_heads(translator: BartForConditionalGeneration, seed: int) -> None:
    """Overwrite embeddings, positions and the first heads of layer 0 of a fresh model with the circuit, whose
    directions `seed` draws. The shape has room for it (`ModelGroup.holds_induction_heads`)."""
    network, generator = translator.model, torch.Generator().manual_seed(seed)
    crossing = network.decoder.layers[0].encoder_attn
    assert isinstance(crossing, BartAttention)
    rooms = _Rooms.draw(crossing.embed_dim, crossing.num_heads, generator)
    with torch.no_grad():
        network.shared.weight.copy_(_drawn(network.shared.num_embeddings, rooms.token, generator))
        frequencies = torch.rand(rooms.size // 2, generator=generator) * math.pi
        mixes = [orthonormal(rooms.size, generator) for _ in range(TOKENS)]
        for part in (network.encoder, network.decoder):
            _write_positions(part.embed_positions, frequencies, rooms)
            for number in range(TOKENS):
                _look_back(part.layers[0].self_attn, number, frequencies, rooms)
        for number in range(rooms.heads):
            _look_for_alike(crossing, number, mixes, rooms)


@dataclass(frozen=True)
class _Rooms:
    """Orthonormal directions of the residual stream, (hidden, n) each: `place` is where positions are told apart,
    `earlier[k]` holds the signature of the token k + 1 back, `token` is what tokens differ by, and the first of it,
    `signature`, is what signatures are made of. A position has the length of a token: 1."""

    place: torch.Tensor
    earlier: list[torch.Tensor]
    token: torch.Tensor
    heads: int

    @classmethod
    def draw(cls, hidden: int, heads: int, generator: torch.Generator) -> _Rooms:
        """Directions at random."""
        basis, size = orthonormal(hidden, generator), hidden // heads // 2
        ends = [size * k for k in range(TOKENS + 2)]
        place, *earlier = (basis[:, start:end] for start, end in itertools.pairwise(ends))
        return cls(place, earlier, basis[:, ends[-1] :], heads)

    @property
    def hidden(self) -> int:
        """Width of the network."""
        return self.place.shape[0]

    @property
    def head(self) -> int:
        """Width of a head."""
        return self.hidden // self.heads

    @property
    def size(self) -> int:
        """Width of a room: half a head."""
        return self.place.shape[1]

    @property
    def signature(self) -> torch.Tensor:
        """The directions of a token that its signature is made of."""
        return self.token[:, : self.size]

    @property
    def share(self) -> float:
        """Expected length of the signature of a token of length 1."""
        return math.sqrt(self.size / self.token.shape[1])


def _drawn(count: int, room: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Directions in a room at random, of a length around 1: (count, hidden)."""
    width = room.shape[1]
    return torch.randn(count, width, generator=generator) / math.sqrt(width) @ room.T


def _write_positions(positions: nn.Embedding, frequencies: torch.Tensor, rooms: _Rooms) -> None:
    """Position p is (cos, sin) of p times each frequency. The frequencies are drawn, so that no two places are alike
    in all of them."""
    angles = torch.outer(torch.arange(positions.num_embeddings), frequencies)
    circles = torch.cat([angles.cos(), angles.sin()], dim=1) / math.sqrt(len(frequencies))
    positions.weight.copy_(circles @ rooms.place.T)


def _look_back(attention: BartAttention, number: int, frequencies: torch.Tensor, rooms: _Rooms) -> None:
    """Head `number` of layer 0: the key is the position, the query the position turned back by number + 1 places."""
    norm = math.sqrt(rooms.hidden / 2)  # LayerNorm makes length sqrt(hidden) of sqrt(2): the token and the position
    angles = (number + 1) * frequencies
    cosine, sine = angles.cos().diag(), angles.sin().diag()
    back = torch.cat([torch.cat([cosine, sine], dim=1), torch.cat([-sine, cosine], dim=1)])
    strength = math.sqrt(_SHARPNESS * math.sqrt(rooms.head)) / norm
    query, key, value, output = (torch.zeros(rooms.head, rooms.hidden) for _ in range(4))
    query[: rooms.size] = strength * back @ rooms.place.T
    key[: rooms.size] = strength * rooms.place.T
    value[: rooms.size] = rooms.signature.T * _SIGNATURE
    output[: rooms.size] = rooms.earlier[number].T
    _write_head(attention, number, query, key, value, output)


def _look_for_alike(attention: BartAttention, number: int, mixes: list[torch.Tensor], rooms: _Rooms) -> None:
    """Head `number` of the look at the source: the query has this token and those before it, the key those before its
    own token; the value is a slice of the token there."""
    norm = math.sqrt(rooms.hidden / (2 + TOKENS * (_SIGNATURE * rooms.share) ** 2))
    strength = math.sqrt(_MATCH * math.sqrt(rooms.head)) / (norm * rooms.share)
    signatures = [rooms.signature, *(room / _SIGNATURE for room in rooms.earlier)]
    query, key, value, output = (torch.zeros(rooms.head, rooms.hidden) for _ in range(4))
    for mix, here, before in zip(mixes, signatures, signatures[1:], strict=False):
        query[: rooms.size] += strength * mix @ here.T
        key[: rooms.size] += strength * mix @ before.T
    shared = rooms.token.chunk(rooms.heads, dim=1)[number]
    value[: shared.shape[1]] = shared.T * _COPY
    output[: shared.shape[1]] = shared.T
    _write_head(attention, number, query, key, value, output)


def _write_head(attention: BartAttention, number: int, *parts: torch.Tensor) -> None:
    write_head((attention.q_proj, attention.k_proj, attention.v_proj, attention.out_proj), number, *parts)
