"""The rows of a round's artifacts, and the Parquet files that hold them.

    DIR/held_out.parquet             the held-out functions with the tests that judge translations    HeldOut
    DIR/round-NN/01_translations     what the Translators wrote                                       Translated
    DIR/round-NN/02_tests            what the Testers wrote, as typed calls                           Tested
    DIR/round-NN/03_verdicts         each distinct translation against the tests of its source        Judged
    DIR/round-NN/04_triplets         the new pairs with their tests                                   Triplet

Rows are joined by `source`, `text_id` and `test_id`, never by position.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from data.corpus.errors import one_line
from data.corpus.files import replacing
from musl.errors import UsageError
from musl.loop.source import Side


@dataclass(frozen=True)
class Translated:
    """One sample. `text` is a snippet in the target language; where an answer was none, `fault` says why and it is
    empty. `compiles` is None where there is nothing to compile. `text_id` tells texts apart, however laid out."""

    source: str
    sample: int
    voice: str
    text: str
    text_id: str
    fault: str
    compiles: bool | None


@dataclass(frozen=True)
class Tested:
    """One test. `snippet` is C as the Tester wrote it (empty: a fuzz test that cannot be printed), `call` the typed
    call (musl/loop/calls.py; empty where there is none, for the reason in `fault`). `valid` says that the source runs
    clean on it, `covers` that it executed a line or a branch that no test before it did."""

    __test__ = False

    source: str
    number: int
    voice: str
    snippet: str
    call: bytes
    test_id: str
    fault: str
    valid: bool
    covers: bool


@dataclass(frozen=True)
class Judged:
    """The verdict on one text of one source. `tests` are the ids of the tests that were run, `results` says of each
    whether the translation passed, None where it does not count."""

    source: str
    text_id: str
    verdict: str
    reason: str
    tests: tuple[str, ...]
    results: tuple[bool | None, ...]


@dataclass(frozen=True)
class Triplet:
    """A pair and the tests that showed it (snippets; none where no filter asked for any). `source` is the side it came
    from, in `language`; `round` the round that found it."""

    source: str
    language: str
    family: str
    c_name: str
    c: str
    cuda_name: str
    cuda: str
    tests: tuple[str, ...]
    voice: str
    round: int

    @property
    def key(self) -> tuple[str, str]:
        """What makes two triplets the same."""
        return " ".join(self.c.split()), " ".join(self.cuda.split())


@dataclass(frozen=True)
class HeldOut:
    """A held-out function with its calls; `cuda` is a kernel that is verified on them ("" where none is known)."""

    source: str
    name: str
    text: str
    before: str
    family: str
    cuda: str
    cuda_name: str
    calls: tuple[bytes, ...]


R = TypeVar("R")
_ARROW = {str: pa.string(), int: pa.int64(), bool: pa.bool_(), bytes: pa.binary()}


def schema_of(model: type) -> pa.Schema:
    """The columns of a record's fields."""
    hints = typing.get_type_hints(model)
    return pa.schema([_field(field.name, hints[field.name]) for field in fields(model)])


def _field(name: str, hint: object) -> pa.Field:
    kind, nullable = _plain(hint)
    if typing.get_origin(kind) is tuple:
        item, item_nullable = _plain(typing.get_args(kind)[0])
        return pa.field(name, pa.list_(pa.field("item", _ARROW[item], nullable=item_nullable)), nullable=False)
    return pa.field(name, _ARROW[kind], nullable=nullable)


def _plain(hint: object) -> tuple[typing.Any, bool]:
    """(the type, whether it may be None)"""
    if isinstance(hint, types.UnionType):
        return next(arm for arm in typing.get_args(hint) if arm is not types.NoneType), True
    return hint, False


def write_records(path: Path, model: type[R], records: Iterable[R]) -> None:
    """Writes the file under a temporary name and renames it. DataError where the disk refuses."""
    table = pa.Table.from_pylist([asdict(record) for record in records], schema=schema_of(model))  # type: ignore[call-overload]
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_records(path: Path, model: type[R]) -> list[R]:
    """The records of a file, in order; UsageError where it holds none of that kind."""
    try:
        table = pq.read_table(path, partitioning=None)
    except (OSError, pa.ArrowException) as error:
        raise UsageError(f"{path}: not a whole Parquet file ({one_line(error)})") from None
    if table.schema.names != schema_of(model).names:
        raise UsageError(f"{path}: holds no {model.__name__} rows of this version; choose another output folder")
    rows = ({k: tuple(v) if isinstance(v, list) else v for k, v in row.items()} for row in table.to_pylist())
    return [model(**row) for row in rows]


def side_of(triplet: Triplet, language: Side) -> tuple[str, str]:
    """(name, text) of one side of the pair."""
    return (triplet.c_name, triplet.c) if language == "c" else (triplet.cuda_name, triplet.cuda)
