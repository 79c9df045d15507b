"""`wrap_kernel`: a model's kernel becomes a translation of its function, with a host wrapper that MuSL writes.

The wrapper is the analytic Translator's: it finds the elements that the function uses, copies in what is read, calls
the function on device memory, copies out what is written, and takes the sequential path where arrays overlap. Only
what runs in between is the model's: one launch of its kernel.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from compile.cuda_parts import HostFunction, Kernel, host_functions
from compile.emulator.cuda_text import CudaText
from data.function import Function
from data.source_file import SourceFile
from translator.analytic import ir
from translator.analytic.device_printer import FlatPrinter, variable_extents
from translator.analytic.host_side import HostSide, read_host_side
from translator.analytic.host_text import HostText, signature
from translator.analytic.ir import Symbol, Void
from translator.analytic.prelude import PRELUDE
from translator.analytic.print_c import INDENT, Printer
from translator.analytic.translator import sequential_text
from translator.analytic.usage import element_type
from translator.neural.launch import LaunchText, plan_launch
from translator.neural.parameters import match_parameters, unlike_parameters
from translator.neural.read_answer import Malformed, Snippet
from translator.protocol import Provenance, Refusal, Translation, TranslationOptions

_INCLUDE = re.compile(r"^[ \t]*#[ \t]*include\b[^\n]*\n?", re.MULTILINE)
_DEFINED = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)", re.MULTILINE)


def wrap_kernel(
    source: SourceFile,
    function: Function,
    snippet: Snippet,
    options: TranslationOptions,
    provenance: Provenance,
) -> Translation | Malformed | Refusal:
    """The translation that stands in for `function` in its file, with the kernel of `snippet` (whole ones as they
    are).

    A Refusal where the wrapper cannot be written whatever the kernel (an extent that neither the code nor
    `options.extents` tell), Malformed where this kernel cannot be launched. Raises data.read_source.SourceError.
    """
    if snippet.is_whole:
        includes, text = _without_includes(snippet.text)
        return _translation(function, "", "", text, (), includes, provenance)
    side = read_host_side(source, function, options)
    if isinstance(side, Refusal):
        return side
    return wrap_with(source, function, side, snippet, provenance)


def wrap_with(
    source: SourceFile, function: Function, side: HostSide, snippet: Snippet, provenance: Provenance
) -> Translation | Malformed:
    """The same for a kernel, with what `read_host_side` told of the function."""
    called = _signature(side.parsed)
    order = match_parameters(called, snippet.kernel)
    if order is None:
        return Malformed("other_parameters", unlike_parameters(called, snippet.kernel))
    launch = plan_launch(side, snippet.text, frozenset(symbol.name for symbol in side.parsed.params))
    if isinstance(launch, Malformed):
        return launch
    includes, code, name = _own_names(source, side, snippet)
    usages = [usage for usage in side.usages if usage.array.kind != "global"]  # those are read, and never written
    host = _KernelHost(side.plan, usages, [*side.guards, *launch.guards], snippet.kernel, name, tuple(order), launch)
    wrapper = f"{host.on_device()}\n{host.wrapper()}"
    needs_sequential = f"{function.name}_sequential(" in wrapper
    sequential = sequential_text(source, side.parsed, function) if needs_sequential else ""
    return _translation(function, code, sequential, wrapper, (name.rpartition("::")[2],), includes, provenance)


def _translation(
    function: Function,
    kernels: str,
    sequential: str,
    wrapper: str,
    names: tuple[str, ...],
    includes: Sequence[str],
    provenance: Provenance,
) -> Translation:
    return Translation(
        source_id=function.id,
        target="cuda",
        kernels=kernels,
        sequential=sequential,
        host_wrapper=wrapper,
        kernel_names=names,
        parallel=(),
        remarks=(),
        provenance=provenance,
        prelude="".join([*includes, PRELUDE]),
    )


@dataclass
class _KernelHost(HostText):
    """The host side around one launch of a given kernel. `order` says which parameter of the function each of the
    kernel's takes (-1: where the result goes)."""

    kernel: Kernel
    launched: str
    order: tuple[int, ...]
    launch: LaunchText

    def on_device(self) -> str:
        printer = Printer()
        head = ", ".join(
            [
                *self._array_parameters(printer),
                *(f"const musl_range &{array.name}_used" for array in self._ordered()),
                *self._scalar_parameters(printer),
            ]
        )
        returns = not isinstance(self.function.returns, Void)
        taken = {symbol.name for symbol in self.function.params}
        result = "result" if "result" not in taken else "result_"
        kind = self._return_type(printer).strip()
        arguments = [
            f"{result}.data" if i < 0 else self._argument(printer, i, place) for place, i in enumerate(self.order)
        ]
        lines = [
            *([f"const {kind} nothing_yet = 0;", f"musl_buffer<{kind}> {result}(1, &nothing_yet);"] if returns else []),
            *self.launch.lines,
            f"{self.launched}<<<{self.launch.configuration}>>>({', '.join(arguments)});",
            "MUSL_CHECK(cudaGetLastError());",
            *([f"return musl_read({result}.data);"] if returns else []),
        ]
        body = "".join(f"{INDENT}{line}\n" for line in lines)
        return f"static {kind} {self.function.name}_on_device({head}) {{\n{body}}}\n"

    def _ordered(self) -> list[Symbol]:
        """The launch asks for the ranges of all arrays."""
        return [usage.array for usage in self.usages]

    def _argument(self, printer: Printer, number: int, place: int) -> str:
        """The argument for the kernel's parameter `place`: rows of fixed length become a plain pointer where the kernel
        takes one."""
        symbol = self.function.params[number]
        name = symbol.name
        has_rows = isinstance(symbol.type, ir.Array) and len(symbol.type.extents) > 1
        has_rows = has_rows or (isinstance(symbol.type, ir.Pointer) and isinstance(symbol.type.to, ir.Array))
        plain = not self.kernel.parameters[place].has_rows
        if has_rows and variable_extents(symbol.type) is None and plain:
            return f"({printer.type_name(element_type(symbol.type))} *){name}"
        return name


