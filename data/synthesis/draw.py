"""`Draw`: the choices of one function, all from one generator: types, names, parameters, accesses, expressions."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from data.synthesis.names import Names
from data.synthesis.sketch import (
    Access,
    Array,
    DeviceProgram,
    Dim,
    Helper,
    Launch,
    Parameter,
    Scalar,
    Sketch,
    Statement,
    parenthesized,
)
from data.synthesis.style import draw_style

T = TypeVar("T")
FLOATS = ("float", "float", "float", "double")
INTEGERS = ("int", "int", "unsigned int", "long", "short", "unsigned char", "long long")
NUMBERS = (*FLOATS, "float", "int", "int", "long", "unsigned int")
_SIZES = ("int",) * 9 + ("size_t", "long", "unsigned int")
_ROW_MAJOR = {"flat": "{0} * {2} + {1}", "swapped": "{1} + {2} * {0}", "nested": "{2} * {0} + {1}"}


class Draw:
    """Draws one function. What the families ask for is collected: parameters in the order in which they were asked
    for, helper functions, and definitions (macros and types) that stand above the function."""

    def __init__(self, seed: str, cuda: bool) -> None:
        self.rng = random.Random(seed)
        self.cuda = cuda
        self.style = draw_style(self.rng, cuda)
        self.names = Names(self.rng, self.style.camel)
        self.parameters: list[Parameter] = []
        self.helpers: list[Helper] = []
        self.definitions: list[str] = []
        self.size_type = self.rng.choice(_SIZES)
        self.block_size = self.rng.choice((32, 64, 128, 128, 256, 256, 512))

    # ------------------------------------------------------------ choices

    def pick(self, *options: T) -> T:
        """One of the options, each as likely."""
        return self.rng.choice(options)

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.rng.random() < probability

    def number(self) -> str:
        """A numeric type."""
        return self.rng.choice(NUMBERS)

    def floating(self) -> str:
        """A floating-point type."""
        return self.rng.choice(FLOATS)

    def integer(self) -> str:
        """An integer type."""
        return self.rng.choice(INTEGERS)

    def local(self, pool: str) -> str:
        """A fresh name of a local variable."""
        return self.names.fresh(pool)

    # ------------------------------------------------------------ parameters

    def size(self, pool: str = "size", *, signed: bool = False) -> str:
        """A new parameter that counts elements; `signed` where it is subtracted from, or indices are."""
        if signed and self.size_type in ("size_t", "unsigned int"):
            self.size_type = "int"
        return self.scalar(pool, self.size_type, "size")

    def scalar(self, pool: str, kind: str, values: str = "any") -> str:
        """A new parameter by value; its name."""
        name = self.names.fresh(pool)
        self.parameters.append(Scalar(name, kind, values))
        return name

    def array(self, pool: str, kind: str, *shape: str, access: Access = "in", values: str = "any") -> Array:
        """A new array parameter."""
        array = Array(self.names.fresh(pool), kind, shape, access, values)
        self.parameters.append(array)
        return array

    def target(self, source: Array, *shape: str, kind: str = "") -> Array:
        """A new array for results, or now and then `source` itself where its shape and type are the same."""
        same = (not shape or shape == source.shape) and kind in ("", source.type)
        if not same or source.access == "out" or self.chance(0.75):
            return self.array("output", kind or source.type, *(shape or source.shape), access="out")
        place = self.parameters.index(source)
        self.parameters[place] = array = replace(source, access="inout")
        return array

    def helper(self, words: str, returns: str, parameters: str, *body: Statement) -> str:
        """A new function that the drawn one calls; its name."""
        name = self.names.fresh(words)
        self.helpers.append(Helper(name, f"{returns} {name}({parameters})", body))
        return name

    def define(self, line: str) -> None:
        """Put a macro or a type above the function, once."""
        if line not in self.definitions:
            self.definitions.append(line)

    # ------------------------------------------------------------ text

    def at(self, array: Array | str, *indices: str) -> str:
        """An element of an array, in the author's way to write it."""
        if isinstance(array, str) or len(array.shape) == 1:
            name, index = array if isinstance(array, str) else array.name, indices[0]
            return self._element(name, index)
        if self.style.matrix == "vla":
            return array.name + "".join(f"[{index}]" for index in indices)
        return self._element(array.name, self.flat(indices, array.shape))

    def flat(self, indices: Sequence[str], shape: Sequence[str]) -> str:
        """The offset of an element in an array of this shape, row major."""
        offset = indices[0]
        for index, size in zip(indices[1:], shape[1:], strict=True):
            factor = parenthesized(size)
            if self.style.matrix == "macro" and len(shape) == 2:
                self.define("#define IDX(r, c, ld) ((r) * (ld) + (c))")
                return f"IDX({offset}, {index}, {size})"
            form = _ROW_MAJOR.get(self.style.matrix, _ROW_MAJOR["flat"])
            offset = form.format(parenthesized(offset), index, factor)
        return offset

    def _element(self, name: str, index: str) -> str:
        if self.style.dereference:
            return f"*({name} + {index})" if index != "0" else f"*{name}"
        return f"{name}[{index}]"

    def incremented(self, element: str) -> str:
        """The element counted up by one; a dereference binds weaker than `++`."""
        return f"({element})++" if element.startswith("*") else f"{element}++"

    def literal(self, kind: str, *values: str) -> str:
        """A constant of the type: one of the values, or of common ones."""
        floating = kind in ("float", "double")
        common = ("0.5", "2.0", "0.1", "1.5", "3.0", "0.25", "10.0", "1e-3", "4.0") if floating else tuple("1234578")
        value = self.rng.choice(values or common)
        if not floating:
            return value.removesuffix(".0")
        if "." not in value and "e" not in value:
            value += ".0"
        return f"{value}f" if kind == "float" and not self.chance(0.15) else value

    def zero(self, kind: str) -> str:
        """A zero as the author writes it for the type."""
        if kind not in ("float", "double"):
            return "0"
        return self.pick("0.0f", "0.f", "0") if kind == "float" else self.pick("0.0", "0.", "0")

    def call(self, function: str, kind: str, *arguments: str) -> str:
        """A call of a function of math.h for the type (`sqrt` --> `sqrtf`)."""
        return f"{function}{'f' if kind == 'float' else ''}({', '.join(arguments)})"

    # ------------------------------------------------------------ expressions

    def expression(self, operands: Sequence[str], kind: str, depth: int = 2) -> str:
        """A random formula over all the operands (each an expression) and some constants; it is defined for the
        values that callers pass."""
        left, *others = self.rng.sample(list(operands), len(operands))
        result = self.wrapped(left, kind) if self.chance(0.4) else left
        for operand in others:
            result = self._joined(result, self.wrapped(operand, kind) if self.chance(0.25) else operand, kind)
        for _ in range(self.rng.randrange(depth + 1)):
            result = self._joined(result, self.literal(kind), kind) if self.chance(0.5) else self.wrapped(result, kind)
        return result

    def _joined(self, left: str, right: str, kind: str) -> str:
        a, b = parenthesized(left), parenthesized(right)
        if kind in ("float", "double"):
            return self.pick(
                f"{left} + {b}",
                f"{a} * {b}",
                f"{left} - {b}",
                f"{b} - {a}",
                f"{a} * {b} + {left}",
                f"{a} / ({self.literal(kind, '1.0')} + {b} * {b})",
                self.call("fmax", kind, left, right),
                self.call("fmin", kind, left, right),
            )
        forms = [f"{left} + {b}", f"{left} - {b}", f"{a} * {b}", f"({a} > {b} ? {left} : {right})"]
        forms += [f"({a} & {b})", f"({a} ^ {b})", f"({a} | {b})"]
        return self.rng.choice(forms)

    def wrapped(self, value: str, kind: str) -> str:
        """The value with something done to it."""
        v = parenthesized(value)
        if kind not in ("float", "double"):
            forms = [f"{v} * {v}", f"({v} > 0 ? {value} : 0)", f"{v} * {self.literal(kind, '2', '3', '5')}"]
            forms += [f"{v} / {self.literal(kind, '2', '3', '4', '10')}", f"({v} & 0x{self.pick('f', 'ff', '3')})"]
            forms += [f"{v} % {self.literal(kind, '7', '16', '100', '3')}", f"({v} >> {self.literal(kind, '1', '2')})"]
            return self.rng.choice(forms)
        f = self.call
        forms = [
            f"{v} * {v}",
            f"-{v}",
            f("fabs", kind, value),
            f("sqrt", kind, f("fabs", kind, value)),
            f("exp", kind, f"-{v} * {v}"),
            f(self.pick("sin", "cos", "tanh", "floor"), kind, value),
            f("log", kind, f"{self.literal(kind, '1.0')} + {v} * {v}"),
            f"{self.literal(kind, '1.0')} / ({self.literal(kind, '1.0')} + {v} * {v})",
            f"{self.literal(kind)} * {v}",
            f"{v} * {v} * {v}",
        ]
        return self.rng.choice(forms)

    def touched(self, value: str, kind: str) -> str:
        """The value, or now and then a variation that a caller asked the author for: scaled by a parameter, shifted,
        bounded."""
        if self.chance(0.5):
            return value
        v = parenthesized(value)
        choice = self.rng.randrange(5)
        if choice == 0:
            return f"{self.scalar('factor', kind)} * {v}"
        if choice == 1:
            return f"{value} + {self.scalar('offset', kind)}"
        if choice == 2:
            return f"{v} * {self.literal(kind)}"
        return self.wrapped(value, kind) if choice == 3 else f"{value} {self.pick('+', '-')} {self.literal(kind)}"

    def stored(self, target: str, value: str, kind: str) -> list[Statement]:
        """Statements that store the value: at once, through a local variable, or adding to what is there."""
        if self.chance(0.2):
            local = self.local("local")
            return [f"{kind} {local} = {value};", f"{target} = {local};"]
        return [f"{target} = {value};"]

    def compare(self) -> str:
        """A comparison operator."""
        return self.pick("<", ">", "<=", ">=")

    # ------------------------------------------------------------ results

    def dims(self, *sizes: str) -> tuple[Dim, ...]:
        """Dimensions that run over these sizes, with fresh indices."""
        pools = {1: ("index",), 2: ("row", "column"), 3: ("plane", "row", "column")}[len(sizes)]
        return tuple(Dim(self.local(pool), size) for pool, size in zip(pools, sizes, strict=True))

    def sketch(self, name: str, *body: Statement, returns: str = "void") -> Sketch:
        """The sequential function; `name` in words joined by underscores."""
        return Sketch(name, self.ordered(), body, tuple(self.helpers), returns)

    def program(
        self,
        name: str,
        *launches: Launch,
        temporaries: Sequence[Array] = (),
        finish: Sequence[Statement] = (),
        returns: str = "void",
    ) -> DeviceProgram:
        """The CUDA program that launches these kernels."""
        helpers = tuple(self.helpers)
        return DeviceProgram(name, self.ordered(), launches, helpers, tuple(temporaries), tuple(finish), returns)

    def ordered(self) -> tuple[Parameter, ...]:
        """All parameters, in the order that the author prefers."""
        scalars = [p for p in self.parameters if isinstance(p, Scalar)]
        arrays = [p for p in self.parameters if isinstance(p, Array)]
        order = self.style.order
        if self.style.matrix == "vla" and any(len(a.shape) > 1 for a in arrays):
            order = "sizes first"
        if order == "sizes first":
            return (*scalars, *arrays)
        if order == "sizes last":
            return (*arrays, *scalars)
        if order == "outputs first":
            arrays.sort(key=lambda array: array.access == "in")
            return (*arrays, *scalars)
        return tuple(self.parameters)
