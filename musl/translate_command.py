"""`run_translate`: the command `translate` over its files: progress, reports, messages and the exit status."""

from __future__ import annotations

import json as json_format
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from rich.console import Console

from data.read_source import SourceError
from musl.errors import MachineError, UsageError
from musl.output import Destination
from musl.prepare import defines_main
from musl.report.progress import ProgressDisplay
from musl.report.records import TranslationReport
from musl.report.terminal import print_report

EXIT_OK, EXIT_FAILURE, EXIT_USAGE, EXIT_NOT_ALL = 0, 1, 2, 3
SEVERITY = (EXIT_OK, EXIT_NOT_ALL, EXIT_USAGE, EXIT_FAILURE)  # of several files, the worst decides


class TranslateOne(Protocol):
    """`musl.translate_file` with the command's options filled in."""

    def __call__(
        self, path: Path, /, *, program_files: Sequence[Path], on_progress: Callable[[str, str], None]
    ) -> TranslationReport: ...


def run_translate(files: Sequence[Path], translate: TranslateOne, *, json: bool, report: Path | None) -> int:
    """Translate each file, print its report (or all as JSON at the end), and return the exit status.

    One file that cannot be read does not stop the others. Several files of which exactly one has a `main` are taken as
    one program. JSON is one object for one file, a list for several.
    """
    try:
        return _translate_all(files, translate, json=json, report=report)
    except MachineError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_FAILURE


def _translate_all(files: Sequence[Path], translate: TranslateOne, *, json: bool, report: Path | None) -> int:
    console = Console(soft_wrap=True)
    reports: list[TranslationReport] = []
    statuses = [EXIT_OK]
    program = _program(files)
    for path in files:
        others = [file for file in program if file != path] if path in program else []
        try:
            with ProgressDisplay() as progress:
                outcome = translate(path, program_files=others, on_progress=progress)
        except (UsageError, SourceError) as error:
            print(f"error: {error}", file=sys.stderr)
            statuses.append(EXIT_USAGE)
            continue
        reports.append(outcome)
        statuses.append(outcome.exit_code)
        if not json:
            print_report(outcome, console)
    if reports:
        _hand_out(_as_json(reports, single=len(files) == 1), json=json, report=report)
    return max(statuses, key=SEVERITY.index)


def _program(files: Sequence[Path]) -> list[Path]:
    """All files where they may be one program: several, of which exactly one has a `main`."""
    mains = [file for file in files if file.is_file() and defines_main(file.read_text(errors="replace"))]
    return [file for file in files if file.is_file()] if len(mains) == 1 and len(files) > 1 else []


def _as_json(reports: Sequence[TranslationReport], *, single: bool) -> str:
    objects = [report.model_dump(mode="json") for report in reports]
    return json_format.dumps(objects[0] if single else objects, indent=2) + "\n"


def _hand_out(text: str, *, json: bool, report: Path | None) -> None:
    if json:
        print(text, end="")
    if report is not None:
        try:
            Destination(report).write(text)
        except OSError as error:
            raise UsageError(f"{report}: cannot be written ({error.strerror or error})") from None
