"""Near duplicates: MinHash over runs of tokens (datasketch), found by locality-sensitive hashing on the disk.

Broder, "On the resemblance and containment of documents" (1997): the fraction of equal MinHash values estimates the
Jaccard similarity of two sets, here of all runs of SHINGLE tokens, whatever blanks and comments stand between them.
Two texts are compared where one of BANDS bands of their signatures is equal (Leskovec, Rajaraman and Ullman, Mining of
Massive Datasets, chapter 3): two of similarity s with probability 1 - (1 - s**ROWS)**BANDS, 0.95 for s = 0.8.

The index is a temporary SQLite file, so the memory that it takes does not grow with the corpus.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
import zlib
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, TypeAlias

import numpy as np
from datasketch import MinHash

from data.corpus.errors import DataError, one_line

PERMUTATIONS, BANDS, SEED = 128, 16, 1
ROWS = PERMUTATIONS // BANDS
SHINGLE = 5
SIGNATURE_BYTES = 4 * PERMUTATIONS
_TOKEN = re.compile(r"[A-Za-z_]\w*|\d[\w.]*|[^\s\w]")
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_CACHE_KIB = 64 * 1024
# Of one bucket: a corpus without duplicates has few that agree in a band, and a hostile one must not make it slow.
_MOST_CANDIDATES = 64

Found: TypeAlias = Literal["", "benchmark", "duplicate", "near_duplicate"]
_BASE = MinHash(num_perm=PERMUTATIONS, seed=SEED, hashfunc=zlib.crc32, scheme="affine32")


def signature(text: str) -> bytes:
    """PERMUTATIONS MinHash values of the text's token runs, as little-endian 32-bit numbers."""
    tokens = [token.encode() for token in _TOKEN.findall(_COMMENT.sub(" ", text))]
    runs = max(1, len(tokens) - SHINGLE + 1)
    shingles = {b" ".join(tokens[start : start + SHINGLE]) for start in range(runs)}
    hashed = _BASE.copy()
    hashed.update_batch(sorted(shingles))
    return np.asarray(hashed.hashvalues, dtype="<u4").tobytes()


def similarity(left: bytes, right: bytes) -> float:
    """The estimated Jaccard similarity of two signatures, 0 to 1."""
    return float(np.mean(np.frombuffer(left, "<u4") == np.frombuffer(right, "<u4")))


class DuplicateIndex:
    """What has been seen. Used in a `with` statement; its file goes with it. DataError where the disk is full."""

    def __init__(self, file: Path, threshold: float) -> None:
        """`threshold` is the similarity from which a text is a near duplicate; above 1 only exact ones are."""
        self._file = file
        self._threshold = threshold
        self._count = 0

    def __enter__(self) -> Self:
        self._file.unlink(missing_ok=True)
        try:
            self._base = sqlite3.connect(self._file, isolation_level=None)
            for statement in (
                "PRAGMA journal_mode = OFF",  # a run that was killed starts the index anew
                "PRAGMA synchronous = OFF",
                f"PRAGMA cache_size = -{_CACHE_KIB}",
                "CREATE TABLE seen (id TEXT PRIMARY KEY, benchmark INTEGER) WITHOUT ROWID",
                "CREATE TABLE bands (key INTEGER, number INTEGER, PRIMARY KEY (key, number)) WITHOUT ROWID",
                "CREATE TABLE signatures (number INTEGER PRIMARY KEY, benchmark INTEGER, hashes BLOB)",
                "BEGIN",
            ):
                self._base.execute(statement)
        except sqlite3.Error as error:
            raise self._failed(error) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._base.close()
        self._file.unlink(missing_ok=True)

    def add(self, row_id: str, hashes: bytes, *, benchmark: bool = False) -> Found:
        """Why a text is left out, or "" and the text is remembered. One of a benchmark is remembered in any case."""
        try:
            found = self._find(row_id, hashes)
            if not found or (benchmark and found != "benchmark"):
                self._remember(row_id, hashes, benchmark)
        except sqlite3.Error as error:
            raise self._failed(error) from None
        return found

    def _find(self, row_id: str, hashes: bytes) -> Found:
        same = self._base.execute("SELECT benchmark FROM seen WHERE id = ?", (row_id,)).fetchone()
        if same is not None:
            return "benchmark" if same[0] else "duplicate"
        if self._threshold > 1:
            return ""
        keys = band_keys(hashes)
        rows = self._base.execute(
            f"SELECT DISTINCT number FROM bands WHERE key IN ({','.join('?' * BANDS)}) ORDER BY number LIMIT ?",
            (*keys, _MOST_CANDIDATES),
        )
        near = False
        for (number,) in rows.fetchall():
            of_benchmark, other = self._base.execute(
                "SELECT benchmark, hashes FROM signatures WHERE number = ?", (number,)
            ).fetchone()
            if similarity(hashes, other) >= self._threshold:
                if of_benchmark:
                    return "benchmark"
                near = True
        return "near_duplicate" if near else ""

    def _remember(self, row_id: str, hashes: bytes, benchmark: bool) -> None:
        self._count += 1
        self._base.execute("INSERT OR REPLACE INTO seen VALUES (?, ?)", (row_id, benchmark))
        if self._threshold <= 1:
            self._base.execute("INSERT INTO signatures VALUES (?, ?, ?)", (self._count, benchmark, hashes))
            keys = [(key, self._count) for key in sorted(set(band_keys(hashes)))]
            self._base.executemany("INSERT INTO bands VALUES (?, ?)", keys)

    def _failed(self, error: sqlite3.Error) -> DataError:
        return DataError(f"{self._file}: the index of duplicates cannot be kept ({one_line(error)})")


def band_keys(hashes: bytes) -> list[int]:
    """One 64-bit number for each band of a signature: its place and its values, hashed."""
    width = 4 * ROWS
    parts = (hashes[band * width : (band + 1) * width] for band in range(BANDS))
    digests = (hashlib.blake2b(bytes([band]) + part, digest_size=8).digest() for band, part in enumerate(parts))
    return [int.from_bytes(digest, "little", signed=True) for digest in digests]
