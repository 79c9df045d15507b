"""`match_symbols`: which function or variable of the device code stands for which one of the host side.

Both sides name them as the C++ ABI says, with two exceptions that are undone here (nvcc 12 and 13): nvcc does not mark
what is `static`, and it names an anonymous namespace after the file. What the cubin says of a kernel's parameters
(section .nv.info.NAME) comes along, so that the runtime can hold the sizes against each other.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from compile.gpu.stubs import STUB

MARK = "musl_variable_"  # compile/emulator/rewrite.py: what follows the definition of a device variable
_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_SYMTAB, _OBJECT, _FUNCTION = 2, 1, 2  # SHT_SYMTAB, STT_OBJECT, STT_FUNC
_KERNEL = 0x10  # in st_other of a cubin's function: STO_CUDA_ENTRY
_WORD, _PARAMETER = 4, 0x17  # EIFMT_SVAL, EIATTR_KPARAM_INFO


class NotElfError(ValueError):
    """The file is no 64-bit little-endian ELF file with whole tables."""


@dataclass(frozen=True)
class Symbol:
    """A defined function or object: its address in the file's own numbering, and its size."""

    name: str
    address: int
    size: int
    is_function: bool
    is_kernel: bool = False

    @property
    def is_object(self) -> bool:
        return not self.is_function


@dataclass(frozen=True)
class Match:
    """A kernel or a device variable: its name in the cubin, and its stub or its shadow on the host side at `address`
    (a kernel of which no pointer is taken may have no stub apart, and `size` 0). `parameters` are the sizes of a
    kernel's parameters in bytes, `stub` is the address of its stub's own variable."""

    device_name: str
    address: int
    size: int
    parameters: tuple[int, ...] = ()
    stub: int = 0

    @property
    def is_kernel(self) -> bool:
        return self.stub != 0


def match_symbols(host: Path, cubin: Path) -> tuple[list[Match], list[str]]:
    """The kernels and variables of the host side that the cubin has, and the names of those that it has not. What only
    the cubin has (kernels that nothing launches) is left out. Raises NotElfError."""
    image = cubin.read_bytes()
    on_device = {plain_name(symbol.name): symbol for symbol in _symbols(image) if symbol.is_kernel or symbol.is_object}
    infos = dict(_named_sections(image))
    matches, absent = list[Match](), list[str]()
    symbols = read_symbols(host)
    for names, symbol, stub in [*_stubs(symbols), *(((symbol.name,), symbol, 0) for symbol in _shadows(symbols))]:
        found = next((on_device[plain_name(name)] for name in names if plain_name(name) in on_device), None)
        sizes = _parameter_sizes(infos.get(f".nv.info.{found.name}", b"")) if found is not None else None
        if found is None or found.is_kernel != (stub != 0) or sizes is None:
            absent.append(names[0])
            continue
        address, size = (symbol.address, symbol.size) if symbol is not None else (0, 0)
        matches.append(Match(found.name, address, size, sizes, stub))
    return matches, absent


def _stubs(symbols: Sequence[Symbol]) -> Iterator[tuple[tuple[str, ...], Symbol | None, int]]:
    """Each kernel on the host side: the names that it can have, its function where there is one (it may have been
    inlined into what launches it), and the address of its stub's variable. A variable of a function has the name
    _ZZ<function>E<name>, where the function is <function> for `extern "C"` and _Z<function> else (C++ ABI)."""
    functions = {symbol.name: symbol for symbol in symbols if symbol.is_function}
    pattern = re.compile(rf"_ZZ(\w+)E{len(STUB)}{STUB}(?:_\d+)?")
    for symbol in symbols:
        match = pattern.fullmatch(symbol.name)
        if match is not None:
            names = (f"_Z{match[1]}", re.sub(r"^L?\d+", "", match[1]))
            yield names, next((functions[name] for name in names if name in functions), None), symbol.address


def _shadows(symbols: Sequence[Symbol]) -> Iterator[Symbol]:
    """The host's shadows of device variables: behind the definition of each, rewrite() puts a variable named after
    it."""
    marked = {
        base_name(symbol.name).removeprefix(MARK) for symbol in symbols if base_name(symbol.name).startswith(MARK)
    }
    for symbol in symbols:
        if symbol.is_object and base_name(symbol.name) in marked:
            yield symbol


