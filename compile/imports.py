"""`check_unit`: what a unit may take from its host by name, and what it must not define.

A unit is loaded beside MuSL's driver and runtime and the sanitizers'. Of those it finds what CUDA programs and
instrumented code use: the CUDA API that the emulator's headers declare (all else in the runtime is hidden), and the
functions that compilers call for a sanitizer. A text that names anything else of theirs (`musl::launch_count`,
`__asan_unpoison_memory_region`) does not compile here. The dynamic linker, through which every name could be found
after all, is withheld: its functions are null, so that a file that loads plugins somewhere is still a file whose other
functions can be tested.

This keeps code away from the evidence that a run gathers, by name. Native code that searches its own address space can
still find it; what no search finds is another process: the one that judges a test runs no code under test
(compile/driver/driver.cpp), and a result is one only if the driver's own code vouched for it.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path

from compile.outcome import Outcome, Status
from compile.unit import NotAnObjectError, defined_names, open_ends, own_functions

# Calls that gcc and clang put into instrumented code: gcc/sanitizer.def, llvm/lib/Transforms/Instrumentation.
_INSTRUMENTATION = re.compile(
    r"__asan_(init|version_mismatch_check_v\d+|(un)?register_\w*globals|(before|after)_dynamic_init|handle_no_return"
    r"|report_(load|store)(\d+|_n)|(load|store)(\d+|N)|option_detect_stack_use_after_return|stack_(malloc|free)_\w+"
    r"|alloca_poison|allocas_unpoison|(un)?poison_stack_memory|set_shadow_\w\w|mem(cpy|move|set))"
    r"|__tsan_(init|func_entry|func_exit|vptr_(update|read)|(unaligned_)?(read|write)\d+|(read|write)_range|atomic\w+)"
    r"|__ubsan_handle_\w+"
)
_SANITIZERS = re.compile(r"__(asan|tsan|ubsan|lsan|msan|hwasan|sanitizer|interceptor)_")
_OWN = re.compile(r"musl_|_Z\w*?4musl\d")
_PLACES_OF_THE_HOST = frozenset(
    {"main", "_start", "__data_start", "data_start"}  # `_end` and the like are the unit's own
)
DYNAMIC_LINKER = frozenset(
    {"dlopen", "dlmopen", "dlsym", "dlvsym", "dladdr", "dladdr1", "dlinfo", "dl_iterate_phdr", "_dl_find_object"}
    | {"_r_debug", "_dl_open", "__libc_dlopen_mode", "__libc_dlsym", "_rtld_global", "_rtld_global_ro"}
)


def check_unit(unit: Path, host: Path) -> Outcome:
    """Makes the open ends of `unit` null (compile/unit.py) and withholds the dynamic linker; COMPILE_ERROR where the
    unit takes a name that is MuSL's or a sanitizer's own, defines one of a sanitizer (its checks would call that), has
    no call of its function, or is no object that can be loaded."""
    try:
        taken = open_ends(unit, DYNAMIC_LINKER)
        offered, defined = defined_names(unit), own_functions(unit)
    except NotAnObjectError as error:
        return _refuse([f"what was linked cannot be loaded: {error}"])
    if "musl_call" not in offered:
        return _refuse(["the text ends in something that hides the call of its function"])
    refused = {name for name in taken if _is_reserved(name) and name not in _offered(host)}
    refused |= {name for name in defined if _SANITIZERS.match(name)}  # checks call these by name
    return _refuse([f"`{_readable(name)}` is MuSL's own, or a sanitizer's" for name in sorted(refused)])


def _refuse(reasons: list[str]) -> Outcome:
    text = "".join(f"error: {reason}\n" for reason in reasons)
    return Outcome(Status.COMPILE_ERROR if reasons else Status.OK, stderr=text.encode())


def _is_reserved(name: str) -> bool:
    if name in _PLACES_OF_THE_HOST:
        return True
    if _SANITIZERS.match(name):
        return _INSTRUMENTATION.fullmatch(name) is None
    return _OWN.match(name) is not None


@functools.cache
def _offered(host: Path) -> frozenset[str]:
    """MuSL's own names that the host exports for units: the API of the emulator."""
    return frozenset(name for name in defined_names(host) if _OWN.match(name))


def _readable(name: str) -> str:
    """`musl::launch_count` of `_ZN4musl12launch_countE`; other names as they are."""
    match = re.match(r"_ZN[KV]*((?:\d+[A-Za-z_])\w*)", name)
    if match is None:
        return name
    rest, parts = match[1], []
    while (number := re.match(r"\d+", rest)) is not None:
        begin, end = number.end(), number.end() + int(number[0])
        parts.append(rest[begin:end])
        rest = rest[end:]
    return "::".join(parts)
