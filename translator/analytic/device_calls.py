"""`__device__` versions of the file's own functions that kernels call."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from translator.analytic import codes
from translator.analytic.dependence import Reason
from translator.analytic.device_printer import DevicePrinter
from translator.analytic.ir import (
    Assign,
    Binary,
    Call,
    Cast,
    Conditional,
    Const,
    Expr,
    Function,
    Location,
    Node,
    Program,
    Scalar,
    Symbol,
    Unary,
    Var,
)
from translator.analytic.print_c import PRIMARY, Printer
from translator.analytic.visit import substitute, symbols, walk

_MADE_OF_LITERALS = (Const, Var, Unary, Binary, Conditional, Cast)


class UncallableOnDevice(Exception):
    """A function that a kernel cannot call. `reason` says why."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.message)
        self.reason = reason


@dataclass
class DeviceCode:
    """`names` maps a source function to its device version; `definitions` are in an order that defines before use."""

    names: dict[str, str] = field(default_factory=dict)
    definitions: list[str] = field(default_factory=list)


def device_code(program: Program, nodes: Iterable[Node]) -> DeviceCode:
    """Device versions of all functions that statements of kernels call, directly or not. Raises UncallableOnDevice."""
    code = DeviceCode()
    for node in nodes:
        _visit(program, node, code)
    return code


def _visit(program: Program, node: Node, code: DeviceCode) -> None:
    for call in walk(node):
        if not isinstance(call, Call) or call.name in code.names:
            continue
        function = program.function(call.name)
        if function is None:
            continue
        _check(function, call.at)
        _visit(program, function.body, code)
        code.names[function.name] = f"{function.name}_device"
        printer = DevicePrinter(code.names, constant_globals(function.body))
        signature = printer.signature(function, code.names[function.name]).removeprefix("static ")
        guard = f"MUSL_HAS_{function.name}"  # several functions of the file may need it
        definition = f"static __device__ {signature} {printer.braced(function.body, 0)}\n"
        code.definitions.append(f"#ifndef {guard}\n#define {guard}\n{definition}#endif\n")


def _check(function: Function, at: Location) -> None:
    if function.unsupported:
        first = function.unsupported[0]
        raise UncallableOnDevice(
            Reason(first.code, f"in {function.name}, which a kernel calls: {first.message}", first.at)
        )
    for node in walk(function.body):
        if isinstance(node, Assign) and isinstance(node.target, Var) and node.target.symbol.kind == "global":
            message = f"{function.name} assigns the global {node.target.symbol.name}"
            raise UncallableOnDevice(Reason(codes.KERNEL_CALL, message, at))
        if isinstance(node, Var) and node.symbol.kind == "global" and _constant(node.symbol) is None:
            message = f"{function.name} uses the global {node.symbol.name}, which is not on the device"
            raise UncallableOnDevice(Reason(codes.KERNEL_CALL, message, at))


def constant_globals(*nodes: Node) -> dict[Symbol, str]:
    """The const globals that the nodes name, with their values as primary expressions."""
    found: dict[Symbol, str] = {}
    for symbol in symbols(*nodes):
        value = _constant(symbol) if symbol.kind == "global" else None
        if value is not None:
            text = Printer().expression(value, 0 if isinstance(value, Const) else PRIMARY)
            found[symbol] = f"({text})" if text.startswith("-") else text
    return found


def _constant(symbol: Symbol) -> Expr | None:
    """The value of a const global scalar in its own type, where it is made of literals alone."""
    value = symbol.value
    if value is None or not isinstance(symbol.type, Scalar):
        return None
    inner = {s: _constant(s) for s in symbols(value)}
    known = {s: each for s, each in inner.items() if each is not None}
    if len(known) != len(inner) or not all(isinstance(n, _MADE_OF_LITERALS) for n in walk(value)):
        return None
    value = substitute(value, known)
    same = isinstance(value.type, Scalar) and value.type.name == symbol.type.name
    return value if same else Cast(symbol.type, value, at=value.at)
