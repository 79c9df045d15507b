"""`pretrain`: the whole run, from shards to a trained model, which a kill at any moment only makes longer.

What is guaranteed: a run that was killed and goes on ends, on the same machine with the same number of processes, with
the log and the weights of a run that was not. Not guaranteed: the same last bits on another machine, with another
number of threads or processes, or on a GPU, whose backward pass may add in another order.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType
from torch.optim import Optimizer
from transformers.utils import logging as transformers_logging

from models.accelerated import new_accelerator, on_main
from models.errors import ModelError
from models.model_form import ModelForm
from models.precision import bits_of
from models.pretraining.baseline import measure_baseline
from models.pretraining.completion import Scorer, score_completions
from models.pretraining.config import PretrainConfig
from models.pretraining.documents import document_of, held_out_rows
from models.pretraining.evaluate import measure
from models.pretraining.likelihood import HeldOut, Likelihood, held_out
from models.pretraining.optimizers import make_optimizers
from models.pretraining.packing import PackedTokens, open_packed, pack, sequence_numbers
from models.pretraining.run_folder import RunFolder
from models.pretraining.schedule import learning_rate
from models.pretraining.sizes import flops_per_token, new_model
from models.pretraining.vocabulary import Vocabulary, load_vocabulary
from models.training_folder import Progress, add_line, write_whole

_SHARDED = (DistributedType.FSDP, DistributedType.DEEPSPEED)


@dataclass(frozen=True)
class Evaluated:
    """The held-out figures after `step` steps."""

    step: int
    likelihood: Likelihood


@dataclass
class _State:
    """Where a run is: steps done and seconds spent training, those of earlier starts included."""

    step: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class _Run:
    """What the parts of a run share."""

    config: PretrainConfig
    folder: RunFolder
    vocabulary: Vocabulary
    packed: PackedTokens
    texts: HeldOut
    accelerator: Accelerator
    model: torch.nn.Module
    optimizers: Sequence[Optimizer]
    parameters: int

    @property
    def tokens_per_step(self) -> int:
        return self.config.training.batch_sequences * self.config.model.context


def pretrain(
    config: PretrainConfig,
    *,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    on_evaluation: Callable[[Evaluated], None] = lambda evaluated: None,
    score: Scorer | None = None,
) -> dict[str, float]:
    """Train as `config` asks, or go on where its output folder left off, and return the figures of `result.json`.

    `score` measures completions against references, in percent (CodeBLEU); without it none are made. Callbacks are
    called on the main process alone. ModelError or DataError where the request or the data do not allow it.
    """
    transformers_logging.disable_progress_bar()
    run = _prepare(config)
    state = _resume(run)
    main = run.accelerator.is_main_process
    if state.step == 0:
        _evaluate(run, 0, on_evaluation)
    while state.step < config.training.steps:
        progress = _step(run, state)
        if main:
            on_progress(progress)
        last = state.step == config.training.steps
        if last or state.step % config.evaluation.every == 0:
            _evaluate(run, state.step, on_evaluation)
        if last or state.step % config.run.checkpoint_every == 0:
            _checkpoint(run, state)
    return _finish(run, state, score)


def _prepare(config: PretrainConfig) -> _Run:
    accelerator = _accelerator(config)
    on_main(accelerator, lambda: RunFolder(config.output).claim(config))
    folder = RunFolder(config.output)
    vocabulary = load_vocabulary(config.data.tokenizer)
    on_main(accelerator, lambda: pack(config.data, vocabulary, folder.path / "tokens"))
    packed = open_packed(folder.path / "tokens")
    if packed.sequences(config.model.context) == 0:
        raise ModelError(f"data.train: {packed.record.tokens} tokens make no sequence of {config.model.context}")
    rows = held_out_rows(config.data, config.evaluation.rows)
    if not rows:
        raise ModelError("data: no row is held out, so nothing can be measured")
    documents = [document_of(row, config.data) for row in rows]
    texts = held_out(documents, vocabulary.encode(documents))
    fresh = new_model(
        config.model.family,
        config.model.shape,
        vocabulary=vocabulary.size,
        context=config.model.context,
        end=vocabulary.end,
        seed=config.seed,
        induction_heads=config.model.induction_heads,
    )
    fresh.config.tokompiler = config.data.tokompiler  # a model says how it wants to read
    parameters = fresh.num_parameters()
    model, *optimizers = accelerator.prepare(fresh, *_optimizers(fresh, config, accelerator))
    model.train()
    return _Run(config, folder, vocabulary, packed, texts, accelerator, model, optimizers, parameters)


def _accelerator(config: PretrainConfig) -> Accelerator:
    training = config.training
    accelerator = new_accelerator(training.precision, config.run.report_to, config.output)
    at_once = training.micro_batch * accelerator.num_processes
    if training.batch_sequences % at_once:
        raise ModelError(
            f"training.batch_sequences ({training.batch_sequences}) is no multiple of training.micro_batch"
            f" ({training.micro_batch}) times {accelerator.num_processes} processes"
        )
    accelerator.gradient_accumulation_steps = training.batch_sequences // at_once
    if accelerator.state.deepspeed_plugin is not None:  # it learns these from a loader, and there is none
        deepspeed = accelerator.state.deepspeed_plugin.deepspeed_config
        deepspeed["train_micro_batch_size_per_gpu"] = training.micro_batch
        deepspeed["gradient_accumulation_steps"] = accelerator.gradient_accumulation_steps
    if config.run.report_to:
        accelerator.init_trackers("musl-pretrain", config={"config": config.model_dump_json()})
    return accelerator


def _optimizers(model: torch.nn.Module, config: PretrainConfig, accelerator: Accelerator) -> list[Optimizer]:
    if config.training.optimizer == "muon" and accelerator.distributed_type in _SHARDED:
        kind = accelerator.distributed_type.value
        raise ModelError(f"training.optimizer: muon needs whole matrices, which {kind} does not leave whole")
    return make_optimizers(model, config.training)


def _resume(run: _Run) -> _State:
    """Load the newest checkpoint, and forget what was logged after it."""
    there = run.folder.checkpoints()
    state = _State()
    if there:
        step, checkpoint = there[-1]
        run.accelerator.load_state(str(checkpoint))
        state = _State(step, float(json.loads((checkpoint / "state.json").read_text(encoding="utf-8"))["seconds"]))
    if run.accelerator.is_main_process:
        run.folder.forget_after(state.step if there else -1)
    run.accelerator.wait_for_everyone()
    return state


def _step(run: _Run, state: _State) -> Progress:
    """One step of the optimizer, logged; `state` moves on by it."""
    training, accelerator = run.config.training, run.accelerator
    started = time.monotonic()
    rate = learning_rate(state.step, training)
    for group in (group for optimizer in run.optimizers for group in optimizer.param_groups):
        group["lr"] = rate
    losses = []
    for batch in _micro_batches(run, state.step):
        with accelerator.accumulate(run.model):
            loss = run.model(input_ids=batch, labels=batch, use_cache=False).loss
            losses.append(loss.detach().float())
            accelerator.backward(loss)
            if accelerator.sync_gradients:
                accelerator.clip_grad_norm_(run.model.parameters(), training.clip_norm)
            for optimizer in run.optimizers:
                optimizer.step()
                optimizer.zero_grad()
    mean = float(accelerator.reduce(torch.stack(losses).mean(), reduction="mean"))
    if not np.isfinite(mean):
        raise ModelError(f"step {state.step + 1}: the loss is {mean}; lower training.learning_rate ({rate:g})")
    seconds = time.monotonic() - started
    state.step += 1
    state.seconds += seconds
    _log(run, state, mean, rate)
    left = (training.steps - state.step) * state.seconds / state.step
    return Progress(state.step, training.steps, mean, rate, run.tokens_per_step / seconds, left)


def _micro_batches(run: _Run, step: int) -> list[torch.Tensor]:
    """This process's share of the step's sequences, (micro_batch, context) each. Which sequences a step has does not
    depend on the number of processes."""
    training, context = run.config.training, run.config.model.context
    sequences = run.packed.sequences(context)
    of_step = sequence_numbers(step * training.batch_sequences, training.batch_sequences, sequences, run.config.seed)
    mine = of_step[run.accelerator.process_index :: run.accelerator.num_processes]
    ids = torch.from_numpy(run.packed.batch(mine, context)).to(run.accelerator.device)
    return list(ids.split(training.micro_batch))


def _log(run: _Run, state: _State, loss: float, rate: float) -> None:
    if run.accelerator.is_main_process:
        tokens = state.step * run.tokens_per_step
        line = {"step": state.step, "loss": loss, "learning_rate": rate, "tokens": tokens}
        add_line(run.folder.log, {**line, "seconds": round(state.seconds, 3)})
    if run.config.run.report_to:
        run.accelerator.log({"loss": loss, "learning_rate": rate}, step=state.step)


def _evaluate(run: _Run, step: int, on_evaluation: Callable[[Evaluated], None]) -> None:
    likelihood = measure(
        run.model, run.texts, run.config.model.context, run.config.training.micro_batch, run.accelerator
    )
    figures = figures_of(likelihood)
    if run.accelerator.is_main_process:
        add_line(run.folder.evaluations, {"step": step, **figures})
        on_evaluation(Evaluated(step, likelihood))
    if run.config.run.report_to:
        run.accelerator.log({f"held_out/{name}": figure for name, figure in figures.items()}, step=step)


def figures_of(likelihood: Likelihood) -> dict[str, float]:
    """The perplexities by their names."""
    return {
        "per_character": likelihood.per_character,
        "per_lexical_token": likelihood.per_lexical_token,
        "per_token": likelihood.per_token,
    }


def _checkpoint(run: _Run, state: _State) -> None:
    """Write all that the run needs to go on under a passing name, then give it its own."""
    accelerator, folder = run.accelerator, run.folder
    unfinished = folder.path / "checkpoints" / "unfinished"
    if accelerator.is_main_process:
        folder.unfinished_checkpoint()
    accelerator.wait_for_everyone()
    accelerator.save_state(str(unfinished))
    if accelerator.is_main_process:
        accelerator.unwrap_model(run.model).config.save_pretrained(unfinished)
        run.vocabulary.tokenizer.save_pretrained(unfinished)
        write_whole(unfinished / "state.json", json.dumps({"step": state.step, "seconds": state.seconds}) + "\n")
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        unfinished.rename(folder.checkpoint(state.step))
        folder.prune(run.config.run.keep_checkpoints)
    accelerator.wait_for_everyone()


def _finish(run: _Run, state: _State, score: Scorer | None) -> dict[str, float]:
    """Save the model, measure what is measured once, and write the result."""
    accelerator, config = run.accelerator, run.config
    weights = accelerator.get_state_dict(run.model)
    likelihood = measure(run.model, run.texts, config.model.context, config.training.micro_batch, accelerator)
    result: dict[str, float] = {}
    if accelerator.is_main_process:
        model = accelerator.unwrap_model(run.model)
        model.save_pretrained(run.folder.model, state_dict=weights)
        run.vocabulary.tokenizer.save_pretrained(run.folder.model)
        ModelForm("short", anonymous=config.data.tokompiler).save(run.folder.model)
        rate = state.step * run.tokens_per_step / state.seconds
        flops = flops_per_token(run.parameters, config.model.shape, config.model.context)
        result = {
            "steps": state.step,
            "processes": accelerator.num_processes,
            "precision_bits": bits_of(config.training.precision),
            "parameters": run.parameters,
            "tokens": state.step * run.tokens_per_step,
            "seconds": state.seconds,
            "tokens_per_second": rate,
            "tflops_per_second": rate * flops / 1e12,
            **figures_of(likelihood),
        }
        if config.evaluation.ngram_order:
            baseline = measure_baseline(run.packed, run.texts, run.vocabulary, config.evaluation.ngram_order)
            result |= {f"ngram_{name}": figure for name, figure in figures_of(baseline).items()}
        if score is not None and config.evaluation.completions:
            result["codebleu"] = score_completions(run.folder.model, config, score)
        write_whole(run.folder.result, json.dumps(result, indent=1) + "\n")
    accelerator.wait_for_everyone()
    accelerator.end_training()
    return result
