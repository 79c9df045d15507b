"""Builds of the C side with gcc or g++, in a sandbox: `build_host` for one function, `build_program` for a file with
`main`.

Modes of `build_host`:
- `plain`: as written; uninitialised local variables hold zeros.
- `sanitize`: AddressSanitizer and UndefinedBehaviorSanitizer, the first error ends the call; uninitialised local
  variables hold a pattern. A call whose results differ between `plain` and `sanitize` reads an uninitialised variable
  (compile/valid.py).
- `trace`: every load and store is seen by compile/trace/runtime.c, which tells the elements that a call touches.
- `coverage`: -O0 with gcov's counters (compile/coverage.py).
- `optimized`: -O3, to be timed.

All that judge are built with -O0: from -O1 on, gcc 12 takes an uninitialised variable for whatever suits it, pattern
or not, and compiling is the greater part of a small function's time. Floating point is the same in all of them and on
the CUDA side: no contraction to fused multiply-add, no fast-math. gcc before 12 cannot fill variables: with it,
uninitialised ones show only where the two builds happen to differ."""

from __future__ import annotations

import re
import shlex
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

from compile.build import Build
from compile.build_cache import BuildCache
from compile.cache import own_object, remembered
from compile.driver.stub import make_stub
from compile.imports import check_unit
from compile.includes import include_folders
from compile.kept.pool import assembled
from compile.outcome import Outcome, Status
from compile.prelude import needs_prelude, prelude_header
from compile.sandbox import MIB, Limits, Sandbox
from compile.toolchain import find_gcc, find_gxx
from compile.unit import UNIT, gcov_library, host_executable, link_step, place_host
from data.function import Function
from data.source_file import SourceFile

Mode = Literal["plain", "sanitize", "trace", "coverage", "optimized"]
MODES: tuple[Mode, ...] = get_args(Mode)

HERE = Path(__file__).resolve().parent
DRIVER_HEADER = HERE / "driver" / "musl_driver.h"
DRIVER_FLAGS = ("-std=c++17", "-O2", "-fno-exceptions", "-fno-rtti", "-fPIC", f"-I{HERE / 'driver'}")
# Aliasing through pointers of other types is undefined, yet common in code that nvcc and gcc both compile as meant.
FLOAT_FLAGS = ("-ffp-contract=off", "-fno-fast-math", "-fno-strict-aliasing")
# Out of -fsanitize=undefined: memcpy(p, NULL, 0), and left shifts of negative numbers and into the sign bit, which
# gcc and nvcc define. Added: conversions of floats to integers that cannot hold them, on which CPU and GPU differ.
SANITIZE_FLAGS = (
    "-fsanitize=address,undefined,float-cast-overflow",
    "-fno-sanitize=nonnull-attribute,returns-nonnull-attribute,shift-base,vptr",
    "-fno-sanitize-recover=all",
    "-fno-omit-frame-pointer",
    "-g1",
)
# The C library functions whose accesses the trace sees.
WRAPPED = (
    "memcpy",
    "memmove",
    "memset",
    "memcmp",
    "memchr",
    "strlen",
    "strcpy",
    "strncpy",
    "strcmp",
    "strncmp",
    "strchr",
)
# Lets the driver write the counters, which only the unit itself can reach.
DUMP_CXX = 'extern "C" { void __gcov_dump(void); void musl_dump(void); void musl_dump(void) { __gcov_dump(); } }\n'
DUMP = "void __gcov_dump(void); void musl_dump(void); void musl_dump(void) { __gcov_dump(); }\n"
# Flags of a file's own build that change what its text means.
KEPT_PREFIXES = ("-std=", "-U", "-isystem", "-iquote", "-fwrapv", "-fpermissive", "-fms-extensions")
KEPT_FLAGS = ("-ansi", "-fsigned-char", "-funsigned-char", "-fshort-enums", "-fgnu89-inline")
# How a build runs its compilers: the script, the sandbox over its folder, and what they read.
RunScript = Callable[[str, Sandbox, Sequence[Path]], Outcome]
COMPILE_LIMITS = Limits(wall_seconds=60.0, memory_bytes=4096 * MIB, file_bytes=512 * MIB, output_bytes=MIB)


