"""`EvaluationRun`: everything that the folder of one run of `musl eval` holds, joined by problem and sample."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from musl.errors import UsageError
from musl.evaluation.bootstrap import Measure
from musl.evaluation.records import (
    EvaluatedRecord,
    ItemRecord,
    MetricsRecord,
    ProblemRecord,
    RunRecord,
    TranslationRecord,
)
from musl.evaluation.run_folder import COUNTS, ITEMS, METRICS, PROBLEMS, REFERENCES, TRANSLATIONS, VERDICTS, read_run
from musl.evaluation.scores import read_counts
from musl.report.verdict_record import VerdictRecord

R = TypeVar("R", bound=BaseModel)


@dataclass(frozen=True)
class Sample:
    """One translation of a problem and the verdict on it."""

    translation: TranslationRecord
    verdict: EvaluatedRecord

    @property
    def number(self) -> int:
        """Which sample of its problem it is."""
        return self.verdict.sample


@dataclass(frozen=True)
class EvaluationRun:
    """A whole run. The mappings are by the problem's id as text; `samples` holds every problem's, by number; `name`
    tells the runs of one report apart."""

    name: str
    run: RunRecord
    problems: tuple[ProblemRecord, ...]
    samples: dict[str, tuple[Sample, ...]]
    references: dict[str, VerdictRecord]
    items: dict[str, tuple[ItemRecord, ...]]
    metrics: MetricsRecord
    counts: Mapping[str, Measure]  # of BLEU and CodeBLEU, where the run has them

    @property
    def benchmark(self) -> tuple[str, str]:
        """What two runs share whose problems are the same."""
        return self.run.digest, self.run.direction

    def passes(self, identity: str) -> list[bool]:
        """Which samples of a problem are right; those that the machine could not judge are left out."""
        verdicts = (sample.verdict for sample in self.samples[identity])
        return [verdict.failure == "" for verdict in verdicts if verdict.failure != "infrastructure"]


def read_evaluations(paths: Sequence[Path]) -> list[EvaluationRun]:
    """The runs in the given folders, each under a name of its own; UsageError where one is no finished run."""
    return [_read(path, name) for path, name in zip(paths, _names(paths), strict=True)]


def _read_counts(path: Path) -> Mapping[str, Measure]:
    try:
        return read_counts(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except (ValueError, KeyError):
        raise UsageError(f"{path}: holds no counts") from None


def _read(path: Path, name: str) -> EvaluationRun:
    run = read_run(path)
    metrics = _read_metrics(path)
    problems = tuple(_read_lines(path / PROBLEMS, ProblemRecord))
    known = {str(problem.id) for problem in problems}
    items: dict[str, list[ItemRecord]] = {}
    for item in _read_lines(path / ITEMS, ItemRecord) if (path / ITEMS).exists() else []:
        items.setdefault(str(item.id), []).append(item)
    return EvaluationRun(
        name=name,
        run=run,
        problems=problems,
        samples=_join(path, known),
        references={str(record.id): record for record in _read_lines(path / REFERENCES, VerdictRecord)},
        items={identity: tuple(sorted(some, key=lambda item: item.test)) for identity, some in items.items()},
        metrics=metrics,
        counts=_read_counts(path / COUNTS),
    )


def _join(path: Path, known: set[str]) -> dict[str, tuple[Sample, ...]]:
    """The samples of every problem. A translation without a verdict, a verdict without a translation, a problem without
    a sample, or a sample of no problem: the files do not belong together."""
    translations = {(str(t.id), t.sample): t for t in _read_lines(path / TRANSLATIONS, TranslationRecord)}
    verdicts = {(str(v.id), v.sample): v for v in _read_lines(path / VERDICTS, EvaluatedRecord)}
    single = sorted(translations.keys() ^ verdicts.keys())
    if single:
        raise UsageError(f"{path}: sample {single[0][1]} of problem {single[0][0]} is only in one of its files")
    odd = sorted(known ^ {identity for identity, _ in verdicts})
    if odd:
        raise UsageError(f"{path}: problem {odd[0]} is only in one of {PROBLEMS} and {VERDICTS}")
    samples: dict[str, list[Sample]] = {}
    for key in sorted(verdicts):
        samples.setdefault(key[0], []).append(Sample(translations[key], verdicts[key]))
    return {identity: tuple(some) for identity, some in samples.items()}


def _read_lines(path: Path, model: type[R]) -> list[R]:
    records: list[R] = []
    try:
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                records.append(model.model_validate_json(line))
    except FileNotFoundError:
        raise UsageError(f"{path.parent}: the run is not finished (it has no {path.name})") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read ({error})") from None
    except ValidationError as error:
        raise UsageError(f"{path}:{len(records) + 1}: is no {model.__name__} ({_first(error)})") from None
    return records


def _read_metrics(path: Path) -> MetricsRecord:
    """`metrics.json`, without the entries of `all` that it has at its top level too."""
    file = path / METRICS
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        kept = {name: value for name, value in dict(values).items() if name in MetricsRecord.model_fields}
        return MetricsRecord.model_validate_json(json.dumps(kept))
    except FileNotFoundError:
        raise UsageError(f"{path}: the run is not finished (it has no {METRICS})") from None
    except ValidationError as error:
        raise UsageError(f"{file}: is no MetricsRecord ({_first(error)})") from None
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(f"{file}: cannot be read ({error})") from None


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"


def _names(paths: Sequence[Path]) -> list[str]:
    """The folders' own names; where two are the same, as much of the paths as tells them apart, else a number."""
    resolved = [path.resolve() for path in paths]
    folders = {path: path.name or str(path) for path in resolved}
    for depth in range(2, 6):
        doubled = {name for name, count in Counter(folders.values()).items() if count > 1}
        folders = {p: "/".join(p.parts[-depth:]) if name in doubled else name for p, name in folders.items()}
    names = list[str]()
    for path in resolved:
        same = sum(name == folders[path] or name.startswith(f"{folders[path]} (") for name in names)
        names.append(folders[path] if not same else f"{folders[path]} ({same + 1})")
    return names
