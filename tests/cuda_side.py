"""`CudaSide`: CUDA text to typed runs in the emulator, for the tests of the execution side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from c_side import make_test

from compile.build import Build
from compile.emulator.build import Check, build_emulated
from compile.outcome import Outcome
from compile.run_record import TestRun
from compile.runner import TestLimits, run_tests
from compile.sandbox import Sandbox
from data.find_functions import find_functions
from data.function import Function
from data.source_file import SourceFile

SCHEDULES = ("forward", "reverse", "shuffle")


@dataclass
class CudaSide:
    """Builds and runs host functions of CUDA text in one sandbox."""

    sandbox: Sandbox
    scratch: Path

    def function(self, signature: str) -> Function:
        """The function with this C signature (`void f(float *a, int n)`)."""
        text = f"{signature} {{ {'return 0;' if not signature.startswith('void') else ''} }}"
        return find_functions(SourceFile(self.scratch / "user.cpp", text, "c++")).functions[0]

    def build(self, cuda: str, signature: str, check: Check = "bounds") -> tuple[Build, Function]:
        """The build, which must succeed."""
        function = self.function(signature)
        build = build_emulated(cuda, function, self.scratch, self.sandbox, check=check)
        assert isinstance(build, Build), build.message
        return build, function

    def fail_to_build(self, cuda: str, signature: str) -> Outcome:
        """The outcome of a build that must fail."""
        build = build_emulated(cuda, self.function(signature), self.scratch, self.sandbox)
        assert isinstance(build, Outcome)
        return build

    def run(
        self,
        cuda: str,
        signature: str,
        *call: object,
        schedules: Sequence[str] = SCHEDULES,
        seconds: float = 5.0,
        check: Check = "bounds",
    ) -> list[TestRun]:
        """One call in each schedule."""
        build, function = self.build(cuda, signature, check)
        test = [make_test(function, *call)]
        limits = TestLimits(seconds=seconds)
        return [run_tests(build, test, function, schedule=s, seed=7, limits=limits)[0] for s in schedules]

    def on_array(
        self, kernels: str, launch: str, values: np.ndarray, m: int = 0, **options: object
    ) -> list[np.ndarray]:
        """The array `a` after `launch` ran on its copy `d` on the device, in each schedule; it must succeed in all.
        With `races=False` threads may race; else the check for races must find none."""
        races = options.pop("races", True)
        runs = self.try_on_array(kernels, launch, values, m, **options)
        checked = self.try_on_array(kernels, launch, values, m, schedules=["forward"], check="races") if races else []
        for run in (*runs, *checked):
            assert run.outcome.ok, run.outcome.message
        return [np.asarray(run.arguments[0]) for run in runs]

    def try_on_array(
        self, kernels: str, launch: str, values: np.ndarray, m: int = 0, **options: object
    ) -> list[TestRun]:
        """As `on_array`, for launches that may fail. `launch` may use a (host), d (device), n (length) and m."""
        c_type = {"f": "float", "d": "double", "i": "int", "I": "unsigned", "B": "unsigned char"}[values.dtype.char]
        cuda = f"""{kernels}
void f({c_type} *a, int n, int m) {{
    {c_type} *d;
    cudaMalloc(&d, n * sizeof({c_type}));
    cudaMemcpy(d, a, n * sizeof({c_type}), cudaMemcpyHostToDevice);
    {launch}
    cudaMemcpy(a, d, n * sizeof({c_type}), cudaMemcpyDeviceToHost);
    cudaFree(d);
}}
"""
        return self.run(cuda, f"void f({c_type} *a, int n, int m)", values, len(values), m, **options)  # type: ignore[arg-type]
