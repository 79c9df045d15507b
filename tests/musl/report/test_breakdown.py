"""Outcomes are counted by kind, equal messages come together, and runs over the same problems are compared."""

from __future__ import annotations

from pathlib import Path

import pytest
from synthetic_run import Synthetic, write_synthetic_run

from musl.evaluation.bootstrap import Comparison, Refused
from musl.evaluation.records import Interval
from musl.report.breakdown import break_down, pattern_of
from musl.report.compare_runs import pairs_of
from musl.report.plots import failure_chart, item_chart, mutant_chart, pass_chart, round_charts, strength_chart
from musl.report.read_run import EvaluationRun, read_evaluations


@pytest.fixture
def runs(two_runs: list[Path]) -> list[EvaluationRun]:
    return read_evaluations(two_runs)


def test_every_translation_is_counted_once(runs: list[EvaluationRun]) -> None:
    breakdown = break_down(runs[0])
    assert sum(breakdown.counts.values()) == 120
    failures = {kind: count for kind, count in breakdown.counts.items() if kind != "passed"}
    assert failures == runs[0].metrics.all.failures
    assert sum(group.count for group in breakdown.groups) == 120 - breakdown.counts["passed"]


def test_messages_that_differ_in_names_and_numbers_only_are_one_group() -> None:
    assert pattern_of('identifier "abc" is undefined\nmore') == 'identifier "…" is undefined'
    assert pattern_of("element [12]: expected -7, got 1.5e-3") == "element […]: expected …, got …"


def test_failures_for_the_parameter_list_alone_are_counted(runs: list[EvaluationRun]) -> None:
    breakdown = break_down(runs[0])
    differing = [s.verdict for some in runs[0].samples.values() for s in some if s.verdict.signature]
    assert breakdown.signatures == len(differing) > 0
    assert set(breakdown.signature_problems) == {str(verdict.id) for verdict in differing}


def test_a_better_run_is_significantly_better(runs: list[EvaluationRun]) -> None:
    (pair,) = pairs_of(runs)
    differences = dict(pair.differences)
    first = differences["Pass@1"]
    assert isinstance(first, Comparison)
    assert first.high < 0
    assert first.p < 0.01
    assert isinstance(differences["Pass@10"], Refused)
    assert pair.both + pair.neither + len(pair.only_first) + len(pair.only_second) == 12


def test_runs_over_other_problems_are_not_compared(tmp_path: Path, one_run: Path) -> None:
    other = write_synthetic_run(tmp_path / "other", Synthetic(problems=12, digest="6" * 64))
    fewer = write_synthetic_run(tmp_path / "fewer", Synthetic(problems=11))
    assert pairs_of(read_evaluations([one_run, other, fewer])) == []


def test_rounds_become_curves_in_their_order(tmp_path: Path) -> None:
    rounds = [
        write_synthetic_run(tmp_path / str(n), Synthetic(problems=4, round=n, skill=n / 4, of_loop="loop"))
        for n in (2, 0, 1)
    ]
    charts = {chart.title: chart for chart in round_charts("rounds", "loop", read_evaluations(rounds))}
    assert [row[0] for row in charts["BLEU by round, loop"].rows] == ["0", "1", "2"]
    assert charts["BLEU by round, loop"].summary == "BLEU goes from 71.2 [68.2, 74.2] to 76.2 [73.2, 79.2]."


def test_charts_take_their_colours_from_the_page_and_have_words(runs: list[EvaluationRun]) -> None:
    charts = [
        pass_chart({run.name: {k: run.metrics.all.pass_at[f"pass@{k}"] for k in (1, 5)} for run in runs}),
        failure_chart({run.name: break_down(run).counts for run in runs}),
        item_chart("items", runs[0], "Items"),
        strength_chart("strength", runs[0]),
        mutant_chart("mutants", runs[0]),
    ]
    for chart in charts:
        assert chart is not None
        assert "#0" not in chart.svg.replace('="#', "")
        assert "currentColor" in chart.svg
        assert "<image" not in chart.svg
        assert f'<title id="{chart.name}-title">{chart.title}' in chart.svg
        assert chart.rows and all(len(row) == len(chart.head) for row in chart.rows)


def test_charts_are_the_same_each_time(runs: list[EvaluationRun]) -> None:
    assert strength_chart("s", runs[0]) == strength_chart("s", runs[0])


def test_long_names_fit_beside_a_chart(tmp_path: Path) -> None:
    run = write_synthetic_run(tmp_path / ("long-" * 20 + "end"), Synthetic(problems=2))
    (read,) = read_evaluations([run])
    chart = failure_chart({read.name: break_down(read).counts})
    assert "…long-long-long-long-end" in chart.svg
    assert chart.head == ("outcome", read.name)


def test_one_sample_a_problem_makes_no_curve() -> None:
    assert pass_chart({"one": {1: Interval(value=50.0, low=40.0, high=60.0, count=9)}}) is None
