"""`Draw` and its printer: how accesses, loops and factors are written."""

from __future__ import annotations

from dataclasses import replace

import pytest

from data.synthesis.draw import Draw
from data.synthesis.print_code import print_function
from data.synthesis.sketch import Block, For, parenthesized
from data.synthesis.style import Matrix


def plain_draw(matrix: Matrix = "flat") -> Draw:
    """A draw in whose style nothing is left to chance but the forms of loops."""
    draw = Draw("a seed", cuda=False)
    draw.style = replace(
        draw.style, matrix=matrix, dereference=False, braceless=True, allman=False, indent="  ", c89=False
    )
    return draw


@pytest.mark.parametrize(
    ("matrix", "text"),
    [
        ("flat", "m[(i - 1) * (w + 1) + j]"),
        ("swapped", "m[j + (w + 1) * (i - 1)]"),
        ("nested", "m[(w + 1) * (i - 1) + j]"),
        ("macro", "m[IDX(i - 1, j, w + 1)]"),
        ("vla", "m[i - 1][j]"),
    ],
)
def test_an_element_of_a_matrix_is_written_in_each_style(matrix: Matrix, text: str) -> None:
    draw = plain_draw(matrix)
    array = draw.array("m", "float", "h", "w + 1")
    assert draw.at(array, "i - 1", "j") == text


def test_counting_up_through_a_pointer_counts_the_element() -> None:
    draw = plain_draw()
    assert draw.incremented("hist[b]") == "hist[b]++"
    assert draw.incremented("*(hist + b)") == "(*(hist + b))++"


@pytest.mark.parametrize(
    ("text", "factor"),
    [
        ("n", "n"),
        ("n + 1", "(n + 1)"),
        ("f(a, b)", "f(a, b)"),
        ("a[i + 1]", "a[i + 1]"),
        ("(a) + (b)", "((a) + (b))"),
        ("-x", "(-x)"),
    ],
)
def test_only_what_needs_them_gets_parentheses(text: str, factor: str) -> None:
    assert parenthesized(text) == factor


def test_ordered_loops_always_run_upwards() -> None:
    for seed in range(200):
        draw = Draw(f"{seed}", cuda=False)
        text = print_function(draw, "void f(void)", [For("i", "n", ["s += i;"], ordered=True)])
        assert "i >= 0" not in text


def test_an_else_never_joins_an_inner_if() -> None:
    inner = Block("if (b)", ["x = 1;"])
    text = print_function(plain_draw(), "void f(void)", [Block("if (a)", [inner]), Block("else", ["x = 2;"])])
    assert text == "void f(void) {\n  if (a) {\n    if (b)\n      x = 1;\n  }\n  else\n    x = 2;\n}\n"


def test_no_name_is_used_twice() -> None:
    draw = plain_draw()
    names = [draw.local("index") for _ in range(40)]
    assert len(set(names)) == 40
