"""`open_judges`: the verdicts that back-translation filters its pairs by, and selects its model by.

compile   the translation compiles, beside what its source needs
test      co-verify finds it equivalent to its source on fuzz tests of the source
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from data.corpus.row import Row, read_rows
from data.tokens.tokompiler import decode as restore
from data.tokens.tokompiler import encode
from models.pretraining.documents import document_of
from musl.loop.bench import Bench, compile_all
from musl.loop.beside import Beside, Chunk
from musl.loop.make_tests import TestOrder, make_fuzz_tests
from musl.loop.open_bench import open_bench
from musl.loop.source import Source, Unsuitable, source_of
from musl.loop.verify_stage import judge_calls
from musl.machine import usable_cores
from musl.verdict import VerdictStatus
from translator.back_translation.config import SIDES, BackTranslationConfig, DataGroup, Side, other
from translator.back_translation.judging import Candidate, Judge
from translator.neural.read_answer import Malformed, read_translation

_MOST_TESTED = 20_000  # sources whose tests are remembered


@dataclass(frozen=True)
class Corpora:
    """The rows that texts are of, by id."""

    data: DataGroup
    rows: Mapping[Side, Mapping[str, Row]]

    def translation(self, candidate: Candidate) -> tuple[Source, str] | None:
        """The source of a candidate and its code with the source's own names; None where the row cannot be compared,
        or what was written is no translation."""
        row = self.rows[candidate.side][candidate.row]
        try:
            source = source_of(row)
        except Unsuitable:
            return None
        text = candidate.text
        if self.data.tokompiler:
            # The table is that of the text which the model was given.
            plain = self.data.model_copy(update={"tokompiler": False}).corpus(candidate.side)
            text = restore(encode(document_of(row, plain).text, row.language).with_text(text, other(candidate.side)))
        read = read_translation(text, source.text, source.name, other(candidate.side))
        return None if isinstance(read, Malformed) else (source, read.text)


def read_corpora(data: DataGroup) -> Corpora:
    """All rows of both corpora, in memory. DataError where a shard cannot be read."""
    places = {"c": data.c, "cuda": data.cuda}
    return Corpora(data, {side: {row.id: row for path in places[side] for row in read_rows(path)} for side in SIDES})


@dataclass(frozen=True)
class CompileFilter:
    """A Judge that compiles."""

    corpora: Corpora

    def __call__(self, candidates: Sequence[Candidate]) -> list[bool]:
        read = [self.corpora.translation(candidate) for candidate in candidates]
        known = [one for one in read if one is not None]
        compiles = iter(compile_all([s for s, _ in known], [t for _, t in known]) if known else ())
        return [one is not None and next(compiles) for one in read]


@dataclass
class TestFilter:
    """A Judge that asks co-verify, about what compiles, in processes of their own. The tests of a source are made once;
    a verdict that the machine fails to give counts as none."""

    __test__ = False

    corpora: Corpora
    bench: Bench
    tests: int
    jobs: int
    timeout: float
    _calls: dict[str, tuple[bytes, ...]] = field(default_factory=dict)

    def __call__(self, candidates: Sequence[Candidate]) -> list[bool]:
        compiles = CompileFilter(self.corpora)(candidates)
        beside: Beside[None, int, tuple[tuple[bytes, ...], bool]] = Beside(None, self.jobs, self.timeout, self.timeout)
        asked: dict[int, str] = {}
        for place, (candidate, kept) in enumerate(zip(candidates, compiles, strict=True)):
            read = self.corpora.translation(candidate) if kept else None
            if read is not None:
                source, text = read
                work = functools.partial(test_pair, self.bench, source, text, self._calls.get(source.id), self.tests)
                asked[place] = source.id
                beside.submit(place, work)
        passed = [False] * len(candidates)
        for message in beside.messages():
            if not isinstance(message, Chunk) and isinstance(message.value, tuple):
                calls, passed[message.key] = message.value
                self._remember(asked[message.key], calls)
        return passed

    def _remember(self, source: str, calls: tuple[bytes, ...]) -> None:
        if calls and len(self._calls) < _MOST_TESTED:
            self._calls.setdefault(source, calls)


def test_pair(
    bench: Bench, source: Source, text: str, calls: tuple[bytes, ...] | None, tests: int
) -> tuple[tuple[bytes, ...], bool]:
    """(the source's valid tests, whether the translation is equivalent on them); tests are made where none are
    given."""
    if calls is None:
        c_texts = (source.text,) if source.language == "c" else (text,)
        order = TestOrder(source, (), c_texts, small=0, large=0, fuzz=tests, seed=bench.seed)
        calls = tuple(test.call for test in make_fuzz_tests(bench, order) if test.valid)
    if not calls:
        return (), False
    return calls, judge_calls(bench, source, text, calls).status is VerdictStatus.EQUIVALENT


test_pair.__test__ = False  # type: ignore[attr-defined]


@contextlib.contextmanager
def open_judges(config: BackTranslationConfig, *, unsafe_no_sandbox: bool = False) -> Iterator[Mapping[str, Judge]]:
    """The judges that the config asks for; nothing is begun where it asks for none. MachineError where this machine
    cannot judge."""
    if not config.judges_by:
        yield {}
        return
    asked = config.judging
    with open_bench(asked.device, asked.schedules, config.seed, unsafe_no_sandbox=unsafe_no_sandbox) as bench:
        corpora = read_corpora(config.data)
        jobs = asked.jobs or usable_cores()
        tests = TestFilter(corpora, bench, asked.tests, jobs, asked.timeout)
        yield {"compile": CompileFilter(corpora), "test": tests}
