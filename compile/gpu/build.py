"""`build_gpu`: makes of a .cu text what runs on a real GPU.

The two sides of a .cu text are compiled at the same time: the device side by nvcc to a cubin (compile/gpu/cubin.py),
the host side by g++ to a unit that calls MuSL's runtime over NVIDIA's driver (compile/gpu/host.py). Every kernel and
variable of the host side is then looked up in the cubin (compile/gpu/symbols.py). A worker (compile/gpu/worker.py) runs
all tests of a candidate in one process on the device, through PyCUDA; a watchdog (compile/gpu/watchdog.py) kills it
where a test hangs, and starts another where one crashes or loses the context.

Where the host side is beyond that (managed variables, libraries of CUDA, what g++ refuses), or PyCUDA is absent, nvcc
builds the whole program (compile/gpu/whole.py), and the build's warnings begin with the reason: never silently.

Contraction to fused multiply-add is off, as on the C side. What is not contained: the GPU's driver sees the code under
test, and the process that runs it has the device; the sandbox keeps files and the network from it as from all others.
The results come from that process, too: code that forges them can say that it ran, but not what is right, as it never
sees what is expected.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from compile.build import Build
from compile.gpu.device import device_files, find_gpu, why_no_gpu
from compile.gpu.plan import NO_SANITIZER, Sanitizer, find_sanitizer, plan_worker, why_no_worker
from compile.gpu.sides import CudaUnit, compile_sides
from compile.gpu.whole import build_whole
from compile.nvcc import DEFAULT_ARCH, MISSING
from compile.outcome import Outcome, Status
from compile.sandbox import Sandbox
from compile.toolchain import find_nvcc
from data.function import Function
from data.source_file import SourceFile


def build_gpu(
    cuda_text: str,
    function: Function,
    scratch: Path,
    sandbox: Sandbox,
    source: SourceFile | None = None,
    *,
    arch: str | None = None,
    sanitizer: Sanitizer | None = None,
    require_device: bool = True,
) -> Build | Outcome:
    """What calls `function` of the .cu text on the GPU, for `runner.run_tests` and `gpu.timing.time_gpu`; the
    COMPILE_ERROR with nvcc's words; or INFRASTRUCTURE where there is no GPU, no nvcc or no `sanitizer`.

    Arguments as for `build_emulated` (compile/emulator/build.py). `arch` is `sm_NN`, by default that of the device.
    `sanitizer` runs the tests under NVIDIA's compute-sanitizer: what it reports fails the test, with its words. With
    `require_device=False` both sides are built where there is no GPU too, for measuring; what comes out runs nowhere
    but on a GPU.
    """
    gpu, tool = find_gpu(), find_nvcc()
    if tool is None or (gpu is None and require_device):
        return Outcome(Status.INFRASTRUCTURE, stderr=(MISSING if tool is None else why_no_gpu()).encode())
    if sanitizer is not None and find_sanitizer() is None:
        return Outcome(Status.INFRASTRUCTURE, stderr=NO_SANITIZER.encode())
    folder = Path(tempfile.mkdtemp(prefix="gpu-", dir=scratch)).resolve()
    name = str((source.path if source is not None else function.path).with_suffix(".cu"))
    unit, own = CudaUnit(cuda_text, name, function, source), sandbox.within(folder)
    wanted = arch or (gpu.arch if gpu is not None else DEFAULT_ARCH)
    sides = compile_sides(unit, own, tool, wanted)
    if isinstance(sides, Outcome):
        return sides
    reason = sides.reason or (why_no_worker() if require_device else "")
    if reason and sanitizer is not None:
        text = f"{sanitizer} needs a build that runs through PyCUDA, which this is not: {reason}"
        return Outcome(Status.INFRASTRUCTURE, stderr=text.encode())
    if reason:
        return build_whole(unit, own, tool, wanted, tuple(device_files()), reason)
    return plan_worker(sides, own, tuple(device_files()), sanitizer)
