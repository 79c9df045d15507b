#!/usr/bin/env python
"""How long a large report takes: to write, and to open, filter and look into in headless Chromium.

    scripts/bench_report.py [--problems 233] [--samples 20] [--repeats 5]

The run is synthetic: every sample has a text of its own, so nothing is saved by storing equal texts once.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
# Fills the search field or opens a function, and waits until the browser has drawn the result.
FILTER = """
const done = arguments[arguments.length - 1], start = performance.now(), field = document.querySelector("[name=text]");
field.value = "stencil";
field.dispatchEvent(new Event("input", { bubbles: true }));
requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
"""
OPEN = """
const done = arguments[arguments.length - 1], start = performance.now();
document.querySelector("tr.case button").click();
requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
"""


def main() -> int:
    """Make the run, time the report, and print a table."""
    arguments = parse_arguments()
    sys.path.insert(0, str(REPOSITORY / "tests" / "musl" / "report"))
    from synthetic_run import Synthetic, write_synthetic_run

    from musl import make_report
    from musl.machine import describe_machine, find_commit

    print(
        f"{describe_machine()}, commit {find_commit() or 'unknown'}: "
        f"{arguments.problems} problems x {arguments.samples} samples"
    )
    with tempfile.TemporaryDirectory() as folder:
        what = Synthetic(problems=arguments.problems, samples=arguments.samples, distinct=True)
        run = write_synthetic_run(Path(folder) / "synthetic", what)
        start = time.perf_counter()
        page = make_report([run], Path(folder) / "report.html")
        print(f"written in {time.perf_counter() - start:.1f} s, {page.stat().st_size / 1e6:.1f} MB")
        for name, milliseconds in time_page(page, arguments.repeats).items():
            print(f"{name:28} median {statistics.median(milliseconds):6.0f} ms, longest {max(milliseconds):6.0f} ms")
    return 0


def time_page(page: Path, repeats: int) -> dict[str, list[float]]:
    """Milliseconds until the page is there and its functions are listed, and for a filter and the first function."""
    from musl.report.browser import open_browser

    times: dict[str, list[float]] = {"opened": [], "filtered": [], "first function shown": []}
    with open_browser() as browser:
        for _ in range(repeats):
            browser.get("about:blank")
            start = time.perf_counter()
            browser.get(page.as_uri())
            times["opened"].append(1000 * (time.perf_counter() - start))
            times["filtered"].append(float(browser.execute_async_script(FILTER)))
            times["first function shown"].append(float(browser.execute_async_script(OPEN)))
    return times


def parse_arguments() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=233)
    parser.add_argument("--samples", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=5)
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
