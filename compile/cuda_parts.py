"""The parts of a CUDA text that harness and metrics speak of: its kernels with their parameters, its device code, the
kernels that a host wrapper launches."""

from __future__ import annotations

import re
from dataclasses import dataclass

from compile.emulator.cuda_text import CudaText

_LAUNCH = re.compile(r"\b(?P<name>[A-Za-z_]\w*)\s*(?:<(?!\s*<)[^;{}()]*?>\s*)?<\s*<\s*<")
_SPECIFIERS = frozenset({"static", "inline", "extern", '"C"', "constexpr", "__host__", "__forceinline__", "__inline__"})
_DROPPED = frozenset({"const", "volatile", "__restrict__", "__restrict", "restrict", "struct"})


@dataclass(frozen=True)
class KernelParameter:
    """`type` is spelled with single spaces, without qualifiers that do not matter to a caller; arrays are pointers.
    `has_rows` says that the elements are arrays (`float (*a)[4]`), which `type` does not tell."""

    type: str
    name: str
    has_rows: bool = False


@dataclass(frozen=True)
class Kernel:
    """A `__global__` function of a text."""

    name: str
    parameters: tuple[KernelParameter, ...]

    @property
    def types(self) -> tuple[str, ...]:
        """What a caller has to pass."""
        return tuple(parameter.type for parameter in self.parameters)

    @property
    def names(self) -> tuple[str, ...]:
        """What they are called, "" where they are not."""
        return tuple(parameter.name for parameter in self.parameters)

    @property
    def signature(self) -> str:
        """`(float *, int)`."""
        return f"({', '.join(self.types)})"


@dataclass(frozen=True)
class HostFunction(Kernel):
    """A function that the host runs. `returns` is spelled as `Kernel.types` are; the definition stands from character
    `start` to before `end`."""

    returns: str
    start: int
    end: int


def kernels_of(cuda_text: str) -> list[Kernel]:
    """The kernels that the text defines, in order."""
    text = CudaText(cuda_text)
    found = []
    for _, name, opening in _functions(text, {"__global__"}):
        closing = text.partner.get(opening)
        if closing is None or not _is_definition(text, closing):
            continue
        tokens = [token.text for token in text.tokens[opening + 1 : closing]]
        found.append(Kernel(text.tokens[name].text, tuple(_parameter(part) for part in _split(tokens))))
    return found


def host_functions(text: str) -> list[HostFunction]:
    """The functions that a C or CUDA text defines for the host alone, in order."""
    parsed = CudaText(text)
    found, i = [], 0
    while i < len(parsed.tokens):
        closing = parsed.partner.get(i) if parsed.tokens[i].text == "{" and not parsed.in_macro(i) else None
        if closing is None or parsed.opens_namespace(i):
            i += 1
            continue
        opening = parsed.opening.get(i - 1, 0)
        name = opening - 1
        is_function = name > 0 and parsed.tokens[opening].text == "(" and parsed.tokens[name].kind == "word"
        if is_function and not parsed.specifiers_around(name, name) & {"__global__", "__device__"}:
            found.append(_host_function(parsed, name, opening, closing))
        i = closing + 1
    return found


def _host_function(parsed: CudaText, name: int, opening: int, last: int) -> HostFunction:
    first = parsed.declaration_start(name)
    words = [t.text for t in parsed.tokens[first:name] if t.text not in _SPECIFIERS]
    tokens = [token.text for token in parsed.tokens[opening + 1 : parsed.partner[opening]]]
    return HostFunction(
        parsed.tokens[name].text,
        tuple(_parameter(part) for part in _split(tokens)),
        _parameter([*words, "result"]).type,
        parsed.tokens[first].start,
        parsed.tokens[last].end,
    )


def device_functions(cuda_text: str) -> list[tuple[str, bool]]:
    """(name, whether it is a kernel) of the functions for the device that the text defines, in order."""
    text = CudaText(cuda_text)
    kernels = {opening for _, _, opening in _functions(text, {"__global__"})}
    found = _functions(text, {"__global__", "__device__"})
    defined = [(name, opening) for _, name, opening in found if _is_definition(text, text.partner.get(opening))]
    return [(text.tokens[name].text, opening in kernels) for name, opening in defined]


def device_code(cuda_text: str) -> str:
    """The definitions of kernels and device functions; the whole text where it has no host function beside them."""
    text = CudaText(cuda_text)
    parts, last = [], -1
    bodies = []
    for i, name, opening in _functions(text, {"__global__", "__device__"}):
        closing = text.partner.get(opening)
        if closing is None or not _is_definition(text, closing) or i <= last:
            continue
        brace = _body(text, closing)
        assert brace is not None
        last = text.partner[brace]
        parts.append(cuda_text[_line_start(cuda_text, text, i, name) : text.tokens[last].end])
        bodies.append((i, last))
    if not parts or not _has_host_function(text, bodies):
        return cuda_text
    return "\n".join(parts) + "\n"


_PLACE = frozenset({"threadIdx", "blockIdx", "thread_rank", "block_rank", "thread_index", "block_index", "group_index"})


