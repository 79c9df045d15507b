"""What a model wrote without lines gets some, and stays the same program."""

from __future__ import annotations

import pytest

from data.tokens.lexical import lexical_tokens
from translator.neural import layout
from translator.neural.layout import laid_out

FLAT = (
    "__global__ void mix_kernel ( float * out , const float * a , int count ) { for ( int i = blockIdx . x * blockDim"
    " . x + threadIdx . x ; i < count ; i += gridDim . x * blockDim . x ) { out [ i ] = a [ i ] * 0.25f ; } }"
)


def test_a_kernel_in_one_line_becomes_one_that_can_be_read() -> None:
    text = laid_out(FLAT)
    assert text.splitlines() == [
        "__global__ void mix_kernel(float *out, const float *a, int count) {",
        "    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x) {",
        "        out[i] = a[i] * 0.25f;",
        "    }",
        "}",
    ]
    assert lexical_tokens(text) == lexical_tokens(FLAT)


def test_what_has_lines_or_is_short_stays_as_it_was() -> None:
    for text in ("void f ( )\n{ }", "int x ;", FLAT.replace("{ for", "{\nfor")):
        assert laid_out(text) == text


def test_what_cannot_be_laid_out_stays_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "_STYLE", "{BasedOnStyle: NoSuchStyle}")
    assert laid_out(FLAT) == FLAT
    monkeypatch.undo()
    monkeypatch.setattr(layout, "_SECONDS", 0.0)
    assert laid_out(FLAT) == FLAT


def test_a_broken_text_keeps_its_tokens() -> None:
    for text in (FLAT[:-30] + " ( ( ( [ }", FLAT.replace("{", "} {") + ' "open'):
        assert lexical_tokens(laid_out(text)) == lexical_tokens(text)
