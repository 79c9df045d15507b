"""`find_gpu`: the CUDA device of this machine, or why there is none."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# What shows at no cost that a driver is loaded: NVIDIA's module on Linux, or the paravirtual device of WSL.
DEVICE_FILES = (Path("/dev/nvidiactl"), Path("/dev/dxg"))

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
with open("/proc/self/maps") as maps:
    library = next(line.split()[-1] for line in maps if "/libcuda.so" in line)
print(count, memory.value, *values, name.value.decode(), library, sep="\\n")
"""


@dataclass(frozen=True)
class GpuInfo:
    """The first CUDA device of this machine. `arch` is `sm_NN`, `count` the number of devices, `library` the driver's
    libcuda.so.1."""

    name: str
    arch: str
    memory_bytes: int
    count: int
    library: Path

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
    if done.returncode != 0 or len(lines) != 6:
        return None
    return GpuInfo(lines[4], f"sm_{lines[2]}{lines[3]}", int(lines[1]), int(lines[0]), Path(lines[5]))


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


def device_environment() -> dict[str, str]:
    """What a run on the device needs: containers name the folder of the driver's library in a variable that the sandbox
    does not pass on."""
    gpu = find_gpu()
    return {"LD_LIBRARY_PATH": str(gpu.library.parent)} if gpu is not None else {}


def device_files() -> Iterator[Path]:
    """What the CUDA driver opens: its devices, the topology of the machine, and its libraries outside /usr."""
    gpu = find_gpu()
    if gpu is not None and not gpu.library.is_relative_to("/usr"):
        yield gpu.library.parent
    yield from sorted(Path("/dev").glob("nvidia*"))
    for path in ("/dev/dxg", "/sys", "/usr/local/nvidia", "/usr/lib/wsl", "/run/opengl-driver"):
        if Path(path).exists():
            yield Path(path)
