"""`TranslationNetwork`: one encoder, one decoder and their losses, as one module that accelerate can wrap.

The network is transformers' BART without its weights: learned positions, layers that are normalized after each part,
one table of embeddings for encoder, decoder and output, as in TransCoder's code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeAlias

import torch
from torch import nn
from torch.nn import functional
from transformers import BartConfig, BartForConditionalGeneration

from models.errors import ModelError
from translator.back_translation.config import ModelGroup
from translator.back_translation.induction import give_induction_heads
from translator.back_translation.marks import Marks
from translator.back_translation.texts import pad, parts

IGNORED = -100
Objective: TypeAlias = Literal["masked", "entities", "translate"]


@dataclass(frozen=True)
class Batch:
    """What a process computes at once: token ids (texts, longest), padded. `wanted` has IGNORED where nothing is
    predicted; `decoder` is what the decoder is given (None where it has no part). `weight` is that of the loss."""

    objective: Objective
    source: torch.Tensor
    attention: torch.Tensor
    wanted: torch.Tensor
    decoder: torch.Tensor | None = None
    weight: float = 1.0

    @property
    def predicted(self) -> int:
        """How many tokens are predicted."""
        return int((self.wanted != IGNORED).sum())

    def tensors(
        self, device: torch.device
    ) -> tuple[Objective, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """What the network is called with."""
        decoder = None if self.decoder is None else self.decoder.to(device)
        return self.objective, self.source.to(device), self.attention.to(device), self.wanted.to(device), decoder

    @property
    def tokens(self) -> int:
        """Tokens that are trained on: those of the sources, and those that the decoder writes."""
        return int(self.attention.sum()) + (self.predicted if self.decoder is not None else 0)


def encoder_batch(
    objective: Objective, sources: Sequence[Sequence[int]], wanted: Sequence[Sequence[int]], marks: Marks
) -> Batch:
    """A batch of the encoder alone: `wanted` has an id or IGNORED for each token of `sources`."""
    source = pad(sources, marks.pad)
    return Batch(objective, source, (source != marks.pad).long(), pad(wanted, IGNORED))


def translation_batch(
    sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]], marks: Marks, weight: float = 1.0
) -> Batch:
    """Sources and targets with their marks; of a target all but its language's mark is predicted."""
    source = pad(sources, marks.pad)
    decoder = pad([target[:-1] for target in targets], marks.pad)
    wanted = pad([target[1:] for target in targets], IGNORED)
    return Batch("translate", source, (source != marks.pad).long(), wanted, decoder, weight)


def pair_batches(pairs: Sequence[tuple[Sequence[int], Sequence[int]]], size: int, marks: Marks) -> list[Batch]:
    """Sources with their targets, `size` at a time."""
    return [
        translation_batch([source for source, _ in part], [target for _, target in part], marks)
        for part in parts(pairs, size)
    ]


@dataclass(frozen=True)
class Work:
    """What a process does in one step: `objective` says what for, `counts` are what the stage counted on the way."""

    objective: str
    batches: Sequence[Batch]
    counts: Mapping[str, int] = field(default_factory=dict)


def idle_batch(marks: Marks) -> Batch:
    """A batch without anything to predict, for a process that has to take part in a step all the same."""
    return replace(translation_batch([[marks.end]], [[marks.end] * 2], marks), wanted=torch.tensor([[IGNORED]]))


class TranslationNetwork(nn.Module):
    """`translator` with the losses of all stages; `tags` counts the entities that the encoder can name (0: none)."""

    def __init__(self, translator: BartForConditionalGeneration, tags: int = 0) -> None:
        super().__init__()
        self.translator = translator
        self.entity_head = nn.Linear(translator.config.hidden_size, tags) if tags else None

    def forward(
        self,
        objective: Objective,
        source: torch.Tensor,
        attention: torch.Tensor,
        wanted: torch.Tensor,
        decoder: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """The cross-entropy of the wanted tokens in nats, summed: a scalar."""
        chosen = wanted != IGNORED
        if objective == "translate":
            given = self.translator.model(
                input_ids=source, attention_mask=attention, decoder_input_ids=decoder, use_cache=False
            )
        else:
            given = self.translator.model.encoder(input_ids=source, attention_mask=attention)
        head = self.translator.lm_head if objective != "entities" else self.entity_head
        assert head is not None
        logits = head(given.last_hidden_state[chosen])
        return functional.cross_entropy(logits.float(), wanted[chosen], reduction="sum")


def new_translator(model: ModelGroup, marks: Marks, seed: int) -> BartForConditionalGeneration:
    """A fresh encoder and decoder, whose weights `seed` decides."""
    torch.manual_seed(seed)
    translator = BartForConditionalGeneration(
        BartConfig(
            vocab_size=marks.size,
            d_model=model.hidden,
            encoder_layers=model.layers,
            decoder_layers=model.layers,
            encoder_attention_heads=model.heads,
            decoder_attention_heads=model.heads,
            encoder_ffn_dim=4 * model.hidden,
            decoder_ffn_dim=4 * model.hidden,
            max_position_embeddings=model.context,
            dropout=model.dropout,
            pad_token_id=marks.pad,
            bos_token_id=marks.end,
            eos_token_id=marks.end,
            decoder_start_token_id=marks.languages["cuda"],
            forced_eos_token_id=None,
        )
    )
    if model.induction_heads:
        give_induction_heads(translator, seed)
    return translator


def load_translator(translator: BartForConditionalGeneration, folder: Path) -> None:
    """Give it the weights of the model in a folder. ModelError where there is none, or one of another shape."""
    try:
        saved = BartForConditionalGeneration.from_pretrained(folder, local_files_only=True)
        translator.load_state_dict(saved.state_dict())
    except (OSError, ValueError) as error:
        raise ModelError(f"start: {folder} holds no model ({str(error).splitlines()[0]})") from None
    except RuntimeError:
        raise ModelError(f"start: {folder} has another shape than `model` and the tokenizer ask for") from None


def begin_decoder(translator: BartForConditionalGeneration) -> None:
    """Copy the encoder's weights to the decoder, as TransCoder does before stage 2. What looks at the source stays as
    it is: an encoder has nothing of the kind."""
    encoder, decoder = translator.model.encoder, translator.model.decoder
    decoder.load_state_dict(encoder.state_dict(), strict=False)
