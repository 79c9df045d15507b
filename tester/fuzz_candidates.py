"""Candidate calls: typed arguments for a shape, in one of several variants."""

from __future__ import annotations

import zlib

import numpy as np

from data.function import Function, Parameter
from data.testcase import Argument, TestCase
from tester.fuzz_roles import Roles
from tester.fuzz_shapes import Shape, make_integer
from tester.inputs import (
    BOUND_PATTERNS,
    FLOAT_PATTERNS,
    INDEX_PATTERNS,
    INTEGER_PATTERNS,
    TILE,
    Hints,
    make_bounds,
    make_indices,
    make_text,
    make_values,
)

# The first variants give all arrays the same pattern; later ones mix. Those from 16 are only asked for by name.
SPECIAL_VARIANT = 3
ASCENDING_VARIANT, DESCENDING_VARIANT, EXCEPTION_VARIANT, NEAR_VARIANT = 16, 17, 18, 19
NAMED = {
    **{ASCENDING_VARIANT: "sorted", DESCENDING_VARIANT: "reversed"},
    **{EXCEPTION_VARIANT: "exception", NEAR_VARIANT: "near"},
}


def make_candidate(
    function: Function, roles: Roles, shape: Shape, variant: int, rng: np.random.Generator, special: bool = True
) -> TestCase:
    """One call. `variant` chooses the patterns; without `special` no NaN, infinity or huge number is among the values.

    Arrays have the length at which their pattern is made, not the size that the call needs.
    """
    maker = _Maker(function, roles, shape, variant, rng, special)
    return maker.make_call()


def make_probe(function: Function, roles: Roles, shape: Shape, value: float, rng: np.random.Generator) -> TestCase:
    """A call on which every value that branches may look at is the same number, so that all elements take one side."""
    return _Maker(function, roles, shape, 0, rng, special=False, constant=value).make_call()


def probe_values(roles: Roles) -> list[float]:
    """Numbers to probe branches with: around zero, around the constants of the text, and far from them."""
    values = [0.0, 1000.0, -1000.0, 1.0]
    for constant in (*roles.reals, *roles.integers):
        values += [float(constant), constant - 1.0, constant + 1.0]
    return list(dict.fromkeys(values))[:8]


