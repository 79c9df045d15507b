"""`Destination`: where the CUDA text goes, checked before the work begins and written in one step at its end."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from musl.errors import UsageError

MARK = "MuSL"  # the first line of every file that MuSL writes names it


@dataclass(frozen=True)
class Destination:
    """`path` receives the text; `backup` (of `--in-place`) receives what `path` held before."""

    path: Path
    backup: Path | None = None
    create_folders: bool = False

    def write(self, text: str) -> None:
        """Replace `path` by `text`: a file beside it is written whole and renamed, so `path` is never half written."""
        target = self.path.resolve()
        if self.create_folders:
            target.parent.mkdir(parents=True, exist_ok=True)
        if self.backup is not None:
            shutil.copy2(target, self.backup)
        mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o666 & ~_umask()
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                file.write(text)
            Path(name).chmod(mode)
            Path(name).replace(target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def choose_destination(
    source: Path, output: Path | None = None, *, out_root: Path | None = None, in_place: bool = False
) -> Destination:
    """Where the translation of `source` goes: `output`, else (in place) the file itself, else FILE.cu.

    FILE.cu lies beside the source or, with `out_root`, under that folder at the source's path relative to the current
    folder. UsageError where that cannot be.
    """
    if sum((output is not None, out_root is not None, in_place)) > 1:
        raise UsageError("give only one of -o, --out-root and --in-place")
    if in_place:
        destination = Destination(source, source.with_name(source.name + ".orig"))
    elif output is not None:
        destination = Destination(output)
    elif out_root is not None:
        destination = Destination(_mirrored(source, out_root).with_suffix(".cu"), create_folders=True)
    else:
        destination = Destination(source.with_suffix(".cu"))
    _check(destination, source, chosen=output is not None or out_root is not None)
    return destination


def _mirrored(source: Path, out_root: Path) -> Path:
    here = Path.cwd().resolve()
    absolute = source.resolve()
    return out_root / (absolute.relative_to(here) if absolute.is_relative_to(here) else source.name)


def _check(destination: Destination, source: Path, *, chosen: bool) -> None:
    path, backup = destination.path, destination.backup
    if path.is_dir():
        raise UsageError(f"{path}: is a directory; give the name of the output file")
    if path.exists() and not path.is_file():
        raise UsageError(f"{path}: is not a regular file")
    if backup is None and path.exists() and path.samefile(source):
        raise UsageError(f"{path}: is the source itself; say --in-place to replace it (a backup is kept)")
    if backup is not None and backup.exists():
        raise UsageError(f"{backup}: the backup of an earlier --in-place is in the way; move it first")
    if backup is None and not chosen and path.exists() and not _is_ours(path):
        raise UsageError(f"{path}: exists and was not written by MuSL; say -o {path} to replace it")
    _check_folder(path, create=destination.create_folders)


def _is_ours(path: Path) -> bool:
    with path.open("rb") as file:
        return MARK.encode() in file.readline()


def _check_folder(path: Path, *, create: bool) -> None:
    folder = path.resolve().parent
    while create and not folder.exists():
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({folder}: {error.strerror or error})") from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
