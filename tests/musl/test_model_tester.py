"""`translate --tester MODEL`: the model's tests verify a function; what it could not write is said, never replaced."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from replay_generator import ReplayGenerator
from transformers import AutoTokenizer

import musl
from data.tokens.bpe import save_tokenizer, train_bpe
from models.errors import GenerationError
from models.generation.protocol import Prompt, Result, Sampling
from models.model_form import ModelForm
from models.pretraining.sizes import Shape, new_model
from musl.errors import MachineError, UsageError
from musl.report.records import FunctionRecord, TranslationReport
from musl.testers import FuzzTesters, ModelTesters, choose_testers
from musl.translators import ModelOptions
from tester.fuzz import FuzzOptions

torch.set_num_threads(1)  # the model is too small for more

SCALE = "void scale(float *x, int n, float a) { for (int i = 0; i < n; i++) x[i] *= a; }\n"
CLAMP = (
    "void clamp(int *x, int n) {\n    for (int i = 0; i < n; i++)\n        if (x[i] < 0)\n            x[i] = 0;\n}\n"
)
TESTS: dict[str, Sequence[str | Result]] = {
    "void scale(": [
        "float x[] = {1, 2.5, -3};\nscale(x, 3, 2.0f);",
        "float x[300];\nfor (int i = 0; i < 300; i++) x[i] = i % 7;\nscale(x, 300, 0.5f);",
        "float x[2] = {1, 2};\nscale(x, 3, 1.0f);",
        "scale(x, 2);",
    ],
    "void clamp(": ["int x[] = {-1, 2};\nclamp(x, 2);", "int x[] = {"],
}


def asked(answers: dict[str, Sequence[str | Result]], *, fuzz: bool = False) -> ModelTesters:
    second = FuzzTesters(FuzzOptions()) if fuzz else None
    return ModelTesters(ReplayGenerator(answers), ModelForm("short"), ModelOptions().sampling, second)


def translate(folder: Path, tester: ModelTesters) -> tuple[TranslationReport, dict[str, FunctionRecord]]:
    path = folder / "file.c"
    path.write_text(SCALE + CLAMP)
    report = musl.translate_file(path, tester=tester, tests=4, device="emulator", jobs=2)
    return report, {function.name: function for function in report.functions}


def test_a_models_tests_verify_all_functions_of_a_file(tmp_path: Path) -> None:
    tester = asked(TESTS)
    report, functions = translate(tmp_path, tester)
    assert {name: f.status for name, f in functions.items()} == {"scale": "verified", "clamp": "verified"}
    assert report.tester == "replay" and report.exit_code == 0
    assert functions["scale"].tests is not None and functions["scale"].tests.run == 2
    assert functions["clamp"].tests is not None and functions["clamp"].tests.run == 1
    assert functions["clamp"].coverage is not None and functions["clamp"].coverage.branch == 100
    generator = tester.generator
    assert isinstance(generator, ReplayGenerator)
    ((prompts, sampling),) = generator.asked  # once, for both
    assert len(prompts) == 2 and sampling.samples == 4 and sampling.temperature > 0


def test_a_function_without_a_valid_test_is_not_verified_and_the_reason_is_the_models(tmp_path: Path) -> None:
    answers = {"void scale(": ["float x[2] = {1, 2};\nscale(x, 3, 1.0f);"], "void clamp(": ["I cannot."]}
    report, functions = translate(tmp_path, asked(answers))
    assert {f.status for f in functions.values()} == {"unverified"} and report.exit_code == 3
    assert "AddressSanitizer" in (functions["scale"].reason or "")
    assert "not a list of C statements" in (functions["clamp"].reason or "")
    assert not (tmp_path / "file.cu").exists()


def test_fuzz_is_the_second_voice_only_where_it_is_asked_for(tmp_path: Path) -> None:
    report, functions = translate(tmp_path, asked({"void clamp(": TESTS["void clamp("]}, fuzz=True))
    assert {f.status for f in functions.values()} == {"verified"} and report.tester == "replay+fuzz"
    assert functions["scale"].tests is not None and functions["scale"].tests.run >= 3


class _Down(ReplayGenerator):
    def generate(
        self, prompts: Sequence[Prompt], sampling: Sampling, progress: object = None
    ) -> dict[str, list[Result]]:

        raise GenerationError("http://127.0.0.1:9/v1: no server answers")


def test_a_model_that_cannot_answer_at_all_ends_the_run_in_one_line(tmp_path: Path) -> None:
    down = ModelTesters(_Down({}), ModelForm("short"), ModelOptions().sampling)
    with pytest.raises(MachineError, match="no server answers"):
        translate(tmp_path, down)


def test_names_that_stand_for_no_tester_are_refused(tmp_path: Path) -> None:
    assert choose_testers("fuzz").name == "fuzz"
    with pytest.raises(UsageError, match="only 'fuzz' can be added"):
        choose_testers(str(tmp_path), ["analytic"])
    with pytest.raises(UsageError, match="the Tester already"):
        choose_testers("fuzz", ["fuzz"])
    with pytest.raises(UsageError, match=str(tmp_path)):
        choose_testers(str(tmp_path))


def test_a_real_model_that_knows_nothing_writes_no_test(tmp_path: Path) -> None:
    folder = tmp_path / "micro"
    save_tokenizer(train_bpe([SCALE, CLAMP] * 4, 300), folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    shape = Shape(2, 32, 2)
    model = new_model("llama", shape, vocabulary=len(tokenizer), context=256, end=tokenizer.eos_token_id, seed=0)
    model.save_pretrained(folder)
    ModelForm("short", anonymous=True).save(folder)
    tester = choose_testers(str(folder), model=ModelOptions(max_new_tokens=24))
    assert isinstance(tester, ModelTesters) and tester.form.anonymous
    report, functions = translate(tmp_path, tester)
    assert {f.status for f in functions.values()} == {"unverified"} and report.tester == "micro"
    assert all((f.reason or "").startswith("no valid test: ") for f in functions.values())
