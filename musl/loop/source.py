"""`Source`: one function that the loop translates, C or CUDA, and what has to stand around a text so that it can be
compiled and called."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, zip_longest
from pathlib import Path
from typing import Literal

from compile.cuda_parts import Kernel, device_code, host_functions, kernels_of
from data.corpus.row import Row, read_rows
from data.find_functions import find_functions
from data.function import Function
from data.read_source import SourceError
from data.source_file import SourceFile
from musl.case import Candidate
from musl.evaluation.own_wrapper import NAME, own_wrappers

Side = Literal["c", "cuda"]
Direction = Literal["c2cuda", "cuda2c"]
_FOLDER = Path("/pair")  # sources come from no folder of this machine, and may include nothing


@dataclass(frozen=True)
class Source:
    """A function in one language. `text` is what models read: a C function, or a kernel with its helpers. `before` is
    what it needs to compile (include lines, types), `host` is a kernel's own host function, where it passes on just
    what it is given ("" none). `family` is set where the text is synthesized."""

    id: str
    language: Side
    name: str
    text: str
    before: str = ""
    host: str = ""
    family: str = ""

    @property
    def direction(self) -> Direction:
        """Which way it is translated."""
        return "c2cuda" if self.language == "c" else "cuda2c"

    @property
    def target(self) -> Side:
        return "cuda" if self.language == "c" else "c"


class Unsuitable(ValueError):
    """The row is no source for the loop; the message says why."""


def source_of(row: Row) -> Source:
    """The row as a source; Unsuitable where its results cannot be compared (a returned value, types that are not
    known) or its kernel cannot be called with just its own parameters."""
    before = "".join(f"#include {name}\n" for name in row.includes if name.startswith("<")) + row.types
    if row.language == "cuda":
        return _kernel_source(row, before)
    source = Source(row.id, "c", row.name, row.text, before and f"{before.rstrip()}\n", family=row.family)
    c_side(source, row.text)
    return source


def _kernel_source(row: Row, before: str) -> Source:
    kernels = kernels_of(row.text)
    if len(kernels) != 1:
        raise Unsuitable(f"it has {len(kernels)} kernels")
    source = Source(row.id, "cuda", kernels[0].name, device_code(row.text), before and f"{before.rstrip()}\n")
    function = signature_of(kernels[0])
    if not any(parameter.is_array for parameter in function.parameters):
        raise Unsuitable("it has no array")
    return replace(source, host=_plain_host(row.host, kernels[0], function), family=row.family)


def _plain_host(host: str, kernel: Kernel, function: Function) -> str:
    """The host function if it takes what the kernel takes, in the same order, else ""."""
    head = host.partition("{")[0]
    taken = kernels_of(f"__global__ {head}{{}}") if head.lstrip().startswith("void ") else []
    alike = len(taken) == 1 and taken[0].types == kernel.types and taken[0].names == kernel.names
    return host if alike and function.returns is None else ""


def c_side(source: Source, text: str) -> tuple[SourceFile, Function]:
    """A C text (the source, or a translation of it) as it is compiled, and its function that is called: the one of the
    source's name, else the last. Unsuitable where there is none that can be called."""
    file = SourceFile(_FOLDER / f"{source.id}.c", f"{_c_before(source)}{text}", "c")
    try:
        functions = find_functions(file).functions
    except SourceError as error:
        raise Unsuitable(f"it cannot be read: {error}") from None
    named = [function for function in functions if function.name == source.name] or list(functions[-1:])
    if not named:
        raise Unsuitable("it has no function that could be called")
    function = named[0]
    if function.returns is not None:
        raise Unsuitable("it returns a value, which a kernel cannot")
    if any(p.reference or p.rank > 1 or p.dtype.names is not None for p in function.parameters):
        raise Unsuitable("it has a parameter other than numbers and arrays of numbers")
    if not any(p.is_array and not p.const for p in function.parameters):
        raise Unsuitable("it has no array to write to")
    return file, function


