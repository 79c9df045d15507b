"""What the report shows on a terminal, and what its JSON holds."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from musl.report.codes import INTERNAL_ERROR
from musl.report.records import (
    CounterexampleRecord,
    CoverageRecord,
    FunctionRecord,
    ParallelRecord,
    RemarkRecord,
    TestsRecord,
    TranslationReport,
)
from musl.report.terminal import print_report

VERIFIED = FunctionRecord(
    name="smooth",
    line=4,
    status="verified",
    parallel=[ParallelRecord(line=7, iterators=["i", "j"], kernel="smooth_kernel", form="grid")],
    remarks=[RemarkRecord(code="MUSL101", message="carried dependence on a[t - 1]", file="a.c", line=6, column=5)],
    tests=TestsRecord(run=21, passed=21, dropped=2),
    coverage=CoverageRecord(line=100.0, branch=87.5),
    schedules=["forward", "reverse", "shuffle"],
)
REFUSED = FunctionRecord(
    name="chain",
    line=20,
    status="not_translated",
    code="MUSL101",
    reason="carried dependence on y[i - 1]",
    remarks=[RemarkRecord(code="MUSL101", message="carried dependence on y[i - 1]", file="a.c", line=22, column=9)],
)
FAILED = FunctionRecord(
    name="sum",
    line=30,
    status="failed",
    code="MUSL903",
    reason="different: x[3]",
    counterexample=CounterexampleRecord(
        test="ab12", where="x", index=3, expected="1.5", got="2.5", inputs={"n": "4", "x": "float32[4] {1, 2, 3, 4}"}
    ),
)


def report_of(*functions: FunctionRecord, output: str | None = "a.cu") -> TranslationReport:
    return TranslationReport(
        file="a.c",
        translator="analytic",
        tester="fuzz",
        device="emulator",
        seconds=1.25,
        functions=list(functions),
        output=output,
    )


def shown(report: TranslationReport) -> str:
    stream = io.StringIO()
    print_report(report, Console(file=stream, width=60))
    return stream.getvalue()


def test_a_verified_function_shows_loops_tests_coverage_and_schedules() -> None:
    text = shown(report_of(VERIFIED))
    assert "smooth (line 4)  verified" in text
    assert "line 7: i, j -> grid, smooth_kernel" in text
    assert "MUSL101 a.c:6:5: carried dependence on a[t - 1]" in text
    assert "21 of 21 passed; coverage: lines 100 %, branches 88 %; schedules: forward, reverse, shuffle" in text
    assert "wrote a.cu" in text


def test_a_refusal_is_shown_once_with_its_place() -> None:
    text = shown(report_of(REFUSED, output=None))
    assert text.count("carried dependence on y[i - 1]") == 1
    assert "MUSL101 a.c:22:9" in text and "nothing written" in text


def test_a_counterexample_is_shown_with_its_inputs() -> None:
    text = shown(report_of(FAILED))
    assert "x[3]" in text and "C gives 1.5, CUDA gives 2.5" in text and "float32[4] {1, 2, 3, 4}" in text


@pytest.mark.parametrize(
    ("functions", "status"),
    [
        ([VERIFIED], 0),
        ([VERIFIED, REFUSED], 3),
        ([FAILED], 3),
        ([], 3),
        ([VERIFIED, FAILED.model_copy(update={"code": INTERNAL_ERROR})], 1),
    ],
)
def test_the_exit_status_follows_from_the_functions(functions: list[FunctionRecord], status: int) -> None:
    assert report_of(*functions).exit_code == status


def test_the_json_report_has_the_documented_fields() -> None:
    report = json.loads(report_of(VERIFIED, FAILED).model_dump_json())
    documented = {"file", "translator", "tester", "device", "seconds", "functions", "output"}
    assert documented <= report.keys()
    fields = [
        "name",
        "line",
        "status",
        "code",
        "reason",
        "parallel",
        "tests",
        "coverage",
        "schedules",
        "counterexample",
    ]
    assert set(fields) <= report["functions"][0].keys()
    assert {"run", "passed"} <= report["functions"][0]["tests"].keys()
    assert report["functions"][0]["coverage"] == {"line": 100.0, "branch": 87.5}
