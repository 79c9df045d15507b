"""`make_loop_report`: runs of `musl loop` as one page that loads nothing, and as tables."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from markupsafe import Markup

from musl.report.loop_figures import LoopRun, figure_rows, loop_charts, loop_pairs, read_loops
from musl.report.page import asset, environment, write_page


def make_loop_report(runs: Sequence[Path | str], output: Path | str) -> Path:
    """Write the page of the runs in the given folders to `output`, which is returned. UsageError where one has no
    finished round, or the page cannot be written."""
    return write_page(Path(output), render_loops(read_loops([Path(run) for run in runs])))


def render_loops(loops: Sequence[LoopRun]) -> str:
    """The page as HTML text."""
    return (
        environment()
        .get_template("loop.html.j2")
        .render(
            loops=loops,
            charts=loop_charts(loops),
            pairs=loop_pairs(loops),
            style=Markup(asset("page.css")),  # the project's own file
            version=version("musl-cuda"),
        )
    )


def loop_csv(loops: Sequence[LoopRun]) -> str:
    """Every figure of every round as CSV."""
    rows = figure_rows(loops)
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, ["run", "round", "metric", "value", "low", "high", "count", "why"])
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def loop_json(loops: Sequence[LoopRun]) -> str:
    """Every figure of every round as JSON."""
    return json.dumps(figure_rows(loops), indent=1) + "\n"
