"""Compiled parts of MuSL itself (the driver, runtimes, headers), kept between runs by the hash of what made them.

Another compiler or another MuSL makes other parts; those that nothing asked for in `UNUSED_DAYS` go when one is made.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ParamSpec

from compile.toolchain import find_gcc, find_gxx

# One for each key: threads of this process wait for each other instead of compiling the same twice.
_LOCKS: dict[str, threading.Lock] = {}
UNUSED_DAYS = 30
_DAY = 24 * 3600.0
_KEY_LENGTH = 24
_UNFINISHED = ".new-"


class OwnBuildFailedError(RuntimeError):
    """A part of MuSL itself does not compile on this machine; the message is the compiler's."""


@functools.cache
def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/musl` (default `~/.cache/musl`), or a folder of this process where that cannot be written."""
    try:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "musl"
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder.resolve()
    except (OSError, RuntimeError):  # RuntimeError: the user has no home folder
        return _process_folder()


def _process_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="musl-cache-")).resolve()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def cached(name: str, key: Sequence[str | bytes], make: Callable[[Path], None]) -> Path:
    """The file `name` in a folder of the cache that belongs to `key`; `make(path)` writes it where it is not there yet.

    Several processes and threads may ask at once: each writes to a folder of its own, and the first rename counts.
    """
    digest = hashlib.sha256()
    for part in key:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little") + data)
    folder = cache_folder() / digest.hexdigest()[:_KEY_LENGTH]
    with _LOCKS.setdefault(folder.name, threading.Lock()):
        if (folder / name).exists():
            _note_use(folder)
        else:
            _make_folder(name, folder, make)
            _forget_unused()
    return folder / name


def _make_folder(name: str, folder: Path, make: Callable[[Path], None]) -> None:
    own = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=cache_folder()))
    try:
        make(own / name)
        own.chmod(0o755)
        _rename_into_place(own, folder)
    finally:
        shutil.rmtree(own, ignore_errors=True)


def _rename_into_place(own: Path, folder: Path) -> None:
    try:
        own.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise


def _note_use(folder: Path) -> None:
    """The time of a part's folder is that of its last use, to the day."""
    with contextlib.suppress(OSError):  # it may be another user's
        if time.time() - folder.stat().st_mtime > _DAY:
            os.utime(folder)


def _forget_unused() -> None:
    """Remove parts that nothing asked for in UNUSED_DAYS, and what a killed process left half made a day ago."""
    now = time.time()
    with contextlib.suppress(OSError), os.scandir(cache_folder()) as entries:
        for entry in entries:
            unfinished = entry.name.startswith(_UNFINISHED)
            if not unfinished and re.fullmatch(f"[0-9a-f]{{{_KEY_LENGTH}}}", entry.name) is None:
                continue
            if now - entry.stat().st_mtime > (1 if unfinished else UNUSED_DAYS) * _DAY:
                shutil.rmtree(entry.path, ignore_errors=True)


P = ParamSpec("P")


def remembered(find: Callable[P, Path]) -> Callable[P, Path]:
    """`find` asked once for each of its arguments while what it found is there: to hash the sources of a part takes as
    long as to compile a small function."""
    found: dict[object, Path] = {}

    @functools.wraps(find)
    def remember(*args: P.args, **kwargs: P.kwargs) -> Path:
        key = (args, tuple(sorted(kwargs.items())))
        if key not in found or not found[key].exists():
            found[key] = find(*args, **kwargs)
        return found[key]

    return remember


def own_object(source: Path, flags: Sequence[str], headers: Sequence[Path] = ()) -> Path:
    """The object file of one of MuSL's own C or C++ sources, compiled with `flags`. `headers` are those that it
    includes.

    Raises OwnBuildFailedError, and ToolchainMissing where there is no compiler.
    """
    compiler = find_gcc() if source.suffix == ".c" else find_gxx()
    texts = [file.read_bytes() for file in (source, *headers)]
    key: list[str | bytes] = [str(compiler.path), compiler.version, *flags, *texts]

    def compile_it(target: Path) -> None:
        argv = [str(compiler.path), *flags, "-c", str(source), "-o", str(target)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode != 0:
            raise OwnBuildFailedError(f"{' '.join(argv)}:\n{done.stderr}")

    return cached(f"{source.stem}.o", key, compile_it)
