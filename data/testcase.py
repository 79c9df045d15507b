"""`TestCase`: typed arguments for one call of a function."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

Origin = Literal["fuzz", "model", "dataset"]
# A scalar or a struct by value is a 0-d value (np.generic); an array is one-dimensional (all extents flattened, row
# major); None is a null pointer.
Argument: TypeAlias = np.generic | np.ndarray | None


@dataclass(frozen=True, eq=False)
class TestCase:
    """One call: `arguments` in the order of the function's parameters, dtypes equal to the parameters' dtypes."""

    __test__ = False  # not a pytest class

    arguments: tuple[Argument, ...]
    origin: Origin = "fuzz"

    @property
    def id(self) -> str:
        """Content hash over dtypes, shapes and bytes of the arguments."""
        digest = hashlib.sha256()
        for argument in self.arguments:
            if argument is None:
                digest.update(b"null;")
                continue
            array = np.asarray(argument)
            digest.update(f"{array.dtype.descr}{array.shape};".encode())
            digest.update(array.tobytes())
        return digest.hexdigest()[:16]
