"""`CudaText`: the tokens of a .cu text, with what its functions and macros tell about them."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

from compile.emulator.tokens import Token, conditional_parts, macro_bodies, match_brackets, scan

QUALIFIERS = frozenset({"__global__", "__device__", "__host__", "__constant__", "__managed__", "__shared__"})
_QUALIFIERS = {name: frozenset({name}) for name in QUALIFIERS}
_EXPRESSION_WORDS = frozenset(
    {"return", "else", "do", "case", "throw", "goto", "new", "delete", "sizeof", "and", "or", "not", "co_return"}
)
_STATEMENTS = frozenset({"if", "while", "for", "switch", "return"})
_NONE: frozenset[str] = frozenset()
_WITH_PARENTHESES = frozenset(
    {"__launch_bounds__", "__cluster_dims__", "__maxnreg__", "__attribute__", "__align__", "alignas", "decltype"}
)
_ENDS_SPECIFIERS = frozenset({";", "=", "{", "}", "[", ")"})


@dataclass(frozen=True)
class Body:
    """The body of a function that runs on the device alone: the tokens of its braces, and its name."""

    first: int
    last: int
    name: str


class CudaText:
    """The tokens of a text and how they belong together. Macros are not expanded, conditions are not evaluated."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens, self.directives = scan(text)
        self.macros = macro_bodies(text, self.tokens)
        self.conditionals = conditional_parts(self.directives)
        starts = [start for start, _ in self.macros]
        self._macro_of = [self._part(self.macros, starts, token.start) for token in self.tokens]
        self.partner = match_brackets(self.tokens, self._macro_of)
        self.opening = {closing: opening for opening, closing in self.partner.items()}
        self._aliases = self._find_aliases()

    @staticmethod
    def _part(parts: list[tuple[int, int]], starts: list[int], position: int) -> int:
        at = bisect_right(starts, position) - 1
        return at if at >= 0 and position < parts[at][1] else -1

    def line(self, position: int) -> int:
        """The line, from 1, of a place in the text."""
        return self.text.count("\n", 0, position) + 1

    def in_macro(self, i: int) -> bool:
        """Whether token `i` stands in a #define."""
        return self._macro_of[i] >= 0

    def is_conditional(self, position: int) -> bool:
        """Whether the preprocessor may throw away what stands here: a macro's body, or a part between an `#if` and its
        `#endif`."""
        return any(start < position < end for parts in (self.macros, self.conditionals) for start, end in parts)

    def macro_parameters(self, i: int) -> set[str]:
        """The parameters of the macro whose #define token `i` stands in."""
        if not self.in_macro(i):
            return set()
        first = i
        while first > 0 and self._macro_of[first - 1] == self._macro_of[i]:
            first -= 1
        name, opening = first + 2, first + 3
        if opening not in self.partner or self.tokens[opening].start != self.tokens[name].end:
            return set()
        return {token.text for token in self.tokens[opening : self.partner[opening]] if token.kind == "word"}

    def qualifiers(self, i: int) -> frozenset[str]:
        """The qualifiers that token `i` is, or that it stands for as a macro (`#define HD __host__ __device__`)."""
        text = self.tokens[i].text
        found = _QUALIFIERS.get(text) or self._aliases.get(text, _NONE)
        return found if text in _QUALIFIERS or not found or not self.in_macro(i) else _NONE

    def is_alias(self, i: int) -> bool:
        """Whether token `i` stands in the definition of a macro that stands for qualifiers."""
        first = i
        while first > 0 and self._macro_of[first - 1] == self._macro_of[i]:
            first -= 1
        return self.in_macro(i) and self.tokens[first + 2].text in self._aliases

    def _find_aliases(self) -> dict[str, frozenset[str]]:
        aliases: dict[str, frozenset[str]] = {}
        bodies: dict[int, list[Token]] = {}
        for i, token in enumerate(self.tokens):
            if self.in_macro(i):
                bodies.setdefault(self._macro_of[i], []).append(token)
        for body in bodies.values():
            words = [token.text for token in body[2:]]  # behind `# define`
            found = {word for token in words[1:] for word in aliases.get(token, {token}) if word in QUALIFIERS}
            if found and not {"{", "}", ";"} & set(words):
                aliases[words[0]] = frozenset(found)
        return aliases

    def function_after(self, i: int) -> tuple[int, int] | None:
        """Indices of the name and of the opening parenthesis of the function whose specifiers token `i` is among."""
        macro, operator = self._macro_of[i], None
        i += 1
        while i < len(self.tokens) and self._macro_of[i] == macro:
            token = self.tokens[i]
            if token.text in _WITH_PARENTHESES:
                i = self.partner.get(i + 1, i) + 1
            elif token.text == "operator":
                operator, i = i, i + (2 if self._text_at(i + 1) in _ENDS_SPECIFIERS else 1)
            elif token.text == "(":
                name = i - 1 if self.tokens[i - 1].kind == "word" else operator
                return None if name is None else (name, i)
            elif token.text in _ENDS_SPECIFIERS:
                return None
            else:
                i += 1
        return None

    def body_of(self, opening: int) -> int | None:
        """Index of the brace that begins the body of the function whose parameters begin at token `opening`."""
        closing = self.partner.get(opening)
        if closing is None:
            return None
        i, in_initialisers, macro = closing + 1, False, self._macro_of[opening]
        while i < len(self.tokens) and self._macro_of[i] == macro:
            text = self.tokens[i].text
            if text == "{" and not (in_initialisers and self.tokens[i - 1].kind == "word"):
                return i if i in self.partner else None
            if text in (";", "=", "}", ")") or (text == "," and not in_initialisers):
                return None
            in_initialisers = in_initialisers or text == ":"
            i = self.partner.get(i, i) + 1
        return None

    def declaration_start(self, i: int, ends: tuple[str, ...] = (";", "}", "{")) -> int:
        """Index of the first token of the declaration that token `i` is part of, behind one of `ends`."""
        macro = self._macro_of[i]
        while i > 0 and self.tokens[i - 1].text not in ends and self._macro_of[i - 1] == macro:
            i -= 1
        return i

    def specifiers_around(self, i: int, name: int) -> set[str]:
        """The words of the declaration that token `i` is part of, up to the name of what is declared."""
        first = self.declaration_start(i, ends=(";", "}", "{", ">"))
        words = {token.text for token in self.tokens[first:name]}
        return words.union(*(self.qualifiers(k) for k in range(first, name)))

    def at_namespace_scope(self, i: int) -> bool:
        """Whether every brace around token `i` is that of a namespace or of `extern "C"` (or `"C++"`)."""
        for opening, closing in self.partner.items():
            around = opening < i <= closing and self.tokens[opening].text == "{" and self._macro_of[opening] < 0
            if around and not self.opens_namespace(opening):
                return False
        return True

    def opens_namespace(self, opening: int) -> bool:
        """Whether the brace at token `opening` is that of a namespace or of `extern "C"` (or `"C++"`)."""
        before = [token.text for token in self.tokens[max(0, opening - 2) : opening]]
        return "namespace" in before or before[-1:] in (['"C"'], ['"C++"'])

    def function_around(self, i: int) -> tuple[int, int]:
        """Indices of the first token of the declaration and of the last brace around token `i` in a function."""
        braces = (pair for pair in self.partner.items() if pair[0] < i <= pair[1] and self.tokens[pair[0]].text == "{")
        outermost = min((pair for pair in braces if not self.opens_namespace(pair[0])), default=(i, i))
        return self.declaration_start(outermost[0]), outermost[1]

    def called_with(self, i: int) -> str:
        """The word in front of the innermost parentheses around token `i`, or "" where there is none or a statement."""
        around = (opening for opening, closing in self.partner.items() if opening < i < closing)
        opening = max((k for k in around if self.tokens[k].text in ("(", "{")), default=0)
        before = self.tokens[opening - 1] if opening > 0 and self.tokens[opening].text == "(" else None
        is_call = before is not None and before.kind == "word" and before.text not in _STATEMENTS
        return before.text if before is not None and is_call else ""

    def is_declared_at(self, i: int) -> bool:
        """Whether token `i` looks like the name in a declaration: of a variable, a function, a macro, a namespace or a
        type. An expression such as `x * v;` may look like one."""
        before, after = self._text_at(i - 1), self._text_at(i + 1)
        if before in ("struct", "class", "enum", "union", "define", "typename"):
            return True
        if before == "namespace":
            return after in ("{", "=", "::")
        if i == 0 or before in _EXPRESSION_WORDS or after not in ("(", "=", ";", ",", ")", "[", "{", ":"):
            return False
        if self.tokens[i - 1].kind == "word":
            return True
        if after == "(":  # `float *tex2D(...) {`, but not `x * tex2D(...)`
            return before in (">", "*", "&") and self.body_of(i + 1) is not None
        pointer = before in ("*", "&") and (self._text_at(i - 2) == "," or self.tokens[i - 2].kind == "word")
        return before == ">" or pointer

    def _text_at(self, i: int) -> str:
        return self.tokens[i].text if 0 <= i < len(self.tokens) else ""

    @cached_property
    def device_bodies(self) -> list[Body]:
        """The bodies of the functions that run on the device alone, in the order of the text, each once."""
        bodies: dict[int, Body] = {}
        for i in range(len(self.tokens)):
            if not self.qualifiers(i) & {"__global__", "__device__"}:
                continue
            found = self.function_after(i)
            if found is None:
                continue
            name, opening = found
            first = self.body_of(opening)
            if first is None or self.specifiers_around(i, name) & {"__host__", "constexpr"}:
                continue
            bodies[first] = Body(first, self.partner[first], self.tokens[name].text)
        return sorted(bodies.values(), key=lambda body: body.first)

    def in_device_body(self, i: int) -> Body | None:
        """The function of the device alone that token `i` belongs to."""
        at = bisect_right(self.device_bodies, i, key=lambda body: body.first) - 1
        inside = (body for body in reversed(self.device_bodies[: at + 1]) if i < body.last)
        return next(inside, None)
