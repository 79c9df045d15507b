"""Builds of .cu text for the emulator: `build_emulated` for one function, `build_emulated_program` for a file with
`main`.

The text is rewritten (compile/emulator/rewrite.py), compiled by g++ with AddressSanitizer against the headers in
include/, and linked with the runtime of runtime/ and, for one function, with the test driver. What such a build finds
beside wrong results: accesses outside any device, shared or local array; host memory used in a kernel and device
memory used by host code; divergent barriers and deadlocks; wrong launch configurations and other errors of the CUDA
API that are left at the end of the call. Device and shared memory that was never written holds a pattern that differs
between schedules.

A build that checks for races (`check="races"`) finds unordered accesses of different threads to one address, also where
the result is the same in every schedule, and remarks the first read of memory that was never written. What is found is
read from a run's stderr as a `Fault` (compile/fault.py).

A text that needs what the emulator does not have (codes.py, found by unsupported.py) gets no build but an outcome
INFRASTRUCTURE with the code and the line: it can only be verified on a GPU.

What neither finds: host code that reads a result before it has waited for it, and what only nvcc refuses to compile
(compile/nvcc.py). Nor does the emulator hide itself: a text can tell g++ from nvcc by what only one of them knows, and
behave otherwise there.
"""

from __future__ import annotations

import dataclasses
import re
import shlex
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from compile.build import Build
from compile.build_cache import BuildCache
from compile.cache import OwnBuildFailedError, cached, own_object, remembered
from compile.driver.stub import make_stub
from compile.emulator.codes import EMULATOR_CODES
from compile.emulator.rewrite import RewriteError, UnsupportedError, rewrite
from compile.emulator.scopes import keeps_addresses
from compile.host import DUMP_CXX, RunScript, driver_object, include_flags, run_script, shell_words
from compile.imports import check_unit
from compile.includes import include_folders
from compile.kept.pool import assembled
from compile.outcome import Outcome, Status
from compile.prelude import NO_SPECIAL_FUNCTIONS, names_special_function
from compile.program import compile_unit, program_object
from compile.sandbox import Sandbox
from compile.toolchain import find_gxx
from compile.unit import UNIT, gcov_library, host_executable, link_step, place_host
from data.function import Function
from data.source_file import SourceFile

Check = Literal["bounds", "races", "coverage"]
# What of the C++ library comes with cuda_runtime.h: nothing, which halves the time of a text that needs nothing; all
# but the special functions; all.
Library = Literal["lean", "usual", "all"]

HERE = Path(__file__).resolve().parent
INCLUDE = HERE / "include"
RUNTIME = HERE / "runtime"
# Passes of -O1 that take a tenth of a small text's time and give its checked loads and stores little.
SKIPPED_PASSES = (
    *("-fno-tree-pta", "-fno-dse", "-fno-dce", "-fno-forward-propagate", "-fno-cprop-registers"),
    *("-fno-if-conversion", "-fno-if-conversion2", "-fno-guess-branch-probability"),
)
# No contraction, as on the C side; nvcc does not assume strict aliasing.
FLAGS = (
    *("-std=gnu++17", "-O1", *SKIPPED_PASSES, "-g1", "-pipe", "-fPIC", "-fno-omit-frame-pointer"),
    *("-ffp-contract=off", "-fno-fast-math", "-fno-strict-aliasing", "-D_Bool=bool", f"-I{INCLUDE}"),
)
CHECKS = {
    "bounds": ("-fsanitize=address,alignment", "-fno-sanitize-recover=alignment"),
    "coverage": ("-O0", "--coverage"),
    "races": ("-fsanitize=thread",),  # only the calls that it makes at each access: runtime/races.cpp answers them
}
# Without the check that a local variable is not used beyond its scope, which takes a fifth of a small unit's time.
NO_SCOPES = ("-fno-sanitize-address-use-after-scope",)
_WRAPPED = tuple(f"--wrap={name}" for name in ("memcpy", "memmove", "memset"))
# The forms in which the compiler reports what unsupported.py marks and the headers declare.
_LIMIT = re.compile(
    r"^(?P<place>[^\n]*?:\d+):(?:\d+:)? error: "
    r"(?:#error |[^\n]*attribute error: |static assertion failed: |[^\n]*before token \")?(?P<code>MUSL3\d\d)\b",
    re.MULTILINE,
)
# Macros go into the text: one of the command line that the precompiled header did not have keeps it from being used.
RENAME_MAIN = "#define main musl_user_main\n"
# With few blocks, grid-stride loops have to stride. `musl_blocks` (translator/analytic/prelude.py) has the number of
# iterations and the block at hand: one block or two, not the same in both dimensions of a square.
FEW_BLOCKS = "#define MUSL_MOST_BLOCKS (unsigned int)(1 + ((count + block / 8) & 1))\n"
RUNTIME_FLAGS = (
    *("-std=c++17", "-O2", "-g1", "-fPIC", "-fno-exceptions", "-fno-tree-loop-distribute-patterns"),
    "-fno-omit-frame-pointer",
    *("-fvisibility=hidden", f"-I{INCLUDE}", f"-I{HERE.parent / 'driver'}"),
)


