"""`verify_pairs`: the verdict on every pair of a file, in worker processes.

Each worker takes the next pair when it is done with one. A pair that crashes or hangs its worker costs itself alone:
another worker is started in its place. Verdicts come in any order and are reported in that of the input.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from compile.build_cache import BuildCache
from compile.gpu.plan import SANITIZERS, Sanitizer
from compile.scratch import scratch_folder
from data.pairs import Pair, PairError, read_pairs
from musl.case import GpuOptions
from musl.errors import MachineError, UsageError
from musl.journal import Journal, is_final
from musl.judge import Judge
from musl.judge_pair import judge_pair
from musl.machine import usable_cores
from musl.parallel import map_in_workers
from musl.preflight import preflight
from musl.prepare import check_compilers, choose_device, make_sandbox, preprocessing_in
from musl.report.verdict_record import VerdictRecord
from musl.verdict import VerdictStatus
from musl.warm_up import warm_up
from musl.workers import Died

LOG = logging.getLogger(__name__)
OnVerdict = Callable[[int, int], None]


@dataclass(frozen=True)
class VerifyReport:
    """The verdicts in the order of the input; `resumed` counts those of an earlier run, `seconds` is wall time."""

    file: Path
    device: str
    records: tuple[VerdictRecord, ...]
    seconds: float
    resumed: int = 0
    jobs: int = 1
    version: str = field(default_factory=lambda: f"MuSL {version('musl-cuda')}")
    counts: Mapping[VerdictStatus, int] = field(init=False)

    def __post_init__(self) -> None:
        counted = Counter(record.verdict for record in self.records)
        object.__setattr__(self, "counts", {status: counted.get(status, 0) for status in VerdictStatus})


def verify_pairs(
    path: Path | str,
    *,
    out: Path | None = None,
    device: str = "auto",
    tests: int = 20,
    more_tests: int = 0,
    mutants: int = 0,
    seed: int = 0,
    ids: Sequence[str] = (),
    jobs: int | None = None,
    timeout: float = 600.0,
    cache: bool = True,
    arch: str | None = None,
    sanitizer: str | None = None,
    unsafe_no_sandbox: bool = False,
    on_verdict: OnVerdict = lambda done, of: None,
) -> VerifyReport:
    """The verdict on each pair of a file in a format of data/pairs.py.

    `tests` fuzz tests are made for a pair that has no tests or whose own show nothing (0: none), `more_tests` beside
    its own ones. With `mutants` the strength of the tests of equivalent pairs is measured with so many planted faults.
    `ids` selects pairs. `jobs` workers judge at a time (all usable cores where None), each pair within `timeout`
    seconds. With `out` the verdicts are written there (musl/journal.py), and a run that was killed goes on.
    `on_verdict(done, of)` is told of each. `cache` keeps builds between runs. On a GPU, `arch` is what nvcc compiles
    for, and `sanitizer` the tool of compute-sanitizer that watches the runs.

    Raises UsageError for a file or a request that cannot be used, MachineError where this machine cannot judge.
    """
    started = time.monotonic()
    path = Path(path)
    pairs = _select(_read(path), ids, path)
    check_compilers()
    chosen = choose_device(device)
    workers = jobs or usable_cores()
    with scratch_folder() as scratch, contextlib.ExitStack() as stack:
        sandbox, obstacle = make_sandbox(scratch, unsafe=unsafe_no_sandbox)
        if sandbox is None:
            raise MachineError(obstacle)
        stack.enter_context(preprocessing_in(sandbox))
        gpu = GpuOptions(arch, _sanitizer(sanitizer, chosen))
        judge = Judge(sandbox, chosen, tests, more_tests, seed, cache=cache, gpu=gpu, mutants=mutants)
        identity = _identity(path, chosen, tests, more_tests, mutants, seed)
        journal = stack.enter_context(Journal(out, identity, VerdictRecord, is_final)) if out is not None else None
        known = dict(journal.known) if journal is not None else {}
        waiting = [pair for pair in pairs if pair.key not in known]
        resumed = len(pairs) - len(waiting)
        if waiting:
            warm_up(chosen)
            preflight(judge)
        for done, record in enumerate(judge_all(judge, waiting, workers, timeout), resumed + 1):
            known[str(record.id), record.sample] = record
            if journal is not None:
                journal.add(record)
            on_verdict(done, len(pairs))
        if cache:
            BuildCache().prune()
        records = tuple(known[pair.key] for pair in pairs)
        if journal is not None:
            journal.finish(records)
    return VerifyReport(path, chosen, records, time.monotonic() - started, resumed, workers)


def _sanitizer(name: str | None, device: str) -> Sanitizer | None:
    if name is None:
        return None
    if name not in SANITIZERS:
        raise UsageError(f"--sanitizer {name}: choose {', '.join(SANITIZERS)}")
    if device != "gpu":
        raise UsageError("--sanitizer is for runs on a GPU; the emulator has checks of its own")
    return name


def _read(path: Path) -> list[Pair]:
    try:
        return read_pairs(path)
    except PairError as error:
        raise UsageError(str(error)) from None


def _select(pairs: Sequence[Pair], ids: Sequence[str], path: Path) -> list[Pair]:
    known = {str(pair.id) for pair in pairs}
    unknown = [identity for identity in ids if identity not in known]
    if unknown:
        raise UsageError(f"{path}: there is no pair with the id {unknown[0]}")
    return [pair for pair in pairs if not ids or str(pair.id) in ids]


def _identity(path: Path, device: str, tests: int, more_tests: int, mutants: int, seed: int) -> dict[str, object]:
    """What verdicts depend on: an earlier run with another one of these says nothing for this one."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    settings = {"device": device, "tests": tests, "more_tests": more_tests, "mutants": mutants, "seed": seed}
    return {"input": digest, **settings}


def judge_all(judge: Judge, pairs: Sequence[Pair], jobs: int, timeout: float) -> Iterator[VerdictRecord]:
    """The verdicts on all pairs, as they come. Raises nothing for what a pair holds; MachineError where workers cannot
    be started."""
    for index, message in map_in_workers(functools.partial(judge_pair, judge), pairs, jobs, timeout):
        yield _broken(pairs[index], judge, message) if isinstance(message, Died) else message


def _broken(pair: Pair, judge: Judge, died: Died) -> VerdictRecord:
    """The verdict on a pair whose worker ended. Both sides run within limits of their own, so it is MuSL or the machine
    that failed."""
    if died.how == "error":
        LOG.error("MuSL failed on pair %s, which is a bug to report:\n%s", pair.id, died.detail)
    reason = died.detail.strip().splitlines()[-1] if died.detail.strip() else died.how
    return VerdictRecord(
        id=pair.id,
        sample=pair.sample,
        verdict=VerdictStatus.INFRASTRUCTURE,
        reason=f"the worker ended ({died.how}): {reason}",
        device=judge.device,
    )
