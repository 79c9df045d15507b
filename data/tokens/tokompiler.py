"""Tokompiler: C, C++ and CUDA text with its names and literals made anonymous, and the way back.

    float scale(float *x, int n) { x[n] = 3.5f; return x[n]; }
-->
    float func_0(float *arr_0, int var_0) { arr_0[var_0] = real_0f; return arr_0[var_0]; }

The idea and the placeholders are those of Tokompiler (Kadosh et al., "Scope is all you need", arXiv 2308.09440), which
MonoCoder (arXiv 2312.13322) trains on: a model learns the structure and not the spelling. Keywords, library names and
CUDA's interface stay (data/tokens/standing_names.py). One name has one placeholder everywhere in a text, in macro
bodies and pragmas too, so that the renaming is consistent whatever scope a name is in. What a macro glues with `##` is
a name of its own: the way back restores it, the anonymous text does not compile with it.

A literal's suffix stays outside (`real_0f`), so that its type is seen, and 0, 1 and 2 stay. Comments are dropped (in
broken text one may have to stay, empty). The anonymous text parses as the language that it was.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from data.function import Language
from data.tokens.lexical import HEADERS, Lexeme, LexemeKind, lex
from data.tokens.roles import Role, Roles, find_roles
from data.tokens.standing_names import KEYWORDS, LIBRARY_MEMBERS, VECTOR_MEMBERS, is_standing

# Random numbers are drawn below this, as in the paper's examples; a text with more placeholders draws from more.
RANDOM_LIMIT = 1000
_INTEGER, _REAL, _STRING, _CHARACTER = "num", "real", "str", "char"
_NAME_PLACEHOLDER = re.compile(r"(?:var|arr|func|type|field|label|macro|char)_\d+")
_NUMBER_PLACEHOLDER = re.compile(r"((?:num|real)_\d+)([uUlLzZfF]*)")
_STRING_PLACEHOLDER = re.compile(r'((?:u8|[LuU])?)"(str_\d+)"')
_INTEGER_LITERAL = re.compile(r"(0[xX][\da-fA-F']+|0[bB][01']+|\d[\d']*)([uUlLzZ]*)")
_REAL_LITERAL = re.compile(
    r"((?:\d[\d']*\.?[\d']*|\.\d[\d']*)(?:[eE][+-]?\d+)?|0[xX][\da-fA-F']*\.?[\da-fA-F']*[pP][+-]?\d+)([fFlL]?)"
)
_STANDING_LITERALS = frozenset({"0", "1", "2", "0.0", "1.0", "2.0", "0.", "1.", "2.", r"'\0'"})


@dataclass(frozen=True)
class Encoded:
    """An anonymous text and the table back: placeholder to what stood there (a number without its suffix)."""

    text: str
    language: Language
    table: Mapping[str, str]

    def with_text(self, text: str, language: Language | None = None) -> Encoded:
        """Another text over the same table: a model's translation, say."""
        return replace(self, text=text, language=language or self.language)

    def encode_other(self, text: str, language: Language, *, keep_numbers: bool = False) -> Encoded:
        """Another text made anonymous over the same table, which is extended by what is new in it: a kernel beside its
        C function, or statements that call it.

        What has a placeholder keeps it, whatever role it has in `text`; what is new gets the smallest free numbers.
        With `keep_numbers` numbers and characters stay as they are (values of a test mean something). `decode` of the
        result gives `text` up to blanks and comments.
        """
        roles, numbers = find_roles(text, language), _Numbers(text, None, self.table)
        namer = _Namer(numbers, roles, self.table, keep_numbers=keep_numbers)
        return Encoded(_joined(namer.rewrite(lex(text))), language, namer.table())


def encode(text: str, language: Language, seed: int | None = None) -> Encoded:
    """The text made anonymous.

    Placeholders are numbered by first appearance, or with a `seed` at random without repetition (another order for
    every text; the same seed and text give the same), which keeps a model from learning the order. To be declared
    without a value is no appearance: `int i, k;` at the top of a function gets the numbers that loops with
    declarations of their own would give. Broken text is encoded, too: names whose role the grammar cannot tell become
    variables.
    """
    namer = _Namer(_Numbers(text, seed), find_roles(text, language))
    return Encoded(_joined(namer.rewrite(lex(text))), language, namer.table())


def decode(encoded: Encoded) -> str:
    """The text with its own names and literals, equal to what was encoded up to blanks and comments.

    A placeholder that the table does not have becomes a legal name that no other thing in the text has. A number whose
    suffix was changed keeps its value as far as the new type holds it (`num_0f` of 3 is 3.0f).
    """
    lexemes = list(lex(encoded.text))
    taken = set(encoded.table.values()) | {
        lexeme.text
        for lexeme in lexemes
        if lexeme.kind is LexemeKind.NAME and not _NAME_PLACEHOLDER.fullmatch(lexeme.text)
    }
    return _joined((_restored(lexeme, encoded.table, taken), lexeme) for lexeme in lexemes)


