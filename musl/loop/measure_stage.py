"""Stage 06: how good are the models after this round, on functions that they are never trained on?"""

from __future__ import annotations

import functools
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from compile.cuda_parts import divides_work
from musl.evaluation.bootstrap import ProblemId
from musl.loop.bench import Bench, compile_all, judge_on_host, pair_of
from musl.loop.beside import Beside, Chunk, last_line
from musl.loop.calls import read_call
from musl.loop.context import Context
from musl.loop.held_out import c_source, cuda_source, kernels_among
from musl.loop.make_tests import TestOrder, make_measured_tests
from musl.loop.metrics import (
    TesterFigures,
    TranslatorFigures,
    by_family,
    mean_interval,
    pass_figures,
)
from musl.loop.records import HeldOut, Judged
from musl.loop.source import Direction, Source, text_key
from musl.loop.translate_stage import ask_in_chunks
from musl.loop.verdicts import verdict_key
from musl.loop.verify_stage import ask_tester, judge_calls
from musl.loop.voices import Parts, Written
from musl.mutation_score import mutation_score
from musl.verdict import Verdict, VerdictStatus
from musl.workers import Died
from tester.mutants import make_mutants
from tester.protocol import TestSuite

Answers = Mapping[str, Sequence[Written]]
Answered = dict[ProblemId, Sequence[bool | None]]
Key = tuple[str, str, str]  # "compile", "judge" or "test"; the source; the text
_OF_CUDA = "-cuda"


@dataclass(frozen=True)
class TestFigures:
    """The Tester's tests of one function: what became of each, and what the valid ones are worth in percent."""

    __test__ = False

    faults: tuple[str, ...]  # "" of a valid one
    malformed: tuple[str, ...]
    line: float
    branch: float | None
    killed: int
    planted: int


