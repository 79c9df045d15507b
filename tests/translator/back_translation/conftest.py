"""Small corpora of synthesized functions and kernels, a lexical tokenizer, and the run that the tests share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from data.corpus.row import write_shard
from data.synthesis.synthesize import synthesize
from data.tokens.bpe import save_tokenizer
from data.tokens.lexical_vocabulary import CONFIG, SMALLEST_VOCABULARY, train_lexical
from data.tokens.tokompiler import encode
from models.pretraining.vocabulary import Vocabulary
from translator.back_translation.config import BackTranslationConfig
from translator.back_translation.marks import Marks, load_marked, marks_of

torch.set_num_threads(1)  # the models are too small for more

FAMILIES = ("axpy", "fill")


@pytest.fixture(scope="session")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with c.parquet, cuda.parquet and a tokenizer of their anonymous texts."""
    folder = tmp_path_factory.mktemp("corpora")
    write_shard(synthesize(120, 1, "c", FAMILIES), folder / "c.parquet")
    write_shard(synthesize(120, 2, "cuda", FAMILIES), folder / "cuda.parquet")
    rows = [*synthesize(60, 3, "c", FAMILIES), *synthesize(60, 3, "cuda", FAMILIES)]
    save_tokenizer(
        train_lexical([encode(row.text, row.language).text for row in rows], SMALLEST_VOCABULARY),
        folder / "tokenizer",
        CONFIG,
    )
    return folder


@pytest.fixture(scope="session")
def vocabulary(corpora: Path) -> Vocabulary:
    return load_marked(corpora / "tokenizer")


@pytest.fixture(scope="session")
def marks(vocabulary: Vocabulary) -> Marks:
    return marks_of(vocabulary)


@pytest.fixture
def make_config(corpora: Path, tmp_path: Path) -> Callable[..., BackTranslationConfig]:
    """Makes the config of a run of two small stages; keywords replace keys of a group."""

    def make(output: str = "run", **groups: dict[str, object]) -> BackTranslationConfig:
        stage = {"steps": 4, "batch_sequences": 4, "micro_batch": 4, "learning_rate": 3e-3, "warmup_steps": 1}
        given: dict[str, dict[str, object]] = {
            "model": {"layers": 1, "hidden": 32, "heads": 2, "context": 256},
            "data": {
                "c": [corpora / "c.parquet"],
                "cuda": [corpora / "cuda.parquet"],
                "tokenizer": corpora / "tokenizer",
                "held_out_share": 0.1,
            },
            "masked_lm": stage,
            "translation": {**stage, "steps": 8, "denoising_weight": [[0, 1], [1, 1]]},
            "evaluation": {"every": 4, "texts": 2},
            "run": {"checkpoint_every": 3},
        }
        names = [*given, *(name for name in groups if name not in given)]
        merged = {name: {**given.get(name, {}), **groups.get(name, {})} for name in names}
        return BackTranslationConfig.model_validate({"output": tmp_path / output, "seed": 1, **merged})

    return make