def base_name(name: str) -> str:
    """The last of the names that a mangled one begins with: of _ZN2ns1vE it is v, of an unmangled one itself."""
    match = re.match(r"_Z(?:L|NK?L?)?(?=\d)", name)
    if match is None:
        return name
    at, last = match.end(), ""
    while length := re.compile(r"L?(\d+)").match(name, at):
        at = length.end() + int(length[1])
        last = name[length.end() : at]
    return last


def read_symbols(path: Path) -> list[Symbol]:
    """The functions and objects that the file defines, local ones too. Raises NotElfError."""
    return list(_symbols(path.read_bytes()))


def plain_name(name: str) -> str:
    """A mangled name without the marks of internal linkage, in which the two compilers differ.

    -->  _ZL4statPi, _Z4statPi        --> _Z4statPi
         _ZL6scount, scount           --> scount
         _ZN12_GLOBAL__N_12acE, _ZN28_INTERNAL_620af613_4_k_cu_ck30_GLOBAL__N__620af613_4_k_cu_ck2acE
                                      --> _ZN12_GLOBAL__N_12acE
    """
    if not name.startswith("_Z"):
        return name
    static = re.fullmatch(r"_ZL(\d+)(\w+)", name)
    if static is not None:
        identifier, rest = static[2][: int(static[1])], static[2][int(static[1]) :]
        return f"_Z{static[1]}{identifier}{rest}" if rest else identifier
    return _without_file_names(name)


def _without_file_names(name: str) -> str:
    pieces, at = [], 0
    for match in re.finditer(r"\d+", name):
        if match.start() < at:
            continue
        end = match.end() + int(match.group())
        identifier = name[match.end() : end]
        if identifier.startswith(("_INTERNAL_", "_GLOBAL__N_")):
            pieces += [name[at : match.start()], "" if identifier.startswith("_INTERNAL_") else "12_GLOBAL__N_1"]
            at = end
        elif re.match(r"[A-Za-z_]", identifier):  # a name: digits inside it are no lengths
            pieces.append(name[at:end])
            at = end
    return "".join(pieces) + name[at:]


def _parameter_sizes(info: bytes) -> tuple[int, ...] | None:
    """Bytes of each parameter. An entry is format, attribute, length and value; a parameter's value is its index
    (uint32), ordinal and offset (uint16 each), and a word with the size from bit 18 on (as `cuobjdump -elf` prints)."""
    sizes: dict[int, int] = {}
    at = 0
    while at + 4 <= len(info):
        form, attribute, length = struct.unpack_from("<BBH", info, at)
        at += 4
        if form != _WORD:
            continue  # the value is in the length field
        if attribute == _PARAMETER and at + 12 <= len(info):
            _, ordinal, _, word = struct.unpack_from("<IHHI", info, at)
            sizes[ordinal] = word >> 18 & 0x3FFF
        at += length
    if sorted(sizes) != list(range(len(sizes))):
        return None
    return tuple(sizes[i] for i in range(len(sizes)))


def _sections(image: bytes) -> list[Sequence[int]]:
    try:
        header = _HEADER.unpack_from(image)
        if header[0][:6] != b"\x7fELF\x02\x01":
            raise NotElfError("no 64-bit little-endian ELF file")
        table, entry, count = header[6], header[11], header[12]
        return [_SECTION.unpack_from(image, table + i * entry) for i in range(count)]
    except struct.error as error:
        raise NotElfError(str(error)) from None


def _named_sections(image: bytes) -> Iterator[tuple[str, bytes]]:
    sections = _sections(image)
    names = sections[_HEADER.unpack_from(image)[13]][4]
    for name, _, _, _, offset, size, *_ in sections:
        yield _string(image, names + name), image[offset : offset + size]


def _symbols(image: bytes) -> Iterator[Symbol]:
    sections = _sections(image)
    try:
        for _, kind, _, _, offset, length, link, _, _, entry in sections:
            if kind != _SYMTAB:
                continue
            strings = sections[link][4]
            for at in range(offset + entry, offset + length, entry):
                name, info, other, section, address, size = _SYMBOL.unpack_from(image, at)
                if section != 0 and info & 15 in (_OBJECT, _FUNCTION):
                    is_kernel = bool(other & _KERNEL)
                    yield Symbol(_string(image, strings + name), address, size, info & 15 == _FUNCTION, is_kernel)
    except (struct.error, IndexError) as error:
        raise NotElfError(str(error)) from None


def _string(image: bytes, at: int) -> str:
    end = image.find(b"\0", at)
    if end < 0:
        raise NotElfError("a name without its end")
    return image[at:end].decode("utf-8", "replace")
