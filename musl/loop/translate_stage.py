"""Stage 01: every source of a round is translated, and what is written is compiled while the next is asked for."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from compile.cuda_parts import kernels_of
from data.find_functions import find_functions
from data.pairs import PairError, read_pairs
from data.read_source import SourceError
from musl.bench import replacement_text
from musl.errors import MachineError, UsageError
from musl.loop.bench import compile_all
from musl.loop.beside import Beside, Chunk, last_line
from musl.loop.context import Context
from musl.loop.records import Translated
from musl.loop.source import Direction, Source, Unsuitable, c_side, text_key
from musl.loop.voices import Asking, Parts, Written
from musl.workers import Died
from translator.analytic.translator import AnalyticTranslator
from translator.protocol import Refusal, TranslationOptions

MODEL, ANALYTIC, GIVEN = "model", "analytic", "given"
Answers = Mapping[str, Sequence[Written]]
_DIRECTIONS: tuple[Direction, ...] = ("c2cuda", "cuda2c")
_SEED_CHUNK = 8


def translate_sources(context: Context, number: int, sources: Sequence[Source]) -> list[Translated]:
    """Round `number`: `generation.samples` answers of the Translator for each source, with `also: analytic` one of the
    analytic Translator for each C function."""
    by_id = {source.id: source for source in sources}
    generation = context.config.generation
    chunks = ask_in_chunks(context, "translate", sources, generation.samples, generation.max_new_tokens, number)
    beside: Beside[Answers, tuple[str, ...], list[Translated]] = context.beside(chunks)
    if context.config.switches.also == "analytic":
        for source in sources:
            if source.language == "c":
                beside.submit((source.id, ANALYTIC), functools.partial(_analytic, source))
    rows: dict[str, list[Translated]] = {source.id: [] for source in sources}
    answered = 0
    for message in beside.messages():
        if isinstance(message, Chunk):
            answered += len(message.value)
            context.on_progress(number, "translate", answered, len(sources))
            chosen = [by_id[identity] for identity in message.value]
            beside.submit(tuple(message.value), functools.partial(_compiled, chosen, message.value))
            continue
        for row in _rows_of(message.value, message.key):
            rows[row.source].append(row)
    return [row for source in sources for row in sorted(rows[source.id], key=lambda r: (r.voice != MODEL, r.sample))]


def _rows_of(value: list[Translated] | Died, key: tuple[str, ...]) -> list[Translated]:
    if not isinstance(value, Died):
        return value
    if key[-1] == ANALYTIC:  # an analysis that never ends costs itself alone
        return [Translated(key[0], 0, ANALYTIC, "", "", value.how, None)]
    raise MachineError(f"what was translated could not be compiled: {last_line(value)}")


def ask_in_chunks(
    context: Context,
    stage: str,
    sources: Sequence[Source],
    samples: int,
    most_tokens: int,
    number: int,
    temperature: float | None = None,
) -> functools.partial[Iterator[Answers]]:
    """A function that asks the Translators with which round `number` begins about the sources, a chunk at a time, to be
    run in a process of its own."""
    plan: list[tuple[str, Sequence[Source], Asking]] = []
    size = context.config.generation.chunk
    for direction in _DIRECTIONS:
        own = [source for source in sources if source.direction == direction]
        model = context.model(context.translator_of(direction), number - 1)
        for start in range(0, len(own), size):
            asking = context.asking(samples, most_tokens, number, stage, direction, start)
            if temperature is not None:
                asking = replace(asking, temperature=temperature)
            plan.append((model, own[start : start + size], asking))
    return functools.partial(_translate, context.parts, plan)


def _translate(parts: Parts, plan: Sequence[tuple[str, Sequence[Source], Asking]]) -> Iterator[Answers]:
    opened, voice = "", None
    for model, chosen, asking in plan:
        if voice is None or opened != model:
            voice = None  # the memory of the one before is free before the next one is loaded
            opened, voice = model, parts.open_translator(model)
        yield voice.translate(chosen, asking)


def _compiled(sources: Sequence[Source], answers: Answers) -> list[Translated]:
    """The answers as rows; equal texts of a source are compiled once."""
    wanted: dict[tuple[str, str], tuple[Source, str]] = {}
    for source in sources:
        for written in answers[source.id]:
            if not written.fault:
                wanted.setdefault((source.id, text_key(written.text)), (source, written.text))
    compiles = dict(
        zip(wanted, compile_all([s for s, _ in wanted.values()], [t for _, t in wanted.values()]), strict=True)
    )
    rows = []
    for source in sources:
        for sample, written in enumerate(answers[source.id]):
            key = "" if written.fault else text_key(written.text)
            done = compiles.get((source.id, key))
            rows.append(Translated(source.id, sample, MODEL, written.text, key, written.fault, done))
    return rows


# ------------------------------------------------------------------------------------------------------------ the seed


def translate_seed(context: Context, sources: Sequence[Source]) -> list[Translated]:
    """Round 0: one answer of the analytic Translator for each source."""
    beside: Beside[Answers, str, list[Translated]] = context.beside(None)
    for source in sources:
        beside.submit(source.id, functools.partial(_analytic, source))
    rows: dict[str, list[Translated]] = {}
    for message in beside.messages():
        if not isinstance(message, Chunk):
            rows[message.key] = _rows_of(message.value, (message.key, ANALYTIC))
            context.on_progress(0, "translate", len(rows), len(sources))
    return [row for source in sources for row in rows[source.id]]


@dataclass(frozen=True)
class AnalyticKernel:
    """A kernel of the analytic Translator, with the C function's parameters."""

    name: str
    text: str


