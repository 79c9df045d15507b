"""BabelTower's token spacing: the form in which its functions are published, and in which n-grams are counted.

    for (int i = 0; i < n; ++i) x[i] = -1.f;   -->   for ( int i = 0 ; i < n ; ++ i ) x [ i ] = -1.f ;

Tokens stand apart by one space, comments are gone, a function is one line. A sign belongs to the number that it
negates; a literal is split at punctuation, its spaces written as ▁, as TransCoder's tokenizer does (`process_string` of
its preprocessing/src/code_tokenizer.py); a pragma ends with the word ENDCOM; `<unk>` is what BabelTower's vocabulary
lacked and is part of its word. Its files have no launch and no other directive: here `<<<` and `>>>` are tokens, as
they are for nvcc, and a directive keeps a line of its own, since nothing else would say where it ends (the metrics
split at any white space).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from compile.emulator.tokens import Token, macro_bodies, scan
from musl.evaluation.extra import require

_OPERATOR = re.compile(r"<<<|>>>|<<=|>>=|\.\.\.|->\*|->|::|\+\+|--|&&|\|\||<<|>>|##|\.\*|[-+*/%&|^=!<>]=|.", re.DOTALL)
_BEFORE_OPERAND = frozenset(["return", "case"])  # a minus sign after another word subtracts
_TYPE = re.compile(r"int|float|double|char|short|long|unsigned|signed|bool|half|size_t|const|\*")
_UNKNOWN = "\U00010450"  # stands for <unk> in the lexer: a letter that no program has
_JOINED = ("\\", _UNKNOWN)  # begin a word: an escape of a literal that was torn, a name whose first part is unknown
_END = "ENDCOM"
# What stays whole in a literal. (TransCoder splits escaped quotes; but then the literal would seem to end at them.)
_WHOLE = re.compile(r"\\\\|//|/\*|\*/|\\n|\\[\"']")

_SPACED_LITERAL = re.compile(r"(['\"]) (?:.* )?\1")

Respell = Callable[[str], str]


@functools.lru_cache(maxsize=2**15)  # every metric spaces the same texts
def spaced(text: str) -> str:
    """C or CUDA text in BabelTower's spacing; text that is in it already stays as it is."""
    text = text.strip().replace("<unk>", _UNKNOWN)
    # A literal in its spacing could be an ordinary one with more spaces: only the whole text tells them apart.
    result = _lay_out(text, _kept_literal)
    if result != text:
        result = _lay_out(text, _space_literal)
    return result.replace(_UNKNOWN, "<unk>")


def _lay_out(text: str, literal: Respell) -> str:
    """The text in its spacing, with literals as `literal` spells them."""
    text = text.replace(f" {_END} ", f" {_END}\n")
    tokens, directives = scan(text)
    spans = [(directive.start, directive.end) for directive in directives] + macro_bodies(text, tokens)
    parts, position = [], 0
    for start, end in sorted(spans):
        parts += [_code(tokens, position, start, literal), _directive(text[start:end], literal)]
        position = end
    parts.append(_code(tokens, position, len(text), literal))
    return re.sub(r"\s*\n\s*", "\n", " ".join(part for part in parts if part)).strip()


def _code(tokens: Sequence[Token], start: int, end: int, literal: Respell) -> str:
    return " ".join(_pieces([token for token in tokens if start <= token.start < end], literal))


def _directive(text: str, literal: Respell) -> str:
    """A line of its own, or for a pragma what ends with ENDCOM."""
    found = re.match(r"\s*#[ \t]*(\w+)(.*)", text, re.DOTALL)
    assert found is not None, text
    pieces = [f"#{found[1]}", *_pieces(scan(found[2])[0], literal)]
    if found[1] != "pragma":
        return f"\n{' '.join(pieces)}\n"
    return " ".join(pieces if pieces[-1] == _END else [*pieces, _END])


