"""The commands `translate` (also `musl translate`), `musl verify`, `musl audit`, `musl eval`, `musl report` and
`musl doctor`, thin layers over functions of the same words, and `musl` itself, which has those of musl/training_cli.py
and musl/data_cli.py beside them.

Nothing heavy is imported before a command runs, so that `--help` answers at once.
"""

from __future__ import annotations

import functools
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer

from musl.cli_options import (
    Adapter,
    Arch,
    Beam,
    Device,
    FourBit,
    Ids,
    Jobs,
    MaxNewTokens,
    NoCache,
    Pairs,
    SanitizerName,
    Seconds,
    Seed,
    Temperature,
    Unsafe,
    one_of,
)
from musl.data_cli import new_data_app
from musl.training_cli import backtranslate, complete, finetune, loop, pretrain


def translate(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="C or C++ files to translate.")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="OUT.cu", help="Output file. Default: FILE with suffix .cu."),
    ] = None,
    function: Annotated[
        list[str] | None, typer.Option("--function", metavar="NAME", help="Only this function. May be repeated.")
    ] = None,
    translator: Annotated[
        str, typer.Option(metavar="analytic|MODEL|copy|nearest:PAIRS", help="What writes the CUDA.")
    ] = "analytic",
    also: Annotated[
        list[str] | None,
        typer.Option(
            "--also",
            metavar="analytic|fuzz",
            help="Beside a model: the analytic translation, or fuzz tests. Repeatable.",
        ),
    ] = None,
    samples: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Translations of a model; the first verified is taken. Default: 1."),
    ] = None,
    beam: Beam = None,
    adapter: Adapter = None,
    four_bit: FourBit = False,
    temperature: Temperature = None,
    max_new_tokens: MaxNewTokens = 1024,
    tester: Annotated[str, typer.Option(metavar="fuzz|MODEL", help="What writes the tests.")] = "fuzz",
    tester_adapter: Annotated[
        str | None, typer.Option("--tester-adapter", metavar="DIR|HUB", help="PEFT adapter of the Tester's model.")
    ] = None,
    device: Device = "auto",
    tests: Annotated[
        int, typer.Option(min=1, metavar="N", help="Tests for each function, more while coverage grows.")
    ] = 20,
    seed: Seed = 0,
    include_dirs: Annotated[list[Path] | None, typer.Option("-I", metavar="DIR", help="Folder of headers.")] = None,
    defines: Annotated[list[str] | None, typer.Option("-D", metavar="NAME[=VALUE]", help="Macro definition.")] = None,
    build: Annotated[
        Path | None, typer.Option("-p", metavar="BUILD", help="Take flags from BUILD/compile_commands.json.")
    ] = None,
    extent: Annotated[
        list[str] | None, typer.Option("--extent", metavar="A=N*M", help="Elements of pointer parameter A.")
    ] = None,
    strict_fp: Annotated[bool, typer.Option("--strict-fp", help="Never reorder floating-point sums.")] = False,
    run_args: Annotated[
        list[str] | None,
        typer.Option("--run-args", metavar="'ARGS'", help="Run the whole program with these arguments."),
    ] = None,
    out_root: Annotated[
        Path | None, typer.Option("--out-root", metavar="DIR", help="Write outputs under DIR, paths mirrored.")
    ] = None,
    in_place: Annotated[bool, typer.Option("--in-place", help="Replace FILE; it is kept as FILE.orig.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Do and report everything, write no output.")] = False,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE.json", help="Write the JSON report there as well.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the JSON report instead of text.")] = False,
    arch: Annotated[str | None, typer.Option(metavar="sm_NN", help="Architecture that nvcc compiles for.")] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Functions at a time. Default: all usable cores.")
    ] = None,
    timeout: Annotated[float, typer.Option(min=1, metavar="SECONDS", help="Time for one function.")] = 120.0,
    unsafe_no_sandbox: Unsafe = False,
) -> None:
    """Translate C files into CUDA, and verify every function by running both versions on the same inputs.

    Exit status: 0 every selected function was translated and verified; 3 some were not (each is listed with its
    reason); 2 wrong usage or unreadable input; 1 MuSL itself failed.
    """
    from musl.translate import translate_file
    from musl.translate_command import run_translate
    from musl.translators import ModelOptions

    work = functools.partial(
        translate_file,
        output=output,
        functions=function or (),
        translator=translator,
        also=also or (),
        samples=samples or beam or 1,
        model=ModelOptions(adapter, four_bit, temperature, max_new_tokens=max_new_tokens, beams=beam or 0),
        tester=tester,
        tester_adapter=tester_adapter,
        device=device,
        tests=tests,
        seed=seed,
        include_dirs=include_dirs or (),
        defines=defines or (),
        build=build,
        extents=extent or (),
        strict_fp=strict_fp,
        run_args=run_args or (),
        out_root=out_root,
        in_place=in_place,
        dry_run=dry_run,
        arch=arch,
        jobs=jobs,
        timeout=timeout,
        unsafe_no_sandbox=unsafe_no_sandbox,
    )
    one_output_each = output is None or len(files) == 1
    if not one_output_each:
        raise typer.BadParameter("-o names one file; use --out-root DIR for several")
    raise typer.Exit(run_translate(files, work, json=json, report=report))