def build_host(
    source: SourceFile,
    function: Function,
    mode: Mode,
    scratch: Path,
    sandbox: Sandbox,
    *,
    cache: BuildCache | None = None,
    run: RunScript | None = None,
) -> Build | Outcome:
    """A build that calls `function` of `source`, or the COMPILE_ERROR with the compiler's words.

    `scratch` is a folder in which a new one is made for this build. A file that does not include the headers of
    well-known functions (`sqrt`, `max`, `printf`) gets them in front; line numbers in messages stay the user's. `run`
    runs the compilers (compile/shared_run.py), by default in a sandbox of their own.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"{mode}-", dir=scratch)).resolve()
    cplusplus = source.language == "c++"
    stub = make_stub(function, cplusplus=cplusplus)
    if mode == "coverage":
        stub += DUMP_CXX if cplusplus else DUMP
    own = sandbox.within(folder)
    failure: Outcome | None = None
    write_unit(folder, source, stub)
    for with_prelude in needs_prelude(source):
        outcome = _compile(source, function, mode, own, with_prelude=with_prelude, cache=cache, run=run)
        if outcome.ok:
            unit, host = folder / UNIT, mode_host(mode)
            checked = check_unit(unit, host)
            if not checked.ok:
                return checked
            return Build(
                place_host(host, folder), mode, own, unit, warnings=outcome.message, writable=mode == "coverage"
            )
        failure = failure or outcome
        if outcome.status is not Status.COMPILE_ERROR:
            break
    assert failure is not None
    return failure


def write_unit(folder: Path, source: SourceFile, stub: str) -> Path:
    """Write the translation unit: the user's text under its own name and lines, and the stub."""
    name = str(source.path).replace("\\", "\\\\").replace('"', '\\"')
    unit = folder / ("unit.cpp" if source.language == "c++" else "unit.c")
    unit.write_text(f'#line 1 "{name}"\n{source.text}\n{stub}', encoding="utf-8")
    return unit


@remembered
def mode_host(mode: Mode) -> Path:
    """The executable that loads the units of a mode; linked once per machine. Raises OwnBuildFailedError."""
    if mode == "trace":  # the originals of the wrapped functions are found at the link
        wraps = [f"-Wl,--wrap={name}" for name in WRAPPED]
        return host_executable("trace-host", [driver_object(), trace_object()], wraps)
    sanitizers = [flag for flag in SANITIZE_FLAGS if flag.startswith("-fsanitize=")] if mode == "sanitize" else []
    return host_executable(f"{mode}-host", [driver_object()], sanitizers)


def driver_object() -> Path:
    """driver.o, which defines main(); compiled once per machine. Raises OwnBuildFailedError."""
    parts = (DRIVER_HEADER, HERE / "driver" / "tests.h", HERE / "driver" / "child.h")
    return own_object(HERE / "driver" / "driver.cpp", DRIVER_FLAGS, parts)


def trace_object() -> Path:
    """The trace runtime's object file."""
    return own_object(HERE / "trace" / "runtime.c", ("-std=gnu11", "-O2", f"-I{HERE / 'driver'}"), (DRIVER_HEADER,))


def language_flags(source: SourceFile) -> list[str]:
    """The flags of the file's own build that change what its text means, without those for speed and warnings."""
    kept: list[str] = []
    words = iter(source.flags)
    for word in words:
        if word in ("-include", "-isystem", "-iquote", "-idirafter", "-imacros", "-U"):
            kept += [word, next(words, "")]
        elif word.startswith(KEPT_PREFIXES) or word in KEPT_FLAGS:
            kept.append(word)
    if not any(word.startswith("-std=") or word == "-ansi" for word in kept):
        kept.append("-std=gnu++17" if source.language == "c++" else "-std=gnu17")
    return kept


def include_flags(source: SourceFile) -> list[str]:
    """`-I` and `-D` flags with absolute folders (compilers run in a folder of their own)."""
    folders = (source.path.resolve().parent, *(folder.resolve() for folder in source.include_dirs))
    return [f"-I{folder}" for folder in folders] + [f"-D{define}" for define in source.defines]


