"""The host nodes of a plan as statements of one kernel, and where its threads have to wait for each other.

`Phases` walks the nodes in order. What the host would compute, every thread computes for itself; a launch becomes a
phase, in which the threads share the iterations. Two subclasses say how: over the whole grid, where no thread can wait
for another, or over the threads of one block, with `__syncthreads()` between phases that use the same arrays.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from translator.analytic.ir import (
    Array,
    Break,
    Continue,
    Declare,
    For,
    Index,
    InitList,
    Loop,
    Node,
    Stmt,
    Symbol,
    While,
)
from translator.analytic.kernel_text import KernelPrinter
from translator.analytic.launch_plan import Choose, HostNode, Kernel, Launch, Plan, Repeat, Run, Scope, head_of
from translator.analytic.print_c import INDENT
from translator.analytic.visit import assigned_scalars, declared, escapes, only_counters, root, symbols, walk

AXES = "xyz"


def thread_sum(axes: str = AXES) -> str:
    """`blockIdx.y + blockIdx.z + threadIdx.y + threadIdx.z`: 0 only for the threads that are first along all axes."""
    return " + ".join(f"{index}.{axis}" for index in ("blockIdx", "threadIdx") for axis in axes)


class NotInPhases(Exception):
    """The plan needs more than this way of sharing the work offers. The message says what."""


@dataclass
class Uses:
    """The arrays (or shared variables, by name) that a piece of program reads and writes."""

    reads: set[Symbol | str] = field(default_factory=set)
    writes: set[Symbol | str] = field(default_factory=set)

    def conflicts(self, later: Uses) -> bool:
        """Whether what comes later has to wait for this."""
        return bool(self.writes & (later.reads | later.writes) or self.reads & later.writes)

    def joined(self, other: Uses) -> Uses:
        return Uses(self.reads | other.reads, self.writes | other.writes)


class Names:
    """Names for what the kernel adds; none is one of the function's own."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)

    def fresh(self, wanted: str) -> str:
        """`wanted`, with underscores behind it where the function uses it itself."""
        while wanted in self._taken:
            wanted += "_"
        self._taken.add(wanted)
        return wanted


