"""The held-out functions: what every round is measured on, the same for all of them."""

from __future__ import annotations

import functools
import logging
from collections.abc import Sequence

from musl.errors import UsageError
from musl.loop.bench import Bench, judge
from musl.loop.beside import Beside, Chunk, last_line
from musl.loop.calls import write_call
from musl.loop.config import LoopConfig
from musl.loop.context import Context
from musl.loop.records import HeldOut, read_records, write_records
from musl.loop.resembling import without_resembling
from musl.loop.source import Source, c_side, read_sources, take
from musl.loop.translate_stage import analytic_kernel
from musl.verdict import VerdictStatus
from musl.workers import Died
from tester.fuzz import BrokenMachineError, FuzzTester

LOG = logging.getLogger(__name__)


def held_out_functions(context: Context) -> list[HeldOut]:
    """The first `evaluation.functions` held-out functions that fuzz tests can be made for, each with its tests and,
    where the analytic Translator has one, a verified kernel. They are made once and kept."""
    if context.folder.held_out.exists():
        return read_records(context.folder.held_out, HeldOut)
    asked = context.config.evaluation
    sources = _unseen(context.config)
    beside: Beside[None, str, HeldOut | None] = context.beside(None)
    for source in sources:
        work = functools.partial(_prepare, context.bench, source, asked.tests, context.seed("held out", source.id))
        beside.submit(source.id, work)
    found: dict[str, HeldOut] = {}
    done = 0
    for message in beside.messages():
        if isinstance(message, Chunk):
            continue
        done += 1
        context.on_progress(-1, "held out", done, len(sources))
        if isinstance(message.value, HeldOut):
            found[message.key] = message.value
        elif isinstance(message.value, Died):
            LOG.warning("held-out function %s is left out: %s", message.key, last_line(message.value))
    functions = [found[source.id] for source in sources if source.id in found]
    if not functions:
        raise UsageError("evaluation.held_out: no function there can be tested, so nothing can be measured")
    write_records(context.folder.held_out, HeldOut, functions)
    return functions


def _unseen(config: LoopConfig) -> list[Source]:
    asked = config.evaluation
    functions = read_sources(asked.held_out, "c")
    if asked.resembling == "kept":
        return take(functions, asked.functions)
    learned = [*config.sources.c, *config.seed_pairs.c, *asked.unlike]
    sources, resembling = without_resembling(functions, learned)
    if resembling:
        LOG.warning("%d held-out functions are left out: the models learn from their like", resembling)
    return sources[: asked.functions]


def _prepare(bench: Bench, source: Source, tests: int, seed: int) -> HeldOut | None:
    file, function = c_side(source, source.text)
    with bench.room() as sandbox:
        try:
            suite = FuzzTester(file, sandbox).make_tests(function, tests, seed)
        except BrokenMachineError as error:
            raise RuntimeError(str(error)) from None
    if not suite.tests:
        return None
    kernel = analytic_kernel(source)
    name = ""
    if kernel is not None:
        verdict = judge(bench, source, kernel.text, suite.tests)
        name = kernel.name if verdict.status is VerdictStatus.EQUIVALENT else ""
    calls = tuple(write_call(test) for test in suite.tests)
    cuda = kernel.text if kernel is not None and name else ""
    return HeldOut(source.id, source.name, source.text, source.before, source.family, cuda, name, calls)


def c_source(one: HeldOut) -> Source:
    """The function, to be translated to CUDA."""
    return Source(one.source, "c", one.name, one.text, one.before, family=one.family)


def cuda_source(one: HeldOut) -> Source:
    """Its verified kernel, to be translated to C."""
    return Source(f"{one.source}-cuda", "cuda", one.cuda_name, one.cuda, one.before, family=one.family)


def kernels_among(functions: Sequence[HeldOut]) -> list[HeldOut]:
    """Those with a verified kernel."""
    return [one for one in functions if one.cuda]
