"""`scratch_folder`: a folder that goes when its user goes, also when that is killed.

A process that is killed cannot remove anything. So a small process of its own waits for the end of this one and of
those that it has forked (they hold the other end of a pipe), and removes the folder then.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

# Once more after a while: a sandbox that dies with the killed process may write until it is dead.
_REMOVE = 'cat > /dev/null; rm -rf -- "$1" 2> /dev/null || { sleep 1; rm -rf -- "$1"; }'


@contextlib.contextmanager
def scratch_folder(prefix: str = "musl-") -> Iterator[Path]:
    """A new empty folder for builds and runs; it is removed at the end of the body, and at the end of this process
    however that ends (unless everything that the user runs is killed at once)."""
    folder = Path(tempfile.mkdtemp(prefix=prefix)).resolve()
    reading, writing = os.pipe()
    try:
        janitor = subprocess.Popen(
            ["/bin/sh", "-c", _REMOVE, "sh", str(folder)],
            stdin=reading,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
        os.close(reading)
        try:
            yield folder
        finally:
            if _removed(folder):
                janitor.kill()  # before the pipe is closed: processes that were forked meanwhile may hold it open
                janitor.wait()
    finally:
        os.close(writing)


def _removed(folder: Path, patience: float = 2.0) -> bool:
    """Whether the folder is gone, tried for `patience` seconds: the processes of a sandbox that was killed a moment
    ago may write until they are dead."""
    end = time.monotonic() + patience
    shutil.rmtree(folder, ignore_errors=True)
    while folder.exists() and time.monotonic() < end:
        time.sleep(0.01)
        shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()
