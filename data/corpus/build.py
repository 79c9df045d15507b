"""`build_corpus`: from sources to a folder of shards and a card.

Each batch of documents is mined and cleaned by a worker and kept as a file in CORPUS/.work; then one pass over these
files, in order, leaves out duplicates and what is in a benchmark, and writes the shards. After a kill the same call
goes on: whole batches are not done again, and the bytes come out the same.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TypeAlias

from data.corpus.batch import (
    Batch,
    CleanBatch,
    batch_counts,
    batch_rows,
    batch_stamp,
    clean_batch,
    make_batches,
)
from data.corpus.card import Card, read_card
from data.corpus.clean import Cleaning, CompileCheck
from data.corpus.counts import Counts
from data.corpus.errors import DataError
from data.corpus.executor import Executor
from data.corpus.files import replacing
from data.corpus.near import DuplicateIndex
from data.corpus.row import ROWS_PER_SHARD, Row, write_shards
from data.sources.document import Document
from data.sources.open_source import open_source

CARD, WORK = "card.json", ".work"
# Of a benchmark everything counts, also what cleaning would drop.
_EVERYTHING = Cleaning(
    ("function", "kernel", "file"), min_chars=0, max_chars=1 << 30, max_file_bytes=1 << 30, loop=False, generated=True
)
# What is being done, how many batches or rows are done.
Progress: TypeAlias = Callable[[str, int], None]


@dataclass(frozen=True)
class Plan:
    """What makes a corpus what it is. `sources` and `against` are as `open_source` takes them.

    Rows that are in `against`, or nearly, are left out. `near` is the similarity (0 to 1, estimated Jaccard over runs
    of tokens) from which a row is a near duplicate; above 1 only exact ones are.
    """

    sources: tuple[str, ...]
    against: tuple[str, ...] = ()
    cleaning: Cleaning = field(default_factory=Cleaning)
    near: float = 0.8
    rows_per_shard: int = ROWS_PER_SHARD

    def __post_init__(self) -> None:
        if not self.sources:
            raise ValueError("a corpus needs a source")
        if self.near <= 0 or self.rows_per_shard < 1:
            raise ValueError("near and rows_per_shard are above 0")


def build_corpus(
    plan: Plan,
    out: Path,
    executor: Executor,
    compiles: CompileCheck | None = None,
    on_progress: Progress = lambda stage, done: None,
) -> Card:
    """Builds the corpus `out` (a folder; made if need be) and returns its card, which it holds as card.json.

    A corpus that is whole and of the same plan is not built again. DataError where a source cannot be read, the disk
    is full, or `out` holds something else; what was done until then is kept for the next call.
    """
    assert plan.cleaning.compiles == (compiles is not None), "the plan says whether rows are compiled"
    if (out / CARD).exists():
        return _same(read_card(out / CARD), plan, out)
    work = out / WORK
    _claim(plan, out, work)
    count = _clean_all(plan, work, executor, compiles, on_progress)
    counts = Counts()
    for number in range(count):
        counts.add(batch_counts(_file(work, number)))
    kept = {name: Counter[str]() for name in ("kinds", "languages", "licenses", "apis")}
    with DuplicateIndex(work / "duplicates.sqlite", plan.near) as index:
        benchmark_texts = _remember_benchmarks(plan.against, index)
        rows = _without_duplicates(work, count, index, counts, on_progress)
        shards = write_shards(_counting(rows, kept), out, plan.rows_per_shard)
    counts.check()
    card = Card.of(asdict(plan), counts, kept, benchmark_texts, shards)
    card.write(out / CARD)
    shutil.rmtree(work, ignore_errors=True)
    return card


def _same(card: Card, plan: Plan, out: Path) -> Card:
    if card.plan != json.loads(_plan_text(plan)):
        raise DataError(f"{out}: holds a corpus of other sources or options; remove it, or choose another folder")
    return card


def _claim(plan: Plan, out: Path, work: Path) -> None:
    """Makes the work folder, or sees that the one that is there is of the same plan."""
    text, file = _plan_text(plan), work / "plan.json"
    if any(work.glob("batch-*.parquet")):
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            raise DataError(f"{out}: was begun with other sources or options; remove it, or choose another folder")
        return
    if out.exists() and (not out.is_dir() or any(entry.name != WORK for entry in out.iterdir())):
        raise DataError(f"{out}: is not empty and no corpus; choose another folder")
    with replacing(file) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _plan_text(plan: Plan) -> str:
    return json.dumps(asdict(plan), sort_keys=True)


def _file(work: Path, number: int) -> Path:
    return work / f"batch-{number:06d}.parquet"


def _clean_all(plan: Plan, work: Path, executor: Executor, compiles: CompileCheck | None, on_progress: Progress) -> int:
    """Mines and cleans every batch that is not there yet; returns how many there are."""
    count = 0

    def to_do() -> Iterator[Batch]:
        nonlocal count
        documents = (document for spec in plan.sources for document in open_source(spec))
        for batch in make_batches(documents, plan.cleaning, compiles):
            count += 1
            if batch_stamp(_file(work, batch.number)) != batch.stamp:
                yield batch if executor.is_local else batch.loaded()

    results: Iterator[CleanBatch] = executor.map(clean_batch, to_do())
    for done, result in enumerate(results, 1):
        result.write(_file(work, result.number))
        on_progress("batches", done)
    return count


def _remember_benchmarks(against: Sequence[str], index: DuplicateIndex) -> int:
    """Puts the texts of the benchmarks into the index; returns how many there are."""
    count = 0
    for spec in against:
        before = count
        for row, hashes in _benchmark_rows(open_source(spec)):
            index.add(row.id, hashes, benchmark=True)
            count += 1
        if count == before:
            raise DataError(f"{spec}: holds no code to keep out of the corpus")
    return count


def _benchmark_rows(documents: Iterator[Document]) -> Iterator[tuple[Row, bytes]]:
    for batch in make_batches(documents, _EVERYTHING, None):
        yield from batch_rows(BytesIO(clean_batch(batch).parquet))


def _without_duplicates(
    work: Path, count: int, index: DuplicateIndex, counts: Counts, on_progress: Progress
) -> Iterator[Row]:
    """The rows of all batches that are neither in a benchmark nor a duplicate of an earlier one."""
    done = 0
    for number in range(count):
        for row, hashes in batch_rows(_file(work, number)):
            found = index.add(row.id, hashes)
            if found:
                counts.rows -= 1
                counts.row_drops[found] += 1
            else:
                yield row
            done += 1
        on_progress("rows", done)


def _counting(rows: Iterator[Row], kept: dict[str, Counter[str]]) -> Iterator[Row]:
    """The same rows, counted as they go by."""
    for row in rows:
        kept["kinds"][row.kind] += 1
        kept["languages"][row.language] += 1
        kept["licenses"][row.license or "unknown"] += 1
        kept["apis"].update(row.apis)
        yield row
