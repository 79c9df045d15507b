"""`build_whole`: a .cu text and the test driver compiled by nvcc to one executable.

The slower way (compile/gpu/build.py has the usual one): nvcc compiles the host side too, which takes seconds, and each
test starts the device anew in a process of its own. It takes every program that nvcc takes.
"""

from __future__ import annotations

from pathlib import Path

from compile.build import Build
from compile.driver.stub import make_stub
from compile.gpu.device import device_environment
from compile.gpu.sides import CudaUnit
from compile.host import DRIVER_HEADER, driver_object, run_steps
from compile.nvcc import nvcc_command, nvcc_folders
from compile.outcome import Outcome
from compile.sandbox import Sandbox
from compile.toolchain import Tool

HOOKS = Path(__file__).resolve().parent / "runtime" / "hooks.cpp"
WRAPPED = ("__cudaPushCallConfiguration", "cudaMalloc")


def build_whole(
    unit: CudaUnit, sandbox: Sandbox, tool: Tool, arch: str, readable: tuple[Path, ...], reason: str
) -> Build | Outcome:
    """The executable in the sandbox's folder, or the COMPILE_ERROR with nvcc's words. `reason` says why this way was
    taken; it is the first line of the build's warnings. `readable` is what a run on the device needs."""
    stub = make_stub(unit.function, cplusplus=True)
    (sandbox.scratch / "whole.cu").write_text(f'#line 1 "{unit.name}"\n{unit.text}\n{stub}', encoding="utf-8")
    driver = driver_object()
    step = [
        *nvcc_command(tool, arch, unit.source),
        *("-O2", "--fmad=false", "-D_Bool=bool", "-Dmain=musl_user_main", f"-I{DRIVER_HEADER.parent}"),
        *("-Xcompiler", "-ffp-contract=off,-fno-strict-aliasing"),
        *(word for name in WRAPPED for word in ("-Xlinker", f"--wrap={name}")),
        *("whole.cu", str(HOOKS), str(driver), "-o", "run"),
    ]
    seen = [*nvcc_folders(tool, unit.source), DRIVER_HEADER.parent, HOOKS.parent, driver.parent]
    outcome = run_steps([step], sandbox, seen)
    if not outcome.ok:
        return outcome
    said = f"built whole by nvcc: {reason}\n{outcome.message}".strip()
    return Build(
        sandbox.scratch / "run",
        "gpu",
        sandbox,
        warnings=said,
        readable=readable,
        environment=device_environment(),
        restricted=False,
        bounded=False,
    )
