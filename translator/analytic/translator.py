"""The analytic Translator: from a function of the source to kernels, a launch plan and a host wrapper, or to the
reasons why not."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from data.function import Function
from data.source_file import SourceFile
from translator.analytic import codes, ir
from translator.analytic.bare_kernel import BareKernel, NotOneKernel, bare_kernel, check_void, one_thread_kernel
from translator.analytic.block_calls import expand_memory_calls, refuse_memory_calls
from translator.analytic.dependence import Reason
from translator.analytic.device_calls import DeviceCode, UncallableOnDevice, device_code
from translator.analytic.device_printer import FlatPrinter, variable_extents
from translator.analytic.extents import find_usage
from translator.analytic.extremes import folded
from translator.analytic.given_extents import parse_extents
from translator.analytic.guards import Unprovable
from translator.analytic.host_text import HostText, signature
from translator.analytic.induction import close_inductions
from translator.analytic.inline import inline_array_calls
from translator.analytic.kernel_text import kernel_text
from translator.analytic.launch_plan import Kernel, Plan
from translator.analytic.normalize import normalize
from translator.analytic.parse import parse_program
from translator.analytic.places import UnknownBase
from translator.analytic.plan import NotPlanned, make_plan
from translator.analytic.prelude import PRELUDE
from translator.analytic.updates import canonical_updates
from translator.analytic.usage import UnknownExtent, Usage
from translator.analytic.visit import declared, substitute, walk
from translator.protocol import Diagnostic, ParallelLoop, Provenance, Refusal, Translation, TranslationOptions

_CXX_KEYWORDS = re.compile(r"\b(restrict|register|_Bool|_Complex|typeof)\b")


class AnalyticTranslator:
    """Implements `translator.protocol.Translator` without weights: every loop that it makes parallel is shown to be
    so."""

    name = "analytic"

    def translate(
        self, source: SourceFile, functions: Sequence[Function], options: TranslationOptions
    ) -> Mapping[str, Sequence[Translation] | Refusal]:
        """One translation per function, or the reasons against. Raises data.read_source.SourceError where the file
        cannot be preprocessed."""
        program = read_program(source)
        result: dict[str, Sequence[Translation] | Refusal] = {}
        for function in functions:
            result[function.name] = self._function(source, program, function, options)
        return result

    def _function(
        self, source: SourceFile, program: ir.Program, function: Function, options: TranslationOptions
    ) -> Sequence[Translation] | Refusal:
        parsed = program.function(function.name)
        if parsed is None:
            reason = Reason(codes.UNSUPPORTED_SYNTAX, "the function could not be read", _start(function))
            return refusal_of(function, [reason], source.path)
        if parsed.unsupported:
            reasons = [Reason(u.code, u.message, u.at) for u in parsed.unsupported]
            return refusal_of(function, reasons, source.path)
        try:
            return [_translate(source, program, parsed, function, options)]
        except _Refused as refused:
            return refusal_of(function, refused.reasons, source.path)


@lru_cache(maxsize=4)
def read_program(source: SourceFile) -> ir.Program:
    """The file's program, parsed once however many of its functions are asked for, one by one."""
    return parse_program(source)


class _Refused(Exception):
    def __init__(self, reasons: Sequence[Reason]) -> None:
        super().__init__(reasons[0].message)
        self.reasons = reasons


def _translate(
    source: SourceFile, program: ir.Program, parsed: ir.Function, function: Function, options: TranslationOptions
) -> Translation:
    try:
        if options.form == "kernel":
            return _as_kernel(source, program, parsed, function, options)
        plan = analysed_plan(program, parsed, options)
        if not plan.is_parallel and not (options.serial_kernels and plan.kernels):
            raise _Refused(_why_not(plan))
        device = device_code(program, (node for kernel in plan.kernels for node in kernel.body))
        usages = find_usage(plan.function, plan.table, parse_extents(options.extents, plan.function), program)
    except REFUSALS as error:
        raise _Refused([reason_of(error)]) from error
    return _assemble(source, parsed, function, plan, usages, device, options)


