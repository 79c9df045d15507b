"""A model that has learned a form completes it, within its length, the same way each time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from models.errors import ModelError
from models.pretraining.completion import CodeModel, load_code_model, split_text
from models.pretraining.config import PretrainConfig
from models.pretraining.train import pretrain

Make = Callable[..., PretrainConfig]
BEGINNING = "void f7(float *x, const float *y, int n)\n{\n    for (int i"


@pytest.fixture
def trained(micro: Make) -> Iterator[CodeModel]:
    config = micro(training={"steps": 3})
    pretrain(config)
    yield load_code_model(config.output)


def test_a_text_is_split_between_lexical_tokens() -> None:
    text = "int f(int a)\n{ /* b */\n    return a + 1;\n}\n"
    assert split_text(text, 4) == ("int f(int", text[len("int f(int") :])
    given, rest = split_text(text, 100)  # at most half of the 13 tokens
    assert given == "int f(int a)"
    assert given + rest == text
    assert split_text("", 3) == ("", "")


def test_completions_keep_to_their_length_and_repeat(trained: CodeModel) -> None:
    made = trained.complete(BEGINNING, "c", most=5)
    assert 0 < len(trained.vocabulary.tokenizer.encode(made)) <= 6
    assert trained.complete(BEGINNING, "c", most=5) == made
    drawn = [trained.complete(BEGINNING, "c", most=20, temperature=1.0, seed=seed) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_text_longer_than_the_context_is_completed(trained: CodeModel) -> None:
    assert len(trained.complete(BEGINNING * 20, "c", most=8)) > 0


@pytest.mark.slow
def test_a_learned_form_is_completed(micro: Make) -> None:
    config = micro(training={"steps": 120, "learning_rate": 6e-3}, evaluation={"every": 500})
    pretrain(config)
    made = load_code_model(config.output).complete(BEGINNING, "c", most=20)
    assert made.startswith(" = 0; i < ")
    assert "i++)" in made


@pytest.mark.parametrize("tokompiler", [False, True])
def test_held_out_functions_are_completed_and_scored(micro: Make, tokompiler: bool) -> None:
    calls: list[tuple[dict[str, str], dict[str, str]]] = []

    def score(made: Mapping[str, str], wanted: Mapping[str, str]) -> float:
        calls.append((dict(made), dict(wanted)))
        return 12.5

    config = micro(
        data={"tokompiler": tokompiler},
        training={"steps": 3},
        evaluation={"completions": 3, "completion_prompt": 12, "rows": 5},
    )
    result = pretrain(config, score=score)
    assert result["codebleu"] == 12.5
    [(made, wanted)] = calls
    assert made.keys() == wanted.keys()
    assert len(wanted) == 3
    assert all(text.rstrip().endswith("}") and "for" in text for text in wanted.values())
    assert all(("arr_" in text or "var_" in text) == tokompiler for text in wanted.values())


def test_a_model_of_anonymous_texts_answers_with_the_names_of_the_text(micro: Make) -> None:
    config = micro(data={"tokompiler": True}, training={"steps": 3})
    pretrain(config)
    model = load_code_model(config.output)
    made = model.complete(BEGINNING, "c", most=40)
    assert "var_" not in made
    assert "num_" not in made


def test_a_folder_without_a_model_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no trained model there \(musl pretrain makes one\)"):
        load_code_model(tmp_path)
