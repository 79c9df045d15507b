"""Folders of source files; of a git checkout what git tracks. A file has the licence that lies nearest to it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from data.corpus.errors import DataError, one_line
from data.sources.document import Document
from data.sources.licenses import is_license_file, license_of_text

SOURCE_SUFFIXES = frozenset(
    {".c", ".h", ".cpp", ".cc", ".cxx", ".c++", ".C", ".hpp", ".hh", ".hxx", ".h++", ".cu", ".cuh", ".inl", ".tcc"}
)
_SKIPPED_FOLDERS = frozenset({".git", ".hg", ".svn"})


def read_folder(folder: Path) -> Iterator[Document]:
    """The source files below `folder`, by name; of a git checkout those that git tracks. Links are not followed."""
    name = folder.resolve().name or "/"
    if (folder / ".git").exists():
        return _read_files(folder, name, iter(_tracked(folder)))
    return _read_files(folder, name, _walk(folder, ""))


def read_file(path: Path) -> Iterator[Document]:
    """One source file."""
    licenses: dict[str, str] = {}
    yield _document(path, path.name, path.name, _license(path.parent, "", licenses))


def _read_files(folder: Path, name: str, paths: Iterator[str]) -> Iterator[Document]:
    licenses: dict[str, str] = {}
    for relative in paths:
        file = folder / relative
        if file.suffix in SOURCE_SUFFIXES and file.is_file() and not file.is_symlink():
            parent = relative.rpartition("/")[0]
            yield _document(file, relative, name, _license(folder, parent, licenses))
            if len(licenses) > 10_000:
                licenses.clear()  # a tree of any size takes the same memory


def _document(file: Path, relative: str, name: str, license: str) -> Document:
    status = file.stat()
    return Document(relative, name, status.st_size, file=file, license=license, modified=status.st_mtime_ns)


def _walk(folder: Path, prefix: str) -> Iterator[str]:
    try:
        with os.scandir(folder) as scanned:
            entries = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in scanned)
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({one_line(error)})") from None
    for name, is_folder in entries:
        if not is_folder:
            yield prefix + name
        elif name not in _SKIPPED_FOLDERS:
            yield from _walk(folder / name, f"{prefix}{name}/")


def _tracked(folder: Path) -> list[str]:
    # A checkout that belongs to someone else is only read here.
    command = ["git", "-c", "safe.directory=*", "-C", str(folder), "ls-files", "-z", "--recurse-submodules"]
    try:
        listed = subprocess.run(command, capture_output=True, check=True).stdout
    except FileNotFoundError:
        raise DataError(f"{folder}: is a git checkout, and git is not installed (apt-get install git)") from None
    except subprocess.CalledProcessError as error:
        words = " ".join(error.stderr.decode(errors="replace").split())
        raise DataError(f"{folder}: git cannot list its files ({words[:200]})") from None
    return sorted(os.fsdecode(name) for name in listed.split(b"\0") if name)


def _license(root: Path, relative: str, known: dict[str, str]) -> str:
    """The licence of the folder `relative` of `root`: of its own licence file, else of the folder above."""
    if relative in known:
        return known[relative]
    found = _own_license(root / relative)
    if not found and relative:
        found = _license(root, relative.rpartition("/")[0], known)
    known[relative] = found
    return found


def _own_license(folder: Path) -> str:
    try:
        with os.scandir(folder) as scanned:
            names = sorted(entry.name for entry in scanned if is_license_file(entry.name) and entry.is_file())
        found = (license_of_text((folder / name).read_bytes()) for name in names)
        return next((license for license in found if license), "")
    except OSError as error:
        raise DataError(f"{folder}: its licence cannot be read ({one_line(error)})") from None
