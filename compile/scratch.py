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
            shutil.rmtree(folder, ignore_errors=True)
            janitor.kill()  # before the pipe is closed: processes that were forked meanwhile may hold it open
            janitor.wait()
    finally:
        os.close(writing)
