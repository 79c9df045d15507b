"""`read_answer`: the tests in what a model wrote, or why there is none, as a code that can be counted.

An answer is C statements that declare inputs and call the function. Read as that are also fenced blocks with words
around them, several tests in one answer (each call is one), a `main` or test functions around the statements, calls in
expressions (`float r = dot(x, y, 3);`), launches (`scale<<<1, 32>>>(x, 3)`) and `wrapper(scale, x, 3)`. Nothing of an
answer is carried out here; see materialize.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

import tree_sitter_cpp
from tree_sitter import Language, Node, Parser

from data.function import Function
from data.syntax import named, text_of, walk
from data.tokens.standing_names import is_standing
from tester.neural.snippet import Snippet

MOST_TESTS = 64  # of one answer: a model that repeats itself says nothing new
_FENCE = re.compile(r"^[ \t]*```[^\n]*\n(.*?)(?:^[ \t]*```|\Z)", re.MULTILINE | re.DOTALL)
_STANDARD_INCLUDE = re.compile(r"^[ \t]*#[ \t]*include[ \t]*<[\w./]+>[^\n]*$", re.MULTILINE)
_DIRECTIVE = re.compile(r"^[ \t]*(?:#|%:|\?\?=)", re.MULTILINE)
_SPLICE = re.compile(r"\\[ \t]*\n")
# What reaches the compiler or the assembler past the syntax of statements.
_REFUSED_WORDS = frozenset({"asm", "__asm", "__asm__", "_Pragma", "__pragma", "__has_include", "__has_embed"})
_WRAPPER = "wrapper"
_SHOWS = re.compile(r"(?:(?:std::)?(?:printf|fprintf|puts|putchar|assert|free)\s*\(|std::cout\b|cout\b|delete\b)")


class Flaw(StrEnum):
    """Why an answer, or a part of it, is no test."""

    NO_ANSWER = "no_answer"
    EMPTY = "empty"
    CUT_OFF = "cut_off"
    SYNTAX = "syntax"
    DIRECTIVE = "directive"
    NO_CALL = "no_call"
    WRONG_FUNCTION = "wrong_function"
    ARGUMENTS = "arguments"


@dataclass(frozen=True)
class Malformed:
    """An answer that is no test: the `reason` as a stable code, and in words."""

    reason: Flaw
    message: str


def read_answer(text: str, function: Function, *, finished: bool = True) -> tuple[Snippet | Malformed, ...]:
    """The tests of one answer in their order, at least one entry and at most `MOST_TESTS`.

    Of an answer that is not `finished` (cut at the limit) the whole tests count, and one `CUT_OFF` with them.
    """
    blocks = [match[1] for match in _FENCE.finditer(text)] or [text]
    blocks = [_STANDARD_INCLUDE.sub("", block) for block in blocks]
    if not any(block.strip() for block in blocks):
        return (Malformed(Flaw.EMPTY, "the answer is empty"),)
    found: list[Snippet | Malformed] = []
    for number, block in enumerate(blocks, 1):
        if block.strip():
            found += _read_block(block, function, whole=finished or number < len(blocks))
    calling = [part for part in found if isinstance(part, Snippet) or part.reason is not Flaw.NO_CALL]
    return tuple((calling or found)[:MOST_TESTS])


def _read_block(block: str, function: Function, *, whole: bool) -> list[Snippet | Malformed]:
    if _DIRECTIVE.search(block):
        return [Malformed(Flaw.DIRECTIVE, "a preprocessor line other than the include of a standard header")]
    body = _parse(f"{{{_plain(block, function.name)}\n}}")
    if body is None and not whole:
        return _read_beginning(block, function)
    if body is None:
        return [Malformed(Flaw.SYNTAX, "not a list of C statements")]
    refused = [word for node in walk(body) if (word := _refused_word(node))]
    if refused:
        return [Malformed(Flaw.DIRECTIVE, f"`{refused[0]}` is not for tests")]
    reader = _Reader(function)
    reader.read(named(body))
    found = reader.found or [_no_call(body, function)]
    if whole:
        return found
    # the last statement may be the beginning of a longer one
    return [*found, Malformed(Flaw.CUT_OFF, "the answer was cut at its limit")] if reader.found else found


def _read_beginning(block: str, function: Function) -> list[Snippet | Malformed]:
    """The whole tests of a block that breaks off: those up to the last statement that has its end."""
    cut = Malformed(Flaw.CUT_OFF, "the answer was cut at its limit")
    end = block.rfind(";")
    if end < 0 or _parse(f"{{{_plain(block[: end + 1], function.name)}\n}}") is None:
        return [cut]
    kept = [part for part in _read_block(block[: end + 1], function, whole=True) if isinstance(part, Snippet)]
    return [*kept, cut]


def _plain(block: str, name: str) -> str:
    """The block without spliced lines, and with launches of the function as calls."""
    block = _SPLICE.sub(" ", block)
    return re.sub(rf"\b{re.escape(name)}\s*<<<[^;{{}}]*?>>>\s*\(", f"{name}(", block)


@lru_cache(maxsize=1)
def _parser() -> Parser:
    return Parser(Language(tree_sitter_cpp.language()))


def _parse(compound: str) -> Node | None:
    """The compound statement as a syntax tree; None where it is none."""
    unit = _parser().parse(f"void snippet() {compound}".encode()).root_node
    if len(unit.named_children) == 1 and unit.named_children[0].type == "function_definition" and not unit.has_error:
        return unit.named_children[0].child_by_field_name("body")
    return None


def _refused_word(node: Node) -> str:
    if node.type in ("gnu_asm_expression", "asm_statement"):
        return "asm"
    if node.child_count == 0 and text_of(node) in _REFUSED_WORDS:
        return text_of(node)
    return ""


def _no_call(body: Node, function: Function) -> Malformed:
    """What is wrong with statements that do not call the function."""
    statements = [node.named_children[0] for node in walk(body) if node.type == "expression_statement" and named(node)]
    callees = [_callee_and_arguments(node, function)[0] for node in statements if node.type == "call_expression"]
    others = [name for name in callees if name and not is_standing(name)]
    if others:
        return Malformed(Flaw.WRONG_FUNCTION, f"it calls {others[-1]}, not {function.name}")
    return Malformed(Flaw.NO_CALL, f"{function.name} is not called")


@dataclass
class _Reader:
    """Reads statements in order. `before` are those that the next call may need, with the names that each declares;
    `results` are names that hold what a call returned, which is not known here."""

    function: Function
    found: list[Snippet | Malformed] = field(default_factory=list)
    before: list[tuple[frozenset[str], str]] = field(default_factory=list)
    results: set[str] = field(default_factory=set)
    called: bool = False

    def read(self, statements: Sequence[Node]) -> None:
        for statement in statements:
            if statement.type in ("function_definition", "compound_statement"):
                self._read_inner(statement)
                continue
            calls = self._calls(statement)
            for call in calls:
                self.found.append(self._test(call))
                self.called = True
            if calls:
                self.results |= _declared_names(statement)
            else:
                self._keep(statement)

    def _calls(self, statement: Node) -> list[Node]:
        """The calls of the function in a statement, and those of a `wrapper`."""
        calls = [node for node in walk(statement) if node.type == "call_expression"]
        name = self.function.name
        return [c for c in calls if _callee_and_arguments(c, self.function)[0] == name or _is_wrapper(c, self.function)]

    def _read_inner(self, statement: Node) -> None:
        """A block, or a function that stands around statements; one that is defined and holds no call is left out."""
        body = statement if statement.type == "compound_statement" else statement.child_by_field_name("body")
        name = _defined_name(statement)
        if body is None or name == self.function.name:
            return
        inner = _Reader(self.function, before=[] if name else list(self.before))
        inner.read(named(body))
        self.found += inner.found
        self.called = self.called or bool(inner.found)
        if not name and not inner.found:
            self.before.append((frozenset(), _text(statement)))

    def _keep(self, statement: Node) -> None:
        """A statement before the next call. One that declares a name anew begins another test."""
        names = _declared_names(statement)
        if self.called and any(names & known for known, _ in self.before):
            self.before = []
            self.called = False
        if statement.type != "return_statement" and not _only_shows(statement) and not self.results & _names(statement):
            self.before.append((names, _text(statement)))

    def _test(self, call: Node) -> Snippet | Malformed:
        wanted = len(self.function.parameters)
        name, given = _callee_and_arguments(call, self.function)
        if name != self.function.name:
            return Malformed(Flaw.WRONG_FUNCTION, f"it calls {name}, not {self.function.name}")
        if len(given) != wanted:
            return Malformed(Flaw.ARGUMENTS, f"it passes {len(given)} arguments to {name}, which takes {wanted}")
        setup = "\n".join(text for _, text in self.before if text)
        return Snippet(name, setup, tuple(" ".join(_text(argument).split()) for argument in given))


def _is_wrapper(call: Node, function: Function) -> bool:
    callee = call.child_by_field_name("function")
    return callee is not None and text_of(callee) == _WRAPPER != function.name


def _callee_and_arguments(call: Node, function: Function) -> tuple[str, Sequence[Node]]:
    callee, arguments = call.child_by_field_name("function"), call.child_by_field_name("arguments")
    given = named(arguments) if arguments is not None else []
    if _is_wrapper(call, function) and given:
        return text_of(given[0]), given[1:]
    return text_of(callee) if callee is not None else "", given


def _only_shows(statement: Node) -> bool:
    """Whether the statement prints, compares or frees, which is for after a call."""
    return statement.type == "expression_statement" and _SHOWS.match(text_of(statement)) is not None


def _names(node: Node) -> set[str]:
    return {text_of(inner) for inner in walk(node) if inner.type == "identifier"}


def _defined_name(statement: Node) -> str:
    """The name of a function that is defined; empty for a block."""
    node = statement.child_by_field_name("declarator")
    while node is not None and node.type != "identifier":
        node = node.child_by_field_name("declarator")
    return text_of(node) if node is not None else ""


def _declared_names(statement: Node) -> frozenset[str]:
    if statement.type != "declaration":
        return frozenset()
    names = set()
    for declarator in statement.children_by_field_name("declarator"):
        node: Node | None = declarator
        while node is not None and node.type != "identifier":
            node = node.child_by_field_name("declarator")
        if node is not None:
            names.add(text_of(node))
    return frozenset(names)


def _text(node: Node) -> str:
    """The node's text without comments."""
    text, begin = node.text or b"", node.start_byte
    for inner in reversed([inner for inner in walk(node) if inner.type == "comment"]):
        text = text[: inner.start_byte - begin] + b" " + text[inner.end_byte - begin :]
    return text.decode("utf-8", "replace").strip()
