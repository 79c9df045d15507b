"""`Context`: what the stages of a run share."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from musl.errors import UsageError
from musl.loop.bench import Bench
from musl.loop.beside import Beside
from musl.loop.config import LoopConfig
from musl.loop.folder import CHECKPOINT, LoopFolder
from musl.loop.source import Direction, Side, Source, read_sources, take
from musl.loop.verdicts import VerdictCache
from musl.loop.voices import TRANSLATORS, Asking, Parts, Role
from musl.prepared_process import PreparedProcess

C = TypeVar("C")
OnProgress = Callable[[int, str, int, int], None]
MODELS = "models.json"


@dataclass(frozen=True)
class Context:
    """A run: what was asked for, where it lies, and what does the work. `on_progress(round, stage, done, of)` is told
    of all that is done. Models are opened and trained in forks of the process that is `prepared` for it."""

    config: LoopConfig
    folder: LoopFolder
    parts: Parts
    bench: Bench
    jobs: int
    cache: VerdictCache
    on_progress: OnProgress
    prepared: PreparedProcess | None = None

    def beside(self, generate: Callable[[], Iterator[C]] | None) -> Beside[C, Any, Any]:
        """Work on `jobs` processes beside what generates, if anything does."""
        run = self.config.run
        return Beside(generate, self.jobs, run.timeout, run.generation_timeout, self.prepared)

    def seed(self, *names: object) -> int:
        """A seed for one purpose: the same in every run with the same config, and another for every other purpose."""
        text = "/".join(str(name) for name in (self.config.seed, *names))
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little") >> 1

    def asking(self, samples: int, most_tokens: int, *names: object) -> Asking:
        """How models are asked in the rounds."""
        generation = self.config.generation
        return Asking(samples, generation.temperature, generation.top_p, most_tokens, self.seed(*names))

    # -------------------------------------------------------------------------------------------------------- models

    @property
    def roles(self) -> tuple[Role, ...]:
        """The models that there are."""
        return ("c2cuda", "cuda2c", "tester") if self.config.models.separate else ("translator", "tester")

    def translator_of(self, direction: Direction) -> Role:
        return TRANSLATORS[direction] if self.config.models.separate else "translator"

    def base(self, role: Role) -> str:
        """The model that a role begins with."""
        return self.config.models.tester if role == "tester" else self.config.models.translator

    def model(self, role: Role, number: int) -> str:
        """The model after round `number`; before round 0 the one that the run starts from."""
        if number < 0:
            return self.base(role)
        named = read_models(self.folder.round(number).artifact(CHECKPOINT) / MODELS)
        own = self.folder.path / named[role]
        return str(own) if own.is_dir() else named[role]

    # ------------------------------------------------------------------------------------------------------- sources

    def sources(self, number: int, held_out: frozenset[str]) -> list[Source]:
        """The unpaired functions of a round, C first. They are a part of the corpora that depends on the round alone;
        what is held out is left out."""
        asked = self.config.sources
        return [*self._part(asked.c, "c", number, held_out), *self._part(asked.cuda, "cuda", number, held_out)]

    def _part(self, corpora: Sequence[Path], language: Side, number: int, held_out: frozenset[str]) -> list[Source]:
        if not corpora:
            return []
        most = self.config.sources.functions
        suitable = (source for source in read_sources(corpora, language) if source.id not in held_out)
        known = take(suitable, number * most)  # no further ones are read
        if not known:
            raise UsageError(f"sources.{language}: no function there can be translated and compared")
        start = (number - 1) * most
        return [known[(start + i) % len(known)] for i in range(min(most, len(known)))]


def read_models(path: Path) -> Mapping[Role, str]:
    """Which model each role has after a round: a path in the loop's folder, or where it came from."""
    try:
        named: Mapping[Role, str] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise UsageError(f"{path}: cannot be read; remove the round's 05_checkpoint and what comes after it") from None
    return named
