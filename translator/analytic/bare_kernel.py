"""A function as one `__global__` function with its own parameters, which somebody else launches: right under any grid.

over the grid     the loops are independent of each other: they stride over the grid, whatever its shape
one block         a loop needs what another one writes, or a sum: only the threads of a block can wait for each other
one thread        the statements in order
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from translator.analytic import codes
from translator.analytic.block_calls import expand_memory_calls
from translator.analytic.block_phases import BlockPhases
from translator.analytic.counters import INT
from translator.analytic.dependence import Reason
from translator.analytic.device_calls import DeviceCode, constant_globals, device_code
from translator.analytic.device_printer import DevicePrinter, variable_extents
from translator.analytic.extremes import folded
from translator.analytic.grid_phases import GridPhases
from translator.analytic.host_text import without_unused_scalars
from translator.analytic.ir import (
    Array,
    Binary,
    Cast,
    Const,
    Declare,
    Expr,
    Function,
    InitList,
    Node,
    Pointer,
    Program,
    Symbol,
    Unary,
    Void,
)
from translator.analytic.launch_plan import Choose, Kernel, Launch, Plan, Repeat, Run, each_node, head_of
from translator.analytic.phases import NotInPhases, Phases, thread_sum
from translator.analytic.prelude import DEVICE_HELPERS
from translator.analytic.print_c import INDENT, Printer
from translator.analytic.usage import element_type
from translator.analytic.visit import substitute, symbols, walk


class NotOneKernel(Exception):
    """No single kernel with the function's parameters can stand for it. `reason` says why."""

    def __init__(self, message: str, at: Node | Function) -> None:
        super().__init__(message)
        self.reason = Reason(codes.NOT_ONE_KERNEL, message, at.at)


@dataclass(frozen=True)
class BareKernel:
    """`text` is the kernel with the device functions that it calls; `spread` are the plan's kernels whose loops its
    threads share, `remark` says why not the whole grid does."""

    name: str
    text: str
    spread: tuple[Kernel, ...] = ()
    remark: Reason | None = None


def bare_kernel(program: Program, source: Function, plan: Plan) -> BareKernel:
    """The kernel of a planned function. `source` is the function as it was parsed. Raises NotOneKernel and
    UncallableOnDevice."""
    writer = _Writer(program, source)
    nodes = list(_nodes(plan))
    code = device_code(program, nodes)
    constants = writer.constants(*nodes)
    try:
        return writer.in_phases(plan, GridPhases(plan, code.names, constants), code, None)
    except NotInPhases as not_grid:
        remark = Reason(codes.ONE_BLOCK, f"one block runs all loops: {not_grid}", source.at)
    try:
        return writer.in_phases(plan, BlockPhases(plan, code.names, constants), code, remark)
    except NotInPhases as not_block:
        return writer.in_order(f"one thread runs the function in order: {not_block}")


def one_thread_kernel(program: Program, source: Function) -> BareKernel:
    """The kernel whose first thread runs the function in order. Raises NotOneKernel and UncallableOnDevice."""
    return _Writer(program, source).in_order("one thread runs the function in order")


