"""`BackTranslationConfig`: what one run of the baseline is asked to do, read from YAML.

The values that are not given are those of TransCoder (Roziere et al. 2020, arXiv 2006.03511, section 4, and the
commands in the README of github.com/facebookresearch/TransCoder, commit 1c21887). Unknown keys and values that
contradict each other are refused at once, with the key named.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, model_validator

from models.pretraining.config import DataGroup as CorpusGroup
from models.pretraining.config import TrainingGroup
from models.run_config import Group, RunGroup, differing_keys, read_yaml, validated

Count = Annotated[int, Field(ge=1)]
Natural = Annotated[int, Field(ge=0)]
Probability = Annotated[float, Field(ge=0, le=1)]
Share = Annotated[float, Field(gt=0, lt=1)]
Side: TypeAlias = Literal["c", "cuda"]
Schedule: TypeAlias = Literal["forward", "reverse", "shuffle"]
SCHEDULES: tuple[Schedule, ...] = ("forward", "shuffle")
SIDES: tuple[Side, Side] = ("c", "cuda")


def other(side: Side) -> Side:
    """The language that a text of this one is translated into."""
    return "cuda" if side == "c" else "c"


class ModelGroup(Group):
    """One encoder and one decoder of `layers` each, `hidden` wide."""

    layers: Count = 6
    hidden: Count = 1024
    heads: Count = 8
    context: Annotated[int, Field(ge=8)] = 512
    """The most tokens of a text, the marks of its language and its end included. Longer texts are left out."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    induction_heads: bool = False
    """Begin with weights that can copy (translator/back_translation/induction.py)."""

    @model_validator(mode="after")
    def _consistent(self) -> ModelGroup:
        if self.hidden % self.heads:
            raise ValueError(f"hidden ({self.hidden}) is no multiple of heads ({self.heads})")
        if self.induction_heads and not self.holds_induction_heads:
            raise ValueError("induction_heads: they need 3 heads or more, each a multiple of 4 wide")
        return self

    @property
    def holds_induction_heads(self) -> bool:
        """Whether the circuit of induction.py fits in: three heads that look back, and beside the room of the tokens
        one for positions and one for each signature, half a head wide."""
        return self.heads >= 3 and self.hidden // self.heads % 4 == 0


class DataGroup(Group):
    """Corpora of both languages (folders of shards, or single Parquet files) and the tokenizer."""

    c: Annotated[list[Path], Field(min_length=1)]
    cuda: Annotated[list[Path], Field(min_length=1)]
    tokenizer: Path
    held_out_share: Share = 0.01
    """This share of the rows, chosen by row id, is kept from training and measured on."""
    tokompiler: bool = True
    """Names, literals and types made anonymous through the syntax tree before tokens are made."""
    host_code: bool = False
    """Whether the host code that launches a kernel stands below it."""

    def corpus(self, side: Side) -> CorpusGroup:
        """The texts of one language, as pretraining reads them; C++ counts as C."""
        return CorpusGroup(
            train=self.c if side == "c" else self.cuda,
            held_out_share=self.held_out_share,
            tokenizer=self.tokenizer,
            tokompiler=self.tokompiler,
            host_code=self.host_code,
            languages=["c", "c++"] if side == "c" else ["cuda"],
        )


class StageGroup(TrainingGroup):
    """The steps of one stage. `batch_sequences` counts texts of one step over all processes, `micro_batch` those that
    one process computes at once."""

    batch_sequences: Count = 32
    micro_batch: Count = 32
    warmup_steps: Natural = 10_000
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    beta2: Share = 0.999
    clip_norm: Annotated[float, Field(gt=0)] = 5.0
    schedule: Literal["inverse_sqrt", "cosine"] = "inverse_sqrt"
    """After the warm-up: down with the root of the step (Vaswani et al. 2017, arXiv 1706.03762, section 5.3), or a
    cosine to `final_learning_rate`."""


class MaskedLmGroup(StageGroup):
    """Stage 1. Of the tokens that are to be predicted 80 % are hidden, 10 % replaced by any, 10 % left as they are
    (Devlin et al. 2019, arXiv 1810.04805, section 3.1)."""

    steps: Count = 100_000
    learning_rate: Annotated[float, Field(gt=0)] = 3e-4
    masked: Share = 0.15
    """Share of the tokens that are predicted."""


class EntitiesGroup(StageGroup):
    """After stage 1: the encoder names what each token is in the syntax tree (CodeRosetta, arXiv 2410.20527, section 3:
    abstract syntax tree entity recognition)."""

    steps: Count = 10_000
    learning_rate: Annotated[float, Field(gt=0)] = 3e-4
    warmup_steps: Natural = 500


class NoiseGroup(Group):
    """What denoising does to a text (TransCoder, section 3), and CodeRosetta's additions (arXiv 2410.20527, section 3),
    which are off by default."""

    shuffle: Annotated[float, Field(ge=0)] = 3.0
    """A token moves by less than this many places."""
    drop: Probability = 0.1
    """Share of tokens that are left out."""
    blank: Probability = 0.3
    """Share of tokens that are hidden. (The paper's text gives no figure; its README has 0.1.)"""
    keyword_drop: Probability = 0.0
    """Share of CUDA's own words that are left out, where it is above `drop`."""
    insert: Probability = 0.0
    """For each token of a text, how often a word of the other language alone is put before it."""
    adaptive: bool = False
    """The shares grow over the stage, from `adaptive_start` of their values."""
    adaptive_start: Probability = 0.3

    @model_validator(mode="after")
    def _consistent(self) -> NoiseGroup:
        if not self.adaptive and self.adaptive_start != NoiseGroup.model_fields["adaptive_start"].default:
            raise ValueError("adaptive_start is used only with adaptive: true")
        return self


