"""Running CUDA on a real GPU: `find_gpu` says whether there is one, `build_gpu` makes an executable for it.

The executable is the same .cu text with the same test driver as in the emulator, compiled by nvcc; each test runs in
a process of its own, which starts the device itself and can be killed. Contraction to fused multiply-add is off, as
on the C side.
"""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from compile.build import Build
from compile.driver.stub import make_stub
from compile.host import driver_object, run_steps
from compile.outcome import Outcome, Status
from compile.sandbox import Sandbox
from compile.toolchain import find_nvcc
from data.function import Function
from data.source_file import SourceFile

HERE = Path(__file__).resolve().parent
HOOKS = HERE / "gpu_runtime" / "hooks.cpp"
# What shows at no cost that a driver is loaded: NVIDIA's module on Linux, or the paravirtual device of WSL.
DEVICE_FILES = (Path("/dev/nvidiactl"), Path("/dev/dxg"))
WRAPPED = ("__cudaPushCallConfiguration", "cudaMalloc")

# Asks libcuda in a process of its own, because initialising CUDA takes memory and forbids a later fork.
_QUERY = """
import ctypes
cuda = ctypes.CDLL("libcuda.so.1")
number = ctypes.c_int()
assert cuda.cuInit(0) == 0 and cuda.cuDeviceGetCount(ctypes.byref(number)) == 0 and number.value > 0
count, device, name = number.value, ctypes.c_int(), ctypes.create_string_buffer(256)
memory, values = ctypes.c_size_t(), []
assert cuda.cuDeviceGet(ctypes.byref(device), 0) == 0
cuda.cuDeviceGetName(name, 256, device)
cuda.cuDeviceTotalMem_v2(ctypes.byref(memory), device)
for attribute in (75, 76):
    cuda.cuDeviceGetAttribute(ctypes.byref(number), attribute, device)
    values.append(number.value)
print(count, memory.value, *values, name.value.decode(), sep="\\n")
"""


@dataclass(frozen=True)
class GpuInfo:
    """The first CUDA device of this machine. `arch` is `sm_NN`, `count` the number of devices."""

    name: str
    arch: str
    memory_bytes: int
    count: int

    def __str__(self) -> str:
        more = f", {self.count} devices" if self.count > 1 else ""
        return f"{self.name} ({self.arch}, {self.memory_bytes / 2**30:.0f} GiB{more})"


@functools.cache
def find_gpu() -> GpuInfo | None:
    """The CUDA device of this machine, or None. Cheap where there is none: nothing is loaded or started then."""
    if not any(path.exists() for path in DEVICE_FILES):
        return None
    try:
        done = subprocess.run([sys.executable, "-c", _QUERY], capture_output=True, text=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        return None
    lines = done.stdout.splitlines()
    if done.returncode != 0 or len(lines) != 5:
        return None
    return GpuInfo(lines[4], f"sm_{lines[2]}{lines[3]}", int(lines[1]), int(lines[0]))


def why_no_gpu() -> str:
    """One line that says why `find_gpu` finds none, for a person; empty where it finds one."""
    if find_gpu() is not None:
        return ""
    if not any(path.exists() for path in DEVICE_FILES):
        return "no CUDA device: NVIDIA's driver is not loaded (there is no /dev/nvidiactl)"
    program = shutil.which("nvidia-smi")
    if program is None:
        return "NVIDIA's driver is loaded, but libcuda.so.1 does not start and nvidia-smi was not found"
    done = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=60, check=False)
    said = re.sub(r"\s+", " ", done.stdout + done.stderr).strip()
    return f"NVIDIA's driver is loaded, but libcuda.so.1 finds no device (nvidia-smi: {said})"


def build_gpu(
    cuda_text: str, function: Function, scratch: Path, sandbox: Sandbox, source: SourceFile | None = None
) -> Build | Outcome:
    """An executable that calls `function` of the .cu text on the GPU, for `runner.run_tests`; the COMPILE_ERROR with
    nvcc's words; or INFRASTRUCTURE where there is no GPU or no nvcc. Arguments as for `build_emulated`
    (compile/emulator/build.py)."""
    from compile.nvcc import MISSING, nvcc_command, nvcc_folders

    gpu, tool = find_gpu(), find_nvcc()
    if gpu is None or tool is None:
        return Outcome(Status.INFRASTRUCTURE, stderr=(MISSING if tool is None else why_no_gpu()).encode())
    folder = Path(tempfile.mkdtemp(prefix="gpu-", dir=scratch)).resolve()
    name = (source.path if source is not None else function.path).with_suffix(".cu")
    text = f'#line 1 "{name}"\n{cuda_text}\n{make_stub(function, cplusplus=True)}'
    (folder / "unit.cu").write_text(text, encoding="utf-8")
    driver = driver_object()
    step = [
        *nvcc_command(tool, gpu.arch, source),
        *("-O2", "--fmad=false", "-D_Bool=bool", "-Dmain=musl_user_main", f"-I{HERE / 'driver'}"),
        *("-Xcompiler", "-ffp-contract=off,-fno-strict-aliasing"),
        *(word for name in WRAPPED for word in ("-Xlinker", f"--wrap={name}")),
        *("unit.cu", str(HOOKS), str(driver), "-o", "run"),
    ]
    own = sandbox.within(folder)
    outcome = run_steps([step], own, [*nvcc_folders(tool, source), HERE / "driver", HOOKS.parent, driver.parent])
    if not outcome.ok:
        return outcome
    readable = tuple(_device_files())
    return Build(
        folder / "run", "gpu", own, warnings=outcome.message, readable=readable, restricted=False, bounded=False
    )


def _device_files() -> Iterator[Path]:
    """What the CUDA driver opens: its devices, the topology of the machine, and its libraries outside /usr."""
    yield from sorted(Path("/dev").glob("nvidia*"))
    for path in ("/dev/dxg", "/sys", "/usr/local/nvidia", "/usr/lib/wsl", "/run/opengl-driver"):
        if Path(path).exists():
            yield Path(path)
