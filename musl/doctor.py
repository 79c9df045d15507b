"""`musl doctor`: what this machine has, what is missing, and the command that installs it."""

from __future__ import annotations

import json as json_format
import platform
import re
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from rich.console import Console
from rich.text import Text

from compile.gpu.device import find_gpu
from compile.gpu.plan import find_sanitizer, why_no_worker
from compile.sandbox import Sandbox, SandboxUnavailable, limits_that_hold
from compile.toolchain import Tool, ToolchainMissing, find_gcc, find_gcov, find_gxx, find_nvcc

EXIT_READY, EXIT_NOT_READY = 0, 3


@dataclass(frozen=True)
class Finding:
    """One thing looked for. Without a `required` one `translate` cannot work; `remedy` is a command or a sentence."""

    name: str
    found: bool
    required: bool
    detail: str
    remedy: str = ""


def examine() -> list[Finding]:
    """Everything that `translate` uses, found out by trying it."""
    return [
        _compiler("gcc", find_gcc),
        _compiler("g++", find_gxx),
        _compiler("gcov", find_gcov),
        _sandbox(),
        _nvcc(),
        _gpu(),
        _pycuda(),
        _sanitizer(),
        *_packages(),
    ]


def run_doctor(*, json: bool) -> int:
    """Print the findings; 0 where `translate` can work, else 3."""
    findings = examine()
    ready = all(finding.found for finding in findings if finding.required)
    if json:
        print(json_format.dumps({"ready": ready, "findings": [asdict(finding) for finding in findings]}, indent=2))
    else:
        _show(findings, ready)
    return EXIT_READY if ready else EXIT_NOT_READY


def _show(findings: list[Finding], ready: bool) -> None:
    console = Console(soft_wrap=True, highlight=False)
    width = max(len(finding.name) for finding in findings) + 2
    console.print(f"Python {platform.python_version()} on {platform.machine()}, {platform.system()}")
    for finding in findings:
        mark, style = (
            ("ok", "green") if finding.found else (("missing", "red") if finding.required else ("none", "yellow"))
        )
        console.print(Text.assemble((mark.ljust(9), style), finding.name.ljust(width), finding.detail))
        if not finding.found and finding.remedy:
            console.print(Text(" " * (9 + width) + finding.remedy, style="bold"))
    console.print(
        "translate can work here" if ready else "translate cannot work here until the missing parts are there"
    )


def _compiler(name: str, find: Callable[[], Tool]) -> Finding:
    try:
        tool = find()
    except ToolchainMissing as error:
        return Finding(name, False, True, "not found", str(error))
    return Finding(name, True, True, f"{tool.version} ({tool.path})")


def _sandbox() -> Finding:
    """Compiles and runs a small program the way `translate` does it."""
    name = "sandbox"
    with tempfile.TemporaryDirectory(prefix="musl-") as folder:
        program = Path(folder) / "hello.c"
        program.write_text("int main(void) { return 0; }\n")
        try:
            sandbox = Sandbox(Path(folder))
            built = sandbox.run([find_gcc().path, program.name, "-o", "hello"], writable=True)
            ran = sandbox.run([Path(folder) / "hello"]) if built.ok else built
        except SandboxUnavailable as error:
            return Finding(name, False, True, "does not work", str(error))
        except ToolchainMissing as error:
            return Finding(name, False, True, "could not be tried", str(error))
    if not ran.ok:
        return Finding(name, False, True, f"a program does not run in it: {ran.message}", "see CONTRIBUTING.md")
    return Finding(name, True, True, f"bubblewrap; a program was built and run in it; {limits_that_hold()}")


def _nvcc() -> Finding:
    tool = find_nvcc()
    if tool is not None:
        return Finding("nvcc", True, False, f"{tool.version} ({tool.path})")
    remedy = "pip install 'musl-cuda[cuda]' (compiles the output as a further check; no GPU is needed)"
    return Finding("nvcc", False, False, "not found", remedy)


def _gpu() -> Finding:
    gpu = find_gpu()
    if gpu is None:
        return Finding("gpu", False, False, "no CUDA device; the emulator runs CUDA on the CPU")
    return Finding("gpu", True, False, str(gpu))


def _pycuda() -> Finding:
    reason = why_no_worker()
    if not reason:
        return Finding("pycuda", True, False, version("pycuda"))
    return Finding("pycuda", False, False, reason, "pip install 'musl-cuda[gpu]' (runs candidates on a GPU)")


def _sanitizer() -> Finding:
    program = find_sanitizer()
    if program is None:
        return Finding("compute-sanitizer", False, False, "not found; it comes with the CUDA toolkit")
    return Finding("compute-sanitizer", True, False, str(program))


def _packages() -> list[Finding]:
    """The packages that the core declares."""
    try:
        declared = requires("musl-cuda") or []
    except PackageNotFoundError:
        return [Finding("musl-cuda", False, True, "not installed", "pip install -e .")]
    names = [_name(requirement) for requirement in declared if "extra ==" not in requirement]
    return [_package(name) for name in names]


def _name(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0]


def _package(name: str) -> Finding:
    try:
        return Finding(name, True, True, version(name))
    except PackageNotFoundError:
        return Finding(name, False, True, "not installed", f"pip install {name}")
