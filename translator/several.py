"""`SeveralTranslators`: what one Translator cannot do, the next one may."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from data.function import Function
from data.source_file import SourceFile
from translator.protocol import Refusal, Translation, TranslationOptions, Translator


@dataclass(frozen=True)
class SeveralTranslators:
    """Implements `translator.protocol.Translator`: the samples of each, in order. Why one gave none stays with what the
    others gave, as remarks."""

    translators: tuple[Translator, ...]

    @property
    def name(self) -> str:
        return " + ".join(translator.name for translator in self.translators)

    def translate(
        self, source: SourceFile, functions: Sequence[Function], options: TranslationOptions
    ) -> Mapping[str, Sequence[Translation] | Refusal]:
        """The translations of all; a Refusal with the reasons of all where none has any."""
        found = [translator.translate(source, functions, options) for translator in self.translators]
        return {function.name: _together([each[function.name] for each in found]) for function in functions}


def _together(found: Sequence[Sequence[Translation] | Refusal]) -> Sequence[Translation] | Refusal:
    refusals = [result for result in found if isinstance(result, Refusal)]
    reasons = tuple(dict.fromkeys(reason for refusal in refusals for reason in refusal.reasons))  # each is said once
    translations = [each for result in found if not isinstance(result, Refusal) for each in result]
    if not translations:
        return Refusal(refusals[0].source_id, reasons)
    return [replace(each, remarks=(*reasons, *each.remarks)) for each in translations]
