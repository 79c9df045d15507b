#!/usr/bin/env python
"""Plant faults in CUDA whose C original is at hand, and count how many of them fuzz tests find.

    scripts/bench_mutants.py --work DIR --per-pair 5 --jobs 2 --out docs/results/mutants.md

The pairs: every sample function that the analytic Translator takes, and the development cases of BabelTower with their
reference kernels and wrappers. A pair counts only if its CUDA side is equivalent before anything is planted. Results
are lines of DIR/results.jsonl; started again, the script goes on where it was. The report names development cases by
their index and holds no text of the benchmark.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import yaml

if TYPE_CHECKING:
    from compile.sandbox import Sandbox
    from data.function import Function
    from data.source_file import SourceFile
    from tester.protocol import TestSuite

REPOSITORY = Path(__file__).resolve().parent.parent
SAMPLES = REPOSITORY / "data" / "samples"
CASES = Path("babeltower") / "unit_tests.dev.jsonl"
KNOWN = REPOSITORY / "docs" / "results" / "equivalent_mutants.yaml"
INTRODUCTION = """
Each mutant is a CUDA text with one planted fault (`tester/mutants.py`), judged by `co_verify` as any candidate is, on
fuzz tests that know only the C function. Killed is any verdict but `equivalent`. Mutants that compute the same do not
count: they compile to the same instructions as the original (by rule, `compile/same_code`) or are proven one by one
(by hand, `equivalent_mutants.yaml`). Edits whose form alone shows that they change nothing are not planted
(`tester/mutant_rules.py`). Not being killed proves nothing. The rate is killed / (killed + survived).
""".strip().splitlines()


@dataclass(frozen=True)
class Task:
    """One pair to work on. `name` is `sample FILE/FUNCTION` or `dev INDEX`; `done` are the mutants with a result."""

    name: str
    c_path: Path
    c_text: str
    include_dirs: tuple[Path, ...]
    defines: tuple[str, ...]
    function: str
    cuda_text: str
    fits_all_tests: bool  # a reference wrapper may ask more of its inputs than the C function does
    done: frozenset[str]


@dataclass(frozen=True)
class Settings:
    """What holds for all pairs."""

    results: Path
    per_pair: int
    tests: int
    seed: int
    known: Mapping[str, str]


def main() -> int:
    """Work on every pair; exit status 1 if what is proven equivalent was told apart."""
    arguments = parse_arguments()
    arguments.work.mkdir(parents=True, exist_ok=True)
    known = {entry["id"]: entry["proof"] for entry in yaml.safe_load(KNOWN.read_text()) or ()} if KNOWN.exists() else {}
    results = arguments.work / "results.jsonl"
    settings = Settings(results, arguments.per_pair, arguments.tests, arguments.seed, known)
    tasks = [task for task in read_tasks(arguments, results) if not arguments.only or task.name in arguments.only]
    if not arguments.report_only:
        run_tasks(tasks, settings, arguments.jobs)
    rows = read_rows(results, known)
    print(summary(rows))
    if arguments.out:
        arguments.out.write_text(report(rows, arguments))
    return 1 if any(row.get("status") == "killed" and row.get("proof") for row in rows) else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = os.environ.get("MUSL_SHARED_DATA", REPOSITORY.parent / "shared" / "data")
    parser.add_argument("--data", type=Path, default=Path(default), help="folder that holds babeltower/")
    parser.add_argument("--work", type=Path, required=True, metavar="DIR", help="where results are kept")
    parser.add_argument("--per-pair", type=int, default=5, help="mutants of each pair, at most")
    parser.add_argument("--tests", type=int, default=20, help="fuzz tests of each pair, at least")
    parser.add_argument("--jobs", type=int, default=1, help="pairs at a time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", metavar="PAIR", help='only these pairs, as "dev 12"')
    parser.add_argument("--report-only", action="store_true", help="only print what DIR holds")
    parser.add_argument("--out", type=Path, metavar="FILE.md", help="write the report there")
    return parser.parse_args()


# ---------------------------------------------------------------- pairs


def read_tasks(arguments: argparse.Namespace, results: Path) -> list[Task]:
    """Every pair with a mutant that has no result yet, samples first."""
    done: dict[str, set[str]] = {}
    for row in read_rows(results, {}):
        done.setdefault(row["pair"], set()).add(row.get("id", "skipped"))
    tasks = [*sample_tasks(done), *development_tasks(arguments.data / CASES, done)]
    return [task for task in tasks if "skipped" not in task.done]


def sample_tasks(done: Mapping[str, set[str]]) -> Iterator[Task]:
    """The functions of data/samples that the analytic Translator takes, each alone in its file."""
    from data.find_functions import find_functions
    from data.read_source import SourceError, read_source
    from musl.bench import replacement_text
    from translator.analytic.adapt_cxx import to_cxx
    from translator.analytic.translator import AnalyticTranslator
    from translator.protocol import Refusal, TranslationOptions

    entries = yaml.safe_load((SAMPLES / "expected.yaml").read_text())
    for key, entry in entries.items():
        path = SAMPLES / entry.get("file", key)
        folders = tuple(SAMPLES / folder for folder in entry.get("include_dirs", []))
        defines = tuple(entry.get("defines", []))
        source = read_source(path, list(folders), list(defines))
        functions = find_functions(source).functions
        for name, outcome in AnalyticTranslator().translate(source, functions, TranslationOptions()).items():
            if isinstance(outcome, Refusal) or entry.get("strict_fp") or entry.get("extents"):
                continue
            try:
                text = to_cxx(source, {name: replacement_text(outcome[0])}, outcome[0].prelude, path.with_suffix(".cu"))
            except SourceError:
                continue
            pair = f"sample {key}/{name}"
            yield Task(pair, path, source.text, folders, defines, name, text, True, frozenset(done.get(pair, ())))


def development_tasks(path: Path, done: Mapping[str, set[str]]) -> Iterator[Task]:
    """The development cases with the reference's kernel and host wrapper; none where the benchmark is absent."""
    if not path.is_file():
        print(f"{path}: absent, only samples are used", file=sys.stderr)
        return
    from data.babeltower import read_cases

    for case in read_cases(path):
        pair, name = f"dev {case.index}", case.c_name
        if name and case.wrapper_name:
            text = with_c_name(case.cuda_text, name, case.wrapper_name)
            c_path = Path(f"case{case.index}.cpp")
            yield Task(pair, c_path, case.c_text, (), (), name, text, False, frozenset(done.get(pair, ())))


