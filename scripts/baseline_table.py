#!/usr/bin/env python
"""The table of Translators that were trained on the same code: baselines that learn nothing, back-translation, and the
loop's rounds, on the same held-out functions and by the same judge.

    python scripts/baseline_table.py build/table --loop build/tiny/loop \\
        --back-translation "no filter=build/tiny/backtranslate-none" \\
        --back-translation "compile filter=build/tiny/backtranslate-compile" \\
        --back-translation "test filter=build/tiny/backtranslate-test"

Every row is C to CUDA of the loop's held-out functions (or of `--held-out CORPUS`), judged as the loop judges
(musl/loop/measure_stage.py): with a thread for each element, by the same tests. BLEU and CodeBLEU are against the
analytic Translator's verified kernels, over the functions that have one. A kernel whose every thread does the whole
work may be right, and is what copying the source gives; so "parallel Pass@1" counts the right ones that ask for their
thread or block at all. Differences are those of Pass@1, from the copy also those of parallel Pass@1. Known pairs for
the nearest neighbour are those of the loop's round 0, unless `--pairs FILE.jsonl` gives others. Functions whose like is
in a corpus that the loop learns from, or that `--unlike` names, are left out (musl/loop/resembling.py).

OUT/table.md and OUT/table.json hold the table, OUT/rows/ one file a row: a run that was ended goes on after the last
whole row, and a row is measured anew if its model or what is asked of it changed. Rounds that are not there yet get
their rows when the command is run again.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from compile.cuda_parts import device_code, divides_work
from data.corpus.errors import DataError
from models.errors import ModelError
from models.generation.model_folder import ModelFolder, find_folder
from musl.errors import MachineError, UsageError
from musl.evaluation.bleu import bleu
from musl.evaluation.bootstrap import ProblemId, Refused, compare, interval
from musl.evaluation.code_bleu import code_bleu
from musl.evaluation.extra import require
from musl.evaluation.pass_at_k import Outcomes, pass_at
from musl.evaluation.proportion import wilson
from musl.evaluation.records import Interval
from musl.evaluation_command import figure_text
from musl.loop.config import LoopConfig, ModelsGroup
from musl.loop.context import Context
from musl.loop.folder import CHECKPOINT, METRICS, TRIPLETS, LoopFolder, write_whole
from musl.loop.held_out import c_source, held_out_functions
from musl.loop.measure_stage import measure_translator
from musl.loop.metrics import pass_figures
from musl.loop.neural_parts import NeuralParts
from musl.loop.open_bench import open_bench
from musl.loop.records import HeldOut, Triplet, read_records
from musl.loop.resembling import without_resembling
from musl.loop.verdicts import VerdictCache
from musl.loop.voices import Parts, Written
from musl.machine import describe_machine, find_commit
from musl.translators import COPY, NEAREST

COPIED, NEIGHBOUR = "the source, copied", "nearest neighbour"
FIGURES = {
    "compile_pass": "compile pass",
    "pass@1": "Pass@1",
    "parallel_pass@1": "parallel Pass@1",
    "bleu": "BLEU",
    "codebleu": "CodeBLEU",
}


@dataclass(frozen=True)
class Entry:
    """What a row is about: a folder or the name of a baseline, and on how many tokens it was trained."""

    name: str
    model: str
    training_tokens: int | None


@dataclass(frozen=True)
class Row:
    """A measured entry; `key` says what the figures depend on, `outcomes` of each function's samples whether they are
    right, `parallel` whether they also ask for their place among threads."""

    name: str
    model: str
    key: str
    training_tokens: int | None
    figures: Mapping[str, Interval]
    malformed: Mapping[str, int]
    verdicts: Mapping[str, int]
    outcomes: Mapping[str, Sequence[bool | None]]
    parallel: Mapping[str, Sequence[bool | None]]


def _neural(config: LoopConfig) -> Parts:
    return NeuralParts(config.training)


def main() -> None:
    """Measure the rows that are not there, and write the table."""
    asked = arguments()
    try:
        run(asked)
    except (UsageError, ModelError, DataError) as error:
        sys.exit(f"error: {error}")
    except MachineError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None


def run(asked: argparse.Namespace, parts: Callable[[LoopConfig], Parts] = _neural) -> list[Row]:
    """The rows, measured or found. `parts` makes what opens the models (musl/loop/voices.py)."""
    for package in ("sacrebleu", "codebleu"):
        require(package)
    loop = LoopFolder(asked.loop)
    config = _config(loop.config(), asked)
    folder = LoopFolder(asked.out)
    judging = config.judging
    with folder.lock(), open_bench(judging.device, judging.schedules, config.seed, unsafe_no_sandbox=False) as bench:
        context = Context(
            *(config, folder, parts(config), bench),
            jobs=asked.jobs or config.run.jobs or 1,
            cache=VerdictCache(folder.verdicts),
            on_progress=_say,
        )
        functions = _functions(context, loop, asked)
        if not functions:
            raise UsageError("no held-out function is left: the corpora have the like of each")
        entries = [*_baselines(asked, loop), *map(_trained, asked.back_translation), *_rounds(context, loop)]
        rows = [_row(context, entry, functions) for entry in entries]
    write_whole(asked.out / "table.json", _json(rows, functions, asked))
    write_whole(asked.out / "table.md", _markdown(rows, functions, asked))
    print((asked.out / "table.md").read_text(encoding="utf-8"), end="")
    return rows


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder of the table")
    parser.add_argument("--loop", type=Path, required=True, help="folder of a run of `musl loop`")
    parser.add_argument(
        "--back-translation", action="append", default=[], metavar="NAME=DIR", help="a model, or a run of training one"
    )
    parser.add_argument("--pairs", type=Path, metavar="FILE.jsonl", help="known pairs; default: the loop's seed")
    parser.add_argument(
        "--held-out", type=Path, metavar="CORPUS", help="C functions; default: the loop's held-out ones"
    )
    parser.add_argument("--functions", type=int, default=100, help="the most of CORPUS")
    parser.add_argument("--unlike", type=Path, action="append", default=[], metavar="CORPUS")
    parser.add_argument("--samples", type=int, default=1)
    parser.add_argument("--temperature", type=float, default=0.0)
    parser.add_argument("--jobs", type=int, help="processes that judge")
    return parser.parse_args(argv)


def _config(config: LoopConfig, asked: argparse.Namespace) -> LoopConfig:
    """The loop's settings with the table's evaluation; paths stay relative to where the loop was started."""
    given: dict[str, object] = {
        "directions": ["c2cuda"],
        "samples": asked.samples,
        "temperature": asked.temperature,
    }
    if asked.unlike:
        given |= {"unlike": [*config.evaluation.unlike, *asked.unlike], "resembling": "left_out"}
    if asked.held_out is not None:
        given |= {"held_out": [asked.held_out], "functions": asked.functions}
    evaluation = type(config.evaluation).model_validate({**config.evaluation.model_dump(), **given})
    return config.model_copy(update={"output": asked.out, "evaluation": evaluation})


def _functions(context: Context, loop: LoopFolder, asked: argparse.Namespace) -> list[HeldOut]:
    """The held-out functions, with their tests; those of the loop are taken as they are."""
    if asked.held_out is not None:
        return held_out_functions(context)
    if not loop.held_out.exists():
        raise UsageError(f"{loop.path}: has no held-out functions yet; wait for them, or give --held-out CORPUS")
    functions = read_records(loop.held_out, HeldOut)
    if not asked.unlike:
        return functions
    kept, _ = without_resembling([c_source(one) for one in functions], asked.unlike)
    unlike = {source.id for source in kept}
    return [one for one in functions if one.source in unlike]


def _say(number: int, stage: str, done: int, of: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{stage} {done}/{of}  ", end="", file=sys.stderr, flush=True)


# ---------------------------------------------------------------------------------------------------------- the entries


def _baselines(asked: argparse.Namespace, loop: LoopFolder) -> list[Entry]:
    """Those that learn nothing."""
    pairs = asked.pairs
    if pairs is None:
        pairs = asked.out / "known_pairs.jsonl"
        triplets = read_records(loop.round(0).artifact(TRIPLETS), Triplet)
        lines = [{"id": i, "c": one.c, "cuda": one.cuda} for i, one in enumerate(triplets)]
        write_whole(pairs, "".join(f"{json.dumps(line)}\n" for line in lines))
    return [Entry(COPIED, COPY, 0), Entry(NEIGHBOUR, f"{NEAREST}{pairs}", 0)]


def _trained(named: str) -> Entry:
    name, equals, folder = named.partition("=")
    found = find_folder(folder) if equals else None
    if found is None:
        raise UsageError(f"--back-translation {named}: NAME=DIR, where DIR is the folder of a trained model")
    return Entry(f"back-translation, {name}", str(found.path), _tokens_with_start(found.path))


def _tokens_with_start(model: Path) -> int | None:
    """Those of a run of back-translation and of the runs that it goes on from."""
    tokens = _tokens_of(model, "training_tokens")
    start = next((given for folder in (model, model.parent) if (given := _start_of(folder))), "")
    before = _tokens_with_start(Path(start)) if start else 0
    return None if tokens is None or before is None else tokens + before


def _start_of(folder: Path) -> str:
    with contextlib.suppress(OSError, ValueError):
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return str(config.get("start") or "") if isinstance(config, dict) else ""
    return ""


def _rounds(context: Context, loop: LoopFolder) -> Iterator[Entry]:
    """The Translators of the loop's finished rounds; one whose weights are gone is said and left out."""
    own, role = replace(context, folder=loop), context.translator_of("c2cuda")
    tokens = _tokens_of(Path(context.base(role)), "tokens")
    for number in range(context.config.rounds + 1):
        if not loop.round(number).has(METRICS):
            return
        model = own.model(role, number)
        learned = _tokens_of(loop.round(number).artifact(CHECKPOINT) / role / "model", "tokens", 0)
        tokens = None if tokens is None or learned is None else tokens + learned
        if Path(model).is_dir() or len(Path(model).parts) <= 2:  # a hub id has two
            yield Entry(f"loop, round {number}", model, tokens)
        else:
            print(f"round {number}: its weights are gone ({model})", file=sys.stderr)


