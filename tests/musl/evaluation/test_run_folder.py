"""The folder of a run holds what was finished, whatever ended the run, and nothing of another one."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from benchmark import RUN

from musl.errors import UsageError
from musl.evaluation.records import TranslationRecord
from musl.evaluation.run_folder import RunFolder, read_run
from musl.journal import Journal, Key

KEYS: list[Key] = [("0", 0), ("0", 1), ("1", 0), ("1", 1)]
TEXT = "// one\u2028two\x85three\x0bfour\r\n__global__ void k() {}\n"


class Killed(Exception):
    """Stands for whatever ends a run."""


def write(
    asked: list[Key], waiting: Sequence[Key], *, until: int = 99, text: Callable[[Key], str] = lambda key: TEXT
) -> Iterator[TranslationRecord]:
    """Work that notes what it was asked for, and ends early."""
    for count, key in enumerate(waiting):
        if count == until:
            raise Killed
        asked.append(key)
        yield TranslationRecord(id=int(key[0]), sample=key[1], cuda=text(key))


def test_a_run_that_ended_early_goes_on_where_it_stood(tmp_path: Path) -> None:
    asked: list[Key] = []
    with pytest.raises(Killed):
        RunFolder(tmp_path, RUN).complete("t.jsonl", TranslationRecord, KEYS, functools.partial(write, asked, until=3))
    assert asked == KEYS[:3]
    assert not (tmp_path / "t.jsonl").exists()
    records = RunFolder(tmp_path, RUN).complete("t.jsonl", TranslationRecord, KEYS, functools.partial(write, asked))
    assert asked == KEYS
    assert [(str(record.id), record.sample) for record in records] == KEYS
    assert {record.cuda for record in records} == {TEXT}
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("t.")] == ["t.jsonl"]


def test_a_finished_file_is_read_and_nothing_is_done_again(tmp_path: Path) -> None:
    asked: list[Key] = []
    for _ in range(3):
        folder = RunFolder(tmp_path, RUN)
        records = folder.complete("t.jsonl", TranslationRecord, KEYS, functools.partial(write, asked))
        assert len(records) == len(KEYS)
    assert asked == KEYS


def test_a_line_that_a_kill_cut_off_is_done_again_and_no_other(tmp_path: Path) -> None:
    asked: list[Key] = []
    with pytest.raises(Killed):
        RunFolder(tmp_path, RUN).complete("t.jsonl", TranslationRecord, KEYS, functools.partial(write, asked, until=3))
    partial = tmp_path / "t.jsonl.partial"
    partial.write_bytes(partial.read_bytes()[:-20])
    again: list[Key] = []
    RunFolder(tmp_path, RUN).complete("t.jsonl", TranslationRecord, KEYS, functools.partial(write, again))
    assert again == KEYS[2:]


def test_records_come_in_the_order_of_the_keys_whatever_the_order_of_the_work(tmp_path: Path) -> None:
    records = RunFolder(tmp_path, RUN).complete(
        "t.jsonl", TranslationRecord, KEYS, lambda waiting: write([], list(reversed(waiting)))
    )
    assert [(str(record.id), record.sample) for record in records] == KEYS


def test_what_does_not_last_is_tried_again(tmp_path: Path) -> None:
    asked: list[Key] = []
    work = functools.partial(write, asked, text=lambda key: "" if key[1] else TEXT)
    for _ in range(2):
        RunFolder(tmp_path, RUN).complete("t.jsonl", TranslationRecord, KEYS, work, lambda record: record.cuda != "")
    assert asked == [*KEYS, ("0", 1), ("1", 1)]


def test_the_journal_of_other_settings_says_nothing(tmp_path: Path) -> None:
    record = TranslationRecord(id=0, cuda=TEXT)
    with Journal(tmp_path / "t.jsonl", {"seed": 0}, TranslationRecord) as journal:
        journal.add(record)
    with Journal(tmp_path / "t.jsonl", {"seed": 0}, TranslationRecord) as journal:
        assert journal.known == {("0", 0): record}
    with Journal(tmp_path / "t.jsonl", {"seed": 1}, TranslationRecord) as journal:
        assert journal.known == {}


HOLD = """
import sys, time
from pathlib import Path
from musl.evaluation.records import TranslationRecord
from musl.journal import Journal
with Journal(Path(sys.argv[1]), {}, TranslationRecord) as journal:
    journal.add(TranslationRecord(id=0, cuda="kept"))
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_run_with_the_same_output_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    out = tmp_path / "t.jsonl"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(out)], stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None and first.stdout.readline() == "held\n"
        with pytest.raises(UsageError, match=r"t\.jsonl: another run writes there"):
            Journal(out, {}, TranslationRecord).__enter__()
        first.kill()
        first.wait()
    with Journal(out, {}, TranslationRecord) as journal:
        assert [record.cuda for record in journal.known.values()] == ["kept"]


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"seed": 1}, "seed"),
        ({"harness": "reference"}, "harness"),
        ({"samples": 5, "mutants": 5}, "samples, mutants"),
        ({"digest": "1" * 64}, "digest"),
        ({"device": "gpu"}, "device"),
    ],
)
def test_a_folder_of_another_run_is_refused(tmp_path: Path, changed: dict[str, object], named: str) -> None:
    RunFolder(tmp_path, RUN)
    with pytest.raises(UsageError) as raised:
        RunFolder(tmp_path, RUN.model_copy(update=changed))
    assert str(raised.value) == f"{tmp_path}: holds a run with another {named}; choose another folder"
    assert read_run(tmp_path) == RUN


def test_a_run_may_go_on_elsewhere_and_keeps_what_it_began_with(tmp_path: Path) -> None:
    RunFolder(tmp_path, RUN)
    later = RUN.model_copy(update={"started": "2027-01-01T00:00:00+00:00", "machine": "two", "commit": "abc"})
    assert RunFolder(tmp_path, later).run == RUN
    assert read_run(tmp_path) == RUN


def test_a_folder_that_cannot_be_one_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("", encoding="utf-8")
    with pytest.raises(UsageError, match="file: cannot be made"):
        RunFolder(file, RUN)
    (tmp_path / "run.json").write_text("{", encoding="utf-8")
    with pytest.raises(UsageError, match=r"holds no run of `musl eval` \(its run.json cannot be read\)"):
        RunFolder(tmp_path, RUN)
