"""The text of the host side: the function on device memory, and the wrapper with the source's signature around it.

static float dot_on_device(const float *a, int n)     the source's statements; its parallel loops are launches
float dot(const float *a, int n)                      finds what is used, copies in, calls, copies out
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from translator.analytic.counters import INT
from translator.analytic.device_printer import FlatPrinter, variable_extents
from translator.analytic.ir import (
    Array,
    Binary,
    Block,
    Const,
    Declare,
    Expr,
    For,
    Function,
    Index,
    InitList,
    Loop,
    Pointer,
    Symbol,
    Void,
)
from translator.analytic.kernel_text import is_located, kernel_symbols, starts_from_value
from translator.analytic.launch_plan import Choose, HostNode, Kernel, Launch, Plan, Repeat, Run, Scope
from translator.analytic.normalize import trip_count
from translator.analytic.print_c import INDENT, Printer
from translator.analytic.scalars import Reduction
from translator.analytic.usage import Header, Touch, Usage, element_type
from translator.analytic.visit import root, substitute, symbols, walk

_BLOCKS = {1: (256,), 2: (32, 8), 3: (32, 4, 2)}  # threads along x, y, z
_MOST_BLOCKS = {1: (65535,), 2: (4096, 4096), 3: (1024, 1024, 1024)}
_MOST_PARTIALS = {1: (512,), 2: (32, 16), 3: (8, 8, 8)}  # fewer blocks where each gives a partial result
UNKNOWN_COUNT = "1 << 20"  # iterations, where only the device knows: the grid is as large as it may be


class HostPrinter(FlatPrinter):
    """Prints host statements of the function on device memory: an array element is read through `musl_read`."""

    def __init__(self, arrays: set[Symbol]) -> None:
        super().__init__()
        self.arrays = arrays

    def index(self, expr: Index) -> str:
        text = super().index(expr)
        return f"musl_read(&{text})" if root(expr) in self.arrays else text


@dataclass
class HostText:
    """Writes the host side of one plan."""

    plan: Plan
    usages: Sequence[Usage]
    guards: Sequence[Expr]

    @property
    def function(self) -> Function:
        return self.plan.function

    # ------------------------------------------------------------ the function on device memory

    def on_device(self) -> str:
        printer = HostPrinter(self._device_arrays())
        ranges = [f"const musl_range &{a.name}_used" for a in self._ordered()]
        parameters = ", ".join([*self._array_parameters(printer), *ranges, *self._scalar_parameters(printer)])
        body = self._nodes(self.plan.host, printer, 1)
        body = without_unused_scalars(body)
        kind = self._return_type(printer)
        return f"static {kind}{self.function.name}_on_device({parameters}) {{\n{body}}}\n"

    def _return_type(self, printer: Printer) -> str:
        if isinstance(self.function.returns, Void):
            return "void "
        return printer.declaration("", self.function.returns).rstrip() + " "

    def _device_arrays(self) -> set[Symbol]:
        found = {access.array for access in self.plan.table.accesses}
        return found | {s for s in self.function.params if isinstance(s.type, Pointer | Array)}

    def _array_parameters(self, printer: Printer) -> list[str]:
        return [device_declaration(printer, array) for array in self._arrays()]

    def _arrays(self) -> list[Symbol]:
        """Every array that lives outside the function, used or not (an unused pointer may still be compared with
        null)."""
        used = [usage.array for usage in self.usages]
        rest = [s for s in self.function.params if isinstance(s.type, Pointer | Array) and s not in used]
        return [*used, *rest]

    def _scalar_parameters(self, printer: Printer) -> list[str]:
        return [printer.declaration(s.name, s.type) for s in self._scalars()]

    def _ordered(self) -> list[Symbol]:
        """Arrays with ordered writes: their launches need to know how many elements there are."""
        found = {array for kernel in self.plan.kernels for array in kernel.ordered}
        return [usage.array for usage in self.usages if usage.array in found]

    def _scalars(self) -> list[Symbol]:
        return [s for s in self.function.params if not isinstance(s.type, Pointer | Array)]

    def _nodes(self, nodes: Sequence[HostNode], printer: HostPrinter, depth: int) -> str:
        if len(nodes) == 1 and isinstance(nodes[0], Launch) and depth > 1:  # the braces around it are enough
            return "".join(f"{INDENT * depth}{line}\n" for line in self._launch(nodes[0].kernel, printer))
        return "".join(self._node(node, printer, depth) for node in nodes)

    def _node(self, node: HostNode, printer: HostPrinter, depth: int) -> str:
        pad = INDENT * depth
        if isinstance(node, Run):
            return self._run(node, printer, depth)
        if isinstance(node, Launch):
            lines = "".join(f"{pad}{INDENT}{line}\n" for line in self._launch(node.kernel, printer))
            return f"{pad}{{\n{lines}{pad}}}\n"
        if isinstance(node, Scope):
            return f"{pad}{{\n{self._nodes(node.body, printer, depth + 1)}{pad}}}\n"
        if isinstance(node, Choose):
            text = f"{pad}if ({printer.expression(node.cond)}) {{\n{self._nodes(node.then, printer, depth + 1)}{pad}}}"
            if node.orelse:
                text += f" else {{\n{self._nodes(node.orelse, printer, depth + 1)}{pad}}}"
            return text + "\n"
        return self._repeat(node, printer, depth)

    def _run(self, node: Run, printer: HostPrinter, depth: int) -> str:
        stmt = node.stmt
        if isinstance(stmt, Declare) and isinstance(stmt.symbol.type, Array) and stmt.symbol in printer.arrays:
            return self._buffer(stmt, printer, depth)
        return printer.statement(stmt, depth)

    def _buffer(self, stmt: Declare, printer: HostPrinter, depth: int) -> str:
        """A local array that kernels use: device memory for the time of the call."""
        pad, name = INDENT * depth, stmt.symbol.name
        kind = stmt.symbol.type
        assert isinstance(kind, Array)
        element = printer.type_name(element_type(kind))
        count = " * ".join(printer.expression(e, 13) for e in kind.extents if e is not None)
        if isinstance(stmt.init, InitList):
            values = f"{pad}const {printer.declaration(name + '_values', kind)} = {printer.init_list(stmt.init)};\n"
            made = f"{pad}musl_buffer<{element}> {name}_memory({count}, (const {element} *){name}_values);\n"
        else:
            values, made = "", f"{pad}musl_buffer<{element}> {name}_memory({count});\n"
        declared = device_declaration(printer, stmt.symbol)
        cast = device_cast(printer, stmt.symbol)
        return f"{values}{made}{pad}{declared} = {cast}{name}_memory.data;\n"

    def _repeat(self, node: Repeat, printer: HostPrinter, depth: int) -> str:
        pad = INDENT * depth
        body = f"{{\n{self._nodes(node.body, printer, depth + 1)}{pad}}}"
        loop = node.loop
        if isinstance(loop, Loop):
            name, kind = loop.iterator.name, printer.scalar_name(loop.iterator.type)
            relation = ">" if loop.descending else "<"
            test = f"{name} {relation} {printer.expression(loop.upper, 11)}"
            head = f"{kind} {name} = {printer.expression(loop.lower)}; {test}"
            return f"{pad}for ({head}; {printer.loop_step(name, loop)}) {body}\n"
        if isinstance(loop, For):
            return f"{pad}{printer.for_header(loop)} {body}\n"
        cond = printer.expression(loop.cond)
        return f"{pad}do {body} while ({cond});\n" if loop.test_last else f"{pad}while ({cond}) {body}\n"

    # ------------------------------------------------------------ launches

    def _launch(self, kernel: Kernel, printer: HostPrinter) -> list[str]:
        lines = [f"const dim3 block({self._block(kernel)}), grid({self._grid(kernel, printer)});"]
        arrays, scalars = kernel_symbols(kernel)
        arguments = (
            [a.name for a in arrays] + [f"{a.name}_last.data" for a in kernel.ordered] + [s.name for s in scalars]
        )
        gives = bool(kernel.reductions or kernel.results)
        if gives:
            lines.append(f"musl_buffer<{kernel.name}_result> results((size_t)grid.x * grid.y * grid.z);")
            arguments.append("results.data")
        called = ", ".join(arguments)
        if kernel.ordered:
            for array in kernel.ordered:
                lines.append(f"musl_ordered {array.name}_last({array.name}_used);")
            lines.append(f"{kernel.name}_order<<<grid, block>>>({called});")
            lines.append("MUSL_CHECK(cudaGetLastError());")
        lines.append(f"{kernel.name}<<<grid, block>>>({called});")
        lines.append("MUSL_CHECK(cudaGetLastError());")
        if gives:
            lines += self._collect(kernel)
        return lines

    def _block(self, kernel: Kernel) -> str:
        return ", ".join(str(n) for n in _BLOCKS[len(kernel.grid)]) if kernel.grid else "1"

    def _grid(self, kernel: Kernel, printer: HostPrinter) -> str:
        if not kernel.grid:
            return "1"
        rank = len(kernel.grid)
        most = (_MOST_PARTIALS if kernel.reductions else _MOST_BLOCKS)[rank]
        counts = []
        by_axis = sorted(zip(kernel.axes, kernel.grid, strict=True), key=lambda pair: pair[0])
        for (axis, loop), limit in zip(by_axis, most, strict=True):
            counts.append(f"musl_blocks({self._count(kernel, loop, printer)}, block.{axis}, {limit})")
        return ", ".join(counts)

    def _count(self, kernel: Kernel, loop: Loop, printer: HostPrinter) -> str:
        """The iterations of a grid loop (the most there can be, where they depend on an outer one)."""
        count = trip_count(widest(loop, kernel.grid))
        inside = {n.iterator for n in walk(*kernel.body) if isinstance(n, Loop)} | set(kernel.private)
        inside |= {n.symbol for n in walk(*kernel.body) if isinstance(n, Declare)}
        if symbols(count) & inside or any(isinstance(n, Index) for n in walk(count)):
            return UNKNOWN_COUNT
        return printer.expression(count)

    def _collect(self, kernel: Kernel) -> list[str]:
        """Bring the blocks' results together, in the order of the blocks."""
        lines = [f"std::vector<{kernel.name}_result> parts = results.to_host();"]
        if kernel.reductions:
            lines.append(f"for (size_t i = 1; i < parts.size(); i++) {kernel.name}_combine(parts[0], parts[i]);")
        for reduction in kernel.reductions:
            lines.append(_final(reduction))
        lines += [f"{s.name} = parts[0].{s.name};" for s in kernel.results]
        return lines

    # ------------------------------------------------------------ the wrapper

    def wrapper(self) -> str:
        printer = FlatPrinter()
        head = signature(printer, self.function)
        lines: list[str] = []
        lines += self._ranges(printer)
        lines += self._sequential_path(printer)
        lines += self._copies_in(printer)
        lines += self._call(printer)
        body = "".join(f"{INDENT}{line}\n" if line else "\n" for line in lines)
        return f"{head} {{\n{body}}}\n"

    def _ranges(self, printer: Printer) -> list[str]:
        """Lines that find the used elements of each array."""
        if not self.usages:
            return []
        names = ", ".join(f"{u.array.name}_used = {{0, 0}}" for u in self.usages)
        lines = [f"musl_range {names};  // the elements that the loops use"]
        possible = [u for u in self.usages if u.possible]
        if possible:
            names = ", ".join(f"{u.array.name}_possible = {{0, 0}}" for u in possible)
            lines.append(f"musl_range {names};  // what they may use, by conditions that only they know")
        lines += self._grouped(printer, [t for u in self.usages for t in u.touches], "used")
        return lines + self._grouped(printer, [t for u in possible for t in u.possible], "possible")

    def _grouped(self, printer: Printer, touches: Sequence[Touch], suffix: str) -> list[str]:
        """The touches, those under the same loops and conditions together."""
        merged: list[tuple[tuple[Header, ...], list[Touch]]] = []
        for touch in touches:
            group = next((g for h, g in merged if h == touch.headers), None)
            if group is None:
                merged.append((touch.headers, [touch]))
            elif not any((t.array, t.low, t.high) == (touch.array, touch.low, touch.high) for t in group):
                group.append(touch)
        return [line for headers, group in merged for line in self._touches(printer, headers, group, suffix)]

    def _touches(self, printer: Printer, headers: Sequence[Header], touches: Sequence[Touch], suffix: str) -> list[str]:
        lines: list[str] = []
        depth = 0
        for header in _joined(headers):
            if header.loop is not None:
                text = printer.loop(_declaring(header.loop), 0).split("{", 1)[0].rstrip()
            else:
                assert header.cond is not None
                text = f"if ({printer.expression(header.cond)})"
            lines.append(f"{INDENT * depth}{text} {{")
            depth += 1
        for touch in touches:
            low, high = printer.expression(touch.low), printer.expression(touch.high)
            lines.append(f"{INDENT * depth}{touch.array.name}_{suffix}.add({low}, {high});")
        for level, header in reversed(list(enumerate(_joined(headers)))):
            lines += [f"{INDENT * (level + 1)}if ({printer.expression(c)}) break;" for c in header.breaks]
            lines.append(f"{INDENT * level}}}")
        return lines

    def _sequential_path(self, printer: Printer) -> list[str]:
        """Where the parallel path does not apply: guards, overlapping arrays, or nothing to do."""
        tests: list[str] = []
        if self.usages:
            tests.append(" && ".join(f"{u.array.name}_used.empty()" for u in self.usages))
        for guard in self.guards:
            tests.append(f"!({printer.expression(guard)})")
        tests += [f"!{u.array.name}_used.covers({u.array.name}_possible)" for u in self.usages if u.possible]
        for position, usage in enumerate(self.usages):
            for other in self.usages[position + 1 :]:
                if usage.writes or other.writes:
                    tests.append(
                        f"musl_overlap({_range_arguments(printer, usage)}, {_range_arguments(printer, other)})"
                    )
        if len(tests) > 1 and len(self.usages) > 1:
            tests[0] = f"({tests[0]})"
        arguments = ", ".join(s.name for s in self.function.params)
        call = f"{self.function.name}_sequential({arguments});"
        if isinstance(self.function.returns, Void):
            lines = [f"{INDENT}{call}", f"{INDENT}return;"]
        else:
            lines = [f"{INDENT}return {call}"]
        joined = (" ||\n" + INDENT * 2).join(tests)
        return [f"if ({joined}) {{  // the sequential path", *lines, "}"] if tests else []

    def _copies_in(self, printer: Printer) -> list[str]:
        lines = []
        for usage in self.usages:
            name, copy = usage.array.name, "true" if usage.copy_in else "false"
            host = host_pointer(printer, usage)
            lines.append(f"auto d_{name} = musl_upload({host}, {name}_used, {copy});")
        return lines

    def _call(self, printer: Printer) -> list[str]:
        used = {u.array: u for u in self.usages}
        arguments = [
            f"{device_cast(printer, a)}d_{a.name}" if a in used else f"({_element(printer, a)} *){a.name}"
            for a in self._arrays()
        ]
        arguments += [f"{a.name}_used" for a in self._ordered()]
        arguments += [s.name for s in self._scalars()]
        call = f"{self.function.name}_on_device({', '.join(arguments)});"
        returns = not isinstance(self.function.returns, Void)
        lines = [f"{self._return_type(printer)}result = {call}" if returns else call]
        for usage in self.usages:
            if usage.writes:
                lines.append(
                    f"musl_download({host_pointer(printer, usage)}, d_{usage.array.name}, {usage.array.name}_used);"
                )
        lines += [f"musl_release(d_{u.array.name}, {u.array.name}_used);" for u in self.usages]
        return [*lines, "return result;"] if returns else lines


