"""The program representation of the analytic Translator, declared as one grammar.

    Program   = functions, structs, globals, diagnostics
    Function  = name, params : Symbol*, returns : Type, body : Block
    Stmt      = Declare(symbol, init?) | Assign(target, op, value) | Evaluate(call)
              | If(cond, then, orelse) | For(init*, cond?, step*, body) | While(cond, body, test_last)
              | Switch(value, cases) | Break | Continue | Return(value?) | Block(Stmt*)
              | Loop(iterator, lower, upper, step, body)          -- a counted loop, made by `normalize`
    Expr      = Const | Var | Unary | Binary | Conditional | Cast | Call | Index | Member | AddressOf | InitList
    Type      = Scalar | Struct | Pointer | Array | Void

Expressions have no side effects: the parser hoists `a[k++] = x` into `a[k] = x; k += 1`, `x = y = 0` into two
assignments, and refuses what it cannot hoist. `*p` and `p[0]` are `Index(p, (0,))`, `*(p + i)` is `Index(p, (i,))`,
`p->x` is `Member(Index(p, (0,)), "x")`, and `a[i][j]` is `Index(a, (i, j))`. Macros are expanded, typedefs resolved
to their `Type` (the typedef's name is kept in `Scalar.spelling` and `Struct.spelling` for printing).

Nodes are immutable and compare by value (locations do not take part); symbols compare by identity.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias


@dataclass(frozen=True)
class Location:
    """A place in the user's file (after line markers are resolved). Lines and columns count from 1."""

    file: str
    line: int
    column: int


# ---------------------------------------------------------------- types


@dataclass(frozen=True)
class Scalar:
    """An arithmetic type. `name` is canonical: bool, char, signed char, unsigned char, short, unsigned short, int,
    unsigned int, long, unsigned long, long long, unsigned long long, float, double, long double. An enum is its int."""

    name: str
    spelling: str = field(default="", compare=False)  # the typedef the source used (uint8_t), else empty

    @property
    def is_float(self) -> bool:
        return self.name in ("float", "double", "long double")

    @property
    def is_integer(self) -> bool:
        return not self.is_float

    @property
    def is_unsigned(self) -> bool:
        return self.name.startswith("unsigned") or self.name == "bool"


@dataclass(frozen=True)
class Struct:
    """A struct or union type. `spelling` is how a declaration names it (`struct pixel`, `pixel_t`)."""

    name: str
    fields: tuple[tuple[str, Type], ...]
    spelling: str = field(default="", compare=False)
    is_union: bool = False


@dataclass(frozen=True)
class Pointer:
    """A pointer or a C++ reference (`reference` true: uses of the symbol are `Index(Var(symbol), (0,))`)."""

    to: Type
    const: bool = False  # the pointee is const
    reference: bool = False


@dataclass(frozen=True)
class Array:
    """An array object, or an array parameter (`double a[n][m]`): `extents` outermost first; None where left open
    (`a[]`)."""

    of: Type
    extents: tuple[Expr | None, ...]
    const: bool = False


@dataclass(frozen=True)
class Void:
    """No value."""


Type: TypeAlias = Scalar | Struct | Pointer | Array | Void

SymbolKind = Literal["param", "local", "global"]


@dataclass(eq=False)
class Symbol:
    """A variable. Identity is the variable; `name` is the source's own, or with a suffix where it would shadow an outer
    variable of the same function."""

    name: str
    type: Type
    kind: SymbolKind
    at: Location
    const: bool = False  # the variable itself is const
    value: Expr | None = None  # initializer of a const global, where it has one
    source_name: str = ""  # the source's name where `name` had to differ

    @property
    def shown(self) -> str:
        """The name to show to the user."""
        return self.source_name or self.name

    def __repr__(self) -> str:
        return f"<{self.name}>"


# ---------------------------------------------------------------- expressions


@dataclass(frozen=True)
class Node:
    """Base of expressions and statements: where it stands in the source (not part of equality)."""

    at: Location = field(compare=False, repr=False, kw_only=True)


@dataclass(frozen=True)
class Const(Node):
    """A literal: `text` as written (0.5f, 'a', 10u, "text", NULL, true), `value` its number (None for a string)."""

    text: str
    value: int | float | None
    type: Type


@dataclass(frozen=True)
class Var(Node):
    symbol: Symbol

    @property
    def type(self) -> Type:
        return self.symbol.type


@dataclass(frozen=True)
class Unary(Node):
    op: Literal["-", "+", "!", "~"]
    operand: Expr
    type: Type


