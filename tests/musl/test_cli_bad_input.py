"""Bad input: one clear message, the right exit status, nothing half written, and the other functions go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from musl.report.records import FunctionRecord, TranslationReport

TRANSLATE = [sys.executable, "-c", "from musl.cli import translate_main; translate_main()"]
GOOD = """void scale(int n, float a, float *x)
{
    for (int i = 0; i < n; i++)
        x[i] = a * x[i];
}
"""


def translate(*arguments: object, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    argv = [*TRANSLATE, *map(str, arguments)]
    return subprocess.run(argv, capture_output=True, text=True, timeout=timeout, check=False)


def translate_json(*arguments: object, timeout: float = 120) -> tuple[int, TranslationReport]:
    run = translate(*arguments, "--json", timeout=timeout)
    assert run.stdout, run.stderr
    return run.returncode, TranslationReport.model_validate_json(run.stdout)


def function(report: TranslationReport, name: str) -> FunctionRecord:
    return next(record for record in report.functions if record.name == name)


def assert_one_line(run: subprocess.CompletedProcess[str], *words: str) -> None:
    lines = run.stderr.splitlines()
    assert run.returncode == 2 and len(lines) == 1 and run.stdout == "", run
    assert all(word in lines[0] for word in words), lines[0]


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.c"
    path.write_text(GOOD)
    return path


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty.c").write_text("\n \n")
    assert_one_line(translate(tmp_path / "empty.c"), "empty.c", "is empty")


def test_a_binary(tmp_path: Path) -> None:
    (tmp_path / "program.c").write_bytes(b"\x7fELF\x02\x01\x01\x00\x00")
    assert_one_line(translate(tmp_path / "program.c"), "program.c", "binary")


def test_a_directory(tmp_path: Path) -> None:
    assert_one_line(translate(tmp_path), str(tmp_path), "directory")


def test_a_missing_file(tmp_path: Path) -> None:
    assert_one_line(translate(tmp_path / "nowhere.c"), "nowhere.c", "no such file")


def test_a_missing_header(tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text('#include "missing.h"\n' + GOOD)
    assert_one_line(translate(tmp_path / "a.c"), "a.c:1", "missing.h")


def test_a_file_without_functions(tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text("int x;\n")
    assert_one_line(translate(tmp_path / "a.c"), "a.c", "no function")


def test_an_unknown_function_is_answered_with_those_that_there_are(good: Path) -> None:
    assert_one_line(translate(good, "--function", "skale"), "skale", "scale")


@pytest.mark.parametrize(
    "words",
    [
        ["--translator", "/no/big-model"],
        ["--tester", "/no/big-model"],
        ["--device", "tpu"],
        ["--extent", "a"],
        ["-I", "no-such-folder"],
        ["-p", "no-such-folder"],
        ["-o", "no-such-folder/out.cu"],
        ["-o", "."],
        ["-o", "a.cu", "--in-place"],
    ],
)
def test_a_request_that_cannot_be_carried_out(good: Path, words: list[str]) -> None:
    run = translate(good, *words)
    assert run.returncode == 2, run
    assert len(run.stderr.splitlines()) == 1, run.stderr
    assert words[0] in run.stderr or words[1] in run.stderr
    assert not good.with_suffix(".cu").exists()


def test_one_bad_file_does_not_stop_the_others(good: Path) -> None:
    run = translate(good.parent / "nowhere.c", good, "--tests", 4)
    assert run.returncode == 2
    assert "nowhere.c" in run.stderr
    assert good.with_suffix(".cu").exists(), run.stdout


def test_one_output_for_several_files(good: Path) -> None:
    run = translate(good, good, "-o", "out.cu")
    assert run.returncode == 2 and "--out-root" in run.stderr


def test_a_syntax_error_costs_one_function(tmp_path: Path) -> None:
    path = tmp_path / "half.c"
    path.write_text(GOOD + "int bad(int n)\n{\n    int m = n\n    return m;\n}\n")
    status, report = translate_json(path, "--tests", 4)
    assert status == 3
    assert function(report, "scale").status == "verified"
    bad = function(report, "bad")
    assert (bad.status, bad.code, bad.remarks[0].line) == ("not_translated", "MUSL001", 9)
    assert "int m = n\n" in path.with_suffix(".cu").read_text()


CONSTRUCTS = {
    "recursion": ("MUSL006", "int recursion(int n)\n{\n    return n < 2 ? 1 : n * recursion(n - 1);\n}\n"),
    "pointer": (
        "MUSL005",
        "void pointer(int n, float *x, float (*f)(float))\n{\n    for (int i = 0; i < n; i++) x[i] = f(x[i]);\n}\n",
    ),
    "jump": (
        "MUSL002",
        "void jump(int n, float *x)\n{\n    int i = 0;\nagain:\n    if (i < n) { x[i++] = 0; goto again; }\n}\n",
    ),
    "assembly": (
        "MUSL003",
        'void assembly(int n, float *x)\n{\n    for (int i = 0; i < n; i++) { __asm__("nop"); x[i] = 0; }\n}\n',
    ),
    "many": ("MUSL004", "int many(int n, ...)\n{\n    return n;\n}\n"),
}


def test_what_cannot_be_translated_is_listed_with_its_code_and_stops_nothing(tmp_path: Path) -> None:
    path = tmp_path / "all.c"
    path.write_text("\n".join(text for _, text in CONSTRUCTS.values()) + GOOD)
    status, report = translate_json(path, "--tests", 4)
    assert status == 3
    assert function(report, "scale").status == "verified"
    for name, (code, _) in CONSTRUCTS.items():
        record = function(report, name)
        assert (record.status, record.code) == ("not_translated", code), record
        assert record.reason and record.remarks[0].line > 0


def test_nothing_translated_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "recursion.c"
    path.write_text(CONSTRUCTS["recursion"][1])
    run = translate(path)
    assert run.returncode == 3
    assert "MUSL006" in run.stdout and f"{path}:1" in run.stdout
    assert not path.with_suffix(".cu").exists()


def test_undefined_behaviour_on_every_input_is_no_proof(tmp_path: Path) -> None:
    path = tmp_path / "undefined.c"
    body = "    for (int i = 0; i <= n * n; i++)\n        x[i] = 1 << (40 + (i & 1));\n"
    path.write_text(f"void undefined(int n, int *x)\n{{\n{body}}}\n")
    status, report = translate_json(path, "--tests", 4)
    record = function(report, "undefined")
    assert (status, record.status) == (3, "unverified"), record
    assert record.reason and report.output is None
    assert not path.with_suffix(".cu").exists()


@pytest.mark.parametrize("name", ["threadIdx", "blockDim", "__shared__", "dim3"])
def test_a_name_that_cuda_reserves(tmp_path: Path, name: str) -> None:
    path = tmp_path / "reserved.c"
    path.write_text(
        GOOD + f"void other(int n, float *{name})\n{{\n    for (int i = 0; i < n; i++) {name}[i] += 1;\n}}\n"
    )
    status, report = translate_json(path, "--tests", 4)
    other = function(report, "other")
    assert function(report, "scale").status == "verified", report
    assert other.status == "verified" or (other.code and other.reason), other
    assert status == (0 if other.status == "verified" else 3)


def test_a_file_of_fifty_thousand_lines(tmp_path: Path) -> None:
    path = tmp_path / "long.c"
    filler = "".join(f"int table{i}[4] = {{\n    {i}, 1,\n    2, 3\n}};\n" for i in range(12_500))
    path.write_text(filler + GOOD)
    status, report = translate_json(path, "--tests", 4, timeout=180)
    assert (status, function(report, "scale").line) == (0, 50_001)


def test_an_interrupt_leaves_the_old_output(good: Path) -> None:
    output = good.with_suffix(".cu")
    output.write_text("// an earlier output of MuSL\n")
    scratch = good.parent / "tmp"
    scratch.mkdir()
    process = subprocess.Popen(
        [*TRANSLATE, str(good), "--tests", "2000"],
        env={**os.environ, "TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(
            signal.SIGINT, signal.SIG_DFL
        ),  # it is ignored where tests are a background job
    )
    deadline = time.monotonic() + 30
    while not any(scratch.glob("musl-*/scale-*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130, errors
    assert errors.splitlines() == ["interrupted"]
    assert output.read_text() == "// an earlier output of MuSL\n"
    assert list(scratch.glob("musl-*")) == []
    assert sorted(path.name for path in good.parent.iterdir()) == ["good.c", "good.cu", "tmp"]
