"""`Function`: one function of a source file, with the typed signature that a caller sees."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

Language = Literal["c", "c++", "cuda"]


@dataclass(frozen=True)
class Span:
    """Where a function definition stands in its file. Lines and columns count from 1, bytes from 0, end exclusive."""

    line: int
    column: int
    end_line: int
    start_byte: int
    end_byte: int


@dataclass(frozen=True)
class Parameter:
    """One parameter of a function.

    `dtype` is the element type: a numpy scalar dtype, or an aligned structured dtype for a struct.
    `c_type` is the same element type as C spells it, without qualifiers (`unsigned char`, `struct pixel`, `pixel_t`).
    `rank` is 0 for a scalar or a struct by value, 1 for a pointer, 2 and more for a pointer to arrays.
    `extents` has `rank` entries for array parameters; None where an extent is not a constant of the source.
    `const` says the elements cannot be written. `reference` marks a C++ reference (`int &count`).
    `text` is the declaration as written.
    """

    name: str
    dtype: np.dtype
    c_type: str
    rank: int
    const: bool
    text: str
    extents: tuple[int | None, ...] = ()
    reference: bool = False

    @property
    def is_array(self) -> bool:
        return self.rank > 0


@dataclass(frozen=True)
class Function:
    """A function definition of a file.

    `returns` is the dtype of the returned value, None for void. `text` is the definition as it stands in the file.
    """

    name: str
    language: Language
    text: str
    parameters: tuple[Parameter, ...]
    returns: np.dtype | None
    path: Path
    span: Span
    is_static: bool = False

    @property
    def id(self) -> str:
        """Content hash: equal text in the same language has the same id wherever it stands."""
        return hashlib.sha256(f"{self.language}\0{self.text}".encode()).hexdigest()[:16]

    def parameter(self, name: str) -> Parameter:
        """The parameter called `name`; KeyError if there is none."""
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        raise KeyError(name)
