"""`Bench`: what the workers of one file share, and the tasks that they carry out on it."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal, TypeAlias

from compile.nvcc import compile_nvcc
from compile.outcome import Outcome
from compile.sandbox import Sandbox
from data.function import Function
from data.read_source import SourceError
from data.source_file import SourceFile
from musl.co_verify import co_verify
from musl.compare_programs import compare_programs
from musl.verdict import Verdict, VerdictStatus
from musl.warm_up import warm_up
from musl.work import Checked
from musl.workers import Stage
from tester.fuzz import BrokenMachineError
from tester.protocol import Tester
from translator.analytic.adapt_cxx import to_cxx
from translator.analytic.codes import CXX_REFUSED
from translator.protocol import Diagnostic, Refusal, Translation, TranslationOptions, Translator

MakeTester: TypeAlias = Callable[[SourceFile, Sandbox], Tester]


@dataclass(frozen=True)
class Bench:
    """One file on its way to CUDA. `source` is as it can be compiled, `output` where the CUDA text will stand.

    `tester` is the name of what `make_tester` makes; `others` are the other files of its program, `run_args` the
    arguments of each run of that (empty: it has no `main`). `sandbox` is None where the machine has none, for the
    reason in `obstacle`: then nothing runs or is verified.
    """

    source: SourceFile
    output: Path
    translator: Translator
    make_tester: MakeTester
    options: TranslationOptions
    device: Literal["emulator", "gpu"]
    tests: int
    seed: int
    arch: str | None
    scratch: Path
    sandbox: Sandbox | None
    obstacle: str = ""
    others: tuple[SourceFile, ...] = ()
    run_args: tuple[tuple[str, ...], ...] = ()
    tester: str = "fuzz"

    def cuda_text(self, chosen: Mapping[str, Translation]) -> str:
        """The CUDA file as it is checked: the functions in `chosen` are replaced, everything else stands as it was."""
        return self._text(chosen, self.source.path.with_suffix(".cu"))

    def output_text(self, chosen: Mapping[str, Translation]) -> str:
        """The CUDA file as it is written: the same, with paths of quoted includes that hold in the output's folder."""
        return self._text(chosen, self.output)

    def _text(self, chosen: Mapping[str, Translation], path: Path) -> str:
        replacements = {name: replacement_text(translation) for name, translation in chosen.items()}
        preludes = dict.fromkeys(translation.prelude for translation in chosen.values() if translation.prelude)
        header = "\n".join([self._header(chosen), *preludes])
        return to_cxx(self.source, replacements, header, path)

    def warm_up(self) -> None:
        """Do once, before the workers are forked, what each of them would do again.

        That is to adapt the file to C++, and on the first run of a machine to compile MuSL's own parts. Raises
        MachineError where those do not compile.
        """
        with contextlib.suppress(SourceError):  # a file that cannot be adapted is reported function by function
            self.cuda_text({})
        warm_up(self.device, programs=bool(self.run_args))

    def _header(self, chosen: Mapping[str, Translation]) -> str:
        writers = dict.fromkeys(translation.provenance.translator for translation in chosen.values())
        who = f"{' and '.join(writers) or self.translator.name} translator{'s' * (len(writers) > 1)}"
        made_by = f"MuSL {version('musl-cuda')} ({who})"
        return (
            f"// CUDA version of {self.source.path.name}, written by {made_by}.\n"
            f"// Translated: {', '.join(chosen)}. Everything else stands as it was.\n"
        )

    def own_sandbox(self, name: str) -> Sandbox:
        """A sandbox over a new folder in the scratch folder."""
        assert self.sandbox is not None
        return self.sandbox.within(Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.scratch)))


def replacement_text(translation: Translation) -> str:
    """The text that stands in for the function: kernels, the sequential version, the host wrapper."""
    parts = (translation.kernels, translation.sequential, translation.host_wrapper)
    return "\n\n".join(part.strip("\n") for part in parts if part.strip())


def translate_each(bench: Bench, functions: Sequence[Function]) -> Iterator[object]:
    """Task: (name, translations or refusal) of each function, one by one."""
    for function in functions:
        yield Stage(function.name)
        yield function.name, bench.translator.translate(bench.source, [function], bench.options)[function.name]


def check_translations(bench: Bench, function: Function, translations: Sequence[Translation]) -> Iterator[object]:
    """Task: `Checked` of one translation after the other, up to the first that is equivalent."""
    sandbox = bench.own_sandbox(function.name)
    yield Stage("making tests")
    try:
        suite = bench.make_tester(bench.source, sandbox).make_tests(function, bench.tests, bench.seed)
    except BrokenMachineError as error:
        yield Checked(translations[0], Verdict(VerdictStatus.INFRASTRUCTURE, 0, 0, (), str(error)))
        return
    for translation in translations:
        yield Stage(f"running {len(suite.tests)} tests")
        try:
            text = bench.cuda_text({function.name: translation})
        except SourceError as error:
            yield _refuse(function, str(error))
            return
        verdict = co_verify(
            bench.source,
            function,
            text,
            suite,
            sandbox=sandbox,
            scratch=sandbox.scratch,
            device=bench.device,
            seed=bench.seed,
        )
        yield Checked(translation, verdict, suite.coverage, suite.dropped)
        if verdict.status is VerdictStatus.EQUIVALENT:
            return


def _refuse(function: Function, message: str) -> Refusal:
    at = function.span
    return Refusal(function.id, (Diagnostic(CXX_REFUSED, message, function.path, at.line, at.column),))


def compile_chosen(bench: Bench, chosen: Mapping[str, Translation]) -> Iterator[object]:
    """Task: the whole file's text with the chosen translations, and the `Outcome` of nvcc on it."""
    text = bench.cuda_text(chosen)
    yield text, nvcc_outcome(bench, text)


def run_chosen(bench: Bench, chosen: Mapping[str, Translation]) -> Iterator[object]:
    """Task: the whole file's text with the chosen translations, and the `Verdict` on the program."""
    text = bench.cuda_text(chosen)
    yield text, program_verdict(bench, text)


def nvcc_outcome(bench: Bench, text: str) -> Outcome:
    """What nvcc says of a CUDA text."""
    sandbox = bench.own_sandbox("nvcc")
    return compile_nvcc(text, sandbox.scratch, sandbox, arch=bench.arch, source=bench.source)


def program_verdict(bench: Bench, text: str) -> Verdict:
    """Whether the whole program prints and returns the same with the CUDA text in the place of the file."""
    sandbox = bench.own_sandbox("program")
    return compare_programs(
        bench.source,
        text,
        bench.run_args,
        sandbox=sandbox,
        scratch=sandbox.scratch,
        others=bench.others,
        seed=bench.seed,
    )
