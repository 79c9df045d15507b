"""Whole programs: files with a `main` of their own, built and run as their users would, in the sandbox."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from compile.build import Build
from compile.cache import own_object
from compile.host import HERE, SANITIZE_FLAGS, compile_command, run_steps, write_unit
from compile.outcome import Outcome, Status
from compile.prelude import needs_prelude
from compile.sandbox import MIB, Limits, Sandbox
from compile.toolchain import find_gcc, find_gxx
from data.source_file import SourceFile


def build_program(
    sources: Sequence[SourceFile], scratch: Path, sandbox: Sandbox, *, sanitize: bool = False
) -> Build | Outcome:
    """The program of these files (one of which defines `main`) as an executable, or the COMPILE_ERROR. `sanitize` adds
    AddressSanitizer and UBSan, as for functions."""
    folder = Path(tempfile.mkdtemp(prefix="program-", dir=scratch)).resolve()
    own = sandbox.within(folder)
    warnings, objects = [], []
    extra = ["-O1", *(SANITIZE_FLAGS if sanitize else ())]
    for index, source in enumerate(sources):
        outcome = compile_unit(source, folder / str(index), own, extra)
        if not outcome.ok:
            return outcome
        warnings.append(outcome.message)
        objects.append(f"{index}/unit.o")
    linker = find_gxx() if any(source.language == "c++" for source in sources) else find_gcc()
    sanitizers = [flag for flag in extra if flag.startswith("-fsanitize")]
    own_part = program_object()
    link = [str(linker.path), *sanitizers, *objects, str(own_part), "-o", "run", "-lm"]
    outcome = run_steps([link], own, [own_part.parent])
    if not outcome.ok:
        return outcome
    return Build(folder / "run", "program", own, warnings="\n".join(filter(None, warnings)))


def program_object() -> Path:
    """The object that bounds a program's memory; every executable that `run_program` runs should be linked with it."""
    return own_object(HERE / "driver" / "program.c", ("-std=gnu11", "-O2"))


def run_program(
    build: Build,
    arguments: Sequence[str] = (),
    *,
    seconds: float = 10.0,
    memory_bytes: int = 2048 * MIB,
    output_bytes: int = 16 * MIB,
    readable: Sequence[Path] = (),
) -> Outcome:
    """Run the program with `arguments`; its stdout and exit status are in the outcome (status RUNTIME_ERROR where it
    is not 0).

    stdin is empty; the working folder is an empty one that vanishes with the run. `readable` are files that it may
    read.
    """
    limits = Limits(wall_seconds=seconds, memory_bytes=None, file_bytes=256 * MIB, output_bytes=output_bytes)
    environment = {
        "MUSL_MEMORY_BYTES": str(memory_bytes),
        "ASAN_OPTIONS": "detect_leaks=0:exitcode=99:allocator_may_return_null=0",
        "UBSAN_OPTIONS": "print_stacktrace=0:halt_on_error=1",
        **build.environment,
    }
    return build.sandbox.run(
        [build.executable, *arguments],
        limits=limits,
        readable=(*build.readable, *readable),
        restricted=build.restricted,
        environment=environment,
        cwd=Path("/tmp"),
    )


def compile_unit(source: SourceFile, folder: Path, sandbox: Sandbox, extra: Sequence[str]) -> Outcome:
    """Compile one file of a program to `folder`/unit.o; `folder` is made, in the sandbox's own."""
    folder.mkdir()
    unit = write_unit(folder, source, "")
    first: Outcome | None = None
    for with_prelude in needs_prelude(source):
        command, readable = compile_command(source, extra, with_prelude=with_prelude)
        outcome = run_steps([[*command, "-c", str(unit), "-o", str(folder / "unit.o")]], sandbox, readable)
        if outcome.ok:
            return outcome
        first = first or outcome
        if outcome.status is not Status.COMPILE_ERROR:
            break
    assert first is not None
    return first