REFUSALS = (NotPlanned, UnknownExtent, Unprovable, UncallableOnDevice, NotOneKernel, UnknownBase)


def reason_of(
    error: NotPlanned | UnknownExtent | Unprovable | UncallableOnDevice | NotOneKernel | UnknownBase,
) -> Reason:
    if isinstance(error, UnknownBase):
        return Reason(codes.UNKNOWN_POINTER, str(error), error.at)
    return error.reason


def analysed_plan(
    program: ir.Program, parsed: ir.Function, options: TranslationOptions, *, as_written: bool = False
) -> Plan:
    """The plan; with `as_written` updates of array elements keep the source's form, which fewer loops are parallel
    with."""
    expanded = expand_memory_calls(inline_array_calls(parsed, program))
    refuse_memory_calls(expanded, program)
    normalized = normalize(expanded)
    return _plan(normalized if as_written else canonical_updates(normalized), options)


def _one_kernel(program: ir.Program, parsed: ir.Function, options: TranslationOptions) -> tuple[BareKernel, Plan]:
    """The kernel, in the source's own words where the whole grid can run it so."""
    with contextlib.suppress(*REFUSALS):
        plan = analysed_plan(program, parsed, options, as_written=True)
        kernel = bare_kernel(program, parsed, plan)
        if plan.is_parallel and kernel.remark is None:
            return kernel, plan
    plan = analysed_plan(program, parsed, options)
    if not plan.is_parallel:
        raise _Refused(_why_not(plan))
    return bare_kernel(program, parsed, plan), plan


def _as_kernel(
    source: SourceFile, program: ir.Program, parsed: ir.Function, function: Function, options: TranslationOptions
) -> Translation:
    """The function as one kernel, by one thread where nothing is parallel and that is asked for."""
    check_void(parsed)
    remarks: list[Reason]
    try:
        kernel, plan = _one_kernel(program, parsed, options)
        remarks = plan.remarks
    except (NotPlanned, Unprovable, UnknownBase, _Refused) as error:
        if not options.serial_kernels:
            raise
        remarks = list(error.reasons) if isinstance(error, _Refused) else [reason_of(error)]
        kernel = one_thread_kernel(program, parsed)
    remarks = [*remarks, *([kernel.remark] if kernel.remark is not None else [])]
    return Translation(
        source_id=function.id,
        target="cuda",
        kernels=kernel.text,
        sequential="",
        host_wrapper="",
        kernel_names=(kernel.name,),
        parallel=tuple(_loops_of(kernel)),
        remarks=tuple(_diagnostic(r, source.path) for r in remarks),
        provenance=Provenance("analytic", 0, options.seed),
    )


def _plan(function: ir.Function, options: TranslationOptions) -> Plan:
    """The plan, with closed forms for those induction variables that have justified ones."""
    leave: set[ir.Symbol] = set()
    while True:
        try:
            plan = make_plan(close_inductions(function, frozenset(leave)), strict_fp=options.strict_fp)
            plan.in_source_order = plan.function.body == function.body
            return plan
        except Unprovable as unprovable:
            if unprovable.symbol is None or unprovable.symbol in leave:
                raise
            leave.add(unprovable.symbol)


def _why_not(plan: Plan) -> list[Reason]:
    if plan.remarks:
        return plan.remarks
    return [Reason(codes.NO_LOOP, "the function has no loop to make parallel", plan.function.at)]


