"""Which functions add up terms in an order that a candidate may change, and their calls on the absolute values of their
inputs, which bound what another order can move (musl/compare.py for the source)."""

from __future__ import annotations

import functools

import numpy as np

from data.function import Function
from data.testcase import Argument, TestCase
from musl.compare import has_floats, leaves
from tester.fuzz_roles import read_roles


@functools.lru_cache(maxsize=16)
def accumulates(function: Function) -> bool:
    """Whether the function adds up terms, as far as its text tells."""
    return read_roles(function).accumulates


def on_magnitudes(test: TestCase) -> TestCase:
    """The test with the absolute values of its floating-point numbers."""
    return TestCase(tuple(_magnitude(argument) for argument in test.arguments), test.origin)


def _magnitude(argument: Argument) -> Argument:
    """The absolute values of floating-point numbers; everything else as it is."""
    if argument is None or not has_floats(argument):
        return argument
    values: np.ndarray = np.asarray(argument).copy()  # np.array of a struct by value shares its memory
    for _, leaf in leaves(values):
        if leaf.dtype.kind == "f":
            np.abs(leaf, out=leaf)
    if isinstance(argument, np.ndarray):
        return values
    return np.asarray(values)[()]
