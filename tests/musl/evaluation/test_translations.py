"""Translations come from a Translator or from a file; a file that does not fit the benchmark is refused in one line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from benchmark import CASES, PREFIX, SCALE, read_benchmark, write_benchmark, write_lines

from musl.errors import UsageError
from musl.evaluation.problems import Problem, read_problems
from musl.evaluation.records import Harness, TranslationRecord
from musl.evaluation.translations import Given, Writing, read_translations
from translator.analytic.translator import AnalyticTranslator
from translator.protocol import TranslationOptions

TWO = (SCALE, PREFIX)


@pytest.fixture
def two(tmp_path: Path) -> list[Problem]:
    """Two problems, with the ids 0 and 1."""
    return read_problems(write_benchmark(tmp_path, only=TWO), "c2cuda")


def read(folder: Path, problems: list[Problem], *lines: Mapping[str, object]) -> list[TranslationRecord]:
    return read_translations(write_lines(folder / "given.jsonl", lines), problems, "c2cuda")


def test_lines_are_joined_by_id_in_whatever_order(tmp_path: Path, two: list[Problem]) -> None:
    lines = [
        {"id": "1", "sample": 1, "cuda": "d"},
        {"id": 0, "sample": 4, "cuda": "b"},
        {"id": 1, "sample": 0, "cuda": "c", "model": "any other key"},
        {"id": 0, "cuda": "a"},
    ]
    records = read(tmp_path, two, *lines)
    assert [(record.id, record.sample, record.cuda) for record in records] == [
        *((0, 0, "a"), (0, 4, "b"), (1, 0, "c"), (1, 1, "d"))
    ]
    assert Given("given", records).samples == 2


def test_no_text_is_a_refusal(tmp_path: Path, two: list[Problem]) -> None:
    lines = {"id": 0, "cuda": "", "refusal": "too long"}, {"id": 1}
    assert [record.refusal for record in read(tmp_path, two, *lines)] == ["too long", "no text"]


def test_what_is_scored_is_device_code_of_cuda_and_all_of_c(tmp_path: Path) -> None:
    whole = f"#include <cstdio>\n{CASES[SCALE].kernel}\n{CASES[SCALE].wrapper}\n"
    path = write_lines(tmp_path / "given.jsonl", [{"id": 0, "cuda": whole, "c": CASES[SCALE].c_text}])
    benchmark = write_benchmark(tmp_path, only=[SCALE])
    (cuda,) = read_translations(path, read_problems(benchmark, "c2cuda"), "c2cuda")
    assert (cuda.text, cuda.scored.strip(), cuda.c) == (whole, CASES[SCALE].kernel, "")
    (c,) = read_translations(path, read_problems(benchmark, "cuda2c"), "cuda2c")
    assert (c.text, c.scored, c.cuda) == (CASES[SCALE].c_text, CASES[SCALE].c_text, "")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (['{"id": 0, "cuda": "a"}', "{"], ":2: not JSON"),
        (['[0, "a"]'], ':1: a line is an object with "id", "sample" and "cuda"'),
        (['{"sample": 0, "cuda": "a"}'], ":1: a line is an object"),
        (['{"id": 0, "sample": "0", "cuda": "a"}'], '"sample" is a number from 0'),
        (['{"id": 0, "sample": -1, "cuda": "a"}'], '"sample" is a number from 0'),
        (['{"id": 0, "sample": true, "cuda": "a"}'], '"sample" is a number from 0'),
        (['{"id": 0, "cuda": ["a"]}'], '"cuda" and "refusal" are texts'),
        (['{"id": 0, "cuda": "\\ud83d"}'], "a lone surrogate"),
        (['{"id": 7, "cuda": "a"}'], ":1: the benchmark has no problem 7"),
        (['{"id": 0, "cuda": "a"}', '{"id": "0", "sample": 0, "cuda": "b"}'], ":2: problem 0, sample 0 is there twice"),
        (['{"id": 0, "cuda": "a"}'], "has no translation of problem 1"),
        ([], "has no translation of problem 0, 1"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(
    tmp_path: Path, two: list[Problem], lines: list[str], message: str
) -> None:
    path = tmp_path / "given.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(UsageError) as raised:
        read_translations(path, two, "c2cuda")
    assert str(raised.value).startswith(str(path))
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, two: list[Problem]) -> None:
    with pytest.raises(UsageError, match=r"absent.jsonl: cannot be read"):
        read_translations(tmp_path / "absent.jsonl", two, "c2cuda")


def test_texts_keep_characters_that_end_a_line_elsewhere(tmp_path: Path, two: list[Problem]) -> None:
    text = "// one\u2028two\x85three\x0cfour\r\n"
    path = tmp_path / "given.jsonl"
    lines = [json.dumps({"id": i, "cuda": text}, ensure_ascii=False) for i in range(2)]
    path.write_text("\n".join(lines), encoding="utf-8")
    assert [record.cuda for record in read_translations(path, two, "c2cuda")] == [text, text]


def write(problem: Problem, harness: Harness, *, serial: bool = False, samples: int = 1) -> list[TranslationRecord]:
    form = {"reference": "kernel", "own": "drop_in"}[harness]
    options = TranslationOptions(form=form, serial_kernels=serial, samples=samples)  # type: ignore[arg-type]
    return Writing(AnalyticTranslator(), harness, options).write(problem)


def test_a_translator_writes_what_the_harness_needs(two: list[Problem]) -> None:
    (kernel,) = write(two[0], "reference")
    assert "__global__ void" in kernel.cuda and "<<<" not in kernel.cuda
    (drop_in,) = write(two[0], "own")
    assert "void scale_cpu(float *" in drop_in.cuda and "<<<" in drop_in.cuda
    assert "<<<" not in drop_in.scored and "__global__" in drop_in.scored


def test_nothing_parallel_is_refused_unless_serial_kernels_are_asked_for(two: list[Problem]) -> None:
    (refused,) = write(two[1], "reference")
    assert (refused.text, refused.refusal[:7]) == ("", "MUSL101")
    (serial,) = write(two[1], "reference", serial=True)
    assert "__global__" in serial.cuda and serial.refusal == ""


def test_a_case_without_the_function_that_its_tests_call_is_refused(tmp_path: Path) -> None:
    line = {**CASES[SCALE].line(), "cpp_code": "void another(int n) {}"}
    (problem,) = read_problems(write_lines(tmp_path / "odd.jsonl", [line]), "c2cuda")
    (record,) = write(problem, "reference")
    assert record.refusal == "its source defines no function scale_cpu"


def test_a_source_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    line = {**CASES[SCALE].line(), "cpp_code": "void scale_cpu(float *a, float s, int n) { a[0] = ; "}
    (problem,) = read_problems(write_lines(tmp_path / "odd.jsonl", [line]), "c2cuda")
    (record,) = write(problem, "own")
    assert record.text == "" and record.refusal


def test_the_benchmark_has_every_problem_in_its_place(tmp_path: Path) -> None:
    assert [problem.case.c_name for problem in read_benchmark(tmp_path)] == [f"{case.name}_cpu" for case in CASES]
