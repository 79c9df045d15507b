"""`synthesize_corpus`: a corpus of synthesized functions or kernels, as `musl data synth` makes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from data.corpus.errors import DataError
from data.corpus.row import ROWS_PER_SHARD, Row, write_shards
from data.synthesis.synthesize import Target, synthesize
from musl.errors import UsageError

_STEP = 500


def synthesize_corpus(
    count: int,
    out: Path,
    *,
    language: str = "c",
    seed: int = 0,
    families: Sequence[str] | None = None,
    rows_per_shard: int = ROWS_PER_SHARD,
    on_progress: Callable[[int], None] = lambda done: None,
) -> list[Path]:
    """Writes `count` synthesized rows in `language` ("c" or "cuda") into the folder `out` and returns its shards.

    The same arguments give the same bytes. UsageError for a language or a family that does not exist, for a folder
    that holds shards already, and where the disk refuses.
    """
    target = _target(language)
    if any(out.glob("part-*.parquet")):
        raise UsageError(f"{out}: holds a corpus already; name another folder")
    try:
        return write_shards(_counted(synthesize(count, seed, target, families), on_progress), out, rows_per_shard)
    except DataError as error:
        raise UsageError(str(error)) from None


def _target(language: str) -> Target:
    if language == "c":
        return "c"
    if language == "cuda":
        return "cuda"
    raise UsageError(f"--language {language}: choose c or cuda")


def _counted(rows: Iterator[Row], on_progress: Callable[[int], None]) -> Iterator[Row]:
    for done, row in enumerate(rows, start=1):
        yield row
        if done % _STEP == 0:
            on_progress(done)
