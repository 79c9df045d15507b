"""`CSide`: C text to a build and typed runs, for the tests of the execution side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from compile.build import Build
from compile.host import Mode, build_host
from compile.outcome import Outcome
from compile.run_record import TestRun
from compile.runner import TestLimits, run_tests
from compile.sandbox import Sandbox
from data.find_functions import find_functions
from data.function import Function
from data.source_file import SourceFile
from data.testcase import TestCase


@dataclass
class CSide:
    """Builds and runs functions of C text in one sandbox."""

    sandbox: Sandbox
    scratch: Path

    def source(self, text: str, language: str = "c") -> SourceFile:
        """The text as a file; it is not written to a disk, as nothing includes it."""
        suffix = ".c" if language == "c" else ".cpp"
        return SourceFile(self.scratch / f"user{suffix}", text, "c" if language == "c" else "c++")

    def function(self, source: SourceFile, name: str) -> Function:
        """The function `name` of the text."""
        return next(function for function in find_functions(source).functions if function.name == name)

    def build(self, text: str, name: str, mode: Mode = "sanitize", language: str = "c") -> tuple[Build, Function]:
        """The build, which must succeed."""
        source = self.source(text, language)
        function = self.function(source, name)
        build = build_host(source, function, mode, self.scratch, self.sandbox)
        assert isinstance(build, Build), build.message
        return build, function

    def fail_to_build(
        self, text: str, name: str, mode: Mode = "plain", language: str = "c", signature: str = ""
    ) -> Outcome:
        """The outcome of a build that must fail; `signature` stands in where the text itself should not be read."""
        source = self.source(text, language)
        function = self.function(self.source(signature or text, language), name)
        build = build_host(source, function, mode, self.scratch, self.sandbox)
        assert isinstance(build, Outcome)
        return build

    def run(
        self,
        text: str,
        name: str,
        *calls: Sequence[object],
        mode: Mode = "sanitize",
        language: str = "c",
        limits: TestLimits | None = None,
    ) -> list[TestRun]:
        """One run for each call; arguments are given as plain Python or numpy values."""
        build, function = self.build(text, name, mode, language)
        return run_tests(build, [make_test(function, *call) for call in calls], function, limits=limits)


def make_test(function: Function, *values: object) -> TestCase:
    """A test whose values take the dtypes of the parameters; None is a null pointer."""
    arguments = []
    for parameter, value in zip(function.parameters, values, strict=True):
        array = None if value is None else np.array(value, parameter.dtype)
        arguments.append(array if array is None or parameter.is_array else array[()])
    return TestCase(tuple(arguments))
