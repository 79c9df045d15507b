"""The integer scalars of candidate calls: sizes, strides, offsets, divisors and pitches.

A shape gives a value to every integer that can decide how many elements a call touches. The kinds of shapes (one block
and more, zero, one, equal and unequal sizes, primes and powers of two) come in a fixed order, the numbers in them by
the seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np

from tester.fuzz_roles import Roles, estimate_operations

Shape: TypeAlias = dict[str, int]

# With one size, blocks of 256 threads and more of them, also without the ends that a stencil leaves out; 0, 1, odd
# numbers, powers of two and their neighbours, primes.
ONE_SIZE = (33, 260, 1, 0, 1009, 100, 64, 7, 2, 256, 300, 515, 257, 640, -1, 128, 16, 31, 3, 255)
# With several sizes, the kinds of shapes in turn.
KINDS = (
    *("distinct", "random", "large", "equal", "zero", "large", "constant", "ones", "powers", "random", "large"),
    *("distinct", "zero", "random", "negative", "equal", "random", "constant"),
)
# By the number of sizes: the greatest ordinary size, and one that needs several blocks while the others stay small.
ORDINARY = {2: 140, 3: 40, 4: 9, 5: 6}
LARGE = {2: 522, 3: 300}
FAR_SIZES = (2400, 1200, 300, 300, 2, 1)
LADDER = (1009, 515, 260, 131, 67, 33, 17, 9, 5, 3, 2, 1)


def make_shape(roles: Roles, number: int, rng: np.random.Generator, operations: float) -> Shape:
    """The shape with this number; `operations` limits the estimated work of a call."""
    shape = dict(zip(roles.sizes, _make_sizes(roles, number, rng), strict=True))
    for name in sorted((roles.divisors | roles.factors | roles.terms | roles.pitches) - set(roles.sizes)):
        shape[name] = _make_other(name, roles, shape, rng)
    return _fit(shape, roles, operations)


def make_far_shape(roles: Roles, others: Sequence[str], rng: np.random.Generator, operations: float) -> Shape:
    """A shape in which each size is large or small, at random: for loops that run longer than a block has threads only
    where several integers agree. `others` are integers that decide no extent and may be compared with one that does."""
    shape = {name: int(rng.choice(np.array(FAR_SIZES))) for name in roles.sizes}
    sizes = [*shape.values()] or [1]
    for name in sorted((roles.divisors | roles.factors | roles.terms | roles.pitches) - set(roles.sizes)):
        shape[name] = int(rng.choice(np.array([0, 1, 2, *sizes])))
    for name in others:
        if name not in shape:
            shape[name] = int(rng.choice(np.array([0, max(sizes), *[2 * max(sizes)] * 3])))
    return _fit(shape, roles, operations)


def make_integer(roles: Roles, shape: Mapping[str, int], dtype: np.dtype, rng: np.random.Generator) -> int:
    """A value for an integer that decides no extent: constants of the text, their neighbours, small numbers, sizes."""
    pool = [*range(8), -1, 100, *shape.values()]
    for constant in roles.integers:
        pool += [constant - 1, constant, constant, constant + 1]
    info = np.iinfo(dtype)
    fitting = [value for value in pool if info.min <= value <= info.max]
    return int(fitting[int(rng.integers(0, len(fitting)))])


def natural_extents(shape: Mapping[str, int], roles: Roles) -> list[int]:
    """Numbers of elements that a caller would give arrays of such a call, ascending: products of up to three of the
    integers, times small constants of the text."""
    values = sorted({value for value in shape.values() if value > 0})
    products = (
        {1, *values}
        | {a * b for a in values for b in values}
        | {a * b * c for a in values for b in values for c in values}
    )
    constants = {1} | {n for n in roles.integers if 1 < n <= 64}
    return sorted(product * constant for product in products for constant in constants)


def _make_sizes(roles: Roles, number: int, rng: np.random.Generator) -> list[int]:
    count = len(roles.sizes)
    if count == 0:
        return []
    constants = [c + d for c in roles.integers if 1 < c <= 4096 for d in (0, -1, 1)]
    if count == 1:
        if constants and number >= 9 and number % 3 == 0:
            return [constants[number // 3 % len(constants)]]
        if number < len(ONE_SIZE):
            return [ONE_SIZE[number]]
        return [int(rng.choice(np.array([*constants, *range(1, 70), 257, 300, 511, 1000])))]
    kind = (
        KINDS[number] if number < len(KINDS) else str(rng.choice(np.array(["random", "random", "constant", "large"])))
    )
    ordinary = ORDINARY.get(count, 4)
    turn = int(rng.integers(0, count))
    sizes = [int(rng.integers(1, ordinary + 1)) for _ in range(count)]
    if kind == "distinct":
        primes = [p for p in (2, 3, 5, 7, 11, 13, 17, 37, 41, 53) if p <= max(ordinary, 11)]
        sizes = [int(p) for p in rng.permutation(np.array(primes))[:count]] + sizes[len(primes) :]
    elif kind in ("equal", "ones"):
        sizes = [1 if kind == "ones" else int(rng.integers(2, ordinary + 1))] * count
    elif kind == "powers":
        sizes = [int(rng.choice(np.array([2, 4, 8, 16, 32, 64]))) for _ in range(count)]
    elif kind in ("large", "zero", "negative"):
        if kind == "large":  # each in turn
            sizes = [min(size, 5) for size in sizes]
            turn = (KINDS[:number].count("large") if number < len(KINDS) else number) % count
        sizes[turn] = {"large": LARGE.get(count, 67), "zero": 0, "negative": -1}[kind]
    elif kind == "constant" and constants:
        sizes[turn] = int(rng.choice(np.array(constants)))
    return sizes


def _make_other(name: str, roles: Roles, shape: Shape, rng: np.random.Generator) -> int:
    """A value for an integer that takes part in subscripts or divides, but bounds no loop."""
    sizes = [shape[size] for size in roles.sizes if shape[size] > 0] or [8]
    size = int(rng.choice(np.array(sizes)))
    if name in roles.pitches:
        return max(sizes) * 8 + int(rng.choice(np.array([0, 0, 8, 64])))
    if name in roles.divisors:
        return int(rng.choice(np.array([1, 2, 3, 4, 5, 7, size, size])))
    if name in roles.factors:
        return int(rng.choice(np.array([1, 1, 1, 1, 2, 2, 3, size, size, size, max(sizes), 0])))
    return int(rng.choice(np.array([0, 0, 1, 2, 3, size - 1, size])))


def _fit(shape: Shape, roles: Roles, operations: float) -> Shape:
    """Takes the largest size down until a call is estimated to stay within the limit; where only one is large, the
    small ones first, as it is there to be large."""
    while roles.sizes and estimate_operations(roles.loops, shape) > operations:
        largest = max(roles.sizes, key=lambda name: shape[name])
        small = [name for name in roles.sizes if 1 < shape[name] <= 5]
        if shape[largest] > 256 and small:
            shape[small[-1]] = 1
            continue
        smaller = next((step for step in LADDER if step < shape[largest]), None)
        if smaller is None:
            break
        shape[largest] = smaller
    return shape