def with_c_name(cuda_text: str, name: str, wrapper: str) -> str:
    """The CUDA text in which the wrapper has the C function's name, and a kernel of that name another."""
    from compile.emulator.tokens import tokenize

    new = {name: f"{name}_kernel", wrapper: name}
    for token in reversed(tokenize(cuda_text)):
        if token.text in new:
            cuda_text = cuda_text[: token.start] + new[token.text] + cuda_text[token.end :]
    return cuda_text


# ---------------------------------------------------------------- work


def run_tasks(tasks: Sequence[Task], settings: Settings, jobs: int) -> None:
    """Work on the pairs in processes; each writes its results itself, so a kill loses one mutant a process."""
    with ProcessPoolExecutor(jobs) as pool:
        futures = {pool.submit(run_task, task, settings): task.name for task in tasks}
        for number, future in enumerate(as_completed(futures), 1):
            print(f"{number:4d} of {len(tasks)}  {futures[future]}: {future.result()}", flush=True)


def run_task(task: Task, settings: Settings) -> str:
    """All mutants of one pair that have no result; a line on how it went."""
    from compile.sandbox import Sandbox
    from data.find_functions import find_functions
    from data.source_file import SourceFile
    from musl.mutation_score import MutantJudge
    from musl.verdict import VerdictStatus
    from tester.mutants import make_mutants

    mutants = make_mutants(task.cuda_text, function=task.function, seed=settings.seed, limit=settings.per_pair)
    left = [mutant for mutant in mutants if mutant.id not in task.done]
    if not left:
        return "nothing left"
    with tempfile.TemporaryDirectory(prefix="musl-mutants-") as folder:
        scratch = Path(folder)
        path = task.c_path if task.c_path.is_absolute() else scratch / task.c_path
        language: Literal["c", "c++"] = "c" if path.suffix == ".c" else "c++"
        source = SourceFile(path, task.c_text, language, task.include_dirs, task.defines)
        function = next(f for f in find_functions(source).functions if f.name == task.function)
        sandbox = Sandbox(scratch)
        suite = make_suite(task, source, function, sandbox, settings)
        judge = MutantJudge(
            source, function, task.cuda_text, suite, sandbox, scratch, settings.seed, settings.known, prove_all=True
        )
        original = judge.judge_original()
        if original.status is not VerdictStatus.EQUIVALENT:
            reason = f"{original.status.value}: {original.reason}"
            write_row(settings.results, {"pair": task.name, "skipped": reason})
            return f"skipped, the original is {reason}"
        counts: Counter[str] = Counter()
        for mutant in left:
            result = judge.judge(mutant)
            counts[result.status.value] += 1
            row = {key: value for key, value in asdict(mutant).items() if key != "text"}
            row |= {"pair": task.name, "status": result.status.value, "proof": result.proof}
            row |= {"verdict": result.verdict.status.value, "reason": result.verdict.reason}
            write_row(settings.results, row | {"seconds": round(result.seconds, 2), "tests": len(suite.tests)})
        return ", ".join(f"{count} {status}" for status, count in counts.items())


