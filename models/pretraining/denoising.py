"""Denoising: a text that lost, hid and shuffled some of its tokens, and below it the text as it was.

    // C repair
    void func_0 ( float * arr_0 , @ var_0 ) ...
    // C
    void func_0(float *arr_0, int var_0) ...

A causal model that learns to write the second from the first learns what most of a translation is: to copy a source
in its order, and to put right what is not as the target language has it. The form is that of the tasks which models are
asked to do afterwards (a line that names the task, the source, a line that begins the answer).

The noise is that of denoising auto-encoding in TransCoder (Lachaux et al., arXiv 2006.03511, section 3, which masks,
removes and shuffles tokens as Lample et al., arXiv 1711.00043, section 2.3, do: a token moves less than 3 places), and
one mask in place of a span, as in T5 (Raffel et al., arXiv 1910.10683, section 3.1.4). How much noise a text gets is
drawn for each, none included, so that a model also sees texts that need no repair.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TypeVar

from data.function import Language
from data.tokens.lexical import LexemeKind, lex

T = TypeVar("T")

MASK = "@"  # a token of every vocabulary that is none of C's
NOISE = (0.0, 0.05, 0.1, 0.2)
"""Shares of tokens that are touched; one is drawn for each text."""
_DROPPED, _MASKED, _SPANS = 0.4, 0.4, 0.1  # of those touched; the others become a token from elsewhere in the text
_SPAN = (2, 5)
_SHUFFLED, _MOVE = 0.3, 3.0  # share of texts whose tokens move, and how many places a token stays below


def is_denoised(row_id: str, share: float) -> bool:
    """Whether a row is among the `share` of all that are given with noise. The draw has nothing to do with that of
    held-out rows, which takes the first digits of the id."""
    return int(row_id[8:16], 16) < share * 2**32


def repair_text(text: str, language: Language, seed: str) -> str:
    """The text with noise, and below it the text. The same seed gives the same noise."""
    return f"{repair_prompt(text, language, seed)}{text}"


def repair_prompt(text: str, language: Language, seed: str) -> str:
    """The part of it that the text comes after."""
    name = "CUDA" if language == "cuda" else "C"
    return f"// {name} repair\n{corrupted(text, random.Random(seed))}\n// {name}\n"


def corrupted(text: str, rng: random.Random) -> str:
    """The lexical tokens of the text, some of them dropped, masked, replaced and moved. Lines stay lines, and comments
    are left out."""
    noisy = list(_touched(_words(text), rng.choice(NOISE), rng))
    if rng.random() < _SHUFFLED:
        words = iter(moved(noisy, _MOVE, rng, lambda word: word != "\n"))
        noisy = [word if word == "\n" else next(words) for word in noisy]
    return " ".join(noisy).replace(" \n ", "\n").strip()


def moved(tokens: Sequence[T], distance: float, rng: random.Random, moves: Callable[[T], bool]) -> list[T]:
    """The tokens that move, in another order: none stands `distance` places or more from where it was (Lample et al.,
    section 2.3)."""
    places = {index: index + rng.uniform(0, distance) for index, token in enumerate(tokens) if moves(token)}
    return [tokens[index] for index in sorted(places, key=lambda index: places[index])]


def _words(text: str) -> list[str]:
    """Lexical tokens, and the line ends between them."""
    words: list[str] = []
    for lexeme in lex(text):
        if lexeme.kind is LexemeKind.BLANK:
            words += ["\n"] if "\n" in lexeme.text and words else []
        elif lexeme.kind is not LexemeKind.COMMENT:
            words.append(lexeme.text)
    return words


def _touched(words: Sequence[str], share: float, rng: random.Random) -> list[str]:
    out: list[str] = []
    place = 0
    while place < len(words):
        word, drawn = words[place], rng.random() / share if share else 1.0
        place += 1
        if word == "\n" or drawn >= 1:
            out.append(word)
        elif drawn < _DROPPED:
            continue
        elif drawn < _DROPPED + _MASKED:
            out.append(MASK)
        elif drawn < _DROPPED + _MASKED + _SPANS:
            out.append(MASK)
            end = place + rng.randint(*_SPAN) - 1
            while place < min(end, len(words)) and words[place] != "\n":
                place += 1
        else:
            out.append(rng.choice([word for word in words if word != "\n"]))
    return out
