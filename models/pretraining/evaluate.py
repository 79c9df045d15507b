"""`measure`: the likelihood of held-out texts under a causal model, long texts in overlapping windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from models.pretraining.likelihood import HeldOut, Likelihood

if TYPE_CHECKING:
    from accelerate import Accelerator

_IGNORED = -100


@dataclass(frozen=True)
class Window:
    """Ids `start` to `end` of text `text`, of which those from `scored` on are counted."""

    text: int
    start: int
    end: int
    scored: int


def windows_of(lengths: Sequence[int], context: int) -> list[Window]:
    """Every token but a text's first is scored once. A text longer than `context` is seen in windows that move by half
    a context, so a token has at least half a context before it (or the whole text so far)."""
    windows = []
    for text, length in enumerate(lengths):
        start, scored = 0, 1
        while scored < length:
            end = min(start + context, length)
            windows.append(Window(text, start, end, scored))
            scored, start = end, end - context // 2
    return windows


def measure(model: torch.nn.Module, texts: HeldOut, context: int, batch: int, accelerator: Accelerator) -> Likelihood:
    """The texts' likelihood, the work shared by all processes; each of them gets the same figure.

    `batch` windows of about the same length are computed at once. Every process computes equally often, as models
    that are sharded over processes need.
    """
    windows = sorted(windows_of([len(ids) for ids in texts.ids], context), key=lambda w: (w.end - w.start, w.text))
    batches = [windows[i : i + batch] for i in range(0, len(windows), batch)]
    rounds = -(-len(batches) // accelerator.num_processes)
    nats = torch.zeros((), dtype=torch.float64, device=accelerator.device)
    model.eval()
    with torch.no_grad():
        for number in range(rounds):
            mine = number * accelerator.num_processes + accelerator.process_index
            summed = _nats(model, texts, batches[min(mine, len(batches) - 1)], accelerator.device)
            nats += summed if mine < len(batches) else torch.zeros_like(summed)
    model.train()
    return texts.likelihood(float(accelerator.reduce(nats, reduction="sum")))


def _nats(model: torch.nn.Module, texts: HeldOut, windows: Sequence[Window], device: torch.device) -> torch.Tensor:
    """Summed negative log-likelihood of the windows' scored tokens, a float64 scalar."""
    longest = max(window.end - window.start for window in windows)
    ids = torch.zeros((len(windows), longest), dtype=torch.long)
    wanted = torch.full((len(windows), longest), _IGNORED, dtype=torch.long)
    for row, window in enumerate(windows):
        text = torch.tensor(texts.ids[window.text][window.start : window.end], dtype=torch.long)
        ids[row, : len(text)] = text  # padding comes after, where a causal model does not look
        wanted[row, window.scored - window.start : len(text)] = text[window.scored - window.start :]
    logits = model(input_ids=ids.to(device), use_cache=False).logits[:, :-1].float()
    losses = functional.cross_entropy(
        logits.reshape(-1, logits.shape[-1]),
        wanted[:, 1:].reshape(-1).to(device),
        ignore_index=_IGNORED,
        reduction="sum",
    )
    return losses.double()
