"""Where the translations of an evaluation come from: the analytic Translator, or a file of given ones."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from compile.cuda_parts import device_code
from data.find_functions import find_functions
from data.read_source import SourceError
from data.source_file import SourceFile
from musl.bench import replacement_text
from musl.errors import UsageError
from musl.evaluation.problems import Problem
from musl.evaluation.records import Direction, Harness, TranslationRecord
from translator.analytic.adapt_cxx import to_cxx
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
        source = SourceFile(Path(f"case{problem.id}.cpp"), problem.source, "c++")
        try:
            functions = [f for f in find_functions(source).functions if f.name == problem.case.c_name]
            if not functions:
                return [_refused(problem, f"its source defines no function {problem.case.c_name}".rstrip(), started)]
            written = self.translator.translate(source, functions[:1], self.options)[functions[0].name]
            if isinstance(written, Refusal):
                reason = written.reasons[0]
                return [_refused(problem, f"{reason.code} {reason.message}", started)]
            texts = [self._text(source, translation, functions[0].name) for translation in written]
        except SourceError as error:
            return [_refused(problem, str(error), started)]
        return [make_record(problem, i, text, time.monotonic() - started) for i, text in enumerate(texts)]

    def _text(self, source: SourceFile, translation: Translation, name: str) -> str:
        if self.options.form == "kernel":
            return replacement_text(translation)
        return to_cxx(
            source, {name: replacement_text(translation)}, translation.prelude, source.path.with_suffix(".cu")
        )


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


def _refused(problem: Problem, why: str, started: float) -> TranslationRecord:
    return TranslationRecord(id=problem.id, refusal=why, seconds=round(time.monotonic() - started, 3))


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
