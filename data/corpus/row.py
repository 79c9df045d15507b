"""`Row`: one function, kernel or file of a corpus, and the Parquet shards that hold rows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import islice
from pathlib import Path
from typing import Literal, TypeAlias, cast

import pyarrow as pa
import pyarrow.parquet as pq

from data.corpus.errors import DataError, one_line
from data.corpus.files import replacing
from data.function import Language

Kind: TypeAlias = Literal["function", "kernel", "file"]

KINDS: tuple[Kind, ...] = ("function", "kernel", "file")
LANGUAGES: tuple[Language, ...] = ("c", "c++", "cuda")
ROWS_PER_SHARD = 20_000
# Rows of one row group: what a reader holds in memory at a time.
_ROWS_PER_GROUP = 1_000


@dataclass(frozen=True)
class Row:
    """One piece of source code.

    `id` is `row_id(language, text)`. `line` and `end_line` count from 1 in the file `path` of the source `source`;
    `license` is an SPDX name ("" unknown), `includes` the operands of the file's include lines with their quotes or
    brackets, `types` the definitions that the text needs ("" none). A kernel has in `host` the code that launches it.
    `apis` names the parallel interfaces seen in it; `family` is set where the row is synthesized.
    """

    id: str
    kind: Kind
    language: Language
    name: str
    text: str
    path: str
    line: int
    end_line: int
    source: str
    license: str = ""
    includes: tuple[str, ...] = ()
    types: str = ""
    host: str = ""
    apis: tuple[str, ...] = ()
    family: str = ""


SCHEMA = pa.schema(
    [
        pa.field(name, kind, nullable=False)
        for name, kind in {
            "id": pa.string(),
            "kind": pa.string(),
            "language": pa.string(),
            "name": pa.string(),
            "text": pa.string(),
            "path": pa.string(),
            "line": pa.int32(),
            "end_line": pa.int32(),
            "source": pa.string(),
            "license": pa.string(),
            "includes": pa.list_(pa.string()),
            "types": pa.string(),
            "host": pa.string(),
            "apis": pa.list_(pa.string()),
            "family": pa.string(),
        }.items()
    ]
)
assert SCHEMA.names == [field.name for field in fields(Row)]


def row_id(language: str, text: str) -> str:
    """32 hex digits: SHA-256 of the language, a null byte, and the text with every run of blanks as one."""
    normalised = " ".join(text.split())
    return hashlib.sha256(f"{language}\0{normalised}".encode()).hexdigest()[:32]


def write_shards(rows: Iterable[Row], folder: Path, rows_per_shard: int = ROWS_PER_SHARD) -> list[Path]:
    """Writes `part-00000.parquet`, ... into `folder` (made if need be) and returns them; no rows make one empty shard.

    Each shard appears whole or not at all. The same rows give the same bytes. DataError where the disk refuses.
    """
    if rows_per_shard < 1:
        raise ValueError("a shard holds at least one row")
    shards: list[Path] = []
    remaining = iter(rows)
    while True:
        batch = list(islice(remaining, rows_per_shard))
        if not batch and shards:
            return shards
        shard = folder / f"part-{len(shards):05d}.parquet"
        write_shard(batch, shard)
        shards.append(shard)


def write_shard(rows: Iterable[Row], shard: Path) -> None:
    """Writes one Parquet file under a temporary name and renames it. DataError where the disk refuses."""
    remaining = iter(rows)
    with replacing(shard) as temporary, pq.ParquetWriter(temporary, SCHEMA, compression="zstd") as writer:
        while batch := list(islice(remaining, _ROWS_PER_GROUP)):
            writer.write_table(row_table(batch))


def shards_of(path: Path) -> list[Path]:
    """The shards of a corpus folder in order, or the one file `path` itself. DataError where there is none."""
    if path.is_file():
        return [path]
    shards = sorted(path.glob("part-*.parquet"))
    if not shards:
        what = "holds no part-*.parquet" if path.is_dir() else "no such file or folder"
        raise DataError(f"{path}: {what}")
    return shards


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a folder of shards, or of one Parquet file, in order, one row group in memory at a time.

    DataError where a file is cut off, is no Parquet, or has other columns.
    """
    for shard in shards_of(path):
        yield from _read_shard(shard)


def _read_shard(shard: Path) -> Iterator[Row]:
    try:
        with pq.ParquetFile(shard) as file:
            lacking = [name for name in SCHEMA.names if name not in file.schema_arrow.names]
            if lacking:
                raise DataError(f"{shard}: no corpus of ours, it has no column {', '.join(lacking)}")
            for batch in file.iter_batches(batch_size=_ROWS_PER_GROUP, columns=SCHEMA.names):
                for record in batch.to_pylist():
                    yield make_row(record, str(shard))
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{shard}: not a whole Parquet file ({one_line(error)})") from None


def make_row(record: Mapping[str, object], where: str) -> Row:
    """The row of a record with all its columns; DataError, which begins with `where`, where one has another type."""
    values = {name: _plain(record[name]) for name in SCHEMA.names}
    for name, value in values.items():
        wanted = {"line": int, "end_line": int, "includes": tuple, "apis": tuple}.get(name, str)
        if not isinstance(value, wanted):
            raise DataError(f"{where}: {name} is a {type(value).__name__}, not a {wanted.__name__}")
    return Row(**cast("dict[str, str]", values))  # type: ignore[arg-type]  # each has just been looked at


def _plain(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def row_table(rows: Sequence[Row]) -> pa.Table:
    """The rows as a table of SCHEMA."""
    return pa.Table.from_pylist([asdict(row) for row in rows], schema=SCHEMA)
