"""The command `musl eval`: progress, what is printed, and the exit status."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from musl.errors import MachineError, UsageError
from musl.evaluation.records import Interval, MetricsRecord, Scores

EXIT_OK, EXIT_FAILURE, EXIT_USAGE = 0, 1, 2


class Evaluate(Protocol):
    """`musl.evaluate_benchmark` with the command's options filled in."""

    def __call__(self, *, on_progress: Callable[[str, int, int], None]) -> MetricsRecord: ...


def run_evaluation(evaluate: Evaluate, out: Path, *, json: bool) -> int:
    """Evaluate, and print the figures (with `json` metrics.json instead)."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    # Refreshed by calls only: a refreshing thread would be in the way of the workers' forks.
    progress = Progress(*columns, console=console, auto_refresh=False, transient=True, disable=not console.is_terminal)
    task = progress.add_task("references", total=None)

    def advance(stage: str, done: int, of: int) -> None:
        progress.update(task, description=stage, completed=done, total=of, refresh=True)

    try:
        with progress:
            metrics = evaluate(on_progress=advance)
    except (UsageError, MachineError) as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_USAGE if isinstance(error, UsageError) else EXIT_FAILURE
    if json:
        print((out / "metrics.json").read_text(encoding="utf-8"), end="")
    else:
        print_metrics(metrics, Console(soft_wrap=True))
        print(f"wrote {out} (musl report {out} -o report.html makes a page of it)")
    return EXIT_OK


def print_metrics(metrics: MetricsRecord, console: Console) -> None:
    """The figures over all problems and over the sound ones, with their 95 % intervals, and what went wrong."""
    run = metrics.run
    console.print(
        f"{run.benchmark}, {run.direction}, harness {run.harness}: {run.translator}, {run.samples} sample"
        f"{'s' if run.samples > 1 else ''} a problem ({run.device})\n"
    )
    table = Table(box=None, pad_edge=False)
    table.add_column("%, with its 95 % interval")
    table.add_column(f"all {metrics.all.problems}", justify="right")
    table.add_column(f"{metrics.sound.problems} sound ones", justify="right")
    for name, over_all, over_sound in zip(
        (name for name, _ in _figures(metrics.all)),
        (figure for _, figure in _figures(metrics.all)),
        (figure for _, figure in _figures(metrics.sound)),
        strict=True,
    ):
        if over_all.value is not None or not name.startswith("Pass"):
            table.add_row(name, figure_text(over_all), figure_text(over_sound))
    console.print(table)
    if metrics.all.failures:
        counts = sorted(metrics.all.failures.items(), key=lambda item: (-item[1], item[0]))
        console.print(f"\nnot passed: {', '.join(f'{count} {failure}' for failure, count in counts)}")
    if metrics.all.refusals:
        refusals = sorted(metrics.all.refusals.items(), key=lambda item: (-item[1], item[0]))
        console.print(f"no translation: {', '.join(f'{count} {code}' for code, count in refusals)} (docs/codes.md)")


def figure_text(figure: Interval) -> str:
    """`86.1 [79.3, 92.1]`, or why there is none."""
    if figure.value is None:
        return figure.why
    if figure.low is None or figure.high is None:
        return f"{figure.value:.2f}"
    return f"{figure.value:.2f} [{figure.low:.1f}, {figure.high:.1f}]"


def _figures(scores: Scores) -> list[tuple[str, Interval]]:
    """The figures in the order of the published tables."""
    return [
        ("BLEU (BabelTower's tokens)", scores.bleu),
        ("BLEU (sacrebleu, 13a)", scores.bleu_13a),
        ("CodeBLEU", scores.codebleu),
        ("compile pass", scores.compile_pass),
        *((name.replace("pass", "Pass"), figure) for name, figure in scores.pass_at.items()),
        ("computational accuracy", scores.computational_accuracy),
        *scores.speedup.items(),
    ]
