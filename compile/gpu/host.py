"""The host side of a build for a GPU: the text of the .cu file, its kernels turned into stubs, compiled by g++ to a
unit (compile/unit.py) that calls MuSL's runtime for the GPU (compile/gpu/runtime).

The text goes through the same rewriting, and is compiled against the same headers, as for the emulator; so a unit takes
0.2 s where nvcc takes 2 for the same host code.
"""

from __future__ import annotations

import functools
import subprocess
from collections.abc import Sequence
from pathlib import Path

from compile.cache import OwnBuildFailedError, cached, own_object
from compile.driver.stub import make_stub
from compile.emulator.build import INCLUDE, RENAME_MAIN
from compile.emulator.rewrite import rewrite
from compile.gpu.stubs import PREAMBLE, stub_device_code
from compile.host import include_flags
from compile.prelude import NO_SPECIAL_FUNCTIONS, names_special_function
from compile.toolchain import find_gxx
from compile.unit import link_step
from data.function import Function
from data.source_file import SourceFile

RUNTIME = Path(__file__).resolve().parent / "runtime"
RUNTIME_SOURCES = ("session.cpp", "launch.cpp", "memory.cpp", "device_api.cpp")
# As for the emulator, without its checks. Every load of a unit has variables of its own, those of templates too.
FLAGS = (
    "-fno-gnu-unique",
    *("-std=gnu++17", "-O1", "-g0", "-pipe", "-fPIC", "-ffp-contract=off", "-fno-fast-math", "-fno-strict-aliasing"),
    *("-D_Bool=bool", "-DMUSL_ON_DEVICE", f"-I{INCLUDE}"),
)
RUNTIME_FLAGS = (
    *("-std=c++17", "-O2", "-fPIC", "-fno-exceptions", "-fvisibility=hidden", "-DMUSL_ON_DEVICE", f"-I{INCLUDE}"),
)


def host_steps(
    cuda_text: str, name: str, function: Function, folder: Path, source: SourceFile | None
) -> tuple[list[list[str]], list[Path]]:
    """Writes unit.cpp into `folder`; the commands that make unit.so of it there, and what they must see. `name` is the
    file's, for messages. Raises RewriteError where the text cannot be rewritten."""
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    text = rewrite(stub_device_code(cuda_text)).text
    stub = make_stub(function, cplusplus=True)
    defines = source.defines if source is not None else ()
    macros = "".join(
        f"#define {define.replace('=', ' ', 1) if '=' in define else f'{define} 1'}\n" for define in defines
    )
    head = f'{RENAME_MAIN}{macros}{PREAMBLE}#line 1 "{quoted}"\n'
    (folder / "unit.cpp").write_text(f"{head}{text}\n{stub}", encoding="utf-8")
    header = precompiled_header(names_special_function(cuda_text))
    includes = [flag for flag in include_flags(source) if flag.startswith("-I")] if source is not None else []
    compiler = [
        str(find_gxx().path),
        *FLAGS,
        *includes,
        "-include",
        str(header),
        "-w",
        "-c",
        "unit.cpp",
        "-o",
        "unit.o",
    ]
    return [compiler, link_step(folder)], [INCLUDE, header.parent]


@functools.cache
def precompiled_header(special_functions: bool = False) -> Path:
    """A header that includes the emulator's cuda_runtime.h, compiled with FLAGS. Raises OwnBuildFailedError."""
    compiler = find_gxx()
    head = ("" if special_functions else NO_SPECIAL_FUNCTIONS) + "#include <cuda_runtime.h>\n"

    def make(path: Path) -> None:
        path.write_text(head, encoding="utf-8")
        argv = [str(compiler.path), *FLAGS, "-x", "c++-header", path.name, "-o", f"{path.name}.gch"]
        _run(argv, path.parent)

    return cached("musl_gpu_prefix.h", [str(compiler.path), compiler.version, *FLAGS, head, *_texts(_headers())], make)


@functools.cache
def runtime_library() -> Path:
    """MuSL's runtime for the GPU as a shared object; linked once per machine. Raises OwnBuildFailedError."""
    headers = [*_headers(), *sorted(RUNTIME.glob("*.h"))]
    objects = [own_object(RUNTIME / name, RUNTIME_FLAGS, headers) for name in RUNTIME_SOURCES]
    argv = [str(find_gxx().path), "-shared", *map(str, objects), "-ldl", "-o"]
    return cached("libmusl_gpu.so", argv, lambda path: _run([*argv, str(path)], path.parent))


def _headers() -> list[Path]:
    return sorted(INCLUDE.rglob("*.h"))


def _texts(paths: Sequence[Path]) -> list[bytes]:
    return [path.read_bytes() for path in paths]


def _run(argv: Sequence[str], folder: Path) -> None:
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        raise OwnBuildFailedError(f"{' '.join(argv)}:\n{done.stderr}")
