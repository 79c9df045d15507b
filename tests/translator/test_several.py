"""Several Translators as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from data.find_functions import find_functions
from data.function import Function
from data.source_file import SourceFile
from translator.protocol import Diagnostic, Refusal, Translation, TranslationOptions
from translator.several import SeveralTranslators

EXTENT = Diagnostic("MUSL109", "the extent of x is not known", Path("a.c"), 1, 1)
LOOP = Diagnostic("MUSL107", "no loop", Path("a.c"), 1, 1)


@dataclass(frozen=True)
class Refusing:
    """Refuses every function for the same reasons."""

    reasons: tuple[Diagnostic, ...]
    name: str = "refusing"

    def translate(
        self, source: SourceFile, functions: Sequence[Function], options: TranslationOptions
    ) -> Mapping[str, Sequence[Translation] | Refusal]:
        return {function.name: Refusal(function.id, self.reasons) for function in functions}


def test_a_reason_that_two_translators_have_is_said_once() -> None:
    source = SourceFile(Path("a.c"), "void f(int n, float *x) { x[0] = n; }", "c")
    both = SeveralTranslators((Refusing((EXTENT,)), Refusing((LOOP, EXTENT))))
    refused = both.translate(source, find_functions(source).functions, TranslationOptions())["f"]
    assert isinstance(refused, Refusal) and refused.reasons == (EXTENT, LOOP)
