"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from data.corpus.errors import DataError, one_line


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name to write to (its folder is made if need be), renamed to `path` after the body.

    DataError where the disk refuses (full, not writable); then `path` is as it was.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            with temporary.open("rb+") as handle:
                os.fsync(handle.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path}: cannot be written ({one_line(error)})") from None