def analytic_kernel(source: Source) -> AnalyticKernel | None:
    """The analytic Translator's kernel for a C function; None where it refuses."""
    written = _ask_analytic(source)
    return written if isinstance(written, AnalyticKernel) else None


def _ask_analytic(source: Source) -> AnalyticKernel | str:
    """The kernel, or the code of the reason why there is none."""
    try:
        file, function = c_side(source, source.text)
        options = TranslationOptions(form="kernel")
        written = AnalyticTranslator().translate(file, [function], options)[function.name]
    except (SourceError, Unsuitable) as error:
        return str(error)
    if isinstance(written, Refusal):
        return written.reasons[0].code
    return AnalyticKernel(written[0].kernel_names[-1], replacement_text(written[0]).strip("\n") + "\n")


def _analytic(source: Source) -> list[Translated]:
    written = _ask_analytic(source)
    if isinstance(written, str):
        return [Translated(source.id, 0, ANALYTIC, "", "", written, None)]
    compiles = compile_all([source], [written.text])[0]
    return [Translated(source.id, 0, ANALYTIC, written.text, text_key(written.text), "", compiles)]


def read_given(path: Path, most: int) -> tuple[list[Source], list[Translated]]:
    """Given pairs as sources and translations. UsageError for a file that holds none, or a pair without a kernel."""
    try:
        pairs = read_pairs(path)[:most]
    except PairError as error:
        raise UsageError(str(error)) from None
    sources, rows = [], []
    for pair in pairs:
        source = Source(text_key("c", pair.c), "c", pair.function or _only_name(pair.c), pair.c)
        kernels = kernels_of(pair.cuda)
        if not kernels:
            raise UsageError(f"{path}: pair {pair.id} has no __global__ function")
        sources.append(source)
        rows.append(Translated(source.id, pair.sample, GIVEN, pair.cuda, text_key(pair.cuda), "", None))
    return list({source.id: source for source in sources}.values()), rows


def _only_name(text: str) -> str:
    source = Source("", "c", "", text)
    try:
        file, function = c_side(source, text)
    except Unsuitable:
        return ""
    return function.name if len(find_functions(file).functions) else ""
