"""Test snippets: C++ statements that declare data and call `wrapper(function, arguments...)`, as values.

    float a[] = {1, 2}, b[2];            -->  Call("add", (float32[2] {1, 2}, float32[2] (not set), int32 2))
    wrapper(add, a, b, 2);

`evaluate` reads declarations of scalars and arrays with constant initialisers and assignments of constants, which is
what generated unit tests consist of; it computes as C++ does (the types of literals, usual arithmetic conversions). It
never guesses: what it does not know raises `NotConstant`, and the compiler can be asked (compile/capture.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import tree_sitter_cpp
from tree_sitter import Language, Node, Parser

from data.find_functions import DTYPES
from data.function import Function, Parameter
from data.literals import canonical_scalar, fold
from data.testcase import Argument, TestCase

MOST_ELEMENTS = 1 << 20
_INT, _LONG, _DOUBLE, _FLOAT = (np.dtype(kind) for kind in (np.int32, np.int64, np.float64, np.float32))
_FLOAT_LIMITS, _DOUBLE_LIMITS = np.finfo(np.float32), np.finfo(np.float64)
CONSTANTS: Mapping[str, np.generic] = {
    "INFINITY": np.float32(np.inf),
    "NAN": np.float32(np.nan),
    "FLT_MAX": _FLOAT_LIMITS.max,
    "FLT_MIN": _FLOAT_LIMITS.tiny,
    "FLT_EPSILON": _FLOAT_LIMITS.eps,
    "DBL_MAX": _DOUBLE_LIMITS.max,
    "DBL_MIN": _DOUBLE_LIMITS.tiny,
    "DBL_EPSILON": _DOUBLE_LIMITS.eps,
    "M_PI": np.float64(np.pi),
    "M_E": np.float64(np.e),
    "CHAR_MAX": np.int32(127),
    "CHAR_MIN": np.int32(-128),
    "UCHAR_MAX": np.int32(255),
    "SHRT_MAX": np.int32(32767),
    "SHRT_MIN": np.int32(-32768),
    "USHRT_MAX": np.int32(65535),
    "INT_MAX": np.int32(2**31 - 1),
    "INT_MIN": np.int32(-(2**31)),
    "UINT_MAX": np.uint32(2**32 - 1),
    "LONG_MAX": np.int64(2**63 - 1),
    "LONG_MIN": np.int64(-(2**63)),
    "LLONG_MAX": np.int64(2**63 - 1),
    "LLONG_MIN": np.int64(-(2**63)),
    "ULONG_MAX": np.uint64(2**64 - 1),
    "ULLONG_MAX": np.uint64(2**64 - 1),
    "true": np.bool_(True),
    "false": np.bool_(False),
}
_NULLS = ("NULL", "nullptr")


class NotConstant(ValueError):
    """The snippet holds something that `evaluate` does not know; the message names it."""


@dataclass(frozen=True, eq=False)
class Array:
    """An array of a snippet: its `values`, and which of them nobody has set (`unset`, of bool)."""

    values: np.ndarray
    unset: np.ndarray


Value = Array | np.generic | None


@dataclass(frozen=True, eq=False)
class Call:
    """What a snippet calls: the function's name, and its arguments (None is a null pointer)."""

    callee: str
    arguments: tuple[Value, ...]


def evaluate(snippet: str) -> Call:
    """The one call that the snippet makes. Raises NotConstant."""
    wrapped = f"void snippet() {{{snippet}\n}}"
    root = Parser(Language(tree_sitter_cpp.language())).parse(wrapped.encode()).root_node
    if root.has_error or len(root.named_children) != 1 or root.named_children[0].type != "function_definition":
        raise NotConstant("it is not a list of C++ statements (an unbalanced brace?)")
    scope = _Scope()
    body = root.named_children[0].child_by_field_name("body")
    assert body is not None
    scope.run(body)
    if len(scope.calls) != 1:
        raise NotConstant(f"it calls the function {len(scope.calls)} times")
    return scope.calls[0]


