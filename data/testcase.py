"""`TestCase`: typed arguments for one call of a function."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

Origin = Literal["fuzz", "model", "dataset"]
# A scalar or a struct by value is a 0-d value (np.generic); an array is one-dimensional (all extents flattened, row
# major); None is a null pointer.
Argument: TypeAlias = np.generic | np.ndarray | None


@dataclass(frozen=True, eq=False)
class TestCase:
    """One call: `arguments` in the order of the function's parameters, dtypes equal to the parameters' dtypes.

    `unset` is empty, or has for each argument None or which of its elements nobody has set (bool, of its shape): a
    caller that declares an array for results and fills in nothing. What they hold is not part of the test.
    """

    __test__ = False  # not a pytest class

    arguments: tuple[Argument, ...]
    origin: Origin = "fuzz"
    unset: tuple[np.ndarray | None, ...] = ()

    @property
    def id(self) -> str:
        """Content hash over dtypes, shapes and bytes of the arguments, and over what is not set."""
        digest = hashlib.sha256()
        for mask in self.unset:
            digest.update(b"-" if mask is None else mask.tobytes())
        for argument in self.arguments:
            if argument is None:
                digest.update(b"null;")
                continue
            array = np.asarray(argument)
            digest.update(f"{array.dtype.descr}{array.shape};".encode())
            digest.update(array.tobytes())
        return digest.hexdigest()[:16]

    def filled(self, variant: int) -> TestCase:
        """The same call with values of ours where nobody has set any; `variant` is 0 or 1, whose values all differ."""
        if not any(mask is not None for mask in self.unset):
            return self
        filled = list(self.arguments)
        for i, mask in enumerate(self.unset):
            if mask is not None:
                array = np.array(filled[i])
                array[mask] = np.array(_FILL[variant]).astype(array.dtype)
                filled[i] = array
        return replace(self, arguments=tuple(filled))


# Small, so that a count or an index that nobody has set shows in the results rather than as a wild access.
_FILL = (1, 0)
