"""`Guard`: watches a run that may make processes or write files, and says when it is above a limit that no rlimit has.

rlimits hold for one process and one file; a run can have many. The guard adds up what the run's processes hold and
what its folder holds, and takes no privilege: it reads /proc and the folder. It is asked every `GUARD_SECONDS`, so a
limit may be passed for that long, and a run that is over sooner costs nothing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

GUARD_SECONDS = 0.05
TOO_MUCH_MEMORY = "more memory than it may have"
_PAGE = os.sysconf("SC_PAGESIZE")
_ID_BYTES = 8  # of a process id and the space behind it: at most 4,194,304


@dataclass(frozen=True)
class Guard:
    """`processes` bounds processes and threads, `memory_bytes` their private memory together (None: no bound, or
    nothing to watch), `folder_bytes` what lies in `folder` (None: the run cannot write there)."""

    processes: int | None = None
    memory_bytes: int | None = None
    folder: Path | None = None
    folder_bytes: int = 0

    @property
    def watches(self) -> bool:
        """Whether there is anything to look at."""
        return self.processes is not None or self.folder is not None

    def exceeded(self, root: int) -> str:
        """What the process `root`, all its descendants or the folder have too much of; empty where nothing."""
        if self.processes is not None:
            count, memory = _add_up(root, self.processes)
            if count > self.processes:
                return f"more than {self.processes} processes"
            if self.memory_bytes is not None and memory > self.memory_bytes:
                return TOO_MUCH_MEMORY
        if self.folder is not None and _size(self.folder, self.folder_bytes) > self.folder_bytes:
            return f"more than {self.folder_bytes} bytes in its folder"
        return ""


def _add_up(root: int, most: int) -> tuple[int, int]:
    """Threads of `root` and its descendants (those of a sandbox stay descendants of its first process) and their
    private bytes. Stops as soon as there are more than `most`, as every look at a process of a fork bomb waits for
    the kernel's list of them. Plain descriptors: by `pathlib` a look takes five times as long."""
    waiting, count, memory = [root], 0, 0
    while waiting and count + len(waiting) <= most:
        folder = f"/proc/{waiting.pop()}"
        try:
            with os.scandir(f"{folder}/task") as entries:
                threads = [entry.path for entry in entries]
            resident, shared = _read(f"{folder}/statm").split()[1:3]
            memory += (int(resident) - int(shared)) * _PAGE
            for thread in threads:
                waiting += _children(thread, most)
                if count + len(threads) + len(waiting) > most:
                    break
        except (OSError, ValueError):  # it has ended meanwhile
            continue
        count += len(threads)
    return count + len(waiting), memory


def children_of(process: int) -> list[int]:
    """The processes that the main thread of `process` started; none where it has ended."""
    try:
        return _children(f"/proc/{process}/task/{process}", 1 << 16)
    except OSError:
        return []


def _children(thread: str, most: int) -> list[int]:
    """The processes that a thread started, no more than `most` and one: the kernel walks a list for every one, and a
    fork bomb's list grows meanwhile."""
    return [int(child) for child in _read(f"{thread}/children", (most + 1) * _ID_BYTES).split()[: most + 1]]


def _read(path: str, most: int = 1 << 16) -> bytes:
    """The beginning of a file of /proc, in one look."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, most)
    finally:
        os.close(descriptor)


def _size(folder: Path, most: int) -> int:
    """Bytes that the files below `folder` take up on its disk, links not followed. Stops adding above `most`."""
    waiting, total = [str(folder)], 0
    while waiting and total <= most:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except OSError:  # it has gone meanwhile, or the run has taken away its own permission to look
            continue
    return total
