"""`SingleMuon`: PyTorch's Muon where bf16 is slow. PyTorch's own makes its updates orthogonal in bf16, always; without
instructions for it that takes a hundred times as long as the rest of the step (models/precision.py)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, overload

import torch

# Of the quintic Newton-Schulz iteration, as PyTorch has them (Jordan et al. 2024, kellerjordan.github.io/posts/muon).
_A, _B, _C = 3.4445, -4.7750, 2.0315


class SingleMuon(torch.optim.Muon):
    """Muon with Nesterov's momentum, updates scaled to AdamW's (Liu et al., arXiv 2502.16982, section 2.2), computed in
    float32. Options and state are those of `torch.optim.Muon` with `adjust_lr_fn="match_rms_adamw"`."""

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """One step for all matrices that have a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._move(parameter, group)
        return loss

    def _move(self, parameter: torch.Tensor, group: dict[str, Any]) -> None:
        gradient, state, rate = parameter.grad, self.state[parameter], float(group["lr"])
        assert gradient is not None
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(gradient, memory_format=torch.preserve_format)
        momentum = state["momentum_buffer"]
        momentum.lerp_(gradient, 1 - group["momentum"])
        update = gradient.lerp(momentum, group["momentum"]) if group["nesterov"] else momentum
        parameter.mul_(1 - rate * group["weight_decay"])
        scale = 0.2 * math.sqrt(max(parameter.shape))
        parameter.add_(orthogonal(update, group["ns_steps"], group["eps"]), alpha=-rate * scale)


def orthogonal(matrix: torch.Tensor, steps: int, smallest: float) -> torch.Tensor:
    """[m, n] -> [m, n] with the same singular vectors, and singular values between about 0.7 and 1.2 in place of its
    own: `steps` steps of the iteration of Newton and Schulz, divided by no norm below `smallest`."""
    wide = matrix if matrix.size(0) <= matrix.size(1) else matrix.T
    wide = wide / wide.norm().clamp(min=smallest)
    for _ in range(steps):
        gram = wide @ wide.T
        wide = torch.addmm(wide, torch.addmm(gram, gram, gram, beta=_B, alpha=_C), wide, beta=_A)
    return wide if matrix.size(0) <= matrix.size(1) else wide.T
