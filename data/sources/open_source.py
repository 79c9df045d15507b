"""`open_source`: the stream of documents behind what a person names on the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from data.corpus.errors import DataError
from data.sources.document import Document
from data.sources.folder import SOURCE_SUFFIXES, read_file, read_folder
from data.sources.records import HUB, read_hub, read_jsonl, read_parquet, read_tok
from data.sources.tarball import TARBALL_SUFFIXES, read_tarball

_TABLES = {".parquet": read_parquet, ".jsonl": read_jsonl, ".tok": read_tok}


def open_source(spec: str) -> Iterator[Document]:
    """The documents of a source in an order that depends on nothing but the source.

    `spec` is a folder (also a git checkout, or one that holds a corpus, or only tables), a tarball, a .parquet, .jsonl
    or .tok file, a source file, or `hub:NAME`. DataError where there is no such thing, at once or while it is read.
    """
    if spec.startswith(HUB):
        return read_hub(spec)
    path = Path(spec)
    if path.is_dir():
        tables = _tables_in(path)
        return (document for table in tables for document in open_source(str(table))) if tables else read_folder(path)
    if not path.exists():
        raise DataError(f"{spec}: no such file or folder (a data set of the hub is hub:{spec})")
    if path.name.endswith(TARBALL_SUFFIXES):
        return read_tarball(path)
    if path.suffix in _TABLES:
        return _TABLES[path.suffix](path)
    if path.suffix in SOURCE_SUFFIXES:
        return read_file(path)
    known = " ".join([*TARBALL_SUFFIXES, *_TABLES, *sorted(SOURCE_SUFFIXES)])
    raise DataError(f"{spec}: not a source of code (a folder, hub:NAME, or a file of {known})")


def _tables_in(folder: Path) -> list[Path]:
    """The tables of a folder that holds tables beside other files, but no source file: a corpus or a data set."""
    files = sorted(entry for entry in folder.iterdir() if entry.is_file() and not entry.name.startswith("."))
    if any(file.suffix in SOURCE_SUFFIXES for file in files):
        return []
    return [file for file in files if file.suffix in _TABLES]
