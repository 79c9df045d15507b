"""Lexical tokens: what counts as one, and that no text is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.tokens.lexical import Lexeme, LexemeKind, lex, lexical_tokens


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("a[i]+=1.5e-3f; // sum", ["a", "[", "i", "]", "+=", "1.5e-3f", ";"]),
        ("k<<<n, 32>>>(p->x, 0x1p-3)", ["k", "<<<", "n", ",", "32", ">>>", "(", "p", "->", "x", ",", "0x1p-3", ")"]),
        (r'puts("a\"b" L"c"); /* no */', ["puts", "(", r'"a\"b"', 'L"c"', ")", ";"]),
        ('R"x(a)"b)x" u8\'c\'', ['R"x(a)"b)x"', "u8'c'"]),
        ("#  include <a//b.h> // why\nx", ["#", "include", "<a//b.h>", "x"]),
        ("#error don't do \"this\nx", ["#", "error", "don't do \"this", "x"]),
        ("#define A \\\n 1\n", ["#", "define", "A", "1"]),
        ("x...; 1'000 a$b é", ["x", "...", ";", "1'000", "a$b", "é"]),
    ],
)
def test_tokens_are_those_of_the_standard(text: str, tokens: list[str]) -> None:
    assert lexical_tokens(text) == tokens


def test_a_line_of_the_preprocessor_ends_with_it() -> None:
    found = {lexeme.text: lexeme.directive for lexeme in lex("#define A \\\n one\n# pragma omp\ntwo")}
    assert (found["one"], found["omp"], found["two"]) == ("define", "pragma", "")


PIECES = st.sampled_from(
    [
        "#",
        "include",
        "define",
        "error",
        "<a>",
        '"',
        "'",
        "\\",
        "\n",
        " ",
        "/*",
        "*/",
        "//",
        "R",
        "(",
        ")",
        "1.",
        "e+",
        "x",
    ]
)


@given(st.one_of(st.text(), st.lists(PIECES).map("".join)))
def test_lexemes_joined_are_the_text(text: str) -> None:
    lexemes = list(lex(text))
    assert "".join(lexeme.text for lexeme in lexemes) == text
    starts = [sum(len(lexeme.text) for lexeme in lexemes[:place]) for place in range(len(lexemes))]
    assert [lexeme.start for lexeme in lexemes] == starts


def test_unclosed_quotes_and_comments_are_tokens_too() -> None:
    assert lexical_tokens("a \"b 'c") == ["a", '"', "b", "'", "c"]
    assert list(lex("/* a")) == [Lexeme(LexemeKind.COMMENT, "/* a", 0)]
