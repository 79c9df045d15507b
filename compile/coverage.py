"""Line and branch coverage of one function, from a build in mode "coverage" after its tests have run (gcov, gcc's own
counters).

Counters add up over runs of the same build. A call that crashed or ran out of its time leaves no counts.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import TypedDict, cast

from compile.build import Build
from compile.outcome import Outcome, Status
from compile.sandbox import MIB, Limits
from compile.toolchain import find_gcov
from data.function import Function

_LIMITS = Limits(wall_seconds=30.0, output_bytes=128 * MIB)


@dataclass(frozen=True)
class MeasuredCoverage:
    """Percent (0 to 100) of the function's lines and branches executed; `branch` is None where it has no branch.

    `executed` identifies what was executed: (line, -1) for a line, (line, k) for the k-th branch of a line. Lines are
    the user's.
    """

    line: float
    branch: float | None
    executed: frozenset[tuple[int, int]]


class _Branch(TypedDict):
    count: int
    throw: bool


class _Line(TypedDict, total=False):
    line_number: int
    count: int
    function_name: str
    branches: list[_Branch]


class _Function(TypedDict):
    name: str
    demangled_name: str
    start_line: int


class _File(TypedDict):
    functions: list[_Function]
    lines: list[_Line]


def measure_coverage(build: Build, function: Function) -> MeasuredCoverage | Outcome:
    """Coverage of `function` by all tests run on `build` so far; INFRASTRUCTURE where gcov does not answer."""
    files = _counted(build)
    return files if isinstance(files, Outcome) else _summarize(_lines_of(files, function))


def measure_functions(build: Build, names: Collection[str]) -> MeasuredCoverage | Outcome:
    """As `measure_coverage`, of all functions with these names together (the kernels of a CUDA text)."""
    files = _counted(build)
    if isinstance(files, Outcome):
        return files
    wanted = {record["name"] for file in files for record in file["functions"] if _plain_name(record) in names}
    return _summarize([line for file in files for line in file["lines"] if line.get("function_name") in wanted])


def _counted(build: Build) -> list[_File] | Outcome:
    """What gcov says of the unit's files."""
    gcov = str(find_gcov().path)
    argv = [gcov, "--json-format", "--stdout", "--branch-probabilities", "unit.o"]
    outcome = build.sandbox.run(argv, limits=_LIMITS, writable=True)
    if not outcome.ok:
        return Outcome(Status.INFRASTRUCTURE, b"", outcome.stderr or b"gcov failed", outcome.seconds, outcome.exit_code)
    return cast("list[_File]", json.loads(outcome.stdout)["files"])


def reset_coverage(build: Build) -> None:
    """Forget the counts so far."""
    for counters in build.folder.glob("*.gcda"):
        counters.unlink()


def _lines_of(files: list[_File], function: Function) -> list[_Line]:
    """The line records of the function: gcov gives them the linker's name; the line tells overloads apart."""
    name = "musl_user_main" if function.name == "main" else function.name
    candidates = [
        (abs(record["start_line"] - function.span.line), record["name"], file)
        for file in files
        for record in file["functions"]
        if _plain_name(record) == name
    ]
    if not candidates:
        return []
    _, linker_name, file = min(candidates, key=lambda candidate: candidate[0])
    return [line for line in file["lines"] if line.get("function_name") == linker_name]


def _plain_name(record: _Function) -> str:
    """The name in the source: without parameters, template arguments and namespaces."""
    return record["demangled_name"].split("(")[0].split("<")[0].split("::")[-1].split(" ")[-1]


def _summarize(lines: list[_Line]) -> MeasuredCoverage:
    counts: dict[tuple[int, int], int] = {}
    for line in lines:  # a line has several records where a macro or a template stands on it
        number = line["line_number"]
        counts[number, -1] = counts.get((number, -1), 0) + line["count"]
        taken = [branch for branch in line["branches"] if not branch["throw"]]
        for k, branch in enumerate(taken):
            counts[number, k] = counts.get((number, k), 0) + branch["count"]
    of_lines = [count for (_, k), count in counts.items() if k < 0]
    of_branches = [count for (_, k), count in counts.items() if k >= 0]
    executed = frozenset(key for key, count in counts.items() if count > 0)
    return MeasuredCoverage(_percent(of_lines) or 0.0, _percent(of_branches), executed)


def _percent(counts: list[int]) -> float | None:
    return 100.0 * sum(count > 0 for count in counts) / len(counts) if counts else None