def bind(call: Call, function: Function) -> TestCase:
    """The call as a test of `function`.

    Scalars are converted as C++ converts them. Raises NotConstant where the call does not fit the function.
    """
    if len(call.arguments) != len(function.parameters):
        taken = len(function.parameters)
        raise NotConstant(f"it passes {len(call.arguments)} arguments to {function.name}, which takes {taken}")
    bound = [_bind(p, value) for p, value in zip(function.parameters, call.arguments, strict=True)]
    arrays = [id(value) for value in call.arguments if isinstance(value, Array)]
    if len(set(arrays)) < len(arrays):
        raise NotConstant("it passes one array twice")
    unset = tuple(v.unset if isinstance(v, Array) and v.unset.any() else None for v in call.arguments)
    return TestCase(tuple(bound), "dataset", unset if any(mask is not None for mask in unset) else ())


def _bind(parameter: Parameter, value: Value) -> Argument:
    if parameter.is_array:
        if isinstance(value, Array) and value.values.dtype == parameter.dtype:
            return value.values
        if value is None or (isinstance(value, np.integer) and value == 0):
            return None
        kind = value.values.dtype if isinstance(value, Array) else value.dtype
        raise NotConstant(f"{parameter.name} is a pointer to {parameter.dtype}, it passes {kind}")
    if isinstance(value, Array) and parameter.reference and value.values.size == 1:
        return convert(value.values[0], parameter.dtype)
    if value is None or isinstance(value, Array) or parameter.dtype.names is not None:
        raise NotConstant(f"{parameter.name} is a value of type {parameter.c_type}, it passes something else")
    return convert(value, parameter.dtype)


def convert(value: np.generic, dtype: np.dtype) -> np.generic:
    """The value in another arithmetic type, as C++ converts it: integers modulo 2^n, floats toward zero."""
    if dtype.kind == "b":
        return np.bool_(bool(value))
    if dtype.kind not in "iu":
        with np.errstate(over="ignore"):
            return _typed(value, dtype)
    if value.dtype.kind == "f" and not np.isfinite(value):
        raise NotConstant(f"{value} has no value as {dtype}")
    return _wrapped(int(value), dtype)


def _wrapped(number: int, dtype: np.dtype) -> np.generic:
    bits = 8 * dtype.itemsize
    number %= 1 << bits
    if dtype.kind == "i" and number >= 1 << (bits - 1):
        number -= 1 << bits
    return _typed(number, dtype)


def _typed(number: float | np.generic, dtype: np.dtype) -> np.generic:
    scalar = np.asarray(number).astype(dtype)[()]
    assert isinstance(scalar, np.generic)
    return scalar


def _negative(value: np.generic, kind: np.dtype) -> np.generic:
    return _typed(-float(value), kind) if kind.kind == "f" else _wrapped(-int(value), kind)


# -------------------------------------------------------------------------------------------------------- statements


