"""What cannot be asked for is refused with the key named; the values that are not given are the paper's."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.errors import ModelError
from models.run_config import validated
from translator.back_translation.config import BackTranslationConfig, read_config

BASE: dict[str, object] = {"output": "run", "data": {"c": ["c"], "cuda": ["cuda"], "tokenizer": "t"}}


def test_what_is_not_given_is_the_papers() -> None:
    config = BackTranslationConfig.model_validate(BASE)
    assert (config.model.layers, config.model.hidden, config.model.heads) == (6, 1024, 8)
    assert config.masked_lm.masked == 0.15
    assert (config.noise.shuffle, config.noise.drop, config.noise.blank) == (3, 0.1, 0.3)
    assert [weight for _, weight in config.translation.denoising_weight] == [1, 0.1, 0]
    assert (config.filter.kind, config.entities, config.finetune) == ("none", None, None)
    assert (config.noise.keyword_drop, config.noise.insert, config.noise.adaptive) == (0, 0, False)
    assert config.judges_by == ()


@pytest.mark.parametrize(
    ("groups", "complaint"),
    [
        ({"modle": {}}, "modle: no such key"),
        ({"filter": {"tests": 3}}, "filter.tests: no such key"),
        ({"model": {"hidden": 100}}, "model: hidden (100) is no multiple of heads (8)"),
        ({"filter": {"judged_per_batch": 3}}, "filter.judged_per_batch is used only with filter.kind: compile or test"),
        ({"noise": {"adaptive_start": 0.2}}, "noise: adaptive_start is used only with adaptive: true"),
        ({"translation": {"denoising_weight": [[0.5, 1]]}}, "the shares of the steps begin with 0 and grow"),
        (
            {"translation": {"denoising_weight": [[0, 0]], "back_translation_from": 0.5}},
            "denoising_weight and back_translation_from contradict",
        ),
        ({"masked_lm": {"steps": 5, "warmup_steps": 5}}, "masked_lm: warmup_steps (5) leaves nothing of steps (5)"),
        ({"start": "model"}, "start and masked_lm contradict"),
        ({"finetune": {}}, "finetune.pairs: Field required"),
    ],
)
def test_contradictions_are_refused_with_the_key(groups: dict[str, object], complaint: str) -> None:
    with pytest.raises(ModelError) as error:
        validated(BackTranslationConfig, {**BASE, **groups}, "run.yaml")
    assert complaint in str(error.value)


@pytest.mark.parametrize(
    ("name", "judges"),
    [
        ("backtranslate", ()),
        ("tiny-backtranslate", ()),
        ("tiny-backtranslate-none", ()),
        ("tiny-backtranslate-compile", ("compile",)),
        ("tiny-backtranslate-test", ("test",)),
        ("micro-backtranslate", ("test",)),
    ],
)
def test_shipped_configs_can_be_read(repository: Path, name: str, judges: tuple[str, ...]) -> None:
    assert read_config(repository / "configs" / f"{name}.yaml").judges_by == judges
