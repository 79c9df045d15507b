"""`make_report`: runs of `musl eval` as one page that needs nothing else, neither a network nor a server."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from musl.errors import UsageError
from musl.evaluation.bootstrap import interval
from musl.evaluation.pass_at_k import pass_at
from musl.evaluation.records import Interval
from musl.output import Destination
from musl.report.breakdown import Breakdown, break_down
from musl.report.compare_runs import pairs_of, passed
from musl.report.headline import FIGURES, headline_rows, published_rows
from musl.report.page_data import page_data
from musl.report.plots import failure_chart, item_chart, mutant_chart, pass_chart, round_charts, strength_chart
from musl.report.published import BENCHMARKS, PUBLISHED_SIZES
from musl.report.read_run import EvaluationRun, read_evaluations
from musl.report.svg import Chart

MOST_POINTS = 20  # of a Pass@k curve


@dataclass(frozen=True)
class TestsPart:
    """What the page says of the tests of one benchmark: charts, and for each of its `runs` the tests that tell nothing
    apart."""

    __test__ = False

    runs: tuple[EvaluationRun, ...]
    charts: tuple[Chart, ...]
    silent: dict[str, tuple[SilentTests, ...]]


@dataclass(frozen=True)
class SilentTests:
    """Tests of one problem, by number from 1: those that every translation passes, that every one fails, and that none
    came to."""

    problem: str
    passing: tuple[int, ...]
    failing: tuple[int, ...]
    unused: tuple[int, ...]

    @property
    def count(self) -> int:
        """How many they are."""
        return len(self.passing) + len(self.failing) + len(self.unused)


def make_report(runs: Sequence[Path | str], output: Path | str) -> Path:
    """Write the page of the runs in the given folders to `output`, which is returned. UsageError where one is no
    finished run of `musl eval`, or the page cannot be written."""
    return write_page(Path(output), render_page(read_evaluations([Path(run) for run in runs])))


def write_page(path: Path, text: str) -> Path:
    """Write a page, which appears whole or not at all. UsageError where it cannot be."""
    if path.is_dir():
        raise UsageError(f"{path}: is a directory; give the name of the page")
    try:
        Destination(path).write(text)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror or error})") from None
    return path


def environment() -> Environment:
    """Where templates come from, and how they are filled in."""
    return Environment(
        loader=PackageLoader("musl.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render_page(runs: Sequence[EvaluationRun]) -> str:
    """The page as HTML text."""
    program, style = asset("page.js"), asset("page.css")
    data = page_data(runs)
    return (
        environment()
        .get_template("page.html.j2")
        .render(
            title=_title(runs),
            runs=runs,
            # Markup: the project's own files, and JSON that page_data made safe.
            style=Markup(style),
            program=Markup(program),
            policy=_policy(program),
            index=Markup(data.index),
            details=Markup(data.details),
            version=version("musl-cuda"),
            **_headline(runs),
            **_outcomes(runs),
            rounds=_rounds(runs),
            tests=_tests(runs),
            pairs=pairs_of(runs),
            benchmark_prefix=_prefixes(runs),
        )
    )


def _headline(runs: Sequence[EvaluationRun]) -> dict[str, object]:
    published = published_rows(runs)
    used = {row.benchmark for row in published}
    benchmarks = list({run.benchmark: run for run in runs}.values())
    return {
        "figures": FIGURES,
        "own_rows": headline_rows(runs),
        "published_rows": published,
        "benchmarks": benchmarks,
        "may_be_published": any(run.metrics.all.problems in PUBLISHED_SIZES for run in benchmarks),
        "published_benchmarks": {name: text for name, text in BENCHMARKS.items() if name in used},
        "sources": list(dict.fromkeys(row.source for row in published)),
    }


def _outcomes(runs: Sequence[EvaluationRun]) -> dict[str, object]:
    breakdowns: Mapping[str, Breakdown] = {run.name: break_down(run) for run in runs}
    charts = [
        pass_chart({run.name: _curve(run) for run in runs}),
        failure_chart({name: breakdown.counts for name, breakdown in breakdowns.items()}),
    ]
    return {"breakdowns": breakdowns, "charts": [chart for chart in charts if chart is not None]}


def _curve(run: EvaluationRun) -> dict[int, Interval]:
    """Pass@k for every k that all problems have samples for; those that the run's metrics have are theirs."""
    known = {int(name.partition("@")[2]): value for name, value in run.metrics.all.pass_at.items()}
    outcomes = passed(run)
    most = min((len(given) for given in outcomes.values()), default=0)
    step = max(1, -(-most // MOST_POINTS))
    places = sorted({1, *range(step, most + 1, step), *(k for k in known if k <= most)} & set(range(1, most + 1)))
    return {k: known[k] if k in known else interval(pass_at(k, outcomes)) for k in places}


def _rounds(runs: Sequence[EvaluationRun]) -> list[Chart]:
    loops: dict[str, list[EvaluationRun]] = {}
    for run in runs:
        if run.run.round is not None:
            loops.setdefault(run.run.of_loop, []).append(run)
    return [
        chart
        for number, (loop, some) in enumerate(loops.items())
        for chart in round_charts(f"rounds-{number}", loop, some)
    ]


def _tests(runs: Sequence[EvaluationRun]) -> list[TestsPart]:
    """A part for each benchmark whose tests something is known of."""
    benchmarks: dict[tuple[str, str], list[EvaluationRun]] = {}
    for run in runs:
        benchmarks.setdefault(run.benchmark, []).append(run)
    parts = [_tests_part(f"tests-{number}", some) for number, some in enumerate(benchmarks.values())]
    return [part for part in parts if part.charts or any(part.silent.values())]


def _tests_part(name: str, runs: Sequence[EvaluationRun]) -> TestsPart:
    # The tests are the benchmark's, so the first run that measured them speaks for all; what they tell apart are the
    # translations of a run.
    measured = next((run for run in runs if run.metrics.tests is not None), runs[0])
    charts = [strength_chart(name, measured), mutant_chart(name, measured)]
    for number, run in enumerate(runs):
        title = "Tests: difficulty and discrimination" + (f", {run.name}" if len(runs) > 1 else "")
        charts.append(item_chart(f"{name}-{number}", run, title))
    silent = {run.name: tuple(_silent(run)) for run in runs}
    return TestsPart(tuple(runs), tuple(chart for chart in charts if chart is not None), silent)


def _silent(run: EvaluationRun) -> Iterator[SilentTests]:
    for problem in run.problems:
        silent = [item for item in run.items.get(str(problem.id), ()) if item.discrimination is None]
        if silent:
            yield SilentTests(
                str(problem.id),
                passing=tuple(item.test + 1 for item in silent if item.given and not item.failed),
                failing=tuple(item.test + 1 for item in silent if item.failed),
                unused=tuple(item.test + 1 for item in silent if not item.given),
            )


def _prefixes(runs: Sequence[EvaluationRun]) -> dict[str, str]:
    """What the links to a run's problems begin with: nothing for the first benchmark, a number for others."""
    order = list(dict.fromkeys(run.benchmark for run in runs))
    return {run.name: f"b{place + 1}-" if (place := order.index(run.benchmark)) else "" for run in runs}


def _title(runs: Sequence[EvaluationRun]) -> str:
    names = ", ".join(run.name for run in runs[:4]) + (f" and {len(runs) - 4} more" if len(runs) > 4 else "")
    return f"{names}: MuSL report"


def asset(name: str) -> str:
    """The text of a file of the page's own."""
    return files("musl.report").joinpath("templates", name).read_text(encoding="utf-8")


def _policy(program: str) -> str:
    """A content security policy under which nothing is loaded, and no script runs but the page's own."""
    digest = base64.b64encode(hashlib.sha256(program.encode()).digest()).decode()
    own = f"style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    return f"default-src 'none'; {own}; base-uri 'none'; form-action 'none'"
