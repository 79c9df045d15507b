"""Held-out functions that a model may have seen are found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from data.corpus.row import Row, row_id, write_shard
from musl.loop.resembling import anonymous_key, without_resembling
from musl.loop.source import Source

ADD = "void add(float *a, const float *b, int n)\n{\n    for (int i = 0; i < n; i++)\n        a[i] += b[i] * 7.5f;\n}\n"
SAME = "void f(float *x, const float *y, int m) { for (int k = 0; k < m; k++) x[k] += y[k] * 3.0f; /* ! */ }"
OTHER_TYPE = SAME.replace("float", "double").replace("3.0f", "3.0")
OTHER_OPERATOR = SAME.replace("+=", "-=")


def _row(text: str, language: str = "c") -> Row:
    return Row(row_id(language, text), "function", "c", "f", text, "f", 1, 1, "test")


def test_names_literals_layout_and_comments_do_not_count() -> None:
    assert anonymous_key(ADD, "c") == anonymous_key(SAME, "c")
    assert len({anonymous_key(text, "c") for text in (ADD, OTHER_TYPE, OTHER_OPERATOR)}) == 3


def test_what_is_in_a_corpus_or_came_before_is_left_out(tmp_path: Path) -> None:
    shard = tmp_path / "rows.parquet"
    write_shard([_row(ADD)], shard)
    sources = [Source(name, "c", "f", text) for name, text in (("same", SAME), ("double", OTHER_TYPE))]
    sources += [replace(sources[1], id="double again"), Source("minus", "c", "f", OTHER_OPERATOR)]

    kept, dropped = without_resembling(sources, [shard, shard])

    assert [source.id for source in kept] == ["double", "minus"]
    assert dropped == 2


def test_kernels_of_a_corpus_do_not_count(tmp_path: Path) -> None:
    shard = tmp_path / "rows.parquet"
    write_shard([replace(_row(ADD), language="cuda", kind="kernel")], shard)

    assert without_resembling([Source("same", "c", "f", SAME)], [shard])[1] == 0
