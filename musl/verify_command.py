"""The commands `musl verify` and `musl audit`: progress, what is printed, and the exit status."""

from __future__ import annotations

import json as json_format
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from musl.audit import audit_lines, audit_page
from musl.errors import MachineError, UsageError
from musl.output import Destination
from musl.report.verdict_record import VerdictRecord
from musl.verdict import VerdictStatus
from musl.verify import VerifyReport

EXIT_OK, EXIT_FAILURE, EXIT_USAGE, EXIT_NOT_ALL = 0, 1, 2, 3
STYLE = {
    VerdictStatus.EQUIVALENT: "green",
    VerdictStatus.NO_VALID_TEST: "yellow",
    VerdictStatus.INFRASTRUCTURE: "magenta",
}


class Verify(Protocol):
    """`musl.verify_pairs` with the command's options filled in."""

    def __call__(self, *, on_verdict: Callable[[int, int], None]) -> VerifyReport: ...


def run_verify(verify: Verify, *, json: bool, out: Path | None) -> int:
    """Judge the pairs, print each verdict (with `json` the lines of JSON instead) and the counts."""
    report = _run(verify)
    if isinstance(report, int):
        return report
    console = Console(soft_wrap=True)
    if json:
        for record in report.records:
            print(record.model_dump_json())
    else:
        for record in report.records:
            print_record(record, console)
        _print_counts(report, console, out)
    return EXIT_OK if report.counts[VerdictStatus.EQUIVALENT] == len(report.records) else EXIT_NOT_ALL


def run_audit(verify: Verify, *, json: bool, page: Path | None) -> int:
    """Judge a benchmark's own pairs and print those that are not shown to be right, with the evidence."""
    report = _run(verify)
    if isinstance(report, int):
        return report
    console = Console(soft_wrap=True)
    lines = audit_lines(report.records)
    if json:
        print(json_format.dumps([line.model_dump(mode="json") for line in lines], indent=2))
    else:
        for line in lines:
            console.print(Text.assemble((f"{line.id}", "bold"), f"  {line.kind}: {line.evidence}"))
        _print_counts(report, console, None)
    if page is not None:
        try:
            Destination(page).write(audit_page(report))
        except OSError as error:
            print(f"error: {page}: cannot be written ({error.strerror or error})", file=sys.stderr)
            return EXIT_USAGE
    return EXIT_OK if not lines else EXIT_NOT_ALL


def print_record(record: VerdictRecord, console: Console) -> None:
    """One pair in a line, with its reason, and the inputs of a counterexample below it."""
    name = f"{record.id}" + (f" #{record.sample}" if record.sample else "")
    style = STYLE.get(record.verdict, "red")
    tests = record.tests
    head = Text.assemble((name, "bold"), "  ", (str(record.verdict), style))
    if tests.run:
        head.append(f"  {tests.passed} of {tests.run} tests passed")
    if record.coverage is not None:
        branch = "" if record.coverage.branch is None else f", branches {record.coverage.branch:.0f} %"
        head.append(f"  (lines {record.coverage.line:.0f} %{branch})")
    if record.mutants is not None:
        counted = record.mutants.killed + record.mutants.survived
        head.append(f"  {record.mutants.killed} of {counted} planted faults found")
    if record.reason:
        head.append(f"  {record.reason}")
    console.print(head)
    example = record.counterexample
    if example is not None:
        inputs = ", ".join(f"{name} = {value}" for name, value in example.inputs.items())
        console.print(Text(f"    on {inputs}"))


def _print_counts(report: VerifyReport, console: Console, out: Path | None) -> None:
    counted = [f"{count} {status}" for status, count in report.counts.items() if count]
    speed = (len(report.records) - report.resumed) / report.seconds if report.seconds else 0.0
    console.print()
    resumed = f" ({report.resumed} of an earlier run)" if report.resumed else ""
    console.print(
        f"{len(report.records)} pairs{resumed}: {', '.join(counted)}; {report.device}, {report.jobs} workers, "
        f"{report.seconds:.1f} s, {speed:.1f} pairs/s"
    )
    if report.counts[VerdictStatus.INFRASTRUCTURE]:
        console.print("infrastructure: this machine could not judge these pairs; they count neither as right nor wrong")
    if out is not None:
        console.print(f"wrote {out}")


def _run(verify: Verify) -> VerifyReport | int:
    """The report, or the exit status after a message."""
    console = Console(stderr=True)
    columns = (TextColumn("judging"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    # Refreshed by calls only: a refreshing thread would be in the way of the workers' forks.
    progress = Progress(*columns, console=console, auto_refresh=False, transient=True, disable=not console.is_terminal)
    task = progress.add_task("judging", total=None)

    def advance(done: int, of: int) -> None:
        progress.update(task, completed=done, total=of, refresh=True)

    try:
        with progress:
            return verify(on_verdict=advance)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_USAGE
    except MachineError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_FAILURE
