"""`materialize`: snippets as typed tests. What a snippet passes is found out without ever calling the function.

    constant declarations               -> data/snippets.py evaluates them, without a compiler (loops.py those loops
                                           in which long arrays are printed)
    all else (loops, structs, malloc)   -> one unit for all of them (snippet_unit.py), run in the sandbox twice, with
                                           unset variables of two kinds: what differs is what the snippet never sets

A snippet that does not compile, ends the process, never ends, takes too much memory or makes forbidden system calls is
`Rejected` and costs no other one. It sees no file of the user's, and nothing that it writes stays.
"""

from __future__ import annotations

import shutil
import struct
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from pathlib import Path

import numpy as np

from compile.build import Build
from compile.outcome import Outcome, Status
from compile.run_record import TestRun
from compile.runner import TestLimits, run_tests
from compile.sandbox import MIB, Sandbox
from data.function import Function, Parameter
from data.snippets import NotConstant, bind, evaluate
from data.source_file import SourceFile
from data.testcase import Argument, TestCase
from tester.fuzz import BrokenMachineError
from tester.fuzz_extents import MAX_BYTES, MAX_ELEMENTS
from tester.neural.declarations import declarations_for, known_words
from tester.neural.loops import without_loops
from tester.neural.snippet import Snippet
from tester.neural.snippet_unit import FILLS, TAKE, TOO_LARGE, Entry, Fill, build_unit, complaints, unit_text
from tester.neural.undeclared import find_undeclared

SECONDS = 0.5  # of processor time for one snippet
_MEMORY = 256 * MIB
_FIRST_ROOM, _MOST_ROOM = 4096, MAX_BYTES + 65536
_RECORD = struct.Struct("<IIQQ")
_VALUES, _NULL, _UNKNOWN = 1, 2, 3


class Rejection(StrEnum):
    """Why a snippet is no test."""

    ARGUMENTS = "arguments"
    COMPILE_ERROR = "compile_error"
    RUNTIME_ERROR = "runtime_error"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    FORBIDDEN = "forbidden"
    TOO_LARGE = "too_large"
    UNKNOWN_EXTENT = "unknown_extent"
    ALIASED = "aliased"
    UNSET = "unset"


@dataclass(frozen=True)
class Rejected:
    """A snippet that is no test: the `reason` as a stable code, and in words."""

    reason: Rejection
    message: str


@dataclass(frozen=True)
class Request:
    """A snippet that calls `function`. `source` is the function's file, for types and constants that it declares."""

    snippet: Snippet
    function: Function
    source: SourceFile | None = None


class _Unusable(Exception):
    """What a snippet passes is no test."""

    def __init__(self, reason: Rejection, message: str) -> None:
        super().__init__(message)
        self.rejected = Rejected(reason, message)


def materialize(
    requests: Sequence[Request], sandbox: Sandbox, *, seconds: float = SECONDS
) -> list[TestCase | Rejected]:
    """For each request the test (of origin "model"), or why there is none, in order. `seconds` of processor time are
    given to each snippet. Raises BrokenMachineError."""
    results: dict[int, TestCase | Rejected] = {}
    entries: dict[int, Entry] = {}
    for number, request in enumerate(requests):
        evaluated = _evaluate(request)
        if evaluated is None:
            declarations = declarations_for(request.source, request.function, request.snippet.text)
            entries[number] = Entry(request.snippet, request.function, declarations)
        else:
            results[number] = evaluated
    if entries:
        folder = Path(tempfile.mkdtemp(prefix="materialize-", dir=sandbox.scratch)).resolve()
        try:
            results |= _compile_and_run(entries, sandbox.within(folder), seconds)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return [results[number] for number in range(len(requests))]


# ------------------------------------------------------------------------------------------------- without a compiler


def _evaluate(request: Request) -> TestCase | Rejected | None:
    """The test of a snippet of constant declarations; None for any other snippet."""
    snippet, function = request.snippet, request.function
    words = ", ".join((snippet.name, *snippet.arguments))
    try:
        call = evaluate(f"{without_loops(snippet.setup)}\nwrapper({words});")
    except (NotConstant, ArithmeticError):
        unknown = find_undeclared(snippet, known_words(request.source, function))
        return Rejected(Rejection.COMPILE_ERROR, f"{unknown} is not declared") if unknown else None
    try:
        test = bind(call, function)
    except NotConstant as error:
        if any(p.dtype.names is not None or p.rank > 1 for p in function.parameters):
            return None
        return Rejected(Rejection.ARGUMENTS, str(error))
    size = sum(np.asarray(argument).nbytes for argument in test.arguments if argument is not None)
    if size > MAX_BYTES:
        return Rejected(Rejection.TOO_LARGE, f"it passes {size} bytes of arrays")
    return replace(test, origin="model")


