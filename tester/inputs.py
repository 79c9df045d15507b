"""Values for one argument: named patterns of numbers, typed by the parameter.

A pattern is made at a length of at most `TILE` elements; a longer array repeats it (numpy.resize), so that an array can
be cut or grown to the size that a call turns out to need without a change of the elements that it had.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

# A prime, so that the rows of a matrix do not repeat each other; and long, so that a greatest element stands once.
TILE = 16381

FLOAT_PATTERNS = (
    "random",
    "integers",
    "positive",
    "special",
    "constant",
    "near",
    "sorted",
    "alternating",
    "zeros",
    "wide",
    "reversed",
    "exception",
)
INTEGER_PATTERNS = (
    "random",
    "small",
    "positive",
    "near",
    "constant",
    "sorted",
    "alternating",
    "zeros",
    "extreme",
    "reversed",
    "ones",
    "exception",
)
INDEX_PATTERNS = ("random", "permutation", "repeated", "ascending", "extremes", "reversed", "zeros")
BOUND_PATTERNS = ("cumulative", "counts", "ascending", "cumulative", "zeros")


@dataclass(frozen=True)
class Hints:
    """What the values should touch on: constants of the function's text. `summed` says that values may be added up in
    any order: then none is so large that whether a sum overflows depends on it. Ordered values are so in each row of
    `row` elements, as only so many may be used (0: in the whole)."""

    integers: tuple[int, ...] = ()
    reals: tuple[float, ...] = ()
    summed: bool = False
    row: int = 0


def make_values(dtype: np.dtype, pattern: str, length: int, hints: Hints, rng: np.random.Generator) -> np.ndarray:
    """`length` values of the type in the pattern (a name of the tables above). Structs get it for each field."""
    if dtype.names is not None:
        values = np.zeros(length, dtype)
        for name in dtype.names:
            kind, shape = dtype[name].base, dtype[name].shape
            flat = make_values(kind, pattern, length * int(np.prod(shape, dtype=int)), hints, rng)
            values[name] = flat.reshape((length, *shape))
        return values
    if dtype.kind == "b":
        return _make_bools(pattern, length, rng)
    if dtype.kind in "iu":
        return _make_integers(dtype, pattern, length, hints, rng)
    return _make_floats(dtype, pattern, length, hints, rng)


def make_indices(dtype: np.dtype, pattern: str, length: int, limit: int, rng: np.random.Generator) -> np.ndarray:
    """Values that subscript something of `limit` elements: all in [0, limit). `pattern` is of INDEX_PATTERNS."""
    limit = max(1, min(limit, int(np.iinfo(dtype).max) if dtype.kind in "iu" else 2**20))
    makers: dict[str, Callable[[], np.ndarray]] = {
        "random": lambda: rng.integers(0, limit, length),
        "permutation": lambda: np.resize(rng.permutation(limit), length),
        "repeated": lambda: rng.integers(0, min(limit, 3), length),
        "ascending": lambda: np.arange(length) % limit,
        "reversed": lambda: (limit - 1) - np.arange(length) % limit,
        "extremes": lambda: np.where(rng.integers(0, 2, length) > 0, limit - 1, 0),
        "zeros": lambda: np.zeros(length, np.int64),
    }
    return np.asarray(makers[pattern]().astype(dtype))


def make_bounds(dtype: np.dtype, pattern: str, length: int, rng: np.random.Generator) -> np.ndarray:
    """Values that bound loops: row pointers (never descending, from 0) or counts. `pattern` is of BOUND_PATTERNS."""
    if pattern == "cumulative":
        values = np.cumsum(rng.integers(0, 4, length))
        values[:1] = 0
    elif pattern == "counts":
        values = rng.integers(0, 6, length)
    elif pattern == "ascending":
        values = np.arange(length)
    else:
        values = np.zeros(length, np.int64)
    return _clip(values, dtype)


def make_text(dtype: np.dtype, length: int, hints: Hints, rng: np.random.Generator) -> np.ndarray:
    """A NUL-terminated string: letters, digits, blanks, and the character constants of the function's text."""
    constants = [n + d for n in hints.integers if 32 < n < 126 for d in (0, 0, -1, 1)]
    alphabet = [*b"abcdeXYZ 019 _.,\n\t", *constants]
    values = rng.choice(np.array(alphabet), max(1, length))
    values[-1] = 0
    return _clip(values, dtype)


# ---------------------------------------------------------------- patterns


def _make_bools(pattern: str, length: int, rng: np.random.Generator) -> np.ndarray:
    if pattern in ("zeros", "constant"):
        return np.zeros(length, bool)
    if pattern in ("ones", "positive"):
        return np.ones(length, bool)
    if pattern == "alternating":
        return np.asarray(np.arange(length) % 2 == 1)
    return rng.integers(0, 2, length).astype(bool)


