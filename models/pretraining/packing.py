"""`PackedTokens`: a corpus as one stream of token ids on disk, cut into sequences of equal length.

Texts follow one another without padding (attention may look into the text before, as in GPT-NeoX's own data loader).
Which sequences a step trains on is a function of seed and step alone, so a run that goes on needs no state of a loader.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from data.corpus.errors import DataError, one_line
from data.corpus.row import shards_of
from models.pretraining.config import DataGroup
from models.pretraining.documents import Document, training_documents
from models.pretraining.vocabulary import Vocabulary

Ids: TypeAlias = NDArray[np.int64]

_DOCUMENTS_AT_A_TIME = 256


@dataclass(frozen=True)
class StreamRecord:
    """What a stream on disk was made from (`source`, a hash), and what is in it."""

    source: str
    documents: int
    characters: int
    tokens: int
    dtype: str


@dataclass(frozen=True)
class PackedTokens:
    """The stream in `path`, which `record` describes."""

    path: Path
    record: StreamRecord

    def stream(self) -> NDArray[np.unsignedinteger]:
        """All ids, (tokens,), read from disk where they are looked at."""
        return np.memmap(self.path, dtype=self.record.dtype, mode="r", shape=(self.record.tokens,))

    def sequences(self, context: int) -> int:
        """How many whole sequences of `context` tokens there are."""
        return self.record.tokens // context

    def batch(self, numbers: Ids, context: int) -> Ids:
        """The sequences of these numbers, (numbers, context)."""
        stream = self.stream()
        return np.stack([stream[n * context : (n + 1) * context].astype(np.int64) for n in numbers])


def sequence_numbers(start: int, count: int, sequences: int, seed: int) -> Ids:
    """The sequences at positions `start` to `start + count` of an endless order in which every epoch is a shuffle of
    its own: (count,) numbers below `sequences`."""
    parts = []
    while count > 0:
        epoch, offset = divmod(start, sequences)
        order = np.random.default_rng([seed, epoch]).permutation(sequences)
        parts.append(order[offset : offset + count])
        start, count = start + len(parts[-1]), count - len(parts[-1])
    return np.concatenate(parts)


def source_digest(data: DataGroup, vocabulary: Vocabulary) -> str:
    """A hash of all that decides the stream: the shards' bytes, the tokenizer, and what is left out."""
    digest = hashlib.sha256(vocabulary.digest.encode())
    chosen = [data.held_out_share, data.tokompiler, sorted(data.languages), data.host_code, data.denoising_share]
    digest.update(json.dumps(chosen).encode())
    for path in data.train:
        for shard in shards_of(path):
            with shard.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def pack(data: DataGroup, vocabulary: Vocabulary, folder: Path) -> PackedTokens:
    """The training stream in `folder` (`train.bin`, `train.json`), made unless it is there already from the same
    source. DataError where a shard cannot be read, the disk refuses, or nothing is left to train on."""
    source = source_digest(data, vocabulary)
    try:
        there = _read(folder)
        if there is not None and there.record.source == source:
            return there
        return _write(training_documents(data), vocabulary, folder, source)
    except OSError as error:
        raise DataError(f"{folder}: cannot be written ({one_line(error)})") from None


def open_packed(folder: Path) -> PackedTokens:
    """The stream that `pack` left in `folder`. DataError where there is no whole one."""
    there = _read(folder)
    if there is None:
        raise DataError(f"{folder}: no whole stream of tokens there")
    return there


def _read(folder: Path) -> PackedTokens | None:
    card, path = folder / "train.json", folder / "train.bin"
    if not card.is_file() or not path.is_file():
        return None
    record = StreamRecord(**json.loads(card.read_text(encoding="utf-8")))
    whole = path.stat().st_size == record.tokens * np.dtype(record.dtype).itemsize
    return PackedTokens(path, record) if whole else None


def _write(documents: Iterable[Document], vocabulary: Vocabulary, folder: Path, source: str) -> PackedTokens:
    """Writes the ids, then the card that vouches for them."""
    dtype = np.dtype("<u2" if vocabulary.size <= 2**16 else "<u4")
    folder.mkdir(parents=True, exist_ok=True)
    card, path = folder / "train.json", folder / "train.bin"
    card.unlink(missing_ok=True)
    count = characters = tokens = 0
    with path.open("wb") as file:
        for batch in _batches(documents):
            for ids in vocabulary.encode(batch):
                file.write(np.array(ids, dtype=dtype).tobytes())
                tokens += len(ids)
            count += len(batch)
            characters += sum(len(document.text) for document in batch)
        file.flush()
        os.fsync(file.fileno())
    if not tokens:
        raise DataError("data.train: no row is left to train on")
    record = StreamRecord(source, count, characters, tokens, dtype.str)
    temporary = card.with_suffix(".tmp")
    temporary.write_text(json.dumps(asdict(record)) + "\n", encoding="utf-8")
    temporary.replace(card)
    return PackedTokens(path, record)


def _batches(documents: Iterable[Document]) -> Iterator[list[Document]]:
    remaining = iter(documents)
    while batch := list(islice(remaining, _DOCUMENTS_AT_A_TIME)):
        yield batch
