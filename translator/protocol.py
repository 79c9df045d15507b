"""The Translator protocol and its records: `Translation`, and `Diagnostic` for what could not be done and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from data.function import Function
from data.source_file import SourceFile


@dataclass(frozen=True)
class Diagnostic:
    """A reason with a stable code and a place, as compilers explain a loop that they did not vectorize."""

    code: str  # MUSLnnn, listed in docs/codes.md
    message: str  # names the source's own variables: "carried dependence on a[i - 1]"
    path: Path
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.code} {self.message}"


@dataclass(frozen=True)
class ParallelLoop:
    """A loop that became parallel: line, iterators, and what it became (`grid`, `reduction`, `atomics`, ...; `block`
    where only the threads of one block share it)."""

    line: int
    iterators: tuple[str, ...]
    kernel: str
    form: str


@dataclass(frozen=True)
class Provenance:
    """What made a translation: the translator's name, the number of the sample, and the seed."""

    translator: str
    sample: int = 0
    seed: int = 0


@dataclass(frozen=True)
class Translation:
    """One function in the target language, as text that stands in for the function in its file.

    `kernels` are the definitions that go before the host wrapper (kernels, `__device__` helpers); `host_wrapper` is
    the function with the source's own signature; `sequential` is the source function kept under another name, which
    the host wrapper calls where the parallel path does not apply (empty when it is not needed). `kernel_names` are
    the `__global__` functions, `parallel` the loops that became parallel, `remarks` the loops that did not and why.
    `prelude` is text that all translations of a file by one translator share; it stands once, above the first of
    them.
    """

    source_id: str
    target: Literal["c", "cuda"]
    kernels: str
    sequential: str
    host_wrapper: str
    kernel_names: tuple[str, ...]
    parallel: tuple[ParallelLoop, ...]
    remarks: tuple[Diagnostic, ...]
    provenance: Provenance
    prelude: str = ""


@dataclass(frozen=True)
class Refusal:
    """A function that was not translated. `reasons` is never empty; the first is the one to show."""

    source_id: str
    reasons: tuple[Diagnostic, ...]


@dataclass(frozen=True)
class TranslationOptions:
    """What the user asks of every Translator.

    `strict_fp` refuses transformations that reorder floating-point sums and products. `extents` gives the number of
    elements of pointer parameters as C expressions over the other parameters ({"a": "n*m"}).

    `form` "drop_in" asks for a host function that stands in for the source's; "kernel" for one `__global__` function
    with the source's parameters in their order (device pointers), which is right under any launch: its grid and blocks
    are chosen by somebody else. `serial_kernels` makes a function with nothing parallel a kernel of one thread instead
    of a refusal.
    """

    strict_fp: bool = False
    extents: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0
    samples: int = 1
    form: Literal["drop_in", "kernel"] = "drop_in"
    serial_kernels: bool = False


class Translator(Protocol):
    """Writes the other side of a C/CUDA pair. Implementations: analytic, neural, several of them."""

    @property
    def name(self) -> str:
        """What reports call it."""
        ...

    def translate(
        self, source: SourceFile, functions: Sequence[Function], options: TranslationOptions
    ) -> Mapping[str, Sequence[Translation] | Refusal]:
        """Translations of `functions`, keyed by function name (names are unique within a file); best sample first."""
        ...
