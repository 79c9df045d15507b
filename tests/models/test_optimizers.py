"""What moves which weights, and that a run with two optimizers that was cut off ends as one that was not."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest
import torch

from models.pretraining.config import PretrainConfig
from models.pretraining.optimizers import make_optimizers
from models.pretraining.run_folder import RunFolder
from models.pretraining.sizes import SIZES, new_model
from models.pretraining.train import Progress, pretrain

Make = Callable[..., PretrainConfig]


@pytest.mark.parametrize("family", ["llama", "gpt_neox"])
def test_muon_has_the_matrices_of_the_layers_and_adamw_all_else(micro: Make, family: str) -> None:
    model = new_model(family, SIZES["micro"], vocabulary=50, context=16, end=0, seed=3)  # type: ignore[arg-type]
    muon, adamw = make_optimizers(model, micro(training={"optimizer": "muon"}).training)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    moved = [
        {names[id(parameter)] for group in one.param_groups for parameter in group["params"]} for one in (muon, adamw)
    ]
    assert isinstance(muon, torch.optim.Muon)
    assert all("layers" in name and name.endswith("weight") for name in moved[0])
    assert len(moved[0]) == 2 * (7 if family == "llama" else 4)
    assert moved[0] | moved[1] == set(names.values())
    assert not moved[0] & moved[1]
    assert not any(group["weight_decay"] for group in adamw.param_groups if group["params"][0].ndim < 2)


class Cut(Exception):
    """The run is ended here."""


def test_a_run_with_muon_learns_and_goes_on_to_the_same_weights(micro: Make) -> None:
    training = {"optimizer": "muon", "learning_rate": 5e-3}
    whole, halved = micro("whole", training=training), micro("halved", training=training)
    result = pretrain(whole)

    def cut(progress: Progress) -> None:
        if progress.step == 8:
            raise Cut

    with pytest.raises(Cut):
        pretrain(halved, on_progress=cut)
    again = pretrain(halved)
    assert again["per_token"] == result["per_token"] < 150  # of 400 tokens, evenly likely at the start
    weights = [(RunFolder(one.output).model / "model.safetensors").read_bytes() for one in (whole, halved)]
    assert weights[0] == weights[1]
    shutil.rmtree(whole.output)
    assert pretrain(micro("whole"))["per_token"] != result["per_token"]