class _Maker:
    """Makes the arguments of one call in order; later ones may repeat earlier ones."""

    def __init__(
        self,
        function: Function,
        roles: Roles,
        shape: Shape,
        variant: int,
        rng: np.random.Generator,
        special: bool,
        constant: float | None = None,
    ) -> None:
        self.roles, self.shape, self.variant, self.rng = roles, shape, variant, rng
        self.special, self.constant = special, constant
        self.length = _pattern_length(shape)
        self.last_text: np.ndarray | None = None
        self.function = function
        self.numbers: list[float] = []  # the scalars of this call, which its arrays may be compared with

    def make_call(self) -> TestCase:
        scalars = {p.name: self._scalar(p) for p in self.function.parameters if not p.is_array}
        arguments = [self._pointer(p) if p.is_array else scalars[p.name] for p in self.function.parameters]
        return TestCase(tuple(arguments))

    def _pointer(self, parameter: Parameter) -> Argument:
        may_be_null = parameter.name in self.roles.nullable and self.variant > 2 and self.constant is None
        if may_be_null and self.rng.uniform() < 0.3:
            return None
        return self._array(parameter)

    def _scalar(self, parameter: Parameter) -> Argument:
        if parameter.dtype.names is None:
            return self._number(parameter.name, parameter.dtype)
        value = make_values(parameter.dtype, "random", 1, self._hints(), self.rng)
        for name in parameter.dtype.names:
            if parameter.dtype[name].kind in "biuf":
                value[name][0] = self._number(f"{parameter.name}.{name}", parameter.dtype[name])
        structure: np.generic = value[0]
        return structure

    def _number(self, name: str, dtype: np.dtype) -> np.generic:
        value: float
        if name in self.shape:
            low, high = _range(dtype)
            value = min(max(self.shape[name], low), high)
        elif dtype.kind == "b" or (self.constant is not None and dtype.kind in "iu"):
            value = int(self.rng.integers(0, 2))
        elif dtype.kind in "iu":
            value = make_integer(self.roles, self.shape, dtype, self.rng)
        else:
            value = make_values(dtype, self._float_pattern(scalar=True), 1, self._hints(), self.rng)[0]
        number: np.generic = dtype.type(value)
        if np.isfinite(value):
            self.numbers.append(float(value))
        return number

    def _array(self, parameter: Parameter) -> np.ndarray:
        dtype, name = parameter.dtype, parameter.name
        if dtype.kind in "iu" and name in self.roles.bounds:
            return make_bounds(dtype, BOUND_PATTERNS[self.variant % len(BOUND_PATTERNS)], self.length, self.rng)
        if name in self.roles.indices and dtype.kind in "iuf":
            pattern = INDEX_PATTERNS[self.variant % len(INDEX_PATTERNS)]
            return make_indices(dtype, pattern, self.length, self._index_limit(dtype), self.rng)
        if parameter.c_type == "char" and (not self.roles.sizes or self.rng.uniform() < 0.6):
            return self._text(dtype)
        if self.constant is not None and dtype.names is None:
            low, high = _range(dtype)
            return np.asarray(np.full(self.length, min(max(self.constant, low), high)).astype(dtype))
        values = self._values(dtype)
        if name in self.roles.dividing and dtype.names is None and self.rng.uniform() < 0.8:
            values = np.where(values == 0, dtype.type(1), values)
        return values

    def _values(self, dtype: np.dtype) -> np.ndarray:
        pattern = self._float_pattern() if dtype.kind in "fcV" else self._integer_pattern()
        return make_values(dtype, pattern, self.length, self._hints(), self.rng)

    def _text(self, dtype: np.dtype) -> np.ndarray:
        if self.last_text is not None and self.rng.uniform() < 0.4:
            return self.last_text.copy()
        self.last_text = make_text(dtype, int(self.rng.integers(1, self.length + 1)), self._hints(), self.rng)
        return self.last_text

    def _float_pattern(self, scalar: bool = False) -> str:
        if self.variant in NAMED:
            return "random" if scalar else NAMED[self.variant]
        if self.variant < 5:
            pattern = FLOAT_PATTERNS[self.variant]
            # Special scalars spoil every element of a result, so they come alone and later.
            pattern = "near" if scalar and pattern == "special" else pattern
        else:
            pattern = str(self.rng.choice(np.array(FLOAT_PATTERNS)))
        if pattern == "special" and (not self.special or (scalar and self.rng.uniform() < 0.8)):
            return "near"
        return pattern

    def _integer_pattern(self) -> str:
        if self.variant in NAMED:
            return NAMED[self.variant]
        if self.variant < 4:
            return INTEGER_PATTERNS[self.variant]
        return str(self.rng.choice(np.array(INTEGER_PATTERNS)))

    def _index_limit(self, dtype: np.dtype) -> int:
        if dtype.kind == "u" and dtype.itemsize == 1:
            return 256
        sizes = [value for value in self.shape.values() if value > 0]
        return int(self.rng.choice(np.array([*sizes, *sizes, max(sizes, default=10), 10])))

    def _hints(self) -> Hints:
        whole = [int(number) for number in self.numbers if number == int(number)]
        reals = (*self.roles.reals, *self.numbers)
        row = max(self.shape.values(), default=0)
        return Hints((*self.roles.integers, *whole), reals, self.roles.accumulates, max(0, row))


def _pattern_length(shape: Shape) -> int:
    """Enough for matrices of the sizes, one size taken twice."""
    product = largest = 1
    for value in shape.values():
        product *= max(1, min(abs(value), TILE))
        largest = max(largest, min(abs(value), TILE))
    return int(min(TILE, max(67, 2 * product + 16, largest * largest + 16)))


def _range(dtype: np.dtype) -> tuple[float, float]:
    if dtype.kind in "iu":
        return int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    return (0, 1) if dtype.kind == "b" else (-3e38, 3e38)


def stable_seed(function: Function, seed: int) -> np.random.Generator:
    """A generator that depends on the function's text and the seed only."""
    return np.random.default_rng([zlib.crc32(function.id.encode()), seed])
