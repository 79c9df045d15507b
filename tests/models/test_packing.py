"""The packed stream holds every training text once and nothing that is held out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from data.corpus.errors import DataError
from data.corpus.row import read_rows
from models.pretraining.config import PretrainConfig
from models.pretraining.documents import held_out_documents, held_out_rows, is_held_out
from models.pretraining.packing import open_packed, pack, sequence_numbers
from models.pretraining.vocabulary import load_vocabulary

Make = Callable[..., PretrainConfig]


def test_the_stream_is_the_training_texts_in_order(micro: Make, corpus: Path, tmp_path: Path) -> None:
    data = micro().data
    vocabulary = load_vocabulary(data.tokenizer)
    packed = pack(data, vocabulary, tmp_path)
    texts = [row.text for row in read_rows(corpus) if not is_held_out(row.id, 0.1)]
    assert vocabulary.decode(packed.stream().tolist()) == "".join(texts)
    assert packed.record.documents == len(texts)
    assert packed.record.characters == sum(map(len, texts))
    ends = np.flatnonzero(packed.stream() == vocabulary.end)
    assert len(ends) == len(texts)
    assert set(packed.stream()[[0, *(ends[:-1] + 1)]].tolist()) == {vocabulary.begin("c")}
    kept = {document.text for document in held_out_documents(data, 1000)}
    assert 20 < len(kept) < 60
    assert not kept & set(texts)


def test_a_stream_is_made_again_only_where_its_source_changed(micro: Make, tmp_path: Path) -> None:
    data = micro().data
    vocabulary = load_vocabulary(data.tokenizer)
    first = pack(data, vocabulary, tmp_path)
    first.path.touch()
    before = first.path.stat().st_mtime_ns
    assert pack(data, vocabulary, tmp_path) == first
    assert first.path.stat().st_mtime_ns == before
    other = pack(micro(data={"held_out_share": 0.5}).data, vocabulary, tmp_path)
    assert other.record.documents < first.record.documents


def test_half_a_stream_is_not_used(micro: Make, tmp_path: Path) -> None:
    data = micro().data
    vocabulary = load_vocabulary(data.tokenizer)
    whole = pack(data, vocabulary, tmp_path)
    content = whole.path.read_bytes()
    whole.path.write_bytes(content[:1000])
    with pytest.raises(DataError, match="no whole stream"):
        open_packed(tmp_path)
    assert pack(data, vocabulary, tmp_path).path.read_bytes() == content


def test_half_a_shard_is_one_line(micro: Make, corpus: Path, tmp_path: Path) -> None:
    half = tmp_path / "half.parquet"
    half.write_bytes((corpus / "part-00000.parquet").read_bytes()[:2000])
    data = micro(data={"train": [half]}).data
    with pytest.raises(DataError, match=r"half\.parquet: not a whole Parquet file"):
        pack(data, load_vocabulary(data.tokenizer), tmp_path)


def test_nothing_to_train_on_is_said(micro: Make, tmp_path: Path) -> None:
    data = micro(data={"languages": ["cuda"]}).data
    with pytest.raises(DataError, match="no row is left to train on"):
        pack(data, load_vocabulary(data.tokenizer), tmp_path)


def test_every_epoch_has_every_sequence_once_in_another_order() -> None:
    numbers = sequence_numbers(0, 30, 10, seed=1)
    epochs = [numbers[i : i + 10].tolist() for i in (0, 10, 20)]
    assert all(Counter(epoch) == Counter(range(10)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]


def test_the_order_does_not_depend_on_where_one_starts_to_read() -> None:
    whole = sequence_numbers(0, 30, 10, seed=1)
    parts = [sequence_numbers(start, 3, 10, seed=1) for start in range(0, 30, 3)]
    assert np.concatenate(parts).tolist() == whole.tolist()


def test_the_held_out_rows_do_not_depend_on_the_order_of_the_corpus(micro: Make) -> None:
    data = micro().data
    some, all_of_them = held_out_rows(data, 10), held_out_rows(data, 1000)
    assert some == all_of_them[:10]
    assert [row.id for row in some] == sorted(row.id for row in some)
