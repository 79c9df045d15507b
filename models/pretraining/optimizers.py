"""`make_optimizers`: what moves the weights: AdamW, or Muon for the matrices inside the layers."""

from __future__ import annotations

import torch
from torch import nn

from models.precision import bf16_is_fast_here
from models.pretraining.config import TrainingGroup
from models.pretraining.muon import SingleMuon


def make_optimizers(model: nn.Module, training: TrainingGroup) -> list[torch.optim.Optimizer]:
    """AdamW for all parameters; it lets matrices decay, and leaves biases and the scales of norms alone. With `muon`
    first Muon for the matrices of the layers, and AdamW for the rest (embeddings and the last matrix among it).

    Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/) makes the update of a matrix orthogonal. Its
    updates are scaled to the size of AdamW's (Liu et al., arXiv 2502.16982, section 2.2), so that both take one rate.
    """
    if training.optimizer == "adamw":
        return [_adamw(list(model.parameters()), training)]
    embeddings = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    chosen = [
        parameter
        for name, parameter in model.named_parameters()
        if parameter.ndim == 2 and id(parameter) not in embeddings and "embed" not in name and "head" not in name
    ]
    known = {id(parameter) for parameter in chosen}
    kind = torch.optim.Muon if bf16_is_fast_here() else SingleMuon
    muon = kind(chosen, lr=training.learning_rate, weight_decay=training.weight_decay, adjust_lr_fn="match_rms_adamw")
    return [muon, _adamw([p for p in model.parameters() if id(p) not in known], training)]


def _adamw(parameters: list[nn.Parameter], training: TrainingGroup) -> torch.optim.AdamW:
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": training.weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=training.learning_rate, betas=(training.beta1, training.beta2))
