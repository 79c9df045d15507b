"""`build_corpus`: a corpus of functions and kernels from sources, as `musl data build` makes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from data.corpus.build import Plan
from data.corpus.build import build_corpus as build
from data.corpus.card import Card
from data.corpus.clean import Cleaning
from data.corpus.errors import DataError
from data.corpus.executor import make_executor
from data.corpus.row import KINDS, ROWS_PER_SHARD, Kind
from musl.compile_rows import row_check
from musl.errors import UsageError
from musl.machine import usable_cores


def build_corpus(
    sources: Sequence[str | Path],
    out: Path,
    *,
    against: Sequence[str | Path] = (),
    kinds: Sequence[str] = ("function", "kernel"),
    min_chars: int = 40,
    max_chars: int = 20_000,
    loop: bool = True,
    generated: bool = False,
    compile_check: bool = False,
    near: float = 0.8,
    rows_per_shard: int = ROWS_PER_SHARD,
    jobs: int | None = None,
    executor: str | None = None,
    unsafe_no_sandbox: bool = False,
    on_progress: Callable[[str, int], None] = lambda stage, done: None,
) -> Card:
    """Mines `sources` (see data.sources.open_source), cleans what it finds, and writes shards and card.json into `out`.

    Rows that are in a source of `against`, or nearly (estimated Jaccard similarity of token runs of at least `near`),
    are left out, as are all but the first of rows that are the same or nearly. `loop` keeps only functions with a loop,
    `generated` keeps files that a program wrote, `compile_check` keeps only what compiles (C and C++ by gcc, CUDA by
    g++ with the emulator's headers). Lengths are in characters. `jobs` is the number of worker processes (None: all
    cores), `executor` the address of a Ray cluster to work on instead. A run that was killed goes on where it ended.

    Raises UsageError where a source cannot be read, options do not fit, or the disk is full; MachineError where the
    compile check lacks a compiler or the sandbox.
    """
    try:
        chosen: list[Kind] = [kind for kind in KINDS if kind in kinds]
        if not set(kinds) <= set(KINDS):
            raise UsageError(f"--kind {', '.join(kinds)}: choose of {', '.join(KINDS)}")
        cleaning = Cleaning(tuple(chosen), min_chars, max_chars, loop=loop, generated=generated, compiles=compile_check)
        plan = Plan(tuple(map(str, sources)), tuple(map(str, against)), cleaning, near, rows_per_shard)
    except ValueError as error:
        raise UsageError(str(error)) from None
    check = row_check(unsafe=unsafe_no_sandbox) if compile_check else None
    try:
        return build(plan, out, make_executor(executor, jobs or usable_cores()), check, on_progress)
    except DataError as error:
        raise UsageError(str(error)) from None