@dataclass
class _Measurement:
    """The figures of one round, as far as they are known. Answers and verdicts are by source: the C function, or its
    kernel. Without `tester` only translations are measured."""

    context: Context
    number: int
    functions: Sequence[HeldOut]
    tester: bool = True
    answers: dict[str, Sequence[Written]] = field(default_factory=dict)
    compiles: dict[tuple[str, str], bool] = field(default_factory=dict)
    verdicts: dict[tuple[str, str], VerdictStatus] = field(default_factory=dict)
    tests: dict[str, TestFigures | None] = field(default_factory=dict)
    tried: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        asked = self.context.config.evaluation
        self.by_id = {one.source: one for one in self.functions}
        self.sources: dict[Direction, list[Source]] = {}
        if "c2cuda" in asked.directions:
            self.sources["c2cuda"] = [c_source(one) for one in self.functions]
        if "cuda2c" in asked.directions:
            self.sources["cuda2c"] = [cuda_source(one) for one in kernels_among(self.functions)]
        self.source_of = {source.id: source for some in self.sources.values() for source in some}

    def run(self) -> None:
        beside: Beside[tuple[str, Answers], Key, object] = self.context.beside(self._questions())
        for message in beside.messages():
            if isinstance(message, Chunk):
                what, answers = message.value
                for identity, written in answers.items():
                    if what == "test":
                        self._measure_tests(beside, identity, written)
                    else:
                        self.answers[identity] = written
                if what == "translate":
                    self._compile(beside, [self.source_of[identity] for identity in answers])
            else:
                self._take(beside, message.key, message.value)
            self.context.on_progress(self.number, "measure", len(self.answers), len(self.source_of))

    def _questions(self) -> functools.partial[Iterator[tuple[str, Answers]]]:
        config, number = self.context.config, self.number
        asked = config.evaluation
        sources = list(itertools.chain.from_iterable(self.sources.values()))
        translate = ask_in_chunks(
            *(self.context, "measure", sources, asked.samples, config.generation.max_new_tokens),
            number + 1,  # with the models after this round
            temperature=asked.temperature,
        )
        model = self.context.model("tester", number)
        of_c = [c_source(one) for one in self.functions if self.tester]
        write = ask_tester(self.context, model, of_c, asked.tester_tests, (number, "measure tests"))
        return functools.partial(_both, translate, write)

    # -------------------------------------------------------------------------------------------------- translations

    def _compile(self, beside: Beside[tuple[str, Answers], Key, object], sources: Sequence[Source]) -> None:
        pairs = {(s.id, text_key(w.text)): (s, w.text) for s in sources for w in self.answers[s.id] if not w.fault}
        work = functools.partial(compile_all, [s for s, _ in pairs.values()], [text for _, text in pairs.values()])
        beside.submit(("compile", ",".join(source.id for source in sources), ""), work)

    def _take(self, beside: Beside[tuple[str, Answers], Key, object], key: Key, value: object) -> None:
        what, identity, text_id = key
        if what == "compile":
            self._take_compiled(beside, identity.split(","), value)
        elif what == "judge":
            self._take_verdict(beside, identity, text_id, value)
        else:
            self.tests[identity] = value if isinstance(value, TestFigures) else None

    def _take_compiled(
        self, beside: Beside[tuple[str, Answers], Key, object], identities: Sequence[str], value: object
    ) -> None:
        texts = {(i, text_key(w.text)): w.text for i in identities if i for w in self.answers[i] if not w.fault}
        known = value if isinstance(value, list) else [True] * len(texts)  # where that failed, the judge will tell
        for ((identity, text_id), text), compiles in zip(texts.items(), known, strict=True):
            self.compiles[identity, text_id] = bool(compiles)
            if compiles:
                self._judge(beside, identity, text_id, text)

    def _judge(self, beside: Beside[tuple[str, Answers], Key, object], identity: str, text_id: str, text: str) -> None:
        one, source = self.by_id[identity.removesuffix(_OF_CUDA)], self.source_of[identity]
        known = self.context.cache.find(self._key(identity, text), source, text_id, ())
        if known is not None:
            self.verdicts[identity, text_id] = VerdictStatus(known.verdict)
            return
        work = functools.partial(judge_calls, self.context.bench, source, text, one.calls)
        if source.language == "cuda":
            work = functools.partial(judge_calls_on_host, self.context.bench, c_source(one), text, one.calls)
        beside.submit(("judge", identity, text), work)

    def _key(self, identity: str, text: str) -> str:
        one = self.by_id[identity.removesuffix(_OF_CUDA)]
        tests = [read_call(call).id for call in one.calls]
        return verdict_key(self.context.bench, f"held out/{one.text}", self.source_of[identity], text, tests)

    def _take_verdict(
        self, beside: Beside[tuple[str, Answers], Key, object], identity: str, text: str, value: object
    ) -> None:
        text_id = text_key(text)
        status, reason = VerdictStatus.INFRASTRUCTURE, ""
        if isinstance(value, Verdict):
            status, reason = value.status, value.reason
        elif isinstance(value, Died):
            reason = last_line(value)
        if status is VerdictStatus.INFRASTRUCTURE and (identity, text_id) not in self.tried:
            self.tried.add((identity, text_id))  # the machine may have been busy
            self._judge(beside, identity, text_id, text)
            return
        self.verdicts[identity, text_id] = status
        self.context.cache.add(self._key(identity, text), Judged(identity, text_id, status, reason, (), ()))

    def translator_figures(self, direction: Direction, seen: frozenset[str]) -> TranslatorFigures:
        """The figures of one direction."""
        seed = self.context.config.seed
        sources = self.sources[direction]
        passed: Answered = {
            source.id: [self._passes(source.id, w) for w in self.answers[source.id]] for source in sources
        }
        compiled: Answered = {
            source.id: [self._compiles(source.id, w) for w in self.answers[source.id]] for source in sources
        }
        parallel: Answered = {
            source.id: [self._passes(source.id, w) and divides_work(w.text) for w in self.answers[source.id]]
            for source in sources
        }
        families = {source.id: source.family for source in sources}
        statuses = Counter(
            str(self.verdicts[s.id, text_key(w.text)])
            for s in sources
            for w in self.answers[s.id]
            if (s.id, text_key(w.text)) in self.verdicts and not w.fault
        )
        return TranslatorFigures(
            functions=len(sources),
            samples=self.context.config.evaluation.samples,
            compile_pass=pass_figures(compiled, seed).get("pass@1", mean_interval((), seed, "no function")),
            pass_at=pass_figures(passed, seed),
            parallel_pass_at=pass_figures(parallel, seed) if direction == "c2cuda" else {},
            families=by_family(passed, families, seen, seed) if seen else {},
            malformed=_counted(w.fault for s in sources for w in self.answers[s.id] if w.fault),
            verdicts=dict(sorted(statuses.items())),
            outcomes={str(i): list(given) for i, given in passed.items()},
        )

    def _passes(self, identity: str, written: Written) -> bool | None:
        if not self._compiles(identity, written):
            return False
        status = self.verdicts[identity, text_key(written.text)]
        return None if status is VerdictStatus.INFRASTRUCTURE else status is VerdictStatus.EQUIVALENT

    def _compiles(self, identity: str, written: Written) -> bool:
        return not written.fault and self.compiles[identity, text_key(written.text)]

    # --------------------------------------------------------------------------------------------------------- tests

    def _measure_tests(
        self, beside: Beside[tuple[str, Answers], Key, object], identity: str, written: Sequence[Written]
    ) -> None:
        one = self.by_id[identity]
        work = functools.partial(
            measure_tests,
            *(self.context.bench, self.context.parts, one, tuple(written)),
            self.context.config.evaluation.mutants,
            self.context.seed("mutants", identity),
        )
        beside.submit(("test", identity, ""), work)

    def tester_figures(self) -> TesterFigures:
        """The figures of the Tester; functions whose measurement the machine failed are left out."""
        seed = self.context.config.seed
        known = {identity: one for identity, one in sorted(self.tests.items()) if one is not None}
        planted = {i: one for i, one in known.items() if one.planted}
        none = "no function was measured"
        return TesterFigures(
            functions=len(known),
            tests=sum(len(one.faults) for one in known.values()),
            valid=mean_interval(
                ((i, 100 * sum(not f for f in one.faults) / max(1, len(one.faults))) for i, one in known.items()),
                *(seed, none),
            ),
            line_coverage=mean_interval(((i, one.line) for i, one in known.items()), seed, none),
            branch_coverage=mean_interval(
                ((i, one.branch) for i, one in known.items() if one.branch is not None),
                seed,
                "no function has a branch",
            ),
            mutants=mean_interval(((i, 100 * one.killed / one.planted) for i, one in planted.items()), seed, none)
            if planted
            else None,
            malformed=_counted(fault for one in known.values() for fault in one.malformed),
        )


