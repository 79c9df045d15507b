"""`SourceFile`: a C or C++ file to translate, with the preprocessor flags of its build."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class SourceFile:
    """The text of one file as read (UTF-8, undecodable bytes refused before this point).

    `defines` are NAME or NAME=VALUE; `flags` are other compiler flags of the build, as given (`-std=c11`).
    """

    path: Path
    text: str
    language: Literal["c", "c++"]
    include_dirs: tuple[Path, ...] = ()
    defines: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()

    def preprocessor_flags(self) -> list[str]:
        """`-I` and `-D` flags; the file's own folder comes first, as for a quoted include."""
        folders = (self.path.resolve().parent, *self.include_dirs)
        return [f"-I{folder}" for folder in folders] + [f"-D{define}" for define in self.defines]
