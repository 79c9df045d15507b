"""`Problem`: one case of a benchmark in one direction, and what stands for it in the run's files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from compile.cuda_parts import device_code, kernels_of, launched_kernels
from data.babeltower import BenchmarkCase, read_cases
from musl.errors import UsageError
from musl.evaluation.records import Direction, ProblemRecord
from musl.report.verdict_record import VerdictRecord
from musl.verdict import VerdictStatus


@dataclass(frozen=True)
class Problem:
    """A case with the direction in which it is translated."""

    case: BenchmarkCase
    direction: Direction

    @property
    def id(self) -> int:
        """The place of the case in its file, from 0."""
        return self.case.index

    @property
    def source(self) -> str:
        """The text to translate."""
        return self.case.c_text if self.direction == "c2cuda" else self.case.kernel_text

    @property
    def reference(self) -> str:
        """The benchmark's own translation, as n-gram metrics compare with it."""
        return device_code(self.case.kernel_text) if self.direction == "c2cuda" else self.case.c_text

    @property
    def is_alike(self) -> bool:
        """Whether the reference kernel has the types of the C function's parameters, as far as its launch tells."""
        own = kernels_of(self.case.kernel_text)
        function = kernels_of(f"__global__ {self.case.c_text}")
        named = {kernel.name: kernel for kernel in own}
        launched = [named[name] for name in launched_kernels(self.case.wrapper_text) if name in named]
        return bool(function) and all(kernel.types == function[0].types for kernel in launched)


def read_problems(path: Path, direction: Direction, ids: Sequence[str] = ()) -> list[Problem]:
    """The benchmark's problems, or those with the given ids; UsageError where it cannot be read."""
    try:
        cases = read_cases(path)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror or error})") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 (byte {error.start})") from None
    except ValueError as error:
        raise UsageError(f"{error} (musl eval reads the BabelTower unit-test format)") from None
    unknown = [identity for identity in ids if identity not in {str(case.index) for case in cases}]
    if unknown:
        raise UsageError(f"{path}: there is no problem with the id {unknown[0]}")
    problems = [Problem(case, direction) for case in cases if not ids or str(case.index) in ids]
    if not problems:
        raise UsageError(f"{path}: holds no problem")
    return problems


def problem_record(problem: Problem, reference: VerdictRecord) -> ProblemRecord:
    """What the run's files hold of the problem; `reference` is the verdict on its own pair."""
    case = problem.case
    good = reference.verdict is VerdictStatus.EQUIVALENT
    unusable = not good and reference.tests.given > 0 and reference.tests.valid == 0
    return ProblemRecord(
        id=case.index,
        name=case.c_name,
        source=problem.source,
        reference=problem.reference,
        wrapper=case.wrapper_text,
        tests=case.c_calls,
        bad="" if good else reference.reason or str(reference.verdict),
        broken=reference.tests.first_dropped if unusable else "",
        alike=problem.is_alike,
    )
