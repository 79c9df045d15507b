"""The text of a kernel: grid-stride loops around the source's own statements."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from translator.analytic.accesses import AccessTable
from translator.analytic.device_printer import DevicePrinter, variable_extents
from translator.analytic.ir import (
    Array,
    Assign,
    Binary,
    Const,
    Function,
    Index,
    Location,
    Loop,
    Node,
    Pointer,
    Scalar,
    Stmt,
    Symbol,
    Var,
)
from translator.analytic.launch_plan import Kernel
from translator.analytic.places import element_size
from translator.analytic.print_c import INDENT, Printer
from translator.analytic.scalars import Reduction
from translator.analytic.usage import element_type
from translator.analytic.visit import declared, walk

MAX_THREADS = 256  # of a block; the shared arrays of reductions have this many elements
_ATOMICS = {
    "min=": "atomicMin",
    "max=": "atomicMax",
    "+=": "atomicAdd",
    "-=": "atomicAdd",
    "&=": "atomicAnd",
    "|=": "atomicOr",
    "^=": "atomicXor",
}


class KernelPrinter(DevicePrinter):
    """Prints the body of one kernel. `collecting` prints the first pass of ordered writes: only who writes last is
    recorded."""

    def __init__(
        self,
        kernel: Kernel,
        table: AccessTable,
        names: Mapping[str, str],
        replacements: Mapping[Symbol, str] | None = None,
        *,
        collecting: bool = False,
    ) -> None:
        super().__init__(names, replacements)
        self.kernel = kernel
        self.table = table
        self.collecting = collecting
        self.located = {r.symbol: r for r in kernel.reductions if r.op == "last" or r.op.startswith("arg")}
        self.located |= {p: r for r in kernel.reductions for p in r.payload}

    def axis(self, loop: Loop) -> str:
        """The grid axis of a grid loop."""
        return next(axis for axis, each in zip(self.kernel.axes, self.kernel.grid, strict=True) if each is loop)

    def is_shared(self, loop: Loop) -> bool:
        """Whether the threads share the iterations of a loop."""
        return any(each is loop for each in self.kernel.grid)

    def position(self, axis: str) -> tuple[str, str]:
        """(the number of the thread along a grid axis, how many threads there are)."""
        return f"blockIdx.{axis} * blockDim.{axis} + threadIdx.{axis}", f"gridDim.{axis} * blockDim.{axis}"

    def loop(self, stmt: Loop, depth: int) -> str:
        head = self.shared_head(stmt) if self.is_shared(stmt) else self.plain_head(stmt)
        return f"{INDENT * depth}for ({head}) {self.braced(stmt.body, depth)}\n"

    def plain_head(self, stmt: Loop) -> str:
        """The head of a loop that one thread runs in order."""
        name, kind = stmt.iterator.name, self.scalar_name(stmt.iterator.type)
        last, relation = self.bound(stmt)
        return f"{kind} {name} = {self.expression(stmt.lower)}; {name} {relation} {last}; {self.loop_step(name, stmt)}"

    def bound(self, stmt: Loop) -> tuple[str, str]:
        upper, relation = stmt.upper, ">" if stmt.descending else "<"
        closing = "-" if stmt.descending else "+"
        if (
            isinstance(upper, Binary)
            and upper.op == closing
            and isinstance(upper.right, Const)
            and upper.right.value == 1
        ):
            return self.expression(upper.left, 11), relation + "="
        if stmt.descending and isinstance(upper, Const) and upper.value == -1:
            return "0", ">="
        return self.expression(upper, 11), relation

    def shared_head(self, stmt: Loop) -> str:
        """The head of a loop whose iterations the threads share: each strides over them. There may be more threads than
        a counter narrower than int can number."""
        name, kind = stmt.iterator.name, self.scalar_name(stmt.iterator.type)
        if (element_size(stmt.iterator.type) or 4) < 4:
            kind = "int"
        last, relation = self.bound(stmt)
        place, threads = self.position(self.axis(stmt))
        wide = isinstance(stmt.iterator.type, Scalar) and "long" in stmt.iterator.type.name
        cast = f"({kind})" if wide or stmt.descending else ""
        thread, stride = f"{cast}{place}", threads
        if stmt.descending or wide:
            stride = f"({kind})({threads})" if stmt.descending else f"{cast}{threads}"
        step = self.expression(stmt.step, 14)
        if not (isinstance(stmt.step, Const) and stmt.step.value == 1):
            thread, stride = f"({thread}) * {step}", f"{stride} * {step}"
        sign = "-" if stmt.descending else "+"
        start = thread
        if stmt.descending or not (isinstance(stmt.lower, Const) and stmt.lower.value == 0):
            shown = f"({thread})" if stmt.descending else thread
            start = f"{self.expression(stmt.lower, 12)} {sign} {shown}"
        return f"{kind} {name} = {start}; {name} {relation} {last}; {name} {sign}= {stride}"

    def assignment(self, stmt: Assign) -> str:
        if id(stmt) in self.kernel.atomic:
            return self.atomic(stmt)
        text = super().assignment(stmt)
        if isinstance(stmt.target, Var) and stmt.target.symbol in self.located:
            reduction = self.located[stmt.target.symbol]
            if stmt.target.symbol is reduction.symbol:
                return f"{text}, {reduction.symbol.name}_at = {self.order()}, {reduction.symbol.name}_found = 1"
        return text

    def statement(self, stmt: Stmt, depth: int = 0) -> str:
        array = self.ordered_array(stmt)
        if isinstance(stmt, Assign) and isinstance(stmt.target, Index):
            if array is not None:
                return self.ordered(stmt, array, depth)
            if self.collecting:
                return ""
        return super().statement(stmt, depth)

    def ordered_array(self, stmt: Node) -> Symbol | None:
        for access in self.table.accesses:
            if access.stmt is stmt and access.is_write and access.array in self.kernel.ordered:
                return access.array
        return None

    def order(self) -> str:
        """The number of the iteration, counted from 0 in the source's order."""
        loop = self.kernel.grid[0]
        name, lower = loop.iterator.name, self.expression(loop.lower, 13)
        if loop.descending:
            return f"(long long){lower} - {name}"
        return f"(long long){name}" if lower == "0" else f"(long long){name} - {lower}"

    def ordered(self, stmt: Assign, array: Symbol, depth: int) -> str:
        """Of all iterations that write an element, the last one in the source's order wins."""
        assert isinstance(stmt.target, Index)
        pad = INDENT * depth
        place = f"{array.name}_last[{self.expression(stmt.target.subscripts[0])}]"
        order = f"(unsigned long long)({self.order()} + 1)"
        if self.collecting:
            return f"{pad}atomicMax(&{place}, {order});\n"
        return f"{pad}if ({place} == {order}) {super().assignment(stmt)};\n"

    def atomic(self, stmt: Assign) -> str:
        target, value = self.expression(stmt.target), self.expression(stmt.value)
        kind = stmt.target.type
        assert isinstance(kind, Scalar)
        if stmt.op == "-=":
            value = f"-{self.expression(stmt.value, 14)}"
        if stmt.op in ("min=", "max="):
            spelled = "unsigned long long" if kind.is_unsigned else "long long"
            if "long" in kind.name:
                return f"{_ATOMICS[stmt.op]}(({spelled} *)&{target}, ({spelled})({value}))"
        elif "long" in kind.name:
            return f"{_ATOMICS[stmt.op]}((unsigned long long *)&{target}, (unsigned long long)({value}))"
        if isinstance(stmt.value.type, Scalar) and stmt.value.type.name != kind.name:
            value = f"({kind.name})({value})"
        return f"{_ATOMICS[stmt.op]}(&{target}, {value})"