class Phases(ABC):
    """Prints the nodes of `plan`. `spread` collects the kernels whose iterations the threads share."""

    def __init__(self, plan: Plan, device_names: Mapping[str, str], constants: Mapping[Symbol, str]) -> None:
        self.plan = plan
        self.device_names = device_names
        self.constants = constants
        self.printer = self._in_order(Kernel("host", plan.function.at, ()))
        self.spread: list[Kernel] = []
        self.names = Names(s.name for s in _all_symbols(plan))
        self._only_counters = only_counters(plan.function.body)
        self._pending = Uses()  # since the threads last waited for each other
        swapped = plan.table.swapped_arrays
        self._exchanged: set[Symbol | str] = {*swapped, *swapped.values()}

    # ------------------------------------------------------------ what the ways of sharing differ in

    @abstractmethod
    def prologue(self) -> str:
        """The statements before all others, once `text` has been asked for."""

    def alone(self) -> str:
        """What makes one thread run all iterations, two levels deep, where the loops turn out to depend on each other;
        empty where this way of sharing cannot."""
        return ""

    @abstractmethod
    def barrier(self) -> str:
        """The statement at which all threads wait for each other."""

    @abstractmethod
    def first_thread(self) -> str:
        """The condition that holds for one thread alone."""

    @abstractmethod
    def kernel_printer(self, kernel: Kernel) -> KernelPrinter:
        """Prints the loops of `kernel`, the shared ones so that each iteration is one thread's."""

    @abstractmethod
    def reduction(self, kernel: Kernel, depth: int) -> str:
        """A phase whose threads find one result together."""

    @abstractmethod
    def giving_back(self, kernel: Kernel, results: Sequence[Symbol], depth: int) -> str:
        """Statements that one thread runs, and scalars that all know afterwards."""

    @abstractmethod
    def local_array(self, stmt: Declare, depth: int) -> str:
        """A local array of the function that phases write."""

    # ------------------------------------------------------------ nodes

    def text(self) -> str:
        """All statements, one level deep."""
        return self.nodes(self.plan.host, 1)

    def nodes(self, nodes: Sequence[HostNode], depth: int) -> str:
        return "".join(self._node(node, depth) for node in nodes)

    def _node(self, node: HostNode, depth: int) -> str:
        pad = INDENT * depth
        if isinstance(node, Run):
            return self._run(node.stmt, depth)
        if isinstance(node, Launch):
            return self._launch(node.kernel, depth)
        if isinstance(node, Scope):
            return f"{pad}{{\n{self.nodes(node.body, depth + 1)}{pad}}}\n"
        if isinstance(node, Choose):
            return self._choose(node, depth)
        return self._repeat(node, depth)

    def _run(self, stmt: Stmt, depth: int) -> str:
        if isinstance(stmt, Declare) and stmt.init is None and stmt.symbol in self._only_counters:
            return ""  # each loop declares its counter itself
        waits = self.wait_for(self.uses(stmt), depth)
        if isinstance(stmt, Declare) and isinstance(stmt.symbol.type, Array) and not self._is_table(stmt):
            return waits + self.local_array(stmt, depth)
        return waits + self.printer.statement(stmt, depth)

    def _is_table(self, stmt: Declare) -> bool:
        """Whether nothing but its initializer writes a local array: then each thread has its own."""
        written = any(a.array is stmt.symbol and a.is_write for a in self.plan.table.accesses)
        return isinstance(stmt.init, InitList) and not written

    def _choose(self, node: Choose, depth: int) -> str:
        pad = INDENT * depth
        text = self.wait_for(self.uses(node.cond), depth)
        before = self._pending
        text += f"{pad}if ({self.printer.expression(node.cond)}) {{\n{self.nodes(node.then, depth + 1)}{pad}}}"
        after, self._pending = self._pending, before
        if node.orelse:
            text += f" else {{\n{self.nodes(node.orelse, depth + 1)}{pad}}}"
        self._pending = self._pending.joined(after)
        return text + "\n"

    def _repeat(self, node: Repeat, depth: int) -> str:
        """A sequential loop around phases: after each iteration all wait, so that its head and its next iteration find
        what the last one wrote."""
        pad, loop = INDENT * depth, node.loop
        head = self.uses(*head_of(loop))
        whole = self.uses(loop)
        text = self.wait_for(head, depth)
        before = self._pending
        if whole.writes and escapes(loop.body, (Continue,)) is not None:
            raise NotInPhases("an iteration that ends early would not wait for the others")
        body = self.nodes(node.body, depth + 1)
        if whole.writes:
            body += self._wait(depth + 1)
        self._pending = self._pending.joined(before).joined(whole if escapes(loop.body, (Break,)) else head)
        return text + self._loop_text(loop, f"{{\n{body}{pad}}}", pad)

    def _loop_text(self, loop: Loop | For | While, body: str, pad: str) -> str:
        if isinstance(loop, Loop):
            return f"{pad}for ({self.printer.plain_head(loop)}) {body}\n"
        if isinstance(loop, For):
            return f"{pad}{self.printer.for_header(loop)} {body}\n"
        cond = self.printer.expression(loop.cond)
        return f"{pad}do {body} while ({cond});\n" if loop.test_last else f"{pad}while ({cond}) {body}\n"

    # ------------------------------------------------------------ phases

    def _launch(self, kernel: Kernel, depth: int) -> str:
        if kernel.ordered or not kernel.grid:
            return self._one_thread(kernel, depth)
        self.spread.append(kernel)
        if kernel.reductions:
            return self.reduction(kernel, depth)
        return self.wait_for(self.uses(*kernel.body), depth) + self.phase(kernel, depth)

    def phase(self, kernel: Kernel, depth: int) -> str:
        """The loops of a kernel whose iterations are shared."""
        return self.kernel_printer(kernel).statements(kernel.body, depth)

    def _one_thread(self, kernel: Kernel, depth: int) -> str:
        """Statements in order: by one thread where they write arrays, else by each for itself."""
        uses = self.uses(*kernel.body)
        if not uses.writes:
            return self.wait_for(uses, depth) + self._in_order(kernel).statements(kernel.body, depth)
        results = kernel.results
        if kernel.form == "statements":
            changed = assigned_scalars(*kernel.body) - declared(*kernel.body)
            results = tuple(sorted(changed, key=lambda s: s.name))
        if results:
            return self.giving_back(kernel, results, depth)
        return self.wait_for(uses, depth) + self.by_one_thread(kernel, "", depth)

    def by_one_thread(self, kernel: Kernel, then: str, depth: int) -> str:
        """The kernel's statements, and those of `then`, by one thread."""
        pad = INDENT * depth
        body = self._in_order(kernel).statements(kernel.body, depth + 1)
        return f"{pad}if ({self.first_thread()}) {{\n{body}{then}{pad}}}\n"

    def _in_order(self, kernel: Kernel) -> KernelPrinter:
        """Prints the body of a kernel as one thread runs it."""
        plain = dataclasses.replace(kernel, grid=(), axes=(), reductions=(), atomic=frozenset(), ordered=())
        return KernelPrinter(plain, self.plan.table, self.device_names, self.constants)

    # ------------------------------------------------------------ waiting

    def wait_for(self, uses: Uses, depth: int) -> str:
        """The barrier that `uses` needs before it, if any; from here on others have to wait for `uses`."""
        text = self._wait(depth) if self._pending.conflicts(uses) else ""
        self._pending = self._pending.joined(uses)
        return text

    def _wait(self, depth: int) -> str:
        self._pending = Uses()
        return f"{INDENT * depth}{self.barrier()}\n"

    def uses(self, *nodes: Node) -> Uses:
        """The arrays that statements or expressions use. Pointers that are exchanged count as one array."""
        inner = {id(n) for n in walk(*nodes)}
        known: set[int] = set()
        uses = Uses()
        for access in self.plan.table.accesses:
            if id(access.stmt) in inner or id(access.node) in inner:
                known.add(id(access.node))
                (uses.writes if access.is_write else uses.reads).add(access.array)
                if access.is_write and access.op != "=":
                    uses.reads.add(access.array)
        for node in walk(*nodes):  # conditions that the planner made are not in the table
            if isinstance(node, Index) and id(node) not in known:
                uses.reads |= self._arrays_behind(node)
        for kept in (uses.reads, uses.writes):
            if kept & self._exchanged:
                kept |= self._exchanged
        return uses

    def _arrays_behind(self, index: Index) -> set[Symbol | str]:
        """The arrays that the variable at the bottom of an element may stand for."""
        base = root(index)
        found = {a.array for a in self.plan.table.accesses if base is not None and root(a.node) is base}
        return {*found, *([base] if base is not None else [])}


def _all_symbols(plan: Plan) -> set[Symbol]:
    return symbols(plan.function.body) | declared(plan.function.body) | set(plan.function.params)
