"""A vocabulary of lexical tokens: what is one entry, what comes back, and that transformers and trainers can use it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.corpus.row import write_shards
from data.synthesis.synthesize import synthesize
from data.tokens.bpe import load_tokenizer, save_tokenizer, train_on_corpus
from data.tokens.lexical import lexical_tokens
from data.tokens.lexical_vocabulary import CONFIG, END, PAD, SMALLEST_VOCABULARY, train_lexical
from data.tokens.tokompiler import encode

TEXTS = [
    *(encode(row.text, "c").text for row in synthesize(150, 1, "c")),
    *(encode(row.text, "cuda").text for row in synthesize(150, 1, "cuda")),
]
TOKENIZER = train_lexical(TEXTS, 1500)


def test_a_lexical_token_of_an_anonymous_text_is_one_token() -> None:
    others = [encode(row.text, "c").text for row in synthesize(100, 2, "c")]
    lexical = sum(len(lexical_tokens(text)) for text in others)
    tokens = sum(len(TOKENIZER.encode(text).ids) for text in others)
    assert lexical <= tokens < 1.02 * lexical
    assert TOKENIZER.get_vocab_size() < 1500


def test_layout_is_no_token_but_for_lines_that_need_their_end() -> None:
    text = "#define macro_0 num_0\nvoid func_0(int var_0)\n{\n\n    var_0++; // why\n}\n// C\n"
    assert TOKENIZER.decode(TOKENIZER.encode(text).ids).strip(" ") == (
        "# define macro_0 num_0 \n void func_0 ( int var_0 ) { var_0 ++ ; // why \n } \n // C \n"
    )


@pytest.mark.parametrize("text", ["var_63", "arr_31", "num_31ull", "real_0f", '"str_7"', "field_15", "//", "@", "16"])
def test_placeholders_and_the_words_of_questions_are_one_token_whatever_was_trained_on(text: str) -> None:
    assert len(train_lexical([], SMALLEST_VOCABULARY).encode(text).ids) == 1


def test_a_question_and_its_answer_are_cut_the_same_apart_and_together() -> None:
    for source, answer in pairwise(TEXTS[:60]):
        question = f"// C to CUDA\n{source.strip()}\n// CUDA\n"
        apart = TOKENIZER.encode(question).ids + TOKENIZER.encode(answer).ids
        assert TOKENIZER.encode(question + answer).ids == apart


PIECES = [
    *"(){}[];,.+-*/%<>=!&|^?:~'\"@$\\",
    *"\n\n\t ",
    "#",
    "//",
    "<<<",
    "var_0",
    "1.5e-3f",
    "0x1F",
    "x y",
    "'a'",
    "é",
]


@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_any_text_is_encoded_and_loses_blanks_only(text: str) -> None:
    back = TOKENIZER.decode(TOKENIZER.encode(text).ids)
    assert "".join(back.split()) == "".join(text.split())


@pytest.mark.parametrize("language", ["c", "cuda"])
def test_a_text_with_names_of_its_own_has_the_same_lexical_tokens_when_it_comes_back(language: str) -> None:
    for row in synthesize(60, 5, "c" if language == "c" else "cuda"):
        text = f"{row.types}\n{row.text}"
        assert lexical_tokens(TOKENIZER.decode(TOKENIZER.encode(text).ids)) == lexical_tokens(text)


def test_transformers_loads_it_with_an_end_that_a_trainer_may_append(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    save_tokenizer(TOKENIZER, tmp_path, CONFIG)
    loaded = transformers.AutoTokenizer.from_pretrained(tmp_path)
    assert (loaded.pad_token, loaded.eos_token, loaded.pad_token_id, loaded.eos_token_id) == (PAD, END, 0, 1)
    assert loaded(TEXTS[0] + loaded.eos_token)["input_ids"] == [*TOKENIZER.encode(TEXTS[0]).ids, 1]
    batch = loaded([TEXTS[0], "x"], padding=True, padding_side="left")["input_ids"]
    assert batch[1][0] == 0 and len(batch[0]) == len(batch[1])
    assert loaded.decode(batch[0], skip_special_tokens=True) == TOKENIZER.decode(batch[0])


def test_a_corpus_of_several_folders_gives_one(tmp_path: Path) -> None:
    folders = [tmp_path / "c", tmp_path / "cuda"]
    write_shards(list(synthesize(40, 1, "c")), folders[0])
    write_shards(list(synthesize(40, 1, "cuda")), folders[1])
    report = train_on_corpus(folders, tmp_path / "out", 1200, tokompiler=True, lexical=True)
    loaded = load_tokenizer(tmp_path / "out")
    assert report.texts == 80
    assert report.vocabulary == loaded.get_vocab_size() <= 1200
    assert len(loaded.encode("blockIdx.x").ids) == 3


def test_a_vocabulary_too_small_for_the_placeholders_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1024 entries, not 1000"):
        train_lexical(TEXTS, 1000)
