"""`NeuralParts`: the loop with language models: transformers or a server writes, models/finetuning trains."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from compile.gpu.device import DEVICE_FILES
from compile.sandbox import Sandbox
from data.function import Function
from data.testcase import TestCase
from models.errors import ModelError
from models.generation.protocol import Generator, NoAnswer, Prompt, Sampling
from models.model_form import ModelForm, read_form
from models.question import Example
from musl.loop.config import TrainingGroup, finetune_config
from musl.loop.folder import write_whole
from musl.loop.source import Direction, Source, c_side, function_of
from musl.loop.training import launched, trained
from musl.loop.voices import Asking, Role, SmallTests, TesterVoice, TranslatorVoice, Written
from musl.translators import open_baseline
from tester.neural import prompts as tester_prompts
from tester.neural.materialize import Rejected, Request, materialize
from tester.neural.read_answer import Malformed as MalformedTest
from tester.neural.read_answer import read_answer
from tester.neural.seeds import small_tests
from tester.neural.snippet import Snippet, print_test
from translator.neural import prompts as translator_prompts
from translator.neural.batch import translate_batch
from translator.neural.read_answer import Malformed


@dataclass(frozen=True)
class ModelTranslator:
    """A language model as a TranslatorVoice."""

    generator: Generator
    form: ModelForm

    def translate(self, sources: Sequence[Source], asking: Asking) -> Mapping[str, Sequence[Written]]:
        items = [(source.id, source.text, source.name, source.direction) for source in sources]
        answers = translate_batch(self.generator, self.form, items, _sampling(asking))
        return {
            identity: [Written("", a.kind) if isinstance(a, Malformed) else Written(a.text) for a in given]
            for identity, given in answers.items()
        }


@dataclass(frozen=True)
class ModelTester:
    """A language model as a TesterVoice."""

    generator: Generator
    form: ModelForm

    def write_tests(self, sources: Sequence[Source], asking: Asking) -> Mapping[str, Sequence[Written]]:
        questions = {s.id: tester_prompts.ask(s.text, self.form, name=s.name, tests=1) for s in sources}
        prompts = [Prompt(identity, q.text, q.system) for identity, q in questions.items()]
        answers = self.generator.generate(prompts, _sampling(asking))
        written: dict[str, list[Written]] = {}
        for source in sources:
            function = function_of(source)
            for answer in answers[source.id]:
                given = written.setdefault(source.id, [])
                if isinstance(answer, NoAnswer):
                    given.append(Written("", "no_answer"))
                    continue
                text = questions[source.id].decode(answer.text)
                given += map(_written, read_answer(text, function, finished=answer.finished))
        return written


def _sampling(asking: Asking) -> Sampling:
    return Sampling(asking.samples, asking.max_new_tokens, asking.temperature, asking.top_p, asking.seed)


def _written(part: Snippet | MalformedTest) -> Written:
    return Written(part.text) if isinstance(part, Snippet) else Written("", part.reason.value)


@dataclass(frozen=True)
class NeuralParts:
    """musl.loop.voices.Parts. `training` has the groups of fine-tuning; `launch` are the words before its command;
    `threads` is how many of the CPU a model generates with, as verification beside it needs some too; `batch`
    is how many answers it writes at once."""

    training: TrainingGroup
    launch: Sequence[str] = ()
    threads: int = 1
    batch: int | None = None
    _forms: dict[str, ModelForm] = field(default_factory=dict)

    @property
    def libraries(self) -> Sequence[str]:
        """None beside a GPU: some of them start CUDA, which does not outlive a fork."""
        if any(path.exists() for path in DEVICE_FILES):
            return ()
        return ("models.generation.transformers_model", *(() if self.launch else ("models.finetuning.run",)))

    def open_translator(self, model: str) -> TranslatorVoice:
        """The model, or the baseline of that name (musl/translators.py), which learns nothing."""
        if (baseline := open_baseline(model)) is not None:
            return ModelTranslator(*baseline)
        return ModelTranslator(self.open_generator(model), self.form(model, "translator"))

    def open_tester(self, model: str) -> TesterVoice:
        return ModelTester(self.open_generator(model), self.form(model, "tester"))

    def open_generator(self, model: str) -> Generator:
        """The model, or the adapter in a folder on its base, in a process that does nothing else."""
        import torch

        from models.generation.open_model import open_generator

        torch.set_num_threads(self.threads)
        base, adapter = split_adapter(model)
        return open_generator(base, adapter=None if adapter is None else str(adapter), batch=self.batch)

    def form(self, model: str, role: Role) -> ModelForm:
        """How a model is asked: as its folder says, else as its training will say, else as its kind suggests."""
        if model in self._forms:
            return self._forms[model]
        form = read_form(Path(model)) if Path(model).is_dir() else None
        group = finetune_config(self._groups(role), "base", Path("examples"), Path("folder"), 0).model.form
        if form is None and group is not None:
            form = ModelForm(group.style, group.anonymous)
        if form is None:
            from models.generation.open_model import form_of

            form = form_of(split_adapter(model)[0])
        self._forms[model] = form
        return form

    def _groups(self, role: Role) -> Mapping[str, object]:
        return self.training.tester if role == "tester" else self.training.translator

    # ------------------------------------------------------------------------------------------------------ training

    def translation_examples(
        self, model: str, c: Source, cuda: Source, directions: Sequence[Direction]
    ) -> list[Example]:
        form = self.form(model, "translator")
        names = {"c2cuda": c.name, "cuda2c": cuda.name}
        return [translator_prompts.example(c.text, cuda.text, one, form, names[one]) for one in directions]

    def repair_examples(self, model: str, sources: Sequence[Source], seed: int) -> list[Example]:
        form = self.form(model, "translator")
        if form.style != "short":
            raise ModelError("training.repairs: the Translator is not asked in the short form, which alone has repairs")
        return [
            translator_prompts.repair(source.text, source.language, form, f"{seed}/{source.id}") for source in sources
        ]

    def test_examples(self, model: str, source: Source, snippets: Sequence[str]) -> list[Example]:
        form = self.form(model, "tester")
        return [tester_prompts.example(source.text, snippet, form) for snippet in snippets]

    def finetune(self, model: str, examples: Path, folder: Path, role: Role, seed: int) -> Iterator[tuple[int, int]]:
        base, adapter = split_adapter(model)
        config = finetune_config(self._groups(role), base, examples, folder, seed, adapter)
        asked = folder / "finetune.yaml"
        write_whole(asked, config.model_dump_json(indent=1, exclude_unset=True) + "\n")  # JSON is YAML
        said = folder / "finetune.err"
        yield from launched(self.launch, asked, said) if self.launch else trained(config, said)

    # --------------------------------------------------------------------------------------------------------- tests

    def small_tests(self, source: Source, function: Function, text: str, order: SmallTests) -> Sequence[TestCase]:
        file = c_side(source, text)[0]
        return small_tests(function, file, order.sandbox, order.count, order.seed, large=order.large)

    def print_test(self, test: TestCase, function: Function) -> str | None:
        return print_test(test, function)

    def materialize(
        self, snippets: Sequence[str], function: Function, source: Source, sandbox: Sandbox
    ) -> Sequence[TestCase | str]:
        file = c_side(source, source.text)[0] if source.language == "c" else None
        read = [read_answer(snippet, function)[0] for snippet in snippets]
        requests = {i: Request(part, function, file) for i, part in enumerate(read) if isinstance(part, Snippet)}
        made = dict(zip(requests, materialize(list(requests.values()), sandbox), strict=True))
        results: list[TestCase | str] = []
        for i, part in enumerate(read):
            test = made.get(i)
            if isinstance(part, MalformedTest):
                results.append(part.reason.value)
            else:
                assert test is not None
                results.append(test.reason.value if isinstance(test, Rejected) else test)
        return results


def split_adapter(model: str) -> tuple[str, Path | None]:
    """(base, adapter) where the folder holds an adapter, else (model, None). ModelError where its card is broken."""
    card = Path(model) / "adapter_config.json"
    if not card.is_file() or (Path(model) / "config.json").is_file():
        return model, None
    try:
        return str(json.loads(card.read_text(encoding="utf-8"))["base_model_name_or_path"]), Path(model)
    except (OSError, ValueError, KeyError, TypeError):
        raise ModelError(f"{card}: says no base_model_name_or_path") from None
