"""The MUSL codes of what the emulator does not have, MUSL301-399, each with its one-line description.

A program that needs one of these can only be verified on a GPU; that says nothing against the program.
"""

from __future__ import annotations

TEXTURE = "MUSL301"
DYNAMIC_PARALLELISM = "MUSL302"
INLINE_PTX = "MUSL303"
COOPERATIVE_LAUNCH = "MUSL304"
CLUSTER = "MUSL305"
WARP_MATRIX = "MUSL306"
DEVICE_LIBRARY = "MUSL307"
GRAPH = "MUSL308"
LIBCUXX = "MUSL309"
ASYNCHRONOUS_COPY = "MUSL310"
NAMED_BARRIER = "MUSL311"
DRIVER_API = "MUSL312"
RUNTIME_API = "MUSL313"
INTRINSIC = "MUSL314"
NARROW_FLOAT = "MUSL315"
ARCHITECTURE = "MUSL316"

EMULATOR_CODES: dict[str, str] = {
    TEXTURE: "a texture, a surface or a CUDA array",
    DYNAMIC_PARALLELISM: "dynamic parallelism: a launch or the runtime API in device code",
    INLINE_PTX: "inline PTX",
    COOPERATIVE_LAUNCH: "a cooperative launch or a barrier of the whole grid",
    CLUSTER: "thread block clusters or attributes of a launch",
    WARP_MATRIX: "warp matrix operations",
    DEVICE_LIBRARY: "a library for the device (Thrust, CUB, cuRAND, cuBLAS and the like)",
    GRAPH: "CUDA graphs or stream capture",
    LIBCUXX: "libcu++ (the namespace cuda)",
    ASYNCHRONOUS_COPY: "asynchronous copies to shared memory",
    NAMED_BARRIER: "named barriers or groups of threads between a warp and a block",
    DRIVER_API: "the CUDA driver API or run-time compilation",
    RUNTIME_API: "a part of the CUDA runtime API that few programs use",
    INTRINSIC: "an intrinsic of the device",
    NARROW_FLOAT: "floating-point types of eight or fewer bits",
    ARCHITECTURE: "a choice by __CUDA_ARCH__ outside a function of the device alone",
}
