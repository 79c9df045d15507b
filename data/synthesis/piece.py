"""`Piece`: one synthesized text with what is needed to compile and to call it."""

from __future__ import annotations

from dataclasses import dataclass

from data.synthesis.sketch import Parameter


@dataclass(frozen=True)
class Piece:
    """`text` is the C function with its helpers, or kernels and the host function that launches them; `definitions` are
    macros and types above it; `includes` operands of include lines. `name` is the function that is called, with
    `parameters`; `defined` are all names that the text defines. `host` is the host function of a CUDA text."""

    name: str
    text: str
    definitions: str
    includes: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    returns: str
    defined: tuple[str, ...]
    host: str = ""

    @property
    def unit(self) -> str:
        """A file that compiles by itself."""
        lines = [f"#include {include}" for include in self.includes]
        return "\n".join([*lines, *([self.definitions] if self.definitions else []), "", self.text])
