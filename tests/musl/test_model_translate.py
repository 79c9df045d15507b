"""`translate` with a model: the file that is judged has MuSL's host wrapper around the model's kernel, the first
verified sample is taken, and what the model could not do is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from replay_generator import ReplayGenerator

import musl
from models.errors import GenerationError
from models.generation.protocol import NoAnswer
from models.model_form import ModelForm
from musl.errors import MachineError, UsageError
from musl.report.records import FunctionRecord, TranslationReport
from translator.neural.translator import NeuralTranslator
from translator.protocol import Translation

SCALE = "void scale(int n, float a, float *x) { for (int i = 0; i < n; i++) x[i] = a * x[i]; }\n"
CHAIN = "void chain(int n, int *x) { for (int i = 1; i < n; i++) x[i] += x[i - 1]; }\n"
WALK = "void walk(const char *text, int *count) { while (*text) { count[0]++; text++; } }\n"
INDEX = "int i = blockIdx.x * blockDim.x + threadIdx.x;"
RIGHT = f"__global__ void scale(int n, float a, float *x) {{ {INDEX} if (i < n) x[i] *= a; }}"
WRONG = RIGHT.replace("*= a", "*= a + 1")
IN_ORDER = """__global__ void chain(int n, int *x) {
    if (threadIdx.x == 0 && blockIdx.x == 0)
        for (int i = 1; i < n; i++) x[i] += x[i - 1];
}"""


def model(answers: Mapping[str, Sequence[object]]) -> NeuralTranslator:
    return NeuralTranslator(ReplayGenerator(answers), ModelForm("short"))  # type: ignore[arg-type]


def translate(
    folder: Path, text: str, translator: NeuralTranslator, **options: object
) -> tuple[TranslationReport, dict[str, FunctionRecord]]:
    path = folder / "file.c"
    path.write_text(text)
    report = musl.translate_file(path, translator=translator, tests=3, device="emulator", **options)  # type: ignore[arg-type]
    return report, {function.name: function for function in report.functions}


def test_a_models_kernels_in_one_file(tmp_path: Path) -> None:
    text = f"static float twice(float v) {{ return 2 * v; }}\n{SCALE}{CHAIN}{WALK}" + (
        "void pairs(int h, int w, const float *a, float *out)\n"
        "{\n    for (int i = 0; i < h; i++) for (int j = 0; j < w; j++) out[i * w + j] = twice(a[i * w + j]);\n}\n"
        "float dot(int n, const float *a, const float *b)\n"
        "{\n    float s = 0; for (int i = 0; i < n; i++) s += a[i] * b[i]; return s;\n}\n"
    )
    answers = {
        "void scale(": [f"Of course!\n```cuda\n{RIGHT}\n```"],
        "void chain(": [IN_ORDER],
        "void walk(": ["__global__ void walk(const char *text, int *count) { atomicAdd(count, 1); }"],
        "void pairs(": [
            "#define T 16\n__device__ float twice(float v) { return 2 * v; }\n"
            "__global__ void kernel(int h, int w, const float *a, float *out) {\n"
            "    int j = blockIdx.x * T + threadIdx.x, i = blockIdx.y * T + threadIdx.y;\n"
            "    if (i < h && j < w) out[i * w + j] = twice(a[i * w + j]);\n}\n"
        ],
        "float dot(": [
            f"__global__ void dot(int n, const float *a, const float *b, float *result) {{ {INDEX} "
            "if (i < n) atomicAdd(result, a[i] * b[i]); }"
        ],
        "float twice(": ["__device__ float twice(float v) { return 2 * v; }"],
    }
    report, functions = translate(tmp_path, text, model(answers))
    assert {name: function.status for name, function in functions.items()} == {
        "scale": "verified",
        "chain": "verified",
        "walk": "not_translated",
        "pairs": "verified",
        "dot": "verified",
    }
    assert functions["walk"].code == "MUSL110"  # how far the text goes is not guessed
    assert report.exit_code == 3 and report.translator == "replay"
    written = (tmp_path / "file.cu").read_text()
    assert "(replay translator)" in written and WALK in written
    for line in ("scale_kernel<<<grid, block>>>(n, a, x);", "pairs_cuda::pairs_kernel<<<", "return musl_read("):
        assert line in written


def test_the_first_verified_sample_is_taken_and_the_others_are_told_of(tmp_path: Path) -> None:
    answers = {
        "void scale(": ["I can't.", WRONG, RIGHT, RIGHT.replace("*= a", "= 0")],
        "void chain(": [NoAnswer("down")],
    }
    report, functions = translate(tmp_path, SCALE + CHAIN, model(answers), samples=4)
    scale, chain = functions["scale"], functions["chain"]
    assert (scale.status, scale.translator) == ("verified", "replay")
    assert [(sample.sample, sample.status) for sample in scale.samples] == [(1, "failed"), (2, "verified")]
    assert [(r.code, r.message) for r in scale.remarks] == [("MUSL202", "the answer holds no code (1 of 4 samples)")]
    assert (chain.status, chain.code, chain.reason) == ("not_translated", "MUSL201", "down (4 of 4 samples)")
    assert "x[i] *= a;" in (tmp_path / "file.cu").read_text() and report.exit_code == 3


def test_a_function_without_a_verified_sample_counts_what_went_wrong(tmp_path: Path) -> None:
    answers = {"void scale(": [WRONG, RIGHT.replace("if (i < n)", ""), "no"]}
    report, functions = translate(tmp_path, SCALE, model(answers), samples=3)
    scale = functions["scale"]
    assert (scale.status, scale.code, report.output) == ("failed", "MUSL903", None)
    assert "(of 2 translations: 1 different, 1 out of bounds)" in scale.reason
    assert scale.counterexample is not None


def test_the_analytic_translator_is_one_more_sample(tmp_path: Path) -> None:
    answers = {"void scale(": ["no idea"], "void chain(": [IN_ORDER]}
    report, functions = translate(tmp_path, SCALE + CHAIN, model(answers), also=["analytic"])
    assert report.ok
    assert (functions["scale"].translator, functions["chain"].translator) == ("analytic", "replay")
    assert functions["scale"].remarks[0].code == "MUSL202"  # what the model could not do
    assert "(analytic and replay translators)" in (tmp_path / "file.cu").read_text()


def test_a_whole_answer_is_used_as_it_is(tmp_path: Path) -> None:
    launcher = """#include <cuda_runtime.h>
