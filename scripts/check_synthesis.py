"""Checks thousands of synthesized texts, or measures them: prints the share that runs clean, the rate, and with
--measure how many texts repeat, how fast they are drawn, and how many C functions the analytic Translator translates.

.venv/bin/python scripts/check_synthesis.py --language c --count 2000 --journal c.jsonl     # again: goes on
.venv/bin/python scripts/check_synthesis.py --measure
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from itertools import islice
from pathlib import Path

from compile.nvcc import compile_nvcc
from compile.sandbox import Sandbox
from data.find_functions import find_functions
from data.source_file import SourceFile
from data.synthesis.caller import caller
from data.synthesis.distinct import without_names
from data.synthesis.synthesize import FAMILIES, Target, pieces, synthesize
from musl.machine import describe_machine, find_commit
from musl.synthesis_check import find_unclean
from tester.fuzz import FuzzTester
from translator.analytic.translator import AnalyticTranslator
from translator.protocol import Refusal, TranslationOptions

BATCH = 40
SCHEDULES = ("forward", "shuffle")


def main() -> None:
    """Print every figure with the machine and the commit it was taken on."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--language", choices=("c", "cuda"), default="c")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--races", action="store_true", help="look for data races instead of accesses out of bounds")
    parser.add_argument("--journal", type=Path, help="one line for each batch; a run that was ended goes on after it")
    parser.add_argument("--measure", action="store_true")
    parser.add_argument("--nvcc", action="store_true", help="ask nvcc whether it accepts the kernels")
    parser.add_argument("--fuzz", action="store_true", help="look for inputs of C functions by fuzzing, as a loop does")
    parser.add_argument("--translations", type=int, default=300, help="C functions to translate with --measure")
    arguments = parser.parse_args()
    print(f"{describe_machine()}, commit {find_commit()}", flush=True)
    if arguments.measure:
        measure(arguments.count, arguments.seed, arguments.translations)
    elif arguments.nvcc:
        accept(arguments.count, arguments.seed)
    elif arguments.fuzz:
        fuzz(arguments.count, arguments.seed)
    else:
        check(arguments.language, arguments.count, arguments.seed, arguments.races, arguments.journal)


def check(language: Target, count: int, seed: int, races: bool, journal: Path | None) -> None:
    """Build and call draws in batches; each batch is a line of the journal."""
    lines = journal.read_text(encoding="utf-8").splitlines() if journal is not None and journal.exists() else []
    records = [json.loads(line) for line in lines]
    started, done = time.perf_counter(), len(records) * BATCH
    drawn = pieces(seed, language, start=done)
    with tempfile.TemporaryDirectory() as folder:
        while done < count:
            batch = list(islice(drawn, BATCH))
            scratch = Path(tempfile.mkdtemp(dir=folder))
            kind = "races" if races else "bounds"
            found = find_unclean(batch, language, Sandbox(scratch), schedules=SCHEDULES[: 1 + (not races)], check=kind)
            record = {"first": done, "unclean": [[done + u.number, batch[u.number].name, u.message] for u in found]}
            records.append(record)
            if journal is not None:
                with journal.open("a", encoding="utf-8") as handle:
                    handle.write(json.dumps(record) + "\n")
            done += BATCH
    seconds = time.perf_counter() - started
    unclean = [entry for record in records for entry in record["unclean"]]
    for number, name, message in unclean:
        lines = message.splitlines() or [""]
        print(f"{number} {name}: {next((line for line in lines if 'error' in line), lines[0])}")
    rate = BATCH * (len(records) - len(lines)) / seconds
    clean = f"{done - len(unclean)} of {done} run clean"
    print(f"{language}, seed {seed}, {'races' if races else 'bounds'}: {clean}; {rate:.1f} texts a second")


def accept(count: int, seed: int) -> None:
    """Compile kernels with nvcc, many in one file; a file in which one is refused counts as refused."""
    drawn = pieces(seed, "cuda")
    accepted, started = 0, time.perf_counter()
    for _ in range(0, count, BATCH):
        batch = list(islice(drawn, BATCH))
        with tempfile.TemporaryDirectory() as folder:
            outcome = compile_nvcc(caller(batch), Path(folder), Sandbox(Path(folder)))
        accepted += len(batch) if outcome.ok else 0
        for line in outcome.message.splitlines() if not outcome.ok else ():
            print(line)
    rate = count / (time.perf_counter() - started)
    print(f"nvcc accepts the files of {accepted} of {count} kernels, seed {seed}; {rate:.0f} kernels a second")


def fuzz(count: int, seed: int) -> None:
    """Ask the fuzz Tester for 10 valid tests of each of `count` C functions, one family after the other."""
    names = sorted(FAMILIES)
    lacking: list[str] = []
    started = time.perf_counter()
    for number in range(count):
        piece = next(pieces(seed, "c", [names[number * 7 % len(names)]], start=number))
        with tempfile.TemporaryDirectory() as folder:
            source = SourceFile(Path(folder) / "synthesized.c", piece.unit, "c")
            function = next(f for f in find_functions(source).functions if f.name == piece.name)
            suite = FuzzTester(source, Sandbox(Path(folder))).make_tests(function, 10, seed)
        if len(suite.tests) < 10:
            lacking.append(f"{names[number * 7 % len(names)]} ({len(suite.tests)}: {suite.first_error[:80]})")
    seconds = time.perf_counter() - started
    print(f"fuzz: {count - len(lacking)} of {count} functions have 10 valid tests, {seconds / count:.1f} s each")
    print("\n".join(lacking))


def measure(count: int, seed: int, translations: int) -> None:
    """Rate of drawing, shares of distinct texts, share that the analytic Translator translates."""
    languages: tuple[Target, Target] = ("c", "cuda")
    for language in languages:
        started = time.perf_counter()
        rows = list(synthesize(count, seed, language))
        rate = count / (time.perf_counter() - started)
        same, shapes = len({row.id for row in rows}), len({without_names(row.text) for row in rows})
        print(f"{language}: {rate:.0f} a second; distinct {same / count:.2%}, without names {shapes / count:.2%}")
    translated: Counter[str] = Counter()
    tried: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    names = sorted(FAMILIES)
    for number in range(translations):
        family = names[number % len(names)]
        piece = next(pieces(seed, "c", [family], start=number))
        tried[family] += 1
        code = refusal(piece.unit, piece.name)
        translated[family] += not code
        codes[code] += 1
    whole = [name for name in names if tried[name] and translated[name] == tried[name]]
    never = [name for name in names if tried[name] and not translated[name]]
    print(f"analytic Translator: {translated.total()} of {tried.total()} C functions ({dict(codes.most_common(8))})")
    print(f"families all of which are translated: {len(whole)} of {len(names)}; none: {', '.join(never) or '-'}")


def refusal(unit: str, name: str) -> str:
    """Why the analytic Translator refuses the function: a code, empty where it translates it."""
    source = SourceFile(Path("synthesized.c"), unit, "c")
    functions = [function for function in find_functions(source).functions if function.name == name]
    result = AnalyticTranslator().translate(source, functions, TranslationOptions()).get(name)
    if result is None:
        return "not read"
    return result.reasons[0].code if isinstance(result, Refusal) else ""


if __name__ == "__main__":
    main()