# ---------------------------------------------------------------- signatures


def kernel_symbols(kernel: Kernel) -> tuple[list[Symbol], list[Symbol]]:
    """(arrays, scalars) that the kernel takes, by first appearance."""
    local = declared(*kernel.body) | set(kernel.private)
    started = {r.symbol for r in kernel.reductions if not starts_from_value(r)}
    payload = {p for r in kernel.reductions for p in r.payload}
    arrays: list[Symbol] = []
    scalars: list[Symbol] = []

    def meet(*nodes: Node) -> None:
        for node in walk(*nodes):
            if not isinstance(node, Var):
                continue
            symbol = node.symbol
            if symbol in local or symbol in arrays or symbol in scalars:
                continue
            if symbol in started or symbol in payload:
                continue
            if isinstance(symbol.type, Pointer | Array):
                arrays.append(symbol)
                meet(*(variable_extents(symbol.type) or ()))
            else:
                scalars.append(symbol)

    meet(*kernel.body)
    return arrays, scalars


def starts_from_value(reduction: Reduction) -> bool:
    """Whether each thread starts from the scalar's own value (extrema), not from the operation's neutral element."""
    return reduction.op in ("min", "max", "argmin", "argmax")


def array_parameter(printer: Printer, symbol: Symbol, *, const: bool, restrict: bool) -> str:
    """`const float *__restrict__ a`, `double (*__restrict__ a)[64]`."""
    qualifier = "__restrict__ " if restrict else ""
    kind = symbol.type
    constant = "const " if const else ""
    inner = kind.extents[1:] if isinstance(kind, Array) else ()
    if isinstance(kind, Pointer) and isinstance(kind.to, Array):
        inner = kind.to.extents
    element = printer.type_name(element_type(kind))
    if inner and variable_extents(kind) is None:
        extents = "".join(f"[{printer.expression(e)}]" for e in inner if e is not None)
        return f"{constant}{element} (*{qualifier}{symbol.name}){extents}"
    return f"{constant}{element} *{qualifier}{symbol.name}"


