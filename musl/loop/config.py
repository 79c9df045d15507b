"""`LoopConfig`: what one run of the loop is asked to do, read from YAML.

Unknown keys and values that contradict each other are refused at once, with the key named.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, model_validator

from models.errors import ModelError
from models.finetuning.config import FinetuneConfig
from models.run_config import Group, read_yaml, validated
from musl.errors import UsageError

Filter: TypeAlias = Literal["verified", "compile", "none"]
Schedule: TypeAlias = Literal["forward", "reverse", "shuffle"]
Direction: TypeAlias = Literal["c2cuda", "cuda2c"]
SCHEDULES: tuple[Schedule, ...] = ("forward", "reverse", "shuffle")
DIRECTIONS: tuple[Direction, ...] = ("c2cuda", "cuda2c")
Count = Annotated[int, Field(ge=1)]
Natural = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]


class ModelsGroup(Group):
    """The models that the loop starts from: local folders or hub ids."""

    translator: str
    tester: str
    """May be the same model as the Translator's; from the seed on each has weights of its own."""
    separate: bool = False
    """One Translator a direction instead of one that writes both ways."""


class SourcesGroup(Group):
    """Unpaired code, as corpora (folders of shards, or single Parquet files)."""

    c: list[Path] = Field(default_factory=list)
    cuda: list[Path] = Field(default_factory=list)
    functions: Count = 200
    """C functions of one round, and as many kernels; each round takes the next ones of the corpora, from the start
    again where they end."""

    @model_validator(mode="after")
    def _some(self) -> SourcesGroup:
        if not self.c and not self.cuda:
            raise ValueError("c: missing (or give cuda: without sources nothing can be translated)")
        return self


class SeedGroup(Group):
    """Round 0: the verified pairs that both models are first trained on."""

    pairs: Literal["analytic", "file", "none"] = "analytic"
    """`analytic`: the analytic Translator's kernels of C functions; `file`: given pairs; each is verified."""
    c: list[Path] = Field(default_factory=list)
    """Corpora of the C functions that the analytic Translator is given."""
    file: Path | None = None
    """Lines of {"id", "c", "cuda"} (data/pairs.py); `cuda` is one kernel with the C function's parameters."""
    most: Count = 2000
    """The most pairs: no more functions than that are tried."""
    tests: Count = 6
    """Small fuzz tests of a pair; they verify it and are what the Tester first learns."""
    large_tests: Natural = 1
    """Tests beside these whose arrays take more than one block of threads."""

    @model_validator(mode="after")
    def _consistent(self) -> SeedGroup:
        given = {"c": bool(self.c), "file": self.file is not None}
        wanted = {"analytic": "c", "file": "file", "none": ""}[self.pairs]
        if wanted and not given[wanted]:
            raise ValueError(f"{wanted}: missing (pairs is {self.pairs})")
        spare = next((key for key, there in given.items() if there and key != wanted), "")
        if spare:
            raise ValueError(f"{spare} and pairs contradict: with pairs {self.pairs} it is not used")
        return self


class GenerationGroup(Group):
    """How the models are asked."""

    samples: Count = 4
    """Translations of a source."""
    tests: Count = 4
    """Tests of a source that the Tester writes."""
    temperature: Annotated[float, Field(ge=0)] = 0.8
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.95
    max_new_tokens: Count = 1024
    max_new_test_tokens: Count = 512
    chunk: Count = 32
    """Sources that are asked about at a time; what is written is verified while the next ones are."""
    batch: Count | None = None
    """Answers that a model of this machine writes at once, 64 where none is given; on a GPU more are faster, and where
    its memory ends the batch is halved. Another batch can change a probability's last bits, so now and then a token."""

    @model_validator(mode="after")
    def _consistent(self) -> GenerationGroup:
        if self.samples > 1 and self.temperature == 0:
            raise ValueError(f"samples ({self.samples}) and temperature contradict: at 0 all samples are the same")
        return self


