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
    report.html where no format is asked for. The runs are all of `musl eval`, or all of `musl loop`."""
    try:
        from musl.report.loop_figures import is_loop, read_loops
        from musl.report.loop_page import loop_csv, loop_json, make_loop_report
        from musl.report.page import make_report
        from musl.report.read_run import read_evaluations
        from musl.report.tables import csv_text, json_text, latex_text
    except ModuleNotFoundError as error:
        print(f"error: {error.name} is missing: pip install 'musl-cuda[eval]'", file=sys.stderr)
        return EXIT_FAILURE
    loops = [run for run in runs if is_loop(run)]
    texts = [text for wanted, text in ((csv, csv_text), (json, json_text), (latex, latex_text)) if wanted]
    try:
        if len(texts) > 1:
            raise UsageError("give only one of --csv, --json and --latex")
        if loops and len(loops) < len(runs):
            raise UsageError("runs of musl eval and runs of musl loop have reports of their own")
        if loops and latex:
            raise UsageError("--latex is the headline table of musl eval; --csv and --json are for the loop too")
        if texts and loops:
            print((loop_csv if csv else loop_json)(read_loops(loops)), end="")
        elif texts:
            print(texts[0](read_evaluations(runs)), end="")
        if output is not None or not texts:
            page = (make_loop_report if loops else make_report)(runs, output if output is not None else DEFAULT_PAGE)
            print(f"wrote {page}", file=sys.stderr if texts else sys.stdout)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_USAGE
    return EXIT_OK
