"""`pair_of`: a translation as the pair that is judged, in one of two harnesses.

- `reference`: the benchmark's own host wrapper allocates, copies and launches, as the published numbers were made; the
  name of its kernel is replaced by that of the translation's.
- `own`: the translation is a whole drop-in text, which is called with the C function's arguments.

In the direction cuda2c the translation is a C function in both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from compile.cuda_parts import Kernel, kernels_of, launched_kernels, with_arguments, with_kernel
from data.find_functions import find_functions
from data.pairs import Pair, pair_of_case
from data.read_source import SourceError
from data.source_file import SourceFile
from musl.evaluation.own_wrapper import NAME, own_wrappers
from musl.evaluation.problems import Problem
from musl.evaluation.records import Harness


@dataclass(frozen=True)
class Unusable:
    """A translation that cannot be put into the harness, and why."""

    reason: str


def pair_of(problem: Problem, text: str, sample: int, harness: Harness) -> Pair | Unusable:
    """The pair to judge: the C function, and the translation `text` in its harness."""
    if problem.direction == "cuda2c":
        return _c_pair(problem, text, sample)
    if harness == "own":
        return _own_pair(problem, text, sample)
    return _reference_pair(problem, text, sample)


def _own_pair(problem: Problem, text: str, sample: int) -> Pair:
    case = problem.case
    pair = replace(pair_of_case(case), cuda=text, sample=sample, given_wrapper=False)
    return replace(pair, wrapper=case.c_name, cuda_calls=case.c_calls)


def _c_pair(problem: Problem, text: str, sample: int) -> Pair | Unusable:
    case = problem.case
    try:
        found = find_functions(SourceFile(Path(f"/pair/{case.index}.cpp"), text, "c++")).functions
    except SourceError as error:
        return Unusable(str(error))
    names = [function.name for function in found]
    if not names:
        return Unusable("it defines no function")
    name = case.c_name if case.c_name in names else names[-1]
    calls = tuple(rename_callee(call, case.c_name, name) for call in case.c_calls)
    pair = replace(pair_of_case(case), cuda=text, sample=sample, given_wrapper=False, candidate="c")
    return replace(pair, wrapper=name, cuda_calls=calls)


def _reference_pair(problem: Problem, text: str, sample: int) -> Pair | Unusable:
    kernels = kernels_of(text)
    if not kernels:
        return Unusable("it defines no __global__ function")
    wrapper = problem.case.wrapper_text
    for name, own in _launched(problem):
        wrapper = with_kernel(wrapper, name, choose_kernel(kernels, own).name)
    return replace(pair_of_case(problem.case), cuda=f"{text}\n{wrapper}\n", sample=sample)


def choose_kernel(kernels: Sequence[Kernel], reference: Kernel) -> Kernel:
    """The one that is launched in place of the reference's: of its name, else with its parameters, else with as many,
    else the last one."""
    same_name = [kernel for kernel in kernels if kernel.name == reference.name]
    same_types = [kernel for kernel in kernels if kernel.types == reference.types]
    as_many = [kernel for kernel in kernels if len(kernel.parameters) == len(reference.parameters)]
    return (same_name or same_types or as_many or list(kernels))[-1]


def _launched(problem: Problem) -> list[tuple[str, Kernel]]:
    """The kernels of the reference that its wrapper launches."""
    own = {kernel.name: kernel for kernel in kernels_of(problem.case.kernel_text)}
    return [(name, own[name]) for name in launched_kernels(problem.case.wrapper_text) if name in own]


@dataclass(frozen=True)
class OtherParameters:
    """The translation's kernel takes other parameters than the reference's wrapper passes: how they differ, and the
    pairs in which a wrapper passes what it takes. Where one of them is right, the list is all that is wrong."""

    difference: str
    adapted: tuple[Pair, ...]


def other_parameters(problem: Problem, text: str, sample: int) -> OtherParameters | None:
    """None where the parameter lists have the same types in the same order, and not the same names in another one."""
    kernels, launched = kernels_of(text), _launched(problem)
    if not kernels or len(launched) != 1:
        return None
    name, reference = launched[0]
    kernel = choose_kernel(kernels, reference)
    by_name = _by_name(problem, text, sample, kernel, name, reference)
    if kernel.types != reference.types:
        difference = f"its kernel takes {kernel.signature}, the reference's wrapper passes {reference.signature}"
        return OtherParameters(difference, (*by_name, *_own(problem, text, sample, kernel)))
    if kernel.names != reference.names and sorted(kernel.names) == sorted(reference.names):
        taken, passed = ", ".join(kernel.names), ", ".join(reference.names)
        return OtherParameters(f"its kernel takes ({taken}), the reference's wrapper passes ({passed})", tuple(by_name))
    return None


def _by_name(problem: Problem, text: str, sample: int, kernel: Kernel, name: str, reference: Kernel) -> Iterator[Pair]:
    """The reference's wrapper, which passes the same arguments in the kernel's order."""
    places = {parameter: i for i, parameter in enumerate(reference.names)}
    order = [places.get(parameter, -1) for parameter in kernel.names]
    wrapper = with_arguments(problem.case.wrapper_text, name, order) if -1 not in order else None
    if wrapper is not None:
        adapted = f"{text}\n{with_kernel(wrapper, name, kernel.name)}\n"
        yield replace(pair_of_case(problem.case), cuda=adapted, sample=sample)


def _own(problem: Problem, text: str, sample: int, kernel: Kernel) -> Iterator[Pair]:
    """Wrappers with the C function's parameters."""
    function = kernels_of(f"__global__ {problem.case.c_text}")
    if not function or function[0].types != kernel.types:
        return
    calls = tuple(rename_callee(call, problem.case.c_name, NAME) for call in problem.case.c_calls)
    for wrapper in own_wrappers(kernel):
        pair = replace(pair_of_case(problem.case), cuda=f"{text}\n{wrapper}", sample=sample, given_wrapper=False)
        yield replace(pair, wrapper=NAME, cuda_calls=calls)


def rename_callee(call: str, name: str, other: str) -> str:
    """The snippet with a call of another function."""
    return re.sub(rf"\bwrapper\s*\(\s*{re.escape(name)}\b", f"wrapper({other}", call)
