"""`run_loop`: the whole run, from the seed to the last round, which a kill at any moment only makes longer.

    round 0   seed pairs, verified            -> both models learn from them   -> held-out figures
    round n   translate unpaired C and CUDA   -> tests -> verdicts -> triplets -> both models learn -> held-out figures

What is guaranteed: a run that was killed and goes on has, on the same machine, the artifacts of a run that was not.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from compile.build_cache import BuildCache
from data.corpus.errors import DataError
from models.errors import ModelError
from musl.errors import UsageError
from musl.loop.config import LoopConfig
from musl.loop.context import Context, OnProgress
from musl.loop.folder import (
    CHECKPOINT,
    METRICS,
    TESTS,
    TRANSLATIONS,
    TRIPLETS,
    VERDICTS,
    LoopFolder,
    RoundFolder,
    write_whole,
)
from musl.loop.held_out import held_out_functions
from musl.loop.measure_stage import measure
from musl.loop.metrics import RoundMetrics, round_figures
from musl.loop.open_bench import open_bench
from musl.loop.records import HeldOut, Judged, Tested, Translated, Triplet, read_records, write_records
from musl.loop.select import choose_triplets
from musl.loop.source import Source, read_sources, take
from musl.loop.stage_clock import StageClock
from musl.loop.train_stage import co_evolve
from musl.loop.translate_stage import read_given, translate_seed, translate_sources
from musl.loop.verdicts import VerdictCache
from musl.loop.verify_stage import verify
from musl.loop.voices import Parts
from musl.machine import usable_cores
from musl.prepared_process import PreparedProcess

R = TypeVar("R")


def run_loop(
    config: LoopConfig,
    *,
    parts: Parts | None = None,
    unsafe_no_sandbox: bool = False,
    on_progress: OnProgress = lambda number, stage, done, of: None,
) -> list[RoundMetrics]:
    """Run the loop as `config` asks, or go on where its output folder left off; the figures of all rounds.

    `parts` are the models (musl/loop/voices.py); transformers and trl where none are given. `on_progress(round, stage,
    done, of)` is told of all that is done; round -1 is the preparation. UsageError for what cannot be asked or written,
    MachineError where this machine cannot do it.
    """
    judging, folder = config.judging, LoopFolder(config.output)
    bench_of_run = open_bench(judging.device, judging.schedules, config.seed, unsafe_no_sandbox=unsafe_no_sandbox)
    try:
        with folder.lock(), contextlib.ExitStack() as stack:
            folder.claim(config)
            folder.take_seed(config)
            bench = stack.enter_context(bench_of_run)
            chosen = parts or _neural(config)
            clock = StageClock(folder)

            def told(number: int, stage: str, done: int, of: int) -> None:
                clock.tick(stage, done, of)
                on_progress(number, stage, done, of)

            libraries = chosen.libraries
            context = Context(
                *(config, folder, chosen, bench),
                jobs=config.run.jobs or usable_cores(),
                cache=VerdictCache(folder.verdicts),
                on_progress=told,
                prepared=stack.enter_context(PreparedProcess(libraries)) if libraries else None,
            )
            return _run_rounds(context, clock)
    except (DataError, ModelError) as error:
        raise UsageError(str(error)) from None
    except OSError as error:  # a full disk, a folder that went
        raise UsageError(f"{error.filename or config.output}: {error.strerror or error}") from None


def _neural(config: LoopConfig) -> Parts:
    from musl.loop.neural_parts import NeuralParts

    return NeuralParts(config.training, config.run.launch, config.run.generation_threads, config.generation.batch)


def _run_rounds(context: Context, clock: StageClock) -> list[RoundMetrics]:
    with _timed(context, clock, -1, "held out") if not context.folder.held_out.exists() else contextlib.nullcontext():
        functions = held_out_functions(context)
    held_out = frozenset(one.source for one in functions)
    done = []
    for number in range(context.config.rounds + 1):
        done.append(_Round(context, clock, number, functions, held_out).run())
        _forget_weights(context, number)
        BuildCache().prune()
    return done


@dataclass
class _Round:
    """One round: each artifact is made if it is not there, from those before it."""

    context: Context
    clock: StageClock
    number: int
    functions: Sequence[HeldOut]
    held_out: frozenset[str]

    @property
    def folder(self) -> RoundFolder:
        return self.context.folder.round(self.number)

    def run(self) -> RoundMetrics:
        metrics = self.folder.artifact(METRICS)
        if not metrics.exists():
            self._make()
        try:
            return RoundMetrics.model_validate_json(metrics.read_text(encoding="utf-8"))
        except ValueError:
            raise UsageError(f"{metrics}: cannot be read; remove it, and it is made again") from None

    def _make(self) -> None:
        sources, given = self._sources()
        translated = self._artifact(TRANSLATIONS, Translated, "translate", lambda: self._translate(sources, given))
        tested, judged = self._verify(sources, translated)
        earlier = [t for n in range(self.number) for t in self._triplets(n)]
        by_id = {source.id: source for source in sources}
        new = self._artifact(
            *(TRIPLETS, Triplet, "triplets"),
            lambda: choose_triplets(self.context.config, self.number, by_id, translated, tested, judged, earlier),
        )
        if not self.folder.has(CHECKPOINT):
            with _timed(self.context, self.clock, self.number, "train"):
                co_evolve(self.context, self.folder, [*earlier, *new])
        with _timed(self.context, self.clock, self.number, "measure"):
            seed = new if self.number == 0 else self._triplets(0)
            seen = frozenset(triplet.family for triplet in seed)
            translator, tester = measure(self.context, self.number, self.functions, seen)
            loop = round_figures(translated, tested, judged, new, len(earlier))
            record = RoundMetrics(round=self.number, translator=translator, tester=tester, loop=loop)
            write_whole(self.folder.artifact(METRICS), record.model_dump_json(indent=1) + "\n")

    def _sources(self) -> tuple[list[Source], list[Translated]]:
        """The functions of the round, and given translations of them."""
        seed = self.context.config.seed_pairs
        if self.number > 0:
            return self.context.sources(self.number, self.held_out), []
        if seed.pairs == "file":
            assert seed.file is not None
            return read_given(seed.file, seed.most)
        if seed.pairs == "none":
            return [], []
        known = (source for source in read_sources(seed.c, "c") if source.id not in self.held_out)
        return take(known, seed.most), []

    def _translate(self, sources: Sequence[Source], given: list[Translated]) -> list[Translated]:
        if self.number > 0:
            return translate_sources(self.context, self.number, sources)
        return given or translate_seed(self.context, sources)

    def _verify(self, sources: Sequence[Source], translated: Sequence[Translated]) -> tuple[list[Tested], list[Judged]]:
        folder = self.folder
        if folder.has(TESTS) and folder.has(VERDICTS):
            return read_records(folder.artifact(TESTS), Tested), read_records(folder.artifact(VERDICTS), Judged)
        with _timed(self.context, self.clock, self.number, "verify"):
            tested, judged = verify(self.context, folder, sources, translated)
            write_records(folder.artifact(VERDICTS), Judged, judged)
        return tested, judged

    def _triplets(self, number: int) -> list[Triplet]:
        return read_records(self.context.folder.round(number).artifact(TRIPLETS), Triplet)

    def _artifact(self, name: str, model: type[R], stage: str, make: Callable[[], list[R]]) -> list[R]:
        """The records of an artifact, made if it is not there."""
        path = self.folder.artifact(name)
        if path.exists():
            return read_records(path, model)
        with _timed(self.context, self.clock, self.number, stage):
            records = make()
            write_records(path, model, records)
        return records


@contextlib.contextmanager
def _timed(context: Context, clock: StageClock, number: int, stage: str) -> Iterator[None]:
    """Says that the stage begins, and notes what it took."""
    context.on_progress(number, stage, 0, 0)
    with clock.timed(number, stage):
        yield


def _forget_weights(context: Context, number: int) -> None:
    """Removes weights of old rounds that no model goes on from. What a round learned stays in its examples."""
    used = {context.model(role, number) for role in context.roles}
    for old in range(1, number - context.config.run.keep_checkpoints + 1):
        for role in context.roles:
            weights = context.folder.round(old).artifact(CHECKPOINT) / role / "model"
            if str(weights) not in used:
                shutil.rmtree(weights, ignore_errors=True)