@dataclass(frozen=True)
class Binary(Node):
    """`op` is a C operator without side effects: + - * / % << >> & | ^ && || == != < <= > >=. Pointer arithmetic
    (`p + i`) keeps the pointer's type."""

    op: str
    left: Expr
    right: Expr
    type: Type


@dataclass(frozen=True)
class Conditional(Node):
    cond: Expr
    then: Expr
    orelse: Expr
    type: Type


@dataclass(frozen=True)
class Cast(Node):
    type: Type
    operand: Expr


@dataclass(frozen=True)
class Call(Node):
    """A call of a named function. `name` is as written without `std::`; `is_std` says that it was written with it."""

    name: str
    args: tuple[Expr, ...]
    type: Type
    is_std: bool = False


@dataclass(frozen=True)
class Index(Node):
    """`base[s0][s1]...`: an element, or a row where there are fewer subscripts than dimensions. `base` is an
    expression of pointer or array type (usually a Var; a Member for `s.a[i]`; a Cast or Binary for pointer
    arithmetic)."""

    base: Expr
    subscripts: tuple[Expr, ...]
    type: Type


@dataclass(frozen=True)
class Member(Node):
    base: Expr
    name: str
    type: Type


@dataclass(frozen=True)
class AddressOf(Node):
    operand: Expr
    type: Type


@dataclass(frozen=True)
class InitList(Node):
    items: tuple[Expr, ...]
    type: Type


Expr: TypeAlias = Const | Var | Unary | Binary | Conditional | Cast | Call | Index | Member | AddressOf | InitList

# ---------------------------------------------------------------- statements


@dataclass(frozen=True)
class Declare(Node):
    symbol: Symbol
    init: Expr | None


@dataclass(frozen=True)
class Assign(Node):
    """`target op value`, op one of = += -= *= /= %= <<= >>= &= |= ^=. `i++` is `i += 1`."""

    target: Expr
    op: str
    value: Expr


@dataclass(frozen=True)
class Evaluate(Node):
    """A call for its effect."""

    call: Call


@dataclass(frozen=True)
class Block(Node):
    body: tuple[Stmt, ...]


@dataclass(frozen=True)
class If(Node):
    cond: Expr
    then: Block
    orelse: Block | None


@dataclass(frozen=True)
class For(Node):
    """A C `for` as written. `init` holds the declarations or assignments, `step` the assignments, in order."""

    init: tuple[Stmt, ...]
    cond: Expr | None
    step: tuple[Stmt, ...]
    body: Block


@dataclass(frozen=True)
class While(Node):
    cond: Expr
    body: Block
    test_last: bool = False  # do { } while (cond)


@dataclass(frozen=True)
class Case(Node):
    """One labelled group of a switch; `values` empty for default. A body without a final Break falls through."""

    values: tuple[Expr, ...]
    is_default: bool
    body: tuple[Stmt, ...]


@dataclass(frozen=True)
class Switch(Node):
    value: Expr
    cases: tuple[Case, ...]


@dataclass(frozen=True)
class Break(Node):
    pass


@dataclass(frozen=True)
class Continue(Node):
    pass


@dataclass(frozen=True)
class Return(Node):
    value: Expr | None


@dataclass(frozen=True)
class Loop(Node):
    """for (iterator = lower; iterator < upper; iterator += step), or with `descending` > and -=. `step` is positive: a
    constant, or an expression that the loop does not change. `declares` says that the iterator's scope is the loop.
    """

    iterator: Symbol
    lower: Expr
    upper: Expr  # exclusive
    step: Expr
    body: Block
    declares: bool
    descending: bool = False


Stmt: TypeAlias = Declare | Assign | Evaluate | Block | If | For | While | Switch | Break | Continue | Return | Loop

# ---------------------------------------------------------------- programs


@dataclass(frozen=True)
class Unsupported:
    """Something the parser met that the IR does not hold (goto, inline assembly, varargs, ...)."""

    code: str
    message: str
    at: Location


@dataclass(frozen=True)
class Function:
    """A function definition. `unsupported` is not empty when the body holds what the IR cannot: then the body is not
    whole."""

    name: str
    params: tuple[Symbol, ...]
    returns: Type
    body: Block
    at: Location
    is_static: bool = False
    unsupported: tuple[Unsupported, ...] = ()


@dataclass(frozen=True)
class Program:
    """One translation unit: the functions defined in the user's file and in its own headers."""

    functions: tuple[Function, ...]
    structs: tuple[Struct, ...]
    globals: tuple[Symbol, ...]
    unsupported: tuple[Unsupported, ...] = ()

    def function(self, name: str) -> Function | None:
        """The function called `name` in the source (one that CUDA reserves has an underscore: `max_`)."""
        return next((f for f in self.functions if f.name in (name, f"{name}_")), None)
