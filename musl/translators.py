"""`open_translator`: the Translator that a name stands for: `analytic`, a model, or a baseline that learned nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from data.function import Function
from data.pairs import PairError, read_pairs
from data.source_file import SourceFile
from models.errors import GenerationError, ModelError
from models.generation.protocol import Generator, Sampling
from models.model_form import ModelForm
from musl.errors import MachineError, UsageError
from translator.analytic.translator import AnalyticTranslator
from translator.baselines.copying import COPY_FORM, CopiedSource
from translator.baselines.nearest import NEAREST_FORM, NearestPair
from translator.neural.translator import NeuralTranslator
from translator.protocol import TranslationOptions, Translator
from translator.several import SeveralTranslators

ANALYTIC = "analytic"
COPY, NEAREST = "copy", "nearest:"
_TEMPERATURE = 0.8  # for several samples, as Codex's Pass@10 and more were drawn (Chen et al., arXiv 2107.03374)


@dataclass(frozen=True)
class ModelOptions:
    """How a model is opened and asked: `adapter` a PEFT adapter for it, `four_bit` its weights in 4 bits, at most
    `max_new_tokens` an answer. `temperature` None is 0 for one sample and 0.8 for several. With `beams` the samples are
    the likeliest ones of a beam search of so many, and nothing is drawn."""

    adapter: str | None = None
    four_bit: bool = False
    temperature: float | None = None
    top_p: float = 0.95
    max_new_tokens: int = 1024
    beams: int = 0

    def sampling(self, samples: int) -> Sampling:
        """How answers are drawn, or searched; UsageError for what contradicts."""
        if self.beams:
            if self.temperature:
                raise UsageError(f"--temperature {self.temperature:g}: with --beam nothing is drawn; leave one out")
            if samples > self.beams:
                raise UsageError(f"--samples {samples}: {self.beams} beams have {self.beams} answers at most")
            return Sampling(samples, self.max_new_tokens, beams=self.beams)
        default = 0.0 if samples == 1 else _TEMPERATURE
        temperature = default if self.temperature is None else self.temperature
        top_p = self.top_p if temperature else 1.0
        return Sampling(samples, self.max_new_tokens, temperature, top_p)


def open_translator(
    name: str | NeuralTranslator, direction: str = "c2cuda", model: ModelOptions | None = None, samples: int = 1
) -> AnalyticTranslator | NeuralTranslator:
    """The Translator of that name: `analytic`, or the model in a folder, of a hub, or behind a server's address (one
    that is given open is it); `copy` and `nearest:PAIRS.jsonl` are the baselines of translator/baselines/.

    UsageError where there is none for the direction, where a model cannot be opened, and for options that contradict.
    """
    asked = model or ModelOptions()
    if isinstance(name, NeuralTranslator):
        return name
    if (baseline := open_baseline(name)) is not None:
        _refuse_options(asked)
        return NeuralTranslator(*baseline, Sampling())
    if name != ANALYTIC:
        generator, form = open_model(name, asked.adapter, asked.four_bit)
        if asked.beams and form.style != "languages":
            raise UsageError(f"--beam {asked.beams}: {name} is no encoder-decoder model; --samples N draws from it")
        return NeuralTranslator(generator, form, asked.sampling(samples))
    if direction != "c2cuda":
        raise UsageError(
            f"--direction {direction}: the analytic Translator writes CUDA only; --translator MODEL writes C, and "
            "--translations FILE scores given texts"
        )
    _refuse_options(asked)
    return AnalyticTranslator()


def open_baseline(name: str) -> tuple[Generator, ModelForm] | None:
    """The baseline of that name and the form in which it is asked; None where the name is none of a baseline.
    UsageError where the known pairs cannot be read."""
    if name == COPY:
        return CopiedSource(name), COPY_FORM
    if not name.startswith(NEAREST):
        return None
    try:
        pairs = read_pairs(Path(name.removeprefix(NEAREST)))
    except PairError as error:
        raise UsageError(f"--translator {NEAREST}PAIRS.jsonl: {error}") from None
    return NearestPair(name, [(pair.c, pair.cuda) for pair in pairs]), NEAREST_FORM


def _refuse_options(asked: ModelOptions) -> None:
    if asked != ModelOptions():
        raise UsageError(
            "--adapter, --four-bit, --temperature, --max-new-tokens and --beam are for models (--translator MODEL)"
        )


@lru_cache(maxsize=2)
def open_model(name: str, adapter: str | None, four_bit: bool) -> tuple[Generator, ModelForm]:
    """The model and the form in which it wants to be asked, opened once for all files; UsageError where it cannot be,
    MachineError where a package is missing."""
    from models.generation.open_model import form_of, open_generator

    try:
        return open_generator(name, adapter=adapter, four_bit=four_bit), form_of(name, adapter=adapter)
    except ModuleNotFoundError as error:
        raise MachineError(f"{error.name} is not installed: pip install 'musl-cuda[models]'") from None
    except ModelError as error:
        raise UsageError(str(error)) from None


@dataclass(frozen=True)
class Writers:
    """Who writes the translations of a file: `first`, and with `also_analytic` the analytic Translator after it."""

    first: AnalyticTranslator | NeuralTranslator
    also_analytic: bool = False

    def answered(
        self,
        source: SourceFile,
        functions: Sequence[Function],
        options: TranslationOptions,
        progress: Callable[[int], None] | None = None,
    ) -> Translator:
        """A Translator for these functions that needs no model any more, as it has been asked. MachineError where it
        cannot answer at all."""
        if isinstance(self.first, AnalyticTranslator):
            return self.first
        try:
            answered = self.first.answered(source, functions, options, progress)
        except GenerationError as error:
            raise MachineError(str(error)) from None
        return SeveralTranslators((answered, AnalyticTranslator())) if self.also_analytic else answered


def choose_writers(
    name: str | NeuralTranslator, also: Sequence[str], samples: int, model: ModelOptions | None
) -> Writers:
    """The Translators that a command names; UsageError for what contradicts."""
    for other in also:
        if other != ANALYTIC:
            raise UsageError(f"--also {other}: only 'analytic' can be added")
        if name == ANALYTIC:
            raise UsageError("--also analytic: it is the Translator already; it is added to --translator MODEL")
    first = open_translator(name, model=model, samples=samples)
    if name == ANALYTIC and samples > 1:
        raise UsageError(f"--samples {samples}: the analytic Translator has one; --translator MODEL has several")
    return Writers(first, bool(also))
