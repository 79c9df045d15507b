"""Prints the IR as C++/CUDA text: minimal parentheses, four spaces, the source's own names.

`Printer` takes `replacements` (what to print for a variable), and a subclass may override any method, above all
`index`, `variable` and `loop`, to print accesses and loops in another way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from translator.analytic.ir import (
    AddressOf,
    Array,
    Assign,
    Binary,
    Block,
    Break,
    Call,
    Case,
    Cast,
    Conditional,
    Const,
    Continue,
    Declare,
    Evaluate,
    Expr,
    For,
    Function,
    If,
    Index,
    InitList,
    Loop,
    Member,
    Pointer,
    Return,
    Scalar,
    Stmt,
    Struct,
    Switch,
    Symbol,
    Type,
    Unary,
    Var,
    Void,
    While,
)

INDENT = "    "

# C's operator precedence, higher binds tighter
_BINARY = {
    "||": 4,
    "&&": 5,
    "|": 6,
    "^": 7,
    "&": 8,
    "==": 9,
    "!=": 9,
    "<": 10,
    "<=": 10,
    ">": 10,
    ">=": 10,
    "<<": 11,
    ">>": 11,
    "+": 12,
    "-": 12,
    "*": 13,
    "/": 13,
    "%": 13,
}
LOWEST = 0
_CONDITIONAL, _UNARY, _POSTFIX, PRIMARY = 3, 14, 15, 16
# combinations that compilers warn about; the parentheses stay although the grammar does not need them
_CLARIFIED = {"||": {"&&"}, "&": {"+", "-", "<<", ">>"}, "|": {"&", "^", "+", "-", "<<", ">>"}, "^": {"&", "+", "-"}}
_CLARIFIED |= {"<<": {"+", "-"}, ">>": {"+", "-"}}


def has_variable_rows(kind: Array) -> bool:
    """Whether the rows of an array have a length that is not a constant (C's variable-length array parameters)."""
    return any(not isinstance(extent, Const) for extent in kind.extents[1:])


class Printer:
    """Prints expressions, declarations and statements. `replacements` maps variables to the text to print for them."""

    def __init__(self, replacements: Mapping[Symbol, str] | None = None, restrict: bool = False) -> None:
        self.replacements = dict(replacements or {})
        self.restrict = restrict  # print `__restrict__` on pointer parameters

    # ------------------------------------------------------------ expressions

    def expression(self, expr: Expr, level: int = LOWEST) -> str:
        """The expression, in parentheses where it binds looser than `level`."""
        text, own = self._expression(expr)
        return f"({text})" if own < level else text

    def _expression(self, expr: Expr) -> tuple[str, int]:
        match expr:
            case Const():
                return self.constant(expr), _UNARY if expr.text.startswith("-") else PRIMARY
            case Var():
                return self.variable(expr), PRIMARY
            case Unary():
                return self.unary(expr), _UNARY
            case Binary():
                return self.binary(expr), _BINARY[expr.op]
            case Conditional():
                return self.conditional(expr), _CONDITIONAL
            case Cast():
                return f"({self.type_name(expr.type)}){self.expression(expr.operand, _UNARY)}", _UNARY
            case Call():
                return self.call(expr), _POSTFIX
            case Index():
                return self.index(expr), _POSTFIX
            case Member():
                return self.member(expr), _POSTFIX
            case AddressOf():
                return self.address(expr), _UNARY
            case InitList():
                return self.typed_list(expr), _POSTFIX

    def constant(self, expr: Const) -> str:
        return expr.text

    def variable(self, expr: Var) -> str:
        """A use of a variable. A replacement must be a primary expression (in parentheses where it is not)."""
        return self.replacements.get(expr.symbol, expr.symbol.name)

    def unary(self, expr: Unary) -> str:
        operand = self.expression(expr.operand, _UNARY)
        # `- -x` must not become `--x`
        space = " " if operand.startswith(expr.op) and expr.op in "+-" else ""
        return f"{expr.op}{space}{operand}"

    def binary(self, expr: Binary) -> str:
        level = _BINARY[expr.op]
        left = self._operand(expr.left, expr.op, level)
        right = self._operand(expr.right, expr.op, level + 1)
        return f"{left} {expr.op} {right}"

    def _operand(self, operand: Expr, op: str, level: int) -> str:
        text = self.expression(operand, level)
        if isinstance(operand, Binary) and operand.op in _CLARIFIED.get(op, ()) and not text.startswith("("):
            return f"({text})"
        return text

    def conditional(self, expr: Conditional) -> str:
        cond = self.expression(expr.cond, _CONDITIONAL + 1)
        return f"{cond} ? {self.expression(expr.then)} : {self.expression(expr.orelse, _CONDITIONAL)}"

    def call(self, expr: Call) -> str:
        name = f"std::{expr.name}" if expr.is_std else expr.name
        return f"{name}({', '.join(self.expression(arg) for arg in expr.args)})"

    def index(self, expr: Index) -> str:
        """An element: `a[i][j]`; `*p` for p[0] of a scalar pointer's own element; a reference by its name."""
        base = expr.base
        if isinstance(base.type, Pointer) and base.type.reference and isinstance(base, Var):
            subscripts: Sequence[Expr] = expr.subscripts[1:]
        else:
            subscripts = expr.subscripts
        if isinstance(base, Var) and isinstance(base.type, Array) and base.symbol.kind == "param":
            kind = base.type
            if has_variable_rows(kind):
                return self.flat_index(base, kind, subscripts)
        return self.expression(base, _POSTFIX) + "".join(f"[{self.expression(s)}]" for s in subscripts)

    def flat_index(self, base: Var, kind: Array, subscripts: Sequence[Expr]) -> str:
        """`a[i * m + j]` for `a[i][j]` of a variable-length array parameter; a row is its first element's address."""
        position = self.expression(subscripts[0], _BINARY["*"])
        for number, extent in enumerate(kind.extents[1:], start=1):
            assert extent is not None
            position = f"{position} * {self.expression(extent, _BINARY['*'] + 1)}"
            if number < len(subscripts):
                position += f" + {self.expression(subscripts[number], _BINARY['+'] + 1)}"
                position = f"({position})" if number + 1 < len(kind.extents) else position
        text = self.expression(base, _POSTFIX)
        return f"{text}[{position}]" if len(subscripts) == len(kind.extents) else f"({text} + {position})"

    def member(self, expr: Member) -> str:
        base = expr.base
        if isinstance(base, Index) and len(base.subscripts) == 1 and isinstance(base.subscripts[0], Const):
            pointer = base.base
            is_reference = isinstance(pointer.type, Pointer) and pointer.type.reference
            if base.subscripts[0].value == 0 and isinstance(pointer.type, Pointer) and not is_reference:
                return f"{self.expression(pointer, _POSTFIX)}->{expr.name}"
        return f"{self.expression(base, _POSTFIX)}.{expr.name}"

    def address(self, expr: AddressOf) -> str:
        return f"&{self.expression(expr.operand, _UNARY)}"

    def typed_list(self, expr: InitList) -> str:
        """A compound literal, as C++ writes it: `pixel{1, 2, 3}`."""
        name = expr.type.spelling.split()[-1] if isinstance(expr.type, Struct) and expr.type.spelling else ""
        return name + self.init_list(expr)

    def init_list(self, expr: InitList) -> str:
        items = (self.init_list(i) if isinstance(i, InitList) else self.expression(i) for i in expr.items)
        return "{" + ", ".join(items) + "}"

    # ------------------------------------------------------------ types and declarations

    def type_name(self, kind: Type) -> str:
        """The type as in a cast: `float *`, `unsigned char`, `struct pixel`."""
        return self.declaration("", kind).rstrip() if not isinstance(kind, Pointer) else self._abstract_pointer(kind)

    def _abstract_pointer(self, kind: Pointer) -> str:
        return self.declaration("", kind)

    def scalar_name(self, kind: Type) -> str:
        """How a declaration names an arithmetic type, a struct or void."""
        if isinstance(kind, Scalar):
            return kind.spelling or kind.name
        if isinstance(kind, Struct):
            return kind.spelling or kind.name
        if isinstance(kind, Void):
            return "void"
        raise TypeError(f"not a base type: {kind}")

    def declaration(self, name: str, kind: Type, const: bool = False) -> str:
        """A declaration of `name` (empty in a cast): `const float *a`, `float tile[4][8]`, `double (*m)[3]`."""
        base, declarator = self._declarator(name, kind, const)
        return f"{base} {declarator}" if declarator else base

    def _declarator(self, name: str, kind: Type, const: bool) -> tuple[str, str]:
        """The specifiers and the declarator, built from the name outwards."""
        if isinstance(kind, Pointer):
            mark = "&" if kind.reference else "*"
            own = " const " if const and not kind.reference else ""
            inner = f"{mark}{own.lstrip() if not name else own}{name}" if own else f"{mark}{name}"
            if isinstance(kind.to, Array):
                inner = f"({inner})"
            return self._declarator(inner, kind.to, kind.const)
        if isinstance(kind, Array):
            extents = kind.extents
            if extents[0] is None and len(extents) > 1:  # `float (*a)[8]`: the same parameter type as a[][8]
                return self._declarator(f"(*{name}){self._extents(extents[1:])}", kind.of, kind.const or const)
            return self._declarator(f"{name}{self._extents(extents)}", kind.of, kind.const or const)
        prefix = "const " if const else ""
        return prefix + self.scalar_name(kind), name

    def _extents(self, extents: Sequence[Expr | None]) -> str:
        return "".join(f"[{self.expression(e) if e is not None else ''}]" for e in extents)

    def parameter(self, symbol: Symbol) -> str:
        """A parameter's declaration. C++ has no `double a[n][m]` with variable m: it becomes `double *a`."""
        name = self.replacements.get(symbol, symbol.name)
        kind = symbol.type
        if isinstance(kind, Array) and has_variable_rows(kind):
            kind = Pointer(kind.of, kind.const)
        if self.restrict and isinstance(kind, Pointer) and not kind.reference:
            name = f"__restrict__ {name}"
        return self.declaration(name, kind, symbol.const)

    def signature(self, function: Function, name: str = "") -> str:
        """`float f(const float *a, int n)`"""
        params = ", ".join(self.parameter(symbol) for symbol in function.params)
        return self.declaration(f"{name or function.name}({params})", function.returns)

    def struct(self, struct: Struct) -> str:
        """The definition of a struct."""
        keyword = "union" if struct.is_union else "struct"
        fields = "".join(f"{INDENT}{self.declaration(name, kind)};\n" for name, kind in struct.fields)
        return f"{keyword} {struct.name} {{\n{fields}}};"

    def initialized(self, symbol: Symbol, init: Expr | None) -> str:
        """A declaration with its initializer, without the semicolon."""
        name = self.replacements.get(symbol, symbol.name)
        text = self.declaration(name, symbol.type, symbol.const)
        if init is None:
            return text
        if isinstance(symbol.type, Pointer) and symbol.type.reference and isinstance(init, AddressOf):
            return f"{text} = {self.expression(init.operand)}"
        value = self.init_list(init) if isinstance(init, InitList) else self.expression(init)
        return f"{text} = {value}"

    # ------------------------------------------------------------ statements

    def statements(self, stmts: Sequence[Stmt], depth: int = 0) -> str:
        """The statements, each with its line end."""
        return "".join(self.statement(stmt, depth) for stmt in stmts)

    def statement(self, stmt: Stmt, depth: int = 0) -> str:
        """One statement with indentation and line end."""
        pad = INDENT * depth
        match stmt:
            case Declare() | Assign() | Evaluate():
                return f"{pad}{self.simple(stmt)};\n"
            case Block():
                return f"{pad}{self.braced(stmt, depth)}\n"
            case If():
                return f"{pad}{self.if_statement(stmt, depth)}\n"
            case For():
                return f"{pad}{self.for_header(stmt)} {self.braced(stmt.body, depth)}\n"
            case While():
                return f"{pad}{self.while_statement(stmt, depth)}\n"
            case Switch():
                return self.switch(stmt, depth)
            case Loop():
                return self.loop(stmt, depth)
            case Break():
                return f"{pad}break;\n"
            case Continue():
                return f"{pad}continue;\n"
            case Return():
                return f"{pad}{self.return_statement(stmt)}\n"

    def simple(self, stmt: Declare | Assign | Evaluate) -> str:
        """A declaration, assignment or call without its semicolon."""
        match stmt:
            case Declare():
                return self.initialized(stmt.symbol, stmt.init)
            case Evaluate():
                return self.expression(stmt.call)
            case Assign():
                return self.assignment(stmt)

    def assignment(self, stmt: Assign) -> str:
        target = self.expression(stmt.target)
        kind = stmt.target.type
        counts = isinstance(kind, Pointer) or (isinstance(kind, Scalar) and kind.is_integer and kind.name != "bool")
        if stmt.op in ("+=", "-=") and isinstance(stmt.value, Const) and stmt.value.text == "1" and counts:
            return f"{target}{'++' if stmt.op == '+=' else '--'}"
        return f"{target} {stmt.op} {self.expression(stmt.value)}"

    def return_statement(self, stmt: Return) -> str:
        return f"return {self.expression(stmt.value)};" if stmt.value is not None else "return;"

    def braced(self, block: Block, depth: int) -> str:
        return "{\n" + self.statements(block.body, depth + 1) + INDENT * depth + "}"

    def if_statement(self, stmt: If, depth: int) -> str:
        text = f"if ({self.expression(stmt.cond)}) {self.braced(stmt.then, depth)}"
        if stmt.orelse is None:
            return text
        if len(stmt.orelse.body) == 1 and isinstance(stmt.orelse.body[0], If):
            return f"{text} else {self.if_statement(stmt.orelse.body[0], depth)}"
        return f"{text} else {self.braced(stmt.orelse, depth)}"

    def for_header(self, stmt: For) -> str:
        cond = self.expression(stmt.cond) if stmt.cond is not None else ""
        return f"for ({self.for_init(stmt.init)};{' ' if cond else ''}{cond};{self._steps(stmt.step)})"

    def for_init(self, init: Sequence[Stmt]) -> str:
        """The head of a for: several declarations of one type share it (`int i = 0, j = n`)."""
        declares = [stmt for stmt in init if isinstance(stmt, Declare)]
        if not declares:
            return ", ".join(self.simple(stmt) for stmt in init if isinstance(stmt, Assign | Evaluate))
        first, *rest = declares
        base, _ = self._declarator("", first.symbol.type, first.symbol.const)
        text = self.initialized(first.symbol, first.init)
        for declare in rest:
            text += ", " + self.initialized(declare.symbol, declare.init).removeprefix(base).lstrip()
        return text

    def _steps(self, steps: Sequence[Stmt]) -> str:
        text = ", ".join(self.simple(stmt) for stmt in steps if isinstance(stmt, Assign | Evaluate))
        return f" {text}" if text else ""

    def while_statement(self, stmt: While, depth: int) -> str:
        cond = self.expression(stmt.cond)
        if stmt.test_last:
            return f"do {self.braced(stmt.body, depth)} while ({cond});"
        return f"while ({cond}) {self.braced(stmt.body, depth)}"

    def switch(self, stmt: Switch, depth: int) -> str:
        pad = INDENT * depth
        cases = "".join(self.case(case, depth) for case in stmt.cases)
        return f"{pad}switch ({self.expression(stmt.value)}) {{\n{cases}{pad}}}\n"

    def case(self, case: Case, depth: int) -> str:
        pad = INDENT * depth
        labels = "".join(f"{pad}case {self.expression(value)}:\n" for value in case.values)
        if case.is_default:
            labels += f"{pad}default:\n"
        body = self.statements(case.body, depth + 1)
        if any(isinstance(s, Declare) for s in case.body):
            # C++ forbids a jump past an initialized variable
            body = f"{INDENT * (depth + 1)}{self.braced(Block(case.body, at=case.at), depth + 1)}\n"
        return labels + (body or f"{pad}{INDENT};\n")

    def loop(self, stmt: Loop, depth: int) -> str:
        """A counted loop as a plain `for`."""
        name = self.replacements.get(stmt.iterator, stmt.iterator.name)
        start = self.declaration(name, stmt.iterator.type) if stmt.declares else name
        relation = ">" if stmt.descending else "<"
        head = f"{start} = {self.expression(stmt.lower)}; {name} {relation} {self.expression(stmt.upper, _BINARY['<'])}"
        step = self.loop_step(name, stmt)
        return f"{INDENT * depth}for ({head}; {step}) {self.braced(stmt.body, depth)}\n"

    def loop_step(self, name: str, stmt: Loop) -> str:
        sign = "-" if stmt.descending else "+"
        if isinstance(stmt.step, Const) and stmt.step.value == 1:
            return f"{name}{sign}{sign}"
        return f"{name} {sign}= {self.expression(stmt.step)}"

    def function(self, function: Function, name: str = "") -> str:
        """A whole function definition."""
        return f"{self.signature(function, name)} {self.braced(function.body, 0)}\n"