def _joined(headers: Sequence[Header]) -> list[Header]:
    """Neighbouring conditions as one."""
    result: list[Header] = []
    for header in headers:
        previous = result[-1].cond if result else None
        if header.cond is not None and previous is not None:
            both = Binary("&&", previous, header.cond, INT, at=header.cond.at)
            result[-1] = Header(cond=both)
        else:
            result.append(header)
    return result


def _range_arguments(printer: Printer, usage: Usage) -> str:
    return f"{host_pointer(printer, usage)}, {usage.array.name}_used"


def _element(printer: Printer, array: Symbol) -> str:
    return printer.type_name(element_type(array.type))


def host_pointer(printer: Printer, usage: Usage) -> str:
    """The caller's array as a pointer to what the range counts: elements, or bytes."""
    array = usage.array
    name = f"&{array.name}" if isinstance(array.type, Pointer) and array.type.reference else array.name
    if usage.in_bytes:
        return f"(char *){name}"
    const = isinstance(array.type, Pointer | Array) and array.type.const
    nested = (isinstance(array.type, Array) and len(array.type.extents) > 1) or (
        isinstance(array.type, Pointer) and isinstance(array.type.to, Array)
    )
    if const or nested:
        return f"({_element(printer, array)} *){name}"
    return name


def device_declaration(printer: Printer, array: Symbol) -> str:
    inner = _fixed_inner(array)
    if inner:
        return f"{_element(printer, array)} (*{array.name})" + "".join(f"[{printer.expression(e)}]" for e in inner)
    return f"{_element(printer, array)} *{array.name}"


