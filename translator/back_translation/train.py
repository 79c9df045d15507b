"""`backtranslate`: the whole run, stage after stage, which a kill at any moment only makes longer.

What is guaranteed: a run that was killed and goes on ends, on the same machine with the same number of processes, with
the log and the weights of a run that was not. A step depends on the weights, the seed and its own number alone, and
each stage begins with the weights that the one before left on the disk, so that it does not matter in how many goes it
all is done. Not guaranteed: the same last bits on another machine, with another number of threads, or on a GPU.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from accelerate import Accelerator
from safetensors.torch import load_model
from transformers import BartForConditionalGeneration
from transformers.utils import logging as transformers_logging

from models.accelerated import new_accelerator, on_main
from models.pretraining.optimizers import make_optimizers
from models.pretraining.packing import pack
from models.pretraining.run_folder import RunFolder
from models.training_folder import Progress, add_line
from translator.back_translation.config import SIDES, BackTranslationConfig
from translator.back_translation.judging import Judge
from translator.back_translation.keep import BestModel, State, finish, newest_state, read_result
from translator.back_translation.marks import load_marked, marks_of
from translator.back_translation.measure import Evaluated, Measure, held_out_texts
from translator.back_translation.network import TranslationNetwork, begin_decoder, load_translator, new_translator
from translator.back_translation.stages import Material, Stage, plan_stages
from translator.back_translation.steps import Stepper
from translator.back_translation.texts import open_texts


@dataclass(frozen=True)
class StageProgress(Progress):
    """How far all stages together are, and the name of the one that the step was of."""

    stage: str


@dataclass(frozen=True)
class Callbacks:
    """Who is told of steps and of evaluations, on the main process alone."""

    on_progress: Callable[[StageProgress], None] = lambda progress: None
    on_evaluation: Callable[[Evaluated], None] = lambda evaluated: None


@dataclass(frozen=True)
class _Run:
    """What all stages share."""

    config: BackTranslationConfig
    folder: RunFolder
    material: Material
    state: State
    callbacks: Callbacks

    @property
    def stages(self) -> list[Stage]:
        return plan_stages(self.config)


def backtranslate(
    config: BackTranslationConfig, *, judges: Mapping[str, Judge] | None = None, callbacks: Callbacks = Callbacks()
) -> dict[str, float]:
    """Train as `config` asks, or go on where its output folder left off, and return the figures of `result.json`.

    `judges` give the verdicts of the kinds in `config.judges_by`: "compile" and "test". ModelError or DataError where
    the request or the data do not allow it.
    """
    transformers_logging.disable_progress_bar()
    logging.getLogger("accelerate.utils.other").setLevel(logging.ERROR)  # it warns of embeddings that are one by design
    run = _prepare(config, judges or {}, callbacks)
    known = read_result(run.folder)
    if known is not None:
        return dict(known)
    for stage in run.stages:
        if run.state.step < stage.end:
            _run_stage(run, stage)
    return _finish(run)


def _prepare(config: BackTranslationConfig, judges: Mapping[str, Judge], callbacks: Callbacks) -> _Run:
    folder = RunFolder(config.output)
    accelerator = new_accelerator("float32", config.run.report_to, config.output)
    on_main(accelerator, lambda: folder.claim(config))
    vocabulary = load_marked(config.data.tokenizer)
    marks = marks_of(vocabulary)
    for side in SIDES:
        place = folder.path / "tokens" / side
        on_main(accelerator, lambda: pack(config.data.corpus(side), vocabulary, place))  # noqa: B023  # done at once
    texts = {
        side: open_texts(folder.path / "tokens" / side, side, vocabulary.end, config.model.context) for side in SIDES
    }
    state = newest_state(folder)
    on_main(accelerator, lambda: folder.forget_after(state.step))
    return _Run(config, folder, Material(config, vocabulary, marks, texts, judges), state, callbacks)


def _run_stage(run: _Run, stage: Stage) -> None:
    """The steps of the stage that are left."""
    accelerator = new_accelerator(stage.group.precision, run.config.run.report_to, run.config.output, partly_used=True)
    network = _network(run)
    if run.state.step == stage.start and stage.start:
        _load_weights(run, network)
        if stage.writes and not any(before.writes for before in run.stages if before.end == stage.start):
            begin_decoder(network.translator)
    if run.config.run.report_to:
        accelerator.init_trackers(f"musl-backtranslate-{stage.name}", config={"config": run.config.model_dump_json()})
    wrapped, *optimizers = accelerator.prepare(network, *make_optimizers(network, stage.group))
    if run.state.step > stage.start:
        accelerator.load_state(str(run.folder.checkpoint(run.state.step)))
    teacher = run.material.teacher(stage, network)
    stepper = Stepper(stage, accelerator, wrapped, optimizers, teacher, run.material.marks, run.config.seed)
    measure = _measure(run, stage, network) if stage.writes else None
    while run.state.step < stage.end:
        _step(run, stage, stepper)
        done, last = run.state.step - stage.start, run.state.step == stage.end
        if measure is not None and (last or done % run.config.evaluation.every == 0):
            on_main(accelerator, lambda: _evaluate(run, measure, network.translator))
        if last or run.state.step % run.config.run.checkpoint_every == 0:
            _checkpoint(run, accelerator)
    for tracker in accelerator.trackers:
        tracker.finish()
    accelerator.free_memory()


def _network(run: _Run) -> TranslationNetwork:
    """The network with the weights that it begins with."""
    translator = new_translator(run.config.model, run.material.marks, run.config.seed)
    if run.config.start is not None:
        load_translator(translator, run.config.start)
    return TranslationNetwork(translator, run.material.tags)


def _load_weights(run: _Run, network: TranslationNetwork) -> None:
    load_model(network, run.folder.checkpoint(run.state.step) / "model.safetensors")


def _step(run: _Run, stage: Stage, stepper: Stepper) -> None:
    """One step of the optimizer, logged; the state moves on by it."""
    taken = stepper.step(run.state.step - stage.start)
    run.state.add(stage.name, taken.tokens, taken.seconds)
    state, steps = run.state, run.stages[-1].end
    if run.config.run.report_to:
        figures = {"loss": taken.loss, "learning_rate": taken.rate, "tokens": state.all_tokens}
        stepper.accelerator.log(figures, step=state.step)
    if not stepper.accelerator.is_main_process:
        return
    line = {"step": state.step, "stage": stage.name, "objective": taken.objective, "loss": taken.loss}
    more = {"learning_rate": taken.rate, "tokens": state.all_tokens, **taken.counts}
    add_line(run.folder.log, {**line, **more, "seconds": round(state.all_seconds, 3)})
    left = (steps - state.step) * state.all_seconds / state.step
    speed = taken.tokens / taken.seconds
    run.callbacks.on_progress(
        StageProgress(state.step, steps, taken.loss, taken.rate, speed, seconds_left=left, stage=stage.name)
    )


def _measure(run: _Run, stage: Stage, network: TranslationNetwork) -> Measure:
    config, material = run.config, run.material
    held_out = {
        side: held_out_texts(
            config.data.corpus(side), material.vocabulary, config.evaluation.texts, config.model.context
        )
        for side in SIDES
    }
    translate = material.translate(network, bf16=stage.group.precision == "bf16")
    judge = material.judges["test"] if config.evaluation.select == "accuracy" else None
    return Measure(held_out, translate, stage.group.micro_batch, judge, material.vocabulary.decode)


def _evaluate(run: _Run, measure: Measure, translator: BartForConditionalGeneration) -> None:
    figures = measure()
    add_line(run.folder.evaluations, {"step": run.state.step, "tokens": run.state.all_tokens, **figures})
    if run.config.evaluation.select != "last":
        BestModel(run.folder, run.config.evaluation.select).offer(translator, run.state.step)
    run.callbacks.on_evaluation(Evaluated(run.state.step, figures))


def _checkpoint(run: _Run, accelerator: Accelerator) -> None:
    """Write all that the run needs to go on under a passing name, then give it its own."""
    unfinished = run.folder.path / "checkpoints" / "unfinished"
    on_main(accelerator, run.folder.unfinished_checkpoint)
    accelerator.save_state(str(unfinished))
    accelerator.wait_for_everyone()
    on_main(accelerator, lambda: _name_checkpoint(run))


def _name_checkpoint(run: _Run) -> None:
    unfinished = run.folder.path / "checkpoints" / "unfinished"
    run.state.save(unfinished)
    unfinished.rename(run.folder.checkpoint(run.state.step))
    run.folder.prune(run.config.run.keep_checkpoints)


def _finish(run: _Run) -> dict[str, float]:
    """Save the model that is kept, and the figures."""
    accelerator = new_accelerator("float32", run.config.run.report_to, run.config.output)
    result: dict[str, float] = {}
    if accelerator.is_main_process:
        network = _network(run)
        _load_weights(run, network)
        model = network.translator
        if run.config.evaluation.select != "last":
            place = BestModel(run.folder, run.config.evaluation.select).place
            model = BartForConditionalGeneration.from_pretrained(place, local_files_only=True)
        result = finish(
            *(run.config, run.folder, run.material.vocabulary, model, run.state), processes=accelerator.num_processes
        )
    accelerator.wait_for_everyone()
    accelerator.end_training()
    return result
