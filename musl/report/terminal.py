"""Shows a `TranslationReport` on a terminal: per function the status, what became parallel, what did not and why."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from musl.report.records import CounterexampleRecord, FunctionRecord, RemarkRecord, TranslationReport
from translator.neural.codes import NEURAL_CODES

STYLE = {"verified": "green", "unverified": "yellow", "not_translated": "yellow", "failed": "red"}
WORDS = {
    "verified": "verified",
    "unverified": "translated, not verified",
    "not_translated": "not translated",
    "failed": "failed",
}
ANALYTIC = "analytic"
INDENT = 4
LABEL = 12


def print_report(report: TranslationReport, console: Console) -> None:
    """The whole report of one file, ending with where the output went."""
    console.print(
        Text.assemble(
            (report.file, "bold"), f"  ({report.translator} translator, {report.tester} tester, {report.device})"
        )
    )
    for note in report.notes:
        _line(console, "note", note)
    for function in report.functions:
        console.print()
        print_function(function, console)
    console.print()
    for helper in report.helpers:
        _line(
            console, "helper", f"{helper.name} (line {helper.line}) runs in the kernels of {', '.join(helper.inside)}"
        )
    for warning in report.warnings:
        _line(console, "nvcc", warning)
    _print_program(report, console)
    _print_end(report, console)


def print_function(function: FunctionRecord, console: Console) -> None:
    """One function: status, reason, loops, tests and the counterexample if there is one."""
    style = STYLE[function.status]
    console.print(Text.assemble((function.name, "bold"), f" (line {function.line})  ", (WORDS[function.status], style)))
    refused = function.status == "not_translated" and bool(function.remarks)
    if function.reason and not refused:
        _line(console, "because", f"{function.code} {function.reason}".strip(), style)
    for loop in function.parallel:
        iterators = ", ".join(loop.iterators)
        _line(console, "parallel", f"line {loop.line}: {iterators} -> {loop.form}, {loop.kernel}", "green")
    of_model = function.translator not in ("", ANALYTIC)
    if of_model or any(remark.code in NEURAL_CODES for remark in function.remarks):
        _line(console, "written by", function.translator or "nobody")
    for remark in function.remarks:
        _line(console, _label(remark, refused=refused, of_model=of_model), str(remark), style if refused else "")
    if len(function.samples) > 1:
        for sample in function.samples:
            words = f"{sample.translator}, {sample.sample}: {WORDS[sample.status]}"
            _line(console, "sample", f"{words}: {sample.reason}" if sample.reason else words, STYLE[sample.status])
    if function.tests.run:
        _line(console, "tests", _tests(function))
    if function.counterexample is not None:
        _print_counterexample(function.counterexample, console)


def _label(remark: RemarkRecord, *, refused: bool, of_model: bool) -> str:
    if refused:
        return "because"
    if remark.code in NEURAL_CODES:
        return "malformed"
    return ANALYTIC if of_model else "sequential"


def _tests(function: FunctionRecord) -> str:
    parts = [f"{function.tests.passed} of {function.tests.run} passed"]
    if function.coverage is not None:
        branch = "no branches" if function.coverage.branch is None else f"branches {function.coverage.branch:.0f} %"
        parts.append(f"coverage: lines {function.coverage.line:.0f} %, {branch}")
    if function.schedules:
        parts.append(f"schedules: {', '.join(function.schedules)}")
    return "; ".join(parts)


def _print_counterexample(example: CounterexampleRecord, console: Console) -> None:
    place = example.where if example.index is None else f"{example.where}[{example.index}]"
    table = Table(show_header=False, box=None, padding=(0, 1, 0, 0))
    table.add_row("test", example.test)
    for name, value in example.inputs.items():
        table.add_row(name, value)
    table.add_row(place, Text.assemble(f"C gives {example.expected}, CUDA gives ", (example.got, "red")))
    label = Text("differs".ljust(LABEL), style="dim")
    grid = Table.grid()
    grid.add_row(" " * INDENT, label, table)
    console.print(grid)


def _print_program(report: TranslationReport, console: Console) -> None:
    program = report.program
    if program is None:
        return
    words = f"{program.passed} of {program.runs} runs printed and returned the same"
    _line(console, "program", f"{words}; {program.reason}" if program.reason else words)


def _print_end(report: TranslationReport, console: Console) -> None:
    verified = sum(function.status == "verified" for function in report.functions)
    total = len(report.functions)
    count = f"{verified} of {total} function{'s' if total != 1 else ''} verified in {report.seconds:.1f} s"
    if report.output is None:
        where = "nothing written"
    else:
        where = f"wrote {_short(report.output)}"
        if report.backup is not None:
            where += f" (the original is in {_short(report.backup)})"
    _print(console, Text.assemble((count, "green" if report.ok else "yellow"), f"; {where}"))


def _short(path: str) -> str:
    here = Path.cwd()
    return str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) else path


def _line(console: Console, label: str, text: str, style: str = "") -> None:
    first, *more = text.splitlines() or [""]
    _print(console, Text.assemble(" " * INDENT, (label.ljust(LABEL), "dim"), (first, style)))
    for line in more:
        _print(console, Text.assemble(" " * (INDENT + LABEL), (line, style)))


def _print(console: Console, text: Text) -> None:
    # Without wrapping: a file:line:col that is broken in two cannot be clicked or searched.
    console.print(text, soft_wrap=True, highlight=False)
