"""Denoising: what the noise does to a text, and which texts of a corpus have it."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from data.corpus.row import read_rows, write_shards
from data.synthesis.synthesize import synthesize
from data.tokens.bpe import load_tokenizer, train_on_corpus
from data.tokens.lexical import lexical_tokens
from models.model_form import ModelForm, read_form
from models.pretraining.completion import load_code_model
from models.pretraining.config import PretrainConfig
from models.pretraining.denoising import MASK, corrupted, is_denoised, repair_text
from models.pretraining.documents import held_out_documents, training_documents
from models.pretraining.packing import source_digest
from models.pretraining.train import pretrain
from models.pretraining.vocabulary import load_vocabulary

Make = Callable[..., PretrainConfig]
TEXT = "#define N 8\nvoid f(float *x, int n) { /* all */\n    for (int i = 0; i < n; i++) x[i] = x[i] * 3.5f + N;\n}\n"


def test_a_repair_ends_with_the_text_as_it_was_and_is_the_same_again() -> None:
    made = repair_text(TEXT, "c", "seed")
    first, noisy = made.split("\n", 1)
    assert first == "// C repair"
    assert noisy.endswith(f"\n// C\n{TEXT}")
    assert made == repair_text(TEXT, "c", "seed")
    assert len({repair_text(TEXT, "c", str(seed)) for seed in range(30)}) > 15
    assert repair_text(TEXT, "cuda", "seed").startswith("// CUDA repair\n")


def test_noise_drops_masks_and_moves_but_keeps_most_tokens_and_all_directive_lines() -> None:
    words = lexical_tokens(TEXT)
    noisy = [corrupted(TEXT, random.Random(seed)) for seed in range(400)]
    kept = [len(set(words) & set(lexical_tokens(text))) / len(set(words)) for text in noisy]
    assert sum(kept) / len(kept) > 0.85
    lengths = [len(lexical_tokens(text)) for text in noisy]
    assert min(lengths) < len(words) == max(lengths)
    assert sum(MASK in text for text in noisy) > 200
    assert sum(lexical_tokens(text) == words for text in noisy) > 30  # no noise at all is one of the draws
    moved = [text for text in noisy if sorted(lexical_tokens(text)) == sorted(words) != lexical_tokens(text)]
    assert moved
    assert {text.count("\n") for text in noisy} <= {2, 3}
    assert not any("all" in text for text in noisy)


def test_a_moved_token_stays_near_its_place() -> None:
    text = " ".join(f"a{number}" for number in range(200))
    for seed in range(60):
        places = [int(word[1:]) for word in corrupted(text, random.Random(seed)).split() if word != MASK]
        if len(places) == 200 and len(set(places)) == 200:
            assert all(abs(place - index) < 4 for index, place in enumerate(places))


def test_the_share_of_a_corpus_is_denoised_and_held_out_texts_are_not(micro: Make) -> None:
    config = micro(data={"denoising_share": 0.4})
    texts = [document.text for document in training_documents(config.data)]
    plain = {document.id: document.text for document in training_documents(micro().data)}
    noisy = [text for text in texts if text.startswith("// C repair\n")]
    assert 0.3 < len(noisy) / len(texts) < 0.5
    assert [text.rpartition("\n// C\n")[2] for text in texts] == list(plain.values())
    assert [key for key in plain if is_denoised(key, 0.4)] == [
        key for key, text in zip(plain, texts, strict=True) if text in noisy
    ]
    assert held_out_documents(config.data, 50) == held_out_documents(micro().data, 50)


def test_host_code_is_left_out_where_it_is_not_asked_for(micro: Make, tmp_path: Path) -> None:
    write_shards(list(synthesize(20, 3, "cuda")), tmp_path / "cuda", rows_per_shard=20)
    config = micro(data={"train": [tmp_path / "cuda"], "host_code": False})
    hosts = {row.id: row.host for row in read_rows(tmp_path / "cuda")}
    documents = list(training_documents(config.data))
    assert documents
    for document in documents:
        assert "__global__" in document.text
        assert "<<<" not in document.text
        assert hosts[document.id] not in document.text


def test_a_model_of_repairs_says_how_it_is_asked_and_keeps_its_vocabulary(micro: Make, tmp_path: Path) -> None:
    write_shards(list(synthesize(60, 3, "c")), tmp_path / "c")
    tokenizer = tmp_path / "tokenizer"
    train_on_corpus([tmp_path / "c"], tokenizer, 1100, tokompiler=True, lexical=True)
    data = {"train": [tmp_path / "c"], "tokenizer": tokenizer, "tokompiler": True, "denoising_share": 0.5}
    config = micro(data=data, training={"steps": 3, "warmup_steps": 1}, evaluation={"rows": 4})
    result = pretrain(config)
    model = config.output / "model"
    assert read_form(model) == ModelForm("short", anonymous=True)
    assert load_tokenizer(model).encode("arr_7 [ var_9 ]").ids == load_tokenizer(tokenizer).encode("arr_7[var_9]").ids
    assert AutoTokenizer.from_pretrained(model).eos_token_id == load_code_model(model).vocabulary.end == 1
    assert result["tokens"] == 3 * 8 * 64


@pytest.mark.parametrize("change", [{"denoising_share": 0.5}, {"host_code": False}])
def test_what_changes_the_texts_changes_the_stream(micro: Make, change: dict[str, object]) -> None:
    data = micro().data
    vocabulary = load_vocabulary(data.tokenizer)
    assert source_digest(data, vocabulary) != source_digest(micro(data=change).data, vocabulary)
