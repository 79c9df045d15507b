"""Extents that the user vouches for (`--extent a=n*m`): test arrays have at least that many elements."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping

import numpy as np

from data.function import Function
from data.testcase import Argument, TestCase
from tester.fuzz_extents import MAX_ELEMENTS


def _divide(left: int, right: int) -> int:
    """C's division: rounds toward zero. A ZeroDivisionError for a zero divisor."""
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


_OPERATORS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: _divide,
}


def evaluate(text: str, values: Mapping[str, int]) -> int:
    """An extent such as `n*m + 1`: names, integers and + - * / ( ). Raises ValueError for anything else."""
    try:
        return _evaluate(ast.parse(text, mode="eval").body, values)
    except (SyntaxError, KeyError, ZeroDivisionError) as error:
        raise ValueError(f"{text}: {error}") from error


def _evaluate(node: ast.expr, values: Mapping[str, int]) -> int:
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return node.value
    if isinstance(node, ast.Name):
        return values[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_evaluate(node.operand, values)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_evaluate(node.left, values), _evaluate(node.right, values))
    raise ValueError(f"{ast.unparse(node)} is no sum or product of names and integers")


def extended(function: Function, test: TestCase, extents: Mapping[str, str]) -> TestCase | str:
    """The test with the arrays named in `extents` at least as long as they say for its scalars, or why it cannot be."""
    pairs = list(zip(function.parameters, test.arguments, strict=True))
    scalars = {p.name: int(value) for p, value in pairs if isinstance(value, np.integer)}
    arguments: list[Argument] = []
    for parameter, argument in pairs:
        if isinstance(argument, np.ndarray) and parameter.name in extents:
            size = _size(extents[parameter.name], scalars)
            if size > MAX_ELEMENTS:
                return f"the given extent of {parameter.name} is {size} elements, too many for a test"
            argument = argument if size <= argument.size else _lengthened(argument, size)
        arguments.append(argument)
    return TestCase(tuple(arguments), test.origin)


def _size(text: str, scalars: Mapping[str, int]) -> int:
    """The extent, 0 where it names what this function has not (another one of the file has it)."""
    try:
        return evaluate(text, scalars)
    except ValueError:
        return 0


def _lengthened(array: np.ndarray, size: int) -> np.ndarray:
    rest = np.resize(array, size - array.size) if array.size else np.zeros(size, array.dtype)
    return np.concatenate([array, rest])
