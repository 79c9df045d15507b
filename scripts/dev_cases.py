#!/usr/bin/env python
"""Translate the C function of every development case of BabelTower, and print what became of each.

    scripts/dev_cases.py --jobs 2 --out docs/results/analytic-dev.md

The report names cases by their index in unit_tests.dev.jsonl and numbers the names of their variables: it holds no text
of the benchmark. The terminal shows the full reasons.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
CASES = Path("babeltower") / "unit_tests.dev.jsonl"
# Words of C and of its library that may stand in a reason as they are.
KEPT = {"for", "while", "if", "else", "return", "break", "continue", "switch", "int", "float", "double", "printf", "a"}


@dataclass(frozen=True)
class CaseResult:
    """What became of one case. `reason` is the full message, `anonymous` the same without names of the source; `forms`
    is what loops became."""

    index: int
    status: str
    code: str
    reason: str
    anonymous: str
    forms: tuple[str, ...]
    tests_run: int
    tests_dropped: int
    line_coverage: float | None
    seconds: float

    @property
    def verified(self) -> bool:
        return self.status == "verified"


def main() -> int:
    """Run the selected cases; exit status 0 unless MuSL itself failed on one (then 1)."""
    arguments = parse_arguments()
    cases = read_cases(arguments.data / CASES, arguments.only)
    results = []
    for result in run_cases(cases, tests=arguments.tests, seed=arguments.seed, jobs=arguments.jobs):
        results.append(result)
        print(row(result), flush=True)
    results.sort(key=lambda result: result.index)
    print(f"\n{summary(results)}")
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(report(results, tests=arguments.tests, seed=arguments.seed))
    return 1 if any(result.status == "crashed" for result in results) else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = os.environ.get("MUSL_SHARED_DATA", REPOSITORY.parent / "shared" / "data")
    parser.add_argument("--data", type=Path, default=Path(default), help="folder that holds babeltower/")
    parser.add_argument("--only", type=indices, default=None, metavar="3,7,20-25", help="only these cases")
    parser.add_argument("--jobs", type=int, default=1, help="cases at a time")
    parser.add_argument("--tests", type=int, default=20, help="tests for each function")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, metavar="FILE.md", help="write the report there")
    return parser.parse_args()


def indices(text: str) -> set[int]:
    """The numbers of a list such as `3,7,20-25`."""
    chosen: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        chosen.update(range(int(first), int(last or first) + 1))
    return chosen


def read_cases(path: Path, only: set[int] | None) -> dict[int, str]:
    """Index -> C++ text of each selected case."""
    if not path.is_file():
        sys.exit(f"{path}: no such file; say where the benchmark is with --data DIR or MUSL_SHARED_DATA")
    lines = path.read_text().splitlines()
    return {i: json.loads(line)["cpp_code"] for i, line in enumerate(lines) if only is None or i in only}


def run_cases(cases: dict[int, str], *, tests: int, seed: int, jobs: int) -> Iterator[CaseResult]:
    """Results as they come. A case in a worker that dies is reported as `crashed`, the others go on."""
    with ProcessPoolExecutor(jobs) as pool:
        futures = {pool.submit(run_case, index, text, tests, seed): index for index, text in cases.items()}
        for future in as_completed(futures):
            yield future.result()


def run_case(index: int, text: str, tests: int, seed: int) -> CaseResult:
    """Translate one case as a file of its own, in a scratch folder."""
    import musl

    with tempfile.TemporaryDirectory(prefix="musl-dev-") as folder:
        path = Path(folder) / f"case{index}.cpp"
        path.write_text(text + "\n")
        outcome = musl.translate_file(path, tests=tests, seed=seed, jobs=1)
    if not outcome.functions:
        reason = "; ".join(outcome.warnings + outcome.notes)
        return CaseResult(index, "not_translated", "", reason, reason, (), 0, 0, None, outcome.seconds)
    function = outcome.functions[0]
    reason = re.sub(r"\S*/case\d+\.c\w+", "the case", function.reason.splitlines()[0] if function.reason else "")
    return CaseResult(
        index=index,
        status="crashed" if function.code == "MUSL900" else function.status,
        code=function.code,
        reason=reason,
        anonymous=without_names(reason, text),
        forms=tuple(sorted({loop.form for loop in function.parallel})),
        tests_run=function.tests.run,
        tests_dropped=function.tests.dropped,
        line_coverage=function.coverage.line if function.coverage else None,
        seconds=outcome.seconds,
    )


def row(result: CaseResult) -> str:
    """One line for the terminal."""
    coverage = "   -" if result.line_coverage is None else f"{result.line_coverage:3.0f}%"
    reason = " ".join(f"{result.code} {result.reason}".split())
    forms = "+".join(result.forms)
    tests = f"{result.tests_run:3d} tests {result.tests_dropped:3d} dropped {coverage}"
    return f"{result.index:4d} {result.status:15s} {tests} {result.seconds:6.1f} s  {forms:16s} {reason}".rstrip()


def summary(results: Sequence[CaseResult]) -> str:
    counts = Counter(result.status for result in results)
    parts = [f"{count} {status}" for status, count in counts.most_common()]
    seconds = sum(result.seconds for result in results)
    return f"{len(results)} cases: {', '.join(parts)}; {seconds / max(len(results), 1):.1f} s a case"


def report(results: Sequence[CaseResult], *, tests: int, seed: int) -> str:
    """The Markdown report."""
    lines = [
        "# The analytic Translator on the development half of BabelTower",
        "",
        "Each case's C function, as a C++ file of its own, through `musl.translate_file` (fuzz Tester, emulator).",
        "Cases are named by their index in `unit_tests.dev.jsonl`; x1, x2 stand for names of their source. The codes",
        "are explained in `docs/codes.md`.",
        "",
        f"- command: `scripts/dev_cases.py --tests {tests} --seed {seed}`",
        *(f"- {key}: {value}" for key, value in machine().items()),
        f"- {summary(results)}",
        "",
        "## Not verified",
        "",
        "| case | status | code | reason |",
        "|---:|---|---|---|",
        *(f"| {r.index} | {r.status} | {r.code} | {r.anonymous} |" for r in results if not r.verified),
        "",
        "## Verified",
        "",
        "| case | parallel as | tests run | dropped | line coverage | seconds |",
        "|---:|---|---:|---:|---:|---:|",
        *(verified_row(result) for result in results if result.verified),
    ]
    return "\n".join(lines) + "\n"


def verified_row(r: CaseResult) -> str:
    coverage = "-" if r.line_coverage is None else f"{r.line_coverage:.0f}%"
    return f"| {r.index} | {', '.join(r.forms)} | {r.tests_run} | {r.tests_dropped} | {coverage} | {r.seconds:.1f} |"


def without_names(reason: str, text: str) -> str:
    """A reason in which the identifiers of the source are numbered: `x1 is written and x2 is read`."""
    names = set(re.findall(r"[A-Za-z_]\w*", text)) - KEPT
    numbers: dict[str, str] = {}

    def number(match: re.Match[str]) -> str:
        word = match[0]
        return numbers.setdefault(word, f"x{len(numbers) + 1}") if word in names else word

    return re.sub(r"[A-Za-z_]\w*", number, reason).replace("|", "\\|")


def machine() -> dict[str, str]:
    """What the figures depend on."""
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": first_line("git", "-C", str(REPOSITORY), "describe", "--always", "--dirty"),
        "machine": f"{processor()}, {os.cpu_count()} cores",
        "compiler": first_line("g++", "--version"),
        "Python": platform.python_version(),
    }


def processor() -> str:
    try:
        found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found.group(1) if found else platform.machine()


def first_line(*command: str) -> str:
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return output.splitlines()[0]


if __name__ == "__main__":
    sys.exit(main())
