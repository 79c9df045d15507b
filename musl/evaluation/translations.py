"""Where the translations of an evaluation come from: the analytic Translator, a model, or a file of given ones."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from compile.cuda_parts import device_code, host_functions, kernels_of, launched_kernels
from data.find_functions import find_functions
from data.function import Function
from data.read_source import SourceError
from data.source_file import SourceFile
from musl.bench import replacement_text
from musl.errors import UsageError
from musl.evaluation.problems import Problem
from musl.evaluation.records import Direction, Harness, TranslationRecord
from translator.analytic.adapt_cxx import to_cxx
from translator.neural.batch import Item, translate_batch
from translator.neural.read_answer import Malformed, Translated
from translator.neural.translator import AnsweredTranslator, NeuralTranslator
from translator.protocol import Refusal, Translation, TranslationOptions, Translator


@dataclass(frozen=True)
class Writing:
    """How a Translator writes: what each call of `write` needs."""

    translator: Translator
    harness: Harness
    options: TranslationOptions

    def write(self, problem: Problem) -> list[TranslationRecord]:
        """All samples of one problem; one record with a `refusal` where there is none."""
        started = time.monotonic()
        try:
            source, function = _source_of(problem)
            written = self.translator.translate(source, [function], self.options)[function.name]
            if isinstance(written, Refusal):
                return [_refused(problem, _reason(written), started)]
            texts = [_text(source, function, translation, self.options) for translation in written]
        except SourceError as error:
            return [_refused(problem, str(error), started)]
        return [make_record(problem, i, text, time.monotonic() - started) for i, text in enumerate(texts)]


@dataclass(frozen=True)
class Unwritten:
    """A sample that is no translation, and why."""

    why: str


@dataclass(frozen=True)
class Asking:
    """How a model writes: it is asked for many problems at once (`ask`), and what it answers is worked on by whoever
    has time (`write`)."""

    translator: NeuralTranslator
    harness: Harness
    options: TranslationOptions

    def ask(
        self, problems: Sequence[Problem], progress: Callable[[int], None] | None = None
    ) -> Mapping[str, Sequence[Translated]]:
        """What the model answers for each problem, by id. Raises GenerationError where it cannot answer at all."""
        model, own = self.translator, self.harness == "own"
        items = [Item(str(p.id), p.source, source_name(p), p.direction) for p in problems]
        sampling = replace(model.sampling, samples=self.options.samples, seed=self.options.seed)
        return translate_batch(model.generator, model.form, items, sampling, check_parameters=own, progress=progress)

    def write(self, answered: tuple[Problem, Sequence[Translated]]) -> list[TranslationRecord]:
        """The records of all samples of one problem."""
        problem, answers = answered
        started = time.monotonic()
        try:
            outcomes = list(self._outcomes(problem, answers))
        except SourceError as error:
            outcomes = [Unwritten(str(error)) for _ in answers]
        seconds = time.monotonic() - started
        return [
            _refused(problem, outcome.why, started, sample)
            if isinstance(outcome, Unwritten)
            else make_record(problem, sample, outcome, seconds / len(outcomes))
            for sample, outcome in enumerate(outcomes)
        ]

    def _outcomes(self, problem: Problem, answers: Sequence[Translated]) -> Iterator[str | Unwritten]:
        """The text to judge of each sample."""
        if problem.direction == "cuda2c" or self.harness == "reference":
            for answer in answers:
                yield Unwritten(str(answer)) if isinstance(answer, Malformed) else answer.text
            return
        source, function = _source_of(problem)
        translator = AnsweredTranslator(self.translator.name, {function.name: answers})
        for made in translator.outcomes(source, function, self.options):
            if isinstance(made, Translation):
                yield _text(source, function, made, self.options)
            else:
                yield Unwritten(str(made) if isinstance(made, Malformed) else _reason(made))


def _reason(refusal: Refusal) -> str:
    return f"{refusal.reasons[0].code} {refusal.reasons[0].message}"


def source_name(problem: Problem) -> str:
    """What is translated: the C function that the tests call (where they call none, the last), or the kernel that the
    benchmark's wrapper launches."""
    if problem.direction == "c2cuda":
        return problem.case.c_name or next((f.name for f in reversed(host_functions(problem.source))), "")
    kernels = [kernel.name for kernel in kernels_of(problem.source)]
    launched = [name for name in launched_kernels(problem.case.wrapper_text) if name in kernels]
    return (launched or kernels or [problem.case.c_name])[-1]


