"""The house rules that a machine can check: import direction, and a command line that starts light."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

HEAVY = ("torch", "transformers", "ray", "pycuda", "numpy", "islpy", "tree_sitter", "pyarrow", "datasets")


def test_rooms_import_in_one_direction(repository: Path) -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    if not linter.exists():
        pytest.skip("import-linter is not installed")
    run = subprocess.run([linter, "--no-cache"], cwd=repository, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


def test_importing_the_command_line_imports_nothing_heavy() -> None:
    code = f"import sys, musl.cli; print([m for m in {HEAVY} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize("command", [["translate"], ["musl", "translate"]])
def test_help_needs_nothing_heavy(command: list[str]) -> None:
    code = (
        "import sys, musl.cli\n"
        f"sys.argv = {[*command, '--help']}\n"
        "try:\n    musl.cli.translate_main() if sys.argv[0] == 'translate' else musl.cli.main()\n"
        "except SystemExit as exit:\n    assert not exit.code, exit.code\n"
        f"print([m for m in {HEAVY} if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "[]"
    assert "--tests" in run.stdout


OF_EXTRAS = (
    "torch",
    "transformers",
    "trl",
    "peft",
    "openai",
    "ray",
    "pycuda",
    "pyarrow",
    "datasets",
    "codebleu",
    "jinja2",
)


def test_translating_needs_none_of_the_extras(tmp_path: Path) -> None:
    """As in an installation without any: the analytic Translator and the fuzz Tester are the core."""
    (tmp_path / "scale.c").write_text("void scale(int n, float *x)\n{\n    for (int i = 0; i < n; i++) x[i] *= 2;\n}\n")
    code = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({OF_EXTRAS}))\n"  # importing them fails
        "import musl\n"
        "print([one.status for one in musl.translate_file('scale.c', tests=4).functions])"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "['verified']"


def test_every_installed_package_is_pinned(repository: Path) -> None:
    """An environment made by `make test` has nothing that constraints.txt does not name."""
    pins = {
        re.sub(r"[-_.]+", "-", line.split("==")[0]).lower()
        for line in (repository / "constraints.txt").read_text().splitlines()
        if "==" in line
    }
    needed, seen = ["musl-cuda"], set[str]()
    while needed:
        name = re.sub(r"[-_.]+", "-", needed.pop()).lower()
        if name in seen:
            continue
        seen.add(name)
        extra = "dev" if name == "musl-cuda" else ""
        wanted = (Requirement(text) for text in requires(name) or [])
        needed += [one.name for one in wanted if one.marker is None or one.marker.evaluate({"extra": extra})]
    assert seen - pins == {"musl-cuda"}
