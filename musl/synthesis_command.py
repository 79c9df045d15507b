"""The command `musl data synth`: progress, what is printed, and the exit status."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from musl.errors import UsageError

EXIT_OK, EXIT_FAILURE, EXIT_USAGE = 0, 1, 2


def run_synth(count: int, out: Path, *, language: str, seed: int, families: Sequence[str], rows_per_shard: int) -> int:
    """Write the corpus and say where it is."""
    console = Console(stderr=True)
    progress = Progress(console=console, transient=True, disable=not console.is_terminal)
    task = progress.add_task("rows", total=count)
    try:
        from musl.synthesis import synthesize_corpus

        with progress:
            shards = synthesize_corpus(
                count,
                out,
                language=language,
                seed=seed,
                families=families or None,
                rows_per_shard=rows_per_shard,
                on_progress=lambda done: progress.update(task, completed=done),
            )
    except ModuleNotFoundError as error:
        print(f"error: {error.name} is not installed: pip install 'musl-cuda[data]'", file=sys.stderr)
        return EXIT_FAILURE
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_USAGE
    print(f"wrote {out}: {count:,} rows in {len(shards)} shard{'s' if len(shards) != 1 else ''}")
    return EXIT_OK


def print_families() -> int:
    """Every family with what it computes."""
    from data.synthesis.synthesize import FAMILIES

    for name in sorted(FAMILIES):
        print(f"{name:20} {FAMILIES[name].summary}")
    return EXIT_OK
