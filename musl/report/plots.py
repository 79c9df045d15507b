"""The charts of a report: how often translations are right, what goes wrong, rounds, and what the tests are worth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from musl.evaluation.records import Interval
from musl.report.headline import FIGURES, shown
from musl.report.read_run import EvaluationRun
from musl.report.svg import ACCENT, INK, KIND_COLOURS, KINDS, SERIES, Chart, chart_height, draw

MARKERS = "osD^vPX*"
LABEL_WIDTH = 24  # characters of a run's name in a picture


def pass_chart(curves: Mapping[str, Mapping[int, Interval]]) -> Chart | None:
    """Pass@k over k with its 95 % band, a curve a run; none where every run has one sample a problem."""
    drawn = {name: {k: i for k, i in curve.items() if i.value is not None} for name, curve in curves.items()}
    drawn = {name: curve for name, curve in drawn.items() if curve}
    if all(len(curve) < 2 for curve in drawn.values()):
        return None

    def paint(axes: Axes) -> None:
        for number, (name, curve) in enumerate(drawn.items()):
            band(axes, number, name, list(curve), list(curve.values()))
        axes.set(xlabel="k, samples tried", ylabel="Pass@k, %", ylim=(0, 101))
        axes.set_xticks(sorted({1, *_ticks(max(max(curve) for curve in drawn.values()))}))
        axes.legend(loc="lower right")

    rows = tuple((name, str(k), shown(interval)) for name, curve in drawn.items() for k, interval in curve.items())
    ends = (
        f"{name} goes from {shown(c[min(c)])} at k = {min(c)} to {shown(c[max(c)])} at k = {max(c)}"
        for name, c in drawn.items()
    )
    summary = f"{'; '.join(ends)} (percent, with 95 % intervals over problems)."
    title = "Pass@k"
    return Chart("pass", title, summary, draw("pass", title, summary, paint), ("run", "k", "Pass@k, %"), rows)


def failure_chart(counts: Mapping[str, Mapping[str, int]]) -> Chart:
    """Shares of outcomes, a bar a run. `counts` has for each run the number of translations of each of KINDS."""
    present = [kind for kind in KINDS if any(count.get(kind) for count in counts.values())]
    totals = {name: sum(count.values()) or 1 for name, count in counts.items()}

    def paint(axes: Axes) -> None:
        names = list(counts)
        labels = [shorten(name) for name in names]
        left = [0.0] * len(names)
        for kind in present:
            widths = [100 * counts[name].get(kind, 0) / totals[name] for name in names]
            axes.barh(labels, widths, left=left, height=0.6, color=KIND_COLOURS[kind], label=kind)
            left = [a + b for a, b in zip(left, widths, strict=True)]
        axes.invert_yaxis()
        axes.set(xlabel="translations, %", xlim=(0, 100))
        axes.grid(False, axis="y")
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=min(4, len(present)), handlelength=1)

    rows = tuple(
        (
            kind,
            *(
                f"{count.get(kind, 0)} ({100 * count.get(kind, 0) / totals[name]:.1f} %)"
                for name, count in counts.items()
            ),
        )
        for kind in present
    )
    summary = "; ".join(
        f"{name}: " + ", ".join(f"{kind} {count[kind]}" for kind in present if count.get(kind))
        for name, count in counts.items()
    )
    title = "What became of the translations"
    height = chart_height(list(counts), rest=1.1 + 0.2 * (len(present) // 4))
    svg = draw("failures", title, summary, paint, height=height)
    return Chart("failures", title, f"{summary}.", svg, ("outcome", *counts), rows)


def round_charts(name: str, loop: str, runs: Sequence[EvaluationRun]) -> list[Chart]:
    """How the figures change over the rounds of a training loop, a chart a figure."""
    ordered = sorted(runs, key=lambda run: run.run.round or 0)
    charts = list[Chart]()
    for figure in FIGURES:
        points = [(run.run.round or 0, figure.of(run.metrics.all)) for run in ordered]
        known = [
            (number, interval) for number, interval in points if interval is not None and interval.value is not None
        ]
        if len(known) < 2:
            continue

        def paint(axes: Axes, known: Sequence[tuple[int, Interval]] = known, label: str = figure.label) -> None:
            band(axes, 0, label, [number for number, _ in known], [interval for _, interval in known])
            axes.set(xlabel="round", ylabel=label)
            axes.set_xticks([number for number, _ in known])

        title = f"{figure.label} by round" + (f", {loop}" if loop else "")
        summary = f"{figure.label} goes from {shown(known[0][1])} to {shown(known[-1][1])}."
        rows = tuple((str(number), shown(interval)) for number, interval in known)
        own = f"{name}-{len(charts)}"
        svg = draw(own, title, summary, paint, width=3.4, height=2.3)
        charts.append(Chart(own, title, summary, svg, ("round", figure.label), rows))
    return charts


def item_chart(name: str, run: EvaluationRun, title: str) -> Chart | None:
    """Difficulty and discrimination of every test that tells the run's translations apart; none where no test does."""
    items = [
        (item, item.difficulty, item.discrimination)
        for some in run.items.values()
        for item in some
        if item.difficulty is not None and item.discrimination is not None
    ]
    if not items:
        return None

    def paint(axes: Axes) -> None:
        for kept, label, colour, size in (
            (False, "implied by others", SERIES[7], 12),
            (True, "in the smallest set", ACCENT, 20),
        ):
            xs = [x for item, x, _ in items if item.kept is kept]
            ys = [y for item, _, y in items if item.kept is kept]
            if xs:
                axes.scatter(xs, ys, s=size, c=colour, alpha=0.75, linewidths=0, label=label)
        axes.set(
            xlabel="difficulty (ability of half the translations that pass)", ylabel="discrimination", ylim=(0, None)
        )
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, handletextpad=0.1)

    hardest = max(items, key=lambda entry: entry[1])[0]
    best = sorted(items, key=lambda entry: -entry[2])[:10]
    sharpest = best[0][0]
    summary = (
        f"{len(items)} tests tell translations apart; the hardest is test {hardest.test + 1} of problem {hardest.id}, "
        f"the sharpest is test {sharpest.test + 1} of problem {sharpest.id}."
    )
    rows = tuple(
        (f"{item.id}, test {item.test + 1}", f"{difficulty:.2f}", f"{sharpness:.2f}", f"{item.failed} of {item.given}")
        for item, difficulty, sharpness in best
    )
    head = ("the ten sharpest tests", "difficulty", "discrimination", "failed by")
    return Chart(f"{name}-items", title, summary, draw(f"{name}-items", title, summary, paint), head, rows)


