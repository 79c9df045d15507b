"""Rewrites the text of a .cu file into C++ that g++ compiles against the emulator's headers.

What changes, each on the line where it stands, so that messages keep the user's lines:

    k<<<grid, block>>>(a, n);          -->  ::musl::musl_kernel(k, "k", ::musl::MuslConfig(grid, block))(a, n);
    __shared__ float s[32], t;         -->  static float s[32], t; MUSL_ENTER(s); MUSL_ENTER(t);
    extern __shared__ float d[];       -->  float *const d = (float *)(::musl::musl_dynamic_shared);
    __device__ int v;                  -->  __device__ int v; static ::musl::MuslVariable musl_variable_v(...);
    __global__ void k(...) {           -->  __global__ void k(...) { ::musl::musl_device_function("k");

All else is left as written; the other qualifiers are macros of the emulator's headers (include/musl/qualifiers.h).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["word", "number", "string", "punctuation"]

# Comments, directives that hold no code, and line continuations produce no token.
_TOKEN = re.compile(
    r"""
      (?P<skip>\s+ | \\\r?\n | //(?:[^\n\\]|\\.|\\\n)* | /\*.*?\*/
        | ^[ \t]*\#[ \t]*(?:include|pragma|error|warning|line|if|ifdef|ifndef|elif|else|endif|undef)\b
          (?:\\\r?\n|[^\n])*)
    | (?P<string>(?:u8|[uUL])?R"(?P<raw>[^()\s\\]{0,16})\(.*?\)(?P=raw)" | (?:u8|[uUL])?"(?:\\.|[^"\\\n])*"
        | (?:u8|[uUL])?'(?:\\.|[^'\\\n])+')
    | (?P<word>[A-Za-z_$][\w$]*)
    | (?P<number>\.?\d(?:'?[\w.]|(?<=[eEpP])[+-])*)
    | (?P<punctuation><<?\s*<(?=[^<=]) | :: | -> | .)
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
_CLOSING = {"(": ")", "[": "]", "{": "}"}
# What is no definition of a variable that is the device's alone and can change.
_NO_VARIABLE = frozenset(
    {"extern", "template", "const", "constexpr", "__managed__", "using", "typedef", "operator", "friend"}
)
_NO_SCOPE = frozenset({"return", "else", "do"})  # words before a global `::name`


@dataclass(frozen=True)
class Token:
    """A token of the text: what kind, its characters, where it begins."""

    kind: Kind
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


@dataclass(frozen=True)
class Kernel:
    """What the launches of a kernel name need to know; one that stands for several functions is `generic`."""

    name: str
    definitions: int
    generic: bool


@dataclass(frozen=True)
class Rewritten:
    """The C++ text, and the names of the kernels that it defines."""

    text: str
    kernels: tuple[str, ...]


class RewriteError(ValueError):
    """The text is not CUDA C++ that can be rewritten; the message begins with the line (`12: ...`)."""


def rewrite(text: str) -> Rewritten:
    """The emulator's form of a .cu text. Raises RewriteError where a launch or a shared variable cannot be read."""
    rewriter = _Rewriter(text)
    rewriter.run()
    return Rewritten(rewriter.edited(), tuple(rewriter.kernels))


def tokenize(text: str) -> list[Token]:
    """The tokens of C++ or CUDA text, without comments and without directives other than #define."""
    return list(_tokens(text))


def _tokens(text: str) -> Iterator[Token]:
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup if match.lastgroup != "raw" else "string"
        if kind == "skip":
            continue
        assert kind is not None
        yield Token(kind, match.group(), match.start())  # type: ignore[arg-type]


class _Rewriter:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokenize(text)
        self.partner = _match_brackets(self.tokens)
        self.edits: list[tuple[int, int, str]] = []
        self.kernels: dict[str, Kernel] = {}

    def run(self) -> None:
        for i, token in enumerate(self.tokens):
            if token.text == "__global__":
                self._note_kernel(i)
        for i, token in enumerate(self.tokens):
            if token.text in ("__global__", "__device__"):
                self._mark_device_function(i)
                self._mark_device_variable(i)
            elif token.text == "__constant__":
                self._mark_device_variable(i)
            elif token.text == "__shared__":
                self._shared_variable(i)
            elif _is_launch(token):
                self._launch(i)

    def edited(self) -> str:
        pieces, position = [], 0
        for start, end, replacement in sorted(self.edits):
            pieces += [self.text[position:start], replacement]
            position = end
        return "".join(pieces) + self.text[position:]

    def _error(self, token: Token, message: str) -> RewriteError:
        return RewriteError(f"{self.text.count(chr(10), 0, token.start) + 1}: error: {message}")

    def _replace(self, first: Token, last: Token, replacement: str) -> None:
        """Line breaks inside what is replaced stay, so that later lines keep their numbers."""
        breaks = "\n" * self.text.count("\n", first.start, last.end)
        self.edits.append((first.start, last.end, replacement + breaks))

    def _insert(self, position: int, text: str) -> None:
        self.edits.append((position, position, text))

    # ---- functions for the device

    def _function_after(self, i: int) -> tuple[int, int] | None:
        """Indices of the name and of the opening parenthesis of the function whose specifiers token `i` is among."""
        i += 1
        while i < len(self.tokens):
            token = self.tokens[i]
            if token.text in ("__launch_bounds__", "__attribute__", "__align__", "alignas", "decltype"):
                i = self.partner.get(i + 1, i) + 1
            elif token.text == "(":
                return (i - 1, i) if self.tokens[i - 1].kind == "word" else None
            elif token.text in (";", "=", "{", "}", "[", ")") or i not in range(len(self.tokens)):
                return None
            else:
                i += 1
        return None

    def _note_kernel(self, i: int) -> None:
        found = self._function_after(i)
        if found is None:
            return
        name, opening = self.tokens[found[0]].text, found[1]
        closing = self.partner.get(opening)
        if closing is None:
            return
        parameters = self.tokens[opening + 1 : closing]
        generic = self._is_template(i) or any(token.text == "=" for token in parameters)
        defined = closing + 1 < len(self.tokens) and self.tokens[closing + 1].text == "{"
        old = self.kernels.get(name, Kernel(name, 0, False))
        definitions = old.definitions + defined
        self.kernels[name] = Kernel(name, definitions, old.generic or generic or definitions > 1)

    def _is_template(self, i: int) -> bool:
        """Whether `template <...>` stands before the declaration that token `i` is part of."""
        while i > 0 and self.tokens[i - 1].text not in (";", "}", "{"):
            i -= 1
        return self.tokens[i].text == "template"

    def _mark_device_function(self, i: int) -> None:
        found = self._function_after(i)
        if found is None:
            return
        name, opening = found
        closing = self.partner.get(opening)
        if closing is None or closing + 1 >= len(self.tokens):
            return
        body = closing + 1
        while self.tokens[body].text in ("const", "noexcept", "override", "final") and body + 1 < len(self.tokens):
            body += 1
        specifiers = self._specifiers_around(i, name)
        if self.tokens[body].text != "{" or specifiers & {"__host__", "constexpr"}:
            return
        if self.tokens[i].text == "__device__" and "__global__" in specifiers:
            return  # marked by its __global__
        self._insert(self.tokens[body].end, f' ::musl::musl_device_function("{self.tokens[name].text}");')

    def _specifiers_around(self, i: int, name: int) -> set[str]:
        first = i
        while first > 0 and self.tokens[first - 1].text not in (";", "}", "{", ">"):
            first -= 1
        return {token.text for token in self.tokens[first:name]}

    # ---- variables of the device

    def _mark_device_variable(self, i: int) -> None:
        if not self._at_namespace_scope(i) or self._function_after(i) is not None:
            return
        first, last = i, i
        while first > 0 and self.tokens[first - 1].text not in (";", "}", "{"):
            first -= 1
        while last < len(self.tokens) and self.tokens[last].text != ";":
            last = self.partner.get(last, last) + 1
        declaration = self.tokens[first:last]
        words = {token.text for token in declaration}
        if last >= len(self.tokens) or words & _NO_VARIABLE:
            return
        if i > next(k for k in range(first, last) if self.tokens[k].text in ("__device__", "__constant__")):
            return  # `__device__ __constant__`: marked by the first of them
        marks = (
            f' static ::musl::MuslVariable musl_variable_{name}((void *)&{name}, sizeof({name}), "{name}");'
            for name in self._declared_names(declaration)
        )
        self._insert(self.tokens[last].end, "".join(marks))

    def _at_namespace_scope(self, i: int) -> bool:
        """Whether every brace around token `i` is that of a namespace or of `extern "C"`."""
        for opening, closing in self.partner.items():
            if opening < i < closing and self.tokens[opening].text == "{":
                before = [token.text for token in self.tokens[max(0, opening - 2) : opening]]
                if "namespace" not in before and before[-1:] != ['"C"']:
                    return False
        return True

    # ---- shared variables

    def _shared_variable(self, i: int) -> None:
        first = i
        while first > 0 and self._is_shared_specifier(first - 1):
            first -= 1
        last = i
        while last < len(self.tokens) and self.tokens[last].text != ";":
            last = self.partner.get(last, last) + 1
        if last >= len(self.tokens):
            raise self._error(self.tokens[i], "a __shared__ declaration without its semicolon")
        declaration = [token for token in self.tokens[first:last] if token.text != "__shared__"]
        if any(token.text == "extern" for token in declaration):
            self._dynamic_shared(first, last)
        else:
            self._static_shared(i, declaration, self.tokens[last])

    def _is_shared_specifier(self, i: int) -> bool:
        token = self.tokens[i]
        return token.text in ("static", "extern", "volatile", "const", "unsigned", "signed")

    def _static_shared(self, i: int, declaration: list[Token], semicolon: Token) -> None:
        is_static = any(token.text == "static" for token in declaration)
        self._replace(self.tokens[i], self.tokens[i], "" if is_static else "static")
        names = self._declared_names(declaration)
        if not names:
            raise self._error(self.tokens[i], "a __shared__ declaration without a name")
        self._insert(semicolon.end, "".join(f" MUSL_ENTER({name});" for name in names))

    def _declared_names(self, declaration: list[Token]) -> list[str]:
        """The names of `type a[N], b = 2, c[M][K]`: the last word of each part before its extents or value."""
        names: list[str] = []
        depth, angle, candidate, done = 0, 0, "", False
        for token in declaration:
            if token.text in _CLOSING:
                done = done or (token.text != "(" and depth == 0 and angle == 0 and bool(candidate))
                depth += 1
            elif token.text in (")", "]", "}"):
                depth -= 1
            elif depth == 0 and token.text == "=":
                done = True
            elif depth == 0 and not done and token.text in ("<", ">"):
                angle += 1 if token.text == "<" else -1
            elif depth == 0 and angle == 0 and token.text == ",":
                names.append(candidate)
                candidate, done = "", False
            elif depth == 0 and angle == 0 and token.kind == "word" and not done:
                candidate = token.text
        return [name for name in [*names, candidate] if name]

    def _dynamic_shared(self, first: int, last: int) -> None:
        """`extern __shared__ T name[][M];` --> `T (*const name)[M] = (T (*)[M])(::musl::musl_dynamic_shared);`."""
        bracket = first
        while bracket < last and self.tokens[bracket].text != "[":
            bracket = self.partner.get(bracket, bracket) + 1
        if bracket >= last or self.tokens[bracket - 1].kind != "word":
            raise self._error(self.tokens[first], "an extern __shared__ variable that is no array")
        name = self.tokens[bracket - 1].text
        words: list[str] = []
        i = first
        while i < bracket - 1:
            token = self.tokens[i]
            if token.text in ("__align__", "alignas", "__attribute__"):
                i = self.partner.get(i + 1, i)
            elif token.text not in ("extern", "__shared__", "static"):
                words.append(token.text)
            i += 1
        element = " ".join(words)
        rest = self.text[self.tokens[self.partner[bracket]].end : self.tokens[last].start].strip()
        pointer, cast = (f"(*const {name}){rest}", f"(*){rest}") if rest else (f"*const {name}", "*")
        text = f"[[maybe_unused]] static {element} {pointer} = ({element} {cast})(::musl::musl_dynamic_shared)"
        self._replace(self.tokens[first], self.tokens[last - 1], text)

    # ---- launches

    def _launch(self, i: int) -> None:
        opening = self.tokens[i]
        if i == 0:
            raise self._error(opening, "a launch without a kernel")
        start = self._kernel_expression(i - 1)
        close = self._launch_end(i)
        if close is None:
            raise self._error(opening, "a launch `<<<` without `>>>(`")
        names = [token.text for token in self.tokens[start:i] if token.kind == "word"]
        name = next((word for word in reversed(names) if word in self.kernels), names[0] if names else "kernel")
        kernel = self.kernels.get(name)
        before = self.tokens[start].start
        if kernel is not None and kernel.generic:
            self._insert(before, "::musl::musl_generic([](auto... musl_arguments) { ")
            called = f'(musl_arguments...); }}, "{name}", ::musl::MuslConfig('
        else:
            self._insert(before, "::musl::musl_kernel(")
            called = f', "{name}", ::musl::MuslConfig('
        self._replace(opening, opening, called)
        self._replace(self.tokens[close], self.tokens[close + 2], "))")

    def _kernel_expression(self, last: int) -> int:
        """Index of the first token of the kernel named up to token `last`: `ns::k<float, 4>`, `(*pointer)`, `k`."""
        i = last
        if self.tokens[i].text == ")":
            opening = next((a for a, b in self.partner.items() if b == i), None)
            if opening is None:
                raise self._error(self.tokens[i], "a launch of an expression that cannot be read")
            return opening
        if self.tokens[i].text == ">":
            i = self._template_start(i)
        if self.tokens[i].kind != "word":
            raise self._error(self.tokens[last], "a launch without a kernel's name")
        while i > 0 and self.tokens[i - 1].text in ("::", ".", "->"):
            i -= 1
            if i > 0 and self.tokens[i - 1].text == ">":
                i = self._template_start(i - 1)
            elif i > 0 and self.tokens[i - 1].kind == "word" and self.tokens[i - 1].text not in _NO_SCOPE:
                i -= 1
        return i

    def _template_start(self, closing: int) -> int:
        """Index of the word before the `<` that the `>` at `closing` ends."""
        depth, i = 0, closing
        while i > 0:
            text = self.tokens[i].text
            depth += (text == ">") - (text == "<")
            if depth == 0:
                return i - 1
            if text in (";", "{", "}"):
                break
            i -= 1
        raise self._error(self.tokens[closing], "a launch with template arguments that cannot be read")

    def _launch_end(self, i: int) -> int | None:
        """Index of the first `>` of the `>>>` that ends the configuration begun at token `i`."""
        i += 1
        while i + 3 < len(self.tokens):
            if all(self.tokens[i + k].text == ">" for k in range(3)) and self.tokens[i + 3].text == "(":
                return i
            if self.tokens[i].text in (";", "}"):
                return None
            i = self.partner.get(i, i) + 1
        return None


def _is_launch(token: Token) -> bool:
    return token.kind == "punctuation" and token.text.count("<") == 3


def _match_brackets(tokens: list[Token]) -> dict[int, int]:
    """Index of the closing bracket for the index of each opening one. What has no partner is left out."""
    partner: dict[int, int] = {}
    stack: list[int] = []
    for i, token in enumerate(tokens):
        if token.kind != "punctuation":
            continue
        if token.text in _CLOSING:
            stack.append(i)
        elif stack and _CLOSING[tokens[stack[-1]].text] == token.text:
            partner[stack.pop()] = i
    return partner