def _c_before(source: Source) -> str:
    """What a C text needs: for a kernel's translation without CUDA's headers, and without macros of several lines,
    which check calls of the CUDA API."""
    if source.language == "c":
        return source.before
    kept, inside = ["#include <math.h>"], False
    for line in source.before.splitlines():
        goes_on = line.rstrip().endswith("\\")
        if not (inside or goes_on or line.startswith("#include")):
            kept.append(line)
        inside = goes_on
    return "".join(f"{line}\n" for line in kept)


def signature_of(kernel: Kernel) -> Function:
    """The kernel's parameters as those of a C function of its name; Unsuitable where they have types that are not
    known."""
    taken = ", ".join(f"{p.type} {p.name}".strip() for p in kernel.parameters)
    try:
        found = find_functions(SourceFile(_FOLDER / "kernel.c", f"void {kernel.name}({taken}) {{}}\n", "c")).functions
    except SourceError as error:
        raise Unsuitable(f"its parameters cannot be read: {error}") from None
    if len(found) != 1:
        raise Unsuitable("its parameters have types that are not known")
    return found[0]


def function_of(source: Source) -> Function:
    """The function that tests of the source call: the C function, or the kernel as if it were one."""
    if source.language == "c":
        return c_side(source, source.text)[1]
    return signature_of(kernels_of(source.text)[0])


def cuda_side(source: Source, text: str, function: Function) -> Candidate:
    """A CUDA text (the source, or a translation of it) with a host function that launches its kernel; `function` has
    the parameters that are passed. Unsuitable where no kernel takes them.

    The source's own host function is used where it has one, as is a host function of the C function's name that a
    translation brings along; else the kernel is launched under `musl.evaluation.own_wrapper`.
    """
    if source.language == "cuda" and source.host:
        name = kernels_of(f"__global__ {source.host}")[0].name
        return Candidate(f"{source.before}{text}\n{source.host}\n", replace(function, name=name))
    kernels = kernels_of(text)
    if not kernels:
        raise Unsuitable("it defines no __global__ function")
    if _brings_host(text, function.name):
        return Candidate(f"{source.before}{text}\n", function)
    wanted = kernels_of(f"__global__ {_head(function)}")[0].types
    fitting = [kernel for kernel in kernels if kernel.types == wanted]
    if not fitting:
        raise Unsuitable(f"its kernel takes {kernels[-1].signature}, the C function ({', '.join(wanted)})")
    flat, square = own_wrappers(fitting[-1])
    wrapper = square if ".y" in text else flat
    return Candidate(f"{source.before}{text}\n{wrapper}", replace(function, name=NAME))


def _head(function: Function) -> str:
    taken = ", ".join(f"{p.c_type} {'*' * p.rank}{p.name}" for p in function.parameters)
    return f"void {function.name}({taken}) {{}}"


def _brings_host(text: str, name: str) -> bool:
    return "<<<" in text and any(host.name == name for host in host_functions(text))


def read_sources(corpora: Sequence[Path], language: Side) -> Iterator[Source]:
    """The suitable functions of the corpora in that language, each text once; the corpora take turns. DataError as
    data.corpus.row."""
    seen: set[str] = set()
    wanted = {"c": ("function", "c"), "cuda": ("kernel", "cuda")}[language]
    for turn in zip_longest(*map(read_rows, corpora)):
        for row in turn:
            if row is None or (row.kind, row.language) != wanted or row.id in seen:
                continue
            seen.add(row.id)
            try:
                yield source_of(row)
            except Unsuitable:
                continue


def take(sources: Iterator[Source], count: int) -> list[Source]:
    """The first `count` of the sources, fewer where they end."""
    return list(islice(sources, count))


def text_key(*texts: str) -> str:
    """32 hex digits that tell texts apart, however they are laid out."""
    digest = hashlib.sha256()
    for text in texts:
        digest.update(" ".join(text.split()).encode(errors="surrogatepass"))
        digest.update(b"\0")
    return digest.hexdigest()[:32]
