"""`PretrainConfig`: what one pretraining run is asked to do, read from YAML.

Unknown keys and values that contradict each other are refused at once, with the key named.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias, get_args

from pydantic import Field, model_validator

from models.pretraining.sizes import SIZES, Family, Shape
from models.run_config import Group, Precision, RunGroup, read_yaml, validated

Share = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1)]


class ModelGroup(Group):
    """The architecture: a named size, or `layers`, `hidden` (width) and `heads`."""

    family: Family = "gpt_neox"
    size: str | None = None
    layers: Count | None = None
    hidden: Count | None = None
    heads: Count | None = None
    context: Annotated[int, Field(ge=8)] = 512
    """Tokens of one sequence: what the model sees at once, and the length of a packed sequence."""
    induction_heads: bool = False
    """Begin with weights that can copy (models/pretraining/induction.py); embeddings are tied then."""

    @model_validator(mode="after")
    def _one_shape(self) -> ModelGroup:
        given = {"layers": self.layers, "hidden": self.hidden, "heads": self.heads}
        named = [key for key, value in given.items() if value is not None]
        if self.size is not None:
            if self.size not in SIZES:
                raise ValueError(f"size: no size '{self.size}' (choose {', '.join(SIZES)})")
            if named:
                raise ValueError(f"size and {named[0]} contradict: give a size, or layers, hidden and heads")
        elif len(named) < len(given):
            missing = next(key for key in given if key not in named)
            raise ValueError(f"{missing}: missing (or give a size: {', '.join(SIZES)})")
        elif self.shape.hidden % (2 * self.shape.heads):
            raise ValueError("hidden is no even multiple of heads")
        return self

    @model_validator(mode="after")
    def _room_for_induction(self) -> ModelGroup:
        if self.induction_heads and self.family != "llama":
            raise ValueError("induction_heads and family contradict: only llama can be given them")
        if self.induction_heads and not self.shape.holds_induction_heads:
            raise ValueError("induction_heads: they need 2 layers or more, 3 or 4 heads, and heads of a multiple of 4")
        return self

    @property
    def shape(self) -> Shape:
        """The layers, width and heads that are meant."""
        if self.size is not None:
            return SIZES[self.size]
        return Shape(layers=self.layers or 0, hidden=self.hidden or 0, heads=self.heads or 0)


Language: TypeAlias = Literal["c", "c++", "cuda"]


class DataGroup(Group):
    """Corpora (folders of shards, or single Parquet files) and the tokenizer (a folder that transformers reads)."""

    train: Annotated[list[Path], Field(min_length=1)]
    held_out: list[Path] = Field(default_factory=list)
    held_out_share: Share | None = None
    """Without `held_out`: this share of `train`, chosen by row id, is kept from training."""
    tokenizer: Path
    tokompiler: bool = False
    """Names, literals and types made anonymous through the syntax tree before tokens are made."""
    languages: list[Language] = Field(default_factory=lambda: list(get_args(Language)))
    host_code: bool = True
    """Whether the host code that launches a kernel stands below it."""
    denoising_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """This share of the training texts, chosen by row id, is given as corrupted text and below it the original."""

    @model_validator(mode="after")
    def _one_held_out(self) -> DataGroup:
        if self.held_out and self.held_out_share is not None:
            raise ValueError("held_out and held_out_share contradict: give one")
        if not self.held_out and self.held_out_share is None:
            raise ValueError("held_out: missing (or give held_out_share, a share of train)")
        return self


class TrainingGroup(Group):
    """AdamW or Muon with a linear warm-up and a cosine down to `final_learning_rate`."""

    optimizer: Literal["adamw", "muon"] = "adamw"
    """`muon`: Muon for the matrices inside the layers, AdamW for the rest (models/pretraining/optimizers.py)."""
    steps: Count
    batch_sequences: Count
    """Sequences of one step, over all processes and accumulated micro-batches."""
    micro_batch: Count
    """Sequences that one process computes at once."""
    learning_rate: Annotated[float, Field(gt=0)]
    final_learning_rate: Annotated[float, Field(ge=0)] = 0.0
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    weight_decay: Annotated[float, Field(ge=0)] = 0.1
    beta1: Share = 0.9
    beta2: Share = 0.95
    clip_norm: Annotated[float, Field(gt=0)] = 1.0
    precision: Precision = "float32"

    @model_validator(mode="after")
    def _consistent(self) -> TrainingGroup:
        if self.batch_sequences % self.micro_batch:
            raise ValueError(
                f"batch_sequences ({self.batch_sequences}) is no multiple of micro_batch ({self.micro_batch})"
            )
        if self.warmup_steps >= self.steps:
            raise ValueError(f"warmup_steps ({self.warmup_steps}) leaves nothing of steps ({self.steps})")
        if self.final_learning_rate > self.learning_rate:
            raise ValueError("final_learning_rate is above learning_rate")
        return self


class EvaluationGroup(Group):
    """What is measured on the held-out rows before the first step, every `every` steps, and after the last."""

    every: Count = 500
    rows: Count = 500
    """The most held-out rows that are used (those with the smallest ids)."""
    completions: Annotated[int, Field(ge=0)] = 0
    """Functions that are completed after the last step and scored with CodeBLEU."""
    completion_prompt: Count = 100
    """Lexical tokens of a function that are given, at most half of it."""
    ngram_order: Annotated[int, Field(ge=0, le=8)] = 0
    """Order of the Kneser-Ney baseline on the same tokens; 0 for none. It holds the corpus in memory."""


class PretrainConfig(Group):
    """One run. All paths are relative to the folder it is started in."""

    output: Path
    seed: Annotated[int, Field(ge=0)] = 0
    model: ModelGroup
    data: DataGroup
    training: TrainingGroup
    evaluation: EvaluationGroup = EvaluationGroup()
    run: RunGroup = RunGroup()


def read_config(path: Path) -> PretrainConfig:
    """The run that a YAML file asks for. ModelError that names file and key where it cannot be read so."""
    return validated(PretrainConfig, read_yaml(path), str(path))