def device_cast(printer: Printer, array: Symbol) -> str:
    inner = _fixed_inner(array)
    extents = "".join(f"[{printer.expression(e)}]" for e in inner)
    return f"({_element(printer, array)} (*){extents})" if inner else f"({_element(printer, array)} *)"


def _fixed_inner(array: Symbol) -> list[Expr]:
    kind = array.type
    if variable_extents(kind) is not None:
        return []
    if isinstance(kind, Array):
        return [e for e in kind.extents[1:] if e is not None]
    if isinstance(kind, Pointer) and isinstance(kind.to, Array):
        return [e for e in kind.to.extents if e is not None]
    return []


def signature(printer: Printer, function: Function, name: str = "") -> str:
    """The source's signature; an array whose inner extents are variables becomes a pointer (C++ has no such type)."""
    parameters = []
    for symbol in function.params:
        if variable_extents(symbol.type) is not None:
            const = "const " if isinstance(symbol.type, Array | Pointer) and symbol.type.const else ""
            parameters.append(f"{const}{_element(printer, symbol)} *{symbol.name}")
        else:
            parameters.append(printer.parameter(symbol))
    kind = "void" if isinstance(function.returns, Void) else printer.declaration("", function.returns).rstrip()
    static = "static " if function.is_static or name else ""
    return f"{static}{kind} {name or function.name}({', '.join(parameters)})"


