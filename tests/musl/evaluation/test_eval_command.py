"""`musl eval` as a user has it: what it prints, what it writes, and one line for what it cannot do."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from benchmark import SCALE, SQUARE, drop_in, write_benchmark, write_lines

PUBLISHED = ("bleu", "codebleu", "compile_pass", "pass@1", "pass@5", "pass@10")


def musl_eval(*arguments: object, timeout: float = 200) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-c", "from musl.cli import main; main()", "eval", *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, timeout=timeout, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a benchmark of two problems, a file of translations, and a finished run on them."""
    path = tmp_path_factory.mktemp("command")
    write_benchmark(path, only=[SCALE, SQUARE])
    wrong = drop_in("if (i < n) a[i] = s + a[i];")
    lines = [{"id": 0, "sample": 0, "cuda": drop_in()}, {"id": 0, "sample": 1, "cuda": wrong}, {"id": 1, "cuda": "no"}]
    write_lines(path / "given.jsonl", lines)
    return path


@pytest.fixture(scope="module")
def finished(folder: Path) -> subprocess.CompletedProcess[str]:
    """The command's end on that run, printed as text."""
    asked = ("--translations", folder / "given.jsonl", "--tests", 0, "--jobs", 2, "--device", "emulator")
    return musl_eval(folder / "benchmark.jsonl", "--out", folder / "run", *asked)


def test_the_figures_are_printed_with_their_intervals(finished: subprocess.CompletedProcess[str], folder: Path) -> None:
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr == ""
    text = " ".join(finished.stdout.split())
    assert "benchmark.jsonl, c2cuda, harness own: given.jsonl (" in text
    assert "2 samples a problem (emulator)" in text
    assert "all 2 1 sound ones" in text
    assert "Pass@1 25.00 [0.0, 50.0]" in text
    assert "Pass@5" not in text
    assert "not passed: 1 parse, 1 wrong" in text
    assert f"wrote {folder / 'run'}" in text


@pytest.mark.usefixtures("finished")
def test_json_prints_the_published_names(folder: Path) -> None:
    asked = ("--translations", folder / "given.jsonl", "--tests", 0, "--device", "emulator", "--json")
    done = musl_eval(folder / "benchmark.jsonl", "--out", folder / "run", *asked)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (folder / "run" / "metrics.json").read_text(encoding="utf-8")
    metrics = json.loads(done.stdout)
    assert all({"value", "low", "high"} <= set(metrics[name]) for name in PUBLISHED)
    assert metrics["pass@1"]["value"] == 25.0
    assert metrics["pass@5"]["value"] is None and "needs 5 samples" in metrics["pass@5"]["why"]
    assert metrics["all"]["problems"] == 2 and metrics["sound"]["problems"] == 1


@pytest.mark.usefixtures("finished")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent.jsonl"], "absent.jsonl: cannot be read (No such file or directory)"),
        (["given.jsonl"], "given.jsonl:1: it has no cpp_code, cuda_code"),
        (["benchmark.jsonl", "--id", "9"], "there is no problem with the id 9"),
        (["benchmark.jsonl", "--device", "tpu"], "choose auto, emulator or gpu"),
        (["benchmark.jsonl", "--translator", "/no/model"], "/no/model: no such folder"),
        (["benchmark.jsonl", "--direction", "cuda2c"], "the analytic Translator writes CUDA only"),
        (["benchmark.jsonl", "--translations", "absent.jsonl"], "absent.jsonl: cannot be read"),
        (["benchmark.jsonl", "--translations", "benchmark.jsonl"], "benchmark.jsonl:1: a line is an object with"),
        (["benchmark.jsonl", "--translations", "twice.jsonl"], "twice.jsonl:2: problem 0, sample 0 is there twice"),
        (["benchmark.jsonl", "--translations", "less.jsonl"], "less.jsonl: has no translation of problem 1"),
        (["benchmark.jsonl", "--translations", "other.jsonl"], "other.jsonl:1: the benchmark has no problem 5"),
        (["benchmark.jsonl", "--translations", "text.txt"], "text.txt:1: not JSON"),
        (["benchmark.jsonl", "--out", "run"], "run: holds a run with another translator, samples, tests; choose"),
        (["benchmark.jsonl", "--out", "given.jsonl"], "given.jsonl: cannot be made (File exists)"),
    ],
)
def test_wrong_usage_is_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(folder)
    write_lines(folder / "twice.jsonl", [{"id": 0, "cuda": "a"}, {"id": 0, "cuda": "a"}])
    write_lines(folder / "less.jsonl", [{"id": 0, "cuda": "a"}])
    write_lines(folder / "other.jsonl", [{"id": 5, "cuda": "a"}])
    (folder / "text.txt").write_text("some text\n", encoding="utf-8")
    device = [] if "--device" in arguments else ["--device", "emulator"]
    done = musl_eval(*([] if "--out" in arguments else ["--out", "none"]), *device, *arguments)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert message in done.stderr
    assert done.stdout == ""
    assert not (folder / "none").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--harness", "mine"], "--harness mine: choose reference or own"),
        (["--direction", "c2c"], "--direction c2c: choose c2cuda or cuda2c"),
        (["--samples", "0"], "--samples"),
        (["--jobs", "none"], "--jobs"),
    ],
)
def test_an_option_that_is_none_is_named(folder: Path, arguments: list[str], message: str) -> None:
    done = musl_eval(folder / "benchmark.jsonl", "--out", folder / "none", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_the_folder_has_to_be_said(folder: Path) -> None:
    done = musl_eval(folder / "benchmark.jsonl")
    assert done.returncode == 2 and "--out" in done.stderr


def test_help_names_the_options() -> None:
    done = musl_eval("--help")
    assert done.returncode == 0
    for option in ("--harness", "--direction", "--translations", "--samples", "--serial-kernels", "--json", "--out"):
        assert option in done.stdout
    assert "Exit status: 0" in done.stdout