def make_suite(task: Task, source: SourceFile, function: Function, sandbox: Sandbox, settings: Settings) -> TestSuite:
    """Fuzz tests; of those for a reference wrapper, the ones in its domain, with whole arrays as its callers give."""
    from musl.mutation_score import join_suites, passing_tests
    from tester.fuzz import FuzzOptions, FuzzTester

    suite = FuzzTester(source, sandbox).make_tests(function, settings.tests, settings.seed)
    if task.fits_all_tests:
        return suite
    options = FuzzOptions(whole_arrays=True)
    whole = FuzzTester(source, sandbox, options=options).make_tests(function, settings.tests, settings.seed)
    joined = join_suites([suite, whole])
    scratch = sandbox.scratch
    return passing_tests(source, function, task.cuda_text, joined, sandbox=sandbox, scratch=scratch)


def write_row(path: Path, row: Mapping[str, object]) -> None:
    """Append one line in one write, so that processes do not mix."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def read_rows(path: Path, known: Mapping[str, str]) -> list[dict[str, str]]:
    """The results so far, the last of each mutant; a survivor that a person has since proven equivalent is so."""
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        row = json.loads(line)
        if row.get("status") == "survived" and row["id"] in known:
            row |= {"status": "equivalent", "proof": known[row["id"]]}
        rows[row["pair"], row.get("id", "")] = row
    return list(rows.values())


# ---------------------------------------------------------------- report


def summary(rows: Sequence[Mapping[str, str]]) -> str:
    """The table by operator, as Markdown."""
    planted = [row for row in rows if "status" in row]
    operators = sorted({row["operator"] for row in planted})
    lines = [
        "| operator | made | stillborn | equivalent: by rule | by hand | killed | survived | rate |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for operator in [*operators, ""]:
        lines.append(table_row(operator or "all", [row for row in planted if operator in ("", row["operator"])]))
    return "\n".join(lines)


def table_row(name: str, rows: Sequence[Mapping[str, str]]) -> str:
    from musl.mutation_score import BY_OPTIMISER

    counts = Counter(row["status"] for row in rows)
    by_rule = sum(row["status"] == "equivalent" and row["proof"] == BY_OPTIMISER for row in rows)
    counted = counts["killed"] + counts["survived"]
    rate = f"{100 * counts['killed'] / counted:.1f} %" if counted else "-"
    cells = [len(rows), counts["stillborn"], by_rule, counts["equivalent"] - by_rule]
    return f"| {name} | {' | '.join(str(c) for c in (*cells, counts['killed'], counts['survived'], rate))} |"


def report(rows: Sequence[Mapping[str, str]], arguments: argparse.Namespace) -> str:
    """The Markdown report."""
    planted = [row for row in rows if "status" in row]
    skipped = [row for row in rows if "skipped" in row]
    pairs = {row["pair"] for row in planted}
    samples = sum(pair.startswith("sample") for pair in pairs)
    commit = subprocess.run(
        ["git", "-C", str(REPOSITORY), "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    lines = [
        "# Mutants: planted faults that fuzz tests find",
        "",
        *INTRODUCTION,
        "",
        f"- command: `scripts/bench_mutants.py --per-pair {arguments.per_pair} --tests {arguments.tests} "
        f"--seed {arguments.seed}`",
        f"- pairs: {samples} sample functions and their analytic translations, {len(pairs) - samples} development",
        "  cases of BabelTower with their reference kernels and wrappers",
        f"- commit {commit.stdout.strip()}, Python {platform.python_version()}, {os.cpu_count()} cores, "
        f"{datetime.date.today().isoformat()}",
        "",
        summary(rows),
        "",
        "## Survivors",
        "",
        *survivor_lines(planted),
        "",
        "## Pairs without mutants",
        "",
        "The CUDA side is not equivalent on the tests before a fault is planted, or no test is in its domain:",
        "",
        f"{', '.join(sorted((row['pair'] for row in skipped), key=pair_order)) or 'none'}.",
    ]
    return "\n".join(lines) + "\n"


def survivor_lines(planted: Sequence[Mapping[str, str]]) -> list[str]:
    """One line each; the change itself only for samples, which are the project's own."""
    survivors = sorted((row for row in planted if row["status"] == "survived"), key=lambda row: pair_order(row["pair"]))
    lines = []
    for row in survivors:
        change = f": `{row['before']}` --> `{row['after']}`" if row["pair"].startswith("sample") else ""
        lines.append(f"- {row['pair']}, `{row['id']}`, {row['operator']} at line {row['line']}{change}")
    return lines or ["None."]


def pair_order(pair: str) -> tuple[str, int, str]:
    """Development cases by number, samples by name."""
    kind, _, name = pair.partition(" ")
    return kind, int(name) if name.isdigit() else 0, name


if __name__ == "__main__":
    sys.exit(main())
