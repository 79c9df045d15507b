"""`find_unsupported`: what a CUDA text uses and the emulator does not have, each with a code of codes.py.

Found in the tokens, never in comments or strings, and by syntax: `tex2D` is a texture only where it is called and the
text does not define it, `asm` is PTX only in device code. What looks like a name of CUDA but is none is left to the
compiler, which refuses it as nvcc does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from compile.emulator.codes import (
    ARCHITECTURE,
    ASYNCHRONOUS_COPY,
    CLUSTER,
    COOPERATIVE_LAUNCH,
    DEVICE_LIBRARY,
    DRIVER_API,
    DYNAMIC_PARALLELISM,
    EMULATOR_CODES,
    GRAPH,
    INLINE_PTX,
    INTRINSIC,
    LIBCUXX,
    NAMED_BARRIER,
    NARROW_FLOAT,
    RUNTIME_API,
    TEXTURE,
    WARP_MATRIX,
)
from compile.emulator.cuda_text import CudaText
from compile.emulator.tokens import Directive

# Headers by what their names match; those of the toolkit and of what is built on it.
_HEADERS = (
    (DEVICE_LIBRARY, r"(thrust|cub|cutlass|cute|torch|ATen|c10|pybind11|nvtx3)/.*"),
    (DEVICE_LIBRARY, r"(curand|cublas|cufft|cusparse|cusolver|cudnn|cutensor|nccl|npp|nvjpeg|nvml|nvToolsExt)\w*\.h"),
    (WARP_MATRIX, r"(crt/)?mma\.h\w*"),
    (LIBCUXX, r"cuda/(?!.*\.h$).*|nv/target"),
    (ASYNCHRONOUS_COPY, r"cuda_pipeline\w*\.h|cooperative_groups/memcpy_async\.h|cuda_awbarrier\w*\.h"),
    (DRIVER_API, r"nvrtc\.h|nvJitLink\.h|nvvm\.h|cudaProfiler\.h|cuda\w*Typedefs\.h|(cupti|nvperf)\w*\.h"),
    (DYNAMIC_PARALLELISM, r"cuda_device_runtime_api\.h"),
    (NARROW_FLOAT, r"cuda_fp[864]\.h\w*"),
    (TEXTURE, r"(texture|surface)_(types|indirect_functions|fetch_functions)\.h|channel_descriptor\.h"),
    (RUNTIME_API, r"cuda_gl_interop\.h|cudaGL\.h|cudaEGL\.h|cuda_egl_interop\.h|cuda_vdpau_interop\.h"),
)
# Names of the runtime API, by what they match. They begin with `cuda`, so no user's function is meant.
_API_NAMES = (
    (TEXTURE, r"cuda(Create|Destroy|Get|Bind|Unbind)?(Texture|Surface)\w*|cuda\w*(Array|ChannelDesc|ChannelFormat)\w*"),
    (GRAPH, r"cudaGraph(?!ics)\w*|cudaStream(Begin|End)Capture\w*|cudaStreamIsCapturing|cudaStreamGetCaptureInfo\w*"),
    (COOPERATIVE_LAUNCH, r"cudaLaunchCooperativeKernel\w*"),
    (CLUSTER, r"cudaLaunchKernelEx\w*|cudaLaunchAttribute\w*|cudaLaunchConfig_t|cudaOccupancyMax\w*Cluster\w*"),
    (CLUSTER, r"cudaGridDependencySynchronize|cudaTriggerProgrammaticLaunchCompletion"),
    (RUNTIME_API, r"cuda(Mem|MallocFrom|DeviceGet|DeviceSet|DeviceGetDefault)\w*Pool\w*|cudaIpc\w*|cuda\w*External\w*"),
    (RUNTIME_API, r"cudaGraphics\w*|cudaLibrary\w+|cudaKernel\w+|cudaUserObject\w*|cudaLogs\w+|cudaMem\w*Batch\w*"),
    (RUNTIME_API, r"cudaGetDriverEntryPoint\w*|cudaGetFuncBySymbol|cudaStream(Get|Set)Attribute|cudaMemRangeGet\w+"),
    (RUNTIME_API, r"cudaMemcpy3DPeer\w*|cudaDevice(Register|Unregister)AsyncNotification|cudaAccessPolicyWindow"),
)
_DRIVER_TYPES = frozenset({"CUdevice", "CUcontext", "CUmodule", "CUfunction", "CUresult", "CUdeviceptr", "CUstream"})
# Names that are not reserved: they count where the text calls them and does not define them.
_CALLS = (
    (TEXTURE, r"tex(1D|2D|3D|Cubemap)\w*|surf(1D|2D|3D|Cubemap)\w*"),
    (CLUSTER, r"__cluster\w+|__isClusterShared"),
    (NAMED_BARRIER, r"__barrier_sync(_count)?"),
    (ASYNCHRONOUS_COPY, r"__pipeline_\w+|__mbarrier_\w+"),
    (DRIVER_API, r"cu(Init|(Ctx|Module|Func|Launch|Mem|Device|Stream|Event|Link|Library|Kernel|Pointer)[A-Z]\w*)"),
    (DRIVER_API, r"nvrtc[A-Z]\w*"),
    (INTRINSIC, r"__(vi|vib)(add)?(max|min)\w+|__v(absdiff|sad)s[24]"),
    (
        INTRINSIC,
        r"__pm[0-3]|__brkpt|__is(Global|Shared|Constant|Local|GridConstant)|__cvta_\w+|__nv_(?!bfloat16|half)\w+|__nvvm_\w+",
    ),
)
_NAMESPACES = {
    "thrust": DEVICE_LIBRARY,
    "cub": DEVICE_LIBRARY,
    "cutlass": DEVICE_LIBRARY,
    "cute": DEVICE_LIBRARY,
    "nvcuda": WARP_MATRIX,
    "cuda": LIBCUXX,
}
# Of cooperative groups, behind the namespace or its usual alias.
_GROUP_NAMES = {
    "this_multi_grid": COOPERATIVE_LAUNCH,
    "multi_grid_group": COOPERATIVE_LAUNCH,
    "this_cluster": CLUSTER,
    "cluster_group": CLUSTER,
    "memcpy_async": ASYNCHRONOUS_COPY,
}
# The part of the runtime API that device code can call, by cuda_device_runtime_api.h.
_DEVICE_API = re.compile(
    r"cuda(Malloc|Free|Memcpy(2D|3D)?Async|Memset(2D|3D)?Async|LaunchDevice\w*|GetParameterBuffer\w*|(Get|PeekAt)LastError"
    r"|GetError(Name|String)|GetDevice(Count)?|DeviceGet(Attribute|Limit|CacheConfig|SharedMemConfig)|RuntimeGetVersion"
    r"|Event(CreateWithFlags|Destroy|Record(WithFlags)?)|Stream(CreateWithFlags|Destroy|WaitEvent)"
    r"|FuncGetAttributes|OccupancyMaxActiveBlocksPerMultiprocessor(WithFlags)?|DeviceSynchronize)"
)
_INCLUDE = re.compile(r"\s*#\s*include\s*[<\"]([^>\"]+)[>\"]")
_PTX = re.compile(r"\.([usbf](8|16|32|64)|pred|global|shared|sync|gpu|cta)\b|%%?\w*(id|clock|mask)")
_COMPARED = re.compile(r"__CUDA_ARCH__\s*[<>=!/]|[<>=]\s*__CUDA_ARCH__")


@dataclass(frozen=True)
class Unsupported:
    """A use: its code, what it is in the text's words, where it begins, and the directive that it is, if one."""

    code: str
    what: str
    start: int
    directive: Directive | None = None

    @property
    def message(self) -> str:
        return f"{self.code} {EMULATOR_CODES[self.code]} ({self.what}): the emulator has none; verify on a GPU"

    def marked(self) -> str:
        """What stands in the text instead of the use, or in front of it where it is no directive: the compiler reports
        the code, unless the preprocessor has thrown it away."""
        if self.directive is None:
            return f' _Pragma("GCC error \\"{self.code} {self.what}\\"") '
        if self.directive.word == "include":
            return f"#error {self.code} {self.what}"
        return f"#{'elif' if self.directive.word == 'elif' else 'if'} 1 {self.code}"


