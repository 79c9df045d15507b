"""Byte-level BPE: every text comes back, the same texts give the same vocabulary, and transformers loads it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.corpus.errors import DataError
from data.corpus.row import Row, row_id, write_shards
from data.tokens import bpe
from data.tokens.bpe import (
    SMALLEST_VOCABULARY,
    SPECIAL_TOKENS,
    load_tokenizer,
    save_tokenizer,
    text_of_row,
    train_bpe,
    train_on_corpus,
)

CODE = [
    f"void scale_{name}(float *{name}, int n) {{\n    for (int i = 0; i < n; i++)\n        {name}[i] *= {value}f;\n}}\n"
    for name, value in zip("abcdefgh", (1.5, 2.25, 3.0, 17.0, 123.75, 0.5, 9.0, 2048.0), strict=True)
]
TOKENIZER = train_bpe(CODE, 400)


def row(text: str, host: str = "") -> Row:
    return Row(row_id("c", text), "function", "c", "f", text, "a.c", 1, 2, "test", host=host)


@given(st.text(), st.sampled_from(CODE))
def test_every_text_comes_back(text: str, code: str) -> None:
    for given_text in (text, code, code + text):
        ids = TOKENIZER.encode(given_text).ids
        assert TOKENIZER.decode(ids, skip_special_tokens=False) == given_text
        assert not {*range(len(SPECIAL_TOKENS))} & {*ids}


def test_special_tokens_are_the_first_and_never_found_in_a_text() -> None:
    assert [TOKENIZER.id_to_token(number) for number in range(len(SPECIAL_TOKENS))] == list(SPECIAL_TOKENS)
    text = "list<c> a; vector<s>"
    assert TOKENIZER.decode(TOKENIZER.encode(text).ids) == text
    assert "<c>" not in TOKENIZER.encode(text).tokens


def test_tokens_follow_the_code() -> None:
    tokens = TOKENIZER.encode("\n    for (int i = 12345").tokens
    assert tokens[:5] == ["ĊĠĠĠĠ", "for", "Ġ(", "int", "Ġi"]
    assert len(tokens) < len("\n    for (int i = 12345")


def test_the_same_texts_give_the_same_vocabulary_in_another_process() -> None:
    program = (
        "import json, sys; from data.tokens.bpe import train_bpe; print(train_bpe(json.load(sys.stdin), 400).to_str())"
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps(CODE),
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "1", "RAYON_NUM_THREADS": "1"},
    )
    assert json.loads(run.stdout) == json.loads(TOKENIZER.to_str())


def test_a_vocabulary_holds_at_least_all_bytes() -> None:
    assert train_bpe([], SMALLEST_VOCABULARY).get_vocab_size() == SMALLEST_VOCABULARY
    with pytest.raises(ValueError, match="at least 264 entries, not 100"):
        train_bpe(CODE, 100)


def test_transformers_loads_what_was_saved(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    save_tokenizer(TOKENIZER, tmp_path)
    text = CODE[0] + "list<c> // <s>"
    loaded = transformers.AutoTokenizer.from_pretrained(tmp_path)
    assert loaded(text)["input_ids"] == TOKENIZER.encode(text).ids == load_tokenizer(tmp_path).encode(text).ids
    names = (loaded.pad_token, loaded.bos_token, loaded.eos_token, loaded.unk_token, loaded.mask_token)
    assert names == SPECIAL_TOKENS[:5]
    assert loaded.convert_tokens_to_ids(["<c>", "<cuda>", "<sep>"]) == [5, 6, 7]


def test_a_corpus_gives_a_vocabulary_and_its_figures(tmp_path: Path) -> None:
    write_shards([row(text, host="void h();") for text in CODE], tmp_path / "corpus")
    plain = train_on_corpus([tmp_path / "corpus"], tmp_path / "plain", 320)
    anonymous = train_on_corpus([tmp_path / "corpus"], tmp_path / "anonymous", 320, tokompiler=True)
    characters = sum(len(text_of_row(row(text, host="void h();"))) for text in CODE)
    assert plain.texts == anonymous.texts == len(CODE)
    assert plain.characters == anonymous.characters == characters
    assert all(SMALLEST_VOCABULARY < one.vocabulary <= 320 for one in (plain, anonymous))
    assert anonymous.tokens_per_character == anonymous.tokens / characters
    assert 0 < anonymous.tokens < characters and 0 < plain.tokens < characters
    assert "Ġreal" in load_tokenizer(tmp_path / "anonymous").get_vocab()
    assert "Ġreal" not in load_tokenizer(tmp_path / "plain").get_vocab()
    assert sorted(path.name for path in (tmp_path / "plain").iterdir()) == ["tokenizer.json", "tokenizer_config.json"]


@pytest.mark.parametrize("lexical", [False, True])
def test_any_number_of_processes_makes_the_same_vocabulary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lexical: bool
) -> None:
    monkeypatch.setattr(bpe, "_ROWS_AT_A_TIME", 2)
    write_shards([row(f"{text} // {n}") for n, text in enumerate(CODE * 3)], tmp_path / "corpus")
    reports = [
        train_on_corpus(
            *([tmp_path / "corpus"], tmp_path / str(jobs), 1100), tokompiler=True, lexical=lexical, seed=7, jobs=jobs
        )
        for jobs in (1, 2)
    ]
    assert reports[0] == reports[1] and reports[0].texts == 3 * len(CODE)
    one, two = ((tmp_path / str(jobs) / "tokenizer.json").read_bytes() for jobs in (1, 2))
    assert one == two


def test_what_cannot_be_read_or_written_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_shards([row(CODE[0])], tmp_path / "corpus")
    with monkeypatch.context() as full:
        full.setattr(tempfile, "TemporaryFile", lambda *_, **__: Path("/dev/full").open("w+"))  # noqa: SIM115  # the code's
        with pytest.raises(DataError, match=r": cannot be written \(.*No space left on device"):
            train_on_corpus([tmp_path / "corpus"], tmp_path / "out", 300)
    write_shards([], tmp_path / "empty")
    with pytest.raises(DataError, match="empty: holds no row to train on"):
        train_on_corpus([tmp_path / "empty"], tmp_path / "out", 300)
    with pytest.raises(DataError, match="nowhere: cannot be read"):
        load_tokenizer(tmp_path / "nowhere")
    half = tmp_path / "tokenizer.json"
    half.write_text(TOKENIZER.to_str()[:100])
    with pytest.raises(DataError, match=r"tokenizer\.json: no tokenizer"):
        load_tokenizer(tmp_path)
    with pytest.raises(DataError, match=r"tokenizer\.json: cannot be written"):
        save_tokenizer(TOKENIZER, half)
