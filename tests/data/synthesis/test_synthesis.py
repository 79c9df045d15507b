"""Synthesis: the same seed gives the same bytes, every family runs clean in C and in CUDA, and few texts repeat."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from compile.sandbox import Sandbox
from data.corpus.errors import DataError
from data.corpus.row import Row, read_rows, row_id, write_shards
from data.find_functions import find_functions
from data.source_file import SourceFile
from data.synthesis.distinct import without_names
from data.synthesis.groups import GROUPS
from data.synthesis.sketch import Scalar
from data.synthesis.synthesize import FAMILIES, Target, draw_of, pieces, synthesize
from musl.synthesis_check import find_unclean
from tester.fuzz import FuzzTester

_PARTS = 3  # of the families, each a build of its own


@pytest.mark.parametrize("language", ["c", "cuda"])
def test_same_seed_gives_the_same_rows_and_a_longer_stream_begins_with_a_shorter_one(language: Target) -> None:
    rows = list(synthesize(40, 5, language))
    assert list(synthesize(60, 5, language))[:40] == rows
    assert [row.text for row in synthesize(40, 6, language)] != [row.text for row in rows]
    assert all(row.id == row_id(language, row.text) and row.source == "synthesis" for row in rows)


def test_there_are_at_least_thirty_families_and_a_draw_can_be_of_some() -> None:
    assert len(FAMILIES) >= 30
    assert {row.family for row in synthesize(30, 1, "c", ["axpy", "scan"])} == {"axpy", "scan"}
    with pytest.raises(DataError, match="no family nonsense; there are activation"):
        next(synthesize(1, 1, "c", ["nonsense"]))


@pytest.mark.parametrize("part", range(_PARTS))
@pytest.mark.parametrize("language", ["c", "cuda"])
def test_every_family_compiles_and_runs_clean(language: Target, part: int, tmp_path: Path) -> None:
    names = sorted(FAMILIES)[part::_PARTS]
    drawn = [draw_of(FAMILIES[name], "test", language) for name in names]
    found = find_unclean(drawn, language, Sandbox(tmp_path), calls=2)
    assert [(names[unclean.number], unclean.message) for unclean in found] == []


def test_what_does_not_run_clean_is_found(tmp_path: Path) -> None:
    good = draw_of(FAMILIES["axpy"], "test", "c")
    bad = next(piece for piece in pieces(1, "c", ["stencil_1d"]) if "for (int i = 1; i < n - 1; i++)" in piece.text)
    beyond = replace(bad, text=bad.text.replace("i < n - 1", "i <= n"))
    found = find_unclean([good, beyond], "c", Sandbox(tmp_path))
    assert [unclean.number for unclean in found] == [1]
    assert "overflow" in found[0].message


def test_fuzzing_finds_valid_inputs_for_a_synthesized_function(tmp_path: Path) -> None:
    piece = draw_of(FAMILIES["matvec"], "fuzz", "c")
    source = SourceFile(tmp_path / "user.c", piece.unit, "c")
    function = next(f for f in find_functions(source).functions if f.name == piece.name)
    suite = FuzzTester(source, Sandbox(tmp_path)).make_tests(function, 5, 1)
    assert len(suite.tests) >= 5, suite.first_error


@pytest.mark.parametrize("language", ["c", "cuda"])
def test_few_texts_repeat_even_without_their_names(language: Target) -> None:
    texts = [without_names(row.text) for row in synthesize(1000, 2, language)]
    assert len(set(texts)) >= 990


def test_c_and_cuda_are_no_pairs() -> None:
    c, cuda = (list(synthesize(400, 9, language)) for language in ("c", "cuda"))  # type: ignore[arg-type]
    same = [a for a, b in zip(c, cuda, strict=True) if a.family == b.family]
    assert len(same) < 30  # one in 77 by chance


def test_kernels_come_with_the_host_function_that_launches_them() -> None:
    for row in synthesize(100, 4, "cuda"):
        assert "__global__" in row.text and row.text.endswith(row.host)
        assert "<<<" in row.host and row.apis == ("cuda",) and row.kind == "kernel"
        assert row.name in row.host.split("(")[0]


def test_styles_vary_within_a_family() -> None:
    texts = [row.text for row in synthesize(300, 3, "c", ["stencil_2d"])]
    for form in (
        r"\[\w+ \* \w+ \+ \w+\]",
        r"\[\w+\]\[\w+\]",
        r"IDX\(",
        r"while \(",
        r"\*\(\w+ \+",
        r"--\)",
        r"^int |\n +int i",
    ):
        assert any(re.search(form, text) for text in texts), form


def test_rows_fit_the_corpus(tmp_path: Path) -> None:
    rows = list(synthesize(25, 8, "cuda"))
    write_shards(rows, tmp_path, rows_per_shard=10)
    kept: list[Row] = list(read_rows(tmp_path))
    assert kept == rows


def test_kernels_take_every_number_that_their_host_function_takes() -> None:
    for number in range(60):
        piece = draw_of(FAMILIES["compaction"], f"numbers/{number}", "cuda")
        head = piece.text.split(")")[0]
        scalars = [parameter.name for parameter in piece.parameters if isinstance(parameter, Scalar)]
        assert [name for name in scalars if not re.search(rf"\b{name}\b", head)] == [], piece.text


def test_a_group_of_families_is_drawn_by_its_name() -> None:
    drawn = {row.family for row in synthesize(400, 1, "c", ["short"])}
    assert drawn == set(GROUPS["short"])
    seed, new = set(GROUPS["short-seed"]), set(GROUPS["short-new"])
    assert not seed & new
    assert seed | new == drawn
    assert 2 * len(seed) < len(new) + 3
    assert list(synthesize(20, 1, "c", ["short"])) == list(synthesize(20, 1, "c", GROUPS["short"]))
