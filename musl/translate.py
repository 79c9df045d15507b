"""`translate_file`: one C or C++ file into CUDA, with proof by execution for every function."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from compile.scratch import scratch_folder
from data.find_functions import SyntaxErrorAt
from data.function import Span
from data.source_file import SourceFile
from musl.bench import Bench
from musl.errors import UsageError
from musl.machine import usable_cores
from musl.output import choose_destination
from musl.pipeline import Pipeline
from musl.prepare import (
    check_compilers,
    choose_device,
    choose_runs,
    make_sandbox,
    parse_extents,
    preprocessing_in,
    read_file,
)
from musl.report.records import FunctionRecord, RemarkRecord, TranslationReport
from musl.salvage import Salvage, salvage
from musl.selection import find_helpers, select
from musl.testers import FUZZ, MakeTester, Testers, choose_testers
from musl.translators import ModelOptions, Writers, choose_writers
from musl.whole_file import WholeFile, settle
from musl.work import FunctionWork
from tester.fuzz import FuzzOptions
from translator.analytic.codes import SYNTAX_ERROR
from translator.neural.translator import NeuralTranslator
from translator.protocol import TranslationOptions, Translator

LOG = logging.getLogger(__name__)
ASKING = "asking the model"
MANY = 200  # functions: from about here on a file takes minutes


def translate_file(
    path: Path | str,
    *,
    output: Path | None = None,
    functions: Sequence[str] = (),
    translator: str | NeuralTranslator = "analytic",
    also: Sequence[str] = (),
    samples: int = 1,
    model: ModelOptions | None = None,
    tester: str | Testers = "fuzz",
    tester_adapter: str | None = None,
    device: str = "auto",
    tests: int = 20,
    seed: int = 0,
    include_dirs: Sequence[Path] = (),
    defines: Sequence[str] = (),
    build: Path | None = None,
    extents: Sequence[str] = (),
    strict_fp: bool = False,
    run_args: Sequence[str] = (),
    program_files: Sequence[Path] = (),
    out_root: Path | None = None,
    in_place: bool = False,
    dry_run: bool = False,
    arch: str | None = None,
    jobs: int | None = None,
    timeout: float = 120.0,
    unsafe_no_sandbox: bool = False,
    on_progress: Callable[[str, str], None] = lambda name, stage: None,
) -> TranslationReport:
    """Translate the functions of the file at `path` and verify each by running both versions on the same inputs.

    The words are those of the command line (`translate --help`): of the `samples` translations of a model, and of
    what the Translators in `also` add, the first verified is taken; `model` says how a model is opened and asked.
    `extents` are "a=n*m", `run_args` one string of arguments for each run of the whole program, `program_files` the
    other source files of that program, `timeout` seconds for one function, `jobs` functions at a time (all usable cores
    where None). `on_progress(function, stage)` is told what goes on. Where at least one function is verified, the
    output file is written with the verified functions replaced and everything else as it was; else nothing is.

    Raises UsageError and SourceError for a request or a file that cannot be used, MachineError where a compiler is
    missing.
    """
    started = time.monotonic()
    path = Path(path)
    source = read_file(path, include_dirs, defines, build)
    check_compilers()
    destination = choose_destination(path, output, out_root=out_root, in_place=in_place)
    options = TranslationOptions(strict_fp=strict_fp, extents=parse_extents(extents), seed=seed, samples=samples)
    chosen_device = choose_device(device)
    writers = choose_writers(translator, [other for other in also if other != FUZZ], samples, model)
    testers = _testers(tester, [FUZZ] if FUZZ in also else [], tester_adapter, model, options)
    with scratch_folder() as scratch, contextlib.ExitStack() as stack:
        sandbox, obstacle = make_sandbox(scratch, unsafe=unsafe_no_sandbox)
        stack.enter_context(preprocessing_in(sandbox))
        salvaged = salvage(source)
        selected = select(_names(salvaged), functions, path)
        others = tuple(read_file(other, include_dirs, defines, build) for other in program_files)
        runs = choose_runs(run_args, [source, *others], path)
        works = {f.name: FunctionWork(f) for f in salvaged.functions if f.name in selected}
        if len(works) > MANY:
            LOG.warning("%s: %d functions will be verified one by one; --function NAME selects some", path, len(works))
        bench = Bench(
            source=salvaged.source,
            output=destination.path,
            translator=_answered(writers, salvaged.source, works, options, on_progress),
            make_tester=_tested(testers, works, tests, seed, on_progress),
            tester=testers.name,
            options=options,
            device=chosen_device,
            tests=tests,
            seed=seed,
            arch=arch,
            scratch=scratch,
            sandbox=sandbox,
            obstacle=obstacle,
            others=others,
            run_args=runs,
        )
        pipeline = Pipeline(bench, works, jobs or usable_cores(), timeout, on_progress)
        pipeline.run()
        whole = settle(bench, works, pipeline.known)
        report = _report(bench, salvaged, works, selected, whole, explicit=bool(functions))
    if whole.text is None or dry_run:
        return report.model_copy(update={"seconds": _since(started)})
    destination.write(salvaged.restore(whole.text))
    written = {"output": str(destination.path), "backup": str(destination.backup) if destination.backup else None}
    return report.model_copy(update={"seconds": _since(started), **written})


def _answered(
    writers: Writers,
    source: SourceFile,
    works: dict[str, FunctionWork],
    options: TranslationOptions,
    on_progress: Callable[[str, str], None],
) -> Translator:
    """The Translator for the functions, which a model has been asked about."""

    def progress(done: int) -> None:
        on_progress(ASKING, f"{done} of {len(works)} functions")

    translator = writers.answered(source, [work.function for work in works.values()], options, progress)
    on_progress(ASKING, "")
    return translator


def _testers(
    tester: str | Testers,
    also: Sequence[str],
    adapter: str | None,
    model: ModelOptions | None,
    options: TranslationOptions,
) -> Testers:
    """The Tester that is asked for. A model is asked as the Translator's is, but for its adapter and its beams."""
    if not isinstance(tester, str):
        return tester
    if tester == FUZZ and adapter is not None:
        raise UsageError("--tester-adapter: is for models (--tester MODEL)")
    own = replace(model or ModelOptions(), adapter=adapter, beams=0)
    return choose_testers(tester, also, model=own, fuzz=FuzzOptions(extents=options.extents))


