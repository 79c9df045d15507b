"""`open_bench`: a machine that is ready to give verdicts, shown by two pairs whose verdicts are known."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from compile.scratch import scratch_folder
from musl.errors import MachineError
from musl.judge import Judge
from musl.loop.bench import Bench
from musl.preflight import preflight
from musl.prepare import check_compilers, choose_device, make_sandbox, preprocessing_in
from musl.warm_up import warm_up


@contextlib.contextmanager
def open_bench(device: str, schedules: Sequence[str], seed: int, *, unsafe_no_sandbox: bool) -> Iterator[Bench]:
    """The bench with a scratch folder that goes after the body. MachineError where this machine cannot judge."""
    check_compilers()
    chosen = choose_device(device)
    with scratch_folder() as scratch:
        sandbox, obstacle = make_sandbox(scratch, unsafe=unsafe_no_sandbox)
        if sandbox is None:
            raise MachineError(obstacle)
        with preprocessing_in(sandbox):
            warm_up(chosen)
            preflight(Judge(sandbox, chosen, seed=seed, cache=True))
            yield Bench(sandbox, chosen, tuple(schedules), seed)