def _declaring(loop: Loop) -> Loop:
    import dataclasses

    return dataclasses.replace(loop, declares=True, body=Block((), at=loop.at))


def widest(loop: Loop, grid: Sequence[Loop]) -> Loop:
    """The loop with outer grid counters in its bounds replaced so that it has the most iterations."""
    import dataclasses

    lower, upper = loop.lower, loop.upper
    for outer in reversed(grid):
        if outer is loop:
            continue
        last: Expr = Binary(
            "+" if outer.descending else "-", outer.upper, Const("1", 1, INT, at=loop.at), INT, at=loop.at
        )
        low, high = (last, outer.lower) if outer.descending else (outer.lower, last)
        if loop.descending:
            low, high = high, low
        lower, upper = substitute(lower, {outer.iterator: low}), substitute(upper, {outer.iterator: high})
    return dataclasses.replace(loop, lower=lower, upper=upper)


def _final(reduction: Reduction) -> str:
    name = reduction.symbol.name
    if is_located(reduction):
        sets = " ".join(f"{s.name} = parts[0].{s.name};" for s in (reduction.symbol, *reduction.payload))
        return f"if (parts[0].{name}_found) {{ {sets} }}"
    if starts_from_value(reduction):
        return f"{name} = parts[0].{name};"
    return f"{name} = {name} {reduction.op} parts[0].{name};"


def without_unused_scalars(body: str) -> str:
    """The text without declarations of scalars that nothing names (each thread has its own)."""
    lines = body.splitlines(keepends=True)
    kept = []
    for line in lines:
        match = re.fullmatch(r"\s*[A-Za-z_][\w ]*[ *](\w+)(?: = [^(){};=]*)?;\n", line)
        if match and not line.strip().startswith("return") and len(re.findall(rf"\b{match[1]}\b", body)) == 1:
            continue
        kept.append(line)
    return "".join(kept)
