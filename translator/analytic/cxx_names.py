"""Names of a C file that C++ or CUDA keeps for itself, and the names that stand for them in the output.

The parser and `adapt_cxx` use the same rule, so generated code and the rest of the file agree.
"""

from __future__ import annotations

import re


def _names(text: str) -> list[str]:
    return text.split()


_CXX_KEYWORDS = frozenset(
    _names("""
    alignas alignof and and_eq bitand bitor catch char8_t char16_t char32_t class compl concept const_cast
    consteval constexpr constinit co_await co_return co_yield decltype delete dynamic_cast explicit export friend
    mutable namespace new noexcept not not_eq nullptr operator or or_eq private protected public reinterpret_cast
    requires static_cast template this throw try typeid typename using virtual xor xor_eq
""")
)
# what cuda_runtime.h declares for every .cu file (CUDA C++ Programming Guide, B.3 and B.4)
_CUDA_NAMES = frozenset(
    _names("""
    threadIdx blockIdx blockDim gridDim warpSize dim3 clock64 __global__ __device__ __host__ __shared__
    __constant__
""")
)
_VECTOR_TYPE = re.compile(r"(?:u?(?:char|short|int|long|longlong)|float|double)[1-4]$")
# functions of the CUDA math library that are not in C's (CUDA Math API); a file's own function of that name would clash
_CUDA_FUNCTIONS = frozenset(
    _names("""
    min max umin umax llmin llmax ullmin ullmax rsqrt rsqrtf rcbrt rcbrtf sinpi sinpif cospi cospif sincos sincosf
    sincospi exp10 exp10f norm normf norm3d norm4d rhypot rhypotf erfinv erfinvf erfcinv erfcx normcdf normcdff
    normcdfinv clock
""")
)
# keywords of C that C++ spells in another way
SPELLINGS = {
    "restrict": "__restrict__",
    "__restrict": "__restrict__",
    "_Bool": "bool",
    "_Static_assert": "static_assert",
    "_Alignof": "alignof",
    "_Alignas": "alignas",
    "_Thread_local": "thread_local",
    "_Noreturn": "[[noreturn]]",
    "typeof": "__typeof__",
    "register": "",
}


def is_reserved(name: str, is_c: bool) -> bool:
    """Whether a variable, field or type of this name has to be renamed in a .cu file."""
    if is_c and name in _CXX_KEYWORDS:
        return True
    return name in _CUDA_NAMES or _VECTOR_TYPE.match(name) is not None


def is_reserved_function(name: str) -> bool:
    """Whether a function of the file would clash with one that CUDA declares."""
    return name in _CUDA_FUNCTIONS or name.startswith(("atomicAdd", "atomicSub", "atomicMin", "atomicMax", "__sync"))


def output_name(name: str, is_c: bool = True) -> str:
    """The name in the output: the source's own, with an underscore after it where it is reserved."""
    return f"{name}_" if is_reserved(name, is_c) else name


def output_function_name(name: str) -> str:
    """The output's name of a function that the file defines."""
    return f"{name}_" if is_reserved_function(name) or is_reserved(name, is_c=True) else name


def output_spelling(spelling: str) -> str:
    """A type's spelling (`struct class`) in the output."""
    *keywords, name = spelling.split(" ") if spelling else [""]
    return " ".join([*keywords, output_name(name)])