def measure(
    context: Context, number: int, functions: Sequence[HeldOut], seen: frozenset[str]
) -> tuple[dict[str, TranslatorFigures], TesterFigures]:
    """The held-out figures of the models after round `number`; `seen` are the families of the seed."""
    measurement = _Measurement(context, number, functions)
    measurement.run()
    directions = {d: measurement.translator_figures(d, seen) for d in measurement.sources}
    return {str(d): figures for d, figures in directions.items()}, measurement.tester_figures()


def measure_translator(
    context: Context, functions: Sequence[HeldOut]
) -> tuple[Mapping[Direction, TranslatorFigures], Answers]:
    """The held-out figures of the Translator that the run starts from, and what it wrote, by source: every Translator
    is measured as those of the rounds are."""
    measurement = _Measurement(context, -1, functions, tester=False)
    measurement.run()
    return {d: measurement.translator_figures(d, frozenset()) for d in measurement.sources}, measurement.answers


def _both(
    translate: functools.partial[Iterator[Answers]], write: functools.partial[Iterator[Answers]]
) -> Iterator[tuple[str, Answers]]:
    for answers in translate():
        yield "translate", answers
    for answers in write():
        yield "test", answers


def judge_calls_on_host(bench: Bench, source: Source, text: str, calls: Sequence[bytes]) -> Verdict:
    """The verdict on a C text by stored calls of the C source."""
    return judge_on_host(bench, source, text, [read_call(call) for call in calls])


def measure_tests(
    bench: Bench, parts: Parts, one: HeldOut, written: tuple[Written, ...], mutants: int, seed: int
) -> TestFigures:
    """What the tests of one function that a Tester wrote are worth."""
    source = c_source(one)
    order = TestOrder(source, written, (), 0, 0, 0, seed)
    rows, validity = make_measured_tests(bench, parts, order)
    line, branch = validity.coverage or (0.0, None)
    if validity.coverage is None:  # nothing was executed; whether there are branches is not known then
        branch = 0.0
    killed, planted = 0, 0
    if mutants and one.cuda:
        tests = [read_call(call) for call in {row.test_id: row.call for row in rows if row.valid}.values()]
        killed, planted = _mutants(bench, source, one.cuda, TestSuite(tuple(tests), None, 0), mutants, seed)
    malformed = tuple(answer.fault for answer in written if answer.fault)
    return TestFigures(tuple(row.fault for row in rows), malformed, line, branch, killed, planted)


def _mutants(bench: Bench, source: Source, cuda: str, suite: TestSuite, limit: int, seed: int) -> tuple[int, int]:
    """(faults found, faults planted) in the function's verified kernel. Tests that cannot even show that the kernel is
    right find none."""
    pair = pair_of(source, cuda)
    candidate = pair.candidate
    with bench.room() as sandbox:
        score = mutation_score(
            *(pair.file, pair.function, candidate.text, suite),
            sandbox=sandbox,
            scratch=sandbox.scratch,
            seed=seed,
            limit=limit,
            candidate=candidate,
        )
    if not score.results:
        return 0, len(list(make_mutants(candidate.text, function=candidate.function.name, seed=seed, limit=limit)))
    return score.killed, score.killed + score.survived


def _counted(words: Iterator[str]) -> dict[str, int]:
    return dict(sorted(Counter(words).items()))
