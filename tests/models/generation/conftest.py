"""Micro models with random weights, made anew in each test run: nothing is downloaded."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer

from models.model_form import ModelForm
from models.pretraining.sizes import Shape, new_model


@pytest.fixture(scope="session")
def make_model(tokenizer: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Makes the folder of a Llama of 2 layers and width `hidden`, whose answers are random but differ from prompt to
    prompt; `form` becomes its musl.json, `template` its chat template."""

    def make(
        name: str = "model", *, seed: int = 0, form: ModelForm | None = None, template: str = "", hidden: int = 32
    ) -> Path:
        folder = tmp_path_factory.mktemp(name)
        its = AutoTokenizer.from_pretrained(tokenizer)
        model = new_model(
            "llama", Shape(2, hidden, 2), vocabulary=len(its), context=128, end=its.eos_token_id, seed=seed
        )
        with torch.no_grad():  # as initialized, the logits of all tokens are about the same whatever the prompt
            for parameter in model.parameters():
                if parameter.ndim == 2:
                    parameter.mul_(8)
        model.save_pretrained(folder)
        if template:
            its.chat_template = template
        its.save_pretrained(folder)
        if form:
            form.save(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def model_folder(make_model: Callable[..., Path]) -> Path:
    """The folder of a micro model that is asked in the short form. Tests leave it as it is."""
    return make_model(form=ModelForm("short", anonymous=True))


@pytest.fixture
def own_model(model_folder: Path, tmp_path: Path) -> Path:
    """A copy of the micro model that a test may spoil."""
    return Path(shutil.copytree(model_folder, tmp_path / "own"))
