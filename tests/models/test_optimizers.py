"""What moves which weights, and that a run with two optimizers that was cut off ends as one that was not."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest
import torch

from models import precision
from models.pretraining import optimizers
from models.pretraining.config import PretrainConfig
from models.pretraining.muon import SingleMuon, orthogonal
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


@pytest.mark.parametrize(("fast", "kind"), [(True, torch.optim.Muon), (False, SingleMuon)])
def test_muon_computes_in_what_the_processor_is_fast_in(
    micro: Make, monkeypatch: pytest.MonkeyPatch, fast: bool, kind: type[torch.optim.Optimizer]
) -> None:
    monkeypatch.setattr(optimizers, "bf16_is_fast_here", lambda: fast)
    model = new_model("llama", SIZES["micro"], vocabulary=50, context=16, end=0, seed=3)
    assert type(make_optimizers(model, micro(training={"optimizer": "muon"}).training)[0]) is kind


def test_muon_in_float32_makes_the_steps_of_muon_and_goes_on_with_its_state() -> None:
    """Of PyTorch's own, which rounds to bf16 (8 bits): within a hundredth of the way. Half of the steps are made by
    one, and the other goes on with its state."""
    torch.manual_seed(0)
    start = [torch.randn(shape) for shape in ((8, 20), (30, 6), (16, 16))]
    pushes = [[torch.randn_like(one) for one in start] for _ in range(6)]
    ends = []
    for kinds in ((torch.optim.Muon, torch.optim.Muon), (SingleMuon, SingleMuon), (torch.optim.Muon, SingleMuon)):
        weights = [torch.nn.Parameter(one.clone()) for one in start]
        first, then = (kind(weights, lr=0.01, weight_decay=0.1, adjust_lr_fn="match_rms_adamw") for kind in kinds)
        for step, gradients in enumerate(pushes):
            if step == 3:
                then.load_state_dict(first.state_dict())
            for weight, gradient in zip(weights, gradients, strict=True):
                weight.grad = gradient.clone()
            (first if step < 3 else then).step()
        ends.append([weight.detach() for weight in weights])
    for other in ends[1:]:
        for one, another, begin in zip(ends[0], other, start, strict=True):
            assert (one - another).norm() < 0.01 * (one - begin).norm()


def test_an_orthogonal_update_has_the_singular_vectors_of_the_gradient() -> None:
    torch.manual_seed(0)
    gradient = torch.randn(12, 30)
    left, _, right = torch.linalg.svd(gradient, full_matrices=False)
    diagonal = left.T @ orthogonal(gradient, steps=5, smallest=1e-7) @ right.T
    assert torch.allclose(diagonal, torch.diag(diagonal.diag()), atol=1e-4)
    assert diagonal.diag().min() > 0.5
    assert diagonal.diag().max() < 1.5


def test_bf16_is_fast_where_there_is_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    for gpu in (True, False):
        monkeypatch.setattr(torch.cuda, "is_available", lambda gpu=gpu: gpu)
        assert precision.bf16_is_fast_here() is gpu


@pytest.mark.parametrize(("fast", "taken"), [(True, "bf16"), (False, "float32")])
def test_bf16_is_computed_where_it_is_fast_and_else_that_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fast: bool, taken: str
) -> None:
    monkeypatch.setattr(precision, "bf16_is_fast_here", lambda: fast)
    precision._say_so.cache_clear()
    assert [precision.computes_in("bf16"), precision.computes_in("bf16")] == [taken, taken]
    assert precision.computes_in("float32") == "float32"
    assert [precision.bits_of("bf16"), precision.bits_of("float32")] == [16 if fast else 32, 32]
    assert len(caplog.messages) == (taken == "float32")
    assert all("bf16 has no fast instructions" in message for message in caplog.messages)
    precision._say_so.cache_clear()


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
