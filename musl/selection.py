"""Which functions of a file are translated, and which are helpers of those."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from musl.errors import UsageError
from musl.report.records import HelperRecord
from musl.work import FunctionWork

MAIN = "main"


def select(found: Sequence[str], asked: Sequence[str], path: Path) -> list[str]:
    """The names to work on: those asked for, else every function but `main`, which stays on the host.

    `found` are the functions of the file. A file that has nothing but `main` is asked to translate that. UsageError
    for an unknown name, and for a file without functions.
    """
    if not found:
        raise UsageError(f"{path}: no function is defined here")
    unknown = [name for name in asked if name not in found]
    if unknown:
        raise UsageError(f"{path}: no function {unknown[0]}; found: {', '.join(found)}")
    if asked:
        return list(dict.fromkeys(asked))
    return [name for name in found if name != MAIN] or list(found)


def find_helpers(works: Mapping[str, FunctionWork]) -> list[HelperRecord]:
    """Refused functions whose code runs, as `__device__` functions, in the kernels of verified ones."""
    kernels = {
        name: work.checked.translation.kernels for name, work in works.items() if work.checked and work.is_verified
    }
    helpers = []
    for name, work in works.items():
        inside = [other for other, text in kernels.items() if work.refusal is not None and _defines(text, name)]
        if inside:
            helpers.append(HelperRecord(name=name, line=work.function.span.line, inside=inside))
    return helpers


def _defines(kernels: str, name: str) -> bool:
    """Whether the text has a `__device__` function called `name`, or `name` with a suffix."""
    return re.search(rf"__device__[^;{{}}()]*\b{re.escape(name)}(_\w+)?\s*\(", kernels) is not None
