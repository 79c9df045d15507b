"""`NearestPair`: the translation of the known function that is most like the source.

Both are compared without names and literals (Tokompiler), and the other side of the pair that is found is read over the
source's own table: its placeholders become the source's names, as if a model had written it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from models.generation.protocol import Answer, Answers, Prompt, Sampling, refuse_beams
from models.model_form import ModelForm
from translator.baselines.similar import SimilarTexts
from translator.neural.prompts import Direction, example

NEAREST_FORM = ModelForm("languages", anonymous=True)


@dataclass(frozen=True)
class _Known:
    """One direction: the texts that questions are compared with, and the answers at their places."""

    sources: SimilarTexts
    answers: Sequence[str]


@dataclass
class NearestPair:
    """A `Generator` for prompts in NEAREST_FORM, over known pairs of a C text and a CUDA text, at least one. Sample
    number n is the answer of the n-th nearest pair (the last one again where there are fewer)."""

    name: str
    pairs: Sequence[tuple[str, str]]
    _known: dict[Direction, _Known] = field(default_factory=dict)

    def generate(
        self, prompts: Sequence[Prompt], sampling: Sampling, progress: Callable[[int], None] | None = None
    ) -> Answers:
        """As `Generator.generate`; nothing is drawn, and no answer is ever missing."""
        refuse_beams(self.name, sampling)
        made: dict[str, list[Answer]] = {}
        for prompt in prompts:
            direction: Direction = "cuda2c" if prompt.task == "cuda2c" else "c2cuda"
            made[prompt.id] = self._answers(prompt.text, direction, sampling.samples)
            if progress is not None:
                progress(len(made))
        return made

    def _answers(self, text: str, direction: Direction, samples: int) -> list[Answer]:
        if direction not in self._known:
            examples = [example(c, cuda, direction, NEAREST_FORM) for c, cuda in self.pairs]
            sources = SimilarTexts([one["prompt"] for one in examples])
            self._known[direction] = _Known(sources, [one["completion"] for one in examples])
        known = self._known[direction]
        places = known.sources.nearest(text, samples)
        places += places[-1:] * (samples - len(places))
        return [Answer(known.answers[place], len(known.answers[place].split())) for place in places]
