"""`find_items`: what each test of a benchmark tells about the translations that were run on it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from musl.evaluation.compress_tests import compress_tests
from musl.evaluation.item_response import fit_items
from musl.evaluation.records import EvaluatedRecord, ItemRecord, ProblemRecord

# The keys of a case that hold an entry for each test.
TESTS = ("consistent_cpp_inputs", "consistent_cuda_inputs", "consistent_outputs")


def answers_of(problem: ProblemRecord, verdicts: Sequence[EvaluatedRecord]) -> list[list[bool | None]]:
    """For each test of the problem whether each translation passed it; None where the test did not count for it.
    Translations that could not be run at all tell nothing about a test and are left out."""
    ran = [record for record in verdicts if any(result is not None for result in record.results)]
    count = len(problem.tests)
    padded = [[*record.results[:count], *[None] * (count - len(record.results))] for record in ran]
    return [[results[test] for results in padded] for test in range(count)]


def by_problem(verdicts: Sequence[EvaluatedRecord]) -> Mapping[str, list[EvaluatedRecord]]:
    """The verdicts of each problem, by sample."""
    found: dict[str, list[EvaluatedRecord]] = {}
    for record in sorted(verdicts, key=lambda record: record.sample):
        found.setdefault(str(record.id), []).append(record)
    return found


def find_items(problems: Sequence[ProblemRecord], verdicts: Sequence[EvaluatedRecord]) -> list[ItemRecord]:
    """One record for each test, in the order of the problems: what the item-response model says of it over all
    translations, and whether it is in the smallest set of its problem's tests that fails the same ones."""
    own = by_problem(verdicts)
    answers = {str(p.id): answers_of(p, own.get(str(p.id), [])) for p in problems}
    fit = fit_items(
        {
            (problem, test): {(problem, translation): passed for translation, passed in enumerate(given)}
            for problem, tests in answers.items()
            for test, given in enumerate(tests)
        }
    )
    items: list[ItemRecord] = []
    for problem in problems:
        tests = answers[str(problem.id)]
        fitted = [fit.items[str(problem.id), test] for test in range(len(tests))]
        kept = set(compress_tests(tests, [item.discrimination for item in fitted])) if tests else set()
        for test, (text, item) in enumerate(zip(problem.tests, fitted, strict=True)):
            items.append(
                ItemRecord(
                    id=problem.id,
                    test=test,
                    text=text,
                    given=item.given,
                    failed=item.failed,
                    difficulty=item.difficulty,
                    discrimination=item.discrimination,
                    kept=test in kept,
                )
            )
    return items


def compressed_benchmark(benchmark: Path, items: Sequence[ItemRecord]) -> str:
    """The lines of the benchmark's problems with those tests only that are kept: fewer that fail the same
    translations."""
    kept: dict[int | str, list[int]] = {}
    for item in items:
        kept.setdefault(item.id, []).extend([item.test] if item.kept else [])
    lines = []
    given = (line for line in benchmark.read_text(encoding="utf-8").split("\n") if line.strip())
    for index, line in enumerate(given):
        if index in kept:
            record = json.loads(line)
            for key in TESTS:
                if key in record:
                    record[key] = [record[key][test] for test in kept[index] if test < len(record[key])]
            lines.append(json.dumps(record) + "\n")
    return "".join(lines)