def find_unsupported(source: CudaText) -> list[Unsupported]:
    """What the emulator does not have, in the order of the text."""
    found = [*_headers(source), *_architectures(source), *_uses(source)]
    return sorted(found, key=lambda use: use.start)


def _headers(source: CudaText) -> Iterator[Unsupported]:
    for directive in source.directives:
        name = _INCLUDE.match(directive.text)
        code = name and _lookup(_HEADERS, name[1])
        if name and code:
            yield Unsupported(code, f"#include <{name[1]}>", directive.start, directive)


def _architectures(source: CudaText) -> Iterator[Unsupported]:
    """Conditions on __CUDA_ARCH__ where the emulator cannot tell which side is meant: it compiles a function once."""
    for directive in source.directives:
        asks = directive.word in ("if", "ifdef", "ifndef", "elif") and "__CUDA_ARCH__" in directive.text
        if asks and not architecture_is_known(source, directive):
            yield Unsupported(ARCHITECTURE, directive.text.strip(), directive.start, directive)


def architecture_is_known(source: CudaText, directive: Directive) -> bool:
    """Whether a condition on __CUDA_ARCH__ speaks of device code only: it stands in a function of the device alone, or
    asks for a version outside of all functions."""
    i = next((i for i, token in enumerate(source.tokens) if token.start > directive.start), len(source.tokens))
    if source.in_device_body(i - 1) is not None:
        return True
    return _COMPARED.search(directive.text) is not None and source.at_namespace_scope(i)


