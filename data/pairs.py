"""Pairs of a C function and its CUDA version, as lines of JSON.

{"id": 7, "c": "void f(...) {...}", "cuda": "__global__ ... void f(...) {...}"}      optionally with "sample" (which
    of several translations), "function" (the name, where the C text has several) and "tests": a list of calls, each
    the list of its arguments (numbers, lists of numbers, null)
{"cpp_code": ..., "cuda_code": ..., "cuda_wrapper": ..., ...}                         a case of data/babeltower.py,
    whose id is its place in the file, from 0
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from data.babeltower import BenchmarkCase, is_case, make_case
from data.function import Function, Parameter
from data.testcase import Argument, TestCase

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


class PairError(ValueError):
    """The file holds something that is no pair; the message names the line."""


@dataclass(frozen=True)
class Pair:
    """One pair as it was read. `function` is the C function's name ("" where the text decides), `wrapper` that of the
    CUDA side's ("" where it is the same), and `given_wrapper` says that it is a benchmark's and not under test.
    `candidate` is the language of the side under test: where it is "c" the text in `cuda` is C, which is to compute
    the same as `c` without a kernel. `c_calls` and `cuda_calls` are snippets (data/snippets.py), `tests` plain
    values; where both are None tests have to be made."""

    id: int | str
    c: str
    cuda: str
    sample: int = 0
    language: Literal["c", "c++"] = "c"
    function: str = ""
    wrapper: str = ""
    given_wrapper: bool = False
    candidate: Literal["cuda", "c"] = "cuda"
    c_calls: tuple[str, ...] | None = None
    cuda_calls: tuple[str, ...] | None = None
    tests: tuple[tuple[Json, ...], ...] | None = None

    @property
    def key(self) -> tuple[str, int]:
        """What tells pairs of one file apart."""
        return str(self.id), self.sample


def read_pairs(path: Path) -> list[Pair]:
    """The pairs of a file in order; PairError where a line is none, or where two have the same id and sample."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise PairError(f"{path}: cannot be read ({error.strerror or error})") from None
    except UnicodeDecodeError as error:
        raise PairError(f"{path}: not UTF-8 (byte {error.start})") from None
    pairs: list[Pair] = []
    seen: dict[tuple[str, int], int] = {}
    for index, line in enumerate(lines):
        if not line.strip():
            continue
        try:
            pair = make_pair(len(pairs), json.loads(line))
        except json.JSONDecodeError as error:
            raise PairError(f"{path}:{index + 1}: not JSON: {error.msg} (column {error.colno})") from None
        except ValueError as error:
            raise PairError(f"{path}:{index + 1}: {error}") from None
        if pair.key in seen:
            raise PairError(
                f"{path}:{index + 1}: id {pair.id}, sample {pair.sample} stands on line {seen[pair.key]} too"
            )
        seen[pair.key] = index + 1
        pairs.append(pair)
    if not pairs:
        raise PairError(f"{path}: holds no pair")
    return pairs


def make_pair(position: int, record: Json) -> Pair:
    """The pair of one line; ValueError says what is wrong with it."""
    if not isinstance(record, dict):
        raise ValueError("a line is an object with the keys id, c and cuda (or a case of the BabelTower unit tests)")
    if is_case(record):
        return pair_of_case(make_case(position, record))
    lacking = [key for key in ("id", "c", "cuda") if key not in record]
    if lacking:
        raise ValueError(f"it has no {', '.join(lacking)} (keys: {', '.join(sorted(record)) or 'none'})")
    identity = record["id"]
    if not isinstance(identity, int | str) or isinstance(identity, bool):
        raise ValueError("id is neither a number nor a text")
    return Pair(
        *(identity, _text(record, "c"), _text(record, "cuda")),
        sample=_sample(record),
        language="c++" if _text(record, "language", "c") in ("c++", "cpp") else "c",
        function=_text(record, "function", ""),
        tests=_tests(record.get("tests")),
    )


def pair_of_case(case: BenchmarkCase) -> Pair:
    """A benchmark's case as the pair of its two sides."""
    return Pair(
        *(case.index, case.c_text, case.cuda_text),
        language="c++",
        function=case.c_name,
        wrapper=case.wrapper_name,
        given_wrapper=bool(case.wrapper_name),
        c_calls=case.c_calls,
        cuda_calls=case.cuda_calls,
    )


def typed_tests(function: Function, tests: Sequence[Sequence[Json]]) -> list[TestCase]:
    """Plain values as calls of the function; ValueError where one does not fit."""
    return [_typed_call(function, number, values) for number, values in enumerate(tests, 1)]


def _typed_call(function: Function, number: int, values: Sequence[Json]) -> TestCase:
    taken = len(function.parameters)
    if len(values) != taken:
        raise ValueError(f"test {number} has {len(values)} arguments, {function.name} takes {taken}")
    pairs = zip(function.parameters, values, strict=True)
    return TestCase(tuple(_typed(number, parameter, value) for parameter, value in pairs), "dataset")


def _typed(number: int, parameter: Parameter, value: Json) -> Argument:
    what = f"test {number}, {parameter.name}"
    if value is None and parameter.is_array:
        return None
    if parameter.dtype.names is not None:
        raise ValueError(f"{what}: a struct cannot be given as JSON")
    if parameter.is_array != isinstance(value, list):
        raise ValueError(f"{what}: {'a list of numbers' if parameter.is_array else 'a number'} is needed")
    try:
        array = np.array(value)
        typed = array.astype(parameter.dtype)
        exact = bool(np.array_equal(typed.astype(array.dtype), array, equal_nan=array.dtype.kind == "f"))
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{what}: not numbers of type {parameter.c_type}") from None
    if array.size and (array.dtype.kind not in "biuf" or (parameter.dtype.kind in "biu" and not exact)):
        raise ValueError(f"{what}: not numbers of type {parameter.c_type}")
    if parameter.is_array:
        return typed.reshape(-1)
    scalar = typed[()]
    assert isinstance(scalar, np.generic)
    return scalar


def _text(record: Mapping[str, Json], key: str, default: str | None = None) -> str:
    value = record.get(key, default)
    if not isinstance(value, str):
        raise ValueError(f"{key} is not a text")
    return value


def _sample(record: Mapping[str, Json]) -> int:
    value = record.get("sample", 0)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("sample is not a number from 0")
    return value


def _tests(value: Json) -> tuple[tuple[Json, ...], ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not value:
        raise ValueError("tests is not a list of calls")
    calls = []
    for call in value:
        if not isinstance(call, list):
            raise ValueError("tests is not a list of calls (each the list of its arguments)")
        calls.append(tuple(call))
    return tuple(calls)
