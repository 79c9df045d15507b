"""Phases over the whole grid, whatever its shape: right where no phase has to wait for another.

Counters are ints as in the source, so an axis may have up to 2^31 threads, less what the loops count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from translator.analytic.ir import Declare, Symbol
from translator.analytic.kernel_text import KernelPrinter
from translator.analytic.launch_plan import Kernel, Plan
from translator.analytic.phases import AXES, NotInPhases, Phases, thread_sum
from translator.analytic.print_c import INDENT
from translator.analytic.repeatable import repeatable


class _NamedPrinter(KernelPrinter):
    """Starts and strides are variables, which `named` gives by axis."""

    named: Mapping[str, tuple[str, str]] = {}

    def position(self, axis: str) -> tuple[str, str]:
        return self.named.get(axis) or super().position(axis)


class GridPhases(Phases):
    """Loops stride over the grid along their axes. The threads beyond the first along an axis that no loop uses have
    nothing to do; where it does no harm, they do the same as the first."""

    def __init__(self, plan: Plan, device_names: Mapping[str, str], constants: Mapping[Symbol, str]) -> None:
        super().__init__(plan, device_names, constants)
        shared = [kernel for kernel in plan.kernels if kernel.grid and not kernel.ordered]
        self._rank = max((len(kernel.grid) for kernel in shared), default=0)
        self._all_same = not plan.guards and all(repeatable(plan.table, kernel) for kernel in shared)
        self._named: dict[str, tuple[str, str]] = {}
        if plan.guards and plan.in_source_order:
            self._name_axes()

    def _name_axes(self) -> None:
        for axis in AXES[: self._rank]:
            suffix = f"_{axis}" if self._rank > 1 else ""
            self._named[axis] = (self.names.fresh(f"first{suffix}"), self.names.fresh(f"stride{suffix}"))

    def prologue(self) -> str:
        unused = "" if self._all_same else AXES[self._rank :]
        text = f"{INDENT}if ({thread_sum(unused)} > 0) return;\n" if unused else ""
        for axis, (first, stride) in self._named.items():
            text += f"{INDENT}int {first} = blockIdx.{axis} * blockDim.{axis} + threadIdx.{axis};\n"
            text += f"{INDENT}int {stride} = gridDim.{axis} * blockDim.{axis};\n"
        return text

    def alone(self) -> str:
        if not self._named:
            return ""
        firsts = " + ".join(first for first, _ in self._named.values())
        lines = [f"if ({firsts} > 0) return;", *(f"{stride} = 1;" for _, stride in self._named.values())]
        return "".join(f"{INDENT * 2}{line}\n" for line in lines)

    def barrier(self) -> str:
        raise NotInPhases("a loop uses what another one writes")

    def first_thread(self) -> str:
        return f"{thread_sum(AXES if self._all_same else AXES[: self._rank])} == 0"

    def kernel_printer(self, kernel: Kernel) -> KernelPrinter:
        printer = _NamedPrinter(kernel, self.plan.table, self.device_names, self.constants)
        printer.named = self._named
        return printer

    def phase(self, kernel: Kernel, depth: int) -> str:
        unused = AXES[len(kernel.grid) : self._rank]
        if not unused or repeatable(self.plan.table, kernel):
            return super().phase(kernel, depth)
        pad = INDENT * depth
        return f"{pad}if ({thread_sum(unused)} == 0) {{\n{super().phase(kernel, depth + 1)}{pad}}}\n"

    def reduction(self, kernel: Kernel, depth: int) -> str:
        raise NotInPhases(f"all threads need the value of {kernel.reductions[0].symbol.shown}")

    def giving_back(self, kernel: Kernel, results: Sequence[Symbol], depth: int) -> str:
        raise NotInPhases(f"all threads need the value of {results[0].shown}")

    def local_array(self, stmt: Declare, depth: int) -> str:
        raise NotInPhases(f"all threads share the local array {stmt.symbol.shown}")