def build_emulated(
    cuda_text: str,
    function: Function,
    scratch: Path,
    sandbox: Sandbox,
    source: SourceFile | None = None,
    *,
    check: Check = "bounds",
    watched: bool = False,
    cache: BuildCache | None = None,
    run: RunScript = run_script,
) -> Build | Outcome:
    """A build that calls `function` of the .cu text `cuda_text` on the CPU, or the COMPILE_ERROR with the
    compiler's words, or INFRASTRUCTURE where the emulator lacks something that the text needs.

    `scratch` is a folder in which a new one is made for this build. `source` is the file that the text was made from:
    its include folders and macros hold for the text too, and messages name it with the suffix .cu. The result runs with
    `runner.run_tests`, under the schedules "forward", "reverse" and "shuffle" (with a seed), each with a pattern of its
    own for memory that was never written, or with the one that is named: "forward fill 7f". With `check` "races" the
    build looks for data races instead of accesses out of bounds, in any one schedule: a test in which threads race
    ends as RUNTIME_ERROR with a message that begins with "race:". With `watched` the build has such a unit too, beside
    that of `check`. With `check` "coverage" it counts what its functions execute, for compile/coverage.py.
    """
    stub = make_stub(function, cplusplus=True)
    folder = Path(tempfile.mkdtemp(prefix="emulator-", dir=scratch)).resolve()
    own = sandbox.within(folder)
    text = _rewritten(cuda_text, _file_name(source, function.path))
    if isinstance(text, Outcome):
        return text
    checks: tuple[Check, ...] = (check, "races") if watched else (check,)
    units = []
    for each in checks:
        place = folder / each if each != check else folder
        place.mkdir(exist_ok=True)
        body = f"{text}{stub}{DUMP_CXX}" if each == "coverage" else text + stub
        units.append(_write_unit(place, cuda_text, body, RENAME_MAIN, _link(place, each), source, each))
    outcome = _compile(units, own, source, cache=cache, run=run)
    if not outcome.ok:
        return outcome
    for unit in units:
        checked = check_unit(unit.folder / UNIT, emulator_host())
        if not checked.ok:
            return checked
    watching = units[1].folder / UNIT if watched else None
    host, writable = place_host(emulator_host(), folder), check == "coverage"
    return Build(host, "emulator", own, folder / UNIT, watching, _once(outcome.message), writable=writable)


def _link(folder: Path, check: Check) -> list[str]:
    """The command that links a unit for a check."""
    if check == "coverage":
        return link_step(folder, more=[gcov_library()], exports=("musl_call", "musl_dump"))
    return link_step(folder, more=_WRAPPED if check == "races" else ())


def build_emulated_program(
    cuda_text: str,
    scratch: Path,
    sandbox: Sandbox,
    source: SourceFile | None = None,
    *,
    others: Sequence[SourceFile] = (),
    schedule: str = "forward",
    seed: int = 0,
) -> Build | Outcome:
    """An executable of a whole program that runs its kernels on the CPU in the given schedule, for
    `program.run_program`. `others` are the program's other files, in C or C++; one of the files defines `main`."""
    folder = Path(tempfile.mkdtemp(prefix="emulator-", dir=scratch)).resolve()
    own = sandbox.within(folder)
    objects = [program_object()]
    for index, other in enumerate(others):
        outcome = compile_unit(other, folder / str(index), own, ["-O1", "-fsanitize=address"])
        if not outcome.ok:
            return outcome
        objects.append(folder / str(index) / "unit.o")
    linked = [*map(str, runtime_objects()), *map(str, objects)]
    # The runtime first: its own constructors must run before those of the program.
    link = [str(find_gxx().path), "-fsanitize=address", *linked, "unit.o", "-o", "run", "-lm"]
    readable = [Path(path) for path in linked]
    text = _rewritten(cuda_text, _file_name(source, Path("program.cu")))
    if isinstance(text, Outcome):
        return text
    unit = _write_unit(folder, cuda_text, text, "", link, source, "bounds")
    outcome = _compile([unit], own, source, more=readable)
    if not outcome.ok:
        return outcome
    environment = {"MUSL_SCHEDULE": schedule, "MUSL_SEED": str(seed)}
    return Build(folder / "run", "program", own, warnings=outcome.message, environment=environment)


