"""`Document`: one text of a source, before anything is known about it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from data.corpus.errors import DataError, one_line
from data.corpus.row import Row


@dataclass(frozen=True)
class Document:
    """A text at `path` of the source named `source`. Its bytes are `content`, or lie in `file` where that is None.

    `line` is the line of the file on which it starts (1 for a whole file), `license` an SPDX name ("" unknown), `size`
    its bytes. `row` is set where the source holds rows of a corpus, whose text then is not mined again.
    """

    path: str
    source: str
    size: int
    content: bytes | None = None
    file: Path | None = None
    license: str = ""
    line: int = 1
    row: Row | None = None
    modified: int = 0

    def read(self) -> bytes:
        """The bytes; DataError where the file cannot be read."""
        if self.content is not None:
            return self.content
        assert self.file is not None
        try:
            return self.file.read_bytes()
        except OSError as error:
            raise DataError(f"{self.file}: cannot be read ({one_line(error)})") from None

    def loaded(self) -> Document:
        """The same with its bytes in it: for a worker that does not see this machine's files."""
        return self if self.content is not None else replace(self, content=self.read(), file=None)

    def stamp(self) -> bytes:
        """Changes where the document does: path, and time and size of a file, or the bytes of a streamed text."""
        what = f"{self.source}\0{self.path}\0{self.line}\0{self.size}\0{self.modified}\0{self.license}\0"
        content = b"" if self.content is None else hashlib.sha256(self.content).digest()
        return hashlib.sha256(what.encode("utf-8", "surrogateescape") + content).digest()
