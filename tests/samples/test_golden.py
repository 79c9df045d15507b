"""The generated CUDA of a dozen samples, word for word: what a reader of a diff sees when the code generator changes.

`pytest tests/samples --update-golden` rewrites tests/golden/ from what the code generates now. A golden file that
differs is not wrong by itself (test_samples.py says what is right): look at the diff, and update.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from expectations import SAMPLES

from compile.build import Build
from compile.emulator.build import build_emulated
from compile.nvcc import compile_nvcc
from compile.sandbox import Sandbox
from compile.toolchain import find_nvcc
from data.find_functions import find_functions
from data.read_source import read_source
from musl.bench import replacement_text
from translator.analytic.adapt_cxx import to_cxx
from translator.analytic.translator import AnalyticTranslator
from translator.protocol import Refusal, TranslationOptions

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
PRELUDE = GOLDEN / "prelude.cuh"  # what all generated files share, apart: a change of it shows once
INCLUDE = f'#include "{PRELUDE.name}"\n'
NAMES = [
    "dot.c",
    "floyd_warshall.c",
    "histogram.c",
    "image_ops.cpp",
    "jacobi2d.c",
    "life.c",
    "macros.c",
    "matmul.c",
    "nbody.c",
    "pack_upper.c",
    "reductions.c",
    "saxpy.c",
    "spmv_csr.c",
    "transpose.c",
]


def generate_cuda(path: Path, output: Path) -> tuple[str, str]:
    """(prelude, CUDA text) of a sample with every function that the analytic Translator takes, verified or not."""
    source = read_source(path)
    functions = find_functions(source).functions
    outcomes = AnalyticTranslator().translate(source, functions, TranslationOptions())
    chosen = {name: outcome[0] for name, outcome in outcomes.items() if not isinstance(outcome, Refusal)}
    (prelude,) = {translation.prelude for translation in chosen.values()}
    header = f"// Generated from data/samples/{path.name}: see test_golden.py.\n{INCLUDE}"
    replacements = {name: replacement_text(translation) for name, translation in chosen.items()}
    return prelude, to_cxx(source, replacements, header, output)


@pytest.mark.parametrize("name", NAMES)
def test_generated_cuda_is_the_golden_text(name: str, update_golden: bool) -> None:
    golden = (GOLDEN / name).with_suffix(".cu")
    prelude, generated = generate_cuda(SAMPLES / name, golden)
    assert "<<<" in generated, "no kernel is launched"
    if update_golden:
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(generated)
        PRELUDE.write_text(prelude)
    assert golden.is_file(), "run pytest --update-golden"
    assert generated == golden.read_text()
    assert prelude == PRELUDE.read_text()


def test_generation_is_deterministic() -> None:
    path = SAMPLES / "jacobi2d.c"
    assert generate_cuda(path, path.with_suffix(".cu")) == generate_cuda(path, path.with_suffix(".cu"))


@pytest.mark.parametrize("name", NAMES)
def test_golden_text_compiles(name: str, tmp_path: Path) -> None:
    """By nvcc without a warning where there is one, else by g++ for the emulator."""
    text = (GOLDEN / name).with_suffix(".cu").read_text().replace(INCLUDE, PRELUDE.read_text())
    if find_nvcc() is not None:
        outcome = compile_nvcc(text, tmp_path, Sandbox(tmp_path))
        assert outcome.ok, outcome.message
        assert not outcome.message
        return
    source = read_source(SAMPLES / name)
    built = build_emulated(text, find_functions(source).functions[-1], tmp_path, Sandbox(tmp_path), source)
    assert isinstance(built, Build), built.message


def test_every_golden_file_belongs_to_a_sample() -> None:
    belonging = {(GOLDEN / name).with_suffix(".cu") for name in NAMES}
    assert set(GOLDEN.iterdir()) == belonging | {PRELUDE}
