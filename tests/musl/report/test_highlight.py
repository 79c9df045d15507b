"""Marks tell what is what in a text and lose none of it."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from musl.report.highlight import marks_of
from musl.report.layout import laid_out


def runs(text: str) -> list[tuple[str, str]]:
    """The pieces of a text with their letters."""
    pieces, at = [], 0
    for letter, length in re.findall(r"([a-z.])(\d+)", marks_of(text)):
        pieces.append((letter, text[at : at + int(length)]))
        at += int(length)
    assert at == len(text)
    return pieces


def test_keywords_types_builtins_numbers_strings_and_comments_are_told_apart() -> None:
    found = runs('__global__ void f(float *a) { a[threadIdx.x] = 1.5f; /* why */ printf("x"); }\n')
    assert ("k", "__global__") in found
    assert ("t", "void") in found
    assert ("b", "threadIdx") in found
    assert ("n", "1.5f") in found
    assert ("c", "/* why */") in found
    assert any(letter == "s" and "x" in piece for letter, piece in found)


@given(st.text(alphabet=st.sampled_from("ab 1\n\t\r\"'/*#{}();<>\\&é\N{GRINNING FACE}"), max_size=60))
def test_marks_cover_every_character_of_any_text(text: str) -> None:
    assert sum(int(length) for length in re.findall(r"\d+", marks_of(text))) == len(text)


def test_code_on_one_line_is_laid_out_by_statements() -> None:
    line = (
        "void f ( int * a , int n ) { for ( int i = 0 ; i < n ; i ++ ) { a [ i ] = ';' + 1 ; } if ( n ) { return ; } "
        "a [ 0 ] = 0 ; }"
    )
    assert laid_out(line).splitlines() == [
        "void f ( int * a , int n ) {",
        "  for ( int i = 0 ; i < n ; i ++ ) {",
        "    a [ i ] = ';' + 1 ;",
        "  }",
        "  if ( n ) {",
        "    return ;",
        "  }",
        "  a [ 0 ] = 0 ;",
        "}",
    ]


def test_code_with_lines_of_its_own_stays_as_it_is() -> None:
    text = "void f(int *a)\n{\n        a[0] = 1; a[1] = 2;" + " " * 90 + "\n}\n"
    assert laid_out(text) == text


@given(st.text(alphabet=st.sampled_from("ab 1\t\"'/*#{}();<>\\"), min_size=91, max_size=200))
def test_laying_out_changes_white_space_only(text: str) -> None:
    assert "".join(laid_out(text).split()) == "".join(text.split())
