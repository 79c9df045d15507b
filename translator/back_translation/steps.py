"""`Stepper`: one step of the optimizer after the other, within a stage."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch.optim import Optimizer

from models.errors import ModelError
from translator.back_translation.marks import Marks
from translator.back_translation.network import Batch, idle_batch
from translator.back_translation.schedule import stage_rate
from translator.back_translation.stages import Stage, Teacher


@dataclass(frozen=True)
class Taken:
    """A step that was taken: the loss in nats per predicted token (0 where nothing was), the tokens of all processes
    that were trained on, and what the stage counted besides."""

    objective: str
    loss: float
    rate: float
    tokens: int
    seconds: float
    counts: Mapping[str, int]


@dataclass(frozen=True)
class Stepper:
    """Takes the steps of a stage; `model` is what accelerate made of the network."""

    stage: Stage
    accelerator: Accelerator
    model: torch.nn.Module
    optimizers: Sequence[Optimizer]
    teacher: Teacher
    marks: Marks
    seed: int

    def step(self, number: int) -> Taken:
        """Step `number` of the stage, counted from 0. ModelError where the loss is no number."""
        started, accelerator = time.monotonic(), self.accelerator
        rate = stage_rate(number, self.stage.group)
        for group in (group for optimizer in self.optimizers for group in optimizer.param_groups):
            group["lr"] = rate
        work = self.teacher.work(number, slice(accelerator.process_index, None, accelerator.num_processes))
        predicted, tokens = sum(b.predicted for b in work.batches), sum(b.tokens for b in work.batches)
        counts = self._summed({"predicted": predicted, "tokens": tokens, **work.counts})
        predicted, tokens = counts.pop("predicted"), counts.pop("tokens")
        torch.manual_seed(self._seed(number))
        loss = 0.0
        if predicted:
            loss = self._trained(work.batches or [idle_batch(self.marks)], predicted)
        if not math.isfinite(loss):
            place = f"{self.stage.name}, step {number + 1}"
            raise ModelError(f"{place}: the loss is {loss}; lower its learning_rate ({rate:g})")
        return Taken(work.objective, loss, rate, tokens, time.monotonic() - started, counts)

    def _trained(self, batches: Sequence[Batch], predicted: int) -> float:
        """The step's loss per predicted token; the weights have moved."""
        accelerator, summed = self.accelerator, torch.zeros((), device=self.accelerator.device)
        self.model.train()
        for batch in batches:
            whole = batch is batches[-1]
            with nullcontext() if whole else accelerator.no_sync(self.model):
                loss = self.model(*batch.tensors(accelerator.device))
                summed += loss.detach()
                # The processes' gradients are averaged, so each brings its part of the sum times their number.
                accelerator.backward(loss * (batch.weight * accelerator.num_processes / predicted))
        accelerator.clip_grad_norm_(self.model.parameters(), self.stage.group.clip_norm)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad()
        total = accelerator.reduce(summed, reduction="sum")
        assert isinstance(total, torch.Tensor)
        return float(total) / predicted

    def _summed(self, counts: Mapping[str, int]) -> dict[str, int]:
        """The counts of all processes together."""
        if self.accelerator.num_processes == 1:
            return dict(counts)
        given = torch.tensor(list(counts.values()), device=self.accelerator.device)
        total = self.accelerator.reduce(given, reduction="sum")
        assert isinstance(total, torch.Tensor)
        return dict(zip(counts, total.tolist(), strict=True))

    def _seed(self, number: int) -> int:
        """What dropout is drawn from: another for each stage, step and process."""
        names = f"{self.seed}/{self.stage.name}/{number}/{self.accelerator.process_index}"
        return int.from_bytes(hashlib.sha256(names.encode()).digest()[:4], "little")
