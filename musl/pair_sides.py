"""The two sides of a pair: the function of the C text that is meant, and the host function of the CUDA text that is
called."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from data.find_functions import find_functions
from data.function import Function
from data.pairs import Pair
from data.read_source import SourceError
from data.source_file import SourceFile
from musl.verdict import Verdict, VerdictStatus

_FOLDER = Path("/pair")  # pairs come from no folder of this machine, and may include nothing


class Unjudged(Exception):
    """The pair cannot be judged; with the verdict that says so."""

    def __init__(self, status: VerdictStatus, reason: str) -> None:
        super().__init__(reason)
        self.verdict = Verdict(status, 0, 0, (), reason)


@dataclass(frozen=True, eq=False)
class PairSides:
    """The two sides of a pair; `candidate` is the host function of the CUDA side."""

    pair: Pair
    source: SourceFile
    function: Function
    candidate: Function | None = None


def read_sides(pair: Pair) -> PairSides:
    """Both sides; raises Unjudged where one cannot be read or called."""
    sides = PairSides(pair, *read_c_side(pair))
    return replace(sides, candidate=find_cuda_side(sides))


def read_c_side(pair: Pair) -> tuple[SourceFile, Function]:
    suffix = ".c" if pair.language == "c" else ".cpp"
    source = SourceFile(_FOLDER / f"{re.sub(r'[^A-Za-z0-9_.-]', '_', str(pair.id))}{suffix}", pair.c, pair.language)
    try:
        table = find_functions(source)
    except SourceError as error:
        raise Unjudged(VerdictStatus.NO_VALID_TEST, f"the C side cannot be read: {error}") from None
    names = [function.name for function in table.functions]
    if pair.function:
        chosen = [function for function in table.functions if function.name == pair.function]
    else:
        defined = [f for f in table.functions if re.search(rf"\b{re.escape(f.name)}\s*\(", pair.cuda)]
        chosen = list(table.functions) if len(names) == 1 else defined[-1:]
    if chosen:
        return source, chosen[0]
    for refused in table.unsupported:
        if refused.name == pair.function or not names:
            reason = f"{refused.code} {refused.name}: {refused.message}"
            raise Unjudged(VerdictStatus.NO_VALID_TEST, f"no test can call the C function: {reason}")
    errors = "; ".join(str(error) for error in table.syntax_errors[:1])
    wanted = f"no function {pair.function}" if pair.function else "no function that the CUDA side defines too"
    reason = f"the C side defines {wanted} (it has {', '.join(names) or 'none'})"
    raise Unjudged(VerdictStatus.NO_VALID_TEST, errors or reason)


def find_cuda_side(sides: PairSides) -> Function:
    """The host function that is called on the CUDA side, with its own signature."""
    pair, function = sides.pair, sides.function
    heads = _host_heads(pair.cuda)
    name = pair.wrapper or function.name
    if pair.c_calls is not None and not pair.wrapper:  # no test names it
        name = next(iter(heads), "")
    head = heads.get(name)
    if head is not None and pair.given_wrapper and not head.launches:
        # Tests that call a sequential copy of the function instead of the wrapper that launches the kernel.
        others = [other for other in heads.values() if other.launches and other.parameters == head.parameters]
        head = others[0] if len(others) == 1 else head
    if head is None:
        raise Unjudged(VerdictStatus.CANDIDATE_FAILED, f"{_side(pair)} defines no host function {name}".rstrip())
    if pair.c_calls is None:
        return function
    body = "{}" if re.match(r"\s*void\b(?!\s*\*)", head.text) else "{ return 0; }"
    source = SourceFile(_FOLDER / "wrapper.cpp", f"{head.text} {body}\n", "c++")
    try:
        found = find_functions(source).functions
    except SourceError:
        found = ()
    if len(found) != 1:  # its types are the file's own: the compiler will say whether it can be called
        return replace(function, name=head.name)
    wrapper = found[0]
    if _results(wrapper) != _results(function):
        theirs, ours = len(wrapper.parameters), len(function.parameters)
        what = f"takes {theirs} parameters, the C function {ours}" if theirs != ours else "has results of other types"
        raise Unjudged(VerdictStatus.CANDIDATE_FAILED, f"the wrapper {wrapper.name} {what}")
    return wrapper


def _side(pair: Pair) -> str:
    return "the CUDA side" if pair.candidate == "cuda" else "the translation"


def _results(function: Function) -> tuple[object, ...]:
    """What two signatures must share for their results to be compared: all but the types of what is passed by value."""
    return (function.returns, *(p.dtype if p.is_array or p.reference else None for p in function.parameters))


_HEAD = re.compile(r"\b((?:[A-Za-z_][\w:<>,]*[\s*&]+){1,12})([A-Za-z_]\w*)\s*\(([^()]*)\)\s*\{")
_NOT_A_TYPE = frozenset({"else", "return", "new", "delete", "case", "goto", "do", "throw"})


@dataclass(frozen=True)
class _Head:
    """The declaration of a host function, without `extern "C"` and the like, and whether its body launches a kernel."""

    name: str
    text: str
    parameters: str
    launches: bool


def _host_heads(text: str) -> dict[str, _Head]:
    """The host functions that the CUDA text defines, by name."""
    heads: dict[str, _Head] = {}
    matches = list(_HEAD.finditer(text))
    ends = [*(match.start() for match in matches[1:]), len(text)] if matches else []
    for match, following in zip(matches, ends, strict=True):
        words = match[1].split()
        if "__global__" in words or ("__device__" in words and "__host__" not in words) or _NOT_A_TYPE & set(words):
            continue
        kept = [word for word in words if word not in ("static", "inline", "__host__", "__device__", "__forceinline__")]
        parameters = " ".join(match[3].split())
        launches = re.search(r"<<\s*<", text[match.end() : following]) is not None
        head = _Head(match[2], f"{' '.join(kept)} {match[2]}({parameters})", parameters, launches)
        heads.setdefault(match[2], head)
    return heads
