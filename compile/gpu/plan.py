"""`plan_worker`: what a worker on the GPU needs to know and to see, written down beside the two sides of a build.

The worker is this Python with PyCUDA in it, started inside the sandbox: the interpreter's folders and those of the
packages become visible there, read-only, and nothing else of the user's.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Literal, get_args

from compile.build import Build
from compile.gpu.device import device_environment
from compile.gpu.host import runtime_library
from compile.gpu.sides import Sides
from compile.gpu.symbols import read_symbols
from compile.sandbox import Sandbox
from compile.toolchain import find_nvcc
from compile.unit import UNIT

Sanitizer = Literal["memcheck", "racecheck", "initcheck", "synccheck"]
SANITIZERS: tuple[Sanitizer, ...] = get_args(Sanitizer)
NO_SANITIZER = (
    "compute-sanitizer was not found on PATH or in the CUDA toolkit: it comes with the toolkit, or "
    "`pip install nvidia-cuda-sanitizer-api`"
)
NO_PYCUDA = "PyCUDA is not installed (`pip install 'musl-cuda[gpu]'`)"
COMPILE = Path(__file__).resolve().parents[1]
# What a worker and its watchdog import of this project; no other file of it is seen where they run.
PARTS = ("__init__.py", "gpu/__init__.py", "gpu/protocol.py", "gpu/watchdog.py", "gpu/worker.py")
# PyCUDA is linked with cuRAND; where that comes as a wheel, the dynamic linker does not find it by itself.
LIBRARIES = ("libcurand.so.10",)


def why_no_worker() -> str:
    """Empty where PyCUDA is there, else one line."""
    return "" if importlib.util.find_spec("pycuda") is not None else NO_PYCUDA


@functools.cache
def find_sanitizer() -> Path | None:
    """NVIDIA's compute-sanitizer: on PATH, in nvcc's toolkit, or in its wheel."""
    found = shutil.which("compute-sanitizer")
    if found:
        return Path(found).resolve()
    tool = find_nvcc()
    folders = [tool.path.parent, tool.path.parent.parent / "compute-sanitizer"] if tool is not None else []
    folders += [place / "bin" for package in _site_folders() for place in sorted((package / "nvidia").glob("*"))]
    return next((place / "compute-sanitizer" for place in folders if (place / "compute-sanitizer").is_file()), None)


def plan_worker(sides: Sides, sandbox: Sandbox, device: tuple[Path, ...], sanitizer: Sanitizer | None = None) -> Build:
    """The build whose executable is the watchdog over a worker for these sides. `device` is what the driver opens."""
    folder, runtime = sides.folder, runtime_library()
    python = [sys.executable, "-s", "-P"]
    call = next(symbol.address for symbol in read_symbols(folder / UNIT) if symbol.name == "musl_call")
    checker = find_sanitizer() if sanitizer is not None else None
    plan = {
        "worker": [*python, "-m", "compile.gpu.worker"],
        "sanitizer": [str(checker), "--tool", sanitizer] if checker is not None else [],
        "runtime": str(runtime),
        "libraries": [str(path) for path in _libraries()],
        "musl_call": call,
        "matches": [
            {
                "name": match.device_name,
                "address": match.address,
                "size": match.size,
                "stub": match.stub,
                "parameters": match.parameters,
            }
            for match in sides.matches
        ],
    }
    (folder / "gpu.json").write_text(json.dumps(plan), encoding="utf-8")
    script = shlex.join([*python, "-m", "compile.gpu.watchdog", str(folder)])
    (folder / "run").write_text(f'#!/bin/sh\nexec {script} "$@"\n', encoding="utf-8")
    (folder / "run").chmod(0o755)
    seen = [*device, runtime.parent, *_python_folders(), *(COMPILE / name for name in PARTS), *_libraries()]
    if checker is not None:
        seen.append(checker.parent.parent)
    return Build(
        folder / "run",
        "gpu",
        sandbox,
        warnings=sides.warnings,
        readable=tuple(path for path in dict.fromkeys(seen) if not path.is_relative_to("/usr")),
        environment={
            **device_environment(),
            "PYTHONPATH": os.pathsep.join([str(COMPILE.parent), *map(str, _site_folders())]),
        },
        restricted=False,
        bounded=False,
    )


def _site_folders() -> list[Path]:
    """Where this process finds packages, PyCUDA among them."""
    places = [Path(entry).resolve() for entry in sys.path if entry]
    return [place for place in places if place.is_dir() and (place / "pycuda").is_dir()] + [
        place for place in places if place.name in ("site-packages", "dist-packages")
    ]


def _python_folders() -> list[Path]:
    """The interpreter's own, as named and as resolved, and those of the packages."""
    program = Path(sys.executable)
    names = [Path(sys.prefix), Path(sys.base_prefix), program.parent, program.resolve().parent]
    if not program.resolve().is_relative_to(Path(sys.base_prefix).resolve()):
        names.append(program.resolve().parent.parent)
    return [path for path in dict.fromkeys([*names, *_site_folders()]) if path.is_dir() and path != Path("/")]


def _libraries() -> list[Path]:
    found = []
    for name in LIBRARIES:
        places = [path for folder in _site_folders() for path in sorted(folder.glob(f"nvidia/*/lib/{name}"))]
        found += places[:1]
    return found
