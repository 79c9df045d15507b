"""`own_wrappers`: host wrappers for a kernel that takes the C function's parameters, where the benchmark's own passes
others."""

from __future__ import annotations

from compile.cuda_parts import Kernel

NAME = "musl_own_wrapper"
# A thread for each element of the largest array, in one dimension and in two.
_LAUNCHES = (("most / 256 + 1", "256"), ("dim3(most / 16 + 1, most / 16 + 1)", "dim3(16, 16)"))


def own_wrappers(kernel: Kernel) -> list[str]:
    """The text of wrappers called `NAME`, one for each launch.

    What an array holds a wrapper asks the allocator: the driver gives every array a block of its own.
    """
    return [_wrapper(kernel, grid, block) for grid, block in _LAUNCHES]


def _wrapper(kernel: Kernel, grid: str, block: str) -> str:
    parameters = [(f"a{i}", kind) for i, kind in enumerate(kernel.types)]
    arrays = [name for name, kind in parameters if kind.endswith("*")]
    passed = ", ".join(f"({kind})d_{name}" if name in arrays else name for name, kind in parameters)
    lines = [
        "size_t most = 1;",
        *(line for name in arrays for line in _upload(name)),
        f"{kernel.name}<<<{grid}, {block}>>>({passed});",
        *(f"cudaMemcpy({a}, d_{a}, n_{a}, cudaMemcpyDeviceToHost); cudaFree(d_{a});" for a in arrays),
    ]
    taken = ", ".join(f"{kind} {name}" for name, kind in parameters)
    body = "".join(f"    {line}\n" for line in lines)
    return f"#include <malloc.h>\nvoid {NAME}({taken}) {{\n{body}}}\n"


def _upload(array: str) -> list[str]:
    return [
        f"void *d_{array};",
        f"size_t n_{array} = malloc_usable_size({array});",
        f"if (n_{array} / sizeof(*{array}) > most) most = n_{array} / sizeof(*{array});",
        f"cudaMalloc(&d_{array}, n_{array});",
        f"cudaMemcpy(d_{array}, {array}, n_{array}, cudaMemcpyHostToDevice);",
    ]