@dataclass
class _Scope:
    """The variables of one block and those around it, and the calls so far."""

    variables: dict[str, Value] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)

    def run(self, statement: Node) -> None:
        if statement.type == "compound_statement":
            inner = _Scope(dict(self.variables), self.calls)
            for child in statement.named_children:
                inner.run(child)
        elif statement.type == "declaration":
            self._declare(statement)
        elif statement.type == "expression_statement":
            for child in statement.named_children:
                self._evaluate_statement(child)
        elif statement.type == "for_statement" and not _has_effect(statement):
            pass
        elif statement.type not in ("comment", ";"):
            raise NotConstant(f"a {statement.type.replace('_', ' ')}")

    def _declare(self, statement: Node) -> None:
        dtype = _type_of(statement.child_by_field_name("type"))
        for declarator in statement.children_by_field_name("declarator"):
            value = declarator.child_by_field_name("value")
            declared = _required(declarator, "declarator") if declarator.type == "init_declarator" else declarator
            if declared.type == "array_declarator":
                self._declare_array(declared, dtype, value)
            elif declared.type == "identifier" and value is not None:
                self.variables[_text(declared)] = convert(self.number(value), dtype)
            else:
                raise NotConstant(f"the declaration `{_text(statement)}`")

    def _declare_array(self, declarator: Node, dtype: np.dtype, value: Node | None) -> None:
        name, size = declarator.child_by_field_name("declarator"), declarator.child_by_field_name("size")
        if name is None or name.type != "identifier":
            raise NotConstant(f"an array of arrays, `{_text(declarator)}`")
        given = [] if value is None else self._initialisers(value)
        count = len(given) if size is None else int(self.number(size))
        if not len(given) <= count <= MOST_ELEMENTS:
            raise NotConstant(f"an array of {count} elements")
        values = np.zeros(count, dtype)
        for i, number in enumerate(given):
            values[i] = convert(number, dtype)
        unset = np.full(count, value is None)
        self.variables[_text(name)] = Array(values, unset)

    def _initialisers(self, value: Node) -> list[np.generic]:
        if value.type == "initializer_list":
            return [self.number(child) for child in value.named_children if child.type != "comment"]
        raise NotConstant(f"the initialiser `{_text(value)}`")

    def _evaluate_statement(self, expression: Node) -> None:
        if expression.type == "call_expression" and _text(expression.child_by_field_name("function")) == "wrapper":
            self._call(expression)
        elif expression.type == "assignment_expression":
            self._assign(expression)
        elif expression.type != "comment":
            raise NotConstant(f"`{_text(expression)}`")

    def _call(self, expression: Node) -> None:
        arguments = expression.child_by_field_name("arguments")
        assert arguments is not None
        words = [child for child in arguments.named_children if child.type != "comment"]
        if not words or words[0].type != "identifier":
            raise NotConstant("a call of no named function")
        values = tuple(self._argument(word) for word in words[1:])
        self.calls.append(Call(_text(words[0]), values))

    def _argument(self, node: Node) -> Value:
        if node.type == "pointer_expression" and _text(node).startswith("&"):
            argument = node.child_by_field_name("argument")
            name = _text(argument)
            value = self.variables.get(name)
            if isinstance(value, np.generic):
                return Array(np.array([value]), np.zeros(1, bool))
            raise NotConstant(f"`{_text(node)}`")
        if _text(node) in _NULLS:
            return None
        if node.type == "identifier" and isinstance(found := self.variables.get(_text(node)), Array):
            return found
        return self.number(node)

    def _assign(self, expression: Node) -> None:
        left, right = expression.child_by_field_name("left"), expression.child_by_field_name("right")
        assert left is not None and right is not None
        if _text(expression.child_by_field_name("operator")) != "=":
            raise NotConstant(f"`{_text(expression)}`")
        if left.type == "identifier" and isinstance(old := self.variables.get(_text(left)), np.generic):
            self.variables[_text(left)] = convert(self.number(right), old.dtype)
            return
        indices = left.child_by_field_name("indices")
        target = self.variables.get(_text(left.child_by_field_name("argument")))
        if left.type != "subscript_expression" or indices is None or not isinstance(target, Array):
            raise NotConstant(f"`{_text(expression)}`")
        index = int(self.number(indices.named_children[0]))
        if not 0 <= index < target.values.size:
            raise NotConstant(f"`{_text(expression)}` is outside the array")
        target.values[index] = convert(self.number(right), target.values.dtype)
        target.unset[index] = False

    # ---------------------------------------------------------------------------------------------------- expressions

    def number(self, node: Node) -> np.generic:
        """The value of a constant arithmetic expression."""
        known: Mapping[str, Callable[[Node], np.generic]] = {
            "number_literal": lambda n: parse_number(_text(n)),
            "char_literal": lambda n: _character(_text(n)),
            "identifier": self._name,
            "true": self._name,
            "false": self._name,
            "parenthesized_expression": lambda n: self.number(n.named_children[0]),
            "unary_expression": self._unary,
            "binary_expression": self._binary,
            "cast_expression": self._cast,
            "sizeof_expression": self._sizeof,
            "subscript_expression": self._element,
        }
        if node.type not in known:
            raise NotConstant(f"`{_text(node)}`")
        return known[node.type](node)

    def _name(self, node: Node) -> np.generic:
        name = _text(node)
        value = self.variables.get(name, CONSTANTS.get(name))
        if not isinstance(value, np.generic):
            raise NotConstant(f"`{name}`")
        return value

    def _element(self, node: Node) -> np.generic:
        array = self.variables.get(_text(node.child_by_field_name("argument")))
        indices = node.child_by_field_name("indices")
        if isinstance(array, Array) and indices is not None:
            index = int(self.number(indices.named_children[0]))
            if 0 <= index < array.values.size and not array.unset[index]:
                element: np.generic = array.values[index]
                return element
        raise NotConstant(f"`{_text(node)}`")

    def _unary(self, node: Node) -> np.generic:
        operator, value = _text(node.child_by_field_name("operator")), self.number(_required(node, "argument"))
        kind = arithmetic_type(value.dtype, value.dtype)
        if kind.kind == "f" and operator in "+-":
            return convert(value, kind) if operator == "+" else _negative(value, kind)
        return _folded(operator, [value], kind, _text(node))

    def _binary(self, node: Node) -> np.generic:
        operator = _text(node.child_by_field_name("operator"))
        left, right = self.number(_required(node, "left")), self.number(_required(node, "right"))
        kind = arithmetic_type(left.dtype, right.dtype)
        if kind.kind == "f":
            return _on_floats(operator, convert(left, kind), convert(right, kind), _text(node))
        if operator in ("<<", ">>"):
            kind = arithmetic_type(left.dtype, left.dtype)
            return _folded(operator, [convert(left, kind), right], kind, _text(node))
        return _folded(operator, [convert(left, kind), convert(right, kind)], kind, _text(node))

    def _cast(self, node: Node) -> np.generic:
        described = _required(node, "type")
        if described.child_by_field_name("declarator") is not None:
            raise NotConstant(f"`{_text(node)}`")
        return convert(self.number(_required(node, "value")), _type_of(described.child_by_field_name("type")))

    def _sizeof(self, node: Node) -> np.generic:
        described = node.child_by_field_name("type")
        if described is not None and described.child_by_field_name("declarator") is None:
            return np.uint64(_type_of(described.child_by_field_name("type")).itemsize)
        value = node.child_by_field_name("value")
        while value is not None and value.type == "parenthesized_expression":
            value = value.named_children[0]
        if value is not None and isinstance(found := self.variables.get(_text(value)), Array):
            return np.uint64(found.values.nbytes)
        if value is not None and value.type == "subscript_expression":
            found = self.variables.get(_text(value.child_by_field_name("argument")))
            if isinstance(found, Array):
                return np.uint64(found.values.itemsize)
        if value is not None:
            return np.uint64(self.number(value).itemsize)
        raise NotConstant(f"`{_text(node)}`")


