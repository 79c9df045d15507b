"""The card of a corpus: what came in, what each filter dropped, what is in it, and the hashes of its files."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow.parquet as pq

from data.corpus.clean import CORPUS_FILTERS, FILE_FILTERS, ROW_FILTERS
from data.corpus.counts import Counts
from data.corpus.errors import DataError, one_line
from data.corpus.files import replacing

FORMAT = 1


@dataclass(frozen=True)
class Ledger:
    """`came_in` is `stayed` and all `drops`, each under the name of its filter (zeros included)."""

    came_in: int
    drops: dict[str, int]
    stayed: int


@dataclass(frozen=True)
class Shard:
    """One Parquet file of the corpus."""

    name: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Card:
    """What card.json holds. It names neither machine nor time: the same inputs make the same card.

    `plan` is what was asked for. `languages_of_files` and `apis_of_files` count files (as HPCorpus reports them),
    `kinds`, `languages`, `licenses` and `apis` the rows of the corpus. `benchmark_texts` is how many texts the corpus
    was compared with.
    """

    plan: dict[str, object]
    files: Ledger
    bytes_in: int
    rows: Ledger
    languages_of_files: dict[str, int]
    apis_of_files: dict[str, int]
    kinds: dict[str, int]
    languages: dict[str, int]
    licenses: dict[str, int]
    apis: dict[str, int]
    benchmark_texts: int
    shards: tuple[Shard, ...]
    format: int = FORMAT

    @staticmethod
    def of(
        plan: Mapping[str, object],
        counts: Counts,
        kept: Mapping[str, Counter[str]],
        benchmark_texts: int,
        shards: Sequence[Path],
    ) -> Card:
        """The card of shards that lie on the disk. `kept` counts the rows in them by each of four fields."""
        card = Card(
            json.loads(json.dumps(plan)),
            _ledger(counts.files_in, counts.file_drops, FILE_FILTERS, counts.files),
            counts.bytes_in,
            _ledger(counts.rows_in, counts.row_drops, (*ROW_FILTERS, *CORPUS_FILTERS), counts.rows),
            _sorted(counts.languages),
            _sorted(counts.apis),
            _sorted(kept["kinds"]),
            _sorted(kept["languages"]),
            _sorted(kept["licenses"]),
            _sorted(kept["apis"]),
            benchmark_texts,
            tuple(_shard(shard) for shard in shards),
        )
        assert sum(shard.rows for shard in card.shards) == card.rows.stayed, "the shards have other rows than counted"
        return card

    def write(self, path: Path) -> None:
        """Writes the card as JSON, whole or not at all."""
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")


def read_card(path: Path) -> Card:
    """The card of a file; DataError where it is none."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        for ledger in ("files", "rows"):
            values[ledger] = Ledger(**values[ledger])
        values["shards"] = tuple(Shard(**shard) for shard in values["shards"])
        return Card(**values)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: not the card of a corpus ({one_line(error)})") from None


def _ledger(came_in: int, drops: Counter[str], filters: Sequence[str], stayed: int) -> Ledger:
    assert set(drops) <= set(filters), f"filters without a name: {set(drops) - set(filters)}"
    assert came_in == stayed + drops.total(), "the numbers do not add up"
    return Ledger(came_in, {name: drops[name] for name in filters}, stayed)


def _sorted(counter: Counter[str]) -> dict[str, int]:
    return dict(sorted(counter.items()))


def _shard(path: Path) -> Shard:
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while block := handle.read(1 << 20):
            digest.update(block)
    return Shard(path.name, pq.read_metadata(path).num_rows, path.stat().st_size, digest.hexdigest())
