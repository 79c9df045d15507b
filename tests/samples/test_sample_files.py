"""The samples and `expected.yaml` themselves: whole, warning-free, and about loops that are there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from expectations import HELPER, SAMPLES, STATUSES, Sample, read_samples

ALL = read_samples()


def test_every_source_file_has_expectations() -> None:
    sources = {path for suffix in ("*.c", "*.cpp") for path in SAMPLES.rglob(suffix)}
    assert sources == {sample.path for sample in ALL}
    assert len(sources) >= 30


@pytest.mark.parametrize("sample", ALL, ids=lambda sample: sample.name)
def test_sample_compiles_without_a_warning(sample: Sample, tmp_path: Path) -> None:
    command = [*sample.compile_command, "-o", str(tmp_path / "sample.o")]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("sample", ALL, ids=lambda sample: sample.name)
def test_expectations_name_loops_that_are_in_the_source(sample: Sample) -> None:
    lines = sample.path.read_text().splitlines()
    for function in sample.functions.values():
        assert set(function.statuses) <= STATUSES
        assert function.parallel or function.statuses != ("verified",) or sample.strict_fp
        assert not (function.parallel and HELPER in function.statuses)
        for loop in function.parallel:
            for line in loop.lines:
                assert re.search(r"\b(for|while|FOR)\b", lines[line - 1]), f"{function.name}: line {line}"
            nest = "\n".join(lines[loop.lines[0] - 1 : loop.lines[-1] + 5])
            assert all(re.search(rf"\b{name}\b", nest) for name in loop.over), f"{function.name}: {loop}"
