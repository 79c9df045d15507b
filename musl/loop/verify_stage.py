"""Stages 02 and 03: the Tester writes tests for every source, and each distinct translation is judged on those of its
source as soon as they are there, while tests for the next sources are asked for.

The tests of all sources are an artifact of their own, which is written when the last of them are made; a run that is
killed while translations are judged goes on with those tests, and with the verdicts that the cache has.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from musl.loop.bench import Bench, judge
from musl.loop.beside import Beside, Chunk, last_line
from musl.loop.calls import read_call
from musl.loop.context import Context
from musl.loop.folder import TESTS, RoundFolder
from musl.loop.make_tests import TestOrder, make_tests
from musl.loop.records import Judged, Tested, Translated, read_records, write_records
from musl.loop.source import Source
from musl.loop.verdicts import verdict_key
from musl.loop.voices import Asking, Parts, Written
from musl.verdict import Verdict, VerdictStatus
from musl.workers import Died

Key = tuple[Literal["test", "judge"], str, str]  # what is done, the source, the text
Answers = Mapping[str, Sequence[Written]]


@dataclass
class _Matrix:
    """Translations by tests, as far as they are known."""

    context: Context
    folder: RoundFolder
    sources: Sequence[Source]
    translated: Sequence[Translated]
    tested: dict[str, list[Tested]] = field(default_factory=dict)
    judged: dict[tuple[str, str], Judged] = field(default_factory=dict)
    tries: dict[tuple[str, str], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.by_id = {source.id: source for source in self.sources}
        self.texts: dict[str, dict[str, str]] = {source.id: {} for source in self.sources}
        for one in self.translated:
            if not one.fault and one.compiles is not False:
                self.texts[one.source].setdefault(one.text_id, one.text)

    @property
    def number(self) -> int:
        return self.folder.number

    def run(self) -> tuple[list[Tested], list[Judged]]:
        whole = self.folder.has(TESTS)
        generate = None if whole else self._questions()
        beside: Beside[Answers, Key, object] = self.context.beside(generate)
        if whole:
            for test in read_records(self.folder.artifact(TESTS), Tested):
                self.tested.setdefault(test.source, []).append(test)
            for source in self.sources:
                self._judge(beside, source)
        elif generate is None:
            for source in self._testable():
                self._test(beside, source, ())
        for message in beside.messages():
            if isinstance(message, Chunk):
                for identity, written in message.value.items():
                    self._test(beside, self.by_id[identity], written)
            elif message.key[0] == "test":
                self._take_tests(beside, message.key[1], message.value)
            else:
                self._take_verdict(beside, message.key[1], message.key[2], message.value)
        if not whole and not self.folder.has(TESTS):  # where there is no source at all
            self._write_tests()
        return self._all_tests(), self._all_verdicts()

    # --------------------------------------------------------------------------------------------------------- tests

    def _testable(self) -> list[Source]:
        """The sources that have a translation to test."""
        return [source for source in self.sources if self.texts[source.id]]

    def _questions(self) -> functools.partial[Iterator[Answers]] | None:
        """What the Tester is asked; None where it is not: in the seed, and where fuzz tests stand in for it."""
        config = self.context.config
        if self.number == 0 or config.switches.tester == "fuzz":
            return None
        model = self.context.model("tester", 0 if config.switches.tester == "frozen" else self.number - 1)
        return ask_tester(self.context, model, self._testable(), config.generation.tests, (self.number, "tests"))

    def _test(self, beside: Beside[Answers, Key, object], source: Source, written: Sequence[Written]) -> None:
        config = self.context.config
        is_seed = self.number == 0
        small = config.seed_pairs.tests if is_seed else config.judging.small_tests
        order = TestOrder(
            source,
            tuple(written),
            (source.text,) if source.language == "c" else tuple(self.texts[source.id].values()),
            small=small,
            large=config.seed_pairs.large_tests if small else 0,
            fuzz=0 if is_seed else config.judging.fuzz_tests,
            seed=self.context.seed("fuzz", source.id),
        )
        work = functools.partial(make_tests, self.context.bench, self.context.parts, order)
        beside.submit(("test", source.id, ""), work)

    def _take_tests(self, beside: Beside[Answers, Key, object], identity: str, value: object) -> None:
        if isinstance(value, Died):
            fault = f"the tests could not be made: {last_line(value)}"
            value = [Tested(identity, 0, "", "", b"", "", fault, False, False)]
        assert isinstance(value, list)
        self.tested[identity] = value
        testable = self._testable()
        self.context.on_progress(self.number, "tests", len(self.tested), len(testable))
        if len(self.tested) == len(testable):
            self._write_tests()
        self._judge(beside, self.by_id[identity])

    def _write_tests(self) -> None:
        write_records(self.folder.artifact(TESTS), Tested, self._all_tests())

    def _all_tests(self) -> list[Tested]:
        return [test for source in self.sources for test in self.tested.get(source.id, ())]

    # ------------------------------------------------------------------------------------------------------ verdicts

    def _valid(self, source: Source) -> list[Tested]:
        """The valid tests of a source, each call once."""
        return list({test.test_id: test for test in self.tested.get(source.id, ()) if test.valid}.values())

    def _judge(self, beside: Beside[Answers, Key, object], source: Source) -> None:
        """Have all translations of the source judged that the cache does not know."""
        ids = [test.test_id for test in self._valid(source)]
        for text_id, text in self.texts[source.id].items():
            key = verdict_key(self.context.bench, "pair", source, text, ids)
            known = self.context.cache.find(key, source, text_id, ids)
            if not ids:
                reason = "the source has no valid test"
                self.judged[source.id, text_id] = Judged(
                    source.id, text_id, VerdictStatus.NO_VALID_TEST, reason, (), ()
                )
            elif known is not None:
                self.judged[source.id, text_id] = known
            else:
                self._submit(beside, source, text_id)

    def _submit(self, beside: Beside[Answers, Key, object], source: Source, text_id: str) -> None:
        calls = [test.call for test in self._valid(source)]
        text = self.texts[source.id][text_id]
        beside.submit(
            ("judge", source.id, text_id), functools.partial(judge_calls, self.context.bench, source, text, calls)
        )

    def _take_verdict(self, beside: Beside[Answers, Key, object], identity: str, text_id: str, value: object) -> None:
        source, ids = self.by_id[identity], tuple(test.test_id for test in self._valid(self.by_id[identity]))
        if isinstance(value, Died):
            reason = f"the worker ended ({value.how}): {last_line(value)}"
            value = Verdict(VerdictStatus.INFRASTRUCTURE, 0, 0, (), reason)
        assert isinstance(value, Verdict)
        self.tries[identity, text_id] = self.tries.get((identity, text_id), 0) + 1
        if value.status is VerdictStatus.INFRASTRUCTURE and self.tries[identity, text_id] == 1:
            self._submit(beside, source, text_id)  # the machine may have been busy
            return
        judged = Judged(identity, text_id, value.status, value.reason, ids, value.results)
        self.judged[identity, text_id] = judged
        self.context.cache.add(
            verdict_key(self.context.bench, "pair", source, self.texts[identity][text_id], ids), judged
        )
        of = sum(len(texts) for texts in self.texts.values())
        self.context.on_progress(self.number, "verdicts", len(self.judged), of)

    def _all_verdicts(self) -> list[Judged]:
        return [
            self.judged[source.id, text_id]
            for source in self.sources
            for text_id in self.texts[source.id]
            if (source.id, text_id) in self.judged
        ]


def verify(
    context: Context, folder: RoundFolder, sources: Sequence[Source], translated: Sequence[Translated]
) -> tuple[list[Tested], list[Judged]]:
    """The tests of a round, which are on the disk when this returns, and the verdicts on its translations."""
    return _Matrix(context, folder, sources, translated).run()


def judge_calls(bench: Bench, source: Source, text: str, calls: Sequence[bytes]) -> Verdict:
    """The verdict on a translation by stored calls."""
    return judge(bench, source, text, [read_call(call) for call in calls])


def ask_tester(
    context: Context, model: str, sources: Sequence[Source], tests: int, names: Sequence[object]
) -> functools.partial[Iterator[Answers]]:
    """A function that asks a Tester about the sources, a chunk at a time, to be run in a process of its own."""
    size = context.config.generation.chunk
    most = context.config.generation.max_new_test_tokens
    plan = [
        (sources[start : start + size], context.asking(tests, most, *names, start))
        for start in range(0, len(sources), size)
    ]
    return functools.partial(_write_tests, context.parts, model, plan)


def _write_tests(parts: Parts, model: str, plan: Sequence[tuple[Sequence[Source], Asking]]) -> Iterator[Answers]:
    if not plan:
        return
    voice = parts.open_tester(model)
    for chosen, asking in plan:
        yield voice.write_tests(chosen, asking)
