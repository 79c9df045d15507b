"""A syntax error costs the definition it stands in, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.source_file import SourceFile
from musl.salvage import Salvage, salvage

GOOD = "void good(int n, float *x)\n{\n    for (int i = 0; i < n; i++)\n        x[i] += 1;\n}\n"


def salvage_text(tmp_path: Path, text: str) -> Salvage:
    path = tmp_path / "broken.c"
    path.write_text(text)
    return salvage(SourceFile(path, text, "c"))


def names(found: Salvage) -> tuple[list[str], list[str]]:
    return [function.name for function in found.functions], [broken.name for broken in found.broken]


@pytest.mark.parametrize(
    ("broken", "line", "column"),
    [
        ("void bad(int n)\n{\n    for (int i = 0; i < n; i++ {\n        n = n;\n    }\n}\n", 8, None),
        ("int bad(int n)\n{\n    int m = n\n    return m;\n}\n", 9, 5),
        ("int bad(int n)\n{\n    if (n) {\n        return 1;\n    return 0;\n}\n", 6, 1),
        ("int bad(int n, {\n    return n;\n}\n", 6, None),
    ],
    ids=["missing parenthesis", "missing semicolon", "missing brace", "broken head"],
)
def test_the_functions_around_a_broken_one_are_kept(tmp_path: Path, broken: str, line: int, column: int | None) -> None:
    text = GOOD + broken + GOOD.replace("good", "also_good")
    found = salvage_text(tmp_path, text)
    assert names(found) == (["good", "also_good"], ["bad"])
    error = found.broken[0].error
    assert (error.line, error.column) == (line, column or error.column)
    assert not found.table.syntax_errors
    assert found.restore(found.source.text) == text


def test_lines_stay_where_they_are(tmp_path: Path) -> None:
    found = salvage_text(tmp_path, "int bad(int n)\n{\n    return n +;\n}\n\n" + GOOD)
    assert found.functions[0].span.line == 6


def test_an_error_outside_functions_is_reported_by_its_place(tmp_path: Path) -> None:
    found = salvage_text(tmp_path, GOOD + "}\n" + GOOD.replace("good", "also_good"))
    assert names(found)[0] == ["good", "also_good"]
    assert [error.line for error in found.unplaced_errors] == [6]


def test_a_file_without_errors_is_left_as_it_is(tmp_path: Path) -> None:
    found = salvage_text(tmp_path, GOOD)
    assert found.source.text == GOOD
    assert found.broken == () and found.originals == ()


def test_text_that_is_not_c_ends_in_an_error(tmp_path: Path) -> None:
    found = salvage_text(tmp_path, "This is a letter, not a program.\nYours\n")
    assert found.functions == ()
    assert found.unplaced_errors
