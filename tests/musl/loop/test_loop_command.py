"""`musl loop`, `musl loop --status` and `musl report` of a loop's folder, as the shell sees them."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import pytest
import yaml
from loop_runs import FinishedRun, MakeConfig

from musl.loop.folder import METRICS, VERDICTS, LoopFolder
from musl.loop.status import STAGES, LoopStatus, loop_status
from musl.loop_command import loop_of_file, run_loop_command, run_status_command
from musl.report.loop_figures import loop_pairs, read_loops
from musl.report.loop_page import render_loops
from musl.report_command import run_report


def _ignore(number: int, stage: str, done: int, of: int) -> None:
    pass


def test_status_of_a_finished_run(finished: FinishedRun, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_status_command(finished.folder.path, json=False) == 0
    printed = capsys.readouterr().out
    assert "finished: 2 rounds after the seed" in printed
    assert all(f"round {number}: translate" in printed for number in range(3))
    assert run_status_command(finished.folder.path, json=True) == 0
    status = json.loads(capsys.readouterr().out)
    assert (status["running"], status["stage"], status["seconds_left"]) == (False, "", 0.0)


def test_status_of_a_run_that_was_killed_says_where_and_how_long(
    finished: FinishedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(finished.folder.path, tmp_path / "run")
    folder = LoopFolder(tmp_path / "run")
    for name in (VERDICTS, METRICS):
        folder.round(2).artifact(name).unlink()
    status = loop_status(folder.path)
    assert (status.round, status.stage, status.running) == (2, "verify", False)
    taken = status.seconds
    means = [(taken[1][stage] + taken[2][stage]) / 2 for stage in ("verify", "measure")]
    assert status.left == pytest.approx(sum(means)) and status.so_far == 0.0
    for had, left in ((means[0] / 4, means[0] * 3 / 4 + means[1]), (means[0] + 5400, means[1])):
        note = {"round": 2, "stage": "verify", "seconds": had}
        folder.stage_in_hand.write_text(json.dumps(note), encoding="utf-8")
        status = loop_status(folder.path)
        assert (status.so_far, status.left) == (had, pytest.approx(left))
    assert run_status_command(folder.path, json=False) == 0
    assert "round 2 of 2, verify (1:30:" in capsys.readouterr().out
    with folder.lock():
        assert loop_status(folder.path).running


@pytest.mark.parametrize(
    ("stage", "work", "where"),
    [
        ("verify", "verdicts", "verify, verdicts 3 of 9"),
        ("train", "train translator", "train translator 3 of 9"),
        ("measure", "measure", "measure 3 of 9"),
    ],
)
def test_status_says_how_far_the_stage_in_hand_is(
    finished: FinishedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str], stage: str, work: str, where: str
) -> None:
    shutil.copytree(finished.folder.path, tmp_path / "run")
    folder = LoopFolder(tmp_path / "run")
    for name in list(STAGES.values())[list(STAGES).index(stage) :]:
        path = folder.round(2).artifact(name)
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    note = {"round": 2, "stage": stage, "seconds": 60.0, "work": work, "done": 3, "of": 9}
    folder.stage_in_hand.write_text(json.dumps(note), encoding="utf-8")
    assert run_status_command(folder.path, json=False) == 0
    assert f"round 2 of 2, {where} (1:00 so far): not running" in capsys.readouterr().out
    assert run_status_command(folder.path, json=True) == 0
    status = json.loads(capsys.readouterr().out)
    assert (status["work"], status["done"], status["of"]) == (work, 3, 9)


def test_what_no_round_has_shown_yet_is_counted_from_below(
    finished: FinishedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Round 0 translates, judges and learns from little; its figures are taken as the others' are."""
    shutil.copytree(finished.folder.path, tmp_path / "run")
    folder = LoopFolder(tmp_path / "run")
    for number in (1, 2):
        shutil.rmtree(folder.path / f"round-{number:02d}")
    times = {"translate": 5.0, "verify": 4.0, "triplets": 3.0, "train": 20.0, "measure": 100.0}

    def status_after(lines: list[dict[str, object]]) -> LoopStatus:
        folder.progress.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
        return loop_status(folder.path)

    seed: list[dict[str, object]] = [{"round": 0, "stage": stage, "seconds": taken} for stage, taken in times.items()]
    status = status_after(seed)
    assert (status.left, status.left_at_least) == (None, 2 * sum(times.values()))
    assert run_status_command(folder.path, json=False) == 0
    assert "time left: at least 4:24" in capsys.readouterr().out
    later: list[dict[str, object]] = [
        {"round": 1, "stage": stage, "seconds": 1000.0} for stage in times if stage != "measure"
    ]
    status = status_after(seed + later)
    assert status.left == status.left_at_least == 2 * (4 * 1000.0 + times["measure"])
    status = status_after([])
    assert (status.left, status.left_at_least) == (None, 0.0)
    assert run_status_command(folder.path, json=False) == 0
    assert "time left: not known yet" in capsys.readouterr().out


def test_a_folder_without_a_run_and_a_broken_config_are_one_line_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_status_command(tmp_path, json=False) == 2
    (tmp_path / "loop.yaml").write_text("rounds: three", encoding="utf-8")
    config = tmp_path / "loop.yaml"

    def loop(**keywords: object) -> list[object]:
        return list(loop_of_file(config, unsafe_no_sandbox=False, on_progress=_ignore))

    assert run_loop_command(loop, json=False) == 2  # type: ignore[arg-type]
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and "loop.json" in lines[0] and "loop.yaml: " in lines[1] and "rounds: " in lines[1]


def test_a_model_that_is_not_there_is_one_line(
    make_config: MakeConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = {"translator": str(tmp_path / "absent"), "tester": str(tmp_path / "absent")}
    config = make_config(tmp_path / "run", models=models, seed_pairs={"pairs": "none", "c": []})
    path = tmp_path / "loop.yaml"
    path.write_text(yaml.safe_dump(config.model_dump(mode="json")), encoding="utf-8")

    def loop(**keywords: object) -> list[object]:
        return list(loop_of_file(path, unsafe_no_sandbox=False, on_progress=_ignore))

    assert run_loop_command(loop, json=False) == 2  # type: ignore[arg-type]
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and str(tmp_path / "absent") in line


def test_a_report_has_every_figure_of_every_round(
    finished: FinishedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_report([finished.folder.path], tmp_path / "page.html") == 0
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count('<svg class="chart"') >= 5 and "C to CUDA: Pass@1" in page and "<script" not in page
    capsys.readouterr()
    assert run_report([finished.folder.path], None, csv=True) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    valid = [row for row in rows if row["metric"] == "Tests: valid"]
    assert [float(row["value"]) for row in valid] == [one.tester.valid.value for one in finished.metrics]


def test_two_runs_are_compared_function_by_function(finished: FinishedRun, tmp_path: Path) -> None:
    shutil.copytree(finished.folder.path, tmp_path / "other")
    loops = read_loops([finished.folder.path, tmp_path / "other"])
    (pair,) = loop_pairs(loops)
    assert pair.number == 2 and {row.figure for row in pair.differences} == {"C to CUDA: Pass@1", "CUDA to C: Pass@1"}
    assert "run minus other, round 2" in render_loops(loops)


def test_runs_of_eval_and_of_the_loop_do_not_mix(
    finished: FinishedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_report([finished.folder.path, tmp_path], tmp_path / "page.html") == 2
    assert "reports of their own" in capsys.readouterr().err
