"""Turns the device code of a .cu text into stubs, for the compiler of the host side.

nvcc compiles the device side of the text (compile/gpu/cubin.py). The host side is the same text with

    __global__ void k(float *a, int n) { a[n] = 0; }
    -->
    __global__ void k(float *a, int n) { <the arguments' addresses and sizes>; ::musl::launch_kernel(...); }

    __device__ float square(float x) { return x * x; }   -->   __device__ float square(float x) { __builtin_trap(); }

so that a call of a kernel, however it is written (templates, overloads, default arguments, pointers to kernels), is
resolved and converted by the compiler and ends in the runtime (compile/gpu/runtime/launch.cpp). Lines stay where they
are, and so do directives inside a body. A device function that host code may use or whose return type is deduced
(`__host__`, constexpr, auto), a constructor and an operator keep their bodies.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from compile.emulator.cuda_text import CudaText
from compile.emulator.tokens import CLOSING, Token

# Stands in front of the text.
PREAMBLE = """\
namespace musl { void launch_kernel(const char *stub, void **arguments, const unsigned *bytes, unsigned count); }
"""
# A variable of each stub: its address tells the runtime which kernel is launched, its mangled name tells the build.
STUB = "musl_stub"
_KEPT = frozenset({"__host__", "constexpr", "consteval", "auto", "decltype"})
# A parameter whose last word is one of these, or that has no other word than the last and these, has no name.
_TYPE_WORDS = frozenset(
    {"void", "bool", "char", "short", "int", "long", "float", "double", "signed", "unsigned", "__int128", "size_t"}
)
_QUALIFIERS = frozenset(
    {"const", "volatile", "struct", "class", "enum", "union", "typename", "__restrict__", "__restrict", "restrict"}
)
_STAYS = re.compile(r"^[ \t]*#(?:\\\r?\n|[^\n])*|\\?\r?\n", re.MULTILINE)


@dataclass(frozen=True)
class DeviceFunction:
    """A function with a body that is the device's alone: its parameters and its body by their tokens' indices."""

    is_kernel: bool
    opening: int  # of the parameters
    begin: int  # of the body
    end: int


def stub_device_code(text: str) -> str:
    """`text` with stubs for bodies of kernels and device functions, as above. What cannot be read is left as it is."""
    source = CudaText(text)
    edits: dict[int, tuple[int, str]] = {}
    for function in _device_functions(source):
        start, end = source.tokens[function.begin].start, source.tokens[function.end].end
        stub = "{ __builtin_trap(); "
        if function.is_kernel:
            parameters = list(_parameters(source, function))
            edits.update((at, (at, f" {name}")) for name, at, is_new in parameters if is_new)
            stub = _kernel_stub([name for name, _, _ in parameters])
        edits[start] = (end, stub + _what_stays(text[start:end]) + "}")
    return _apply(text, edits)


def _device_functions(source: CudaText) -> Iterator[DeviceFunction]:
    """Each once, and none inside another."""
    past = 0
    for i in range(len(source.tokens)):
        found = source.function_after(i) if i >= past and source.qualifiers(i) & {"__global__", "__device__"} else None
        begin = source.body_of(found[1]) if found is not None else None
        if found is None or begin is None:
            continue
        past = source.partner[begin]
        specifiers = source.specifiers_around(i, found[0])
        if "__global__" in specifiers or not specifiers & _KEPT:
            yield DeviceFunction("__global__" in specifiers, found[1], begin, past)


def _parameters(source: CudaText, function: DeviceFunction) -> Iterator[tuple[str, int, bool]]:
    """The name of each parameter, followed by `...` where it is a pack; the place in the text where its declaration
    ends; and whether the name is one to be put there, because it has none."""
    for index, (part, end) in enumerate(_declarations(source, function)):
        if [token.text for token in part] == ["void"]:
            continue
        name = _name_of(part)
        pack = "..." if [token.text for token in part[-4:-1]] == [".", ".", "."] else ""
        yield (name.text if name is not None else f"musl_unnamed_{index}") + pack, end, name is None


def _declarations(source: CudaText, function: DeviceFunction) -> Iterator[tuple[list[Token], int]]:
    """Each parameter's tokens up to its default value, and the place in the text where they end."""
    part: list[Token] = []
    depth, angle, value = 0, 0, False
    end = source.tokens[function.opening].end
    for token in source.tokens[function.opening + 1 : source.partner[function.opening] + 1]:
        if token.text in (",", ")") and depth == 0 and angle <= 0:
            if part or token.text == ",":
                yield part, end
            part, value = [], False
            continue
        depth += (token.text in CLOSING) - (token.text in CLOSING.values())
        angle += (token.text == "<") - (token.text == ">") if depth == 0 else 0
        value = value or (token.text == "=" and depth == 0)
        if not value:
            part.append(token)
            end = token.end


def _name_of(part: list[Token]) -> Token | None:
    """The declared name: the word before the extents, or behind `(*` of a pointer to a function or an array."""
    texts = [token.text for token in part]
    for i in range(len(part) - 2):
        if texts[i] == "(" and texts[i + 1] in ("*", "&") and part[i + 2].kind == "word":
            return part[i + 2]
    words = part[: texts.index("[")] if "[" in texts else part
    if not words or words[-1].kind != "word" or words[-1].text in _TYPE_WORDS | _QUALIFIERS:
        return None
    before = words[-2].text if len(words) > 1 else "::"
    typed = any(token.kind == "word" and token.text not in _QUALIFIERS for token in words[:-1])
    return words[-1] if typed and before != "::" else None


def _kernel_stub(names: list[str]) -> str:
    def listed(form: str) -> str:
        parts = [form.format(name.removesuffix("...")) + ("..." if name.endswith("...") else "") for name in names]
        return ", ".join(parts)

    addresses, sizes = listed("(void *)__builtin_addressof({})"), listed("(unsigned)sizeof({})")
    comma = ", " if names else ""
    return (
        f"{{ static char {STUB}; void *musl_arguments[] = {{{addresses}{comma}nullptr}}; "
        f"const unsigned musl_bytes[] = {{{sizes}{comma}0}}; "
        f"::musl::launch_kernel(&{STUB}, musl_arguments, musl_bytes, sizeof musl_bytes / sizeof musl_bytes[0] - 1); "
    )


def _what_stays(body: str) -> str:
    """The line breaks of a body (with their backslashes, where it stands in a macro), and its directives."""
    return "".join(_STAYS.findall(body))


def _apply(text: str, edits: dict[int, tuple[int, str]]) -> str:
    pieces, position = [], 0
    for start in sorted(edits):
        end, replacement = edits[start]
        pieces += [text[position:start], replacement]
        position = end
    return "".join(pieces) + text[position:]