def identity(reduction: Reduction) -> str:
    """The neutral element that each thread starts from."""
    values = {"+": "0", "*": "1", "&": "~0", "|": "0", "^": "0", "&&": "1", "||": "0", "last": "0"}
    return values[reduction.op]


def partial_struct(kernel: Kernel, printer: Printer) -> str:
    """The struct that a block (or a serial kernel) gives back to the host."""
    lines = [f"struct {kernel.name}_result {{\n"]
    for reduction in kernel.reductions:
        for symbol in (reduction.symbol, *reduction.payload):
            lines.append(f"{INDENT}{printer.declaration(symbol.name, symbol.type)};\n")
        if is_located(reduction):
            lines.append(f"{INDENT}long long {reduction.symbol.name}_at;\n{INDENT}int {reduction.symbol.name}_found;\n")
    for symbol in kernel.results:
        lines.append(f"{INDENT}{printer.declaration(symbol.name, symbol.type)};\n")
    return "".join([*lines, "};\n"])


def is_located(reduction: Reduction) -> bool:
    return reduction.op == "last" or reduction.op.startswith("arg")


def combine_function(kernel: Kernel) -> str:
    """Merges what two blocks or threads found; used on the device and, for the last step, on the host."""
    struct = f"{kernel.name}_result"
    head = f"static inline __host__ __device__ void {kernel.name}_combine({struct} &a, const {struct} &b) {{\n"
    lines = "".join(f"{INDENT}{line}\n" for r in kernel.reductions for line in _combine_lines(r))
    return f"{head}{lines}}}\n"


def _combine_lines(reduction: Reduction) -> list[str]:
    name = reduction.symbol.name
    if is_located(reduction):
        better = wins(reduction, "a.{}".format, "b.{}".format)
        copies = " ".join(f"a.{s.name} = b.{s.name};" for s in (reduction.symbol, *reduction.payload))
        return [
            f"if (b.{name}_found && (!a.{name}_found || {better})) {{"
            f" {copies} a.{name}_at = b.{name}_at; a.{name}_found = 1; }}"
        ]
    if reduction.call:
        return [f"a.{name} = {reduction.call}(a.{name}, b.{name});"]
    if reduction.op in ("min", "max"):
        sign = "<" if reduction.op == "min" else ">"
        return [f"if (b.{name} {sign} a.{name}) a.{name} = b.{name};"]
    return [f"a.{name} = a.{name} {reduction.op} b.{name};"]


def wins(reduction: Reduction, mine: Callable[[str], str], other: Callable[[str], str]) -> str:
    """The condition under which the other's find replaces mine; both give the text of a field by its name."""
    name = reduction.symbol.name
    at = f"{name}_at"
    if reduction.op == "last":
        return f"{other(at)} > {mine(at)}"
    sign = "<" if reduction.op == "argmin" else ">"
    tie = "<" if reduction.strict else ">"
    equal = f"{other(name)} == {mine(name)} && {other(at)} {tie} {mine(at)}"
    return f"{other(name)} {sign} {mine(name)} || ({equal})"


# ---------------------------------------------------------------- whole kernels


def kernel_text(
    kernel: Kernel, function: Function, table: AccessTable, names: Mapping[str, str], *, restrict: bool
) -> str:
    """The definitions of one kernel: its result struct and combine function where it has one, and the `__global__`
    function."""
    printer = KernelPrinter(kernel, table, names)
    parts: list[str] = []
    if kernel.reductions or kernel.results:
        parts.append(partial_struct(kernel, printer))
    if kernel.reductions:
        parts.append(combine_function(kernel))
    if kernel.ordered:
        collect = KernelPrinter(kernel, table, names, collecting=True)
        parts.append(_global(kernel, function, collect, restrict, f"{kernel.name}_order"))
    parts.append(_global(kernel, function, printer, restrict, kernel.name))
    return "\n".join(parts)


