"""What a report says of runs of `musl loop`: every figure over the rounds, and how two runs differ at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from matplotlib.axes import Axes

from musl.errors import UsageError
from musl.evaluation.bootstrap import Comparison, Refused, compare
from musl.evaluation.pass_at_k import Outcomes, pass_at
from musl.evaluation.records import Interval
from musl.loop.config import LoopConfig
from musl.loop.folder import LoopFolder
from musl.loop.metrics import DRAWS, RoundMetrics
from musl.loop.status import read_metrics
from musl.report.headline import shown
from musl.report.plots import band
from musl.report.svg import Chart, draw

_DIRECTIONS = {"c2cuda": "C to CUDA", "cuda2c": "CUDA to C"}


@dataclass(frozen=True)
class LoopRun:
    """A run of the loop with the figures of its finished rounds, at least one; `name` tells it from others."""

    name: str
    config: LoopConfig
    rounds: tuple[RoundMetrics, ...]


@dataclass(frozen=True)
class LoopDifference:
    """A figure of the last round that both runs have: first minus second, over the same functions."""

    figure: str
    difference: Comparison | Refused


@dataclass(frozen=True)
class LoopPair:
    """Two runs, compared after round `number`."""

    first: str
    second: str
    number: int
    differences: tuple[LoopDifference, ...]


def is_loop(path: Path) -> bool:
    """Whether the folder holds a run of `musl loop`."""
    return (path / "loop.json").is_file()


def read_loops(paths: Sequence[Path]) -> list[LoopRun]:
    """The runs in the folders; UsageError where one has no finished round."""
    names = [path.resolve().name for path in paths]
    names = [name if names.count(name) == 1 else str(path) for name, path in zip(names, paths, strict=True)]
    loops = []
    for path, name in zip(paths, names, strict=True):
        folder = LoopFolder(path)
        rounds = read_metrics(folder)
        if not rounds:
            raise UsageError(f"{path}: no round is finished yet (musl loop --status {path})")
        loops.append(LoopRun(name, folder.config(), rounds))
    return loops


def figures_of(metrics: RoundMetrics) -> dict[str, Interval]:
    """The held-out figures of a round by name, in percent."""
    found: dict[str, Interval] = {}
    for direction, figures in metrics.translator.items():
        label = _DIRECTIONS[direction]
        found |= {f"{label}: {k.replace('pass', 'Pass')}": value for k, value in figures.pass_at.items()}
        parallel = figures.parallel_pass_at
        found |= {f"{label}, work divided among threads: {k.replace('pass', 'Pass')}": v for k, v in parallel.items()}
        for family, of_family in figures.families.items():
            found |= {f"{label}, {family}: {k.replace('pass', 'Pass')}": value for k, value in of_family.items()}
        found[f"{label}: compile pass"] = figures.compile_pass
    tester = metrics.tester
    found["Tests: valid"] = tester.valid
    found["Tests: line coverage"] = tester.line_coverage
    found["Tests: branch coverage"] = tester.branch_coverage
    if tester.mutants is not None:
        found["Tests: mutants killed"] = tester.mutants
    return found


def figure_rows(loops: Sequence[LoopRun]) -> list[dict[str, str | int | float | None]]:
    """Every figure of every round of every run, one a row, for CSV and JSON."""
    return [
        {"run": loop.name, "round": one.round, "metric": name, **interval.model_dump()}
        for loop in loops
        for one in loop.rounds
        for name, interval in figures_of(one).items()
    ]


def loop_charts(loops: Sequence[LoopRun]) -> list[Chart]:
    """A chart for each figure over the rounds, a curve a run."""
    curves: dict[str, dict[str, dict[int, Interval]]] = {}
    for loop in loops:
        for one in loop.rounds:
            for name, interval in figures_of(one).items():
                if interval.value is not None:
                    curves.setdefault(name, {}).setdefault(loop.name, {})[one.round] = interval
    return [_chart(f"loop-{number}", name, of_runs) for number, (name, of_runs) in enumerate(curves.items())]


def _chart(own: str, title: str, curves: Mapping[str, Mapping[int, Interval]]) -> Chart:
    def paint(axes: Axes) -> None:
        for number, (name, curve) in enumerate(curves.items()):
            band(axes, number, name, list(curve), list(curve.values()))
        axes.set(xlabel="round", ylabel="%", ylim=(0, 101))
        axes.set_xticks(sorted({number for curve in curves.values() for number in curve}))
        if len(curves) > 1:
            axes.legend(loc="lower right")

    ends = (f"{name} from {shown(c[min(c)])} to {shown(c[max(c)])}" for name, c in curves.items())
    summary = f"{title}, in percent with 95 % intervals over functions: {'; '.join(ends)}."
    rows = tuple((name, str(number), shown(i)) for name, curve in curves.items() for number, i in curve.items())
    svg = draw(own, title, summary, paint, width=3.4, height=2.3)
    return Chart(own, title, summary, svg, ("run", "round", title), rows)


def loop_gain(loop: LoopRun) -> list[LoopDifference]:
    """What the last round has over round 0, on the same functions."""
    return list(_differences(loop.rounds[-1], loop.rounds[0]))


def loop_pairs(loops: Sequence[LoopRun]) -> list[LoopPair]:
    """Every two runs, after the last round that both have."""
    return [_pair(first, second) for first, second in combinations(loops, 2)]


def _pair(first: LoopRun, second: LoopRun) -> LoopPair:
    number = min(first.rounds[-1].round, second.rounds[-1].round)
    one, other = (next(m for m in loop.rounds if m.round == number) for loop in (first, second))
    return LoopPair(first.name, second.name, number, tuple(_differences(one, other)))


def _differences(one: RoundMetrics, other: RoundMetrics) -> Iterator[LoopDifference]:
    for direction in sorted(one.translator.keys() & other.translator.keys()):
        outcomes = [metrics.translator[direction].outcomes for metrics in (one, other)]
        for k in DRAWS:
            if all(given for given in outcomes) and k <= min(len(g) for o in outcomes for g in o.values()):
                compared = compare(*(pass_at(k, _known(given)) for given in outcomes))
                yield LoopDifference(f"{_DIRECTIONS[direction]}: Pass@{k}", compared)


def _known(outcomes: Mapping[str, Sequence[bool | None]]) -> Outcomes:
    """Without the functions of which the machine could judge no sample."""
    return {identity: given for identity, given in outcomes.items() if any(one is not None for one in given)}
