"""A batch of documents: mined and cleaned by one worker, kept as one file until the corpus is whole."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from data.corpus.clean import Cleaning, CompileCheck, file_fault, row_fault
from data.corpus.counts import Counts
from data.corpus.errors import DataError, one_line
from data.corpus.files import replacing
from data.corpus.language import parse
from data.corpus.mine import Mined, mine
from data.corpus.near import signature
from data.corpus.row import SCHEMA, Row, make_row, row_table
from data.sources.document import Document

# Small enough that a kill loses little and memory stays low, large enough that its costs do not count.
BATCH_BYTES, BATCH_DOCUMENTS = 4 << 20, 512
_SIGNATURE = "signature"
_STAMP, _COUNTS = b"musl.stamp", b"musl.counts"
_GROUP = 500


@dataclass(frozen=True)
class Batch:
    """Documents in order, and what is done with them. `stamp` changes where one of the documents does."""

    number: int
    documents: tuple[Document, ...]
    cleaning: Cleaning
    compiles: CompileCheck | None = None

    @property
    def stamp(self) -> str:
        digest = hashlib.sha256()
        for document in self.documents:
            digest.update(document.stamp())
        return digest.hexdigest()

    def loaded(self) -> Batch:
        """The same with the bytes of all files in it."""
        return replace(self, documents=tuple(document.loaded() for document in self.documents))


@dataclass(frozen=True)
class CleanBatch:
    """What a worker made of a batch: a Parquet file, as bytes, of rows and their signatures, with its counts."""

    number: int
    parquet: bytes

    def write(self, path: Path) -> None:
        """Writes the file, whole or not at all. DataError where the disk refuses."""
        with replacing(path) as temporary:
            temporary.write_bytes(self.parquet)


def make_batches(documents: Iterable[Document], cleaning: Cleaning, compiles: CompileCheck | None) -> Iterator[Batch]:
    """Documents as batches of at most BATCH_DOCUMENTS, closed when they reach BATCH_BYTES."""
    waiting: list[Document] = []
    size = number = 0
    for document in documents:
        waiting.append(document)
        size += min(document.size, cleaning.max_file_bytes)
        if size >= BATCH_BYTES or len(waiting) == BATCH_DOCUMENTS:
            yield Batch(number, tuple(waiting), cleaning, compiles)
            number, waiting, size = number + 1, [], 0
    if waiting:
        yield Batch(number, tuple(waiting), cleaning, compiles)


def clean_batch(batch: Batch) -> CleanBatch:
    """Mines and cleans a batch. DataError where one of its files cannot be read."""
    counts = Counts()
    rows: list[Row] = []
    for document in batch.documents:
        for row in _rows_of(document, batch.cleaning, counts):
            fault = row_fault(row, batch.cleaning)
            if fault:
                counts.row_drops[fault] += 1
            else:
                rows.append(row)
    if batch.compiles is not None:
        rows = _compiling(rows, batch.compiles, counts)
    counts.rows = len(rows)
    counts.check()
    return CleanBatch(batch.number, _parquet(rows, counts, batch.stamp))


def batch_stamp(path: Path) -> str:
    """The stamp of the batch that a file was made from, "" where there is no whole file."""
    try:
        metadata = pq.read_schema(path).metadata or {}
    except (OSError, pa.ArrowException):
        return ""
    stamp: bytes = metadata.get(_STAMP, b"")
    return stamp.decode()


def batch_counts(path: Path) -> Counts:
    """The counts of a batch's file."""
    return Counts.from_json(pq.read_schema(path).metadata[_COUNTS].decode())


def batch_rows(path: Path | BytesIO) -> Iterator[tuple[Row, bytes]]:
    """The rows of a batch's file and their signatures; DataError where it cannot be read any more."""
    try:
        with pq.ParquetFile(path) as file:
            for records in file.iter_batches(batch_size=_GROUP):
                for record in records.to_pylist():
                    yield make_row(record, str(path)), record[_SIGNATURE]
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path}: cannot be read ({one_line(error)})") from None


def _rows_of(document: Document, cleaning: Cleaning, counts: Counts) -> Iterator[Row]:
    """The rows of a document of the kinds that are wanted, counted as coming in."""
    counts.files_in += 1
    counts.bytes_in += document.size
    content = b"" if document.size > cleaning.max_file_bytes else document.read()
    fault = file_fault(content, document.size, cleaning)
    if fault:
        counts.file_drops[fault] += 1
        return
    counts.files += 1
    content = content.removeprefix(b"\xef\xbb\xbf")
    mined = _mined(document, content, cleaning)
    counts.languages[mined.language] += 1
    counts.apis.update(mined.apis)
    wanted = [row for row in mined.rows if row.kind in cleaning.kinds]
    broken = mined.broken if {"function", "kernel"} & set(cleaning.kinds) else 0
    counts.rows_in += len(wanted) + broken
    counts.row_drops.update({"does_not_parse": broken} if broken else {})
    yield from wanted


def _mined(document: Document, content: bytes, cleaning: Cleaning) -> Mined:
    row = document.row
    if row is None:
        return mine(document, content, content.decode(), whole_file="file" in cleaning.kinds)
    whole = row.kind == "file" or not parse(row.language, content).root_node.has_error
    return Mined(row.language, row.apis, (row,) if whole else (), int(not whole))


def _compiling(rows: list[Row], compiles: CompileCheck, counts: Counts) -> list[Row]:
    """The rows that compile, each with the definitions that it needs for it."""
    kept: list[Row] = []
    for row, lacking in zip(rows, compiles(rows), strict=True):
        if lacking is None:
            counts.row_drops["does_not_compile"] += 1
        else:
            kept.append(replace(row, types="\n".join(filter(None, (lacking, row.types)))) if lacking else row)
    return kept


def _parquet(rows: list[Row], counts: Counts, stamp: str) -> bytes:
    signatures = pa.array([signature(row.text) for row in rows], pa.binary())
    table = row_table(rows).append_column(pa.field(_SIGNATURE, pa.binary()), signatures)
    table = table.replace_schema_metadata({_STAMP: stamp.encode(), _COUNTS: counts.to_json().encode()})
    assert table.schema.names[:-1] == SCHEMA.names
    out = BytesIO()
    pq.write_table(table, out, compression="zstd", row_group_size=_GROUP)
    return out.getvalue()
