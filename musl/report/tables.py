"""The figures of runs as tables: the headline beside the published figures, and as CSV, JSON and LaTeX."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from musl.evaluation.records import Interval, Scores
from musl.report.published import PublishedResult, published_results
from musl.report.read_run import EvaluationRun
from musl.report.records import Record

NONE = "\N{EN DASH}"  # what stands where there is no figure
TableFormat = Literal["csv", "json", "latex"]
PROBLEM_SETS: tuple[tuple[Literal["all", "sound"], str], ...] = (("all", "all problems"), ("sound", "sound problems"))


@dataclass(frozen=True)
class Figure:
    """One column: its name in files, its label, where a run has it, and where a published row has it, if any does.
    A `timed` one needs a GPU."""

    name: str
    label: str
    of: Callable[[Scores], Interval | None]
    published: Callable[[PublishedResult], float | None] = lambda result: None
    timed: bool = False
    meaning: str = ""


FIGURES: tuple[Figure, ...] = (
    Figure("bleu", "BLEU", lambda s: s.bleu, lambda p: p.bleu, meaning="corpus BLEU over BabelTower's tokens"),
    Figure("bleu_13a", "BLEU 13a", lambda s: s.bleu_13a, meaning="sacrebleu's own tokens"),
    Figure("codebleu", "CodeBLEU", lambda s: s.codebleu, lambda p: p.codebleu, meaning="codebleu 0.7.0, equal weights"),
    Figure(
        "compile_pass",
        "Compile pass",
        lambda s: s.compile_pass,
        lambda p: p.compile_pass,
        meaning="translations that compile",
    ),
    Figure(
        "computational_accuracy",
        "Comp. acc.",
        lambda s: s.computational_accuracy,
        meaning="computational accuracy: problems whose first sample passes (TransCoder)",
    ),
    Figure(
        "pass@1",
        "Pass@1",
        lambda s: s.pass_at.get("pass@1"),
        lambda p: p.pass_at_1,
        meaning="unbiased (Chen et al. 2021)",
    ),
    Figure("pass@5", "Pass@5", lambda s: s.pass_at.get("pass@5"), lambda p: p.pass_at_5),
    Figure("pass@10", "Pass@10", lambda s: s.pass_at.get("pass@10"), lambda p: p.pass_at_10),
    Figure(
        "speedup_1@1",
        "Speedup",
        lambda s: s.speedup.get("speedup_1@1"),
        timed=True,
        meaning="over the sequential code (ParEval)",
    ),
    Figure(
        "efficiency_1@1",
        "Efficiency",
        lambda s: s.speedup.get("efficiency_1@1"),
        timed=True,
        meaning="speedup a thread (ParEval)",
    ),
)


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
    about = run.run
    for problems, scores in (("all", run.metrics.all), ("sound", run.metrics.sound)):
        for name, interval in _intervals(scores):
            yield MetricRow.model_validate(
                {
                    "run": run.name,
                    "problems": problems,
                    "metric": name,
                    **about.model_dump(
                        include={
                            "benchmark",
                            "digest",
                            "direction",
                            "harness",
                            "translator",
                            "device",
                            "samples",
                            "seed",
                            "round",
                        }
                    ),
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


def table_text(runs: Sequence[EvaluationRun], format: TableFormat) -> str:
    """The figures of the runs in one of the formats."""
    return {"csv": csv_text, "json": json_text, "latex": latex_text}[format](runs)


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


@dataclass(frozen=True)
class Cell:
    """A figure to be shown: its value, its interval under it, and in words why there is none."""

    value: str = ""
    interval: str = ""
    note: str = ""
    why: str = ""


@dataclass(frozen=True)
class HeadlineRow:
    """A row of the headline table: a run over one set of problems, or a published system."""

    name: str
    detail: str
    cells: tuple[Cell, ...]
    benchmark: str = ""
    source: str = ""

    @property
    def is_published(self) -> bool:
        """Whether the row is another's figures."""
        return bool(self.source)


def headline_rows(runs: Sequence[EvaluationRun]) -> list[HeadlineRow]:
    """The runs' own rows, over all problems and over the sound ones."""
    rows = []
    for run in runs:
        for problems, label in PROBLEM_SETS:
            scores = run.metrics.all if problems == "all" else run.metrics.sound
            cells = tuple(cell_of(figure, figure.of(scores)) for figure in FIGURES)
            rows.append(HeadlineRow(run.name, f"{label}, {scores.problems}", cells, benchmark=run.run.benchmark))
    return rows


def published_rows(runs: Sequence[EvaluationRun]) -> list[HeadlineRow]:
    """The published systems' rows, for the directions that the runs have."""
    results = [
        result for direction in sorted({run.run.direction for run in runs}) for result in published_results(direction)
    ]
    return [
        HeadlineRow(
            name=result.system,
            detail="" if result.size_b is None else f"{result.size_b:g} B",
            cells=tuple(_published_cell(figure.published(result)) for figure in FIGURES),
            benchmark=result.benchmark,
            source=result.source,
        )
        for result in results
    ]


def cell_of(figure: Figure, interval: Interval | None) -> Cell:
    """How a figure is shown."""
    if interval is None:
        return Cell(note="no GPU" if figure.timed else NONE)
    if interval.value is None:
        return Cell(note=NONE, why=interval.why)
    if interval.low is None or interval.high is None:
        return Cell(value=f"{interval.value:.2f}", why=interval.why)
    return Cell(value=f"{interval.value:.2f}", interval=f"[{interval.low:.2f}, {interval.high:.2f}]")


def shown(interval: Interval) -> str:
    """A figure with its interval in a line."""
    if interval.value is None:
        return f"{NONE} ({interval.why})" if interval.why else NONE
    bounds = "" if interval.low is None or interval.high is None else f" [{interval.low:.1f}, {interval.high:.1f}]"
    return f"{interval.value:.1f}{bounds}"


def _published_cell(value: float | None) -> Cell:
    return Cell(note=NONE) if value is None else Cell(value=f"{value:.2f}")


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
