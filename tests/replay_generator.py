"""`ReplayGenerator`: a Generator that gives answers that were written beforehand, for the tests of what reads them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from models.generation.protocol import Answer, Answers, NoAnswer, Prompt, Result, Sampling


@dataclass
class ReplayGenerator:
    """Answers a prompt with the texts under the first key that its text holds, one a sample (the last one again where
    there are too few), and with NoAnswer where it holds none. `asked` are the calls: prompts and sampling."""

    answers: Mapping[str, Sequence[str | Result]]
    name: str = "replay"
    asked: list[tuple[Sequence[Prompt], Sampling]] = field(default_factory=list)

    def generate(
        self, prompts: Sequence[Prompt], sampling: Sampling, progress: Callable[[int], None] | None = None
    ) -> Answers:
        self.asked.append((list(prompts), sampling))
        answered: dict[str, Sequence[Result]] = {}
        for done, prompt in enumerate(prompts, 1):
            answered[prompt.id] = [self._answer(prompt, sample) for sample in range(sampling.samples)]
            if progress is not None:
                progress(done)
        return answered

    def _answer(self, prompt: Prompt, sample: int) -> Result:
        for key, texts in self.answers.items():
            if key in prompt.text:
                text = texts[min(sample, len(texts) - 1)]
                return Answer(text, len(text.split())) if isinstance(text, str) else text
        return NoAnswer("no answer was written for this prompt")