def arithmetic_type(left: np.dtype, right: np.dtype) -> np.dtype:
    """The type in which C++ computes with two operands: the usual arithmetic conversions ([expr.arith.conv])."""
    reals = [kind for kind in (left, right) if kind.kind == "f"]
    if reals:
        return max(reals, key=lambda kind: kind.itemsize)
    wide = [kind if kind.itemsize >= 4 else _INT for kind in (left, right)]
    return max(wide, key=lambda kind: (kind.itemsize, kind.kind == "u"))


def parse_number(text: str) -> np.generic:
    """The value of a C++ number literal in its type; a sign in front of it is taken along."""
    if text[:1] in "+-":
        value = parse_number(text[1:].strip())
        kind = arithmetic_type(value.dtype, value.dtype)
        return convert(value, kind) if text[0] == "+" else _negative(value, kind)
    word = text.replace("'", "").lower()
    real = not word.startswith("0x") and re.search(r"[.e]", word)
    if real or ("p" in word):
        digits = word.rstrip("fl")
        real_value = float.fromhex(digits) if "p" in word else float(digits)
        return np.float32(real_value) if word.endswith("f") else np.float64(real_value)
    match = re.fullmatch(r"(0x[0-9a-f]+|0b[01]+|0[0-7]*|[1-9]\d*)(u?)(l{0,2})(u?)(z?)", word)
    if match is None:
        raise NotConstant(f"the number {text}")
    digits = match[1]
    number = int(digits, 8) if re.fullmatch(r"0[0-7]+", digits) else int(digits, 0)
    unsigned, decimal = bool(match[2] or match[4]), digits[0] != "0"
    names = (
        ["uint32", "uint64"] if unsigned else ["int32", "int64"] if decimal else ["int32", "uint32", "int64", "uint64"]
    )
    for kind in map(np.dtype, names):
        if number <= int(np.iinfo(kind).max) and (not match[3] or kind.itemsize == 8):
            return _typed(number, kind)
    raise NotConstant(f"the number {text}, which is too large")


