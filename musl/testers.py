"""`choose_testers`: the Tester that a name stands for, `fuzz` or a model, with fuzz as a second voice where asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

from compile.sandbox import Sandbox
from data.function import Function
from data.source_file import SourceFile
from models.errors import GenerationError
from models.generation.protocol import Generator, Sampling
from models.model_form import ModelForm
from musl.errors import MachineError, UsageError
from musl.translators import ModelOptions, open_model
from tester.fuzz import FuzzOptions, FuzzTester
from tester.neural.batch import Written, make_tests_batch
from tester.neural.tester import TESTS_AN_ANSWER, NeuralTester
from tester.protocol import Tester

FUZZ = "fuzz"
MakeTester: TypeAlias = Callable[[SourceFile, Sandbox], Tester]


@dataclass(frozen=True)
class FuzzTesters:
    """The fuzz Tester for any file."""

    options: FuzzOptions
    name: str = FUZZ

    def answered(
        self, functions: Sequence[Function], count: int, seed: int, progress: Callable[[int], None] | None = None
    ) -> MakeTester:
        """What makes a Tester for a file; the functions need no preparation."""
        return partial(FuzzTester, options=self.options)


@dataclass(frozen=True)
class ModelTesters:
    """A model as the Tester, asked once for all functions; `second` is fuzz as the second voice, where there is one."""

    generator: Generator
    form: ModelForm
    sampling: Callable[[int], Sampling]
    second: FuzzTesters | None = None

    @property
    def name(self) -> str:
        own = Path(self.generator.name).name
        return f"{own}+{self.second.name}" if self.second is not None else own

    def answered(
        self, functions: Sequence[Function], count: int, seed: int, progress: Callable[[int], None] | None = None
    ) -> MakeTester:
        """What makes a Tester for a file of these functions, and needs no model any more: it can be used in another
        process. About `count` tests are asked for of each function; `progress` is told how many functions are done.
        MachineError where the model cannot answer at all."""
        each = TESTS_AN_ANSWER if self.form.style == "instruct" else 1
        sampling = replace(self.sampling(-(-count // each)), seed=seed)
        try:
            written = make_tests_batch(self.generator, self.form, functions, sampling, tests=each, progress=progress)
        except GenerationError as error:
            raise MachineError(str(error)) from None
        return partial(_answered_tester, self, written)


def _answered_tester(testers: ModelTesters, written: Written, source: SourceFile, sandbox: Sandbox) -> Tester:
    second = FuzzTester(source, sandbox, options=testers.second.options) if testers.second is not None else None
    own = Path(testers.generator.name).name
    return NeuralTester(None, testers.form, source, sandbox, written=written, second=second, name=own)


Testers: TypeAlias = FuzzTesters | ModelTesters


def choose_testers(
    name: str,
    also: Sequence[str] = (),
    *,
    model: ModelOptions | None = None,
    fuzz: FuzzOptions | None = None,
) -> Testers:
    """The Tester of that name: `fuzz`, or the model in a folder, of a hub, or behind a server's address, opened as
    `model` says. `also` names a second voice. UsageError for what contradicts, and where a model cannot be opened."""
    options = fuzz or FuzzOptions()
    for other in also:
        if other != FUZZ:
            raise UsageError(f"a second Tester {other}: only 'fuzz' can be added")
        if name == FUZZ:
            raise UsageError("fuzz is the Tester already; it is added to --tester MODEL")
    if name == FUZZ:
        return FuzzTesters(options)
    asked = model or ModelOptions()
    generator, form = open_model(name, asked.adapter, asked.four_bit)
    if form.style == "languages":
        raise UsageError(f"--tester {name}: this model translates, and writes no tests; --tester fuzz does")
    return ModelTesters(generator, form, asked.sampling, FuzzTesters(options) if also else None)


def make_tester(name: str, source: SourceFile, sandbox: Sandbox, *, model: ModelOptions | None = None) -> Tester:
    """A Tester for one file that asks its model as it goes. UsageError where a model cannot be opened."""
    testers = choose_testers(name, model=model)
    if isinstance(testers, FuzzTesters):
        return FuzzTester(source, sandbox, options=testers.options)
    return NeuralTester(testers.generator, testers.form, source, sandbox)