def _assemble(
    source: SourceFile,
    parsed: ir.Function,
    function: Function,
    plan: Plan,
    usages: Sequence[Usage],
    device: DeviceCode,
    options: TranslationOptions,
) -> Translation:
    _name_kernels(plan)
    guards = [folded(substitute(g, plan.table.entry_values)) for g in plan.guards]
    guards += [g for usage in usages for g in usage.guards]
    host = HostText(plan, usages, unique(guards))
    restrict = not any(isinstance(s.type, ir.Pointer) for s in declared(plan.function.body))
    kernels = [kernel_text(k, plan.function, plan.table, device.names, restrict=restrict) for k in plan.kernels]
    wrapper = f"{host.on_device()}\n{host.wrapper()}"
    needs_sequential = f"{function.name}_sequential(" in wrapper
    return Translation(
        source_id=function.id,
        target="cuda",
        kernels="\n".join([*device.definitions, *kernels]),
        sequential=sequential_text(source, parsed, function) if needs_sequential else "",
        host_wrapper=wrapper,
        kernel_names=tuple(_names(plan.kernels)),
        parallel=tuple(_parallel_loops(plan)),
        remarks=tuple(_diagnostic(r, source.path) for r in plan.remarks),
        provenance=Provenance("analytic", 0, options.seed),
        prelude=PRELUDE,
    )


def unique(guards: Sequence[ir.Expr]) -> list[ir.Expr]:
    result: list[ir.Expr] = []
    for guard in guards:
        if guard not in result:
            result.append(guard)
    return result


def _name_kernels(plan: Plan) -> None:
    for number, kernel in enumerate(plan.kernels, start=1):
        suffix = "" if len(plan.kernels) == 1 else str(number)
        kernel.name = f"{plan.function.name}_kernel{suffix}"


def _names(kernels: Sequence[Kernel]) -> list[str]:
    return [name for k in kernels for name in ([f"{k.name}_order"] if k.ordered else []) + [k.name]]


def _parallel_loops(plan: Plan) -> list[ParallelLoop]:
    return [_parallel_loop(kernel, kernel.name, kernel.form) for kernel in plan.kernels if kernel.grid]


def _loops_of(kernel: BareKernel) -> list[ParallelLoop]:
    """The loops whose iterations the threads of one kernel share, over the grid or (as its remark says) in a block."""
    whole_grid = kernel.remark is None
    return [
        _parallel_loop(k, kernel.name, k.form if whole_grid or k.form != "grid" else "block") for k in kernel.spread
    ]


def _parallel_loop(kernel: Kernel, name: str, form: str) -> ParallelLoop:
    return ParallelLoop(kernel.grid[0].at.line, tuple(loop.iterator.shown for loop in kernel.grid), name, form)


def sequential_text(source: SourceFile, parsed: ir.Function, function: Function) -> str:
    """The source's function under the name NAME_sequential: its text where that is C++, else printed from the IR."""
    name = f"{function.name}_sequential"
    flat_arrays = any(variable_extents(s.type) is not None for s in parsed.params)
    flat_arrays = flat_arrays or any(
        isinstance(n, ir.Declare) and variable_extents(n.symbol.type) is not None for n in walk(parsed.body)
    )
    if source.language == "c" and (flat_arrays or _CXX_KEYWORDS.search(function.text)):
        printer = FlatPrinter()
        return f"{signature(printer, parsed, name)} {printer.braced(parsed.body, 0)}\n"
    text, count = re.subn(rf"\b{re.escape(function.name)}(\s*\()", rf"{name}\1", function.text, count=1)
    if count != 1:  # the name comes out of a macro
        printer = FlatPrinter()
        return f"{signature(printer, parsed, name)} {printer.braced(parsed.body, 0)}\n"
    return text + "\n" if parsed.is_static else f"static {text}\n"


def _start(function: Function) -> ir.Location:
    return ir.Location(str(function.path), function.span.line, function.span.column)


def _diagnostic(reason: Reason, path: Path) -> Diagnostic:
    return Diagnostic(reason.code, reason.message, Path(reason.at.file or path), reason.at.line, reason.at.column)


def refusal_of(function: Function, reasons: Sequence[Reason], path: Path) -> Refusal:
    return Refusal(function.id, tuple(_diagnostic(r, path) for r in reasons))