def _tokens_of(model: Path, name: str, default: int | None = None) -> int | None:
    """What the result.json of a training run says of its tokens; `model` is the run's folder, or lies in it."""
    for folder in (model, model.parent):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            return int(json.loads((folder / "result.json").read_text(encoding="utf-8"))[name])
    return default


# ------------------------------------------------------------------------------------------------------------- the rows


def _row(context: Context, entry: Entry, functions: Sequence[HeldOut]) -> Row:
    """The row of an entry: the one that was measured before, if it still holds."""
    path = context.folder.path / "rows" / f"{re.sub(r'[^a-z0-9]+', '-', entry.name.lower()).strip('-')}.json"
    key = _key(context, entry, functions)
    if path.exists() and (found := _read_row(path)).key == key:
        return replace(found, training_tokens=entry.training_tokens)
    models = ModelsGroup(translator=entry.model, tester=entry.model)
    own = replace(context, config=context.config.model_copy(update={"models": models}))
    measured, answers = measure_translator(own, functions)
    figures = measured["c2cuda"]
    seed = context.config.seed
    parallel = {i: list(map(_parallel, given, answers[i])) for i, given in figures.outcomes.items()}
    of_parallel: Outcomes = dict(parallel.items())
    shares = {
        "compile_pass": figures.compile_pass,
        "pass@1": figures.pass_at["pass@1"],
        "parallel_pass@1": pass_figures(of_parallel, seed)["pass@1"],
    }
    if figures.samples == 1:
        shares = {name: wilson(share) for name, share in shares.items()}
    scores = {**shares, **_text_figures(functions, answers, seed)}
    row = Row(
        *(entry.name, entry.model, key, entry.training_tokens, scores),
        *(figures.malformed, figures.verdicts, figures.outcomes, parallel),
    )
    write_whole(path, json.dumps(_plain(row), indent=1) + "\n")
    print(f"{row.name}: Pass@1 {figure_text(row.figures['pass@1'])}", file=sys.stderr)
    return row


