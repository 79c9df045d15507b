"""The command `musl loop`: progress, what is printed, and the exit status."""

from __future__ import annotations

import json as json_module
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from musl.errors import MachineError, UsageError

if TYPE_CHECKING:
    from musl.evaluation.records import Interval
    from musl.loop.metrics import RoundMetrics
    from musl.loop.status import LoopStatus

EXIT_OK, EXIT_FAILURE, EXIT_USAGE = 0, 1, 2


class RunLoop(Protocol):
    """`musl.run_loop` with the command's arguments filled in."""

    def __call__(self, *, on_progress: Callable[[int, str, int, int], None]) -> list[RoundMetrics]: ...


def run_loop_command(loop: RunLoop, *, json: bool) -> int:
    """Run the loop, with a bar of the stage in hand on a terminal, and print the figures of all rounds."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    # Refreshed by calls only: a refreshing thread would be in the way of the workers' forks.
    bar = Progress(*columns, console=console, auto_refresh=False, transient=True, disable=not console.is_terminal)
    task = bar.add_task("starting", total=None)

    def advance(number: int, stage: str, done: int, of: int) -> None:
        name = stage if number < 0 else f"round {number}: {stage}"
        bar.update(task, description=name, completed=done, total=of or None, refresh=True)

    try:
        with bar:
            metrics = loop(on_progress=advance)
    except (UsageError, MachineError) as error:
        return _failed(error)
    if json:
        print(json_module.dumps([one.model_dump(mode="json") for one in metrics]))
    else:
        print_rounds(metrics, _wide_console())
    return EXIT_OK


def run_status_command(folder: Path, *, json: bool) -> int:
    """Print where the run in a folder is."""
    from musl.loop.status import loop_status

    try:
        status = loop_status(folder)
    except UsageError as error:
        return _failed(error)
    if json:
        print(json_module.dumps(_status_record(status)))
        return EXIT_OK
    console = _wide_console()
    console.print(_where(status))
    for number, taken in sorted(status.seconds.items()):
        stages = ", ".join(f"{stage} {_time(seconds)}" for stage, seconds in taken.items())
        console.print(f"{'preparation' if number < 0 else f'round {number}'}: {stages}")
    if status.metrics:
        console.print()
        print_rounds(status.metrics, console)
    return EXIT_OK


def _wide_console() -> Console:
    """A table of figures is as wide as it has to be where nobody looks at it on a terminal."""
    return Console(soft_wrap=True, width=None if sys.stdout.isatty() else 240)


def _where(status: LoopStatus) -> str:
    if not status.stage:
        return f"finished: {status.rounds} rounds after the seed"
    place = "preparation" if status.round < 0 else f"round {status.round} of {status.rounds}"
    place = f"{place}, {status.stage}"
    if status.of:
        work = status.work if status.work.startswith(status.stage) else f"{status.stage}, {status.work}"
        place += f"{work.removeprefix(status.stage)} {status.done} of {status.of}"
    if status.so_far:
        place += f" ({_time(status.so_far)} so far)"
    state = "running" if status.running else "not running (start it again, and it goes on)"
    return f"{place}: {state}; time left: {_time_left(status)}"


def _time_left(status: LoopStatus) -> str:
    if status.left is not None:
        return f"about {_time(status.left)}"
    return f"at least {_time(status.left_at_least)}" if status.left_at_least >= 1 else "not known yet"


def _status_record(status: LoopStatus) -> dict[str, object]:
    return {
        "rounds": status.rounds,
        "running": status.running,
        "round": status.round,
        "stage": status.stage,
        "seconds_so_far": status.so_far,
        "work": status.work,
        "done": status.done,
        "of": status.of,
        "seconds_left": status.left,
        "seconds_left_at_least": status.left_at_least,
        "seconds": {str(number): dict(taken) for number, taken in status.seconds.items()},
        "finished": [list(names) for names in status.finished],
    }


def print_rounds(metrics: tuple[RoundMetrics, ...] | list[RoundMetrics], console: Console) -> None:
    """The held-out figures round by round, in percent, with 95 % intervals."""
    table = Table(box=None, pad_edge=False)
    table.add_column("round", justify="right", no_wrap=True)
    names = list(dict.fromkeys((d, k) for one in metrics for d, f in one.translator.items() for k in f.pass_at))
    for direction, k in names:
        table.add_column(f"{direction} {k.replace('pass', 'Pass')}", justify="right", no_wrap=True)
    for name in ("compile pass", "valid tests", "line coverage", "mutants", "triplets"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in metrics:
        passes = [one.translator[d].pass_at.get(k) if d in one.translator else None for d, k in names]
        first = next(iter(one.translator.values()), None)
        rest = [
            *(first.compile_pass if first is not None else None, one.tester.valid),
            *(one.tester.line_coverage, one.tester.mutants),
        ]
        table.add_row(str(one.round), *map(_figure, (*passes, *rest)), str(one.loop.triplets))
    console.print(table)


def _figure(figure: Interval | None) -> str:
    if figure is None or figure.value is None:
        return "\N{EN DASH}"
    if figure.low is None or figure.high is None:
        return f"{figure.value:.1f}"
    return f"{figure.value:.1f} [{figure.low:.0f}, {figure.high:.0f}]"


def _failed(error: Exception) -> int:
    print(f"error: {error}", file=sys.stderr)
    return EXIT_USAGE if isinstance(error, UsageError) else EXIT_FAILURE


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def loop_of_file(
    config: Path, *, unsafe_no_sandbox: bool, on_progress: Callable[[int, str, int, int], None]
) -> list[RoundMetrics]:
    """`musl.run_loop` for a YAML file. UsageError and MachineError as there."""
    try:
        from musl.loop.config import read_loop_config
        from musl.loop.run import run_loop

        asked = read_loop_config(config)
    except ModuleNotFoundError as error:
        raise MachineError(f"{error.name} is not installed: pip install 'musl-cuda[data,models]'") from None
    return run_loop(asked, unsafe_no_sandbox=unsafe_no_sandbox, on_progress=on_progress)
