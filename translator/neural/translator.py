"""`NeuralTranslator`: a language model as a Translator.

Asking a model and making translations of its answers are two steps, so that a model is asked once for all functions, in
the process that holds it, and answers are worked on wherever there is time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from data.function import Function
from data.source_file import SourceFile
from models.generation.protocol import Generator, Sampling
from models.model_form import ModelForm
from translator.analytic.host_side import read_host_side
from translator.neural.batch import Item, translate_batch
from translator.neural.context import context_of
from translator.neural.host_wrapper import wrap_kernel, wrap_with
from translator.neural.layout import laid_out
from translator.neural.read_answer import Malformed, Snippet, Translated
from translator.protocol import Diagnostic, Provenance, Refusal, Translation, TranslationOptions


@dataclass(frozen=True)
class NeuralTranslator:
    """Implements `translator.protocol.Translator` by asking `generator`, which wants to be asked in `form`.

    `sampling` says how answers are drawn; how many, and from which seed, the options of a translation say.
    """

    generator: Generator
    form: ModelForm
    sampling: Sampling = field(default_factory=Sampling)

    @property
    def name(self) -> str:
        return self.generator.name

    def translate(
        self, source: SourceFile, functions: Sequence[Function], options: TranslationOptions
    ) -> Mapping[str, Sequence[Translation] | Refusal]:
        """Translations of each function, in the order of their samples, equal ones once. Raises GenerationError where
        the model cannot answer at all."""
        return self.answered(source, functions, options).translate(source, functions, options)

    def answered(
        self,
        source: SourceFile,
        functions: Sequence[Function],
        options: TranslationOptions,
        progress: Callable[[int], None] | None = None,
    ) -> AnsweredTranslator:
        """Ask for all functions at once; what comes back translates them without the model."""
        items = [Item(f.name, f.text, f.name, "c2cuda", context_of(source, f)) for f in functions]
        sampling = replace(self.sampling, samples=options.samples, seed=options.seed)
        check = options.form == "drop_in"
        answers = translate_batch(self.generator, self.form, items, sampling, check_parameters=check, progress=progress)
        return AnsweredTranslator(self.name, answers)


@dataclass(frozen=True)
class AnsweredTranslator:
    """The Translator that a model was, for the functions that it has answered for: `answers` by name."""

    name: str
    answers: Mapping[str, Sequence[Translated]]

    def translate(
        self, source: SourceFile, functions: Sequence[Function], options: TranslationOptions
    ) -> Mapping[str, Sequence[Translation] | Refusal]:
        """As `NeuralTranslator.translate`; KeyError for a function that was not asked for."""
        return {function.name: self._function(source, function, options) for function in functions}

    def _function(
        self, source: SourceFile, function: Function, options: TranslationOptions
    ) -> Sequence[Translation] | Refusal:
        outcomes = list(self.outcomes(source, function, options))
        faults = [outcome for outcome in outcomes if isinstance(outcome, Malformed)]
        refusal = next((outcome for outcome in outcomes if isinstance(outcome, Refusal)), None)
        remarks = (*(refusal.reasons if refusal is not None else ()), *_remarks(function, faults, len(outcomes)))
        translations: dict[str, Translation] = {}
        for outcome in outcomes:
            if isinstance(outcome, Translation):
                same = outcome.prelude + outcome.kernels + outcome.host_wrapper
                translations.setdefault(same, replace(outcome, remarks=remarks))
        return list(translations.values()) or Refusal(function.id, remarks)

    def outcomes(
        self, source: SourceFile, function: Function, options: TranslationOptions
    ) -> Iterator[Translation | Malformed | Refusal]:
        """What came of each sample, in order: a Refusal where no wrapper can be written whatever the kernel. Raises
        data.read_source.SourceError where the file cannot be preprocessed."""
        side = None
        for sample, answer in enumerate(self.answers[function.name]):
            provenance = Provenance(self.name, sample, options.seed)
            if isinstance(answer, Malformed):
                yield answer
                continue
            answer = replace(answer, text=laid_out(answer.text))
            if options.form == "kernel":
                yield _bare(function, answer, provenance)
            elif answer.is_whole:
                yield wrap_kernel(source, function, answer, options, provenance)
            else:
                side = side or read_host_side(source, function, options)
                if isinstance(side, Refusal):
                    yield side
                else:
                    yield wrap_with(source, function, side, answer, provenance)


def _bare(function: Function, snippet: Snippet, provenance: Provenance) -> Translation:
    """The snippet as it is, for a launch that somebody else chooses."""
    return Translation(function.id, "cuda", snippet.text, "", "", (snippet.name,), (), (), provenance)


def _remarks(function: Function, faults: Sequence[Malformed], samples: int) -> tuple[Diagnostic, ...]:
    """Each kind of fault once, the first sample's first, with how many samples have it."""
    first: dict[str, Malformed] = {}
    for fault in faults:
        first.setdefault(fault.code, fault)
    at = function.span
    found = []
    for code, fault in first.items():
        count = sum(other.code == code for other in faults)
        words = fault.words if samples == 1 else f"{fault.words} ({count} of {samples} samples)"
        found.append(Diagnostic(code, words, function.path, at.line, at.column))
    return tuple(found)
