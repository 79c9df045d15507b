"""Typed calls as bytes, so that a round's tests can be kept in a file."""

from __future__ import annotations

import io

import numpy as np

from data.testcase import Argument, Origin, TestCase


def write_call(test: TestCase) -> bytes:
    """The arguments of a call in numpy's own format; equal calls give equal bytes."""
    buffer = io.BytesIO()
    arrays = {str(i): np.asarray(a) for i, a in enumerate(test.arguments) if a is not None}
    unset = {f"unset{i}": mask for i, mask in enumerate(test.unset) if mask is not None}
    count = np.array([len(test.arguments), len(test.unset)])
    np.savez_compressed(buffer, count=count, origin=np.array(test.origin), **arrays, **unset)  # type: ignore[arg-type]
    return buffer.getvalue()


def read_call(data: bytes) -> TestCase:
    """The call that `write_call` wrote; nothing in it is run (no pickles)."""
    with np.load(io.BytesIO(data), allow_pickle=False) as stored:
        count, masks = (int(n) for n in stored["count"])
        arguments = tuple(_argument(stored, str(i)) for i in range(count))
        unset = tuple(stored.get(f"unset{i}") for i in range(masks))
        origin: Origin = str(stored["origin"])  # type: ignore[assignment]  # written by write_call
        return TestCase(arguments, origin, unset)


def _argument(stored: np.lib.npyio.NpzFile, name: str) -> Argument:
    if name not in stored:
        return None
    array: np.ndarray = stored[name]
    if array.ndim:
        return array
    scalar = array[()]
    assert isinstance(scalar, np.generic)
    return scalar