def _source_of(problem: Problem) -> tuple[SourceFile, Function]:
    """The C file of a problem and the function that its tests call. Raises SourceError where there is none."""
    source = SourceFile(Path(f"case{problem.id}.cpp"), problem.source, "c++")
    for function in find_functions(source).functions:
        if function.name == problem.case.c_name:
            return source, function
    raise SourceError(f"its source defines no function {problem.case.c_name}".rstrip())


def _text(source: SourceFile, function: Function, translation: Translation, options: TranslationOptions) -> str:
    """The text to judge: a kernel, or the whole file with the translation in it."""
    text = replacement_text(translation)
    if options.form == "kernel":
        return text
    return to_cxx(source, {function.name: text}, translation.prelude, source.path.with_suffix(".cu"))


@dataclass(frozen=True)
class Given:
    """Translations of a file, under its name."""

    name: str
    records: Sequence[TranslationRecord]

    @property
    def samples(self) -> int:
        """The most that a problem has."""
        return max(Counter(str(record.id) for record in self.records).values())


def make_record(problem: Problem, sample: int, text: str, seconds: float) -> TranslationRecord:
    """The record of a text in the problem's target language."""
    if problem.direction == "cuda2c":
        return TranslationRecord(id=problem.id, sample=sample, c=text, scored=text, seconds=round(seconds, 3))
    scored = device_code(text)
    return TranslationRecord(id=problem.id, sample=sample, cuda=text, scored=scored, seconds=round(seconds, 3))


def _refused(problem: Problem, why: str, started: float, sample: int = 0) -> TranslationRecord:
    return TranslationRecord(id=problem.id, sample=sample, refusal=why, seconds=round(time.monotonic() - started, 3))


def read_translations(path: Path, problems: Sequence[Problem], direction: Direction) -> list[TranslationRecord]:
    """The translations of a file, lines of `{"id", "sample", "cuda"}` (`"c"` in direction cuda2c), joined by id; an
    empty or missing text with a `refusal` stands for none. UsageError for a line that is none, an id that the
    benchmark lacks, one that is there twice, and a problem without a line."""
    key = "cuda" if direction == "c2cuda" else "c"
    by_id = {str(problem.id): problem for problem in problems}
    records: dict[tuple[str, int], TranslationRecord] = {}
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read ({error})") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        identity, sample, text, refusal = _line(f"{path}:{number}", line, key)
        problem = by_id.get(identity)
        if problem is None:
            raise UsageError(f"{path}:{number}: the benchmark has no problem {identity}")
        if (identity, sample) in records:
            raise UsageError(f"{path}:{number}: problem {identity}, sample {sample} is there twice")
        record = make_record(problem, sample, text, 0.0)
        records[identity, sample] = record if text else record.model_copy(update={"refusal": refusal or "no text"})
    missing = [identity for identity in by_id if not any(identity == known for known, _ in records)]
    if missing:
        raise UsageError(f"{path}: has no translation of problem {', '.join(missing[:5])} (every problem needs a line)")
    order = {str(problem.id): place for place, problem in enumerate(problems)}
    return [records[known] for known in sorted(records, key=lambda known: (order[known[0]], known[1]))]


def _line(place: str, line: str, key: str) -> tuple[str, int, str, str]:
    """(id, sample, text, refusal) of one line."""
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        raise UsageError(f"{place}: not JSON: {error.msg}") from None
    if not isinstance(record, dict) or "id" not in record:
        raise UsageError(f'{place}: a line is an object with "id", "sample" and "{key}"')
    sample, text, refusal = record.get("sample", 0), record.get(key, ""), record.get("refusal", "")
    if type(sample) is not int or sample < 0 or not isinstance(text, str) or not isinstance(refusal, str):
        raise UsageError(f'{place}: "sample" is a number from 0, "{key}" and "refusal" are texts')
    try:
        f"{text}{refusal}".encode()
    except UnicodeEncodeError:
        raise UsageError(f'{place}: "{key}" holds half of a character (a lone surrogate)') from None
    return str(record["id"]), sample, text, refusal