def _uses(source: CudaText) -> Iterator[Unsupported]:
    defined = _defined_names(source)
    for i, token in enumerate(source.tokens):
        if token.kind == "word":
            code = _code_of(source, i, defined)
            if code:
                yield Unsupported(code, token.text, token.start)
        elif token.kind == "punctuation" and token.text.count("<") == 3 and source.in_device_body(i):
            yield Unsupported(DYNAMIC_PARALLELISM, "<<<", token.start)


def _code_of(source: CudaText, i: int, defined: set[str]) -> str | None:
    name, after = source.tokens[i].text, _text(source, i + 1)
    before = _text(source, i - 1)
    if name in ("asm", "__asm__", "__asm"):
        return INLINE_PTX if _is_ptx(source, i) else None
    if name == "__cluster_dims__":
        return CLUSTER
    if name in defined or before in (".", "->"):
        return None
    if name.startswith("cuda"):
        if after == "::":
            return _NAMESPACES.get(name) if before != "::" else None
        if after == "(" and source.in_device_body(i) and _DEVICE_API.fullmatch(name):
            return DYNAMIC_PARALLELISM
        return _lookup(_API_NAMES, name)
    if name in _NAMESPACES and (after == "::" or before == "namespace"):
        return _NAMESPACES[name]
    if name in _GROUP_NAMES and before == "::":
        return _GROUP_NAMES[name]
    if name == "texture" and after == "<":
        return TEXTURE
    if name in _DRIVER_TYPES:
        return DRIVER_API
    return _lookup(_CALLS, name) if after in ("(", "<") else None


def _text(source: CudaText, i: int) -> str:
    return source.tokens[i].text if 0 <= i < len(source.tokens) else ""


def _lookup(patterns: tuple[tuple[str, str], ...], name: str) -> str | None:
    return next((code for code, pattern in patterns if re.fullmatch(pattern, name)), None)


def _is_ptx(source: CudaText, i: int) -> bool:
    """Whether the `asm` at token `i` is for the device. In a macro, whose place is not known, PTX shows by its types
    (`mov.u32`) or special registers (`%laneid`)."""
    opening = next((k for k in range(i + 1, min(i + 4, len(source.tokens))) if source.tokens[k].text == "("), None)
    if opening is None:
        return False
    if not source.in_macro(i):
        return source.in_device_body(i) is not None
    inside = source.tokens[opening : source.partner.get(opening, opening)]
    return any(token.kind == "string" and _PTX.search(token.text) for token in inside)


def _defined_names(source: CudaText) -> set[str]:
    """Names that the text defines itself: as a variable, a function, a macro, a namespace or a type."""
    names = set()
    for i, token in enumerate(source.tokens):
        if token.kind == "word" and source.is_declared_at(i):
            names.add(token.text)
    return names
