"""Rows keep what they hold on the way through shards, and half a file is one line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from data.corpus.errors import DataError
from data.corpus.row import SCHEMA, Row, read_rows, row_id, write_shards

ROW = Row(
    *(row_id("c", "int f;"), "function", "c", "f", "int f;", "a/b.c", 3, 4, "tree"),
    license="MIT",
    includes=("<math.h>", '"own.h"'),
    types="typedef int t;",
    apis=("openmp",),
)


def _rows(count: int) -> list[Row]:
    return [replace(ROW, name=f"f{number}", line=number + 1) for number in range(count)]


def test_rows_come_back_as_they_were_in_order(tmp_path: Path) -> None:
    rows = _rows(2503)
    shards = write_shards(rows, tmp_path / "corpus", rows_per_shard=1000)
    assert [shard.name for shard in shards] == ["part-00000.parquet", "part-00001.parquet", "part-00002.parquet"]
    assert list(read_rows(tmp_path / "corpus")) == rows
    assert list(read_rows(shards[2])) == rows[2000:]


def test_the_same_rows_make_the_same_bytes(tmp_path: Path) -> None:
    (first,) = write_shards(_rows(50), tmp_path / "a")
    (second,) = write_shards(iter(_rows(50)), tmp_path / "b")
    assert first.read_bytes() == second.read_bytes()


def test_a_corpus_of_no_rows_is_one_empty_shard(tmp_path: Path) -> None:
    assert len(write_shards([], tmp_path)) == 1
    assert list(read_rows(tmp_path)) == []


def test_half_a_shard_is_refused_in_one_line(tmp_path: Path) -> None:
    (shard,) = write_shards(_rows(50), tmp_path)
    shard.write_bytes(shard.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"part-00000\.parquet: not a whole Parquet file") as caught:
        list(read_rows(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_table_of_something_else_is_refused(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"text": ["int f;"]}), tmp_path / "part-00000.parquet")
    with pytest.raises(DataError, match="has no column id, kind"):
        list(read_rows(tmp_path))


def test_an_id_takes_blanks_as_one_and_languages_apart() -> None:
    assert row_id("c", "int  f;\n") == row_id("c", " int f;")
    assert row_id("c", "int f;") != row_id("c++", "int f;")
    assert row_id("c", "int f;") != row_id("c", "intf;")
    assert len(row_id("c", "")) == 32
    assert SCHEMA.names[0] == "id"