@dataclass(frozen=True)
class _Writer:
    program: Program
    source: Function

    @property
    def name(self) -> str:
        """`saxpy_kernel` for saxpy and saxpy_cpu. It is none of the file's functions, and hardly a variable of whoever
        launches it, as plain `mean` would be."""
        name = self._base if re.search(r"kernel$", self._base, re.IGNORECASE) else f"{self._base}_kernel"
        while self.program.function(name) is not None:
            name += "_cuda"
        return name

    @property
    def _base(self) -> str:
        return re.sub(r"_(cpu|host|seq|serial)$", "", self.source.name, flags=re.IGNORECASE)

    def constants(self, *nodes: Node) -> dict[Symbol, str]:
        """The literal values of the globals that the nodes name."""
        found = constant_globals(*nodes)
        for symbol in _globals(*nodes):
            if symbol not in found and not _is_table(symbol):
                raise NotOneKernel(f"the global {symbol.shown} is not on the device", self.source)
        return found

    # ------------------------------------------------------------ the three forms

    def in_phases(self, plan: Plan, phases: Phases, code: DeviceCode, remark: Reason | None) -> BareKernel:
        """Raises NotInPhases."""
        body = self._tables(phases.printer, *_nodes(plan)) + phases.text()
        if not phases.spread:
            raise NotInPhases("no loop is left whose iterations several threads can run")
        guards = [folded(substitute(g, plan.table.entry_values)) for g in plan.guards]
        guarded, helpers = self._guarded(list(dict.fromkeys(guards)), phases)
        body = without_unused_scalars(phases.prologue() + guarded + body)
        text = self._global(phases.printer, body)
        return BareKernel(self.name, _joined([*code.definitions, *helpers, text]), tuple(phases.spread), remark)

    def in_order(self, why: str) -> BareKernel:
        printer, body, definitions = self._sequential()
        first = f"{INDENT}// In order, by one thread.\n{INDENT}if ({thread_sum()} > 0) return;\n"
        text = self._global(printer, first + body)
        return BareKernel(self.name, _joined([*definitions, text]), (), Reason(codes.ONE_THREAD, why, self.source.at))

    def _guarded(self, guards: Sequence[Expr], phases: Phases) -> tuple[str, list[str]]:
        """The test whether the loops are independent, and the function that one thread calls where they are not."""
        if not guards:
            return "", []
        failed = " || ".join(phases.printer.expression(_negated(guard), 4) for guard in guards)
        head = f"{INDENT}if ({failed}) {{  // in order, by one thread\n"
        alone = phases.alone()
        if alone:
            return f"{head}{alone}{INDENT}}}\n", []
        plain, body, definitions = self._sequential()
        name = f"{self._base}_in_order"
        function = f"static __device__ void {name}({self._parameters(plain)}) {{\n{body}}}\n"
        call = f"if ({phases.first_thread()}) {name}({', '.join(symbol.name for symbol in self.source.params)});"
        return f"{head}{INDENT * 2}{call}\n{INDENT * 2}return;\n{INDENT}}}\n", [*definitions, function]

    # ------------------------------------------------------------ text

    def _sequential(self) -> tuple[Printer, str, list[str]]:
        """(printer, body, device functions) of the function as the source has it."""
        function = expand_memory_calls(self.source)
        for node in walk(function.body):
            kind = node.symbol.type if isinstance(node, Declare) else None
            if isinstance(kind, Array) and not all(isinstance(e, Const) for e in kind.extents):
                assert isinstance(node, Declare)
                raise NotOneKernel(f"the length of the local array {node.symbol.shown} is not constant", node)
        code = device_code(self.program, [function.body])
        printer = DevicePrinter(code.names, self.constants(function.body))
        body = self._tables(printer, function.body) + printer.statements(function.body.body, 1)
        return printer, body, code.definitions

    def _tables(self, printer: Printer, *nodes: Node) -> str:
        """The constant arrays of the file that the nodes name, as the kernel's own."""
        tables = sorted(filter(_is_table, _globals(*nodes)), key=lambda s: (s.at.line, s.at.column))
        return "".join(f"{INDENT}{printer.initialized(table, table.value)};\n" for table in tables)

    def _global(self, printer: Printer, body: str) -> str:
        return f"__global__ void {self.name}({self._parameters(printer)}) {{\n{body}}}\n"

    def _parameters(self, printer: Printer) -> str:
        return ", ".join(_parameter(printer, symbol) for symbol in self.source.params)


_OPPOSITE = {"<": ">=", ">=": "<", ">": "<=", "<=": ">", "==": "!=", "!=": "=="}


def _negated(guard: Expr) -> Expr:
    """The condition that holds where a guard, which compares integers, does not."""
    if isinstance(guard, Binary) and guard.op in _OPPOSITE:
        return Binary(_OPPOSITE[guard.op], guard.left, guard.right, guard.type, at=guard.at)
    return Unary("!", guard, INT, at=guard.at)


def check_void(function: Function) -> None:
    """Raises NotOneKernel for a function that returns a value."""
    if not isinstance(function.returns, Void):
        raise NotOneKernel(f"a kernel cannot return the value of {function.name}", function)


def _parameter(printer: Printer, symbol: Symbol) -> str:
    """The parameter as the source has it; references and arrays with variable rows become pointers."""
    kind = symbol.type
    if variable_extents(kind) is not None or (isinstance(kind, Pointer) and kind.reference):
        const = "const " if isinstance(kind, Array | Pointer) and kind.const else ""
        return f"{const}{printer.type_name(element_type(kind))} *{symbol.name}"
    return printer.parameter(symbol)


def _joined(definitions: Sequence[str]) -> str:
    """Each definition once, with those of MuSL's own helpers that they call."""
    text = "\n".join(dict.fromkeys(definitions))
    helpers = [helper for name, helper in DEVICE_HELPERS.items() if re.search(rf"\b{name}\(", text)]
    return "\n".join([*helpers, text])


def _nodes(plan: Plan) -> Iterator[Node]:
    """Every statement and expression that the plan prints."""
    yield from plan.guards
    for node in each_node(plan.host):
        if isinstance(node, Run):
            yield node.stmt
        elif isinstance(node, Choose):
            yield node.cond
        elif isinstance(node, Launch):
            yield from node.kernel.body
        elif isinstance(node, Repeat):
            yield from head_of(node.loop)


def _is_table(symbol: Symbol) -> bool:
    """Whether a global is an array of constants."""
    return (
        isinstance(symbol.type, Array)
        and isinstance(symbol.value, InitList)
        and all(isinstance(n, InitList | Const | Unary | Cast) for n in walk(symbol.value))
    )


def _globals(*nodes: Node) -> set[Symbol]:
    return {symbol for symbol in symbols(*nodes) if symbol.kind == "global"}