def _parallel(passed: bool | None, written: Written) -> bool | None:
    return passed and divides_work(written.text)


def _key(context: Context, entry: Entry, functions: Sequence[HeldOut]) -> str:
    """What the figures of a row depend on, as hex digits."""
    evaluation, generation = context.config.evaluation, context.config.generation
    digest = hashlib.sha256(repr((entry.model, context.config.seed)).encode())
    digest.update(f"{evaluation.samples} {evaluation.temperature} {generation.top_p} ".encode())
    digest.update(f"{generation.max_new_tokens} {context.bench.device} {context.bench.schedules}".encode())
    for one in functions:
        digest.update(f"{one.source} {one.cuda}".encode())
        for call in one.calls:
            digest.update(call)
    known = Path(entry.model.removeprefix(NEAREST))
    files = [known] if known.is_file() else ModelFolder(known).weight_files() if known.is_dir() else []
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:32]


def _text_figures(
    functions: Sequence[HeldOut], answers: Mapping[str, Sequence[Written]], seed: int
) -> dict[str, Interval]:
    """BLEU and CodeBLEU against the analytic kernels; what is no translation counts as an empty text."""
    references: dict[ProblemId, str] = {one.source: one.cuda for one in functions if one.cuda}
    texts: dict[ProblemId, list[str]] = {
        identity: ["" if one.fault else device_code(one.text) for one in answers[str(identity)]]
        for identity in references
    }
    if not references:
        none = Interval(value=None, why="no function has a verified kernel")
        return {"bleu": none, "codebleu": none}
    return {
        "bleu": interval(bleu(texts, references), seed=seed),
        "codebleu": interval(code_bleu(texts, references), seed=seed),
    }


