"""`ProgressDisplay`: what each function is going through, on standard error while the work lasts."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn


class ProgressDisplay:
    """A line a function, refreshed by calls only: a refreshing thread would be in the way of the workers' forks.

    Nothing is shown where standard error is not a terminal.
    """

    def __init__(self) -> None:
        console = Console(stderr=True)
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.fields[stage]}"))
        self._progress = Progress(
            *columns,
            TimeElapsedColumn(),
            console=console,
            auto_refresh=False,
            transient=True,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> ProgressDisplay:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def __call__(self, name: str, stage: str) -> None:
        """`name` is now at `stage`; an empty stage ends its line; an empty name only moves the clocks."""
        if name and stage:
            if name not in self._tasks:
                self._tasks[name] = self._progress.add_task(name, total=None, stage=stage)
            self._progress.update(self._tasks[name], stage=stage)
        elif name in self._tasks:
            self._progress.remove_task(self._tasks.pop(name))
        self._progress.refresh()
