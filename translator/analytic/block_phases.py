"""Phases of one block: its threads, however many and in whatever shape, share the iterations and wait together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from translator.analytic.ir import Array, Assign, Const, Declare, Loop, Scalar, Symbol, Type, Var
from translator.analytic.kernel_text import KernelPrinter, identity, is_located, starts_from_value, wins
from translator.analytic.launch_plan import Kernel, Plan
from translator.analytic.phases import NotInPhases, Phases, Uses
from translator.analytic.places import element_size
from translator.analytic.print_c import INDENT
from translator.analytic.scalars import Reduction

MOST_THREADS = 1024  # of a block (CUDA C++ Programming Guide, technical specifications)
_SHARED_BYTES = 48 * 1024  # of a block, without asking for more


class _BlockPrinter(KernelPrinter):
    """Shares one loop of a kernel among the threads of a block, the one that walks through neighbouring elements; those
    around and inside it run in order."""

    thread, threads = "", ""

    def is_shared(self, loop: Loop) -> bool:
        return super().is_shared(loop) and self.axis(loop) == "x"

    def position(self, axis: str) -> tuple[str, str]:
        return self.thread, self.threads

    def assignment(self, stmt: Assign) -> str:
        text = super().assignment(stmt)
        if isinstance(stmt.target, Var) and stmt.target.symbol in self.located:
            return text.removesuffix(f", {stmt.target.symbol.name}_found = 1")
        return text


class BlockPhases(Phases):
    """The first block does all. What its threads find together lies in shared memory, an element for each thread."""

    def __init__(self, plan: Plan, device_names: Mapping[str, str], constants: Mapping[Symbol, str]) -> None:
        super().__init__(plan, device_names, constants)
        self._thread, self._threads = self.names.fresh("thread"), self.names.fresh("threads")
        self._each = self.names.fresh("t")
        self._shared: list[str] = []  # declarations
        self._slots: dict[tuple[str, str], str] = {}  # names by variable and purpose
        self._bytes = 0

    def prologue(self) -> str:
        lines = [
            "// The loops wait for each other, so one block runs them all.",
            "if (blockIdx.x + blockIdx.y + blockIdx.z > 0) return;",
            f"const int {self._thread} = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;",
            f"const int {self._threads} = blockDim.x * blockDim.y * blockDim.z;",
            *(f"__shared__ {declaration};" for declaration in self._shared),
        ]
        return "".join(f"{INDENT}{line}\n" for line in lines)

    def barrier(self) -> str:
        return "__syncthreads();"

    def first_thread(self) -> str:
        return f"{self._thread} == 0"

    def kernel_printer(self, kernel: Kernel) -> KernelPrinter:
        printer = _BlockPrinter(kernel, self.plan.table, self.device_names, self.constants)
        printer.thread, printer.threads = self._thread, self._threads
        return printer

    # ------------------------------------------------------------ shared memory

    def _slot(self, name: str, what: str, kind: Type, count: int | None) -> str:
        """The name of the shared variable (array of `count` elements) that holds a scalar of the function."""
        known = self._slots.get((name, what))
        if known is not None:
            return known
        size = element_size(kind)
        self._take(f"the results of the threads ({name})", size * (count or 1) if size is not None else None)
        slot = self.names.fresh(f"{name}_{what}")
        self._slots[name, what] = slot
        extent = f"[{count}]" if count is not None else ""
        self._shared.append(self.printer.declaration(f"{slot}{extent}", kind))
        return slot

    def _take(self, what: str, size: int | None) -> None:
        self._bytes += size or 0
        if size is None or self._bytes > _SHARED_BYTES:
            raise NotInPhases(f"{what} may not fit into shared memory")

    def local_array(self, stmt: Declare, depth: int) -> str:
        kind = stmt.symbol.type
        assert isinstance(kind, Array)
        extents = [e.value for e in kind.extents if isinstance(e, Const) and isinstance(e.value, int)]
        size = element_size(kind.of)
        if stmt.init is not None or len(extents) != len(kind.extents):
            raise NotInPhases(f"the local array {stmt.symbol.shown} cannot lie in shared memory")
        self._take(f"the local array {stmt.symbol.shown}", size * math.prod(extents) if size is not None else None)
        return f"{INDENT * depth}__shared__ {self.printer.statement(stmt)}"

    def giving_back(self, kernel: Kernel, results: Sequence[Symbol], depth: int) -> str:
        pad = INDENT * depth
        slots = {s: self._slot(s.name, "result", s.type, None) for s in results}
        uses = Uses(writes=set(slots.values())).joined(self.uses(*kernel.body))
        text = self.wait_for(uses, depth)
        gives = "".join(f"{pad}{INDENT}{slot} = {s.name};\n" for s, slot in slots.items())
        text += self.by_one_thread(kernel, gives, depth)
        text += self.wait_for(Uses(reads=set(slots.values())), depth)
        return text + "".join(f"{pad}{s.name} = {slot};\n" for s, slot in slots.items())

    # ------------------------------------------------------------ reductions

    def reduction(self, kernel: Kernel, depth: int) -> str:
        """Each thread finds its part and leaves it in shared memory; then all go through the parts in order, and come
        to the same result."""
        parts = self._parts(kernel)
        slots: set[Symbol | str] = set(parts.values())
        text = self.wait_for(Uses(writes=slots).joined(self.uses(*kernel.body)), depth)
        text += self._own_parts(kernel, parts, depth)
        text += self.wait_for(Uses(reads=slots), depth)
        return text + "".join(self._combined(r, parts, INDENT * depth) for r in kernel.reductions)

    def _parts(self, kernel: Kernel) -> dict[str, str]:
        """The shared arrays of a kernel's results, by what they hold."""
        kinds: dict[str, Type] = {}
        for reduction in kernel.reductions:
            kinds |= {s.name: s.type for s in (reduction.symbol, *reduction.payload)}
            if is_located(reduction):
                kinds[f"{reduction.symbol.name}_at"] = Scalar("long long")
        return {name: self._slot(name, "parts", kind, MOST_THREADS) for name, kind in kinds.items()}

    def _own_parts(self, kernel: Kernel, parts: Mapping[str, str], depth: int) -> str:
        """The loops, with those scalars that start from a neutral element in a scope of their own."""
        pad = INDENT * depth
        own = [r for r in kernel.reductions if not starts_from_value(r) and not is_located(r)]
        inner = depth + 1 if own else depth
        lines = [f"long long {r.symbol.name}_at = -1;" for r in kernel.reductions if is_located(r)]
        text = "".join(f"{pad}{line}\n" for line in lines)
        text += f"{pad}{{\n" if own else ""
        for reduction in own:
            declaration = self.printer.declaration(reduction.symbol.name, reduction.symbol.type)
            text += f"{INDENT * inner}{declaration} = {identity(reduction)};\n"
        text += self.phase(kernel, inner)
        text += "".join(f"{INDENT * inner}{slot}[{self._thread}] = {name};\n" for name, slot in parts.items())
        return text + (f"{pad}}}\n" if own else "")

    def _combined(self, reduction: Reduction, parts: Mapping[str, str], pad: str) -> str:
        name, each = reduction.symbol.name, self._each
        part = f"{parts[name]}[{each}]"
        every = f"{pad}for (int {each} = 0; {each} < {self._threads}; {each}++)"
        if is_located(reduction):
            return f"{every} {{\n{self._located(reduction, parts, pad + INDENT)}{pad}}}\n"
        if not starts_from_value(reduction):
            if reduction.op in ("&&", "||"):
                return f"{every} {name} = {name} {reduction.op} {part};\n"
            return f"{every} {name} {reduction.op}= {part};\n"
        if reduction.call:
            better = f"{name} = {reduction.call}({name}, {part});"
        else:
            better = f"if ({part} {'<' if reduction.op == 'min' else '>'} {name}) {name} = {part};"
        first = f"{pad}{name} = {parts[name]}[0];\n"
        return f"{first}{every.replace(f'{each} = 0', f'{each} = 1')} {better}\n"

    def _located(self, reduction: Reduction, parts: Mapping[str, str], pad: str) -> str:
        """One step of the way through the parts: the place decides between equal finds, so all threads agree."""
        at = f"{reduction.symbol.name}_at"

        def part(name: str) -> str:
            return f"{parts[name]}[{self._each}]"

        wanted = [*(s.name for s in (reduction.symbol, *reduction.payload)), at]
        copies = "".join(f"{pad}{INDENT}{name} = {part(name)};\n" for name in wanted)
        better = wins(reduction, str, part)
        return f"{pad}if ({part(at)} >= 0 && ({at} < 0 || {better})) {{\n{copies}{pad}}}\n"
