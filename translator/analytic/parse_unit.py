"""What the parsers of expressions and statements share: types and names, scopes, and pending side effects."""

from __future__ import annotations

from dataclasses import dataclass, field

from tree_sitter import Node as SyntaxNode

from data.c_types import TypeTable
from data.syntax import Syntax, text_of
from data.syntax import field as child_in
from translator.analytic.cxx_names import output_name
from translator.analytic.ir import Expr, Location, Stmt, Symbol, SymbolKind, Type, Var
from translator.analytic.visit import symbols


@dataclass(frozen=True)
class Signature:
    """What a call needs of a function of the program: its parameters' types and what it returns."""

    params: tuple[Type, ...]
    returns: Type
    defined: bool


@dataclass(eq=False)
class Unit:
    """One translation unit while it is parsed."""

    syntax: Syntax
    types: TypeTable
    globals: dict[str, Symbol] = field(default_factory=dict)
    signatures: dict[str, Signature] = field(default_factory=dict)
    overloads: bool = True  # C++: sqrt(float) is a float function
    file_constants: frozenset[str] = frozenset()
    _rows: dict[int, Location] = field(default_factory=dict)

    @property
    def is_c(self) -> bool:
        return self.syntax.is_c

    def at(self, node: SyntaxNode) -> Location:
        """The node's place in the user's file."""
        start = node.start_byte
        found = self._rows.get(start)
        if found is None:
            place = self.syntax.preprocessed.place(start)
            found = self._rows[start] = Location(place.file, place.line, place.column)
        return found

    def is_file_constant(self, name: str) -> bool:
        """Whether the enumeration constant is declared at file scope, where generated code can name it."""
        return name in self.file_constants


class Scopes:
    """The variables in sight within one function. A name that would hide an outer variable gets a suffix."""

    def __init__(self, unit: Unit, taken: set[str]) -> None:
        self._unit = unit
        self._taken = taken
        self._stack: list[dict[str, Symbol]] = [{}]

    def enter(self) -> None:
        self._stack.append({})

    def leave(self) -> None:
        self._stack.pop()

    def find(self, name: str) -> Symbol | None:
        for scope in reversed(self._stack):
            if name in scope:
                return scope[name]
        return self._unit.globals.get(name)

    def declare(self, name: str, ctype: Type, kind: SymbolKind, at: Location, const: bool = False) -> Symbol:
        """A new variable in the innermost scope."""
        free = name and self.find(name) is None
        unique = output_name(name) if free else self._fresh(output_name(name or "unnamed"))
        symbol = Symbol(unique, ctype, kind, at, const)
        self._stack[-1][name] = symbol
        return symbol

    def temporary(self, ctype: Type, at: Location) -> Symbol:
        """A new local that the source does not have."""
        name = self._fresh("value")
        return Symbol(name, ctype, "local", at)

    def _fresh(self, name: str) -> str:
        number = 1
        while f"{name}_{number}" in self._taken:
            number += 1
        self._taken.add(f"{name}_{number}")
        return f"{name}_{number}"


def identifiers(node: SyntaxNode) -> set[str]:
    """Every identifier that occurs below the node."""
    found: set[str] = set()
    stack = [node]
    while stack:
        current = stack.pop()
        if current.type in ("identifier", "field_identifier", "type_identifier"):
            found.add(text_of(current))
        stack.extend(current.children)
    return found


@dataclass(eq=False)
class Effects:
    """Side effects of one full expression: statements to run before it, and (with their targets) after it."""

    before: list[Stmt] = field(default_factory=list)
    # variables changed by `before` since the last sequence point, each with how often the expression may name it
    unsettled: list[tuple[Var, int]] = field(default_factory=list)
    after: list[tuple[Expr, Stmt]] = field(default_factory=list)

    @property
    def none(self) -> bool:
        return not self.before and not self.after

    def settle(self, value: Expr) -> None:
        """What changes after the expression may as well change before a value that does not name it."""
        names = symbols(value)
        while self.after and isinstance(self.after[0][0], Var) and self.after[0][0].symbol not in names:
            self.before.append(self.after.pop(0)[1])


_WORD_OPERATORS = {"and": "&&", "or": "||", "not": "!", "bitand": "&", "bitor": "|", "xor": "^", "compl": "~"}


def operator_of(node: SyntaxNode) -> str:
    """The operator of an expression, C++'s words for them translated."""
    operator = child_in(node, "operator")
    text = text_of(operator) if operator is not None else ""
    return _WORD_OPERATORS.get(text, text)


def short(node: SyntaxNode) -> str:
    """The node's text for a message: on one line, cut where it is long."""
    text = " ".join(text_of(node).split())
    return text if len(text) <= 40 else text[:37] + "..."
