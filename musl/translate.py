"""`translate_file`: one C or C++ file into CUDA, with proof by execution for every function. The command's Python face."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from compile.gpu import find_gpu
from compile.sandbox import Sandbox, SandboxUnavailable
from compile.toolchain import ToolchainMissing, find_gcc, find_gxx, find_nvcc
from data.find_functions import FunctionTable, find_functions
from data.read_source import read_source
from data.source_file import SourceFile
from musl.bench import Bench
from musl.compile_commands import BuildFlags, read_build_flags
from musl.errors import MachineError, UsageError
from musl.output import Destination, choose_destination
from musl.pipeline import Pipeline
from musl.report.records import FunctionRecord, TranslationReport
from musl.selection import find_helpers, select
from musl.whole_file import settle
from musl.work import FunctionWork
from tester.fuzz import FuzzTester
from translator.analytic.translator import AnalyticTranslator
from translator.protocol import TranslationOptions

DEVICES = ("auto", "emulator", "gpu")


def translate_file(
    path: Path | str,
    *,
    output: Path | None = None,
    functions: Sequence[str] = (),
    translator: str = "analytic",
    tester: str = "fuzz",
    device: str = "auto",
    tests: int = 20,
    seed: int = 0,
    include_dirs: Sequence[Path] = (),
    defines: Sequence[str] = (),
    build: Path | None = None,
    extents: Sequence[str] = (),
    strict_fp: bool = False,
    run_args: Sequence[str] = (),
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

    The words are those of the command line (`translate --help`): `extents` are "a=n*m", `run_args` one string of
    arguments for each run of the whole program, `timeout` seconds for one function, `jobs` functions at a time (all
    cores where None). `on_progress(function, stage)` is told what goes on. Where at least one function is verified, the
    output file is written with the verified functions replaced and everything else as it was; else nothing is.

    Raises UsageError and SourceError for a request or a file that cannot be used, MachineError where a compiler is
    missing.
    """
    started = time.monotonic()
    path = Path(path)
    _check_words(translator, tester, device)
    source = _read(path, include_dirs, defines, build)
    _check_machine()
    destination = choose_destination(path, output, out_root=out_root, in_place=in_place)
    table = find_functions(source)
    selected = select(_names(table), functions, path)
    with tempfile.TemporaryDirectory(prefix="musl-") as scratch:
        bench = Bench(
            source=source,
            output=destination.path,
            translator=AnalyticTranslator(),
            make_tester=FuzzTester,
            options=TranslationOptions(strict_fp=strict_fp, extents=_parse_extents(extents), seed=seed),
            device=_choose_device(device),
            tests=tests,
            seed=seed,
            arch=arch,
            scratch=Path(scratch),
            sandbox=_make_sandbox(Path(scratch), unsafe=unsafe_no_sandbox),
        )
        works = {f.name: FunctionWork(f) for f in table.functions if f.name in selected}
        pipeline = Pipeline(bench, works, jobs or os.cpu_count() or 1, timeout, on_progress)
        pipeline.run()
        whole = settle(bench, works, pipeline.compiled)
    helpers = find_helpers(works) if not functions else []
    helping = {helper.name for helper in helpers}
    written = whole.text is not None and not dry_run
    if whole.text is not None and not dry_run:
        destination.write(whole.text)
    return TranslationReport(
        file=str(path),
        translator=translator,
        tester=tester,
        device=bench.device,
        seconds=round(time.monotonic() - started, 3),
        functions=[record for record in _records(table, works, selected) if record.name not in helping],
        output=str(destination.path) if written else None,
        backup=str(destination.backup) if written and destination.backup else None,
        helpers=helpers,
        program=whole.program,
        warnings=list(whole.warnings),
        notes=list(whole.notes),
    )
