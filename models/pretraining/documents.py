"""`Document`: a row of a corpus as the model reads it, and which rows are kept from training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from heapq import heappush, heapreplace
from typing import TYPE_CHECKING

from data.corpus.row import Row, read_rows
from data.function import Language
from data.tokens.bpe import text_of_row
from data.tokens.lexical import lexical_tokens
from data.tokens.tokompiler import encode
from models.pretraining.denoising import is_denoised, repair_text

if TYPE_CHECKING:
    from models.pretraining.config import DataGroup


@dataclass(frozen=True)
class Document:
    """One text to train on or to measure. `id` is its row's; a kernel's text has the code that launches it below."""

    id: str
    language: Language
    text: str

    @property
    def lexical_tokens(self) -> int:
        """Tokens of the language in the text, comments left out."""
        return len(lexical_tokens(self.text))


def is_held_out(row_id: str, share: float) -> bool:
    """Whether a row is among the `share` of all rows that is kept from training. Ids are hashes, so it is a draw that
    a larger corpus does not change."""
    return int(row_id[:8], 16) < share * 2**32


def training_documents(data: DataGroup) -> Iterator[Document]:
    """All that is trained on, in the order of the shards, a share of it with noise. DataError where a shard cannot be
    read."""
    for row in _rows(data, held_out=False):
        document = document_of(row, data)
        if is_denoised(row.id, data.denoising_share):
            document = replace(document, text=repair_text(document.text, document.language, row.id))
        yield document


def training_ids(data: DataGroup) -> Iterator[str]:
    """The ids of the rows of `training_documents`, in its order."""
    return (row.id for row in _rows(data, held_out=False))


def held_out_documents(data: DataGroup, most: int) -> list[Document]:
    """The `most` held-out documents with the smallest row ids, by id: the same ones however the corpus is ordered."""
    return [document_of(row, data) for row in held_out_rows(data, most)]


def held_out_rows(data: DataGroup, most: int) -> list[Row]:
    """The `most` held-out rows with the smallest ids, by id, each id once."""
    chosen: dict[str, Row] = {}
    largest: list[tuple[int, str]] = []  # a heap of negated ids: the largest first
    for row in _rows(data, held_out=True):
        if row.id in chosen:
            continue
        entry = (-int(row.id, 16), row.id)
        if len(chosen) < most:
            heappush(largest, entry)
        elif entry > largest[0]:
            del chosen[heapreplace(largest, entry)[1]]
        else:
            continue
        chosen[row.id] = row
    return [chosen[key] for key in sorted(chosen)]


def _rows(data: DataGroup, *, held_out: bool) -> Iterator[Row]:
    share = data.held_out_share
    for path in data.held_out if held_out and share is None else data.train:
        for row in read_rows(path):
            kept = share is None or is_held_out(row.id, share) == held_out
            if kept and row.language in data.languages:
                yield row


def document_of(row: Row, data: DataGroup) -> Document:
    """The text of a row as `data` asks for it: with or without host code, as written or anonymous. Without noise."""
    text = text_of_row(row) if data.host_code else row.text.replace(row.host, "").rstrip()
    return Document(row.id, row.language, encode(text, row.language).text if data.tokompiler else text)
