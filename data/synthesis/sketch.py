"""`Sketch`: a function before it is printed, with its parameters as a caller has to fill them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

Access = Literal["in", "out", "inout"]


@dataclass(frozen=True)
class Array:
    """An array parameter of `shape` (C expressions over the scalars, row major).

    `access` "out" says that every element is written before it is read. `values` tells what a caller may pass: "any"
    small numbers, "positive", "bit" (0 or 1), "below E" (indices in [0, E)), "permutation", or "offsets E" (ascending
    from 0 to E, as row pointers are).
    """

    name: str
    type: str
    shape: tuple[str, ...]
    access: Access = "in"
    values: str = "any"

    @property
    def extent(self) -> str:
        """The number of elements, as a C expression."""
        return " * ".join(parenthesized(size) for size in self.shape)


@dataclass(frozen=True)
class Scalar:
    """A parameter by value. `values`: "size" (at least 1), "small" (1 to 3), "any", "positive" or "below E"."""

    name: str
    type: str
    values: str = "size"


Parameter: TypeAlias = Array | Scalar


@dataclass(frozen=True)
class Block:
    """Statements under a head: `if (c)`, `else`, or a loop that is already written."""

    head: str
    body: Sequence[Statement]


@dataclass(frozen=True)
class For:
    """A counted loop over [low, high); `ordered` where its iterations must run upwards."""

    variable: str
    high: str
    body: Sequence[Statement]
    low: str = "0"
    step: str = "1"
    ordered: bool = False


@dataclass(frozen=True)
class Dim:
    """One dimension of independent iterations: [low, high) of an index that runs over `extent` elements."""

    variable: str
    extent: str
    low: str = "0"
    high: str = ""

    @property
    def end(self) -> str:
        """The exclusive upper bound."""
        return self.high or self.extent


@dataclass(frozen=True)
class Parallel:
    """Independent iterations, outermost dimension first: loops in C, threads in CUDA."""

    dims: tuple[Dim, ...]
    body: Sequence[Statement]


Statement: TypeAlias = str | Block | For | Parallel


@dataclass(frozen=True)
class Helper:
    """A small function that the sketch calls; `head` is its signature without storage class."""

    name: str
    head: str
    body: Sequence[Statement]


@dataclass(frozen=True)
class Sketch:
    """One sequential function. `name` is what it does in words joined by underscores; its `Parallel` statements on the
    outermost level are what a CUDA version gives to threads."""

    name: str
    parameters: tuple[Parameter, ...]
    body: Sequence[Statement]
    helpers: tuple[Helper, ...] = ()
    returns: str = "void"


@dataclass(frozen=True)
class Launch:
    """One kernel and its launch: `parameters` are what it takes (device pointers of arrays and of temporaries), `grid`
    and `block` C expressions on the host, `before` what the host says in front."""

    suffix: str
    parameters: tuple[Parameter, ...]
    body: Sequence[Statement]
    grid: str
    block: str
    shared: str = ""
    before: Sequence[Statement] = ()


@dataclass(frozen=True)
class DeviceProgram:
    """A host function with the kernels that it launches in order.

    `temporaries` live on the device only: with access "in" they stay there; with "out" and "inout" they are copied to a
    host array of the same name before `finish`, the host statements after the launches; "inout" starts as zeros.
    """

    name: str
    parameters: tuple[Parameter, ...]
    launches: tuple[Launch, ...]
    helpers: tuple[Helper, ...] = ()
    temporaries: tuple[Array, ...] = ()
    finish: Sequence[Statement] = ()
    returns: str = "void"


def parenthesized(expression: str) -> str:
    """The expression as a factor of a product."""
    needed = " " in expression or expression.startswith("-")
    return f"({expression})" if needed and not _is_enclosed(expression) else expression


def _is_enclosed(expression: str) -> bool:
    """Whether one pair of parentheses encloses all of it, or all but the name of what is called or subscripted."""
    start = 0
    while start < len(expression) and (expression[start].isalnum() or expression[start] == "_"):
        start += 1
    if start == len(expression) or expression[start] not in "([" or expression[-1] not in ")]":
        return False
    depth = 0
    for place in range(start, len(expression)):
        depth += (expression[place] in "([") - (expression[place] in ")]")
        if depth == 0:
            return place == len(expression) - 1
    return False
