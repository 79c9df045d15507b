"""A run's files are joined by problem and sample; what is no whole run is refused in a line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from synthetic_run import Synthetic, write_synthetic_run

from musl.errors import UsageError
from musl.report.read_run import read_evaluations


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_synthetic_run(tmp_path / "run", Synthetic(problems=3, samples=2))


def test_samples_meet_their_verdicts_whatever_the_order_of_the_lines(run: Path) -> None:
    path = run / "verdicts.jsonl"
    path.write_text("".join(reversed(path.read_text().splitlines(keepends=True))))
    (read,) = read_evaluations([run])
    assert [sample.number for sample in read.samples["2"]] == [0, 1]
    for samples in read.samples.values():
        assert all(s.translation.sample == s.verdict.sample and s.translation.id == s.verdict.id for s in samples)


def test_samples_that_the_machine_failed_count_neither_as_right_nor_wrong(tmp_path: Path) -> None:
    (read,) = read_evaluations([write_synthetic_run(tmp_path / "run", Synthetic(problems=1, samples=8))])
    assert [sample.verdict.failure for sample in read.samples["0"]].count("infrastructure") == 1
    assert len(read.passes("0")) == 7


@pytest.mark.parametrize(
    "name", ["problems.jsonl", "references.jsonl", "translations.jsonl", "verdicts.jsonl", "metrics.json"]
)
def test_a_run_that_lacks_a_file_is_not_finished(run: Path, name: str) -> None:
    (run / name).unlink()
    with pytest.raises(UsageError, match=rf"the run is not finished \(it has no {name}\)"):
        read_evaluations([run])


def test_a_run_without_items_is_read(run: Path) -> None:
    (run / "items.jsonl").unlink()
    assert read_evaluations([run])[0].items == {}


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no run of `musl eval`"):
        read_evaluations([tmp_path])


def test_a_translation_without_a_verdict_is_refused(run: Path) -> None:
    path = run / "verdicts.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(UsageError, match="sample 1 of problem 2 is only in one of its files"):
        read_evaluations([run])


def test_a_problem_that_was_not_tried_is_refused(run: Path) -> None:
    for name in ("verdicts.jsonl", "translations.jsonl"):
        lines = (run / name).read_text().splitlines(keepends=True)
        (run / name).write_text("".join(line for line in lines if json.loads(line)["id"] != 1))
    with pytest.raises(UsageError, match=r"problem 1 is only in one of problems\.jsonl and verdicts\.jsonl"):
        read_evaluations([run])


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("verdicts.jsonl", '{"id": 0}\n', "verdicts.jsonl:1: is no EvaluatedRecord (verdict: Field required)"),
        ("problems.jsonl", "nonsense\n", "problems.jsonl:1: is no ProblemRecord"),
        ("metrics.json", "nonsense", "metrics.json: cannot be read"),
        ("metrics.json", "[1]", "metrics.json: cannot be read"),
        ("metrics.json", "{}", "metrics.json: is no MetricsRecord (run: Field required)"),
    ],
)
def test_a_broken_file_is_named_with_its_line(run: Path, name: str, text: str, says: str) -> None:
    (run / name).write_text(text)
    with pytest.raises(UsageError) as error:
        read_evaluations([run])
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_runs_of_equal_names_get_names_of_their_own(tmp_path: Path) -> None:
    paths = [write_synthetic_run(tmp_path / parent / "run", Synthetic(problems=1)) for parent in ("a", "b")]
    assert [run.name for run in read_evaluations(paths)] == ["a/run", "b/run"]
    assert [run.name for run in read_evaluations([paths[0], paths[0]])][1].endswith("(2)")
