"""`Translate`: the model in training translates a batch of texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import BartForConditionalGeneration, GenerationConfig

from translator.back_translation.config import Side
from translator.back_translation.marks import Marks
from translator.back_translation.texts import pad


@dataclass(frozen=True)
class Translate:
    """The likeliest token each time, without dropout, all texts at once, keys and values cached. On a CPU `bf16` is not
    heeded: for a token at a time the weights are converted longer than they are multiplied."""

    translator: BartForConditionalGeneration
    marks: Marks
    length_factor: float
    length_extra: int
    bf16: bool = False

    def __call__(self, texts: Sequence[Sequence[int]], target: Side) -> list[list[int]]:
        """The texts' translations with the marks of `target` and of the end, where the end was reached or not."""
        device = self.translator.device
        source = pad(texts, self.marks.pad).to(device)
        was_training = self.translator.training
        self.translator.eval()
        with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=self.bf16 and device.type != "cpu"):
            written = self.translator.generate(
                source,
                attention_mask=(source != self.marks.pad).long(),
                generation_config=self._plan(source.shape[1], target),
            )
        self.translator.train(was_training)
        assert isinstance(written, torch.Tensor)
        return [self._whole(row) for row in written.tolist()]

    def _plan(self, longest: int, target: Side) -> GenerationConfig:
        most = int(self.length_factor * longest) + self.length_extra
        return GenerationConfig(
            max_length=min(most, int(self.translator.config.max_position_embeddings)),
            do_sample=False,
            num_beams=1,
            pad_token_id=self.marks.pad,
            eos_token_id=self.marks.end,
            decoder_start_token_id=self.marks.languages[target],
        )

    def _whole(self, row: Sequence[int]) -> list[int]:
        """The ids up to the end, which a translation that was cut off gets in place of its last token."""
        end = row.index(self.marks.end, 1) if self.marks.end in row[1:] else len(row) - 1
        return [*row[:end], self.marks.end]
