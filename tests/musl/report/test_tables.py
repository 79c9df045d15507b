"""The figures as CSV, JSON and LaTeX, and beside the published ones."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest
from synthetic_run import Synthetic, write_synthetic_run

from musl.evaluation.records import Interval
from musl.report.headline import FIGURES, cell_of, headline_rows, published_rows
from musl.report.published import published_results
from musl.report.read_run import EvaluationRun, read_evaluations
from musl.report.tables import csv_text, json_text, latex_escaped, latex_text


@pytest.fixture
def runs(two_runs: list[Path]) -> list[EvaluationRun]:
    return read_evaluations(two_runs)


def test_csv_has_a_row_for_every_run_set_and_figure(runs: list[EvaluationRun]) -> None:
    rows = list(csv.DictReader(csv_text(runs).splitlines()))
    keys = [(row["run"], row["problems"], row["metric"]) for row in rows]
    assert len(keys) == len(set(keys))
    for run in runs:
        for problems, scores in (("all", run.metrics.all), ("sound", run.metrics.sound)):
            by_metric = {row["metric"]: row for row in rows if (row["run"], row["problems"]) == (run.name, problems)}
            assert float(by_metric["bleu"]["value"]) == scores.bleu.value
            assert float(by_metric["bleu"]["low"]) == scores.bleu.low
            assert float(by_metric["pass@1"]["value"]) == scores.pass_at["pass@1"].value
            assert int(float(by_metric["failures/wrong"]["value"])) == scores.failures["wrong"]


def test_a_figure_that_cannot_be_said_is_empty_and_says_why(runs: list[EvaluationRun]) -> None:
    rows = json.loads(json_text(runs))
    missing = {row["metric"]: row for row in rows if row["value"] is None and row["run"] == "one"}
    assert missing["speedup_1@1"]["why"] == "no GPU"
    assert "fewer than 10" in missing["pass@10"]["why"]


def test_json_and_csv_say_the_same(runs: list[EvaluationRun]) -> None:
    as_json = [
        {name: "" if value is None else str(value) for name, value in row.items()}
        for row in json.loads(json_text(runs))
    ]
    assert as_json == list(csv.DictReader(csv_text(runs).splitlines()))


def test_latex_is_a_booktabs_table_of_equal_columns(runs: list[EvaluationRun]) -> None:
    text = latex_text(runs)
    lines = text.splitlines()
    (columns,) = re.findall(r"\\begin\{tabular\}\{(\w+)\}", text)
    rows = [line for line in lines if line.endswith(r"\\")]
    assert {len(re.split(r"(?<!\\)&", row)) for row in rows} == {len(columns)}
    assert [text.count(rule) for rule in (r"\toprule", r"\bottomrule", r"\end{tabular}")] == [1, 1, 1]
    assert any("Qwen2.5-Coder-7B + MuSL & babeltower-unit-233 & 84.96" in row for row in rows)
    assert any(row.startswith("one (all problems, 12)") and "71.25 [68.15, 74.15]" in row for row in rows)


def test_latex_escapes_what_latex_reads(tmp_path: Path) -> None:
    assert latex_escaped("50% of a_b & {c} \\ $x^2~#\n<d>") == (
        r"50\% of a\_b \& \{c\} \textbackslash{} \$x\textasciicircum{}2\textasciitilde{}\# \textless{}d\textgreater{}"
    )
    run = write_synthetic_run(tmp_path / "run_1_50%", Synthetic(problems=2))
    assert r"run\_1\_50\%" in latex_text(read_evaluations([run]))


def test_published_rows_are_the_published_figures(shared_data: Path) -> None:
    published = (shared_data / "published_results.csv").read_text()
    ours = Path(__file__).parents[3] / "musl" / "report" / "published_results.csv"
    assert ours.read_text() == published


def test_published_figures_stand_in_their_columns(runs: list[EvaluationRun]) -> None:
    names = [figure.name for figure in FIGURES]
    row = next(r for r in published_rows(runs) if r.name == "CodeRosetta" and r.benchmark == "babeltower-unit-233")
    shown = dict(zip(names, (cell.value for cell in row.cells), strict=True))
    assert (shown["bleu"], shown["codebleu"], shown["compile_pass"]) == ("83.40", "78.84", "81.10")
    assert (shown["pass@1"], shown["pass@5"]) == ("75.96", "")
    assert row.source.startswith("kcxain/mupa")


def test_every_published_row_names_its_source() -> None:
    assert all(result.source for result in published_results("c2cuda"))
    assert published_results("cuda2c") == []


def test_own_rows_are_over_all_and_over_sound_problems(runs: list[EvaluationRun]) -> None:
    rows = [row for row in headline_rows(runs) if row.name == "one"]
    assert [row.detail for row in rows] == ["all problems, 12", "sound problems, 11"]


def test_timed_columns_say_no_gpu() -> None:
    timed = next(figure for figure in FIGURES if figure.timed)
    assert cell_of(timed, None).note == "no GPU"
    assert cell_of(timed, Interval(value=3.5, low=3.0, high=4.0)).interval == "[3.00, 4.00]"
