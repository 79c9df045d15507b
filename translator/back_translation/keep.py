"""What a run leaves: the model that is best so far, the one that it ends with, and its figures.

config.json               what was asked for; a run goes on only with the same
tokens/c, tokens/cuda     the training texts as token ids
log.jsonl                 {"step", "stage", "loss", "learning_rate", "tokens", ...} of every step
evaluations.jsonl         the held-out figures of stages 2 and 3
checkpoints/step-N/       weights and optimizer after step N of all stages together
best/step-N/              the model with the best figure so far, as transformers saves it
model/                    the one that is kept, with its tokenizer and its form
result.json               the figures of the finished run
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from transformers import BartForConditionalGeneration

from models.model_form import ModelForm
from models.precision import bits_of
from models.pretraining.run_folder import RunFolder
from models.pretraining.vocabulary import Vocabulary
from models.training_folder import read_lines, write_whole
from translator.back_translation.config import BackTranslationConfig
from translator.back_translation.stages import plan_stages

_OF_SELECTED = {"step": "selected_step", "tokens": "selected_training_tokens"}


@dataclass
class State:
    """Where a run is: steps done, and of each stage the tokens trained on and the seconds spent."""

    step: int = 0
    tokens: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def add(self, stage: str, tokens: int, seconds: float) -> None:
        """One step more."""
        self.step += 1
        self.tokens[stage] = self.tokens.get(stage, 0) + tokens
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds

    @property
    def all_tokens(self) -> int:
        return sum(self.tokens.values())

    @property
    def all_seconds(self) -> float:
        return sum(self.seconds.values())

    def save(self, folder: Path) -> None:
        """Writes `state.json` into the folder of a checkpoint."""
        content = {"step": self.step, "tokens": self.tokens, "seconds": self.seconds}
        write_whole(folder / "state.json", json.dumps(content) + "\n")


def newest_state(folder: RunFolder) -> State:
    """The state of the newest checkpoint; a new one where there is none."""
    there = folder.checkpoints()
    if not there:
        return State()
    return State(**json.loads((there[-1][1] / "state.json").read_text(encoding="utf-8")))


@dataclass(frozen=True)
class BestModel:
    """The model with the highest `figure` of the evaluations so far."""

    folder: RunFolder
    figure: str

    @property
    def steps(self) -> list[tuple[float, int]]:
        """(figure, minus the step) of each evaluation: the highest is the best, the earliest of equal ones."""
        return [(line[self.figure], -int(line["step"])) for line in read_lines(self.folder.evaluations)]

    @property
    def place(self) -> Path | None:
        """Where it lies; None before the first evaluation."""
        steps = self.steps
        return self._place(-max(steps)[1]) if steps else None

    def offer(self, model: BartForConditionalGeneration, step: int) -> None:
        """Keep this model if the evaluation after `step`, which is in the log, is the best."""
        place = self._place(step)
        if self.place != place:
            return
        passing = place.with_name("unfinished")
        shutil.rmtree(passing, ignore_errors=True)
        model.save_pretrained(passing)
        shutil.rmtree(place, ignore_errors=True)
        passing.rename(place)
        for old in sorted(place.parent.glob("step-*"))[:-2]:  # a run that is set back may need the one before
            shutil.rmtree(old)

    def _place(self, step: int) -> Path:
        return self.folder.path / "best" / f"step-{step:08d}"


def finish(
    config: BackTranslationConfig,
    folder: RunFolder,
    vocabulary: Vocabulary,
    model: BartForConditionalGeneration,
    state: State,
    processes: int,
) -> dict[str, float]:
    """Save `model` as the one that the run ends with, and the figures of the run, which so many processes ended."""
    model.save_pretrained(folder.model)
    vocabulary.tokenizer.save_pretrained(folder.model)
    ModelForm("languages", anonymous=config.data.tokompiler).save(folder.model)
    result = _result(config, model.num_parameters(), state, processes)
    lines = read_lines(folder.evaluations)
    if config.evaluation.select == "last":
        chosen = lines[-1]
    else:
        best = -max(BestModel(folder, config.evaluation.select).steps)[1]
        chosen = next(line for line in lines if line["step"] == best)
    result |= {_OF_SELECTED.get(name, name): figure for name, figure in chosen.items()}
    write_whole(folder.result, json.dumps(result, indent=1) + "\n")
    return result


def _result(config: BackTranslationConfig, parameters: int, state: State, processes: int) -> dict[str, float]:
    result: dict[str, float] = {"steps": state.step, "processes": processes, "parameters": parameters}
    result["training_tokens"] = state.all_tokens
    for stage in plan_stages(config):
        tokens, seconds = state.tokens[stage.name], state.seconds[stage.name]
        result |= {
            f"{stage.name}_precision_bits": bits_of(stage.group.precision),
            f"{stage.name}_training_tokens": tokens,
            f"{stage.name}_seconds": seconds,
            f"{stage.name}_tokens_per_second": tokens / seconds,
        }
    return result


def read_result(folder: RunFolder) -> Mapping[str, float] | None:
    """The figures of a finished run; None while it is not."""
    if not folder.result.is_file():
        return None
    found: Mapping[str, float] = json.loads(folder.result.read_text(encoding="utf-8"))
    return found
