"""Units and hosts: what an executable under test is made of.

A *unit* is the user's text and its call stub (compile/driver/stub.py), compiled alone to a shared object. A *host* is
an executable of MuSL's own parts (the driver, a runtime, sanitizers), linked once for a machine and kept in the cache.
The host loads the unit in the child of each test, after the filter of system calls is on.

So a build compiles one file and links that file only: a link with the sanitizers takes 100 ms, one of a unit alone 5.
And names keep to their side: a unit exports `musl_call` alone, so that a function of the user's that is called `read`,
`free` or `musl_hook_end` never becomes the host's; of the host it finds what the host exports (the CUDA API of the
emulator, but none of its insides). What nobody defines is null, as functions of other files of a program are: a call
of it is an access violation, and costs the functions that make it only.
"""

from __future__ import annotations

import functools
import re
import shutil
import struct
import subprocess
from collections.abc import Iterator, Sequence, Set
from pathlib import Path

from compile.cache import OwnBuildFailedError, cached
from compile.toolchain import find_gcc, find_gxx

UNIT = "unit.so"
EXPORTS = "exports.map"


def host_executable(name: str, objects: Sequence[Path], flags: Sequence[str] = ()) -> Path:
    """The host linked from `objects`, which come in this order, with more flags of g++. Raises OwnBuildFailedError."""
    compiler = find_gxx()
    # Libraries that a unit may need though the host itself does not.
    libraries = ("-Wl,--no-as-needed", "-lstdc++", "-lm", "-lgcc_s", "-ldl", "-lpthread")
    argv = [str(compiler.path), "-rdynamic", "-Wl,-s,-z,now", *flags, *map(str, objects), *libraries, "-o"]

    def link(target: Path) -> None:
        done = subprocess.run([*argv, str(target)], capture_output=True, text=True, timeout=120, check=False)
        if done.returncode != 0:
            raise OwnBuildFailedError(f"{' '.join(argv)}:\n{done.stderr}")

    return cached(name, [name, compiler.version, *argv], link)


def place_host(host: Path, folder: Path) -> Path:
    """A copy of the host in the folder of a build. (The cache lies in the user's home, which runs do not see, and a
    link would let a run that may write to its folder write to the cache.)"""
    return Path(shutil.copy(host, folder / "run"))


def link_step(folder: Path, *, more: Sequence[str] = (), exports: Sequence[str] = ("musl_call",)) -> list[str]:
    """The command that links `unit.o` in `folder` (the working folder) to a unit; `more` are options and archives."""
    (folder / EXPORTS).write_text(f"{{ global: {'; '.join(exports)}; local: *; }};\n", encoding="utf-8")
    return [
        *(_gcc_says("-print-prog-name=ld"), "-shared", "--eh-frame-hdr", "-z", "noexecstack", "-z", "lazy"),
        *("-z", "noseparate-code", "-z", "norelro"),  # each test maps the unit anew: two mappings instead of five
        *(f"--version-script={EXPORTS}", _gcc_says("-print-file-name=crtbeginS.o"), "unit.o", *more),
        *(_gcc_says("-print-libgcc-file-name"), _gcc_says("-print-file-name=crtendS.o"), "-o", UNIT),
    ]


def gcov_library() -> str:
    """gcc's archive of coverage counters."""
    return _gcc_says("-print-file-name=libgcov.a")


@functools.cache
def _gcc_says(question: str) -> str:
    done = subprocess.run([str(find_gcc().path), question], capture_output=True, text=True, timeout=20, check=True)
    answer = done.stdout.strip()
    return shutil.which(answer) or answer


# ------------------------------------------------------------------------------------- what a unit takes from its host

_ELF_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_SYMTAB, _DYNSYM = 2, 11  # SHT_*
_FUNCTION = 2  # STT_FUNC
_VARIABLES = frozenset({1, 6})  # STT_OBJECT, STT_TLS
_SHF_WRITE = 1
# What gcc's startup files and the emulator's rewriting add, and tables that only the loader writes.
_NO_STATE = re.compile(r"^(completed\.\d+|__dso_handle|__TMC_END__|_ZT[VIS]|DW\.ref\.)|musl_(shared|variable)_")
_GLOBAL, _WEAK = 1, 2  # STB_*


class NotAnObjectError(ValueError):
    """The file is no ELF shared object of this machine's kind."""


def open_ends(unit: Path, withheld: Set[str] = frozenset()) -> frozenset[str]:
    """The names that the unit takes from elsewhere. Makes each of them weak: what nobody defines is then null instead
    of a reason not to load the unit; so is what is `withheld`. Raises NotAnObjectError."""
    data = bytearray(unit.read_bytes())
    names = []
    for offset, name in _symbols(data, defined=False):
        names.append(name)
        if name in withheld:
            data[offset : offset + 4] = bytes(4)  # the empty name, which nobody defines
        if data[offset + 4] >> 4 == _GLOBAL:
            data[offset + 4] = _WEAK << 4 | data[offset + 4] & 15
    unit.write_bytes(data)
    return frozenset(names)


def defined_names(program: Path) -> frozenset[str]:
    """The names that the program or shared object offers to others. Raises NotAnObjectError."""
    return frozenset(name for _, name in _symbols(bytearray(program.read_bytes()), defined=True))


def own_functions(unit: Path) -> frozenset[str]:
    """The names of all functions in the unit, those that it keeps to itself too. Raises NotAnObjectError."""
    data = bytearray(unit.read_bytes())
    return frozenset(name for at, name in _symbols(data, defined=True, table=_SYMTAB) if data[at + 4] & 15 == _FUNCTION)


def keeps_state(unit: Path) -> bool:
    """Whether the unit has variables that live from one call to the next: static ones, global ones, the device's.
    Raises NotAnObjectError."""
    data = bytearray(unit.read_bytes())
    for at, name in _symbols(data, defined=True, table=_SYMTAB):
        _, info, _, section, _, size = _SYMBOL.unpack_from(data, at)
        is_variable = info & 15 in _VARIABLES and size > 0 and _is_writable(data, section)
        if is_variable and not _NO_STATE.search(name):
            return True
    return False


def _is_writable(data: bytearray, section: int) -> bool:
    header = _ELF_HEADER.unpack_from(data)
    if section >= header[12]:
        return False
    return bool(_SECTION.unpack_from(data, header[6] + section * header[11])[2] & _SHF_WRITE)


def _symbols(data: bytearray, *, defined: bool, table: int = _DYNSYM) -> Iterator[tuple[int, str]]:
    """Offset of the symbol's entry, and name, of the symbols in a table that the object defines, or does not define."""
    try:
        header = _ELF_HEADER.unpack_from(data)
        if header[0][:6] != b"\x7fELF\x02\x01":
            raise NotAnObjectError("no 64-bit little-endian ELF file")
        begin, size, count = header[6], header[11], header[12]
        sections = [_SECTION.unpack_from(data, begin + i * size) for i in range(count)]
        for _, kind, _, _, offset, length, link, _, _, entry in sections:
            if kind != table:
                continue
            strings = sections[link][4]
            for at in range(offset + entry, offset + length, entry):
                name, _, _, section, _, _ = _SYMBOL.unpack_from(data, at)
                if (section != 0) is defined:
                    yield at, data[strings + name : data.index(0, strings + name)].decode("utf-8", "replace")
    except (struct.error, IndexError, ValueError) as error:
        raise NotAnObjectError(str(error)) from None
