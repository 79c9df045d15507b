"""`compile_nvcc`: does NVIDIA's compiler accept this CUDA text, and what does it warn of?

nvcc is found on PATH or in the wheels (compile/toolchain.py). `nvcc -cuda` runs the front end over the host and the
device side and compiles the device side to machine code; it leaves out only the host's own code generation, which
takes as long again and can refuse nothing that the front end accepted.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from compile.gpu.cubin import cubin_script
from compile.gpu.device import find_gpu
from compile.host import include_flags, run_script, run_steps
from compile.includes import include_folders
from compile.outcome import Outcome, Status
from compile.sandbox import Sandbox
from compile.toolchain import Tool, find_nvcc
from data.source_file import SourceFile

DEFAULT_ARCH = "sm_80"
MISSING = (
    "nvcc was not found on PATH or in site-packages: install the CUDA toolkit, or "
    "`pip install nvidia-cuda-nvcc nvidia-cuda-runtime nvidia-cuda-crt nvidia-cuda-cccl nvidia-nvvm`"
)


def compile_nvcc(
    cuda_text: str,
    scratch: Path,
    sandbox: Sandbox,
    arch: str | None = None,
    device_only: bool = False,
    source: SourceFile | None = None,
) -> Outcome:
    """OK where nvcc accepts the text (its warnings are in `stderr`), COMPILE_ERROR with its words where not.

    `arch` is `sm_NN`; by default that of the GPU of this machine, else sm_80. `device_only` checks kernels alone, in
    half the time. `source` is the file that the text was made from: its include folders and macros hold for the text
    too. Without nvcc the outcome is INFRASTRUCTURE.
    """
    tool = find_nvcc()
    if tool is None:
        return Outcome(Status.INFRASTRUCTURE, stderr=MISSING.encode())
    folder = Path(tempfile.mkdtemp(prefix="nvcc-", dir=scratch)).resolve()
    name = source.path.with_suffix(".cu").name if source is not None else "unit.cu"
    unit = folder / name
    unit.write_text(cuda_text, encoding="utf-8")
    command, own = nvcc_command(tool, arch, source), sandbox.within(folder)
    if device_only:
        script, more = cubin_script(cuda_text, command, tool, source, unit=unit.name)
        outcome = run_script(script, own, [*more, *nvcc_folders(tool, source)])
    else:
        outcome = run_steps([[*command, "-cuda", "-o", "unit.ii", unit.name]], own, nvcc_folders(tool, source))
    return replace(outcome, stdout=b"", stderr=spoken(outcome.stderr + outcome.stdout).encode())


def nvcc_command(tool: Tool, arch: str | None, source: SourceFile | None) -> list[str]:
    """nvcc with the flags that every use shares: architecture, language, include folders and macros."""
    return [
        *(str(tool.path), f"-arch={arch or default_arch()}", "-std=c++17", *_wheel_flags(tool)),
        *(include_flags(source) if source is not None else ()),
    ]


def nvcc_folders(tool: Tool, source: SourceFile | None) -> Sequence[Path]:
    """What nvcc must see in the sandbox."""
    return [*tool.roots, *(include_folders(source) if source is not None else ())]


def default_arch() -> str:
    """The architecture of this machine's GPU, else sm_80."""
    gpu = find_gpu()
    return gpu.arch if gpu is not None else DEFAULT_ARCH


def _wheel_flags(tool: Tool) -> list[str]:
    """The wheels before CUDA 13 keep headers and libdevice in packages beside nvcc's, where it does not look by
    itself."""
    if "site-packages" not in tool.path.parts and "dist-packages" not in tool.path.parts:
        return []
    packages = tool.path.parent.parent.parent
    folders = [package / "include" for package in sorted(packages.iterdir()) if (package / "include").is_dir()]
    return [f"-I{folder}" for folder in folders]


def spoken(output: bytes) -> str:
    """What nvcc said, without the remark on how to switch warnings off."""
    text = output.decode("utf-8", "replace")
    return re.sub(r"^Remark: The warnings can be suppressed[^\n]*\n\s*\n?", "", text, flags=re.MULTILINE)
