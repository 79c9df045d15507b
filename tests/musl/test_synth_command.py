"""`musl data synth`: a corpus from a seed, the same bytes again, and one line where something does not fit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from data.corpus.row import read_rows
from data.synthesis.synthesize import FAMILIES, synthesize

MUSL = [sys.executable, "-c", "from musl.cli import main; main()"]


def synth(*arguments: object) -> subprocess.CompletedProcess[str]:
    argv = [*MUSL, "data", "synth", *map(str, arguments)]
    return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)


def test_a_corpus_holds_the_rows_of_the_seed_and_comes_out_the_same_again(tmp_path: Path) -> None:
    options = ("30", "--language", "cuda", "--seed", "7", "--rows-per-shard", "20")
    runs = [synth(*options, "-o", tmp_path / name) for name in ("one", "two")]
    assert [run.returncode for run in runs] == [0, 0], runs[0].stderr
    assert "30 rows in 2 shards" in runs[0].stdout
    assert list(read_rows(tmp_path / "one")) == list(synthesize(30, 7, "cuda"))
    for shard in (tmp_path / "one").iterdir():
        assert shard.read_bytes() == (tmp_path / "two" / shard.name).read_bytes()


def test_the_families_are_listed(tmp_path: Path) -> None:
    listed = synth("--list")
    assert [line.split()[0] for line in listed.stdout.splitlines()] == sorted(FAMILIES)


def test_what_does_not_fit_is_one_line_and_status_2(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    assert synth("3", "-o", taken).returncode == 0
    kept = {file.name: file.read_bytes() for file in taken.iterdir()}
    for arguments, words in (
        (("3", "-o", tmp_path / "a", "--family", "nonsense"), "no family nonsense"),
        (("3", "-o", tmp_path / "a", "--language", "fortran"), "choose c or cuda"),
        (("3", "-o", taken), "holds a corpus already"),
        (("3", "-o", "/proc/nowhere"), "cannot be written"),
    ):
        run = synth(*arguments)
        assert run.returncode == 2, arguments
        assert words in run.stderr and len(run.stderr.strip().splitlines()) == 1, run.stderr
    assert {file.name: file.read_bytes() for file in taken.iterdir()} == kept