def _make_integers(dtype: np.dtype, pattern: str, length: int, hints: Hints, rng: np.random.Generator) -> np.ndarray:
    info = np.iinfo(dtype)
    if pattern == "extreme":
        ends = [int(info.min), int(info.max), 0, 1, int(info.max) - 1, int(info.max) // 2]
        return np.asarray(np.array(ends, dtype)[rng.integers(0, len(ends), length)])
    if pattern in ("near", "special"):
        return _clip(_choose(_near_integers(hints.integers), length, rng), dtype)
    high = 256 if info.max == 255 else min(100, int(info.max) + 1)
    low = 0 if info.min == 0 else (-128 if info.min == -128 else -100)
    values = rng.integers(low, high, length)
    if pattern in ("small", "integers"):
        values = rng.integers(-2 if info.min else 0, 5, length)
    elif pattern in ("positive", "wide"):
        values = rng.integers(1, high, length)
    elif pattern in ("constant", "ones", "zeros"):
        constant = {"ones": 1, "zeros": 0}.get(pattern, int(rng.integers(1, 8)))
        values = np.full(length, constant)
    elif pattern == "exception":  # two such arrays are equal in the exceptions alone
        values = np.full(length, int(rng.integers(1, high)))
        values[_row_ends(length, hints.row)] = hints.integers[-1] if hints.integers else -100
    return _clip(_order(values, pattern, hints.row), dtype)


def _make_floats(dtype: np.dtype, pattern: str, length: int, hints: Hints, rng: np.random.Generator) -> np.ndarray:
    values = rng.uniform(-1.0, 1.0, length)
    if pattern in ("integers", "small"):
        values = rng.integers(-8, 9, length).astype(float)
    elif pattern in ("positive", "exception"):
        values = rng.uniform(0.01, 1.0, length)
        if pattern == "exception":
            values[_row_ends(length, hints.row)] = -2.0
    elif pattern == "wide":
        values *= 10.0 ** rng.integers(-3, 4, length)
    elif pattern in ("constant", "ones"):
        values = np.full(length, 1.0 if pattern == "ones" else float(rng.uniform(0.1, 2.0)))
    elif pattern == "zeros":
        values = np.zeros(length)
    elif pattern in ("near", "extreme"):
        values = _choose(_near_reals((*hints.reals, *map(float, hints.integers)), dtype), length, rng)
    elif pattern == "special":
        special = np.array(_special_reals(dtype, hints.summed))
        values = np.where(rng.uniform(size=length) < 0.3, special[rng.integers(0, len(special), length)], values)
    with np.errstate(over="ignore"):
        return np.asarray(_order(values, pattern, hints.row).astype(dtype))


def _row_ends(length: int, row: int) -> slice:
    """The last element of each row: where alone something is different, a search has to go to the end."""
    return slice(row - 1, None, row) if 0 < row <= length else slice(length - 1, None)


def _order(values: np.ndarray, pattern: str, row: int) -> np.ndarray:
    if pattern in ("sorted", "reversed"):
        row = row or len(values)
        rows = [np.sort(values[first : first + row]) for first in range(0, len(values), row or 1)]
        return np.concatenate([part[::-1] if pattern == "reversed" else part for part in rows or [values]])
    if pattern == "alternating":
        return np.asarray(np.abs(values) * np.where(np.arange(len(values)) % 2, -1, 1))
    return values


def _special_reals(dtype: np.dtype, summed: bool) -> list[float]:
    info = np.finfo(dtype)
    huge = float(np.sqrt(info.max)) / 64 if summed else float(info.max) / 4
    return [np.nan, np.inf, -np.inf, -0.0, 0.0, float(info.smallest_subnormal), -float(info.tiny), huge]


def _near_integers(constants: Sequence[int]) -> np.ndarray:
    near = {0, 1, -1, 2} | {c + d for c in constants if abs(c) < 2**31 for d in (-1, 0, 1)}
    return np.array(sorted(near))


def _near_reals(constants: Sequence[float], dtype: np.dtype) -> np.ndarray:
    near = {0.0, 1.0, -1.0, 0.5}
    for constant in constants:
        value = dtype.type(constant)
        if np.isfinite(value) and abs(constant) < 1e30:
            near |= {float(value), float(np.nextafter(value, dtype.type(np.inf))), float(value) - 0.25, -float(value)}
            near |= {float(np.nextafter(value, dtype.type(-np.inf))), float(value) + 0.25}
    return np.array(sorted(near))


def _choose(pool: np.ndarray, length: int, rng: np.random.Generator) -> np.ndarray:
    return np.asarray(pool[rng.integers(0, len(pool), length)])


def _clip(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if dtype.kind not in "iu":
        return values.astype(dtype)
    info = np.iinfo(dtype)
    low, high = max(int(info.min), -(2**62)), min(int(info.max), 2**62)
    return np.asarray(np.clip(values, low, high).astype(dtype))