class _Numbers:
    """The next number of a placeholder, counted apart for each prefix; those of `taken` are not given again."""

    def __init__(self, text: str, seed: int | None, taken: Iterable[str] = ()) -> None:
        self._used: dict[str, set[int]] = {}
        for placeholder in taken:
            prefix, _, number = placeholder.rpartition("_")
            self._used.setdefault(prefix, set()).add(int(number))
        self._random = None
        if seed is not None:
            self._random = random.Random(f"{seed} {hashlib.sha256(text.encode()).hexdigest()}")

    def next(self, prefix: str) -> int:
        used = self._used.setdefault(prefix, set())
        number, limit = len(used), max(RANDOM_LIMIT, 2 * len(used) + 2)
        if self._random is not None:
            number = self._random.randrange(limit)
        while number in used:
            number = self._random.randrange(limit) if self._random is not None else number + 1
        used.add(number)
        return number


class _Namer:
    """Gives placeholders to what is not standing, the same to the same, and those of `known` to what has one there."""

    def __init__(
        self, numbers: _Numbers, roles: Roles, known: Mapping[str, str] | None = None, *, keep_numbers: bool = False
    ) -> None:
        self._numbers, self._roles, self._keeps_numbers = numbers, roles, keep_numbers
        self._given = {(_literal_prefix(given), original): given for given, original in (known or {}).items()}
        self._stays: dict[str, bool] = {}

    def table(self) -> dict[str, str]:
        """Placeholder to original."""
        return {placeholder: original for (_, original), placeholder in self._given.items()}

    def rewrite(self, lexemes: Iterable[Lexeme]) -> Iterator[tuple[str, Lexeme]]:
        """Each lexeme with its new text, in order."""
        lexemes = list(lexemes)
        if self._roles.bare:
            used = (lexeme for lexeme in lexemes if lexeme.start not in self._roles.bare)
            for _ in self._in_order(used):  # gives the numbers
                pass
        yield from self._in_order(lexemes)

    def _in_order(self, lexemes: Iterable[Lexeme]) -> Iterator[tuple[str, Lexeme]]:
        before, depth = "", 0
        for lexeme in lexemes:
            yield self._rewritten(lexeme, before, depth), lexeme
            if lexeme.kind in (LexemeKind.BLANK, LexemeKind.COMMENT):
                continue
            before = f"{before}::" if lexeme.text == "::" else lexeme.text
            depth = 0 if lexeme.directive != "pragma" else depth + (before == "(") - (before == ")")

    def _rewritten(self, lexeme: Lexeme, before: str, depth: int) -> str:
        text = lexeme.text
        in_pragma = lexeme.directive == "pragma" and not _looks_given(lexeme)
        if lexeme.kind is LexemeKind.NAME:
            stays = self._name_stays(lexeme, before)
            if in_pragma:  # its own words are not names: `reduction(+ : total)` has one
                stays = stays or depth == 0 or not (text in self._roles.declared or ("", text) in self._given)
            return text if stays else self._placeholder("", text)
        if in_pragma or (self._keeps_numbers and lexeme.kind in (LexemeKind.NUMBER, LexemeKind.CHARACTER)):
            return text
        if lexeme.kind is LexemeKind.NUMBER:
            return self._number(text)
        if lexeme.kind is LexemeKind.CHARACTER and text not in _STANDING_LITERALS:
            return self._placeholder(_CHARACTER, text)
        if lexeme.kind is LexemeKind.STRING:
            # After `extern` it is a linkage, and an `#include` would take its placeholder for a header's name.
            stays = (before == "extern" or lexeme.directive in HEADERS) and not _looks_given(lexeme)
            return text if stays else self._string(text)
        return text

    def _name_stays(self, lexeme: Lexeme, before: str) -> bool:
        name = lexeme.text
        if before in (".", "->"):
            own = name in self._roles.fields or self._known_role(name) == Role.FIELD.value
            if name in VECTOR_MEMBERS or (name in LIBRARY_MEMBERS and not own):
                return True
        elif before.endswith("::") and is_standing(before[:-2]) and name not in self._roles.declared:
            return not _looks_given(lexeme)  # `std::` and a name that we do not list
        elif name in VECTOR_MEMBERS and lexeme.start in self._roles.vector_members:
            return True
        if name not in self._stays:
            self._stays[name] = self._is_standing(name)
        return self._stays[name]

    def _is_standing(self, name: str) -> bool:
        """A library's name stays unless the text gives it to something of its own."""
        if name in KEYWORDS or not is_standing(name):
            return name in KEYWORDS
        roles, known = self._roles, self._known_role(name)
        if known in (Role.FUNCTION.value, Role.MACRO.value):
            return False
        own = name in roles.declared or known is not None
        return not own or (name in roles.called and name not in roles.functions)

    def _known_role(self, name: str) -> str | None:
        """The prefix of the placeholder that a name has already."""
        given = self._given.get(("", name))
        return given.rpartition("_")[0] if given else None

    def _number(self, text: str) -> str:
        for prefix, literal in ((_INTEGER, _INTEGER_LITERAL), (_REAL, _REAL_LITERAL)):
            match = literal.fullmatch(text)
            if match:
                return text if match[1] in _STANDING_LITERALS else self._placeholder(prefix, match[1]) + match[2]
        return self._placeholder(_INTEGER, text)

    def _string(self, text: str) -> str:
        opening = re.match(r"u8|[LuU]", text)
        prefix = opening[0] if opening else ""
        return f'{prefix}"{self._placeholder(_STRING, text[len(prefix) :])}"'

    def _placeholder(self, literal: str, original: str) -> str:
        """The placeholder of a literal (its prefix is given) or of a name (its role gives the prefix)."""
        key = literal, original
        if key not in self._given:
            prefix = literal or self._roles.of(original).value
            self._given[key] = f"{prefix}_{self._numbers.next(prefix)}"
        return self._given[key]


