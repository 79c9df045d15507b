"""`Question`: what a model is asked, whatever the task, and how its answer is read back; `Example`: to learn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from data.function import Language
from data.tokens.tokompiler import Encoded, decode
from models.generation.protocol import Prompt


class Example(TypedDict):
    """A line of training data (trl's prompt-completion form, with its task)."""

    prompt: str
    completion: str
    task: str


@dataclass(frozen=True)
class Question:
    """What is asked; `system` is empty where the form has none. With an anonymous form `encoded` is the source's text,
    over whose table answers are decoded as `answer_language`. `task` is `Prompt.task`."""

    text: str
    system: str
    answer_language: Language
    encoded: Encoded | None = None
    task: str = ""

    def prompt(self, identity: str) -> Prompt:
        """The prompt for a Generator."""
        return Prompt(identity, self.text, self.system, self.task)

    def decode(self, answer: str) -> str:
        """The answer with the source's own names."""
        return answer if self.encoded is None else decode(self.encoded.with_text(answer, self.answer_language))