def _tested(
    testers: Testers, works: dict[str, FunctionWork], tests: int, seed: int, on_progress: Callable[[str, str], None]
) -> MakeTester:
    """What makes the Tester of the functions, which a model has been asked about."""

    def progress(done: int) -> None:
        on_progress(ASKING, f"tests of {done} of {len(works)} functions")

    make_tester = testers.answered([work.function for work in works.values()], tests, seed, progress)
    on_progress(ASKING, "")
    return make_tester


def _names(salvaged: Salvage) -> list[str]:
    """Every function that the file defines, in the order of the file."""
    places = {function.name: function.span.line for function in salvaged.functions}
    places |= {function.name: function.span.line for function in salvaged.table.unsupported}
    places |= {broken.name: broken.line for broken in salvaged.broken if broken.name}
    return sorted(places, key=lambda name: places[name])


def _report(
    bench: Bench,
    salvaged: Salvage,
    works: dict[str, FunctionWork],
    selected: Sequence[str],
    whole: WholeFile,
    *,
    explicit: bool,
) -> TranslationReport:
    """The report of a file of which nothing has been written yet. Functions asked for by name are no helpers."""
    helpers = [] if explicit else find_helpers(works)
    helping = {helper.name for helper in helpers}
    records = {name: work.record() for name, work in works.items()}
    for function in salvaged.table.unsupported:
        remark = _remark(function.code, function.message, str(bench.source.path), function.span)
        records[function.name] = _refused(function.name, function.span.line, remark)
    for broken in salvaged.broken:
        remark = _remark(SYNTAX_ERROR, broken.error.message, broken.error.file, broken.error)
        records[broken.name] = _refused(broken.name, broken.line, remark)
    return TranslationReport(
        file=str(bench.source.path),
        translator=bench.translator.name,
        tester=bench.tester,
        device=bench.device,
        seconds=0.0,
        functions=[records[name] for name in selected if name not in helping],
        output=None,
        helpers=helpers,
        program=whole.program,
        warnings=list(whole.warnings),
        notes=[*(str(error) for error in salvaged.unplaced_errors), *whole.notes],
    )


def _remark(code: str, message: str, file: str, at: Span | SyntaxErrorAt) -> RemarkRecord:
    return RemarkRecord(code=code, message=message, file=file, line=at.line, column=at.column)


def _refused(name: str, line: int, why: RemarkRecord) -> FunctionRecord:
    """The record of a function that never reached a Translator."""
    return FunctionRecord(
        name=name, line=line, status="not_translated", code=why.code, reason=why.message, remarks=[why]
    )


def _since(started: float) -> float:
    return round(time.monotonic() - started, 3)
