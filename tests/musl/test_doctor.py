"""`musl doctor` tries what it reports, and its exit status says whether `translate` can work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from musl.doctor import examine

DOCTOR = [sys.executable, "-c", "import sys; sys.argv[0] = 'musl'; from musl.cli import main; main()", "doctor"]


def test_a_machine_that_runs_these_tests_is_ready() -> None:
    findings = {finding.name: finding for finding in examine()}
    for name in ("gcc", "g++", "gcov", "sandbox", "numpy", "islpy", "tree-sitter"):
        assert findings[name].found, findings[name]
        assert findings[name].required and findings[name].detail
    assert not findings["nvcc"].required and not findings["gpu"].required


def test_what_is_missing_comes_with_the_command_that_installs_it(tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": str(tmp_path)}
    run = subprocess.run([*DOCTOR, "--json"], capture_output=True, text=True, check=False, env=environment)
    assert run.returncode == 3, run.stderr
    report = json.loads(run.stdout)
    missing = {finding["name"]: finding for finding in report["findings"] if not finding["found"]}
    assert report["ready"] is False
    assert "apt-get install" in missing["g++"]["remedy"]
    assert "bubblewrap" in missing["sandbox"]["remedy"]


def test_the_text_names_every_finding() -> None:
    run = subprocess.run(DOCTOR, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "sandbox" in run.stdout and "translate can work here" in run.stdout


def test_the_version_is_the_installed_one() -> None:
    run = subprocess.run([*DOCTOR[:-1], "--version"], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (0, f"musl {version('musl-cuda')}\n")
