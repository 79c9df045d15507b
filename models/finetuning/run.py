"""`finetune`: the whole run, from examples to a trained model, which a kill at any moment only makes longer.

What is guaranteed: a run that was killed and goes on ends, on the same machine with the same number of processes and on
the CPU, with the log and the weights of a run that was not. Not guaranteed: the same last bits on another machine, with
another number of threads or processes, or on a GPU.
"""

from __future__ import annotations

import gc
import json
import logging
import math
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch
from accelerate import PartialState
from accelerate.utils import DistributedType, broadcast_object_list
from safetensors import SafetensorError
from transformers import PreTrainedTokenizerBase
from transformers.integrations.integration_utils import get_available_reporting_integrations
from transformers.trainer_callback import PrinterCallback
from transformers.utils import logging as transformers_logging
from trl.trainer.sft_config import SFTConfig

from models.errors import ModelError
from models.finetuning.base import check_adapter, form_of, load_base, load_tokenizer, saved_dtype, with_adapter
from models.finetuning.config import FinetuneConfig, read_config
from models.finetuning.examples import read_examples, token_row
from models.finetuning.folder import FinetuneFolder
from models.finetuning.rows import Rows, make_rows, new_collator, row_order
from models.finetuning.trainer import ExampleTrainer, RunLog, refuse_to_write
from models.model_form import ModelForm
from models.precision import bits_of, computes_in
from models.training_folder import Progress, read_lines, write_whole

if TYPE_CHECKING:
    from peft import LoraModel, PeftModel
    from transformers import PreTrainedModel

__all__ = ["FinetuneResult", "Progress", "finetune", "run_finetuning"]


LOG = logging.getLogger(__name__)
_SHARDED = (DistributedType.FSDP, DistributedType.DEEPSPEED)


@dataclass(frozen=True)
class FinetuneResult:
    """The figures of a finished run. `loss` is the mean of the last tenth of the steps, `first_loss` that of the first
    step, both nats per token of completions as the loss of the run counts them; `held_out_loss` is None without such
    data. `precision_bits` are those of the numbers that were multiplied, 16 or 32. `tokens` counts those of prompts and
    completions that were seen."""

    model: str
    steps: int
    processes: int
    precision_bits: int
    examples: int
    left_out: int
    rows: int
    tokens: int
    parameters: int
    trained_parameters: int
    seconds: float
    tokens_per_second: float
    first_loss: float
    loss: float
    held_out_loss: float | None


@dataclass(frozen=True)
class _Inputs:
    """What is made of the config before weights are loaded."""

    tokenizer: PreTrainedTokenizerBase
    form: ModelForm
    train: Rows
    held_out: Rows | None
    order: list[int]
    """The rows of all steps, one step after the other."""
    warmup_steps: int

    @property
    def tokens(self) -> int:
        """Tokens of all steps, padding left out."""
        lengths = self.train.lengths
        return sum(lengths[row] for row in self.order)


def run_finetuning(config: Path, *, progress: Callable[[Progress], None] = lambda progress: None) -> FinetuneResult:
    """`finetune` for a YAML file; what `python -m models.finetuning CONFIG.yaml` does."""
    return finetune(read_config(config), progress=progress)


def finetune(config: FinetuneConfig, *, progress: Callable[[Progress], None] = lambda progress: None) -> FinetuneResult:
    """Train as `config` asks, or go on where its output folder left off. A finished run is not trained again.

    `progress` is called on the main process alone, after each step. ModelError where the request, the data or the
    machine do not allow it: one line that says what, where and what to do. Where one GPU does not hold a micro batch,
    it is halved, and as many more make up a step.
    """
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    folder = FinetuneFolder(config.output)
    state = PartialState(cpu=not torch.cuda.is_available())  # as the trainer will ask for it
    with _one_line(config):
        _on_main(lambda: folder.claim(config))
        if folder.result.is_file() and folder.model.is_dir():
            return _read_result(folder)
        inputs = _inputs(config)
        micro_batch = config.training.micro_batch
        while True:
            try:
                return _train(config, folder, inputs, _arguments(config, folder, inputs, micro_batch), progress)
            except torch.OutOfMemoryError:
                if micro_batch == 1 or state.num_processes > 1:  # of several, the others wait for this one
                    raise
            micro_batch //= 2
            LOG.warning("GPU memory does not hold the micro batch; going on with %d rows at once", micro_batch)
            gc.collect()
            torch.cuda.empty_cache()


