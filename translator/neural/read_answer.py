"""Reads what a model wrote: the code in it as a `Snippet`, or a `Malformed` with a reason that can be counted.

Code may stand between fences or in the midst of words. Host functions beside a kernel (a `main`, the model's own
launcher under another name) are left out; a host function of the C function's name is a whole translation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from compile.cuda_parts import HostFunction, Kernel, host_functions, kernels_of
from compile.emulator.cuda_text import CudaText
from translator.neural.codes import CODE_OF, Kind
from translator.neural.parameters import match_parameters, unlike_parameters

Target: TypeAlias = Literal["c", "cuda"]

_FENCE = re.compile(r"^[ \t]*```[^\n`]*\n(?P<code>.*?)(?P<end>^[ \t]*```|\Z)", re.DOTALL | re.MULTILINE)
_CODE_LINE = re.compile(
    r"^[ \t]*(?:\#[ \t]*(?:include|define|pragma|if\w*)\b|__(?:global|device|host|constant|shared)__|template\s*<"
    r"|(?:extern|static|inline|constexpr|typedef|struct|enum|using)\b"
    r"|(?:const\s+|unsigned\s+|signed\s+)*(?:void|bool|char|short|int|long|float|double|size_t|unsigned)\b[^.?!\n]*[({;])",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Malformed:
    """An answer that is no translation: why, as a stable word and in a sentence."""

    kind: Kind
    words: str

    @property
    def code(self) -> str:
        """The stable code of the reason (docs/codes.md)."""
        return CODE_OF[self.kind]

    def __str__(self) -> str:
        return f"{self.code} {self.words}"


@dataclass(frozen=True)
class Snippet:
    """A model's translation. `name` is its kernel's, or the C function's; `is_whole` says that it has a host function
    with the source's name, which launches what it needs itself."""

    text: str
    name: str
    target: Target
    is_whole: bool = False

    @property
    def kernel(self) -> Kernel:
        """The kernel that stands for the function; IndexError where the snippet is whole or C."""
        found = [kernel for kernel in kernels_of(self.text) if kernel.name == self.name]
        return found[0]


Translated: TypeAlias = Snippet | Malformed


def read_translation(
    answer: str,
    source_text: str,
    name: str,
    target: Target,
    *,
    finished: bool = True,
    check_parameters: bool = True,
) -> Translated:
    """The code in `answer`, the translation of the function `name` of `source_text` into `target`.

    An answer that is not `finished` counts only where its code ends in a fence. `check_parameters` refuses a function
    that cannot be called with the source's arguments.
    """
    code, closed = find_code(answer)
    if not code.strip():
        return Malformed("no_code", "the answer holds no code")
    if not finished and not closed:
        return Malformed("cut_off", "the answer was cut off at its longest length")
    parsed = CudaText(code)
    unmatched = next((t for i, t in enumerate(parsed.tokens) if _is_unmatched(parsed, i)), None)
    if unmatched is not None:
        return Malformed(
            "syntax", f"line {parsed.line(unmatched.start)} of the code: `{unmatched.text}` has no partner"
        )
    if target == "cuda":
        return _read_cuda(code, _c_function(source_text, name), name, check_parameters)
    return _read_c(code, _kernel(source_text, name), name, check_parameters)


def find_code(answer: str) -> tuple[str, bool]:
    """(the code of an answer, whether a fence ends it): of several blocks the one with a kernel, else the longest."""
    blocks = list(_FENCE.finditer(answer))
    if blocks:
        best = max(blocks, key=lambda block: ("__global__" in block["code"], len(block["code"])))
        return best["code"], bool(best["end"])
    first = _CODE_LINE.search(answer)
    if first is None:
        return "", False
    code = answer[first.start() :]
    last = code.rfind("}")
    after = code[last + 1 :]
    return (code if last < 0 or _CODE_LINE.search(after) or "#" in after else code[: last + 1] + "\n"), False


def _is_unmatched(parsed: CudaText, i: int) -> bool:
    text = parsed.tokens[i].text
    return (text in "([{" and i not in parsed.partner) or (text in ")]}" and i not in parsed.opening)


def _read_cuda(code: str, source: HostFunction | None, name: str, check: bool) -> Translated:
    kernels, hosts = kernels_of(code), host_functions(code)
    own = [host for host in hosts if host.name == name]
    if own and (kernels or "<<<" in code):
        whole = _without(code, [host for host in hosts if host.name == "main" != name])
        if check and source is not None and match_parameters(source, own[-1]) is None:
            return _other_parameters(own[-1], source)
        return Snippet(whole, name, "cuda", is_whole=True)
    if not kernels:
        return Malformed("no_function", "the code defines no __global__ function")
    chosen = _choose(kernels, source, name)
    if isinstance(chosen, Malformed):
        return chosen
    if check and source is not None and match_parameters(source, chosen) is None:
        return _other_parameters(chosen, source)
    return Snippet(_without(code, hosts), chosen.name, "cuda")


def _read_c(code: str, source: Kernel | None, name: str, check: bool) -> Translated:
    found = [function for function in host_functions(code) if function.name != "main"]
    if not found:
        return Malformed("no_function", "the code defines no C function")
    named = [function for function in found if function.name == name]
    chosen = (named or found)[-1]  # helpers stand above what calls them
    if check and source is not None and match_parameters(source, chosen) is None:
        return _other_parameters(chosen, source)
    return Snippet(_without(code, [f for f in host_functions(code) if f.name == "main"]), chosen.name, "c")


def _choose(kernels: Sequence[Kernel], source: Kernel | None, name: str) -> Kernel | Malformed:
    """The kernel that stands for the function: the only one, else the only one with its parameters."""
    if len(kernels) == 1 or source is None:
        return kernels[-1]
    fitting = [kernel for kernel in kernels if match_parameters(source, kernel) is not None]
    if len(fitting) == 1:
        return fitting[0]
    names = ", ".join(kernel.name for kernel in kernels)
    return Malformed("several_functions", f"the code defines {len(kernels)} kernels ({names}) and does not launch them")


def _other_parameters(theirs: Kernel, source: Kernel) -> Malformed:
    return Malformed("other_parameters", unlike_parameters(source, theirs))


def _c_function(text: str, name: str) -> HostFunction | None:
    return next((function for function in host_functions(text) if function.name == name), None)


def _kernel(text: str, name: str) -> Kernel | None:
    return next((kernel for kernel in kernels_of(text) if kernel.name == name), None)


def _without(code: str, functions: Iterable[HostFunction]) -> str:
    """The code without some of its functions."""
    for function in sorted(functions, key=lambda f: -f.start):
        code = code[: function.start].rstrip() + "\n\n" + code[function.end :].lstrip()
    return code.strip("\n") + "\n"
