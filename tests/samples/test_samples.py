"""Every sample ends as `data/samples/expected.yaml` says: translated and verified against its source, or refused."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from expectations import HELPER, ExpectedFunction, ExpectedLoop, Sample, read_samples

import musl
from musl.report.records import FunctionRecord, ParallelRecord, TranslationReport

ALL = read_samples()
TESTS = 8  # for each function: enough to launch several blocks, and the whole folder stays below the time of a CI run


@pytest.mark.slow
@pytest.mark.parametrize("sample", ALL, ids=lambda sample: sample.name)
def test_sample_ends_as_expected(sample: Sample, tmp_path: Path) -> None:
    report = musl.translate_file(
        sample.path,
        output=tmp_path / "sample.cu",
        include_dirs=sample.include_dirs,
        defines=sample.defines,
        strict_fp=sample.strict_fp,
        extents=sample.extents,
        run_args=tuple(shlex.join(arguments) for arguments in sample.program),
        program_files=sample.program_files,
        tests=TESTS,
    )
    found = {record.name: record for record in report.functions}
    unexpected = found.keys() - sample.functions.keys() - {"main"}
    wrong = [f"{name}: not in expected.yaml" for name in sorted(unexpected)]
    for function in sample.functions.values():
        wrong += differences(function, found.get(function.name))
    wrong += program_differences(sample, report)
    assert not wrong, "\n".join(wrong)
    assert (tmp_path / "sample.cu").exists() == any(record.status == "verified" for record in report.functions)


def differences(expected: ExpectedFunction, found: FunctionRecord | None) -> list[str]:
    """What is not as expected of one function, a line each."""
    if found is None:
        return [] if HELPER in expected.statuses else [f"{expected.name}: not in the report"]
    said = f"{found.code} {found.reason}".strip()
    statuses = {"not_translated" if status == HELPER else status for status in expected.statuses}
    if found.status not in statuses:
        return [f"{expected.name}: {found.status} ({said}), expected {' or '.join(expected.statuses)}"]
    if found.status != "verified":
        right = found.code.startswith(expected.code or "MUSL")
        return [] if right else [f"{expected.name}: refused with {said}, expected {expected.code}"]
    wrong = [
        f"{expected.name}: no {loop.forms or 'parallel'} loop over {loop.over} at {loop.lines} in {found.parallel}"
        for loop in expected.parallel
        if not any(satisfies(record, loop) for record in found.parallel)
    ]
    if found.tests.run == 0 or found.tests.passed < found.tests.run or len(found.schedules) < 3:
        wrong.append(f"{expected.name}: verified by {found.tests}, schedules {found.schedules}")
    return wrong


def satisfies(record: ParallelRecord, loop: ExpectedLoop) -> bool:
    """Whether a loop that became parallel is at least what was expected."""
    form_is_right = not loop.forms or record.form in loop.forms
    return record.line in loop.lines and form_is_right and set(loop.over) <= set(record.iterators)


def program_differences(sample: Sample, report: TranslationReport) -> list[str]:
    """What is not as expected of the whole program's runs."""
    if not sample.program:
        return []
    program = report.program
    if program is None or not program.runs == program.passed == len(sample.program):
        return [f"program: {program}, expected {len(sample.program)} equal runs"]
    return []