class JudgingGroup(Group):
    """How translations are verified. `jobs` and `timeout` are in `run`."""

    device: Literal["auto", "emulator", "gpu"] = "emulator"
    schedules: list[Schedule] = Field(min_length=1, default_factory=lambda: list(SCHEDULES))
    fuzz_tests: Natural = 0
    """Fuzz tests of every source beside the Tester's: a second voice."""
    small_tests: Natural = 0
    """Fuzz tests of every source that are small enough to be written down: a second voice that the Tester learns from,
    where they show more than its own. As in the seed, `seed_pairs.large_tests` stand beside them."""
    least_tests: Count = 1
    """Valid tests that a pair needs to count as verified."""


class SwitchesGroup(Group):
    """What the ablations of the paper change (arXiv 2506.11153), and `also`."""

    filter: Filter = "verified"
    """What a translation has to be to train on: verified, one that compiles, or any that can be read."""
    tester: Literal["model", "fuzz", "frozen"] = "model"
    """`fuzz`: fuzz tests instead of the Tester's; `frozen`: the Tester of round 0 in all rounds."""
    translator: Literal["model", "frozen"] = "model"
    also: Literal["", "analytic"] = ""
    """`analytic`: the analytic Translator gives one more translation of each C function."""


class SelectionGroup(Group):
    """What the models are trained on, out of the triplets of all rounds."""

    most: Count = 20000
    """The most triplets; families, directions and lengths take turns."""
    per_source: Count = 1
    """Translations of one source that are kept."""
    tests: Count = 4
    """Tests of one triplet that the Tester is trained on."""
    parallel: bool = True
    """After the seed, of verified translations into CUDA those alone that divide the work among threads: a kernel in
    which every thread does all of it is what copying the source gives, and right where work may be done twice."""


class TrainingGroup(Group):
    """Fine-tuning after each round: groups of models/finetuning/config.py. Model, data, output and seed are the
    loop's."""

    translator: dict[str, object]
    tester: dict[str, object]
    start: Literal["previous", "base"] = "previous"
    """Every round goes on from the weights of the round before, or begins with those of `models`."""
    repairs: Natural = 0
    """So many sources of each language at most, of the rounds so far, are given to a Translator with noise to be
    repaired, as in its pretraining, beside what the triplets teach it: so it does not forget how to copy. The seed is
    learned alone: unpaired functions come with the rounds. For the short form."""

    @model_validator(mode="after")
    def _known(self) -> TrainingGroup:
        for role in ("translator", "tester"):
            try:
                finetune_config(getattr(self, role), "base", Path("examples"), Path("folder"), 0)
            except ModelError as error:
                raise ValueError(str(error).replace("training: ", f"{role}.", 1)) from None
        return self


def finetune_config(
    groups: Mapping[str, object], base: str, examples: Path, output: Path, seed: int, adapter: Path | None = None
) -> FinetuneConfig:
    """The fine-tuning run that `groups` (a model, training, adapter, ... of FinetuneConfig) ask for. ModelError where
    they say what is the loop's to say, or what is no such run."""
    model, data = groups.get("model", {}), groups.get("data", {})
    if not isinstance(model, Mapping) or not isinstance(data, Mapping):
        raise ModelError("training: model and data are groups of keys")
    given = {
        "output": output,
        "seed": seed,
        **{name: group for name, group in groups.items() if name != "adapter"},
        **_adapter_group(groups, adapter),
        "model": {"base": base, **({"continue_from": adapter} if adapter else {}), **model},
        "data": {"train": [examples], **data},
    }
    ours = [key for key in ("output", "seed") if key in groups]
    ours += [f"model.{key}" for key in ("base", "continue_from") if key in model] + ["data.train"] * ("train" in data)
    if ours:
        raise ModelError(f"training: {ours[0]}: is the loop's to say")
    return validated(FinetuneConfig, given, "training")


def _adapter_group(groups: Mapping[str, object], adapter: Path | None) -> dict[str, object]:
    """The shape of a fresh adapter; one that is trained further has its own."""
    group = groups.get("adapter")
    if group is None:
        return {}
    if adapter is None or not isinstance(group, Mapping):
        return {"adapter": group}
    return {"adapter": {"merge": group["merge"]}} if "merge" in group else {}