@dataclass(frozen=True)
class _Glyphs:
    """Tokens of the lexer with punctuation taken apart: the characters, and whether each touches the one before."""

    texts: list[str]
    kinds: list[str]
    touches: list[bool]

    @classmethod
    def of(cls, tokens: Sequence[Token]) -> _Glyphs:
        texts: list[str] = []
        kinds: list[str] = []
        touches: list[bool] = []
        end = -1
        for token in tokens:
            split = token.kind == "punctuation"
            for offset, text in enumerate(token.text if split else [token.text]):
                if text.isspace():
                    continue
                texts.append(text)
                kinds.append(token.kind)
                touches.append(token.start + offset == end)
                end = token.start + offset + len(text)
        return cls(texts, kinds, touches)

    def operator(self, i: int) -> str:
        """The longest operator that begins at a punctuation character."""
        run = self.texts[i]
        for j in range(i + 1, min(i + 3, len(self.texts))):
            if not self.touches[j] or self.kinds[j] != "punctuation":
                break
            run += self.texts[j]
        found = _OPERATOR.match(run)
        assert found is not None
        return found[0]

    def begins_word(self, i: int) -> bool:
        """Whether this character and the token that touches it are one: `#pragma`, the `\\t` of a torn literal."""
        if i + 1 >= len(self.texts) or not self.touches[i + 1]:
            return False
        return self.texts[i] in _JOINED or self.texts[i : i + 2] == ["#", "pragma"]


def _pieces(tokens: Sequence[Token], literal: Respell) -> list[str]:
    """The tokens as BabelTower would write them."""
    pieces: list[str] = []
    for text, kind in _words(_Glyphs.of(tokens)):
        if kind == "number" and pieces and pieces[-1] == "-" and _negates(pieces[:-1]):
            pieces[-1] += text
        else:
            pieces.append(literal(text) if kind == "string" else text)
    return pieces


def _words(glyphs: _Glyphs) -> Iterator[tuple[str, str]]:
    i = 0
    while i < len(glyphs.texts):
        text, kind, size = glyphs.texts[i], glyphs.kinds[i], 1
        if kind == "punctuation" and glyphs.begins_word(i):
            text, kind, size = text + glyphs.texts[i + 1], "word", 2
        elif kind == "punctuation":
            text = glyphs.operator(i)
            size = len(text)
        yield text, kind
        i += size


def _negates(before: Sequence[str]) -> bool:
    """Whether a minus sign after these pieces is the sign of what follows."""
    if not before:
        return True
    last = before[-1]
    if last == ")":
        return _ends_in_cast(before)
    if last in ("]", "}", "++", "--"):
        return False
    return last in _BEFORE_OPERAND or not (last[-1].isalnum() or last[-1] in "_.\"'$")


def _ends_in_cast(before: Sequence[str]) -> bool:
    opening = next((i for i in range(len(before) - 2, -1, -1) if not _TYPE.fullmatch(before[i])), -1)
    if opening < 0 or opening == len(before) - 2 or before[opening] != "(":
        return False
    return opening == 0 or before[opening - 1] in _BEFORE_OPERAND or not before[opening - 1][-1].isalnum()


def _kept_literal(text: str) -> str:
    """A literal that is in its spacing, as it is; nothing where it is not."""
    return text if _SPACED_LITERAL.fullmatch(text) else ""


def _space_literal(text: str) -> str:
    """A string or character literal as TransCoder's `process_string` writes it."""
    kept: list[str] = []

    def keep(found: re.Match[str]) -> str:
        if found[0] == r"\\":
            return r" \ \ "
        kept.append(found[0])
        return f" STOKEN{len(kept) - 1}E "

    text = _WHOLE.sub(keep, text.replace(" ", " ▁ "))
    text = text.replace("\n", " STRNEWLINE ").replace("\t", " TABSYMBOL ")
    return re.sub(r"STOKEN(\d+)E", lambda found: kept[int(found[1])], _split_at_punctuation(text))


def _split_at_punctuation(text: str) -> str:
    """The mteval-v14 tokenization that TransCoder applies to literals."""
    return _international()(text)


@functools.cache
def _international() -> Respell:
    require("sacrebleu")
    from sacrebleu.tokenizers.tokenizer_intl import TokenizerV14International

    tokenizer: Respell = TokenizerV14International()  # type: ignore[no-untyped-call]
    return tokenizer
