"""`PublishedResult`: one row of the published tables that a run's figures stand beside."""

from __future__ import annotations

import csv
from importlib.resources import files

from pydantic import TypeAdapter

from musl.evaluation.records import Direction
from musl.report.records import Record

FILE = "published_results.csv"
# What the names of the published benchmarks mean, with the papers that define them.
BENCHMARKS = {
    "babeltower-unit-233": "the 233 cases of BabelTower's test set that have unit tests (MuSL, arXiv 2506.11153)",
    "babeltower-test-180": "the 180 pairs of BabelTower's test set (CodeRosetta, arXiv 2410.20527)",
}
PUBLISHED_SIZES = frozenset({233, 180})  # problems of them


class PublishedResult(Record):
    """One system on one benchmark, in percent (BLEU and CodeBLEU from 0 to 100); null where its source gives no figure.
    `size_b` is the model's size in billions of parameters."""

    benchmark: str
    direction: Direction
    system: str
    size_b: float | None
    bleu: float | None
    codebleu: float | None
    compile_pass: float | None
    pass_at_1: float | None
    pass_at_5: float | None
    pass_at_10: float | None
    source: str


def published_results(direction: Direction) -> list[PublishedResult]:
    """The published rows for one direction, in the order of their file."""
    text = files("musl.report").joinpath(FILE).read_text(encoding="utf-8")
    rows = [{name: value or None for name, value in row.items()} for row in csv.DictReader(text.splitlines())]
    results = TypeAdapter(list[PublishedResult]).validate_python(rows)
    return [result for result in results if result.direction == direction]
