"""What the stages of back-translation train on: hidden tokens, noise, entities, batches, weights."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from models.pretraining.packing import pack
from models.pretraining.vocabulary import Vocabulary
from translator.back_translation.config import DataGroup, ModelGroup, NoiseGroup, StageGroup
from translator.back_translation.denoise import weight_at
from translator.back_translation.entities import TAGS, tags_of
from translator.back_translation.marks import Marks
from translator.back_translation.masked_lm import hide
from translator.back_translation.measure import is_in_language, likeness
from translator.back_translation.network import (
    IGNORED,
    TranslationNetwork,
    begin_decoder,
    new_translator,
    translation_batch,
)
from translator.back_translation.noise import Noise
from translator.back_translation.schedule import stage_rate
from translator.back_translation.texts import POOL, LanguageTexts, open_texts, row_ids
from translator.back_translation.translate import Translate

C = "void func_0 ( float * arr_0 , int var_0 ) { for ( int var_1 = 0 ; var_1 < 8 ; ++ var_1 ) arr_0 [ var_1 ] = 0 ; }"
KERNEL = "__global__ void func_0 ( float * arr_0 ) { arr_0 [ threadIdx . x ] = 0 ; }"


@pytest.fixture(scope="module")
def texts(corpora: Path, vocabulary: Vocabulary, tmp_path_factory: pytest.TempPathFactory) -> LanguageTexts:
    folder = tmp_path_factory.mktemp("tokens")
    pack(_data(corpora).corpus("c"), vocabulary, folder)
    return open_texts(folder, "c", vocabulary.end, context=256)


def _data(corpora: Path) -> DataGroup:
    places = {"c": [corpora / "c.parquet"], "cuda": [corpora / "cuda.parquet"], "tokenizer": corpora / "tokenizer"}
    return DataGroup.model_validate({**places, "held_out_share": 0.1})


def ids_of(text: str, vocabulary: Vocabulary, side: str = "c") -> list[int]:
    begin = vocabulary.begin(side)
    return [begin, *vocabulary.tokenizer(text, add_special_tokens=False)["input_ids"], vocabulary.end]


def test_the_tokenizer_has_a_mark_for_each_language_and_for_what_is_hidden(
    vocabulary: Vocabulary, marks: Marks
) -> None:
    assert len({marks.pad, marks.end, marks.mask, *marks.languages.values()}) == 5
    words = {vocabulary.decode([identity]).strip() for identity in marks.cuda_words}
    assert {"__global__", "blockIdx", "threadIdx", "blockDim"} <= words
    assert not {"float", "for", "func_0", "<"} & words


def test_texts_of_one_length_stand_in_one_batch_and_an_epoch_has_each_text_once(texts: LanguageTexts) -> None:
    batches = [texts.batch(turn, 4, seed=3) for turn in range(len(texts) // 4)]
    assert texts.batch(1, 4, seed=3) == batches[1]
    assert Counter(number for batch in batches[:POOL] for number in batch).most_common(1)[0][1] <= 2
    lengths = [[len(texts.ids(number)) for number in batch] for batch in batches]
    spread = np.mean([max(batch) - min(batch) for batch in lengths])
    drawn = random.Random(1)
    alone = [len(texts.ids(number)) for number in range(len(texts))]
    assert spread < np.mean([np.ptp(drawn.sample(alone, 4)) for _ in range(50)]) / 2


def test_texts_know_the_rows_that_they_are_of(corpora: Path, texts: LanguageTexts, vocabulary: Vocabulary) -> None:
    from data.corpus.row import read_rows
    from data.tokens.tokompiler import encode

    rows = {row.id: row for row in read_rows(corpora / "c.parquet")}
    for number, identity in enumerate(row_ids(_data(corpora), texts)):
        row = rows[identity]
        assert texts.ids(number) == ids_of(encode(row.text.rstrip(), row.language).text, vocabulary)


def test_hidden_tokens_are_predicted_and_marks_are_not(vocabulary: Vocabulary, marks: Marks) -> None:
    ids, rng = ids_of(C, vocabulary), random.Random(0)
    chosen = hidden = kept = 0
    for _ in range(200):
        source, wanted = hide(ids, 0.15, marks, rng)
        assert (source[0], source[-1], wanted[0], wanted[-1]) == (ids[0], ids[-1], IGNORED, IGNORED)
        places = [place for place, token in enumerate(wanted) if token != IGNORED]
        assert all(wanted[place] == ids[place] for place in places)
        assert all(source[place] == ids[place] for place in range(len(ids)) if place not in places)
        chosen += len(places)
        hidden += sum(source[place] == marks.mask for place in places)
        kept += sum(source[place] == ids[place] for place in places)
    assert chosen / (200 * len(ids)) == pytest.approx(0.15, abs=0.02)
    assert hidden / chosen == pytest.approx(0.8, abs=0.03)
    assert kept / chosen == pytest.approx(0.1, abs=0.03)


def test_a_text_of_one_token_has_it_predicted(vocabulary: Vocabulary, marks: Marks) -> None:
    _, wanted = hide(ids_of(";", vocabulary), 1e-9, marks, random.Random(0))
    assert wanted[1] != IGNORED


def test_noise_drops_hides_and_moves_by_less_than_three_places(vocabulary: Vocabulary, marks: Marks) -> None:
    ids = list(range(10, 90))
    text = [marks.languages["c"], *ids, marks.end]
    noise, rng = Noise(NoiseGroup(shuffle=3, drop=0.1, blank=0.3), marks), random.Random(0)
    lengths, hidden = 0, 0
    for _ in range(100):
        noisy = noise.corrupted(text, "c", 0.5, rng)
        assert (noisy[0], noisy[-1]) == (text[0], text[-1])
        lengths += len(noisy) - 2
        hidden += noisy.count(marks.mask)
    assert lengths / 8000 == pytest.approx(0.9, abs=0.02)
    assert hidden / lengths == pytest.approx(0.3, abs=0.03)
    moved = Noise(NoiseGroup(shuffle=3, drop=0, blank=0), marks).corrupted(text, "c", 0.5, rng)[1:-1]
    assert sorted(moved) == ids and moved != ids
    assert max(abs(place - ids.index(token)) for place, token in enumerate(moved)) <= 3


def test_cuda_words_are_dropped_and_inserted_on_demand(vocabulary: Vocabulary, marks: Marks) -> None:
    kernel, plain = ids_of(KERNEL, vocabulary, "cuda"), ids_of(C, vocabulary)
    group = NoiseGroup(shuffle=0, drop=0, blank=0, keyword_drop=1, insert=0.5)
    noise, rng = Noise(group, marks), random.Random(0)
    without = noise.corrupted(kernel, "cuda", 1, rng)
    assert without == [token for token in kernel if token not in marks.cuda_words]
    with_words = noise.corrupted(plain, "c", 1, rng)
    assert [token for token in with_words if token not in marks.cuda_words] == plain
    assert len(with_words) > len(plain)
    growing = Noise(group.model_copy(update={"adaptive": True, "adaptive_start": 0.0}), marks)
    assert growing.corrupted(kernel, "cuda", 0, rng) == kernel


def test_entities_are_those_of_the_syntax_tree(vocabulary: Vocabulary) -> None:
    ids = ids_of(C, vocabulary)
    tags = tags_of(ids, "c", vocabulary)
    assert len(tags) == len(ids) and tags[0] == tags[-1] == IGNORED
    words = [vocabulary.decode([identity]).strip() for identity in ids[1:-1]]
    named = list(zip(words, [TAGS[tag] for tag in tags[1:-1]], strict=True))
    expected = {
        **{"void": "type", "float": "type", "func_0": "function", "arr_0": "name", "var_1": "name"},
        **{
            "for": "keyword",
            "0": "constant",
            "<": "operator",
            "++": "operator",
            ";": "punctuation",
            "(": "punctuation",
        },
    }
    for word, tag in named:
        assert expected.get(word, tag) == tag
    assert {tag for _, tag in named} >= {"type", "function", "name", "keyword", "constant", "operator", "punctuation"}


def test_the_weight_of_denoising_is_linear_between_its_points() -> None:
    points = [(0.0, 1.0), (0.5, 0.1), (1.0, 0.0)]
    assert [weight_at(points, share) for share in (0, 0.25, 0.5, 0.75)] == pytest.approx([1, 0.55, 0.1, 0.05])


def test_the_rate_falls_with_the_root_of_the_step() -> None:
    group = StageGroup(steps=1000, learning_rate=1.0, warmup_steps=100)
    assert stage_rate(49, group) == 0.5
    assert stage_rate(99, group) == 1
    assert stage_rate(399, group) == pytest.approx(0.5)


def test_the_decoder_begins_as_the_encoder(marks: Marks) -> None:
    translator = new_translator(ModelGroup(layers=2, hidden=32, heads=2, context=64), marks, seed=0)
    with torch.no_grad():
        for parameter in translator.model.encoder.parameters():
            parameter.add_(torch.randn_like(parameter))
    crossing = {name: parameter.clone() for name, parameter in translator.named_parameters() if "encoder_attn" in name}
    begin_decoder(translator)
    encoder, decoder = translator.model.encoder.state_dict(), translator.model.decoder.state_dict()
    assert all(torch.equal(decoder[name], value) for name, value in encoder.items())
    assert all(torch.equal(dict(translator.named_parameters())[name], value) for name, value in crossing.items())


def test_the_loss_is_that_of_transformers(vocabulary: Vocabulary, marks: Marks) -> None:
    translator = new_translator(ModelGroup(layers=1, hidden=32, heads=2, context=64), marks, seed=0).eval()
    sources, targets = [ids_of(C, vocabulary), ids_of(";", vocabulary)], [ids_of(KERNEL, vocabulary, "cuda")] * 2
    batch = translation_batch(sources, targets, marks)
    loss = TranslationNetwork(translator).eval()(*batch.tensors(torch.device("cpu")))
    theirs = translator(
        input_ids=batch.source,
        attention_mask=batch.attention,
        decoder_input_ids=batch.decoder,
        labels=batch.wanted,
    ).loss
    assert loss.item() / batch.predicted == pytest.approx(theirs.item(), rel=1e-5)
    assert batch.tokens == sum(map(len, sources)) + sum(len(target) - 1 for target in targets)


def test_a_batch_is_translated_as_its_texts_alone(vocabulary: Vocabulary, marks: Marks) -> None:
    translator = new_translator(ModelGroup(layers=1, hidden=32, heads=2, context=64), marks, seed=3)
    translate = Translate(translator, marks, length_factor=1.0, length_extra=0)
    long, short = ids_of(C, vocabulary), ids_of(KERNEL, vocabulary, "cuda")
    together = translate([long, short], "cuda")
    alone = Translate(translator, marks, length_factor=len(long) / len(short), length_extra=0)
    assert together[1] == alone([short], "cuda")[0]
    assert all(ids[0] == marks.languages["cuda"] and ids[-1] == marks.end for ids in together)
    assert all(ids.count(marks.end) == 1 and marks.pad not in ids for ids in together)
    assert translator.training


def test_a_copy_is_no_translation(vocabulary: Vocabulary, marks: Marks) -> None:
    plain, kernel = ids_of(C, vocabulary), ids_of(KERNEL, vocabulary, "cuda")
    assert is_in_language(kernel, "cuda", marks) and is_in_language(plain, "c", marks)
    assert not is_in_language(plain, "cuda", marks) and not is_in_language(kernel, "c", marks)
    assert likeness(plain, plain) == 1
    assert likeness([1, 2, 3, 4], [1, 2, 9, 9]) == 0.5
