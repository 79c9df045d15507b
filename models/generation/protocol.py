"""The `Generator` protocol and its records: `Prompt` in, `Answer` or `NoAnswer` out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from models.errors import GenerationError


@dataclass(frozen=True)
class Prompt:
    """What a model is asked. `id` joins it with its answers; `system` is the system message of a chat (empty: none).
    `task` is "c2cuda" or "cuda2c" where the text is a bare source, which does not say what is asked (empty: it does).
    """

    id: str
    text: str
    system: str = ""
    task: str = ""


@dataclass(frozen=True)
class Sampling:
    """How answers are drawn: `samples` a prompt, each of at most `max_new_tokens`. With `beams` they are the likeliest
    ones that a beam search of so many finds, best first (0: no such search); `samples` is at most `beams` then.

    `temperature` 0 is greedy; `top_p` is nucleus sampling (Holtzman et al., arXiv 1904.09751), 1 for all of the
    distribution. The same `seed`, model and machine give the same answers where the model runs in this process; what
    a server makes of a seed is its own affair.
    """

    samples: int = 1
    max_new_tokens: int = 1024
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    beams: int = 0


def refuse_beams(name: str, sampling: Sampling) -> None:
    """GenerationError where a beam search is asked of a model that cannot do one."""
    if sampling.beams:
        raise GenerationError(
            f"{name}: beam search is for encoder-decoder models (musl backtranslate); samples are drawn from this one"
        )


@dataclass(frozen=True)
class Answer:
    """A text that a model wrote, in `tokens` tokens. One that is not `finished` was cut at the limit."""

    text: str
    tokens: int
    finished: bool = True


@dataclass(frozen=True)
class NoAnswer:
    """Why there is none: the prompt is too long for the model, the server refused it or did not answer, ..."""

    reason: str


Result: TypeAlias = Answer | NoAnswer
Answers: TypeAlias = Mapping[str, Sequence[Result]]  # by prompt id, one entry a sample, in the order of the samples


class Generator(Protocol):
    """A language model that answers. Implementations: transformers, OpenAI-compatible servers."""

    name: str

    def generate(
        self, prompts: Sequence[Prompt], sampling: Sampling, progress: Callable[[int], None] | None = None
    ) -> Answers:
        """`sampling.samples` results for each prompt (whose ids are distinct); `progress` is told of every prompt that
        is done by how many are done. Raises GenerationError where the model cannot answer at all (a server that is
        down, no memory for a single prompt)."""
        ...