class TranslationGroup(StageGroup):
    """Stage 2: steps of denoising and of back-translation take turns, as do the languages."""

    steps: Count = 300_000
    learning_rate: Annotated[float, Field(gt=0)] = 1e-4
    denoising_weight: list[tuple[Probability, Annotated[float, Field(ge=0)]]] = Field(
        default_factory=lambda: [(0.0, 1.0), (1 / 3, 0.1), (1.0, 0.0)]
    )
    """[share of the steps, weight of the denoising loss], linear in between. Where it is 0, no step is denoising."""
    back_translation_from: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the steps that only denoise, before the first text is translated."""
    length_factor: Annotated[float, Field(gt=0)] = 1.3
    length_extra: Natural = 5
    """A translation ends after `length_factor` times the longest source of its batch and `length_extra` tokens."""

    @model_validator(mode="after")
    def _whole(self) -> TranslationGroup:
        shares = [share for share, _ in self.denoising_weight]
        if not shares or shares != sorted(set(shares)) or shares[0] != 0:
            raise ValueError("denoising_weight: the shares of the steps begin with 0 and grow")
        before = [weight for share, weight in self.denoising_weight if share <= self.back_translation_from]
        if self.back_translation_from and not all(before):
            raise ValueError("denoising_weight and back_translation_from contradict: there is nothing to train on")
        return self


class FilterGroup(Group):
    """Which back-translated pairs are trained on: TransCoder-ST's idea (Roziere et al. 2022, arXiv 2110.06773), with
    co-verify for the unit tests. Pairs that are not judged are not trained on."""

    kind: Literal["none", "compile", "test"] = "none"
    judged_per_batch: Count = 8
    """The most pairs of a batch (on each process) that are judged; the others are left out."""
    begin: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the steps of stage 2 before which nothing is filtered: TransCoder-ST begins with a trained model."""


class FinetuneGroup(StageGroup):
    """Stage 3: pairs of the file, in both directions."""

    pairs: Path
    """Lines of {"id", "c", "cuda"} (data/pairs.py)."""
    steps: Count = 1000
    learning_rate: Annotated[float, Field(gt=0)] = 1e-4
    warmup_steps: Natural = 100


class EvaluationGroup(Group):
    """What is measured on held-out texts in stages 2 and 3, and which model is kept."""

    every: Count = 2000
    texts: Count = 100
    """Held-out texts of each language (those with the smallest ids)."""
    select: Literal["round_trip", "accuracy", "last"] = "round_trip"
    """`accuracy`: the share of translations that co-verify finds equivalent; `round_trip`: how far texts come back as
    they were; `last`: the model after the last step."""


class JudgingGroup(Group):
    """How pairs are judged, for `filter` and for `evaluation.select: accuracy`."""

    tests: Count = 4
    """Fuzz tests of a function."""
    device: Literal["auto", "emulator", "gpu"] = "emulator"
    schedules: list[Schedule] = Field(min_length=1, default_factory=lambda: list(SCHEDULES))
    """Orders in which the emulator runs threads (compile/emulator)."""
    jobs: Natural = 0
    """Processes that judge; 0 for as many as there are processors."""
    timeout: Annotated[float, Field(gt=0)] = 120.0
    """Seconds for one pair."""


class BackTranslationConfig(Group):
    """One run. All paths are relative to the folder it is started in."""

    output: Path
    seed: Natural = 0
    model: ModelGroup = ModelGroup()
    data: DataGroup
    start: Path | None = None
    """A model (`model/` of another run) to begin with instead of random weights."""
    masked_lm: MaskedLmGroup | None = MaskedLmGroup()
    """Null: without stage 1, for a run that starts from a model."""
    entities: EntitiesGroup | None = None
    noise: NoiseGroup = NoiseGroup()
    translation: TranslationGroup = TranslationGroup()
    filter: FilterGroup = FilterGroup()
    finetune: FinetuneGroup | None = None
    evaluation: EvaluationGroup = EvaluationGroup()
    judging: JudgingGroup = JudgingGroup()
    run: RunGroup = RunGroup()

    @property
    def judges_by(self) -> tuple[str, ...]:
        """The kinds of verdict that the run needs: "compile", "test"."""
        kinds = {self.filter.kind} - {"none"} | ({"test"} if self.evaluation.select == "accuracy" else set())
        return tuple(sorted(kinds))

    @model_validator(mode="after")
    def _consistent(self) -> BackTranslationConfig:
        if self.start is not None and self.masked_lm is not None:
            raise ValueError("start and masked_lm contradict: a model that can translate already needs masked_lm: null")
        if self.filter.kind == "none" and self.filter != FilterGroup():
            spare = differing_keys(self.filter, FilterGroup(), frozenset())[0]
            raise ValueError(f"filter.{spare} is used only with filter.kind: compile or test")
        return self


def read_config(path: Path) -> BackTranslationConfig:
    """The run that a YAML file asks for. ModelError that names file and key where it cannot be read so."""
    return validated(BackTranslationConfig, read_yaml(path), str(path))