class EvaluationGroup(Group):
    """What is measured on held-out functions after each round. They are never trained on."""

    held_out: Annotated[list[Path], Field(min_length=1)]
    """Corpora of C functions."""
    resembling: Literal["left_out", "kept"] = "left_out"
    """What becomes of those that differ from a C function of `sources.c`, `seed_pairs.c` or `unlike` in names,
    literals and layout only: a figure on them says what the model remembers."""
    unlike: list[Path] = Field(default_factory=list)
    """Other corpora that the models have learned from: those of their pretraining."""
    functions: Count = 100
    directions: list[Direction] = Field(min_length=1, default_factory=lambda: list(DIRECTIONS))
    """CUDA to C is asked of the analytic Translator's verified kernels of the same functions."""
    samples: Count = 10
    temperature: Annotated[float, Field(ge=0)] = 0.8
    tests: Count = 10
    """Fuzz tests that judge a translation; the same in every round."""
    tester_tests: Count = 4
    """Tests that the Tester writes for each function: how many are valid, what do they cover?"""
    mutants: Natural = 0
    """Faults planted in the verified kernel of each function, of which the Tester's tests have to find some."""

    @model_validator(mode="after")
    def _consistent(self) -> EvaluationGroup:
        if self.unlike and self.resembling == "kept":
            raise ValueError("unlike and resembling contradict: with resembling kept it is not used")
        if self.samples > 1 and self.temperature == 0:
            raise ValueError(f"samples ({self.samples}) and temperature contradict: at 0 all samples are the same")
        return self


class RunGroup(Group):
    """What does not change the result, so it may differ when a run goes on."""

    jobs: Count | None = None
    """Processes that verify beside the one that generates; all usable cores where none is given."""
    generation_threads: Count = 1
    """Threads of the CPU that a model generates with."""
    timeout: Positive = 300.0
    """Seconds for the verification of one translation, or of the tests of one source."""
    generation_timeout: Positive = 7200.0
    """Seconds for one chunk of sources, loading of the model included."""
    training_timeout: Positive = 1e6
    """Seconds for the training of one model."""
    launch: list[str] = Field(default_factory=list)
    """Words before the training command, such as `accelerate launch --config_file FILE`; none: this Python."""
    keep_checkpoints: Annotated[int, Field(ge=2)] = 1000
    """Rounds whose weights are kept; those of round 0 are always."""
    seed_from: Path | None = None
    """The folder of a run that was asked for the same but for `switches`, whose seed is taken over: ablations begin
    with the same models then, and the seed is trained once."""


class LoopConfig(Group):
    """One run. All paths are relative to the folder it is started in."""

    output: Path
    seed: Natural = 0
    rounds: Count = 3
    """Rounds after round 0, the seed."""
    models: ModelsGroup
    sources: SourcesGroup
    seed_pairs: SeedGroup
    generation: GenerationGroup = GenerationGroup()
    judging: JudgingGroup = JudgingGroup()
    switches: SwitchesGroup = SwitchesGroup()
    selection: SelectionGroup = SelectionGroup()
    training: TrainingGroup
    evaluation: EvaluationGroup
    run: RunGroup = RunGroup()

    @model_validator(mode="after")
    def _consistent(self) -> LoopConfig:
        if self.switches.tester == "fuzz" and not (self.judging.fuzz_tests or self.judging.small_tests):
            raise ValueError("judging.fuzz_tests: missing (switches.tester is fuzz, so there would be no tests)")
        return self


def read_loop_config(path: Path) -> LoopConfig:
    """The run that a YAML file asks for. UsageError that names file and key where it cannot be read so."""
    try:
        return validated(LoopConfig, read_yaml(path), str(path))
    except ModelError as error:
        raise UsageError(str(error)) from None


# What may differ when a run goes on: `run`, where it lies, and the number of rounds, as the first ones are the same.
FREE = frozenset({"run", "output", "rounds"})
