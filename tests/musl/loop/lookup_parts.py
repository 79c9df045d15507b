"""`LookupParts`: the loop's real parts, with a model that learns by heart and translates by analogy.

The model is a list of prompts with their completions. It answers a prompt that it knows; else it takes a near one, and
carries over to the answer which words (no operators) differ between the two prompts. That is quick, the same in every
run, sometimes right on functions that it has not seen, and better the more it knows: what the loop asks of a model.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.generation.protocol import Answer, Answers, Generator, NoAnswer, Prompt, Result, Sampling
from models.model_form import ModelForm
from musl.loop.neural_parts import NeuralParts
from musl.loop.voices import Role

WORD = re.compile(r"\w+|\s+|[^\w\s]")
Memory = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class LookupGenerator:
    """Sample number i answers from the i-th nearest prompt of the same task."""

    memory: Memory
    name: str = "lookup"

    def generate(
        self, prompts: Sequence[Prompt], sampling: Sampling, progress: Callable[[int], None] | None = None
    ) -> Answers:
        return {prompt.id: [self._answer(prompt.text, i) for i in range(sampling.samples)] for prompt in prompts}

    def _answer(self, text: str, sample: int) -> Result:
        task = text.partition("\n")[0]
        known = [pair for pair in self.memory if pair[0].partition("\n")[0] == task]
        words = WORD.findall(text)
        near = sorted(known, key=lambda pair: -_likeness(WORD.findall(pair[0]), words))
        if not near:
            return NoAnswer("nothing was learned")
        prompt, completion = near[min(sample, len(near) - 1)]
        renamed = _differences(WORD.findall(prompt), words)
        answer = "".join(renamed.get(word, word) for word in WORD.findall(completion))
        return Answer(answer, len(answer.split()))


def _likeness(one: Sequence[str], other: Sequence[str]) -> float:
    return difflib.SequenceMatcher(None, one, other, autojunk=False).ratio()


def _differences(one: Sequence[str], other: Sequence[str]) -> dict[str, str]:
    matcher = difflib.SequenceMatcher(None, one, other, autojunk=False)
    found = {}
    for what, a, b, c, d in matcher.get_opcodes():
        if what == "replace" and b - a == d - c:
            found.update(zip(one[a:b], other[c:d], strict=True))
    return {word: new for word, new in found.items() if word.isidentifier() and new.isidentifier()}


@dataclass(frozen=True)
class LookupParts(NeuralParts):
    """Models are folders with memory.json."""

    @property
    def libraries(self) -> Sequence[str]:
        return ()

    def open_generator(self, model: str) -> Generator:
        return LookupGenerator(read_memory(Path(model)))

    def finetune(self, model: str, examples: Path, folder: Path, role: Role, seed: int) -> Iterator[tuple[int, int]]:
        lines = [json.loads(line) for line in examples.read_text(encoding="utf-8").splitlines()]
        memory = dict(read_memory(Path(model)))
        memory |= {line["prompt"]: line["completion"] for line in lines}
        write_memory(folder / "model", list(memory.items()))
        yield len(lines), len(lines)


def read_memory(folder: Path) -> Memory:
    """What a model knows."""
    return [tuple(pair) for pair in json.loads((folder / "memory.json").read_text(encoding="utf-8"))]


def write_memory(folder: Path, memory: Memory) -> Path:
    """A model that knows this."""
    folder.mkdir(parents=True, exist_ok=True)
    ModelForm("short", anonymous=True).save(folder)
    (folder / "memory.json").write_text(json.dumps(list(memory)), encoding="utf-8")
    return folder
