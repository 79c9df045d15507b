"""`limited_confidence`: a loss for Pass@N, Direct Coverage Optimization of Chen et al. 2025 ("Rethinking Fine-Tuning
when Scaling Test-Time Compute: Limiting Confidence Improves Mathematical Reasoning", arXiv 2502.07154).

    L = -log(1 - (1 - p)^N)

where p is the probability that the model writes the whole completion, so that 1 - (1 - p)^N is the probability that one
of N independent samples is it. Its gradient is that of cross entropy, -log p, times

    F(N, p) = N p (1 - p)^(N-1) / (1 - (1 - p)^N)

which is 1 for rare completions and falls to 0 once p is well above 1/N: what is found by N samples anyway is not made
more certain. With N = 1 it is cross entropy.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_CERTAIN = -1e-12  # log p is kept below 0, where log(1 - p) is finite
_RARE = -30.0  # below this log(N p), 1 - (1 - p)^N is N p to the last bit of a double


def limited_confidence(log_probability: Tensor, samples: int) -> Tensor:
    """The loss of each completion, in nats: (completions,) of log p to the same shape, differentiable, in double
    precision. Cross entropy less log N where p is far below 1/N."""
    log_p = log_probability.double().clamp(max=_CERTAIN)
    with torch.no_grad():
        log_miss = torch.log(-torch.expm1(log_p))  # log(1 - p)
        rare = log_p + math.log(samples) < _RARE
        # log(1 - (1 - p)^N); the argument is kept where expm1 is not 0, `rare` has its own formula
        found = torch.log(-torch.expm1((samples * log_miss).clamp(max=-1e-300)))
        log_found = torch.where(rare, log_p + math.log(samples), found)
        factor = torch.exp(math.log(samples) + log_p + (samples - 1) * log_miss - log_found)
    # The value is that of the formula, the gradient is F times that of -log p.
    return -log_found + factor * (log_p.detach() - log_p)


def completion_log_probabilities(token_log_probs: Tensor, completion: Tensor, completions: int) -> Tensor:
    """Sums the log-probabilities of tokens, (tokens,), by the completion that each belongs to, (tokens,) numbers below
    `completions`: (completions,)."""
    sums = torch.zeros(completions, dtype=torch.float64, device=token_log_probs.device)
    return sums.index_add(0, completion, token_log_probs.double())