def _train(
    config: FinetuneConfig,
    folder: FinetuneFolder,
    inputs: _Inputs,
    arguments: SFTConfig,
    progress: Callable[[Progress], None],
) -> FinetuneResult:
    """From the last checkpoint to the end."""
    trainer = _trainer(config, folder, inputs, arguments)
    resumed = folder.newest_checkpoint() if PartialState().is_main_process else None
    step, checkpoint = broadcast_object_list([resumed])[0] or (0, None)
    _on_main(lambda: folder.forget_after(step))
    trainer.add_callback(RunLog(folder, inputs.tokens / trainer.args.max_steps, progress))
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if inputs.held_out is not None and trainer.state.global_step % config.evaluation.every:
        trainer.evaluate()
    return _finish(config, folder, inputs, trainer)


def _inputs(config: FinetuneConfig) -> _Inputs:
    tokenizer = load_tokenizer(config.model)
    form = form_of(config.model, tokenizer)
    if config.model.continue_from is not None:
        check_adapter(config.model.continue_from, config.model.base)

    def rows(paths: list[Path], seed: int) -> Rows:
        tokens = [token_row(example, tokenizer, form.style) for example in read_examples(paths)]
        return make_rows(tokens, config.model.context, pack=config.data.pack, seed=seed)

    held_out = rows(config.data.held_out, 0) if config.data.held_out else None
    train = rows(config.data.train, config.seed)
    training = config.training
    # The last step of an epoch is filled up with rows of the next one.
    of_epochs = math.ceil((training.epochs or 1.0) * len(train.dataset) / training.batch_sequences)
    steps = training.steps or max(of_epochs, training.least_steps or 1)
    order = row_order(train.lengths, training.batch_sequences, steps, config.seed)
    return _Inputs(tokenizer, form, train, held_out, order, _warmup_steps(training.warmup_steps, steps))


