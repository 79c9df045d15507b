"""Rewrites the text of a .cu file into C++ that g++ compiles against the emulator's headers.

What changes, each on the line where it stands, so that messages keep the user's lines:

    k<<<grid, block>>>(a, n);          -->  ::musl::musl_kernel(k, "k", ::musl::MuslConfig(grid, block))(a, n);
    __shared__ float s[32];            -->  typedef float MUSL_TYPE(s)[32]; MUSL_SHARED(s);
    extern __shared__ float d[];       -->  float *const d = (float *)(::musl::musl_dynamic_shared);
    __device__ int v;                  -->  __device__ int v; static ::musl::MuslVariable musl_variable_v(...);
    x = v;  (in host code)             -->  x = ::musl::on_host(v, "v");
    __global__ void k(...) {           -->  __global__ void k(...) { ::musl::musl_device_function("k");
    #if __CUDA_ARCH__ >= 700           -->  #if 800 >= 700, where it speaks of device code

A shared variable is a reference into the memory of the block that runs, because several blocks may run at once. They
do not where the result of a program without data races could depend on the order of its blocks: where the text has
atomics, fences, clocks, or output in device code. There a launch takes ::musl::MuslOrdered, not MuslConfig.

All else is left as written; the other qualifiers are macros of the emulator's headers (include/musl/qualifiers.h).
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from compile.emulator.cuda_text import CudaText
from compile.emulator.tokens import CLOSING, Directive, Token
from compile.emulator.unsupported import architecture_is_known, find_unsupported

ARCHITECTURE = "800"  # the __CUDA_ARCH__ of the device that cudaGetDeviceProperties describes
# What is no definition of a variable that is the device's alone and can change.
_NO_VARIABLE = frozenset(
    {"extern", "template", "const", "constexpr", "__managed__", "using", "typedef", "operator", "friend"}
)
# With these what a block does may depend on what others have done: in the text, and in device code.
_ORDERED_WORD = re.compile(r"(?:atomic\w*|clock(?:64)?|__threadfence\w*|__nanosleep|printf)\Z")
_ORDERED_IN_DEVICE_CODE = frozenset({"malloc", "free", "new", "delete", "static"})
_OWN_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"', re.MULTILINE)  # what it holds is not seen here
_NO_OPERAND = frozenset({"return", "else", "do", "case", "if", "while", "for", "switch"})  # words before an expression


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


class UnsupportedError(RewriteError):
    """The text needs what the emulator does not have: `code`, one of codes.py, at `line`. That is no fault of the text.
    As text, `12: MUSL303 ...`."""

    def __init__(self, code: str, line: int, message: str) -> None:
        super().__init__(f"{line}: {message}")
        self.code = code
        self.line = line
        self.message = message


@functools.lru_cache(maxsize=4)  # the two builds of a candidate ask for the same
def rewrite(text: str) -> Rewritten:
    """The emulator's form of a .cu text. Raises RewriteError where a launch or a shared variable cannot be read, and
    UnsupportedError where the text needs what the emulator does not have."""
    rewriter = _Rewriter(text)
    rewriter.run()
    return Rewritten(rewriter.edited(), tuple(rewriter.kernels))


class _Rewriter:
    def __init__(self, text: str) -> None:
        self.text = text
        self.source = CudaText(text)
        self.tokens = self.source.tokens
        self.partner = self.source.partner
        self.edits: list[tuple[int, int, str]] = []
        self.kernels: dict[str, Kernel] = {}
        self.device_variables: set[str] = set()
        self.ordered = self._is_ordered()  # blocks must run one after the other

    def _is_ordered(self) -> bool:
        words = {token.text for token in self.tokens if token.kind == "word"}
        bodies = (self.tokens[body.first : body.last] for body in self.source.device_bodies)
        return (
            _OWN_INCLUDE.search(self.text) is not None
            or any(_ORDERED_WORD.match(word) for word in words)
            or any(token.text in _ORDERED_IN_DEVICE_CODE for body in bodies for token in body)
        )

    def run(self) -> None:
        self._refuse_unsupported()
        self._choose_architecture()
        qualifiers = [self.source.qualifiers(i) for i in range(len(self.tokens))]
        for i, found in enumerate(qualifiers):
            if "__global__" in found:
                self._note_kernel(i)
        self._mark_device_functions()
        for i, found in enumerate(qualifiers):
            if found & {"__device__", "__constant__"}:
                self._mark_device_variable(i)
            elif "__shared__" in found:
                self._shared_variable(i)
        self._mark_uses_on_the_host()
        for i, token in enumerate(self.tokens):
            if _is_launch(token):
                self._launch(i)
            elif token.text == "cudaLaunchKernel":
                self._launch_call(i)

    def _refuse_unsupported(self) -> None:
        """What the preprocessor may throw away is marked instead, so that the compiler says whether it is there."""
        for found in find_unsupported(self.source):
            if not self.source.is_conditional(found.start):
                raise UnsupportedError(found.code, self.source.line(found.start), found.message)
            if found.directive is None:
                self._insert(found.start, found.marked())
            else:
                self._replace(found.directive, found.directive, found.marked())

    def _choose_architecture(self) -> None:
        """Device code is compiled for the architecture that the emulated device has."""
        for directive in self.source.directives:
            if "__CUDA_ARCH__" in directive.text and architecture_is_known(self.source, directive):
                text = re.sub(r"^(\s*#\s*)ifdef\s+__CUDA_ARCH__\b", r"\1if 1", directive.text)
                text = re.sub(r"^(\s*#\s*)ifndef\s+__CUDA_ARCH__\b", r"\1if 0", text)
                text = re.sub(r"\bdefined\s*(\(\s*__CUDA_ARCH__\s*\)|__CUDA_ARCH__\b)", "1", text)
                text = re.sub(r"\b__CUDA_ARCH__\b", ARCHITECTURE, text)
                self.edits.append((directive.start, directive.end, text))
        for i, token in enumerate(self.tokens):
            if token.text == "__CUDA_ARCH__" and self.source.in_device_body(i):
                self._replace(token, token, ARCHITECTURE)

    def edited(self) -> str:
        pieces, position = [], 0
        for start, end, replacement in sorted(self.edits):
            pieces += [self.text[position:start], replacement]
            position = end
        return "".join(pieces) + self.text[position:]

    def _error(self, token: Token, message: str) -> RewriteError:
        return RewriteError(f"{self.source.line(token.start)}: error: {message}")

    def _replace(self, first: Token | Directive, last: Token | Directive, replacement: str) -> None:
        """Line breaks inside what is replaced stay, so that later lines keep their numbers."""
        replaced = self.text[first.start : last.end]
        breaks = "\n" * replaced.count("\n") if "\\\n" not in replaced else "\\\n" * replaced.count("\n")
        self.edits.append((first.start, last.end, replacement + breaks))

    def _insert(self, position: int, text: str) -> None:
        self.edits.append((position, position, text))

    # ---- functions for the device

    def _note_kernel(self, i: int) -> None:
        found = self.source.function_after(i)
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
        return self.tokens[self.source.declaration_start(i)].text == "template"

    def _mark_device_functions(self) -> None:
        for body in self.source.device_bodies:
            mark = f' ::musl::musl_device_function("{body.name}");'
            if bound := self._launch_bound(body.first):
                mark += f" ::musl::musl_launch_bound({bound});"
            self._insert(self.tokens[body.first].end, mark)

    def _launch_bound(self, body: int) -> str:
        """The most threads of a block that the kernel allows with `__launch_bounds__(256, 2)`, as it is written."""
        for i in range(self.source.declaration_start(body), body):
            if self.tokens[i].text == "__launch_bounds__" and i + 1 in self.partner:
                end = i + 2
                while self.tokens[end].text != "," and end < self.partner[i + 1]:
                    end = self.partner.get(end, end) + 1
                return " ".join(token.text for token in self.tokens[i + 2 : end])
        return ""

    # ---- variables of the device

    def _mark_device_variable(self, i: int) -> None:
        if self.source.in_macro(i) or not self.source.at_namespace_scope(i):
            return
        if self.source.function_after(i) is not None:
            return
        first, last = self.source.declaration_start(i), i
        while last < len(self.tokens) and self.tokens[last].text != ";":
            last = self.partner.get(last, last) + 1
        declaration = self.tokens[first:last]
        words = {token.text for token in declaration}.union(*(self.source.qualifiers(k) for k in range(first, last)))
        if last >= len(self.tokens) or words & _NO_VARIABLE:
            return
        if any(self.source.qualifiers(k) & {"__device__", "__constant__"} for k in range(first, i)):
            return  # `__device__ __constant__`: marked by the first of them
        names = self._declared_names(declaration)
        self.device_variables.update(names)
        marks = (
            f' static ::musl::MuslVariable musl_variable_{name}((void *)&{name}, sizeof({name}), "{name}");'
            for name in names
        )
        self._insert(self.tokens[last].end, "".join(marks))

    def _mark_uses_on_the_host(self) -> None:
        """Host code that names a device variable, except to the functions that take a symbol, means the host's copy of
        it, which no kernel sees. AddressSanitizer skips accesses that lie within a variable for certain."""
        for i, token in enumerate(self.tokens):
            if token.text in self.device_variables and self._is_use_on_the_host(i):
                self._replace(token, token, f'::musl::on_host({token.text}, "{token.text}")')

    def _is_use_on_the_host(self, i: int) -> bool:
        before, after = [token.text for token in self.tokens[max(0, i - 2) : i]], self.tokens[i + 1].text
        if self.source.in_macro(i) or self.source.at_namespace_scope(i) or self.source.in_device_body(i):
            return False
        if before[-1] in (".", "->", "::") or after == "::" or "sizeof" in before or "decltype" in before:
            return False
        called = self.source.called_with(i)
        whole_argument = before[-1] in ("(", ",") and after in (",", ")")
        if "Symbol" in called or (whole_argument and called and not called.startswith("cuda")):
            return False  # a function of the program's own may take a reference, to pass it on
        first, last = self.source.function_around(i)
        names = (k for k in range(first, last) if self.tokens[k].text == self.tokens[i].text)
        return not any(self.source.is_declared_at(k) for k in names)  # else a local variable may be meant

    # ---- shared variables

    def _shared_variable(self, i: int) -> None:
        first = i
        while first > 0 and self._is_shared_specifier(first - 1):
            first -= 1
        last = i
        while last < len(self.tokens) and self.tokens[last].text != ";":
            last = self.partner.get(last, last) + 1
        if self.source.in_macro(i) and not (last < len(self.tokens) and self.source.in_macro(last)):
            # The head of a declaration: where the macro is used, or else qualifiers.h makes it a static variable.
            self.ordered = self.ordered or not self.source.is_alias(i)
            return
        if last >= len(self.tokens):
            raise self._error(self.tokens[i], "a __shared__ declaration without its semicolon")
        of_file = not self.source.in_macro(i) and self.source.at_namespace_scope(i)
        self.ordered |= of_file
        if any(token.text == "extern" for token in self.tokens[first:last]):
            self._dynamic_shared(first, last, of_file=of_file)
        else:
            self._static_shared(i, first, last, of_file=of_file)

    def _is_shared_specifier(self, i: int) -> bool:
        token = self.tokens[i]
        return token.text in ("static", "extern", "volatile", "const", "unsigned", "signed")

    def _static_shared(self, i: int, first: int, last: int, *, of_file: bool) -> None:
        """`i` is the place of `__shared__` in the declaration of tokens `first` to `last`, the semicolon."""
        declaration = [token for k, token in enumerate(self.tokens[first:last], first) if k != i]
        names = self._declared_tokens(declaration)
        if not names:
            raise self._error(self.tokens[i], "a __shared__ declaration without a name")
        self._replace(self.tokens[i], self.tokens[i], "static" if of_file else "typedef")
        for k in range(first, last):
            if self.tokens[k].text == "static":
                self._replace(self.tokens[k], self.tokens[k], "")
            elif self._is_alignment(k) and not of_file:  # a typedef cannot say it; shared memory is aligned for all
                self._replace(self.tokens[k], self.tokens[self.partner[k + 1]], "")
        if not of_file:
            for name in names:
                self._replace(name, name, f"MUSL_TYPE({name.text})")
        macro = "MUSL_SHARED_OF_FILE" if of_file else "MUSL_SHARED"
        self._insert(self.tokens[last].end, "".join(f" {macro}({name.text});" for name in names))

    def _is_alignment(self, i: int) -> bool:
        """Whether token `i` begins an alignment of the variable, not one of a type that is defined here."""
        if self.tokens[i].text not in ("alignas", "__align__") or i + 1 not in self.partner:
            return False
        return self.tokens[i - 1].text not in ("struct", "class", "union")

    def _declared_names(self, declaration: list[Token]) -> list[str]:
        return [token.text for token in self._declared_tokens(declaration)]

    def _declared_tokens(self, declaration: list[Token]) -> list[Token]:
        """The names of `type a[N], b = 2, c[M][K]`: the last word of each part before its extents or value."""
        names: list[Token | None] = []
        candidate: Token | None = None
        depth, angle, done = 0, 0, False
        since_key = 9  # words since `struct` or the like: with up to one, a brace begins the type's own body
        for token in declaration:
            since_key = 0 if token.text in ("struct", "class", "union", "enum") else since_key + (token.kind == "word")
            if token.text in CLOSING:
                if token.text == "{" and depth == 0 and since_key < 2:
                    candidate = None
                else:
                    done = done or (token.text != "(" and depth == 0 and angle == 0 and candidate is not None)
                depth += 1
            elif token.text in (")", "]", "}"):
                depth -= 1
            elif depth == 0 and token.text == "=":
                done = True
            elif depth == 0 and not done and token.text in ("<", ">"):
                angle += 1 if token.text == "<" else -1
            elif depth == 0 and angle == 0 and token.text == ",":
                names.append(candidate)
                candidate, done = None, False
            elif depth == 0 and angle == 0 and token.kind == "word" and not done:
                candidate = token
        return [name for name in [*names, candidate] if name is not None]

    def _dynamic_shared(self, first: int, last: int, *, of_file: bool) -> None:
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
            elif token.text not in ("extern", "static") and "__shared__" not in self.source.qualifiers(i):
                words.append(token.text)
            i += 1
        element = " ".join(words)
        rest = self.text[self.tokens[self.partner[bracket]].end : self.tokens[last].start].strip()
        pointer, cast = (f"(*const {name}){rest}", f"(*){rest}") if rest else (f"*const {name}", "*")
        static, memory = ("static ", "dynamic_shared_of_file()") if of_file else ("", "musl_dynamic_shared")
        text = f"[[maybe_unused]] {static}{element} {pointer} = ({element} {cast})(::musl::{memory})"
        self._replace(self.tokens[first], self.tokens[last - 1], text)

    # ---- launches

    def _launch(self, i: int) -> None:
        opening = self.tokens[i]
        config = "::musl::MuslOrdered(" if self.ordered else "::musl::MuslConfig("
        if i == 0:
            raise self._error(opening, "a launch without a kernel")
        start = self._kernel_expression(i - 1)
        close = self._launch_end(i)
        if close is None:
            raise self._error(opening, "a launch `<<<` without `>>>(`")
        names = [token.text for token in self.tokens[start:i] if token.kind == "word"]
        name = next((word for word in reversed(names) if word in self.kernels), names[0] if names else "kernel")
        quoted = f"#{name}" if name in self.source.macro_parameters(i) else f'"{name}"'
        before = self.tokens[start].start
        if self._is_generic(name, quoted):
            capture = "=" if quoted.startswith("#") else ""
            self._insert(before, f"::musl::musl_generic([{capture}](auto... musl_arguments) {{ ")
            called = f"(musl_arguments...); }}, {quoted}, {config}"
            self._null_pointers(close + 3)
        else:
            self._insert(before, "::musl::musl_kernel(")
            called = f", {quoted}, {config}"
        self._replace(opening, opening, called)
        self._replace(self.tokens[close], self.tokens[close + 2], "))")

    def _launch_call(self, i: int) -> None:
        """`cudaLaunchKernel((void *)k, ...)` --> `cudaLaunchKernel(k, ...)`: the kernel's type tells its parameters."""
        cast = i + 2
        end = self.partner.get(cast, cast)
        words = [token.text for token in self.tokens[cast + 1 : end]]
        if "void" in words and words[-1] == "*" and end + 1 < len(self.tokens):
            name = end + (2 if self.tokens[end + 1].text == "&" else 1)
            if self.tokens[name].text in self.kernels:
                self._replace(self.tokens[cast], self.tokens[end], "")

    def _is_generic(self, name: str, quoted: str) -> bool:
        """Whether the name may stand for several functions; a macro's parameter may be any kernel of the text."""
        if quoted.startswith("#"):
            return any(kernel.generic for kernel in self.kernels.values())
        return name in self.kernels and self.kernels[name].generic

    def _null_pointers(self, opening: int) -> None:
        """An argument NULL is given by its type to a generic launch, and would be an integer."""
        for i in range(opening + 1, self.partner.get(opening, opening)):
            around = self.tokens[i - 1].text + self.tokens[i + 1].text
            if self.tokens[i].text == "NULL" and around in ("()", "(,", ",,", ",)"):
                self._replace(self.tokens[i], self.tokens[i], "nullptr")

    def _kernel_expression(self, last: int) -> int:
        """Index of the first token of the kernel named up to token `last`: `ns::k<float, 4>`, `(*pointer)`, `table[2]`,
        `choose(n)`, `object->kernel`."""
        i = last
        while True:
            while self.tokens[i].text in (")", "]") and i in self.source.opening:
                before = self.source.opening[i] - 1
                if before < 0 or not self._is_operand(before):
                    return before + 1
                i = before
            if self.tokens[i].text == ">":
                i = self._template_start(i)
            if self.tokens[i].kind != "word":
                raise self._error(self.tokens[last], "a launch without a kernel's name")
            while i > 2 and self.tokens[i - 1].text == self.tokens[i - 2].text == "#":  # a name pasted in a macro
                i -= 3
            if i == 0 or self.tokens[i - 1].text not in ("::", ".", "->"):
                return i
            if i < 2 or not self._is_operand(i - 2):
                return i - 1  # a global `::name`
            i -= 2

    def _is_operand(self, i: int) -> bool:
        """Whether token `i` ends an operand of `::`, `.`, `->`, `[]` or `()`."""
        token = self.tokens[i]
        if token.text == ")":  # but not that of `if (...)`
            before = self.source.opening.get(i, 0) - 1
            return before < 0 or self.tokens[before].text not in _NO_OPERAND
        return token.text in (">", "]") or (token.kind == "word" and token.text not in _NO_OPERAND)

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
            i = self.source.opening.get(i, i) - 1
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
