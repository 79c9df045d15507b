"""Artifacts appear whole, come back as they were, and half of a line or of a file is never taken for a whole one."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from data.testcase import TestCase
from musl.errors import UsageError
from musl.loop.calls import read_call, write_call
from musl.loop.folder import LoopFolder, add_line, read_lines, write_whole
from musl.loop.records import Judged, Tested, Translated, read_records, write_records

PIXEL = np.dtype([("r", np.uint8), ("depth", np.float32)], align=True)


def test_records_come_back_as_they_were(tmp_path: Path) -> None:
    rows = [
        Judged("s", "t", "equivalent", "", ("a", "b"), (True, None)),
        Judged("s", "u", "different", "a\u2028b", (), ()),
    ]
    write_records(tmp_path / "rows.parquet", Judged, rows)
    assert read_records(tmp_path / "rows.parquet", Judged) == rows
    write_records(tmp_path / "none.parquet", Tested, [])
    assert read_records(tmp_path / "none.parquet", Tested) == []


def test_a_file_of_other_records_or_half_a_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    write_records(path, Translated, [Translated("s", 0, "model", "text", "id", "", None)])
    with pytest.raises(UsageError, match="holds no Judged rows"):
        read_records(path, Judged)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(UsageError, match="not a whole Parquet file"):
        read_records(path, Translated)


def test_calls_come_back_bit_for_bit() -> None:
    pixels = np.zeros(2, PIXEL)
    pixels["depth"] = [np.nan, -0.0]
    mask = np.array([True, False])
    test = TestCase((np.float32(0.1), pixels, None, np.int8(-3), np.empty(0)), "model", (None, mask, None, None, None))
    back = read_call(write_call(test))
    assert back.id == test.id and back.origin == "model"
    assert [type(a) for a in back.arguments] == [type(a) for a in test.arguments]
    assert write_call(back) == write_call(test)


def test_half_a_line_is_forgotten_and_does_not_spoil_the_next(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    add_line(path, {"number": 1})
    with path.open("a", encoding="utf-8") as file:
        file.write('{"number": 2')  # a kill came here
    add_line(path, {"number": 3})
    assert [line["number"] for line in read_lines(path)] == [1, 3]


def test_a_full_disk_is_one_line_and_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "06_metrics.json"
    write_whole(path, "before")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageError, match=r"06_metrics\.json: cannot be written \(No space left on device\)"):
        write_whole(path, "after")
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no run of `musl loop`"):
        LoopFolder(tmp_path).config()
