"""`translate_file` end to end on small files: what is written where, and what the report says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import musl
from musl.errors import UsageError
from musl.report.records import TranslationReport

TRANSLATE = [sys.executable, "-c", "from musl.cli import translate_main; translate_main()"]
SCALE = "void scale(int n, float a, float *x)\n{\n    for (int i = 0; i < n; i++)\n        x[i] = a * x[i];\n}\n"
CHAIN = "void chain(int n, float *x)\n{\n    for (int i = 1; i < n; i++)\n        x[i] += 0.5f * x[i - 1];\n}\n"
PROGRAM = """#include <stdio.h>
#include <stdlib.h>

{scale}
int main(int argc, char **argv)
{{
    int n = argc > 1 ? atoi(argv[1]) : 3;
    float x[64];
    for (int i = 0; i < n; i++)
        x[i] = i;
    scale(n, 2.0f, x);
    for (int i = 0; i < n; i++)
        printf("%g\\n", x[i]);
    return n > 10 ? 7 : 0;
}}
"""


@pytest.fixture
def scale(tmp_path: Path) -> Path:
    path = tmp_path / "scale.c"
    path.write_text(SCALE)
    return path


def translate(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    argv = [*TRANSLATE, *map(str, arguments)]
    variables = {**os.environ, **environment}
    return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False, env=variables)


def statuses(report: TranslationReport) -> dict[str, str]:
    return {function.name: function.status for function in report.functions}


def test_a_verified_function_and_what_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "both.c"
    path.write_text("/* keep me */\n" + SCALE + CHAIN)
    report = musl.translate_file(path, tests=4)
    assert statuses(report) == {"scale": "verified", "chain": "not_translated"}
    scale, chain = report.functions
    assert (scale.line, scale.code, scale.reason) == (2, "", "")
    assert scale.tests.run == scale.tests.passed > 0 and len(scale.schedules) >= 3
    assert scale.coverage is not None and scale.coverage.line == 100.0
    assert [(loop.line, loop.iterators, loop.form) for loop in scale.parallel] == [(4, ["i"], "grid")]
    assert chain.code.startswith("MUSL1") and "x" in chain.reason
    assert report.exit_code == 3 and report.output == str(tmp_path / "both.cu")
    text = (tmp_path / "both.cu").read_text()
    assert "/* keep me */" in text and CHAIN.strip() in text and "__global__" in text and "<<<" in text


def test_the_same_seed_writes_the_same_bytes(scale: Path, tmp_path: Path) -> None:
    reports = [musl.translate_file(scale, output=tmp_path / name, tests=4, seed=5) for name in ("a.cu", "b.cu")]
    assert (tmp_path / "a.cu").read_bytes() == (tmp_path / "b.cu").read_bytes()
    assert reports[0].functions[0].tests == reports[1].functions[0].tests


def test_a_dry_run_reports_and_writes_nothing(scale: Path) -> None:
    report = musl.translate_file(scale, tests=4, dry_run=True)
    assert statuses(report) == {"scale": "verified"} and report.output is None
    assert [path.name for path in scale.parent.iterdir()] == ["scale.c"]


def test_in_place_keeps_the_original(scale: Path) -> None:
    report = musl.translate_file(scale, tests=4, in_place=True)
    assert report.output == str(scale) and report.backup == f"{scale}.orig"
    assert "__global__" in scale.read_text() and Path(f"{scale}.orig").read_text() == SCALE


def test_a_program_is_run_whole_with_each_list_of_arguments(tmp_path: Path) -> None:
    path = tmp_path / "program.c"
    path.write_text(PROGRAM.format(scale=SCALE))
    report = musl.translate_file(path, tests=4, run_args=["5", "12", ""])
    assert statuses(report) == {"scale": "verified"}, report
    assert report.program is not None
    assert (report.program.runs, report.program.passed) == (3, 3)


def test_files_of_one_program_are_linked_together(tmp_path: Path) -> None:
    main, kernels = tmp_path / "main.c", tmp_path / "kernels.c"
    main.write_text(PROGRAM.format(scale="void scale(int n, float a, float *x);\n"))
    kernels.write_text(SCALE)
    report = musl.translate_file(kernels, tests=4, run_args=["4"], program_files=[main])
    assert report.program is not None and (report.program.runs, report.program.passed) == (1, 1)


def test_run_args_without_a_program_are_refused(scale: Path) -> None:
    with pytest.raises(UsageError, match="no main"):
        musl.translate_file(scale, run_args=["1"])


def test_flags_of_a_build_and_an_extent_that_the_code_does_not_tell(tmp_path: Path) -> None:
    (tmp_path / "include").mkdir()
    (tmp_path / "include" / "step.h").write_text("#define STEP(x) ((x) + DELTA)\n")
    path = tmp_path / "a.c"
    path.write_text('#include "step.h"\n' + SCALE.replace("a * x[i]", "STEP(a * x[i])"))
    entry = {"directory": str(tmp_path), "file": "a.c", "command": "cc -Iinclude -DDELTA=3 -c a.c"}
    (tmp_path / "compile_commands.json").write_text(json.dumps([entry]))
    report = musl.translate_file(path, tests=4, build=tmp_path, extents=["x=n"])
    assert statuses(report) == {"scale": "verified"}


def test_includes_hold_in_the_folder_of_the_output(tmp_path: Path) -> None:
    for folder in ("project/src", "elsewhere"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "project" / "src" / "factor.h").write_text("#define FACTOR 3\n")
    path = tmp_path / "project" / "src" / "a.c"
    path.write_text('#include "factor.h"\n' + SCALE.replace("a * x[i]", "FACTOR * x[i]"))
    output = tmp_path / "elsewhere" / "a.cu"
    report = musl.translate_file(path, output=output, tests=4)
    assert statuses(report) == {"scale": "verified"}, report
    include = re.search(r'#include "(.*factor\.h)"', output.read_text())
    assert include is not None and (output.parent / include.group(1)).exists()


def test_overloads_are_refused_and_stop_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.cpp"
    path.write_text(
        SCALE + SCALE.replace("scale", "twice") + SCALE.replace("scale", "twice").replace("float", "double")
    )
    report = musl.translate_file(path, tests=4)
    assert statuses(report) == {"scale": "verified", "twice": "not_translated"}
    assert "overloaded" in report.functions[1].reason


def test_json_on_standard_output_and_in_a_file(scale: Path, tmp_path: Path) -> None:
    run = translate(scale, "--tests", 4, "--json", "--report", tmp_path / "report.json")
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == json.loads((tmp_path / "report.json").read_text())
    report = TranslationReport.model_validate_json(run.stdout)
    assert statuses(report) == {"scale": "verified"} and report.device == "emulator"


def test_several_files_give_a_list_and_mirrored_paths(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "scale.c").write_text(SCALE)
    files = [tmp_path / "one" / "scale.c", tmp_path / "two" / "scale.c"]
    code = "import os, sys; os.chdir(sys.argv.pop(1)); from musl.cli import translate_main; translate_main()"
    argv = [sys.executable, "-c", code, tmp_path, *files, "--out-root", "out", "--tests", "4", "--json"]
    run = subprocess.run([str(word) for word in argv], capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    assert [report["output"] for report in json.loads(run.stdout)] == ["out/one/scale.cu", "out/two/scale.cu"]
    assert (tmp_path / "out" / "two" / "scale.cu").exists()


def test_without_a_sandbox_nothing_runs_and_nothing_is_verified(scale: Path, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("gcc", "g++", "as", "ld", "sh"):
        found = shutil.which(name)
        if found:
            (programs / name).symlink_to(found)
    run = translate(scale, "--tests", 4, PATH=str(programs))
    assert run.returncode == 3, run.stderr
    assert "apt-get install bubblewrap" in run.stdout and "--unsafe-no-sandbox" in run.stdout
    assert "parallel" in run.stdout and not scale.with_suffix(".cu").exists()


def test_gpu_without_a_gpu_is_refused_with_the_reason(scale: Path) -> None:
    from compile.gpu.device import find_gpu

    if find_gpu() is not None:
        pytest.skip("this machine has a GPU")
    run = translate(scale, "--device", "gpu")
    assert run.returncode == 2 and "--device gpu" in run.stderr and "--device emulator" in run.stderr


def test_a_function_that_takes_too_long_costs_itself_alone(tmp_path: Path) -> None:
    path = tmp_path / "slow.c"
    path.write_text(SCALE)
    report = musl.translate_file(path, tests=100_000, timeout=2)
    assert statuses(report) == {"scale": "unverified"}
    assert report.functions[0].code == "MUSL901" and "--timeout" in report.functions[0].reason
    assert report.exit_code == 3


def test_a_call_of_a_function_in_another_file_costs_the_caller_only(tmp_path: Path) -> None:
    path = tmp_path / "part.c"
    path.write_text("int elsewhere(int n);\n" + SCALE + "int caller(int n)\n{\n    return elsewhere(n);\n}\n")
    report = musl.translate_file(path, tests=4)
    assert statuses(report) == {"scale": "verified", "caller": "not_translated"}