def verify(
    pairs: Pairs,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write the verdicts there; a killed run goes on.")
    ] = None,
    ids: Ids = None,
    tests: Annotated[
        int,
        typer.Option(min=0, metavar="N", help="Fuzz tests for a pair that has no tests, or whose own show nothing."),
    ] = 20,
    more_tests: Annotated[int, typer.Option(min=0, metavar="N", help="Fuzz tests beside a pair's own ones.")] = 0,
    strength: Annotated[
        int,
        typer.Option(min=0, metavar="N", help="Also measure the tests: coverage, and N planted faults that they find."),
    ] = 0,
    device: Device = "auto",
    seed: Seed = 0,
    jobs: Jobs = None,
    timeout: Seconds = 600.0,
    arch: Arch = None,
    sanitizer: SanitizerName = None,
    json: Annotated[bool, typer.Option("--json", help="Print the verdicts as lines of JSON instead of text.")] = False,
    no_cache: NoCache = False,
    unsafe_no_sandbox: Unsafe = False,
) -> None:
    """Judge whether the CUDA side of each pair computes the same as its C side.

    Exit status: 0 every pair is equivalent; 3 some are not, or could not be judged; 2 wrong usage or unreadable input;
    1 this machine cannot judge (a pair that is known to be right or wrong did not get its verdict).
    """
    from musl.verify import verify_pairs
    from musl.verify_command import run_verify

    work = functools.partial(
        verify_pairs,
        pairs,
        out=out,
        device=device,
        tests=tests,
        more_tests=more_tests,
        mutants=strength,
        seed=seed,
        ids=ids or (),
        jobs=jobs,
        timeout=timeout,
        cache=not no_cache,
        arch=arch,
        sanitizer=sanitizer,
        unsafe_no_sandbox=unsafe_no_sandbox,
    )
    raise typer.Exit(run_verify(work, json=json, out=out))


def audit(
    benchmark: Annotated[Path, typer.Argument(metavar="BENCHMARK.jsonl", help="A benchmark with its own references.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write all verdicts there; a killed run goes on.")
    ] = None,
    page: Annotated[
        Path | None, typer.Option("--page", metavar="FILE.md", help="Write the bad pairs there, without their code.")
    ] = None,
    ids: Ids = None,
    tests: Annotated[int, typer.Option(min=0, metavar="N", help="Fuzz tests where a pair's own show nothing.")] = 20,
    more_tests: Annotated[int, typer.Option(min=0, metavar="N", help="Fuzz tests beside a pair's own ones.")] = 0,
    device: Device = "auto",
    seed: Seed = 0,
    jobs: Jobs = None,
    timeout: Seconds = 600.0,
    json: Annotated[bool, typer.Option("--json", help="Print the bad pairs as JSON instead of text.")] = False,
    no_cache: NoCache = False,
    unsafe_no_sandbox: Unsafe = False,
) -> None:
    """Find a benchmark's own bad pairs: references that are not shown to be equivalent, each with its evidence.

    Exit status: 0 there is none; 3 there are some; 2 wrong usage or unreadable input; 1 this machine cannot judge.
    """
    from musl.verify import verify_pairs
    from musl.verify_command import run_audit

    work = functools.partial(
        verify_pairs,
        benchmark,
        out=out,
        device=device,
        tests=tests,
        more_tests=more_tests,
        seed=seed,
        ids=ids or (),
        jobs=jobs,
        timeout=timeout,
        cache=not no_cache,
        unsafe_no_sandbox=unsafe_no_sandbox,
    )
    raise typer.Exit(run_audit(work, json=json, page=page))


def report(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Folders that `musl eval` or `musl loop` wrote.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE.html", help="The page. Default: report.html, none with a table."),
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print the figures as CSV.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
    latex: Annotated[bool, typer.Option("--latex", help="Print the headline table as LaTeX, for booktabs.")] = False,
) -> None:
    """Show runs of `musl eval`, or of `musl loop`, as one page that needs no network and no server, or as a table.

    Several runs are compared. Exit status: 0; 2 wrong usage, or a folder that holds no finished run.
    """
    from musl.report_command import run_report

    raise typer.Exit(run_report(runs, output, csv=csv, json=json, latex=latex))


