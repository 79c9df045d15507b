"""Tables of source code: Parquet, JSON lines, data sets of the hub (streamed), and BabelTower's .tok files.

Of a record, the text is in the first of TEXT_COLUMNS that it has (`cpp_code` and `cuda_code` are two texts), path and
licence in the first of PATH_COLUMNS and LICENSE_COLUMNS. A record with all columns of a corpus is a row of one.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from data.corpus.errors import DataError, one_line
from data.corpus.row import Row, make_row
from data.sources.document import Document

Record: TypeAlias = Mapping[str, object]

TEXT_COLUMNS = ("content", "text", "code", "func_code_string", "whole_func_string", "func", "c")
PAIR_COLUMNS = (("cpp_code", "cuda_code"), ("cpp", "cuda"), ("c", "cuda"))
PATH_COLUMNS = ("path", "max_stars_repo_path", "file_path", "func_path_in_repository", "filename")
LICENSE_COLUMNS = ("license", "licenses", "max_stars_repo_licenses", "detected_licenses")
HUB = "hub:"
_BATCH = 256
_ROW_COLUMNS = frozenset(field.name for field in fields(Row))


def read_parquet(path: Path) -> Iterator[Document]:
    """The records of a Parquet file, a few hundred in memory at a time; DataError where it is cut off."""
    try:
        with pq.ParquetFile(path) as file:
            columns = [name for name in file.schema_arrow.names if name in _known_columns()]
            number = 0
            for batch in file.iter_batches(batch_size=_BATCH, columns=columns):
                for record in batch.to_pylist():
                    number += 1
                    yield from documents_of(record, path.name, f"{path}: record {number}", number)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path}: not a whole Parquet file ({one_line(error)})") from None


def read_jsonl(path: Path) -> Iterator[Document]:
    """The records of a file of JSON lines; DataError names the line that is none."""
    for number, line in _lines(path):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            raise DataError(f"{path}:{number}: not JSON ({one_line(error)})") from None
        if not isinstance(record, dict):
            raise DataError(f"{path}:{number}: a line is an object with a text in {_one_of_columns()}")
        yield from documents_of(record, path.name, f"{path}:{number}", number)


def read_tok(path: Path) -> Iterator[Document]:
    """BabelTower's format: a function a line, its tokens separated by blanks."""
    for number, line in _lines(path):
        text = line.strip()
        if text:
            yield Document(path.name, path.name, len(text), content=text.encode(), line=number)


def read_hub(spec: str) -> Iterator[Document]:
    """Streams `hub:NAME`, `hub:NAME@CONFIG` or either with `:SPLIT` behind it (default: train) from the Hugging Face
    hub; NAME may be a folder of this machine too. DataError where there is no such set, or no network."""
    import datasets

    name, _, split = spec.removeprefix(HUB).partition(":")
    name, _, config = name.partition("@")
    datasets.disable_progress_bars()
    logging.getLogger("huggingface_hub").setLevel(
        logging.ERROR
    )  # it tells of every try to reach a host that is not there
    try:
        records = datasets.load_dataset(name, config or None, split=split or "train", streaming=True)
        for number, record in enumerate(records, 1):
            yield from documents_of(record, name, f"{spec}: record {number}", number)
    except DataError:
        raise
    # What fails below is a matter of three libraries and the network, whose errors have no common class.
    except Exception as error:  # noqa: BLE001
        raise DataError(
            f"{spec}: cannot be streamed from the hub ({one_line(error)}); check the name, the split and the network"
        ) from None


def documents_of(record: Record, source: str, where: str, number: int) -> Iterator[Document]:
    """The texts of one record; DataError where it has none. `where` names the record in the message."""
    if record.keys() >= _ROW_COLUMNS:
        row = make_row(record, where)
        content = row.text.encode()
        yield Document(row.path, row.source, len(content), content=content, license=row.license, line=row.line, row=row)
        return
    path = _first(record, PATH_COLUMNS) or f"{source}:{number}"
    for column in _text_columns(record, where):
        text = record[column]
        if not isinstance(text, str):
            raise DataError(f"{where}: {column} is not a text")
        content = text.encode("utf-8", "surrogatepass")
        yield Document(path, source, len(content), content=content, license=_first(record, LICENSE_COLUMNS))


def _text_columns(record: Record, where: str) -> tuple[str, ...]:
    for pair in PAIR_COLUMNS:
        if record.keys() >= set(pair):
            return pair
    found = next((column for column in TEXT_COLUMNS if column in record), None)
    if found is None:
        columns = ", ".join(sorted(record)) or "(none)"
        raise DataError(f"{where}: has the columns {columns}; its text must be in {_one_of_columns()}")
    return (found,)


def _first(record: Record, columns: tuple[str, ...]) -> str:
    """The first text among the columns; of a list of licences, all of them."""
    for column in columns:
        value = record.get(column)
        if isinstance(value, str):
            return value
        if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
            return " AND ".join(sorted(value))
    return ""


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    number = 0
    try:
        with path.open(encoding="utf-8", newline="\n") as handle:
            for number, line in enumerate(handle, 1):
                yield number, line
    except UnicodeDecodeError:
        raise DataError(f"{path}: not UTF-8 text after line {number}; convert it first (iconv -t UTF-8)") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({one_line(error)})") from None


def _known_columns() -> frozenset[str]:
    pairs = {column for pair in PAIR_COLUMNS for column in pair}
    return _ROW_COLUMNS | pairs | {*TEXT_COLUMNS, *PATH_COLUMNS, *LICENSE_COLUMNS}


def _one_of_columns() -> str:
    return f"one of the columns {', '.join(TEXT_COLUMNS)}, cpp_code and cuda_code"
