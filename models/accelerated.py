"""What trainings with accelerate share: how it is begun, and what the main process does while the others wait."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.state import AcceleratorState
from accelerate.tracking import LOGGER_TYPE_TO_CLASS, get_available_trackers
from accelerate.utils import broadcast_object_list

from data.corpus.errors import DataError
from models.errors import ModelError
from models.precision import computes_in
from models.run_config import Precision

# Tied weights are one tensor in a checkpoint; that this is said at each of them (as a thing to check) helps nobody.
logging.getLogger("accelerate.utils.other").addFilter(lambda record: "Removed shared tensor" not in str(record.msg))


def new_accelerator(
    precision: Precision, report_to: Sequence[str], folder: Path, *, partly_used: bool = False
) -> Accelerator:
    """An accelerator that computes in `precision`, where the processor has it (models/precision.py), and reports to the
    trackers of these names. `partly_used`: a step may leave some of the model's weights aside. ModelError for a tracker
    that there is not."""
    installed = {str(tracker) for tracker in get_available_trackers()}
    for name in report_to:
        if name not in LOGGER_TYPE_TO_CLASS:
            raise ModelError(f"run.report_to: no tracker '{name}' (choose {', '.join(LOGGER_TYPE_TO_CLASS)})")
        if name not in installed:
            raise ModelError(f"run.report_to: {name} is not installed (pip install {name})")
    AcceleratorState._reset_state()  # an earlier run of this process would bind this one to its precision
    return Accelerator(
        cpu=not torch.cuda.is_available(),  # accelerate lets processes on CPUs work together only where it is told so
        mixed_precision="bf16" if computes_in(precision) == "bf16" else "no",
        log_with=list(report_to) or None,
        project_dir=folder,
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=partly_used)],
    )


def on_main(accelerator: Accelerator, work: Callable[[], object]) -> None:
    """Do on the main process what the others wait for; where it fails, all of them fail with the same line."""
    failed = [""]
    error: Exception | None = None
    if accelerator.is_main_process:
        try:
            work()
        except (ModelError, DataError) as failure:
            failed, error = [str(failure)], failure
    broadcast_object_list(failed)
    if error is not None:
        raise error
    if failed[0]:
        raise ModelError(failed[0])