def strength_chart(name: str, run: EvaluationRun) -> Chart | None:
    """How much the tests show: valid ones, coverage on both sides, planted faults that they find."""
    tests = run.metrics.tests
    if tests is None:
        return None
    bars: list[tuple[str, Interval]] = [("valid for the source", tests.valid)]
    for side, coverage in (("source", tests.source_coverage), ("CUDA", tests.cuda_coverage)):
        if coverage is not None:
            bars.append((f"lines, {side}", Interval(value=coverage.line)))
            if coverage.branch is not None:
                bars.append((f"branches, {side}", Interval(value=coverage.branch)))
    if tests.mutants is not None:
        bars.append(("planted faults found", tests.mutants))
    bars = [(label, interval) for label, interval in bars if interval.value is not None]

    def paint(axes: Axes) -> None:
        values = [interval.value or 0.0 for _, interval in bars]
        axes.barh(
            [label for label, _ in bars], values, height=0.6, color=ACCENT, alpha=0.85, xerr=_errors(bars), ecolor=INK
        )
        axes.invert_yaxis()
        axes.set(xlabel="%", xlim=(0, 101))
        axes.grid(False, axis="y")

    title = "What the tests reach"
    summary = "; ".join(f"{label} {shown(interval)} %" for label, interval in bars)
    svg = draw(f"{name}-strength", title, summary, paint, height=chart_height(bars, rest=0.7))
    rows = tuple((label, shown(interval)) for label, interval in bars)
    return Chart(f"{name}-strength", title, f"{summary}.", svg, ("", "%"), rows)


def mutant_chart(name: str, run: EvaluationRun) -> Chart | None:
    """Problems by the share of planted faults that their tests find; none where no fault was planted."""
    found = {
        identity: 100 * record.mutants.killed / (record.mutants.killed + record.mutants.survived)
        for identity, record in run.references.items()
        if record.mutants is not None and record.mutants.killed + record.mutants.survived
    }
    if not found:
        return None
    edges = list(range(0, 101, 10))
    counts = Counter(min(int(value // 10), 9) for value in found.values())
    weak = sorted(found, key=lambda identity: found[identity])[:10]

    def paint(axes: Axes) -> None:
        axes.bar(
            [edge + 5 for edge in edges[:-1]], [counts[bin] for bin in range(10)], width=9, color=ACCENT, alpha=0.85
        )
        axes.set(xlabel="planted faults found, %", ylabel="problems", xlim=(0, 100))
        axes.grid(False, axis="x")

    title = "Planted faults found, by problem"
    full = sum(value == 100 for value in found.values())
    summary = (
        f"The tests of {full} of {len(found)} problems find every fault; the fewest are found in problem {weak[0]} "
        f"({found[weak[0]]:.0f} %)."
    )
    rows = tuple((identity, f"{found[identity]:.0f} %") for identity in weak)
    svg = draw(f"{name}-mutants", title, summary, paint)
    return Chart(f"{name}-mutants", title, summary, svg, ("the weakest: problem", "faults found"), rows)


def shorten(name: str) -> str:
    """A name that fits beside an axis; the end of a long one tells more than its beginning."""
    return name if len(name) <= LABEL_WIDTH else f"…{name[-LABEL_WIDTH + 1 :]}"


def band(axes: Axes, number: int, label: str, xs: Sequence[int], intervals: Sequence[Interval]) -> None:
    """Curve `number` of a chart: figures over whole numbers, with their intervals as a band."""
    colour = SERIES[number % len(SERIES)]
    values = [interval.value or 0.0 for interval in intervals]
    lows = [
        interval.low if interval.low is not None else value for interval, value in zip(intervals, values, strict=True)
    ]
    highs = [
        interval.high if interval.high is not None else value for interval, value in zip(intervals, values, strict=True)
    ]
    axes.fill_between(xs, lows, highs, color=colour, alpha=0.18, linewidth=0)
    axes.plot(
        xs,
        values,
        color=colour,
        marker=MARKERS[number % len(MARKERS)],
        markersize=4,
        linewidth=1.6,
        label=shorten(label),
    )


def _errors(bars: Sequence[tuple[str, Interval]]) -> list[list[float]]:
    below = [(i.value or 0) - (i.low if i.low is not None else i.value or 0) for _, i in bars]
    above = [(i.high if i.high is not None else i.value or 0) - (i.value or 0) for _, i in bars]
    return [below, above]


def _ticks(last: int) -> list[int]:
    step = max(1, round(last / 5))
    return [*range(step, last + 1, step), last] if step > 1 else list(range(1, last + 1))
