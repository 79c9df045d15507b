"""The BabelTower benchmark in the format of its published unit tests: a C function, a kernel, a host wrapper and calls.

Keys of a line: `cpp_code`, `cuda_code` (the kernel), `cuda_wrapper` (host code that allocates, copies and launches),
`consistent_cpp_inputs` and `consistent_cuda_inputs` (C++ snippets that call `wrapper(function, arguments...)`),
`consistent_outputs` (what the published harness printed; MuSL compares typed values instead).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

KEYS = ("cpp_code", "cuda_code", "consistent_cpp_inputs", "consistent_cuda_inputs", "cuda_wrapper")
_CALLEE = re.compile(r"\bwrapper\s*\(\s*([A-Za-z_]\w*)")


@dataclass(frozen=True)
class BenchmarkCase:
    """One case. `c_calls` and `cuda_calls` are the snippets of its tests, in order, one for each side."""

    index: int
    c_text: str
    kernel_text: str
    wrapper_text: str
    c_calls: tuple[str, ...]
    cuda_calls: tuple[str, ...]

    @property
    def cuda_text(self) -> str:
        """Kernel and host wrapper as one file."""
        return f"{self.kernel_text}\n{self.wrapper_text}\n"

    @property
    def c_name(self) -> str:
        """The function that the tests call, empty where they call none."""
        return _callee(self.c_calls)

    @property
    def wrapper_name(self) -> str:
        """The host wrapper that the tests call, empty where they call none."""
        return _callee(self.cuda_calls)


def is_case(record: Mapping[str, object]) -> bool:
    """Whether a line of JSON has the keys of a case."""
    return all(key in record for key in KEYS)


def make_case(index: int, record: Mapping[str, object]) -> BenchmarkCase:
    """The case of a line; ValueError where a key is not there or does not hold what it must."""
    lacking = [key for key in KEYS if key not in record]
    if lacking:
        raise ValueError(f"it has no {', '.join(lacking)}")
    texts = {key: record[key] for key in KEYS}
    for key in ("cpp_code", "cuda_code", "cuda_wrapper"):
        if not isinstance(texts[key], str):
            raise ValueError(f"{key} is not a text")
    return BenchmarkCase(
        index,
        str(texts["cpp_code"]) + "\n",
        str(texts["cuda_code"]),
        str(texts["cuda_wrapper"]),
        _strings("consistent_cpp_inputs", texts["consistent_cpp_inputs"]),
        _strings("consistent_cuda_inputs", texts["consistent_cuda_inputs"]),
    )


def read_cases(path: Path) -> list[BenchmarkCase]:
    """All cases of a benchmark file, empty lines left out; ValueError names the line that is none."""
    cases: list[BenchmarkCase] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            raise ValueError(f"{path}:{number}: not JSON: {error}") from None
        if not isinstance(record, dict):
            raise ValueError(f"{path}:{number}: a line is an object with the keys {', '.join(KEYS)}")
        try:
            cases.append(make_case(len(cases), record))
        except ValueError as error:
            raise ValueError(f"{path}:{number}: {error}") from None
    return cases


def _strings(key: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"{key} is not a list of texts")
    return tuple(value)


def _callee(calls: Iterable[str]) -> str:
    for call in calls:
        match = _CALLEE.search(call)
        if match:
            return match[1]
    return ""