# ---------------------------------------------------------------------------------------------------- with a compiler


def _compile_and_run(entries: Mapping[int, Entry], sandbox: Sandbox, seconds: float) -> dict[int, TestCase | Rejected]:
    results: dict[int, TestCase | Rejected] = {}
    waiting = [dict(entries)]
    while waiting:
        part = waiting.pop()
        built = _build(part, "zero", sandbox)
        if isinstance(built, Build):
            results |= _run_both(part, built, sandbox, seconds)
            continue
        guilty = {number: said for number, said in complaints(built).items() if number in part}
        if not guilty and len(part) == 1:
            guilty = dict.fromkeys(part, (built.message.splitlines() or [built.status.value])[0])
        results |= {number: _refused(said) for number, said in guilty.items()}
        rest = {number: entry for number, entry in part.items() if number not in guilty}
        waiting += _halves(rest) if not guilty else [rest] if rest else []
    return results


def _refused(said: str) -> Rejected:
    return Rejected(Rejection.TOO_LARGE if TOO_LARGE in said else Rejection.COMPILE_ERROR, said)


def _halves(entries: Mapping[int, Entry]) -> list[dict[int, Entry]]:
    numbers = list(entries)
    middle = len(numbers) // 2
    return [{n: entries[n] for n in half} for half in (numbers[:middle], numbers[middle:])]


def _build(entries: Mapping[int, Entry], fill: Fill, sandbox: Sandbox) -> Build | Outcome:
    built = build_unit(unit_text(entries), fill, sandbox)
    if isinstance(built, Outcome) and built.status is Status.INFRASTRUCTURE:
        raise BrokenMachineError(built.message)
    return built


def _run_both(
    entries: Mapping[int, Entry], zero: Build, sandbox: Sandbox, seconds: float
) -> dict[int, TestCase | Rejected]:
    """The tests of a unit that compiles."""
    numbers = list(entries)
    first = dict(zip(numbers, _run(zero, range(len(numbers)), seconds), strict=True))
    good = [number for number, record in first.items() if isinstance(record, bytes)]
    pattern = _build(entries, FILLS[1], sandbox) if good else None
    if isinstance(pattern, Outcome):
        raise BrokenMachineError(f"snippets compile in one way and not in another: {pattern.message}")
    again: dict[int, bytes | Rejected] = {}
    if pattern is not None:
        again = dict(zip(good, _run(pattern, [numbers.index(number) for number in good], seconds), strict=True))
    results: dict[int, TestCase | Rejected] = {}
    for number, record in first.items():
        other = again.get(number)
        results[number] = record if isinstance(record, Rejected) else _make_test(entries[number], record, other)
    return results


def _run(build: Build, places: Sequence[int], seconds: float) -> list[bytes | Rejected]:
    """The records of the snippets at these places of the unit; those that need more room than first given once more."""
    wanted = dict.fromkeys(places, _FIRST_ROOM)
    results: dict[int, bytes | Rejected] = {}
    while wanted:
        tests = [
            TestCase((np.int32(place), np.zeros(room, np.uint8), np.int64(room))) for place, room in wanted.items()
        ]
        limits = TestLimits(seconds, total_seconds=10 + 6 * seconds * len(tests), memory_bytes=_MEMORY)
        runs = run_tests(build, tests, TAKE, limits=limits)
        more: dict[int, int] = {}
        for (place, room), run in zip(wanted.items(), runs, strict=True):
            record = _record_of(run, room)
            if isinstance(record, int):
                more[place] = record
            else:
                results[place] = record
        wanted = more
    return [results[place] for place in places]


def _record_of(run: TestRun, room: int) -> bytes | int | Rejected:
    """What one snippet wrote; a number where that is how much room it needs."""
    if run.outcome.status is Status.INFRASTRUCTURE:
        raise BrokenMachineError(run.outcome.message)
    if not run.outcome.ok:
        message = (run.outcome.message.splitlines() or [""])[0]
        return Rejected(Rejection(run.outcome.status.value), message)
    used = int(np.asarray(run.returned))
    if used > _MOST_ROOM or used < 0:
        return Rejected(Rejection.TOO_LARGE, f"it passes {used} bytes")
    return used if used > room else np.asarray(run.arguments[1]).tobytes()[:used]


