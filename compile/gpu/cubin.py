"""`cubin_script`: the shell commands that make the device code of a .cu text, in half of nvcc's time.

`nvcc -cubin` runs three programs: the host compiler's preprocessor, cicc (parses CUDA C++, writes PTX) and ptxas. Its
own `--dryrun` prints their command lines, which are used as they are, once for each nvcc and architecture:

    gcc -E -include cuda_runtime.h unit.cu -o unit.ii;  cicc unit.ii -o unit.ptx;  ptxas unit.ptx -o unit.cubin
    -->
    (cat header.ii; gcc -E -imacros macros.h unit.cu) > unit.ii;  cicc ...;  ptxas ...

What is saved:
- preprocessing anew the 36,000 lines of `cuda_runtime.h`, which nvcc puts in front of each text: they are kept, with
  the macros that they leave behind;
- parsing the special functions of C++17 (`std::beta`, `std::legendre` ...) and what only they need, a third of all.
  They are left out of the header for texts that never say `std` and include no file of the user's: nothing else
  reaches what they declare.

The machine code is nvcc's, byte for byte (tests/compile/test_gpu_cubin.py). The kept header only speeds up what nvcc
accepts: a text that fails is given to nvcc itself, whose verdict and words count. Where `--dryrun` prints anything else
than these three commands, or the text's own macros (`-D`) could change the header, nvcc does it all.
"""

from __future__ import annotations

import functools
import re
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from compile.cache import OwnBuildFailedError, cached
from compile.host import include_flags
from compile.includes import include_folders
from compile.toolchain import Tool, find_gcc
from data.source_file import SourceFile

UNIT, CUBIN = "unit.cu", "unit.cubin"
HEADER = "cuda_runtime.h"
# libstdc++ 12 includes bits/specfun.h in <cmath> where this is defined.
LEAN = """\
#if __has_include(<bits/c++config.h>)
#include <bits/c++config.h>
#undef _GLIBCXX_USE_STD_SPEC_FUNCS
#endif
"""
# The C side is compiled without contraction to fused multiply-add; so is this.
FLAGS = ("-std=c++17", "--fmad=false", "-D_Bool=bool")


@dataclass(frozen=True)
class Steps:
    """nvcc's own commands for unit.cu, as words of a shell, and the variables that they need."""

    variables: str
    preprocess: str
    rest: tuple[str, ...]


def cubin_script(
    text: str, command: Sequence[str], tool: Tool, source: SourceFile | None, *, unit: str = UNIT
) -> tuple[str, list[Path]]:
    """Commands that make unit.cubin from `text`, which is in the file `unit` of the working folder, and the files that
    they must see. `command` is nvcc with all its flags, the include folders and macros of `source` last. The status of
    the commands is nvcc's, and so are the messages."""
    nvcc = shlex.join([*command, "-cubin", "-o", CUBIN, unit])
    steps = _steps(tuple(command[: len(command) - len(_own_flags(source))]), unit)
    if steps is None or (source is not None and (source.defines or source.flags)):
        return nvcc, []
    header = _kept_header(tool, steps, unit, lean=_says_no_std(text, source))
    preprocessed = shlex.split(steps.preprocess)[-1]
    compiler, flags = _without_output(steps.preprocess).split(" ", 1)
    macros = flags.replace(f'-include "{HEADER}"', f'-imacros "{header / "macros.h"}"')
    own = f"{compiler} {shlex.join(_own_flags(source))} {macros}"
    kept = shlex.quote(str(header / "header.ii"))
    fast = [f"cat {kept} > {preprocessed}", f"{own} >> {preprocessed}", *steps.rest]
    return f"( {steps.variables} {' && '.join(fast)} ) 2>fast.err && cat fast.err >&2 || {nvcc}", [header]


def _says_no_std(text: str, source: SourceFile | None) -> bool:
    """Whether neither the text nor a file of the user's that it includes can name what lies in namespace std."""
    includes_own = re.search(r"#\s*include\s*[^<\s]", text) or (source is not None and include_folders(source))
    return re.search(r"\bstd\b", text) is None and not includes_own


def _own_flags(source: SourceFile | None) -> list[str]:
    return include_flags(source) if source is not None else []


@functools.cache
def _steps(command: tuple[str, ...], unit: str) -> Steps | None:
    """The commands of `--dryrun`, or None where they are not the three that are known."""
    argv = [*command, "--dryrun", "--keep", "-cubin", "-o", CUBIN, unit]  # --keep: files in the working folder
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    lines = [line[3:] for line in done.stderr.splitlines() if line.startswith("#$ ")]
    assigned = dict(line.split("=", 1) for line in lines if re.match(r"[A-Z_]+=", line))
    commands = [line for line in lines if not re.match(r"\w+=", line)]
    known = len(commands) == 3 and " -E " in commands[0] and "/cicc" in commands[1] and "ptxas" in commands[2]
    if done.returncode != 0 or not known or f'-include "{HEADER}"' not in commands[0]:
        return None
    names = ("CICC_PATH", "LD_LIBRARY_PATH")
    variables = "".join(f"export {name}={shlex.quote(assigned[name])}; " for name in names if name in assigned)
    return Steps(variables, commands[0], tuple(commands[1:]))


def _without_output(command: str) -> str:
    return command[: command.rindex(" -o ")]


@functools.cache
def _kept_header(tool: Tool, steps: Steps, unit: str, *, lean: bool) -> Path:
    """The folder with header.ii and macros.h; `lean`: without the special functions. Raises OwnBuildFailedError."""
    gcc = find_gcc()
    before = LEAN if lean else ""
    key = ["cuda header 2", str(tool.path), tool.version, str(gcc.path), gcc.version, steps.preprocess, before]

    def run(command: str, folder: Path) -> str:
        done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, timeout=120, cwd=folder)
        if done.returncode != 0:
            raise OwnBuildFailedError(f"{command}:\n{done.stderr}")
        return done.stdout

    def make(header: Path) -> None:
        folder = header.parent
        (folder / unit).write_text("", encoding="utf-8")
        (folder / "before.h").write_text(before, encoding="utf-8")
        plain = steps.variables + _without_output(steps.preprocess)
        command = plain.replace(f'-include "{HEADER}"', f'-include before.h -include "{HEADER}"')
        text = run(command, folder)
        end = text.rindex(f'# 1 "{unit}"')
        bare = plain.replace(f'-include "{HEADER}"', "")
        after, old = (run(f"{form} -dM", folder).splitlines() for form in (command, bare))
        (folder / "macros.h").write_text(_changed_macros(old, after), encoding="utf-8")
        (folder / unit).unlink()
        header.write_text(text[:end], encoding="utf-8")

    return cached("header.ii", key, make).parent


def _changed_macros(before: Sequence[str], after: Sequence[str]) -> str:
    """What makes the macros `after` of the macros `before`, both as #define lines. A header of the system, like those
    that the macros come from: nvcc does not warn of what they expand to."""

    def names(lines: Sequence[str]) -> dict[str, str]:
        return {re.split(r"[\s(]", line.removeprefix("#define "), maxsplit=1)[0]: line for line in lines}

    old, new = names(before), names(after)
    gone = [f"#undef {name}" for name in old if old[name] != new.get(name)]
    made = [new[name] for name in new if old.get(name) != new[name]]
    return "\n".join(["#pragma GCC system_header", *gone, *made, ""])
