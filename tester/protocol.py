"""The Tester protocol: inputs for a function, judged valid by running the function itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from data.function import Function
from data.testcase import TestCase


@dataclass(frozen=True)
class Coverage:
    """Percent (0 to 100) of the function's lines and branches that the tests execute; None where there is no branch."""

    line: float
    branch: float | None


@dataclass(frozen=True)
class TestSuite:
    """The valid tests of one function, in a stable order. `dropped` counts the inputs that were not valid for the C
    side; `first_error` is what the sanitizers said of the first of them (empty if none was dropped)."""

    __test__ = False

    tests: tuple[TestCase, ...]
    coverage: Coverage | None
    dropped: int
    first_error: str = ""


class Tester(Protocol):
    """Makes valid tests for a function. Implementations: fuzz, neural."""

    name: str

    def make_tests(self, function: Function, count: int, seed: int) -> TestSuite:
        """About `count` valid tests (more while coverage grows, fewer only where no more are valid)."""
        ...