def _folded(operator: str, operands: list[np.generic], kind: np.dtype, text: str) -> np.generic:
    result = fold(operator, [int(operand) for operand in operands])
    if result is None:
        raise NotConstant(f"`{text}`")
    if operator in ("<", "<=", ">", ">=", "==", "!=", "&&", "||", "!"):
        return np.bool_(bool(result))
    return _wrapped(result, kind)  # gcc and nvcc warn of an overflow, and wrap


def _on_floats(operator: str, left: np.generic, right: np.generic, text: str) -> np.generic:
    operations: Mapping[str, np.ufunc] = {
        "+": np.add,
        "-": np.subtract,
        "*": np.multiply,
        "/": np.divide,
        "<": np.less,
        ">": np.greater,
        "<=": np.less_equal,
        ">=": np.greater_equal,
        "==": np.equal,
        "!=": np.not_equal,
    }
    if operator not in operations:
        raise NotConstant(f"`{text}`")
    with np.errstate(all="ignore"):
        result: np.generic = operations[operator](left, right)
    return result


def _character(text: str) -> np.generic:
    inner = text.strip("'")
    known = {"\\n": 10, "\\t": 9, "\\0": 0, "\\\\": 92, "\\'": 39, '\\"': 34, "\\r": 13}
    if inner in known:
        return np.int8(known[inner])
    if len(inner) == 1 and ord(inner) < 128:
        return np.int8(ord(inner))
    raise NotConstant(f"the character {text}")


def _type_of(node: Node | None) -> np.dtype:
    words = _text(node).split()
    name = canonical_scalar([word for word in words if word not in ("const", "static")])
    if name is None or name not in DTYPES:
        raise NotConstant(f"the type `{_text(node)}`")
    return DTYPES[name]


def _has_effect(node: Node) -> bool:
    """Whether a loop does more than count: a call, an assignment, or an update of anything but its own counter."""
    header = node.child_by_field_name("update")
    initializer = node.child_by_field_name("initializer")
    if header is None or initializer is None or initializer.type != "declaration":
        return True
    body = node.child_by_field_name("body")
    stack = [body] if body is not None else []
    while stack:
        current = stack.pop()
        if current.type in ("call_expression", "assignment_expression", "update_expression", "goto_statement"):
            return True
        stack.extend(current.named_children)
    return False


def _required(node: Node, name: str) -> Node:
    child = node.child_by_field_name(name)
    if child is None:
        raise NotConstant(f"`{_text(node)}`")
    return child


def _text(node: Node | None) -> str:
    return "" if node is None or node.text is None else node.text.decode("utf-8", "replace")
