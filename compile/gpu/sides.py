"""`compile_sides`: both sides of a .cu text, compiled at the same time in one sandbox."""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from compile.emulator.rewrite import RewriteError
from compile.emulator.tokens import tokenize
from compile.gpu.cubin import CUBIN, FLAGS, cubin_script
from compile.gpu.host import host_steps, runtime_library
from compile.gpu.symbols import Match, match_symbols, read_symbols
from compile.host import COMPILE_LIMITS, include_flags
from compile.imports import DYNAMIC_LINKER
from compile.includes import include_folders
from compile.nvcc import nvcc_command, nvcc_folders, spoken
from compile.outcome import Outcome, Status
from compile.sandbox import Sandbox
from compile.toolchain import Tool
from compile.unit import UNIT, open_ends
from data.function import Function
from data.source_file import SourceFile

# What a worker calls of the runtime: no unit may.
_WITHHELD = frozenset(f"musl_gpu_{name}" for name in ("load", "open", "arguments", "begin", "end", "threads", "close"))
_HOST_REFUSED = 77  # exit status of the script where only the host side failed


@dataclass(frozen=True)
class CudaUnit:
    """What is built: the text, its file's name for messages, the function to call, and the file that it was made from
    with its include folders and macros."""

    text: str
    name: str
    function: Function
    source: SourceFile | None = None


@dataclass(frozen=True)
class Sides:
    """`unit.cubin` and `unit.so` in `folder`, and what stands for what. `warnings` are nvcc's. Where `reason` is not
    empty there is no host side, or not all of it, and `reason` says what it lacks."""

    folder: Path
    matches: tuple[Match, ...] = ()
    warnings: str = ""
    reason: str = ""


def compile_sides(unit: CudaUnit, sandbox: Sandbox, tool: Tool, arch: str) -> Sides | Outcome:
    """The two sides in the sandbox's folder; the COMPILE_ERROR with nvcc's words where the device side is refused."""
    folder = sandbox.scratch
    reason = _beyond(unit.text)
    if reason:
        return Sides(folder, reason=reason)
    try:
        steps, readable = host_steps(unit.text, unit.name, unit.function, folder, unit.source)
    except RewriteError as error:
        return Sides(folder, reason=f"{unit.name}:{error}")
    (folder / "unit.cu").write_text(f'#line 1 "{unit.name}"\n{unit.text}\n', encoding="utf-8")
    command = [*nvcc_command(tool, arch, None), *FLAGS, *_includes(unit.source)]
    device, header = cubin_script(unit.text, command, tool, unit.source)
    visible = [*readable, *header, *nvcc_folders(tool, unit.source)]
    outcome = _run_together(device, steps, sandbox, [*visible, *_folders(unit.source)])
    said = spoken(outcome.stdout)
    if outcome.exit_code == _HOST_REFUSED:
        first = next((line for line in outcome.message.splitlines() if "error" in line), outcome.message[:200])
        return Sides(folder, warnings=said, reason=f"g++ does not take the host side: {first}")
    if outcome.status is Status.RUNTIME_ERROR:
        return Outcome(Status.COMPILE_ERROR, stderr=said.encode(), seconds=outcome.seconds)
    if not outcome.ok:
        return replace(outcome, stdout=b"", stderr=outcome.stdout + outcome.stderr)
    return _joined(folder, said)


def _beyond(text: str) -> str:
    """What the host side alone could not show: the host touches managed variables where it names them."""
    managed = any(token.text == "__managed__" for token in tokenize(text)) if "__managed__" in text else False
    return "managed variables" if managed else ""


def _includes(source: SourceFile | None) -> list[str]:
    return include_flags(source) if source is not None else []


def _folders(source: SourceFile | None) -> list[Path]:
    return include_folders(source) if source is not None else []


def _run_together(device: str, host: Sequence[Sequence[str]], sandbox: Sandbox, readable: Sequence[Path]) -> Outcome:
    """nvcc's words come out on stdout, g++'s on stderr. The status is 0, 77 for the host side alone, or nvcc's."""
    steps = " && ".join(shlex.join(step) for step in host)
    script = (
        f"( {device} ) 2>&1 & device=$!; ( {steps} ) >&2; host=$?; wait $device; device=$?; "
        f"[ $device -le 128 ] || exit $device; [ $device -eq 0 ] || exit 1; [ $host -eq 0 ] || exit {_HOST_REFUSED}"
    )
    environment = {"TMPDIR": str(sandbox.scratch)}
    argv = ["/bin/sh", "-c", script]
    return sandbox.run(argv, limits=COMPILE_LIMITS, readable=readable, writable=True, environment=environment)


def _joined(folder: Path, warnings: str) -> Sides:
    """The sides with every kernel and variable of the host side found in the cubin, or the first that is not."""
    taken = open_ends(folder / UNIT, DYNAMIC_LINKER | _WITHHELD)
    lacking = sorted(name for name in taken - _runtime_names() if re.match(r"(_Z\d+)?cuda[A-Z]|_ZN4musl\d", name))
    if lacking:
        return Sides(folder, warnings=warnings, reason=f"the runtime for the GPU has no {lacking[0]}")
    matches, absent = match_symbols(folder / UNIT, folder / CUBIN)
    reason = f"the device code has no {absent[0]}" if absent else ""
    return Sides(folder, tuple(matches), warnings, reason)


@functools.cache
def _runtime_names() -> frozenset[str]:
    return frozenset(symbol.name for symbol in read_symbols(runtime_library()))
