"""Every kind of source gives its texts, and what cannot be read is one line."""

from __future__ import annotations

import json
import subprocess
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.corpus.errors import DataError
from data.corpus.row import Row, row_id, write_shards
from data.sources.document import Document
from data.sources.open_source import open_source

MIT = "Permission is hereby granted, free of charge, to any person obtaining a copy\n"
FILES = {
    "LICENSE": MIT,
    "README.md": "words",
    "src/b.c": "int b;\n",
    "src/a.cu": "int a;\n",
    "lib/COPYING": "GNU LESSER GENERAL PUBLIC LICENSE\n   Version 2.1, February 1999",
    "lib/z.h": "int z;\n",
}


def _tree(folder: Path) -> Path:
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def _told(spec: str | Path) -> list[tuple[str, str, str]]:
    return [(document.path, document.read().decode(), document.license) for document in open_source(str(spec))]


TOLD = [
    ("lib/z.h", "int z;\n", "LGPL-2.1"),
    ("src/a.cu", "int a;\n", "MIT"),
    ("src/b.c", "int b;\n", "MIT"),
]


def test_a_folder_gives_its_source_files_by_name_with_the_nearest_licence(tmp_path: Path) -> None:
    tree = _tree(tmp_path / "tree")
    (tree / "src" / "link.c").symlink_to("b.c")
    assert _told(tree) == TOLD


def test_a_checkout_gives_what_git_tracks(tmp_path: Path) -> None:
    tree = _tree(tmp_path / "tree")
    subprocess.run(["git", "init", "-q", tree], check=True)
    subprocess.run(["git", "-C", tree, "add", "src", "LICENSE"], check=True)
    (tree / "src" / "build.c").write_text("int made;\n")
    assert _told(tree) == TOLD[1:]


@pytest.mark.parametrize("mode", ["w:gz", "w:xz", "w"])
def test_a_tarball_is_streamed(tmp_path: Path, mode: str) -> None:
    tree = _tree(tmp_path / "tree")
    path = tmp_path / f"t.tar{mode[1:].replace(':', '.')}"
    with tarfile.open(path, mode) as archive:
        for name in ("src", "lib", "LICENSE"):  # the licence comes last
            archive.add(tree / name, name)
    assert sorted(_told(path)) == TOLD


def test_half_a_tarball_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.tar.gz"
    (tmp_path / "big.c").write_text("".join(f"int v{number * 7919};\n" for number in range(50_000)))
    with tarfile.open(path, "w:gz") as archive:
        archive.add(tmp_path / "big.c", "big.c")
    path.write_bytes(path.read_bytes()[:30_000])
    with pytest.raises(DataError, match=r"t\.tar\.gz: not a whole tarball"):
        _told(path)


RECORDS = [
    {"content": "int a;", "max_stars_repo_path": "x/a.c", "max_stars_repo_licenses": ["MIT", "Apache-2.0"]},
    {"content": "int b;", "max_stars_repo_path": "x/b.c", "max_stars_repo_licenses": ["MIT"]},
]
RECORDS_TOLD = [("x/a.c", "int a;", "Apache-2.0 AND MIT"), ("x/b.c", "int b;", "MIT")]


def test_tables_give_the_text_path_and_licence_of_each_record(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(RECORDS), tmp_path / "t.parquet")
    (tmp_path / "t.jsonl").write_text("\n".join(json.dumps(record) for record in RECORDS) + "\n\n")
    assert _told(tmp_path / "t.parquet") == RECORDS_TOLD
    assert _told(tmp_path / "t.jsonl") == RECORDS_TOLD
    assert _told(tmp_path) == RECORDS_TOLD * 2


def test_a_benchmark_of_pairs_gives_both_sides(tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_text(json.dumps({"cpp_code": "int c;", "cuda_code": "int k;", "cuda_wrapper": "x"}))
    assert [text for _, text, _ in _told(tmp_path / "b.jsonl")] == ["int c;", "int k;"]


def test_a_tok_file_gives_a_function_a_line(tmp_path: Path) -> None:
    (tmp_path / "c.tok").write_text("void f ( ) { }\nvoid g ( ) { }\n")
    documents = list(open_source(str(tmp_path / "c.tok")))
    assert [(document.line, document.read()) for document in documents] == [
        (1, b"void f ( ) { }"),
        (2, b"void g ( ) { }"),
    ]


def test_a_corpus_is_a_source_whose_rows_stay_rows(tmp_path: Path) -> None:
    row = Row(row_id("c", "int f;"), "function", "c", "f", "int f;", "a.c", 7, 7, "made", family="sum")
    write_shards([row], tmp_path)
    (document,) = open_source(str(tmp_path))
    assert isinstance(document, Document)
    assert document.row == row


def test_a_data_set_of_the_hub_is_streamed_from_a_folder_of_this_machine(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text("\n".join(json.dumps(record) for record in RECORDS))
    assert _told(f"hub:{tmp_path}") == RECORDS_TOLD
    with pytest.raises(DataError, match="cannot be streamed from the hub"):
        _told(f"hub:{tmp_path}:nosuchsplit")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.jsonl", b'{"content": "int a;"}\n{"content": \n', r"t\.jsonl:2: not JSON"),
        ("t.jsonl", b'{"content": "int a;"}\n\xff\xfe\n', r"t\.jsonl: not UTF-8 text"),
        ("t.jsonl", b'{"words": "int a;"}\n', r"t\.jsonl:1: has the columns words; its text must be in"),
        ("t.jsonl", b'{"content": 3}\n', r"t\.jsonl:1: content is not a text"),
        ("t.parquet", b"PAR1 and no more", r"t\.parquet: not a whole Parquet file"),
        ("t.tar.gz", b"no tarball", r"t\.tar\.gz: not a whole tarball"),
        ("t.zip", b"", r"t\.zip: not a source of code"),
    ],
)
def test_what_cannot_be_read_is_one_line(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        _told(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_source_that_is_not_there_is_one_line() -> None:
    with pytest.raises(DataError, match=r"nosuch: no such file or folder \(a data set of the hub is hub:nosuch\)"):
        open_source("nosuch")