@remembered
def emulator_host() -> Path:
    """The executable that loads the units of the emulator; linked once per machine. Raises OwnBuildFailedError."""
    return host_executable("emulator-host", [driver_object(), *runtime_objects()], ["-fsanitize=address"])


def runtime_objects() -> list[Path]:
    """The object files of the emulator's runtime, compiled once per machine. Raises OwnBuildFailedError."""
    sources = sorted(RUNTIME.glob("*.cpp"))
    headers = [*_headers(), *sorted(RUNTIME.glob("*.h")), HERE.parent / "driver" / "musl_driver.h"]
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda path: own_object(path, RUNTIME_FLAGS, headers), sources))


@remembered
def precompiled_header(check: Check = "bounds", library: Library = "usual") -> Path:
    """A header that includes cuda_runtime.h, with its compiled form beside it. Raises OwnBuildFailedError."""
    compiler = find_gxx()
    flags = unit_flags(check)
    before = {"lean": "#define MUSL_LEAN\n", "usual": NO_SPECIAL_FUNCTIONS, "all": ""}[library]
    head = f"{before}#include <cuda_runtime.h>\n"
    texts = [head.encode(), *(path.read_bytes() for path in _headers())]

    def make(path: Path) -> None:
        path.write_text(head, encoding="utf-8")
        argv = [str(compiler.path), *flags, "-x", "c++-header", path.name, "-o", f"{path.name}.gch"]
        done = subprocess.run(argv, cwd=path.parent, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode != 0:
            raise OwnBuildFailedError(f"{' '.join(argv)}:\n{done.stderr}")

    return cached("musl_prefix.h", [str(compiler.path), compiler.version, *flags, *texts], make)


# Includes that stay within C and the emulator's own headers.
_LEAN_INCLUDE = re.compile(r"<(cuda|cuda_runtime|cuda_runtime_api|device_launch_parameters|stdio\.h|stdint\.h)(\.h)?>")


def library_of(cuda_text: str, source: SourceFile | None) -> Library:
    """How much of the C++ library the text needs, as far as its words tell."""
    if _is_lean(cuda_text, source):
        return "lean"
    return "all" if names_special_function(cuda_text) else "usual"


def _is_lean(cuda_text: str, source: SourceFile | None) -> bool:
    if re.search(r"\bstd\b|\b_?_?(?:has_include|import)\b", cuda_text):
        return False
    if source is not None and (source.include_dirs or source.flags):
        return False
    includes = re.findall(r"^[ \t]*#[ \t]*include\b[ \t]*(.*)$", cuda_text, re.MULTILINE)
    return all(_LEAN_INCLUDE.match(include) for include in includes)


def unit_flags(check: Check) -> tuple[str, ...]:
    """What units and their precompiled headers are compiled with. Local variables that are never written hold a
    pattern, no number that a sum may begin with (gcc has this since 12)."""
    modern = int(find_gxx().version.split(".")[0]) >= 12
    filled = ("-ftrivial-auto-var-init=pattern",) if modern else ()
    return (*FLAGS, *CHECKS[check], *filled)


def _headers() -> list[Path]:
    return sorted(INCLUDE.rglob("*.h"))


def _file_name(source: SourceFile | None, path: Path) -> str:
    return str((source.path if source is not None else path).with_suffix(".cu"))


def _defines(source: SourceFile | None) -> list[str]:
    """The macros of the file's build as NAME=VALUE."""
    defines = source.defines if source is not None else ()
    return [define if "=" in define else f"{define}=1" for define in defines]


@dataclass(frozen=True)
class _Unit:
    """One translation unit: the folder that it stands in, the commands that are run there, and the header they read."""

    folder: Path
    steps: tuple[Sequence[str], ...]
    header: Path


def _rewritten(cuda_text: str, name: str) -> str | Outcome:
    """The text as g++ takes it, under its own name and lines; INFRASTRUCTURE or COMPILE_ERROR where there is none."""
    try:
        text = rewrite(cuda_text).text
    except UnsupportedError as error:
        return Outcome(Status.INFRASTRUCTURE, stderr=f"{name}:{error}\n".encode())
    except RewriteError as error:
        return Outcome(Status.COMPILE_ERROR, stderr=f"{name}:{error}\n".encode())
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'#line 1 "{quoted}"\n{text}\n'


def _write_unit(
    folder: Path,
    cuda_text: str,
    text: str,
    head: str,
    link: Sequence[str],
    source: SourceFile | None,
    check: Check,
) -> _Unit:
    """Write unit.cpp of the rewritten `text` of `cuda_text`; it is compiled for `check` and linked with the command
    `link`."""
    if check == "races":
        head += FEW_BLOCKS
    head += "".join(f"#define {define.replace('=', ' ', 1)}\n" for define in _defines(source))
    (folder / "unit.cpp").write_text(f"{head}{text}", encoding="utf-8")
    header = precompiled_header(check, library_of(cuda_text, source))
    flags = (*unit_flags(check), *(() if keeps_addresses(cuda_text) else NO_SCOPES))
    includes = [flag for flag in include_flags(source) if not flag.startswith("-D")] if source is not None else []
    compiler = [str(find_gxx().path), *flags, *includes, "-include", str(header)]
    return _Unit(folder, ([*compiler, "-c", "unit.cpp", "-o", "unit.o"], link), header)


def _compile(
    units: Sequence[_Unit],
    sandbox: Sandbox,
    source: SourceFile | None,
    *,
    more: Sequence[Path] = (),
    cache: BuildCache | None = None,
    run: RunScript = run_script,
) -> Outcome:
    """Compile and link all units in one run of the sandbox; they read `more` too."""
    folders = include_folders(source) if source is not None else []
    if cache is not None and not folders:
        kept = [cache.fetch(unit.steps, unit.folder, UNIT, "unit.cpp") for unit in units]
        if kept[0] is not None and (not kept[0].ok or None not in kept):
            return _without_limits(kept[0])
    words = (_steps_left(unit, sandbox, own=not folders and not more) for unit in units)
    script = " && ".join(
        f"cd {shlex.quote(str(u.folder))} && {shell_words(w)}" for u, w in zip(units, words, strict=True)
    )
    outcome = run(script, sandbox, [INCLUDE, *(unit.header.parent for unit in units), *folders, *more])
    built = [unit for unit in units if (unit.folder / UNIT).exists()]
    if built and not outcome.ok and outcome.status is Status.COMPILE_ERROR:  # the same text, for another check
        return dataclasses.replace(outcome, status=Status.INFRASTRUCTURE)
    if cache is not None and not folders:
        for unit in units if outcome.ok else units[:1]:
            cache.keep(unit.steps, unit.folder, UNIT, "unit.cpp", outcome)
    return _without_limits(outcome)


def _steps_left(unit: _Unit, sandbox: Sandbox, *, own: bool) -> Sequence[Sequence[str]]:
    """What is left to do for a unit that reads no files but MuSL's `own` ones: a kept compiler may have begun."""
    return assembled(unit.steps, unit.folder, sandbox, [INCLUDE, unit.header.parent]) if own else unit.steps


def _once(lines: str) -> str:
    """The lines without those that come again: two units of one text have the same warnings."""
    return "\n".join(dict.fromkeys(lines.splitlines()))


def _without_limits(outcome: Outcome) -> Outcome:
    """The same outcome; where the compiler met a mark of the rewriting or of the emulator's headers, the limit is the
    emulator's and not the candidate's --> INFRASTRUCTURE with `f.cu:12: MUSL307 ...`."""
    found = _LIMIT.search(outcome.message)
    if outcome.status is not Status.COMPILE_ERROR or found is None or found["code"] not in EMULATOR_CODES:
        return outcome
    what = EMULATOR_CODES[found["code"]]
    text = f"{found['place']}: {found['code']} {what}: the emulator has none; verify on a GPU\n"
    return dataclasses.replace(outcome, status=Status.INFRASTRUCTURE, stderr=text.encode())
