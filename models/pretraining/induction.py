"""`give_induction_heads`: a fresh Llama that can copy before its first step.

To translate is mostly to copy: which name, which operator, which bound comes next stands in the source, after the
words that were written last. The circuit that looks it up has two layers (an induction head: Olsson et al., arXiv
2209.11895), and forms late where texts are few and easily guessed without it. Here the first weights have it already,
as "mimetic initialization" begins with what trained models were found to have (Trockman and Kolter, arXiv 2305.09828):

    layer 0, head k    looks k + 1 tokens back, and writes a signature of what stands there into a room of its own
    layer 1, head h    looks for places before which the signatures are those of the last tokens here, and adds a share
                       of the token that stands there; the shares of all heads together are the whole token
    output             the embeddings are tied, so what is added is the token's own logit

All that follows is trained like any other weights. What heads there are beside these, and all other layers, stay drawn.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import nn
from transformers import LlamaForCausalLM
from transformers.models.llama.modeling_llama import LlamaAttention

TOKENS = 3  # how many tokens back are looked at; so many heads of both layers
ROPE_THETA = 1e6  # the slower half of the rotations hardly turns within a context: it tells contents, not places
_SHARPNESS = 4.0  # of looking k tokens back, in nats that a neighbour is less
_MATCH = 5.0  # of looking for what is alike, in nats for one token of it
_SIGNATURE = 2.0  # length of a signature beside the token's own part of it
_COPY = 4.0  # length of what is added beside the token itself


def give_induction_heads(model: LlamaForCausalLM, seed: int) -> None:
    """Overwrite embeddings and the first heads of the first two layers of a fresh model with the circuit, whose
    directions `seed` draws. The shape has room for it (`Shape.holds_induction_heads`), and embeddings are tied."""
    config = model.config
    hidden = config.hidden_size
    rooms = _Rooms.draw(hidden, hidden // config.num_attention_heads, torch.Generator().manual_seed(seed))
    with torch.no_grad():
        _write_embeddings(model.get_input_embeddings(), rooms)
        first, second = (model.model.layers[i].self_attn for i in (0, 1))
        for number in range(TOKENS):
            _look_back(first, number, rooms)
            _look_for_alike(second, number, rooms)


class _Rooms:
    """Orthonormal directions of the residual stream, (hidden, n) each: `mark` is in every token alike (n = 1),
    `earlier[k]` holds the signature of the token k + 1 back, `token` is what tokens differ by, and the first of it,
    `signature`, is what signatures are made of."""

    def __init__(self, basis: torch.Tensor, head: int, generator: torch.Generator) -> None:
        self.head, self.size, self.generator = head, head // 2, generator
        ends = [1 + self.size * k for k in range(TOKENS + 1)]
        self.mark = basis[:, 0]
        self.earlier = [basis[:, start:end] for start, end in itertools.pairwise(ends)]
        self.token = basis[:, ends[-1] :]
        self.signature = self.token[:, : self.size]

    @classmethod
    def draw(cls, hidden: int, head: int, generator: torch.Generator) -> _Rooms:
        """Directions at random."""
        return cls(orthonormal(hidden, generator), head, generator)

    @property
    def share(self) -> float:
        """Expected length of a signature of a token of length 1."""
        return math.sqrt(self.size / self.token.shape[1])


def orthonormal(size: int, generator: torch.Generator) -> torch.Tensor:
    """A basis of `size` dimensions at random, as columns."""
    basis: torch.Tensor = torch.linalg.qr(torch.randn(size, size, generator=generator))[0]
    return basis


def _write_embeddings(embeddings: nn.Module, rooms: _Rooms) -> None:
    """Tokens of length 1 in directions of their own, and the mark of length 1."""
    assert isinstance(embeddings, nn.Embedding)
    width = rooms.token.shape[1]
    drawn = torch.randn(embeddings.num_embeddings, width, generator=rooms.generator) / math.sqrt(width)
    embeddings.weight.copy_(drawn @ rooms.token.T + rooms.mark)


def _look_back(attention: LlamaAttention, number: int, rooms: _Rooms) -> None:
    """Head `number` of layer 0. Query and key are the mark, the query turned back by number + 1 places in the faster
    half of the rotations, so that their product is largest so many places before."""
    head, hidden = rooms.head, rooms.mark.shape[0]
    norm = math.sqrt(hidden / 2)  # RMSNorm makes length sqrt(hidden) of sqrt(2): the token and the mark
    fast = head // 4
    angles = (number + 1) * ROPE_THETA ** (-2.0 * torch.arange(fast) / head)
    along = rooms.mark * math.sqrt(_SHARPNESS * math.sqrt(head)) / norm
    query, key, value, output = (torch.zeros(head, hidden) for _ in range(4))
    query[:fast], query[head // 2 : head // 2 + fast] = (
        torch.outer(angles.cos(), along),
        torch.outer(-angles.sin(), along),
    )
    key[:fast] = along
    value[: rooms.size] = rooms.signature.T * _SIGNATURE / norm
    output[: rooms.size] = rooms.earlier[number].T
    _write_head(attention, number, query, key, value, output)


def _look_for_alike(attention: LlamaAttention, number: int, rooms: _Rooms) -> None:
    """Head `number` of layer 1. The query has this token and those before it, the key those before its own token, both
    in the slower half of the rotations; the value is a slice of the token there."""
    head, hidden = rooms.head, rooms.mark.shape[0]
    norm = math.sqrt(hidden / (2 + TOKENS * (_SIGNATURE * rooms.share) ** 2))
    slow = torch.cat([torch.arange(head // 4, head // 2), torch.arange(3 * head // 4, head)])
    strength = math.sqrt(_MATCH * math.sqrt(head)) / (norm * rooms.share)
    signatures = [rooms.signature, *(room / _SIGNATURE for room in rooms.earlier)]
    mixes = [orthonormal(rooms.size, rooms.generator) * strength for _ in range(TOKENS)]
    query, key, value, output = (torch.zeros(head, hidden) for _ in range(4))
    query[slow] = sum((mix @ here.T for mix, here in zip(mixes, signatures, strict=False)), torch.zeros(1))
    key[slow] = sum((mix @ before.T for mix, before in zip(mixes, signatures[1:], strict=True)), torch.zeros(1))
    shared = rooms.token.chunk(TOKENS, dim=1)[number]
    value[: shared.shape[1]] = shared.T * _COPY / norm
    output[: shared.shape[1]] = shared.T
    _write_head(attention, number, query, key, value, output)


def _write_head(attention: LlamaAttention, number: int, *parts: torch.Tensor) -> None:
    write_head((attention.q_proj, attention.k_proj, attention.v_proj, attention.o_proj), number, *parts)


def write_head(projections: Sequence[nn.Linear], number: int, *parts: torch.Tensor) -> None:
    """Set head `number` of an attention, whose projections are those of query, key, value and output. `parts` are
    (head, hidden) each: the head's rows of the first three, and its columns of the last, transposed."""
    *inner, outer = projections
    rows = slice(number * parts[0].shape[0], (number + 1) * parts[0].shape[0])
    for projection, part in zip(inner, parts[:-1], strict=True):
        projection.weight[rows] = part
    outer.weight[:, rows] = parts[-1].T