def _warmup_steps(asked: int, steps: int) -> int:
    """As asked for; half of the steps where the epochs make too few, as those of few examples are known too late to
    refuse the request."""
    if asked < steps:
        return asked
    LOG.warning("training.warmup_steps: %d would leave nothing of %d steps, %d are taken", asked, steps, steps // 2)
    return steps // 2


def _trainer(config: FinetuneConfig, folder: FinetuneFolder, inputs: _Inputs, arguments: SFTConfig) -> ExampleTrainer:
    base = load_base(config)
    model, fresh = with_adapter(base, config)
    trainer = ExampleTrainer(
        samples=config.training.samples,
        folder=folder,
        keep=config.run.keep_checkpoints,
        model=model,
        args=arguments,
        train_dataset=inputs.train.dataset.select(inputs.order),
        eval_dataset=inputs.held_out.dataset if inputs.held_out else None,
        processing_class=inputs.tokenizer,
        data_collator=new_collator(config.model.attention, cast("int", inputs.tokenizer.pad_token_id)),
        peft_config=fresh,
    )
    trainer.remove_callback(PrinterCallback)
    if config.adapter is not None and config.adapter.merge and trainer.accelerator.distributed_type in _SHARDED:
        raise ModelError("adapter.merge: not where weights are sharded (FSDP, DeepSpeed); save the adapter alone")
    return trainer


def _arguments(config: FinetuneConfig, folder: FinetuneFolder, inputs: _Inputs, micro_batch: int) -> SFTConfig:
    training, processes = config.training, PartialState().num_processes
    evaluated = inputs.held_out is not None
    installed = get_available_reporting_integrations()
    for name in config.run.report_to:
        if name not in installed:
            raise ModelError(f"run.report_to: {name} is not installed here (there are: {', '.join(installed)})")
    at_once = micro_batch * processes
    if training.batch_sequences % at_once:
        raise ModelError(
            f"training.batch_sequences ({training.batch_sequences}) is no multiple of training.micro_batch"
            f" ({micro_batch}) times {processes} processes"
        )
    on_cpu = not torch.cuda.is_available()
    return SFTConfig(
        output_dir=str(folder.checkpoints),
        per_device_train_batch_size=micro_batch,
        per_device_eval_batch_size=micro_batch,
        gradient_accumulation_steps=training.batch_sequences // at_once,
        max_steps=len(inputs.order) // training.batch_sequences,
        learning_rate=training.learning_rate,
        lr_scheduler_type="cosine_with_min_lr",
        lr_scheduler_kwargs={"min_lr": training.final_learning_rate},
        warmup_steps=inputs.warmup_steps,
        weight_decay=training.weight_decay,
        adam_beta1=training.beta1,
        adam_beta2=training.beta2,
        max_grad_norm=training.clip_norm,
        bf16=computes_in(training.precision) == "bf16",
        use_cpu=on_cpu,
        dataloader_pin_memory=not on_cpu,
        activation_checkpointing=training.gradient_checkpointing,
        logging_strategy="steps",
        logging_steps=1,
        logging_nan_inf_filter=False,
        save_strategy="steps",
        save_steps=config.run.checkpoint_every,
        eval_strategy="steps" if evaluated else "no",
        eval_steps=config.evaluation.every if evaluated else None,
        train_sampling_strategy="sequential",
        seed=config.seed,
        report_to=list(config.run.report_to) or "none",
        disable_tqdm=True,
        dataset_kwargs={"skip_prepare_dataset": True},
        max_length=None,
        ddp_find_unused_parameters=False,
    )


def _finish(config: FinetuneConfig, folder: FinetuneFolder, inputs: _Inputs, trainer: ExampleTrainer) -> FinetuneResult:
    """Save the model under a passing name, give it its own, and write the result."""
    accelerator = trainer.accelerator
    weights = accelerator.get_state_dict(trainer.model_wrapped)  # a part of it comes from every process
    if accelerator.is_main_process:
        model = accelerator.unwrap_model(trainer.model_wrapped)
        unfinished = folder.path / "model.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        _save(config, model, weights, unfinished)
        inputs.tokenizer.save_pretrained(unfinished)
        inputs.form.save(unfinished)
        shutil.rmtree(folder.model, ignore_errors=True)
        unfinished.rename(folder.model)
        write_whole(folder.result, json.dumps(asdict(_result(config, folder, inputs, trainer)), indent=1) + "\n")
    accelerator.wait_for_everyone()
    return _read_result(folder)


def _save(config: FinetuneConfig, model: torch.nn.Module, weights: dict[str, torch.Tensor], folder: Path) -> None:
    if config.adapter is not None and config.adapter.merge:
        merged = cast("PreTrainedModel", cast("LoraModel", model).merge_and_unload())
        merged.save_pretrained(folder)
        return
    if config.model.method == "full":
        dtype = saved_dtype(config.model.base)
        weights = {name: tensor.to(dtype) if tensor.is_floating_point() else tensor for name, tensor in weights.items()}
    cast("PreTrainedModel | PeftModel", model).save_pretrained(str(folder), state_dict=weights)


def _result(config: FinetuneConfig, folder: FinetuneFolder, inputs: _Inputs, trainer: ExampleTrainer) -> FinetuneResult:
    log, evaluations = read_lines(folder.log), read_lines(folder.evaluations)
    losses = [line["loss"] for line in log]
    tenth = losses[-max(1, len(losses) // 10) :]
    seconds = log[-1]["seconds"]
    parameters = [(parameter.numel(), parameter.requires_grad) for parameter in trainer.trained.parameters()]
    return FinetuneResult(
        model=str(folder.model),
        steps=trainer.state.global_step,
        processes=trainer.accelerator.num_processes,
        precision_bits=bits_of(config.training.precision),
        examples=inputs.train.examples,
        left_out=inputs.train.left_out,
        rows=len(inputs.train.dataset),
        tokens=inputs.tokens,
        parameters=sum(count for count, _ in parameters),
        trained_parameters=sum(count for count, trained in parameters if trained),
        seconds=seconds,
        tokens_per_second=inputs.tokens / max(seconds, 1e-9),
        first_loss=losses[0],
        loss=sum(tenth) / len(tenth),
        held_out_loss=evaluations[-1]["loss"] if evaluations else None,
    )


def _read_result(folder: FinetuneFolder) -> FinetuneResult:
    try:
        return FinetuneResult(**json.loads(folder.result.read_text(encoding="utf-8")))
    except (TypeError, ValueError) as error:
        raise ModelError(
            f"{folder.result}: not a result of this version of MuSL ({error}); delete it, and the run is ended anew"
            " from its last checkpoint, or give another output"
        ) from None


def _on_main(work: Callable[[], object]) -> None:
    """Do on the main process what the others wait for; where it fails, all of them fail with the same line."""
    failed = [""]
    if PartialState().is_main_process:
        try:
            work()
        except (ModelError, OSError) as error:
            failed = [str(error)]
    broadcast_object_list(failed)
    if failed[0]:
        raise ModelError(failed[0])


@contextmanager
def _one_line(config: FinetuneConfig) -> Iterator[None]:
    """What the disk and the GPU refuse, as one line."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        refuse_to_write(config.output, error)
    except torch.OutOfMemoryError:
        raise ModelError(
            f"GPU memory does not hold a row of model.context ({config.model.context}) tokens, or of several processes"
            f" one's training.micro_batch ({config.training.micro_batch}); lower them, or set"
            " training.gradient_checkpointing"
        ) from None
