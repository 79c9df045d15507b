"""`PageData`: what the page's program shows of every function, as JSON. Every text and judgement is stored once.

The index (names, and a letter for the outcome of each sample) is read when the page opens; the details (texts, reasons,
counterexamples) when the first function is opened.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from musl.evaluation.records import EvaluatedRecord, ItemRecord, ProblemRecord
from musl.report.highlight import marks_of
from musl.report.layout import laid_out
from musl.report.read_run import EvaluationRun, Sample
from musl.report.svg import KINDS, PASSED

# The letters of outcomes; a capital letter: it fails only because of its parameter list.
LETTERS = dict(zip(KINDS, "prfclwabkdui", strict=True))
Json = dict[str, object]


@dataclass(frozen=True)
class PageData:
    """Both parts, as JSON that is safe inside of a script element."""

    index: str
    details: str


@dataclass
class _Pool:
    """Values by number, each once."""

    numbers: dict[str, int] = field(default_factory=dict)

    def add(self, value: str) -> int:
        return self.numbers.setdefault(value, len(self.numbers))


def page_data(runs: Sequence[EvaluationRun]) -> PageData:
    """The data of one page over all its runs; runs over the same problems share them."""
    texts, judgements = _Pool(), _Pool()
    benchmarks: dict[tuple[str, str], dict[str, ProblemRecord]] = {}
    for run in runs:
        known = benchmarks.setdefault(run.benchmark, {})
        for problem in run.problems:
            known.setdefault(str(problem.id), problem)
    order = list(benchmarks)
    first = {run.benchmark: run.run for run in reversed(runs)}
    index: Json = {
        "kinds": {letter: kind for kind, letter in LETTERS.items()},
        "benchmarks": [
            {
                "name": first[key].benchmark,
                "direction": first[key].direction,
                "problems": [_named(problem) for problem in benchmarks[key].values()],
            }
            for key in order
        ],
        "runs": [
            {
                "name": run.name,
                "translator": run.run.translator,
                "benchmark": order.index(run.benchmark),
                "outcomes": [_outcomes(run, identity) for identity in benchmarks[run.benchmark]],
            }
            for run in runs
        ],
    }
    details: Json = {
        "problems": [[_problem(problem, texts) for problem in benchmarks[key].values()] for key in order],
        "runs": [[_tried(run, identity, texts, judgements) for identity in benchmarks[run.benchmark]] for run in runs],
        "judgements": [json.loads(judgement) for judgement in judgements.numbers],
    }
    details["texts"] = [_text(text) for text in texts.numbers]
    return PageData(script_json(index), script_json(details))


def script_json(value: object) -> str:
    """JSON that nothing inside of a script element can end: `<` only stands in strings, and is written as an escape."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _text(text: str) -> list[str | int]:
    """The text as it is shown, its marks, and whether its lines are not its own."""
    shown = laid_out(text)
    return [shown, marks_of(shown), int(shown.count("\n") > text.count("\n") + 1)]


def _named(problem: ProblemRecord) -> list[object]:
    flags = ("b" if problem.bad else "") + ("x" if problem.broken else "") + ("" if problem.alike else "d")
    return [problem.id, problem.name, flags]


def _outcomes(run: EvaluationRun, identity: str) -> str:
    return "".join(_letter(sample.verdict) for sample in run.samples.get(identity, ()))


def _letter(verdict: EvaluatedRecord) -> str:
    letter = LETTERS[verdict.failure or PASSED]
    return letter.upper() if verdict.signature else letter


def _problem(problem: ProblemRecord, texts: _Pool) -> Json:
    return _present(
        {
            "source": texts.add(problem.source),
            "reference": texts.add(problem.reference),
            "wrapper": texts.add(problem.wrapper) if problem.wrapper else None,
            "tests": list(problem.tests),
            "bad": problem.bad,
            "broken": problem.broken,
        }
    )


def _tried(run: EvaluationRun, identity: str, texts: _Pool, judgements: _Pool) -> Json:
    reference = run.references.get(identity)
    return _present(
        {
            "items": [_item(item) for item in run.items.get(identity, ())],
            "samples": [_sample(sample, texts, judgements) for sample in run.samples.get(identity, ())],
            "strength": reference.model_dump(
                mode="json", include={"coverage", "cuda_coverage", "mutants"}, exclude_none=True
            )
            if reference is not None
            else None,
        }
    )


def _item(item: ItemRecord) -> list[object]:
    return [item.test, item.failed, item.given, item.difficulty, item.discrimination, int(item.kept)]


def _sample(sample: Sample, texts: _Pool, judgements: _Pool) -> list[object]:
    text = sample.translation.text
    judgement = judgements.add(json.dumps(_judgement(sample), ensure_ascii=False))
    return [sample.number, texts.add(text) if text else None, judgement, round(sample.translation.seconds, 3)]


def _judgement(sample: Sample) -> Json:
    """The verdict without what tells one sample from another, so that equal ones meet."""
    record = sample.verdict.model_dump(
        mode="json", exclude={"id", "sample", "results", "seconds"}, exclude_defaults=True, exclude_none=True
    )
    letters = {True: "1", False: "0", None: "-"}
    results = "".join(letters[result] for result in sample.verdict.results)
    return _present({**record, "refusal": sample.translation.refusal, "results": results})


def _present(values: Json) -> Json:
    return {name: value for name, value in values.items() if value not in (None, "", [], {})}