def divides_work(cuda_text: str) -> bool:
    """Whether the device code asks for its place among the threads. A kernel that does not does the whole work in every
    thread: where that may be done many times over it computes what it should, and is no parallel program."""
    return any(token.text in _PLACE for token in CudaText(device_code(cuda_text)).tokens)


def launched_kernels(host_text: str) -> list[str]:
    """The names in front of `<<<`, each once, in order."""
    return list(dict.fromkeys(match["name"] for match in _LAUNCH.finditer(host_text)))


def with_kernel(host_text: str, name: str, other: str) -> str:
    """The host text with the kernel `other` in place of the kernel `name`."""
    return re.sub(rf"(?<![\w.>]){re.escape(name)}(?=\s*(?:<(?!\s*<)[^;{{}}()]*?>\s*)?<\s*<\s*<)", other, host_text)


def with_arguments(host_text: str, name: str, order: list[int]) -> str | None:
    """The host text in which each launch of kernel `name` passes its arguments in another order (or fewer); None where
    a launch passes too few."""
    result, at = [], 0
    for match in re.finditer(rf"(?<![\w.>]){re.escape(name)}\s*(?:<(?!\s*<)[^;{{}}()]*?>\s*)?<\s*<\s*<", host_text):
        end = re.compile(r">\s*>\s*>\s*\(").search(host_text, match.end())
        if end is None:
            return None
        arguments, closing = _arguments(host_text, end.end())
        if closing < 0 or max(order, default=-1) >= len(arguments):
            return None
        result += [host_text[at : end.end()], ", ".join(arguments[i].strip() for i in order)]
        at = closing
    return "".join([*result, host_text[at:]])


def _arguments(text: str, start: int) -> tuple[list[str], int]:
    """The arguments from behind an opening parenthesis, and where the closing one is (-1: nowhere)."""
    depth, begin = 0, start
    found: list[str] = []
    for i in range(start, len(text)):
        if text[i] in "([{":
            depth += 1
        elif text[i] in ")]}":
            if depth == 0:
                return [*found, text[begin:i]] if text[begin:i].strip() or found else [], i
            depth -= 1
        elif text[i] == "," and depth == 0:
            found.append(text[begin:i])
            begin = i + 1
    return found, -1


def _functions(text: CudaText, wanted: set[str]) -> list[tuple[int, int, int]]:
    """(first qualifier, name, opening parenthesis) of the functions with one of the wanted qualifiers."""
    found: dict[int, tuple[int, int, int]] = {}
    for i in range(len(text.tokens)):
        if text.qualifiers(i) & wanted and not text.in_macro(i):
            place = text.function_after(i)
            if place is not None:
                found.setdefault(place[1], (i, *place))
    return list(found.values())


def _body(text: CudaText, closing: int) -> int | None:
    """The opening brace of the body behind a parameter list; None for a mere declaration."""
    for i in range(closing + 1, len(text.tokens)):
        if text.tokens[i].text == "{":
            return i if i in text.partner else None
        if text.tokens[i].text in (";", "="):
            return None
    return None


def _is_definition(text: CudaText, closing: int | None) -> bool:
    return closing is not None and _body(text, closing) is not None


def _line_start(cuda_text: str, text: CudaText, first: int, name: int) -> int:
    """Where the definition begins: with a `template <...>` or specifiers before the qualifier."""
    i = first
    while i > 0 and text.tokens[i - 1].text not in (";", "}", "{") and not text.in_macro(i - 1):
        i -= 1
    return text.tokens[min(i, name)].start


def _has_host_function(text: CudaText, bodies: list[tuple[int, int]]) -> bool:
    """Whether a brace opens behind a parameter list outside of the device functions."""
    inside = [False] * len(text.tokens)
    for first, last in bodies:
        inside[first : last + 1] = [True] * (last + 1 - first)
    return any(
        token.text == "{" and i > 0 and text.tokens[i - 1].text == ")" and not inside[i] and not text.in_macro(i)
        for i, token in enumerate(text.tokens)
    )


def _split(tokens: list[str]) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    depth = 0
    for token in tokens:
        depth += {"(": 1, "[": 1, "<": 1, ")": -1, "]": -1, ">": -1}.get(token, 0)
        if token == "," and depth == 0:
            parts.append([])
        else:
            parts[-1].append(token)
    return [part for part in parts if part and part != ["void"]]


def _parameter(tokens: list[str]) -> KernelParameter:
    if "=" in tokens:
        tokens = tokens[: tokens.index("=")]
    is_array = "[" in tokens
    in_parentheses = "(" in tokens  # `float (*a)[4]`, which `float a[][4]` is, too
    has_rows = tokens.count("[") > (not in_parentheses)
    if is_array:  # what follows is its extents
        tokens = tokens[: tokens.index("[")]
    words = [token for token in tokens if token not in _DROPPED]
    stars = words.count("*") + (is_array and not in_parentheses)
    names = [word for word in words if re.fullmatch(r"[A-Za-z_]\w*", word)]
    name = names[-1] if len(names) > 1 else ""
    kind = " ".join(names[:-1] if name else names)
    return KernelParameter(f"{kind} {'*' * stars}".strip(), name, has_rows)