def _global(kernel: Kernel, function: Function, printer: KernelPrinter, restrict: bool, name: str) -> str:
    parameters = ", ".join(kernel_parameters(kernel, printer, restrict))
    comment = _comment(kernel, function)
    body = "".join(
        [
            _declarations(kernel, printer),
            printer.statements(kernel.body, 1),
            _reduce_block(kernel),
            _give_results(kernel),
        ]
    )
    return f"{comment}__global__ void {name}({parameters}) {{\n{body}}}\n"


def _comment(kernel: Kernel, function: Function) -> str:
    def line(at: Location) -> str:
        return f"line {at.line}"

    if kernel.grid:
        loops = ", ".join(f"{each.iterator.name} ({line(each.at)})" for each in kernel.grid)
        return f"// {function.name}: parallel over {loops}\n"
    return f"// {function.name}, {line(kernel.at)}: in order, by one thread\n"


def kernel_parameters(kernel: Kernel, printer: Printer, restrict: bool) -> list[str]:
    arrays, scalars = kernel_symbols(kernel)
    written = written_arrays(kernel, arrays)
    result = [array_parameter(printer, a, const=a not in written, restrict=restrict) for a in arrays]
    result += [f"unsigned long long *{array.name}_last" for array in kernel.ordered]
    result += [printer.declaration(s.name, s.type) for s in scalars]
    if kernel.reductions or kernel.results:
        result.append(f"{kernel.name}_result *result")
    return result


def written_arrays(kernel: Kernel, arrays: Sequence[Symbol]) -> set[Symbol]:
    from translator.analytic.visit import root

    targets = {root(n.target) for n in walk(*kernel.body) if isinstance(n, Assign)}
    aliased = any(isinstance(s.type, Pointer) for s in declared(*kernel.body))
    return set(arrays) if aliased else {a for a in arrays if a in targets}


def _declarations(kernel: Kernel, printer: KernelPrinter) -> str:
    lines: list[str] = []
    for symbol in kernel.private:
        lines.append(f"{INDENT}{printer.declaration(symbol.name, symbol.type)};\n")
    for reduction in kernel.reductions:
        symbol = reduction.symbol
        if not starts_from_value(reduction):
            start = identity(reduction)
            lines.append(f"{INDENT}{printer.declaration(symbol.name, symbol.type)} = {start};\n")
        lines += [f"{INDENT}{printer.declaration(p.name, p.type)} = 0;\n" for p in reduction.payload]
        if is_located(reduction):
            lines.append(f"{INDENT}long long {symbol.name}_at = 0;\n{INDENT}int {symbol.name}_found = 0;\n")
    if kernel.reductions:
        lines.insert(0, f"{INDENT}__shared__ {kernel.name}_result shared[{MAX_THREADS}];\n")
    return "".join(lines)


def _reduce_block(kernel: Kernel) -> str:
    if not kernel.reductions:
        return ""
    fields: list[str] = []
    for reduction in kernel.reductions:
        fields += [s.name for s in (reduction.symbol, *reduction.payload)]
        if is_located(reduction):
            fields += [f"{reduction.symbol.name}_at", f"{reduction.symbol.name}_found"]
    stores = "".join(f"{INDENT}shared[thread].{f} = {f};\n" for f in fields)
    combine = f"{kernel.name}_combine(shared[thread], shared[thread + (width + 1) / 2])"
    block = "(blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x"
    return (
        f"\n{INDENT}// Combine the threads of the block pairwise, in an order that does not depend on timing.\n"
        f"{INDENT}const int thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;\n"
        f"{stores}{INDENT}__syncthreads();\n"
        f"{INDENT}for (int width = blockDim.x * blockDim.y * blockDim.z; width > 1; width = (width + 1) / 2) {{\n"
        f"{INDENT * 2}if (thread < width / 2) {combine};\n"
        f"{INDENT * 2}__syncthreads();\n"
        f"{INDENT}}}\n"
        f"{INDENT}if (thread == 0) result[{block}] = shared[0];\n"
    )


def _give_results(kernel: Kernel) -> str:
    return "".join(f"{INDENT}result->{s.name} = {s.name};\n" for s in kernel.results)
