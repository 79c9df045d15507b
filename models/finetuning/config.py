"""`FinetuneConfig`: what one fine-tuning run is asked to do, read from YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, model_validator

from models.run_config import Group, Precision, RunGroup, read_yaml, validated

Method: TypeAlias = Literal["full", "lora", "qlora"]
Loss: TypeAlias = Literal["cross_entropy", "limited_confidence"]
Share = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
NotNegative = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]

DEFAULT_TEST_SAMPLES = 10


class FormGroup(Group):
    """How the trained model wants to be asked: written to its `musl.json`."""

    style: Literal["instruct", "short"]
    anonymous: bool = False


class ModelGroup(Group):
    """The model that is trained further: a folder of transformers, or a hub id."""

    base: Annotated[str, Field(min_length=1)]
    method: Method = "full"
    """All weights; low-rank adapters (LoRA, arXiv 2106.09685); these on a base in 4 bits (QLoRA, arXiv 2305.14314)."""
    continue_from: Path | None = None
    """The folder of an adapter for the same base, which is trained further instead of a fresh one."""
    context: Annotated[int, Field(ge=8)] = 1024
    """Tokens of one row. An example that is longer is left out, and counted."""
    attention: Literal["sdpa", "eager", "flash_attention_2"] = "sdpa"
    form: FormGroup | None = None
    """Default: that of the base; where it says nothing, instruct if its tokenizer has a chat template, else short."""


class AdapterGroup(Group):
    """The shape of a fresh adapter."""

    rank: Count = 16
    alpha: Count = 32
    dropout: Share = 0.0
    target_modules: str | list[str] = "all-linear"
    merge: bool = False
    """Save the base with the adapter worked into it, not the adapter alone."""


class DataGroup(Group):
    """JSON Lines of {"prompt", "completion"}, for instruct models also "system"; other keys are not looked at."""

    train: Annotated[list[Path], Field(min_length=1)]
    held_out: list[Path] = Field(default_factory=list)
    pack: bool = True
    """Several examples in a row of `model.context` tokens, apart in attention; else each has a row and its padding."""


class TrainingGroup(Group):
    """AdamW with a linear warm-up and a cosine down to `final_learning_rate`; the loss is on completions only."""

    epochs: Positive | None = None
    """How often each row is seen at least: the last step is filled up."""
    least_steps: Count | None = None
    """With `epochs`: rows are seen more often where there are so few that these would make fewer steps."""
    steps: Count | None = None
    batch_sequences: Count
    """Rows of one step, over all processes and accumulated micro-batches."""
    micro_batch: Count
    """Rows that one process computes at once."""
    learning_rate: Positive
    final_learning_rate: NotNegative = 0.0
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    """Where `epochs` turn out to be no more steps than that: half of them, and the log says so."""
    weight_decay: NotNegative = 0.0
    beta1: Share = 0.9
    beta2: Share = 0.95
    clip_norm: Positive = 1.0
    precision: Precision = "float32"
    gradient_checkpointing: bool = False
    """Activations are computed again on the way back: less memory, about a third more time."""
    loss: Loss = "cross_entropy"
    test_samples: Count | None = None
    """Of `limited_confidence`: the N of the Pass@N that is optimized (models/finetuning/losses.py); 10 by default."""

    @model_validator(mode="after")
    def _consistent(self) -> TrainingGroup:
        if (self.epochs is None) == (self.steps is None):
            contradiction = "epochs and steps contradict: give one"
            raise ValueError(contradiction if self.steps else "epochs: missing (or give steps)")
        if self.steps is not None and self.least_steps is not None:
            raise ValueError("least_steps and steps contradict: give one")
        if self.batch_sequences % self.micro_batch:
            raise ValueError(
                f"batch_sequences ({self.batch_sequences}) is no multiple of micro_batch ({self.micro_batch})"
            )
        if self.steps is not None and self.warmup_steps >= self.steps:
            raise ValueError(f"warmup_steps ({self.warmup_steps}) leaves nothing of steps ({self.steps})")
        if self.final_learning_rate > self.learning_rate:
            raise ValueError("final_learning_rate is above learning_rate")
        if self.loss == "cross_entropy" and self.test_samples is not None:
            raise ValueError("test_samples and loss cross_entropy contradict: it belongs to limited_confidence")
        return self

    @property
    def samples(self) -> int:
        """N of Pass@N; 1, which is cross entropy itself, where the loss is that."""
        return 1 if self.loss == "cross_entropy" else self.test_samples or DEFAULT_TEST_SAMPLES


class EvaluationGroup(Group):
    """The loss on `data.held_out`, every so many steps and after the last."""

    every: Count = 500


class FinetuneConfig(Group):
    """One run. All paths are relative to the folder it is started in."""

    output: Path
    seed: Annotated[int, Field(ge=0)] = 0
    model: ModelGroup
    adapter: AdapterGroup | None = None
    data: DataGroup
    training: TrainingGroup
    evaluation: EvaluationGroup = EvaluationGroup()
    run: RunGroup = RunGroup()

    @model_validator(mode="after")
    def _adapter_fits(self) -> FinetuneConfig:
        method = self.model.method
        if method == "full" and self.adapter is not None:
            raise ValueError("adapter and model.method full contradict: full training has no adapter")
        if method == "full" and self.model.continue_from is not None:
            raise ValueError("model.continue_from and model.method full contradict: full training has no adapter")
        if method == "qlora" and self.adapter is not None and self.adapter.merge:
            raise ValueError("adapter.merge and model.method qlora contradict: a base in 4 bits is not merged into")
        if self.model.continue_from is not None and self.adapter is not None:
            given = self.adapter.model_fields_set - {"merge"}
            if given:
                raise ValueError(f"adapter.{min(given)} and model.continue_from contradict: that adapter has its shape")
        return self


def read_config(path: Path) -> FinetuneConfig:
    """The run that a YAML file asks for. ModelError that names file and key where it cannot be read so."""
    return validated(FinetuneConfig, read_yaml(path), str(path))


def with_loss(config: FinetuneConfig, loss: Loss | None, test_samples: int | None) -> FinetuneConfig:
    """The same run with another loss, where one is given. ModelError where the two contradict each other."""
    if loss is None and test_samples is None:
        return config
    given = config.model_dump(mode="json")
    training = given["training"]
    training["loss"] = loss or training["loss"]
    if test_samples is not None or loss == "cross_entropy":
        training["test_samples"] = test_samples
    return validated(FinetuneConfig, given, "--loss")
