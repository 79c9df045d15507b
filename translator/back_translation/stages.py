"""`plan_stages`: which stages a run has, one after the other, and what makes their batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from models.pretraining.vocabulary import Vocabulary
from translator.back_translation.back_translate import Filter, Turns
from translator.back_translation.config import SIDES, BackTranslationConfig, Side, StageGroup
from translator.back_translation.entities import TAGS, Entities
from translator.back_translation.finetune import Pairs, read_pair_ids
from translator.back_translation.judging import Judge
from translator.back_translation.marks import Marks
from translator.back_translation.masked_lm import MaskedLm
from translator.back_translation.network import TranslationNetwork, Work
from translator.back_translation.noise import Noise
from translator.back_translation.texts import LanguageTexts, row_ids
from translator.back_translation.translate import Translate

StageName: TypeAlias = Literal["masked_lm", "entities", "translation", "finetune"]


class Teacher(Protocol):
    """What a stage is trained on."""

    def work(self, step: int, mine: slice) -> Work:
        """The part `mine` of the texts of a step."""
        ...


@dataclass(frozen=True)
class Stage:
    """A stage: `start` counts the steps of all stages before it. `writes` says that it trains the decoder."""

    name: StageName
    group: StageGroup
    start: int
    writes: bool

    @property
    def end(self) -> int:
        """The steps of the run when it is over."""
        return self.start + self.group.steps


def plan_stages(config: BackTranslationConfig) -> list[Stage]:
    """The stages that the config asks for, in order."""
    asked: list[tuple[StageName, StageGroup | None, bool]] = [
        ("masked_lm", config.masked_lm, False),
        ("entities", config.entities, False),
        ("translation", config.translation, True),
        ("finetune", config.finetune, True),
    ]
    stages: list[Stage] = []
    for name, group, writes in asked:
        if group is not None:
            stages.append(Stage(name, group, stages[-1].end if stages else 0, writes))
    return stages


@dataclass(frozen=True)
class Material:
    """What the stages train on, and what judges their pairs."""

    config: BackTranslationConfig
    vocabulary: Vocabulary
    marks: Marks
    texts: Mapping[Side, LanguageTexts]
    judges: Mapping[str, Judge] = field(default_factory=dict)

    @property
    def tags(self) -> int:
        """How many entities the encoder names."""
        return len(TAGS) if self.config.entities is not None else 0

    def translate(self, network: TranslationNetwork, *, bf16: bool) -> Translate:
        """What translates with the network as it is."""
        asked = self.config.translation
        return Translate(network.translator, self.marks, asked.length_factor, asked.length_extra, bf16)

    def teacher(self, stage: Stage, network: TranslationNetwork) -> Teacher:
        """What a stage is trained on, in which the network itself has a part."""
        config, seed = self.config, self.config.seed
        if stage.name == "masked_lm" and config.masked_lm is not None:
            return MaskedLm(config.masked_lm, self.texts, self.marks, seed)
        if stage.name == "entities" and config.entities is not None:
            return Entities(config.entities, self.texts, self.marks, self.vocabulary, seed)
        if stage.name == "finetune" and config.finetune is not None:
            pairs = read_pair_ids(config.finetune, config.data, self.vocabulary, config.model.context)
            return Pairs(config.finetune, pairs, self.marks, seed)
        translate = self.translate(network, bf16=config.translation.precision == "bf16")
        noise = Noise(config.noise, self.marks)
        return Turns(config.translation, self.texts, noise, translate, self._filter(), seed)

    def _filter(self) -> Filter | None:
        if self.config.filter.kind == "none":
            return None
        rows = {side: row_ids(self.config.data, self.texts[side]) for side in SIDES}
        return Filter(self.config.filter, self.judges[self.config.filter.kind], rows, self.vocabulary.decode)
