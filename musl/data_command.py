"""The command `musl data build`: progress, what is printed, and the exit status."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from musl.errors import MachineError, UsageError

if TYPE_CHECKING:
    from data.corpus.card import Card, Ledger

EXIT_OK, EXIT_FAILURE, EXIT_USAGE = 0, 1, 2


class Build(Protocol):
    """`musl.build_corpus` with the command's options filled in."""

    def __call__(self, *, on_progress: Callable[[str, int], None]) -> Card: ...


def run_build(build: Callable[[], Build], out: Path, *, json: bool) -> int:
    """Build the corpus and print its card (with `json` as it stands in card.json). `build` loads what it needs."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    task = progress.add_task("batches: 0", total=None)
    try:
        work = build()
        with progress:
            card = work(on_progress=lambda stage, done: progress.update(task, description=f"{stage}: {done}"))
    except ModuleNotFoundError as error:
        print(f"error: {error.name} is not installed: pip install 'musl-cuda[data]'", file=sys.stderr)
        return EXIT_FAILURE
    except (UsageError, MachineError) as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_USAGE if isinstance(error, UsageError) else EXIT_FAILURE
    if json:
        print((out / "card.json").read_text(encoding="utf-8"), end="")
    else:
        _print_card(card, out)
    return EXIT_OK


def _print_card(card: Card, out: Path) -> None:
    print(f"files: {_ledger(card.files)} ({card.bytes_in / 1e6:.1f} MB)")
    print(f"rows:  {_ledger(card.rows)}")
    for what, counted in (
        ("files by language", card.languages_of_files),
        ("files by parallel API", card.apis_of_files),
        ("rows by kind", card.kinds),
        ("rows by language", card.languages),
    ):
        if counted:
            print(f"{what}: {', '.join(f'{name} {count:,}' for name, count in counted.items())}")
    if card.benchmark_texts:
        print(f"compared with {card.benchmark_texts:,} texts of benchmarks")
    shards = len(card.shards)
    print(f"wrote {out}: {shards} shard{'s' if shards != 1 else ''} and card.json")


def _ledger(ledger: Ledger) -> str:
    drops = ", ".join(f"{name} {count:,}" for name, count in ledger.drops.items() if count)
    return f"{ledger.came_in:,} in, {ledger.stayed:,} kept" + (f"; left out: {drops}" if drops else "")