def evaluate(
    benchmark: Annotated[
        Path, typer.Argument(metavar="BENCHMARK.jsonl", help="Problems in the BabelTower unit-test format.")
    ],
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="RUN", help="Folder of the run's files; a killed run goes on there.")
    ],
    translator: Annotated[
        str, typer.Option(metavar="analytic|MODEL|copy|nearest:PAIRS", help="What writes the translations.")
    ] = "analytic",
    translations: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help='Score these instead: lines of {"id", "sample", "cuda"} ("c" for cuda2c).'),
    ] = None,
    direction: Annotated[str, typer.Option(metavar="c2cuda|cuda2c", help="What is translated into what.")] = "c2cuda",
    harness: Annotated[
        str,
        typer.Option(metavar="reference|own", help="The benchmark's host wrapper around the kernel, or MuSL's own."),
    ] = "own",
    samples: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Translations of each problem. Default: 1.")
    ] = None,
    beam: Beam = None,
    adapter: Adapter = None,
    four_bit: FourBit = False,
    temperature: Temperature = None,
    max_new_tokens: MaxNewTokens = 1024,
    tests: Annotated[int, typer.Option(min=0, metavar="N", help="Fuzz tests where a problem's own show nothing.")] = 20,
    serial_kernels: Annotated[
        bool, typer.Option("--serial-kernels", help="A kernel of one thread where nothing is parallel, not a refusal.")
    ] = False,
    strength: Annotated[
        int, typer.Option(min=0, metavar="N", help="Also measure the tests with N faults planted in each reference.")
    ] = 0,
    compress_tests: Annotated[
        bool, typer.Option("--compress-tests", help="Also write the fewest tests that fail the same translations.")
    ] = False,
    ids: Ids = None,
    device: Device = "auto",
    seed: Seed = 0,
    jobs: Jobs = None,
    timeout: Seconds = 600.0,
    json: Annotated[bool, typer.Option("--json", help="Print metrics.json instead of text.")] = False,
    no_cache: NoCache = False,
    unsafe_no_sandbox: Unsafe = False,
) -> None:
    """Translate a benchmark, judge every translation, and score both with the field's metrics.

    Exit status: 0 the run is whole, whatever its figures; 2 wrong usage or unreadable input; 1 this machine cannot
    judge.
    """
    from musl.evaluation.evaluate import EvaluationOptions, evaluate_benchmark
    from musl.evaluation_command import run_evaluation
    from musl.translators import ModelOptions

    work = functools.partial(
        evaluate_benchmark,
        benchmark,
        out,
        EvaluationOptions(
            translator=translator,
            translations=translations,
            direction=one_of("--direction", direction, "c2cuda", "cuda2c"),
            harness=one_of("--harness", harness, "reference", "own"),
            samples=samples or beam or 1,
            model=ModelOptions(adapter, four_bit, temperature, max_new_tokens=max_new_tokens, beams=beam or 0),
            tests=tests,
            serial_kernels=serial_kernels,
            mutants=strength,
            compress_tests=compress_tests,
            seed=seed,
        ),
        device=device,
        ids=ids or (),
        jobs=jobs,
        timeout=timeout,
        cache=not no_cache,
        unsafe_no_sandbox=unsafe_no_sandbox,
    )
    raise typer.Exit(run_evaluation(work, out, json=json))


def doctor(
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Show what this machine has (compilers, nvcc, GPU, sandbox, packages) and how to install what is missing.

    Exit status: 0 if `translate` can work here, else 3.
    """
    from musl.doctor import run_doctor

    raise typer.Exit(run_doctor(json=json))


def main() -> None:
    """The command `musl`."""
    app = _new_app()
    app.command(no_args_is_help=True)(translate)
    app.command(no_args_is_help=True)(verify)
    app.command(no_args_is_help=True)(audit)
    app.command("eval", no_args_is_help=True)(evaluate)
    app.command(no_args_is_help=True)(report)
    app.command(no_args_is_help=True)(pretrain)
    app.command(no_args_is_help=True)(finetune)
    app.command(no_args_is_help=True)(backtranslate)
    app.command(no_args_is_help=True)(loop)
    app.command(no_args_is_help=True)(complete)
    app.command()(doctor)
    app.add_typer(new_data_app(_new_app()), name="data", help="Build corpora of source code.")
    app.callback(invoke_without_command=True, no_args_is_help=True)(_musl)
    _run(app)


def translate_main() -> None:
    """The command `translate`, the same as `musl translate`."""
    app = _new_app()
    app.command(no_args_is_help=True)(translate)
    _run(app)


def _musl(
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.", is_eager=True)] = False,
) -> None:
    """Turns sequential C into CUDA and shows, function by function, that the result computes the same."""
    if version:
        from importlib.metadata import PackageNotFoundError
        from importlib.metadata import version as installed

        try:
            print(f"musl {installed('musl-cuda')}")
        except PackageNotFoundError:
            print("musl, not installed (pip install -e .)")
        raise typer.Exit


def _new_app() -> typer.Typer:
    # Plain help: rich's takes three times as long to start.
    return typer.Typer(
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def _run(app: typer.Typer) -> None:
    """Run the command. An interrupt ends it in order: workers ended, scratch folders removed, nothing written."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)
    app()


def _end(number: int, frame: FrameType | None) -> NoReturn:
    signal.signal(number, signal.SIG_DFL)  # a second one ends it at once
    print("interrupted", file=sys.stderr)
    raise SystemExit(128 + number)  # as shells report it: 130 after Ctrl-C
