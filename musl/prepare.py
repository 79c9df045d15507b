"""What `translate_file` checks and finds out before the work begins; every obstacle is one clear line."""

from __future__ import annotations

import contextlib
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from compile.gpu.device import find_gpu, why_no_gpu
from compile.preprocessor import sandboxed_runner
from compile.sandbox import Sandbox, SandboxUnavailable
from compile.toolchain import ToolchainMissing, find_gcc, find_gxx, find_nvcc
from data.preprocess import use_runner
from data.read_source import read_source
from data.source_file import SourceFile
from musl.compile_commands import BuildFlags, read_build_flags
from musl.errors import MachineError, UsageError

Device = Literal["emulator", "gpu"]


def check_compilers() -> None:
    """MachineError where there is no gcc or g++: nothing could be run."""
    try:
        find_gcc()
        find_gxx()
    except ToolchainMissing as error:
        raise MachineError(str(error)) from None


def read_file(path: Path, include_dirs: Sequence[Path], defines: Sequence[str], build: Path | None) -> SourceFile:
    """The file with the flags of its build (`-p`) and those of the command line, which come first."""
    flags = read_build_flags(build, path) if build is not None else BuildFlags()
    missing = [folder for folder in include_dirs if not folder.is_dir()]
    if missing:
        raise UsageError(f"-I {missing[0]}: no such folder")
    folders = [folder.resolve() for folder in include_dirs]
    return read_source(path, [*folders, *flags.include_dirs], [*flags.defines, *defines], flags.flags)


def parse_extents(extents: Sequence[str]) -> dict[str, str]:
    """{"a": "n*m"} of ["a=n*m"]; UsageError for anything else."""
    parsed: dict[str, str] = {}
    for extent in extents:
        name, equals, size = (part.strip() for part in extent.partition("="))
        if not (name.isidentifier() and equals and size):
            raise UsageError(f"--extent {extent}: write it as NAME=ELEMENTS, for example --extent 'a=n*m'")
        if re.sub(r"[\w\s()+*/-]", "", size):
            raise UsageError(f"--extent {extent}: ELEMENTS is made of names, integers and + - * / ( )")
        parsed[name] = size
    return parsed


def choose_device(device: str) -> Device:
    """Where the CUDA side runs. `auto` is the GPU where there is one and nvcc to compile for it, else the emulator."""
    if device not in ("auto", "emulator", "gpu"):
        raise UsageError(f"--device {device}: choose auto, emulator or gpu")
    if device == "emulator":
        return "emulator"
    lacking = _what_a_gpu_run_lacks()
    if device == "gpu" and lacking:
        raise UsageError(f"--device gpu: {lacking}; --device emulator runs the CUDA side on the CPU")
    return "emulator" if lacking else "gpu"


def _what_a_gpu_run_lacks() -> str:
    if find_gpu() is None:
        return why_no_gpu()
    return "nvcc was not found" if find_nvcc() is None else ""


@contextlib.contextmanager
def preprocessing_in(sandbox: Sandbox | None) -> Iterator[None]:
    """Everything that is preprocessed in the body goes through the sandbox. Where there is none, the preprocessor runs
    with the user's rights (it executes nothing, and nothing else is run then). MachineError where the sandbox fails."""
    if sandbox is None:
        yield
        return
    try:
        with use_runner(sandboxed_runner(sandbox)):
            yield
    except SandboxUnavailable as error:
        raise MachineError(str(error)) from None


def make_sandbox(scratch: Path, *, unsafe: bool) -> tuple[Sandbox | None, str]:
    """The sandbox, or None with the reason: then the code under test is not run at all."""
    try:
        return Sandbox(scratch, unsafe=unsafe), ""
    except SandboxUnavailable as error:
        return None, f"{error}; or --unsafe-no-sandbox runs the code without isolation"


def choose_runs(run_args: Sequence[str], files: Sequence[SourceFile], path: Path) -> tuple[tuple[str, ...], ...]:
    """The arguments of each run of the whole program: those given, else one run without any; none without a `main`."""
    if any(defines_main(file.text) for file in files):
        return tuple(tuple(split_arguments(text)) for text in run_args) or ((),)
    if run_args:
        raise UsageError(f"{path}: --run-args is for programs, and no main is defined here")
    return ()


def defines_main(text: str) -> bool:
    """Whether a C text looks as if it defined `main`; what it decides is settled by the compiler."""
    return re.search(r"^[^\n#/]*\bmain\s*\([^;]*?\)\s*\{", text, re.MULTILINE) is not None


def split_arguments(text: str) -> list[str]:
    """The words of a shell-like string; UsageError where a quote stays open."""
    try:
        return shlex.split(text)
    except ValueError as error:
        raise UsageError(f"--run-args {text}: {error}") from None
