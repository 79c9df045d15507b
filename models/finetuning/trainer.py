"""`ExampleTrainer`: trl's SFTTrainer with the two losses, a log of its own, and checkpoints that are vouched for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import torch
from peft import PeftModel
from safetensors import SafetensorError
from torch import Tensor
from transformers import PreTrainedModel, TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from trl.trainer.sft_trainer import SFTTrainer

from models.errors import ModelError
from models.finetuning.base import first_line
from models.finetuning.folder import FinetuneFolder
from models.finetuning.head import score_labels_only
from models.finetuning.losses import completion_log_probabilities, limited_confidence
from models.finetuning.rows import example_numbers
from models.training_folder import Progress, add_line, read_lines


class ExampleTrainer(SFTTrainer):
    """`samples` is the N of `limited_confidence`; 1 for cross entropy. `folder` keeps `keep` checkpoints."""

    def __init__(self, *, samples: int, folder: FinetuneFolder, keep: int, **given: Any) -> None:
        super().__init__(**given)
        self.samples, self.folder, self.keep = samples, folder, keep
        for parameter in self.trained.parameters():
            if parameter.requires_grad and parameter.dtype != torch.float32:
                # trl puts adapters on 4-bit bases in bf16, in which one that is loaded to go on is not
                parameter.data = parameter.data.float()
        if self.args.device.type == "cpu":
            model = self.trained.get_base_model() if isinstance(self.trained, PeftModel) else self.trained
            assert isinstance(model, PreTrainedModel)
            score_labels_only(model)

    @property
    def trained(self) -> torch.nn.Module:
        """The model, as it is without the wrappers of several processes."""
        assert self.model is not None
        return self.model

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: Mapping[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Tensor:
        """The summed losses of completions over the tokens in them, of the whole step where it is accumulated."""
        outputs = model(**inputs, fused_lm_head=True)
        log_probs: Tensor = outputs.log_probs
        mask: Tensor = outputs.label_mask
        if self.samples == 1:
            total = -log_probs.sum()
        else:
            numbers = example_numbers(inputs["position_ids"])
            of_each = completion_log_probabilities(log_probs[mask], numbers[:, 1:][mask], int(numbers.max()) + 1)
            total = limited_confidence(of_each, self.samples)[of_each < 0].sum().to(log_probs.dtype)
        if num_items_in_batch is None:
            num_items_in_batch, processes = mask.sum().clamp(min=1), 1
        else:
            processes = self.accelerator.num_processes  # its tokens are counted over all, whose gradients are averaged
        return total / num_items_in_batch * processes

    def _save_checkpoint(self, model: torch.nn.Module, trial: Any) -> None:
        """Vouched for by the main process once all have written their part."""
        try:
            super()._save_checkpoint(model, trial)  # type: ignore[no-untyped-call]
        except (OSError, SafetensorError, RuntimeError) as error:  # torch.save has no better word for a full disk
            refuse_to_write(self.folder.path, error)
        self.accelerator.wait_for_everyone()
        if self.is_world_process_zero():
            self.folder.vouch(self.state.global_step, self.keep)
        self.accelerator.wait_for_everyone()

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """None: a checkpoint holds what the run needs."""


def refuse_to_write(place: Path, error: BaseException) -> NoReturn:
    """One line for what the disk did not take."""
    reason = getattr(error, "strerror", None) or first_line(error)
    raise ModelError(f"{place}: cannot be written ({reason})") from None


class RunLog(TrainerCallback):
    """Writes the log and tells of progress. `tokens_per_step` is the mean over an epoch."""

    def __init__(self, folder: FinetuneFolder, tokens_per_step: float, progress: Callable[[Progress], None]) -> None:
        self.folder, self.tokens_per_step, self.progress = folder, tokens_per_step, progress
        before = read_lines(folder.log)
        self.seconds = before[-1]["seconds"] if before else 0.0
        self.started = time.monotonic()

    def on_step_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **rest: Any) -> None:
        """The clock runs while a step is computed, not while a checkpoint is written."""
        self.started = time.monotonic()

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, float] | None = None,
        **rest: Any,
    ) -> None:
        """A line for each step and each evaluation. ModelError for a loss that is no number."""
        logs = logs or {}
        if "eval_loss" in logs and state.is_world_process_zero:
            add_line(self.folder.evaluations, {"step": state.global_step, "loss": logs["eval_loss"]})
        if "loss" not in logs:
            return
        loss, rate = float(logs["loss"]), float(logs["learning_rate"])
        if not torch.isfinite(torch.tensor(loss)):
            raise ModelError(f"step {state.global_step}: the loss is {loss}; lower training.learning_rate ({rate:g})")
        if state.is_world_process_zero:
            self._tell(state, loss, rate, float(logs.get("grad_norm", 0.0)))

    def _tell(self, state: TrainerState, loss: float, rate: float, norm: float) -> None:
        seconds = time.monotonic() - self.started
        self.seconds += seconds
        line = {"step": state.global_step, "loss": loss, "learning_rate": rate, "grad_norm": norm}
        add_line(self.folder.log, {**line, "seconds": round(self.seconds, 3)})
        left = (state.max_steps - state.global_step) * self.seconds / state.global_step
        speed = self.tokens_per_step / max(seconds, 1e-9)
        self.progress(Progress(state.global_step, state.max_steps, loss, rate, speed, left))
