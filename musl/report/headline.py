"""`HeadlineRow`: a run's figures, or a published system's, in the columns of the headline table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from musl.evaluation.records import Interval, Scores
from musl.report.published import PublishedResult, published_results
from musl.report.read_run import EvaluationRun

NONE = "\N{EN DASH}"  # what stands where there is no figure
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
            detail="" if result.size_b is None else f"{result.size_b:g}\N{NO-BREAK SPACE}B",
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
