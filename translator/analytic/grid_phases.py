"""Phases over the whole grid, whatever its shape: right where no phase has to wait for another."""

from __future__ import annotations

from collections.abc import Sequence

from translator.analytic.ir import Declare, Symbol
from translator.analytic.kernel_text import KernelPrinter
from translator.analytic.launch_plan import Kernel
from translator.analytic.phases import NotInPhases, Phases
from translator.analytic.print_c import INDENT

_AXES = "xyz"


class GridPhases(Phases):
    """Loops stride over the grid along their axes; the threads beyond the first along an axis that no loop uses have
    nothing to do."""

    def prologue(self) -> str:
        unused = _AXES[max((len(kernel.grid) for kernel in self.spread), default=0) :]
        return f"{INDENT}if ({_sum_of(unused)} > 0) return;\n" if unused else ""

    def barrier(self) -> str:
        raise NotInPhases("a loop uses what another one writes")

    def first_thread(self) -> str:
        return f"{_sum_of(_AXES)} == 0"

    def kernel_printer(self, kernel: Kernel) -> KernelPrinter:
        return KernelPrinter(kernel, self.plan.table, self.device_names, self.constants)

    def phase(self, kernel: Kernel, depth: int) -> str:
        ranks = {len(node.grid) for node in self.plan.kernels if node.grid}
        unused = _AXES[len(kernel.grid) : max(ranks)]
        if not unused:
            return super().phase(kernel, depth)
        pad = INDENT * depth
        return f"{pad}if ({_sum_of(unused)} == 0) {{\n{super().phase(kernel, depth + 1)}{pad}}}\n"

    def reduction(self, kernel: Kernel, depth: int) -> str:
        raise NotInPhases(f"all threads need the value of {kernel.reductions[0].symbol.shown}")

    def giving_back(self, kernel: Kernel, results: Sequence[Symbol], depth: int) -> str:
        raise NotInPhases(f"all threads need the value of {results[0].shown}")

    def local_array(self, stmt: Declare, depth: int) -> str:
        raise NotInPhases(f"all threads share the local array {stmt.symbol.shown}")


def _sum_of(axes: str) -> str:
    """`blockIdx.y + blockIdx.z + threadIdx.y + threadIdx.z`: 0 only for the threads that are first along all axes."""
    return " + ".join(f"{index}.{axis}" for index in ("blockIdx", "threadIdx") for axis in axes)
