"""`Snippet`: C statements that declare inputs and end in one call of a function; and `print_test`, a `TestCase` as one.

float x[] = {1, 2.5};
scale(x, 2, 0.5f);
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from data.function import Function, Parameter
from data.testcase import TestCase
from tester.neural.loops import make_loop

MOST_CHARACTERS = 600
# An array of more elements is printed with a loop where its elements repeat or go up by steps.
LISTED_ELEMENTS = 16


@dataclass(frozen=True)
class Snippet:
    """`setup` are the statements before the call, without comments and preprocessor lines (empty where there are
    none); `arguments` the expressions that `name` is called with."""

    name: str
    setup: str
    arguments: tuple[str, ...]

    @property
    def text(self) -> str:
        """The statements as a model writes them."""
        call = f"{self.name}({', '.join(self.arguments)});"
        return f"{self.setup}\n{call}" if self.setup else call


class Unprintable(ValueError):
    """No C statements give these values exactly."""


def print_test(test: TestCase, function: Function, most_characters: int = MOST_CHARACTERS) -> str | None:
    """The test as statements that give exactly its values; None where they take more than `most_characters`, or where
    it holds what C cannot spell (a NaN with a payload, a `long double`).

    Arrays have the names of their parameters; scalars stand in the call. Elements that the test leaves open come last
    in their array, or the whole array is open: else there is no text either.
    """
    statements: list[str] = []
    arguments: list[str] = []
    try:
        for index, (parameter, argument) in enumerate(zip(function.parameters, test.arguments, strict=True)):
            unset = test.unset[index] if test.unset else None
            if parameter.is_array and argument is not None:
                statements += _array_statements(parameter, np.asarray(argument), unset)
                arguments.append(parameter.name)
            elif (parameter.dtype.names is not None or parameter.reference) and argument is not None:
                value = _literal(_only(argument))
                statements.append(f"{parameter.c_type} {parameter.name} = {value};")
                arguments.append(parameter.name)
            else:
                arguments.append("NULL" if argument is None else _scalar(_only(argument)))
    except Unprintable:
        return None
    text = Snippet(function.name, "\n".join(statements), tuple(arguments)).text
    return text if len(text) <= most_characters else None


def _array_statements(parameter: Parameter, values: np.ndarray, unset: np.ndarray | None) -> Iterator[str]:
    head = f"{parameter.c_type} {parameter.name}"
    if unset is not None and unset.any():
        if not unset.all():
            raise Unprintable
        yield f"{head}{_extents(parameter, values.size)};"
        return
    if values.size == 0:
        yield f"{head}[0];"
    elif values.size > 1 and _is_zero(values):
        yield f"{head}{_extents(parameter, values.size)} = {{0}};"
    elif values.size > LISTED_ELEMENTS and values.dtype.names is None and (loop := make_loop(parameter.name, values)):
        first, statement = loop
        yield f"{head}[{values.size}] = {{{_listed(first)}}};"
        yield statement
    else:
        extents = "[]" if parameter.rank < 2 else _extents(parameter, values.size)
        yield f"{head}{extents} = {{{_listed(values)}}};"


def _listed(values: np.ndarray) -> str:
    return ", ".join(_literal(value) for value in values)


def _extents(parameter: Parameter, size: int) -> str:
    """`[12]`, or `[3][4]` where the parameter is a pointer to rows of constant size that the elements fill."""
    inner = parameter.extents[1:]
    row = int(np.prod([extent or 0 for extent in inner], dtype=np.int64))
    if not inner or row == 0 or size % row:
        return f"[{size}]"
    return "".join(f"[{extent}]" for extent in (size // row, *inner))


def _is_zero(values: np.ndarray) -> bool:
    return not any(values.tobytes())


def _only(argument: np.generic | np.ndarray) -> np.generic:
    value = np.asarray(argument)[()]
    assert isinstance(value, np.generic)
    return value


def _scalar(value: np.generic) -> str:
    """A value as it stands in a call: a float says its type."""
    text = _literal(value)
    if value.dtype == np.float32 and np.isfinite(value) and text[-1] != "f":
        return f"{text}f" if any(mark in text for mark in ".e") else f"{text}.0f"
    if value.dtype == np.float64 and np.isfinite(value) and not any(mark in text for mark in ".e"):
        return f"{text}.0"
    return text


def _literal(value: np.generic | np.ndarray) -> str:
    """One element in an initialiser. Raises Unprintable."""
    if isinstance(value, np.ndarray):
        return "{" + ", ".join(_literal(part) for part in value) + "}"
    if value.dtype.names is not None:
        fields = (np.asarray(value)[name] for name in value.dtype.names)
        return "{" + ", ".join(_literal(part[()] if part.ndim == 0 else part) for part in fields) + "}"
    if value.dtype.kind == "b":
        return str(int(value))
    if value.dtype.kind in "iu":
        return _integer(int(value))
    if value.dtype in (np.float32, np.float64):
        return _real(value)
    raise Unprintable


def _integer(number: int) -> str:
    if number == -(2**63):
        return f"{number + 1} - 1"  # C has no negative literals
    return f"{number}u" if number >= 2**63 else str(number)


def _real(value: np.generic) -> str:
    """The shortest decimal that C reads as this value; a float's is read as a double first, which now and then rounds
    to its neighbour: then it has the suffix that prevents that."""
    if np.isnan(value):
        if value.tobytes() != np.array(np.nan, value.dtype).tobytes():
            raise Unprintable
        return "NAN"
    if np.isinf(value):
        return "INFINITY" if float(value) > 0 else "-INFINITY"
    text = str(value).removesuffix(".0") if abs(float(value)) < 1e16 else str(value)
    text = text.replace("e+", "e").replace(".0e", "e")
    if text == "-0":
        return "-0.0"
    return text if value.dtype.type(float(text)) == value else f"{text}f"
