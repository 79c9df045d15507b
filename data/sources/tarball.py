"""Tarballs, read as a stream: nothing is unpacked to the disk."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Callable, Iterator
from lzma import LZMAError
from pathlib import Path, PurePosixPath

from data.corpus.errors import DataError, one_line
from data.sources.document import Document
from data.sources.folder import SOURCE_SUFFIXES
from data.sources.licenses import is_license_file, license_of_text

TARBALL_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2")
# Larger members are read only as far as needed to be counted as too large.
MEMBER_BYTES = 16 << 20


def read_tarball(path: Path) -> Iterator[Document]:
    """The source files of a tarball in its order. It is streamed twice: a licence may come after what it covers.

    DataError where it is cut off or no tarball.
    """
    licenses: dict[str, str] = {}
    for name, content, _ in _members(path, lambda name: is_license_file(PurePosixPath(name).name)):
        folder = str(PurePosixPath(name).parent)
        licenses[folder] = licenses.get(folder) or license_of_text(content)
    for name, content, size in _members(path, lambda name: PurePosixPath(name).suffix in SOURCE_SUFFIXES):
        above = (licenses.get(str(folder), "") for folder in PurePosixPath(name).parents)
        license = next((found for found in above if found), "")
        yield Document(name, path.name, size, content=content, license=license)


def _members(path: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes, int]]:
    """Name, bytes (at most MEMBER_BYTES) and size of the wanted regular files."""
    try:
        with tarfile.open(path, "r|*") as archive:
            for member in archive:
                if member.isfile() and wanted(member.name):
                    handle = archive.extractfile(member)
                    assert handle is not None  # it is a regular file
                    content = handle.read(MEMBER_BYTES)
                    if len(content) < min(member.size, MEMBER_BYTES):
                        raise tarfile.ReadError("unexpected end of data")
                    yield member.name, content, member.size
                archive.members = []  # type: ignore[attr-defined]  # tarfile keeps every header otherwise
    except (tarfile.TarError, OSError, EOFError, LZMAError, zlib.error) as error:
        raise DataError(f"{path}: not a whole tarball ({one_line(error)})") from None
