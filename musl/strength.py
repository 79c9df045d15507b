"""`measure_strength`: how much do the tests of a pair show? Coverage of the C side, and planted faults found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from compile.build import Build
from compile.coverage import MeasuredCoverage, measure_coverage, measure_functions
from compile.cuda_parts import device_functions
from compile.emulator.build import build_emulated
from compile.host import build_host
from compile.runner import run_tests
from compile.sandbox import Sandbox
from data.function import Function
from data.source_file import SourceFile
from data.testcase import TestCase
from musl.case import CANDIDATE_LIMITS, Candidate
from musl.mutation_score import MutationScore, mutation_score
from tester.protocol import Coverage, TestSuite


@dataclass(frozen=True)
class Strength:
    """`coverage` is of the C function, `cuda_coverage` of the kernels and device functions; None where a side cannot be
    built with counters."""

    coverage: Coverage | None
    cuda_coverage: Coverage | None
    mutants: MutationScore


def measure_strength(
    source: SourceFile,
    function: Function,
    candidate: Candidate,
    tests: Sequence[TestCase],
    *,
    sandbox: Sandbox,
    mutants: int,
    seed: int = 0,
) -> Strength:
    """The strength of the tests of a pair that is equivalent on them, with at most `mutants` planted faults."""
    suite = TestSuite(tuple(tests), None, 0)
    score = mutation_score(
        *(source, function, candidate.text, suite),
        sandbox=sandbox,
        scratch=sandbox.scratch,
        seed=seed,
        limit=mutants,
        candidate=candidate,
    )
    return Strength(
        _coverage(source, function, tests, sandbox), _cuda_coverage(source, candidate, tests, sandbox), score
    )


def _coverage(source: SourceFile, function: Function, tests: Sequence[TestCase], sandbox: Sandbox) -> Coverage | None:
    build = build_host(source, function, "coverage", sandbox.scratch, sandbox)
    if not isinstance(build, Build):
        return None
    run_tests(build, [test.filled(0) for test in tests], function)
    measured = measure_coverage(build, function)
    return Coverage(measured.line, measured.branch) if isinstance(measured, MeasuredCoverage) else None


def _cuda_coverage(
    source: SourceFile, candidate: Candidate, tests: Sequence[TestCase], sandbox: Sandbox
) -> Coverage | None:
    names = {name for name, _ in device_functions(candidate.text)}
    build = build_emulated(candidate.text, candidate.function, sandbox.scratch, sandbox, source, check="coverage")
    if not isinstance(build, Build) or not names:
        return None
    calls = tests if candidate.tests is None else candidate.tests
    run_tests(build, [call.filled(0) for call in calls], candidate.function, limits=CANDIDATE_LIMITS)
    measured = measure_functions(build, names)
    return Coverage(measured.line, measured.branch) if isinstance(measured, MeasuredCoverage) else None