def _literal_prefix(placeholder: str) -> str:
    """The prefix of a literal's placeholder, "" for a name's."""
    prefix = placeholder.rpartition("_")[0]
    return prefix if prefix in (_INTEGER, _REAL, _STRING, _CHARACTER) else ""


def _looks_given(lexeme: Lexeme) -> bool:
    """Whether the way back would take the lexeme for a placeholder."""
    patterns = (_NAME_PLACEHOLDER, _NUMBER_PLACEHOLDER, _STRING_PLACEHOLDER)
    return any(pattern.fullmatch(lexeme.text) for pattern in patterns)


def _restored(lexeme: Lexeme, table: Mapping[str, str], taken: set[str]) -> str:
    text = lexeme.text
    if lexeme.kind is LexemeKind.STRING:
        string = _STRING_PLACEHOLDER.fullmatch(text)
        return string[1] + table[string[2]] if string and string[2] in table else text
    if lexeme.kind is not LexemeKind.NAME:
        return text
    number = _NUMBER_PLACEHOLDER.fullmatch(text)
    if number and number[1] in table:
        return _literal(table[number[1]], number[2])
    is_name = _NAME_PLACEHOLDER.fullmatch(text)  # `str_0` without its quotes is none
    if is_name and text in table:
        return table[text]
    if number or is_name:
        while text in taken:
            text += "_"
    return text


def _literal(base: str, suffix: str) -> str:
    """A number with a suffix, made to fit where it is not the number's own."""
    is_integer = _INTEGER_LITERAL.fullmatch(base)
    if is_integer and suffix[:1] in ("f", "F"):
        digits = base.replace("'", "")
        octal = len(digits) > 1 and digits.isdigit() and digits[0] == "0"
        return f"{int(digits, 8 if octal else 0)}.0{suffix[0]}"
    fits = is_integer or _REAL_LITERAL.fullmatch(base + suffix)
    return base + suffix if fits else base


def _joined(pieces: Iterable[tuple[str, Lexeme]]) -> str:
    """The pieces as text: comments as blanks, empty lines left out, no two words run together, and no two quotes
    without a partner on a line that a comment kept them from sharing."""
    pieces = list(pieces)
    is_torn = any(lexeme.kind is LexemeKind.PUNCTUATION and lexeme.text in ("'", '"') for _, lexeme in pieces)
    out: list[str] = []
    gap = ""
    for text, lexeme in pieces:
        if is_torn and lexeme.kind is LexemeKind.COMMENT and "\n" in text:
            out += (_gap(gap), "/*\n*/")
            gap = ""
            continue
        if lexeme.kind in (LexemeKind.BLANK, LexemeKind.COMMENT):
            gap += text if lexeme.kind is LexemeKind.BLANK else " "
            continue
        if out and not gap and _in_word(out[-1][-1]) and _in_word(text[0]):
            gap = " "
        out += (_gap(gap) if out else "", text)
        gap = ""
    return "".join(out) + ("\n" if "\n" in gap else "")


def _in_word(character: str) -> bool:
    return character.isalnum() or character in "_$"


def _gap(gap: str) -> str:
    if "\\" in gap or "\n" not in gap:  # a spliced line stays as it is
        return gap
    return "\n" + gap.rpartition("\n")[2]