# ----------------------------------------------------------------------------------------------------- what it passes


@dataclass(frozen=True)
class _Passed:
    """One argument as it was written down; `values` is None for a null pointer."""

    values: np.ndarray | None
    address: int


def _make_test(entry: Entry, record: bytes, other: bytes | Rejected | None) -> TestCase | Rejected:
    try:
        if not isinstance(other, bytes):
            raise _Unusable(Rejection.UNSET, "it depends on variables that it never sets")
        first, second = (list(_read(entry.function, data)) for data in (record, other))
        _check_apart(entry.function, first)
        arguments: list[Argument] = []
        unset: list[np.ndarray | None] = []
        for parameter, a, b in zip(entry.function.parameters, first, second, strict=True):
            argument, mask = _merge(parameter, a.values, b.values)
            arguments.append(argument)
            unset.append(mask)
    except _Unusable as unusable:
        return unusable.rejected
    return TestCase(tuple(arguments), "model", tuple(unset) if any(mask is not None for mask in unset) else ())


def _read(function: Function, record: bytes) -> Iterator[_Passed]:
    """The arguments in a record. Raises _Unusable."""
    at = 0
    for parameter in function.parameters:
        if at + _RECORD.size > len(record):
            raise _Unusable(Rejection.RUNTIME_ERROR, "it ends before the call")
        kind, size, count, address = _RECORD.unpack_from(record, at)
        at += _RECORD.size
        if kind == _UNKNOWN:
            raise _Unusable(Rejection.UNKNOWN_EXTENT, f"{parameter.name}: a pointer to memory of an unknown size")
        if kind == _NULL and parameter.is_array:
            yield _Passed(None, 0)
            continue
        if kind != _VALUES or size != parameter.dtype.itemsize or count % size or at + count > len(record):
            raise _Unusable(Rejection.RUNTIME_ERROR, f"{parameter.name}: what it passes cannot be read")
        if count // size > MAX_ELEMENTS:
            raise _Unusable(Rejection.TOO_LARGE, f"{parameter.name}: {count // size} elements")
        values = np.frombuffer(record, parameter.dtype, count // size, at)
        at += count
        yield _Passed(values, address)
    if at != len(record):
        raise _Unusable(Rejection.RUNTIME_ERROR, "what it passes cannot be read")


def _check_apart(function: Function, passed: Sequence[_Passed]) -> None:
    """No two arrays share memory: a test gives each its own."""
    spans = sorted(
        (argument.address, argument.address + argument.values.nbytes)
        for parameter, argument in zip(function.parameters, passed, strict=True)
        if parameter.is_array and argument.values is not None
    )
    if any(end > begin for (_, end), (begin, _) in pairwise(spans)):
        raise _Unusable(Rejection.ALIASED, "it passes one array twice")


def _merge(
    parameter: Parameter, left: np.ndarray | None, right: np.ndarray | None
) -> tuple[Argument, np.ndarray | None]:
    """The argument, and which of its elements nobody has set, from both runs. Raises _Unusable."""
    if left is None and right is None:
        return None, None
    if left is None or right is None or left.shape != right.shape:
        raise _Unusable(Rejection.UNSET, f"{parameter.name} depends on variables that it never sets")
    mask = _differs(left, right) if left.size else np.zeros(0, bool)
    if parameter.is_array:
        return _plain(left), mask if mask.any() else None
    if mask.any() or left.size != 1:
        raise _Unusable(Rejection.UNSET, f"{parameter.name} is never set")
    value = _plain(left)[0]
    assert isinstance(value, np.generic)
    return value, None


def _differs(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Which elements differ in any byte, padding of structs left out."""
    if left.dtype.names is None:
        a, b = (np.ascontiguousarray(part).view(np.uint8).reshape(len(part), -1) for part in (left, right))
        return np.asarray((a != b).any(axis=1))
    masks = np.zeros(left.shape, bool)
    for name in left.dtype.names:
        base = left.dtype[name].base
        parts = [np.ascontiguousarray(side[name]).reshape(-1).view(base) for side in (left, right)]
        masks |= _differs(*parts).reshape(len(left), -1).any(axis=1)
    return masks


def _plain(values: np.ndarray) -> np.ndarray:
    """A copy whose padding holds zeros."""
    if values.dtype.names is None:
        return values.copy()
    copy = np.zeros(values.shape, values.dtype)
    for name in values.dtype.names:
        base = values.dtype[name].base
        copy[name] = _plain(np.ascontiguousarray(values[name])) if base.names is None else values[name]
    return copy