def _signature(function: ir.Function) -> HostFunction:
    """The function's parameters as `compile.cuda_parts` spells them."""
    return host_functions(f"{signature(FlatPrinter(), function)} {{ }}")[0]


def _own_names(source: SourceFile, side: HostSide, snippet: Snippet) -> tuple[list[str], str, str]:
    """(includes, code, the kernel's name as it is launched), with names that nothing else in the file has: a kernel
    that comes with helpers, types or macros has a namespace around them."""
    base = side.parsed.name
    name = snippet.name if base in snippet.name and snippet.name != base else f"{base}_kernel"
    while side.program.function(name) is not None:
        name += "_cuda"
    includes, text = _without_includes(_renamed(snippet.text, snippet.name, name))
    if _is_alone(text):
        return includes, text, name
    macros = list(dict.fromkeys(_DEFINED.findall(text)))
    undone = "".join(f"#undef {macro}\n" for macro in macros)
    text = f"namespace {base}_cuda {{\n{text.strip()}\n}}  // namespace {base}_cuda\n{undone}"
    if source.language == "c":  # the file's functions have C linkage, which would make equal names one function
        text = f'extern "C++" {{\n{text}}}\n'
    return includes, text, f"{base}_cuda::{name}"


def _is_alone(text: str) -> bool:
    """Whether the kernel is all that there is."""
    parsed = CudaText(text)
    last = parsed.tokens[-1] if parsed.tokens else None
    bodies = parsed.device_bodies
    start = parsed.declaration_start(bodies[0].first - 1) if bodies else 1
    return len(bodies) == 1 and start == 0 and last is not None and bodies[0].last == len(parsed.tokens) - 1


def _renamed(text: str, name: str, other: str) -> str:
    """The text with another name for a function: every token of that name."""
    tokens = [token for token in CudaText(text).tokens if token.kind == "word" and token.text == name]
    for token in reversed(tokens):
        text = text[: token.start] + other + text[token.end :]
    return text


def _without_includes(text: str) -> tuple[list[str], str]:
    return [line.strip() + "\n" for line in _INCLUDE.findall(text)], _INCLUDE.sub("", text)