def _plain(row: Row) -> dict[str, object]:
    return {**asdict(row), "figures": {name: figure.model_dump() for name, figure in row.figures.items()}}


def _read_row(path: Path) -> Row:
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
        return Row(**{**read, "figures": {name: Interval(**figure) for name, figure in read["figures"].items()}})
    except (ValueError, KeyError, TypeError):
        raise UsageError(f"{path}: cannot be read; remove it, and it is made again") from None


# ------------------------------------------------------------------------------------------------------------ the table


def _difference(row: Row, other: Row, samples: Callable[[Row], Mapping[str, Sequence[bool | None]]], seed: int) -> str:
    """By how much the Pass@1 of these samples is above that of another row's, on the same functions."""
    own, others = samples(row), samples(other)
    both = [i for i, given in own.items() if None not in (*given, *others[i])]
    found = compare(*(pass_at(1, {i: one[i] for i in both}) for one in (own, others)), seed=seed)
    if row.name == other.name or isinstance(found, Refused):
        return ""
    return f"{found.difference:+.1f} [{found.low:+.1f}, {found.high:+.1f}]"


def _cells(row: Row, copied: Row, neighbour: Row, seed: int) -> list[str]:
    tokens = "not known" if row.training_tokens is None else f"{row.training_tokens / 1e6:.1f} M"
    figures = [figure_text(row.figures[name]) for name in FIGURES]
    differences = [
        _difference(row, copied, lambda one: one.outcomes, seed),
        _difference(row, copied, lambda one: one.parallel, seed),
        _difference(row, neighbour, lambda one: one.outcomes, seed),
    ]
    return [row.name, tokens, *figures, *differences]


def _markdown(rows: Sequence[Row], functions: Sequence[HeldOut], asked: argparse.Namespace) -> str:
    above = ["above the copy", "parallel, above the copy", "above the neighbour"]
    head = ["C to CUDA", "training tokens", *FIGURES.values(), *above]
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *(_cells(row, *rows[:2], 0) for row in rows)]
    kernels = sum(bool(one.cuda) for one in functions)
    sampling = f"{asked.samples} sample{'s' * (asked.samples > 1)} at temperature {asked.temperature:g}"
    shares = "Wilson's for shares of functions, " if asked.samples == 1 else ""
    notes = (
        f"{len(functions)} held-out functions, {sampling}; percent with 95 % intervals, {shares}else bootstrap over"
        f" functions. BLEU and CodeBLEU are over the {kernels} with a verified analytic kernel; differences are"
        f" those of the paired bootstrap. Training tokens of a round are those of pretraining and of fine-tuning its"
        f" Translator so far.\n\n{describe_machine()}, commit {find_commit()}; scripts/baseline_table.py.\n"
    )
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines) + f"\n{notes}"


def _json(rows: Sequence[Row], functions: Sequence[HeldOut], asked: argparse.Namespace) -> str:
    whole = {
        "machine": describe_machine(),
        "commit": find_commit(),
        "functions": len(functions),
        "functions_with_kernel": sum(bool(one.cuda) for one in functions),
        "samples": asked.samples,
        "temperature": asked.temperature,
        "rows": [_plain(row) for row in rows],
    }
    return json.dumps(whole, indent=1) + "\n"


if __name__ == "__main__":
    main()
