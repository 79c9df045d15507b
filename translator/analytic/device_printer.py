"""Printers of generated code: what host and device share, and what device code needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from translator.analytic.counters import INT
from translator.analytic.ir import (
    Array,
    Assign,
    Binary,
    Call,
    Cast,
    Const,
    Expr,
    Index,
    Pointer,
    Scalar,
    Symbol,
    Type,
    Var,
)
from translator.analytic.print_c import Printer

_DEVICE_STD = {"clamp": "musl_clamp"}  # functions of <algorithm> that device code cannot call


_DOUBLE_MATH = {
    "sqrt", "exp", "log", "log2", "log10", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "fabs",
    "floor", "ceil", "round", "trunc", "pow", "fmod", "fmin", "fmax", "hypot", "cbrt", "exp2", "expm1", "log1p", "erf",
    "erfc", "tgamma", "lgamma", "atan2", "fma", "copysign", "rint", "nearbyint", "fdim",
}  # fmt: skip


class FlatPrinter(Printer):
    """Prints the generated code of host and device: flat subscripts where an extent is a variable, extrema as `if`."""

    def index(self, expr: Index) -> str:
        base = expr.base
        if isinstance(base, Var) and isinstance(base.type, Pointer) and base.type.reference:
            if base.symbol.kind == "param":  # a pointer on the device
                return f"{self.variable(base)}[0]"
            return self.variable(base)
        if isinstance(base, Var):
            extents = variable_extents(base.type)
            if extents is not None and len(expr.subscripts) == len(extents) + 1:
                return f"{self.variable(base)}[{self.expression(flat(expr, extents))}]"
        return super().index(expr)

    def assignment(self, stmt: Assign) -> str:
        if stmt.op in ("min=", "max="):
            target, value = self.expression(stmt.target), self.expression(stmt.value, 11)
            return f"if ({value} {'<' if stmt.op == 'min=' else '>'} {target}) {target} = {self.expression(stmt.value)}"
        return super().assignment(stmt)


class DevicePrinter(FlatPrinter):
    """Prints device code: calls of device versions, and calls whose precision C++ would change."""

    def __init__(self, device_names: Mapping[str, str], replacements: Mapping[Symbol, str] | None = None) -> None:
        super().__init__(replacements)
        self.device_names = device_names

    def call(self, expr: Call) -> str:
        """`sqrt(x)` of a float is a double in C; C++ would take the float overload."""
        name = self.device_names.get(expr.name, _DEVICE_STD.get(expr.name, expr.name))
        if expr.name in ("min", "max") and isinstance(expr.type, Scalar) and expr.type.is_float:
            name = f"musl_{expr.name}"  # CUDA's own takes the number where std::min and std::max keep the NaN
        is_double = isinstance(expr.type, Scalar) and expr.type.name == "double"
        args = []
        for arg in expr.args:
            text = self.expression(arg)
            kind = arg.type
            if is_double and expr.name in _DOUBLE_MATH and isinstance(kind, Scalar) and kind.name != "double":
                text = self.expression(Cast(Scalar("double"), arg, at=arg.at))
            args.append(text)
        return f"{name}({', '.join(args)})"


def variable_extents(kind: Type) -> tuple[Expr, ...] | None:
    """The inner extents of an array type that C++ cannot spell because one is not a constant; None for all others."""
    inner: tuple[Expr | None, ...] = ()
    if isinstance(kind, Array):
        inner = kind.extents[1:]
    elif isinstance(kind, Pointer) and isinstance(kind.to, Array):
        inner = kind.to.extents
    if not inner or all(isinstance(e, Const) for e in inner):
        return None
    return tuple(e for e in inner if e is not None)


def flat(expr: Index, extents: Sequence[Expr]) -> Expr:
    """`a[i][j][k]` with inner extents m, l --> (i * m + j) * l + k."""
    result = expr.subscripts[0]
    for subscript, extent in zip(expr.subscripts[1:], extents, strict=True):
        product = Binary("*", result, extent, INT, at=expr.at)
        result = Binary("+", product, subscript, INT, at=expr.at)
    return result
