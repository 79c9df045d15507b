"""`data/samples/expected.yaml` as records: what is expected of each sample."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

SAMPLES = Path(__file__).resolve().parents[2] / "data" / "samples"
EXPECTED = SAMPLES / "expected.yaml"
HELPER = "helper"
T = TypeVar("T", str, int)
STATUSES = {"verified", "not_translated", HELPER}


@dataclass(frozen=True)
class ExpectedLoop:
    """A loop that has to become parallel: one of `lines`, in one of `forms` (empty where any form is right)."""

    lines: tuple[int, ...]
    over: tuple[str, ...]
    forms: tuple[str, ...]


@dataclass(frozen=True)
class ExpectedFunction:
    """`statuses` lists the ones that are right; `code` is what a refusal's code starts with."""

    name: str
    statuses: tuple[str, ...]
    code: str
    parallel: tuple[ExpectedLoop, ...]
    why: str


@dataclass(frozen=True)
class Sample:
    """One translation of one file, with its options. `program` holds argument lists for the whole program,
    `program_files` the files that it needs besides."""

    name: str
    path: Path
    include_dirs: tuple[Path, ...]
    defines: tuple[str, ...]
    strict_fp: bool
    extents: tuple[str, ...]
    program: tuple[tuple[str, ...], ...]
    program_files: tuple[Path, ...]
    functions: dict[str, ExpectedFunction]

    @property
    def compile_command(self) -> list[str]:
        """The command that compiles the file alone, with the warnings that good code does not get."""
        compiler = ["g++", "-std=c++17"] if self.path.suffix == ".cpp" else ["gcc", "-std=c11"]
        flags = [f"-I{folder}" for folder in self.include_dirs] + [f"-D{define}" for define in self.defines]
        return [*compiler, "-Wall", "-Wextra", "-Werror", "-O1", *flags, "-c", str(self.path)]


def read_samples() -> list[Sample]:
    """All entries of `expected.yaml`, in its order. A misspelt key is a KeyError or a TypeError."""
    entries: dict[str, dict[str, Any]] = yaml.safe_load(EXPECTED.read_text())
    return [_read_sample(name, dict(entry)) for name, entry in entries.items()]


def _read_sample(name: str, entry: dict[str, Any]) -> Sample:
    sample = Sample(
        name=name,
        path=SAMPLES / entry.pop("file", name),
        include_dirs=tuple(SAMPLES / folder for folder in entry.pop("include_dirs", [])),
        defines=tuple(entry.pop("defines", [])),
        strict_fp=entry.pop("strict_fp", False),
        extents=tuple(entry.pop("extents", [])),
        program=tuple(tuple(arguments) for arguments in entry.pop("program", [])),
        program_files=tuple(SAMPLES / file for file in entry.pop("program_files", [])),
        functions={key: _read_function(key, dict(value)) for key, value in entry.pop("functions").items()},
    )
    _refuse_rest(name, entry)
    return sample


def _read_function(name: str, entry: dict[str, Any]) -> ExpectedFunction:
    function = ExpectedFunction(
        name=name,
        statuses=_tuple(entry.pop("status")),
        code=entry.pop("code", ""),
        parallel=tuple(_read_loop(dict(loop)) for loop in entry.pop("parallel", [])),
        why=entry.pop("why"),
    )
    _refuse_rest(name, entry)
    return function


def _read_loop(entry: dict[str, Any]) -> ExpectedLoop:
    loop = ExpectedLoop(_tuple(entry.pop("line")), tuple(entry.pop("over", [])), _tuple(entry.pop("form", [])))
    _refuse_rest("parallel", entry)
    return loop


def _tuple(value: T | list[T]) -> tuple[T, ...]:
    return tuple(value) if isinstance(value, list) else (value,)


def _refuse_rest(where: str, entry: dict[str, Any]) -> None:
    if entry:
        raise KeyError(f"{EXPECTED.name}: {where}: unknown keys {sorted(entry)}")
