"""The figures of runs as tables that programs read: CSV, JSON and LaTeX."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import Literal

from musl.evaluation.records import Interval, Scores
from musl.report.headline import FIGURES, NONE, HeadlineRow, headline_rows, published_rows
from musl.report.read_run import EvaluationRun
from musl.report.records import Record

ABOUT = {"benchmark", "digest", "direction", "harness", "translator", "device", "samples", "seed", "round"}


class MetricRow(Record):
    """One figure of one run over one set of problems: a line of `--csv` and an object of `--json`. `value`, `low`,
    `high` are percent (speedups: a factor) and null where the figure cannot be said; `why` says why."""

    run: str
    benchmark: str
    digest: str
    direction: str
    harness: str
    translator: str
    device: str
    samples: int
    seed: int
    round: int | None
    problems: Literal["all", "sound"]
    metric: str
    value: float | None
    low: float | None
    high: float | None
    count: int
    why: str


def metric_rows(runs: Sequence[EvaluationRun]) -> list[MetricRow]:
    """Every figure of every run."""
    return [row for run in runs for row in _rows_of(run)]


def _rows_of(run: EvaluationRun) -> Iterator[MetricRow]:
    about = run.run.model_dump(include=ABOUT)
    for problems, scores in (("all", run.metrics.all), ("sound", run.metrics.sound)):
        for name, interval in _intervals(scores):
            yield MetricRow.model_validate(
                {
                    "run": run.name,
                    "problems": problems,
                    "metric": name,
                    **about,
                    **interval.model_dump(),
                }
            )


def _intervals(scores: Scores) -> Iterator[tuple[str, Interval]]:
    named = {figure.name for figure in FIGURES}
    for figure in FIGURES:
        interval = figure.of(scores)
        if interval is None:
            interval = Interval(value=None, why="no GPU" if figure.timed else "not measured")
        yield figure.name, interval
    for name, interval in {**scores.pass_at, **scores.speedup}.items():
        if name not in named:
            yield name, interval
    for failure, count in scores.failures.items():
        yield f"failures/{failure or 'passed'}", Interval(value=count, count=scores.problems)


def csv_text(runs: Sequence[EvaluationRun]) -> str:
    """A line for every run and figure, under a line of names (MetricRow)."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(MetricRow.model_fields), lineterminator="\n")
    writer.writeheader()
    writer.writerows(row.model_dump() for row in metric_rows(runs))
    return buffer.getvalue()


def json_text(runs: Sequence[EvaluationRun]) -> str:
    """The same as a list of objects."""
    return json.dumps([row.model_dump() for row in metric_rows(runs)], indent=2, ensure_ascii=False) + "\n"


_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    NONE: "--",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}


def latex_escaped(text: str) -> str:
    """Text as LaTeX shows it, for text mode."""
    return "".join(_LATEX.get(letter, letter) for letter in " ".join(text.split()))


def latex_text(runs: Sequence[EvaluationRun]) -> str:
    """The headline table for booktabs: the runs with their intervals, below them the published figures with a comment
    that names their source. A column that no row has a figure for is left out."""
    own, others = headline_rows(runs), published_rows(runs)
    used = [n for n in range(len(FIGURES)) if any(row.cells[n].value for row in (*own, *others))]
    lines = [
        "% Needs \\usepackage{booktabs}. Percent; in brackets 95 % bootstrap intervals over problems.",
        f"\\begin{{tabular}}{{ll{'r' * len(used)}}}",
        "\\toprule",
        " & ".join(["System", "Benchmark", *(latex_escaped(FIGURES[n].label) for n in used)]) + r" \\",
        "\\midrule",
        *(_latex_row(row, used) for row in own),
    ]
    last = ""
    for row in others:
        if row.benchmark != last:
            sources = sorted({other.source for other in others if other.benchmark == row.benchmark})
            lines += ["\\midrule", *(f"% {row.benchmark}: {source}" for source in sources)]
            last = row.benchmark
        lines.append(_latex_row(row, used))
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}", ""])


def _latex_row(row: HeadlineRow, used: Sequence[int]) -> str:
    name = row.name if row.is_published or not row.detail else f"{row.name} ({row.detail})"
    cells = [row.cells[n] for n in used]
    figures = [latex_escaped(f"{c.value} {c.interval}".strip() or c.note) for c in cells]
    return " & ".join([latex_escaped(name), latex_escaped(row.benchmark), *figures]) + r" \\"