void scale(int n, float a, float *x) {
    float *d;
    if (n <= 0) return;
    cudaMalloc(&d, n * sizeof(float));
    cudaMemcpy(d, x, n * sizeof(float), cudaMemcpyHostToDevice);
    mine<<<(n + 31) / 32, 32>>>(n, a, d);
    cudaMemcpy(x, d, n * sizeof(float), cudaMemcpyDeviceToHost);
    cudaFree(d);
}
"""
    whole = RIGHT.replace("scale", "mine") + "\n" + launcher
    report, _ = translate(tmp_path, SCALE, model({"void scale(": [whole]}))
    assert report.ok
    written = (tmp_path / "file.cu").read_text()
    assert "mine<<<(n + 31) / 32, 32>>>(n, a, d);" in written and "scale_on_device" not in written


class Crashing(NeuralTranslator):
    """Its first translation is one that the worker crashes over."""

    def answered(self, *arguments: Any, **options: Any) -> Any:
        answered = super().answered(*arguments, **options)

        class Translator:
            name = answered.name

            def translate(self, *arguments: Any) -> dict[str, list[Translation]]:
                (name, translations), *_ = answered.translate(*arguments).items()
                return {name: [replace(translations[0], kernels=None), *translations]}

        return Translator()


def test_a_worker_that_dies_over_a_sample_costs_that_sample(tmp_path: Path) -> None:
    answers = ReplayGenerator({"void scale(": [RIGHT]})
    _, functions = translate(tmp_path, SCALE, Crashing(answers, ModelForm("short")))
    scale = functions["scale"]
    assert (scale.status, [sample.status for sample in scale.samples]) == ("verified", ["unverified", "verified"])
    assert "MuSL failed" in scale.samples[0].reason


def test_options_that_contradict_are_refused(tmp_path: Path) -> None:
    for options, message in (
        ({"translator": "analytic", "samples": 3}, "--samples 3: the analytic"),
        ({"translator": "analytic", "also": ["analytic"]}, "--also analytic: it is the Translator already"),
        ({"translator": model({}), "also": ["gpt"]}, "--also gpt: only 'analytic'"),
    ):
        path = tmp_path / "file.c"
        path.write_text(SCALE)
        with pytest.raises(UsageError, match=message):
            musl.translate_file(path, **options)  # type: ignore[arg-type]


class Down(ReplayGenerator):
    def generate(self, *_: object) -> dict[str, list[NoAnswer]]:  # type: ignore[override]
        raise GenerationError("http://127.0.0.1:9: the server is down")


def test_a_model_that_cannot_answer_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=r"^http://127.0.0.1:9: the server is down$"):
        translate(tmp_path, SCALE, NeuralTranslator(Down({}), ModelForm("short")))