def _compile(
    source: SourceFile,
    function: Function,
    mode: Mode,
    sandbox: Sandbox,
    *,
    with_prelude: bool,
    cache: BuildCache | None,
    run: RunScript | None,
) -> Outcome:
    extra, linked = _mode_flags(mode)
    if mode == "trace" and any(p.dtype.names for p in function.parameters):
        # gcc does not instrument a struct that is passed by value; inlined and taken apart, its loads are seen
        extra += ["-O1", "-finline-functions"]
    if mode == "coverage" and not re.search(r"\b(try|throw)\b", source.text):
        extra.append("-fno-exceptions")  # else every call of C++ counts as a branch
    command, readable = compile_command(source, ["-Dmain=musl_user_main", *extra], with_prelude=with_prelude)
    unit = "unit.cpp" if source.language == "c++" else "unit.c"
    exports = ("musl_call", "musl_dump") if mode == "coverage" else ("musl_call",)
    steps = [
        [*command, "-c", unit, "-o", "unit.o"],
        link_step(sandbox.scratch, more=linked, exports=exports),
    ]

    def make() -> Outcome:
        own = assembled(steps, sandbox.scratch, sandbox, readable) if not include_folders(source) else steps
        return (run or run_script)(shell_words(own), sandbox, readable)

    if cache is None or mode == "coverage" or include_folders(source):  # counters know their folder
        return make()
    return cache.build(steps, sandbox.scratch, UNIT, unit, make)


def compile_command(source: SourceFile, extra: Sequence[str], *, with_prelude: bool) -> tuple[list[str], list[Path]]:
    """The compiler with its flags for this source, and the files and folders that it must see."""
    cplusplus = source.language == "c++"
    compiler = str((find_gxx() if cplusplus else find_gcc()).path)
    checks = [] if cplusplus else ["-Werror=implicit-function-declaration"]
    common = [*language_flags(source), *checks, "-pipe", "-fPIC", *FLOAT_FLAGS, *extra]
    command, readable = [compiler, *common, *include_flags(source)], include_folders(source)
    if with_prelude:
        header = prelude_header(source, common)
        command += ["-include", str(header)]
        readable.append(header.parent)
    return command, readable


def _mode_flags(mode: Mode) -> tuple[list[str], list[str]]:
    """Flags of the compilation, and what the unit is linked with."""
    modern = int(find_gcc().version.split(".")[0]) >= 12
    filled = ["-ftrivial-auto-var-init=zero"] if modern else []
    if mode == "plain":
        return ["-O0", *filled], []
    if mode == "optimized":
        return ["-O3"], []
    if mode == "sanitize":
        return ["-O0", *SANITIZE_FLAGS, *(["-ftrivial-auto-var-init=pattern"] if modern else [])], []
    if mode == "coverage":
        return ["-O0", *filled, "--coverage"], [gcov_library()]
    wraps = [f"--wrap={name}" for name in WRAPPED]
    return ["-O0", *filled, "-fsanitize=thread", "-fno-builtin-strlen"], wraps


def run_steps(steps: Sequence[Sequence[str]], sandbox: Sandbox, readable: Sequence[Path]) -> Outcome:
    """Run compiler commands one after the other in the sandbox's (writable) folder; stops at the first that fails."""
    return run_script(shell_words(steps), sandbox, readable)


def shell_words(steps: Sequence[Sequence[str]]) -> str:
    """The commands as a shell takes them, each run if the one before it has succeeded."""
    return " && ".join(shlex.join(step) for step in steps)


def run_script(script: str, sandbox: Sandbox, readable: Sequence[Path]) -> Outcome:
    """As `run_steps`, for commands as a shell takes them."""
    environment = {"TMPDIR": str(sandbox.scratch)}
    argv = ["/bin/sh", "-c", script]
    outcome = sandbox.run(argv, limits=COMPILE_LIMITS, readable=readable, writable=True, environment=environment)
    if outcome.status is Status.RUNTIME_ERROR:
        return replace(outcome, status=Status.COMPILE_ERROR)
    return outcome
