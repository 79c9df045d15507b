"""The seams of the loop: who writes translations and tests, and how models are trained.

The loop itself knows of models only what stands here, so it runs in tests with parts that need no neural network, and
with whatever comes after transformers and trl.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from compile.sandbox import Sandbox
from data.function import Function
from data.testcase import TestCase
from models.question import Example
from musl.loop.source import Direction, Source

Role = Literal["translator", "c2cuda", "cuda2c", "tester"]
TRANSLATORS: Mapping[Direction, Role] = {"c2cuda": "c2cuda", "cuda2c": "cuda2c"}


@dataclass(frozen=True)
class Written:
    """One answer of a model: a snippet, or in `fault` why it is none (a stable word)."""

    text: str
    fault: str = ""


@dataclass(frozen=True)
class Asking:
    """How a model is asked. The same seed, sources and model give the same answers."""

    samples: int
    temperature: float
    top_p: float
    max_new_tokens: int
    seed: int


@dataclass(frozen=True)
class SmallTests:
    """About `count` tests with few elements, and `large` ones that take more than one block of threads."""

    count: int
    large: int
    seed: int
    sandbox: Sandbox


class TranslatorVoice(Protocol):
    """A model that translates."""

    def translate(self, sources: Sequence[Source], asking: Asking) -> Mapping[str, Sequence[Written]]:
        """`asking.samples` answers for each source, by its id."""
        ...


class TesterVoice(Protocol):
    """A model that writes tests."""

    def write_tests(self, sources: Sequence[Source], asking: Asking) -> Mapping[str, Sequence[Written]]:
        """At least one answer for each of `asking.samples` questions about each source, by its id."""
        ...


class Parts(Protocol):
    """What the loop is made of. Models are named by folder or hub id; every method but the openers and `finetune` is
    cheap to call, and none keeps anything between calls."""

    @property
    def libraries(self) -> Sequence[str]:
        """Modules that take long to import, and that the openers and `finetune` need; they are imported once for the
        run. None where a process that has imported them cannot fork."""
        ...

    def open_translator(self, model: str) -> TranslatorVoice:
        """ModelError where it cannot be opened."""
        ...

    def open_tester(self, model: str) -> TesterVoice: ...

    def translation_examples(
        self, model: str, c: Source, cuda: Source, directions: Sequence[Direction]
    ) -> list[Example]:
        """What a pair teaches the Translator `model`, which goes on from it."""
        ...

    def repair_examples(self, model: str, sources: Sequence[Source], seed: int) -> list[Example]:
        """Sources with noise, which the Translator `model` is to repair. ModelError where its form has no repairs."""
        ...

    def test_examples(self, model: str, source: Source, snippets: Sequence[str]) -> list[Example]:
        """What tests of a function teach the Tester `model`."""
        ...

    def finetune(self, model: str, examples: Path, folder: Path, role: Role, seed: int) -> Iterator[tuple[int, int]]:
        """Trains `model` on lines of examples, and leaves the trained one in `folder`/model; gives (steps done, of how
        many) meanwhile. Goes on in the folder where a killed call stopped."""
        ...

    def small_tests(self, source: Source, function: Function, text: str, order: SmallTests) -> Sequence[TestCase]:
        """Valid fuzz tests of the function of a C text, small enough to be written down."""
        ...

    def print_test(self, test: TestCase, function: Function) -> str | None:
        """The call as a Tester would write it; None where it is too long."""
        ...

    def materialize(
        self, snippets: Sequence[str], function: Function, source: Source, sandbox: Sandbox
    ) -> Sequence[TestCase | str]:
        """For each snippet its typed call, or why it has none."""
        ...
