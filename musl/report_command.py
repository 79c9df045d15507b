"""The command `musl report`: what is written, what is printed, and the exit status."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from musl.errors import UsageError

EXIT_OK, EXIT_FAILURE, EXIT_USAGE = 0, 1, 2
DEFAULT_PAGE = Path("report.html")


def run_report(
    runs: Sequence[Path], output: Path | None, *, csv: bool = False, json: bool = False, latex: bool = False
) -> int:
    """Print the figures of the runs in the format that is asked for, and write the page: to `output`, else to
    report.html where no format is asked for."""
    try:
        from musl.report.page import make_report
        from musl.report.read_run import read_evaluations
        from musl.report.tables import csv_text, json_text, latex_text
    except ModuleNotFoundError as error:
        print(f"error: {error.name} is missing: pip install 'musl-cuda[eval]'", file=sys.stderr)
        return EXIT_FAILURE
    texts = [text for wanted, text in ((csv, csv_text), (json, json_text), (latex, latex_text)) if wanted]
    try:
        if len(texts) > 1:
            raise UsageError("give only one of --csv, --json and --latex")
        if texts:
            print(texts[0](read_evaluations(runs)), end="")
        if output is not None or not texts:
            page = make_report(runs, output if output is not None else DEFAULT_PAGE)
            print(f"wrote {page}", file=sys.stderr if texts else sys.stdout)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_USAGE
    return EXIT_OK
