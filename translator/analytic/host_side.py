"""`read_host_side`: what a host wrapper around somebody else's kernel has to know of a function: the elements of each
array that it uses, and how many iterations its loops have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from data.function import Function
from data.source_file import SourceFile
from translator.analytic import codes, ir
from translator.analytic.block_calls import expand_memory_calls
from translator.analytic.collect import collect
from translator.analytic.dependence import Reason
from translator.analytic.device_printer import FlatPrinter
from translator.analytic.extents import find_usage
from translator.analytic.extremes import folded
from translator.analytic.given_extents import parse_extents
from translator.analytic.guards import Unprovable
from translator.analytic.host_text import widest
from translator.analytic.inline import inline_array_calls
from translator.analytic.launch_plan import Plan
from translator.analytic.normalize import normalize, trip_count
from translator.analytic.plan import NotPlanned
from translator.analytic.translator import (
    REFUSALS,
    analysed_plan,
    read_program,
    reason_of,
    refusal_of,
    unique,
)
from translator.analytic.usage import Usage
from translator.analytic.visit import children, substitute, symbols, walk
from translator.protocol import Refusal, TranslationOptions


@dataclass(frozen=True)
class HostSide:
    """A function of a file as its wrapper sees it. `parsed` is as it stands, `plan.function` as it was analysed;
    `guards` have to hold, or the wrapper takes the sequential path."""

    program: ir.Program
    parsed: ir.Function
    plan: Plan
    usages: tuple[Usage, ...]
    guards: tuple[ir.Expr, ...]

    def loop_counts(self) -> list[ir.Expr]:
        """The iterations of each loop, the most that there can be, over the parameters; of those loops of which it can
        be said at the call."""
        return self._expressible(trip_count(widest(loops[-1], loops)) for loops in _nests(self.plan.function.body))

    def grid_counts(self, rank: int) -> list[list[ir.Expr]]:
        """The iterations of the loops that the analysis would spread together over at least `rank` dimensions."""
        grids = [kernel.grid for kernel in self.plan.kernels if len(kernel.grid) >= rank]
        found = [self._expressible(trip_count(widest(loop, grid)) for loop in grid) for grid in grids]
        return [counts for grid, counts in zip(grids, found, strict=True) if len(counts) == len(grid)]

    def _expressible(self, counts: Iterator[ir.Expr]) -> list[ir.Expr]:
        scalars = {s for s in self.parsed.params if not isinstance(s.type, ir.Pointer | ir.Array)}
        found = [folded(substitute(count, self.plan.table.entry_values)) for count in counts]
        plain = [c for c in found if not any(isinstance(node, ir.Index | ir.Call) for node in walk(c))]
        return unique([count for count in plain if symbols(count) <= scalars])


def read_host_side(source: SourceFile, function: Function, options: TranslationOptions) -> HostSide | Refusal:
    """What is known, or why the wrapper cannot be written: an extent that neither the code nor `options.extents` tell.
    Raises data.read_source.SourceError where the file cannot be preprocessed."""
    program = read_program(source)
    parsed = program.function(function.name)
    if parsed is None or parsed.unsupported:
        at = ir.Location(str(function.path), function.span.line, function.span.column)
        reasons = [Reason(codes.UNSUPPORTED_SYNTAX, "the function could not be read", at)]
        if parsed is not None:
            reasons = [Reason(u.code, u.message, u.at) for u in parsed.unsupported]
        return refusal_of(function, reasons, source.path)
    try:
        plan = _plan(program, parsed, options)
        usages = find_usage(plan.function, plan.table, parse_extents(options.extents, plan.function), program)
    except REFUSALS as error:
        return refusal_of(function, [reason_of(error)], source.path)
    guards = [folded(substitute(guard, plan.table.entry_values)) for guard in plan.guards]
    guards += [guard for usage in usages for guard in usage.guards]
    return HostSide(program, parsed, plan, tuple(usages), tuple(unique(guards)))


def _plan(program: ir.Program, parsed: ir.Function, options: TranslationOptions) -> Plan:
    """The plan; where there is none, the accesses alone, which tell the extents all the same."""
    try:
        return analysed_plan(program, parsed, options)
    except (NotPlanned, Unprovable):
        normalized = normalize(expand_memory_calls(inline_array_calls(parsed, program)))
        return Plan(normalized, collect(normalized), [], [], [], [])


def _nests(node: ir.Node, around: Sequence[ir.Loop] = ()) -> Iterator[tuple[ir.Loop, ...]]:
    """Every counting loop with those around it, outermost first."""
    inside = (*around, node) if isinstance(node, ir.Loop) else tuple(around)
    if isinstance(node, ir.Loop):
        yield inside
    for child in children(node):
        yield from _nests(child, inside)


def printed(count: ir.Expr) -> str:
    """A count as C++ text over the function's parameters."""
    return FlatPrinter().expression(count)
