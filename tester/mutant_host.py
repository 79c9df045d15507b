"""Faults in host functions: copies, allocations and launches. Each generator yields the edits of one operator.

Not planted, as they cannot change a result: `cudaFree` and synchronisation removed (copies on the default stream wait),
an array copied in that need not be (only slower). Not planted either: the tests of a wrapper on the way to the C text
that it keeps (arrays that overlap), as test arrays lie apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tree_sitter import Node

from data.literals import integer_literal
from data.syntax import field, text_of, walk
from tester.mutant_edit import (
    Edit,
    MutationOperator,
    arguments,
    as_operand,
    as_term,
    launch_configuration,
    operator_of,
    plain,
    replaced,
)
from tester.mutant_launch import Launch, extents, join_uses, use_of_buffer, use_of_parameter
from tester.mutant_rules import canonical, covers_with_any_block, covers_with_any_grid, number
from tester.mutant_sources import Definition, called_name

_COPIES = {"cudaMemcpy": 2, "cudaMemcpyAsync": 2, "cudaMemcpyToSymbol": 2, "cudaMemcpyFromSymbol": 2}
_ALLOCATIONS = {"cudaMalloc": 1, "cudaMallocManaged": 1}


def host_edits(host: Definition, kernels: Mapping[str, Definition], launches: Sequence[Launch]) -> Iterator[Edit]:
    """All faults that can be planted in one host function. `kernels` are those that run, by name, `launches` those of
    the text."""
    for node in walk(host.body):
        if node.type == "expression_statement":
            yield from _removed_calls(node, kernels, launches)
        if node.type == "call_expression":
            yield from _sizes(node, kernels, launches)
            yield from _musl_calls(node, host, kernels)
            yield from _swapped_arguments(node, kernels)
            yield from _launch_sizes(node, host, kernels)


# ---------------------------------------------------------------- memory


def _removed_calls(statement: Node, kernels: Mapping[str, Definition], launches: Sequence[Launch]) -> Iterator[Edit]:
    """A copy or a memset removed, with the macro that checks it."""
    for node in walk(statement):
        name = called_name(node)
        if name == "musl_download" or (name in _COPIES and _matters(node, kernels, launches)):
            yield replaced(MutationOperator.COPY_REMOVED, statement, ";")
        if name in ("cudaMemset", "cudaMemsetAsync"):
            yield replaced(MutationOperator.MEMSET_REMOVED, statement, ";")


def _sizes(call: Node, kernels: Mapping[str, Definition], launches: Sequence[Launch]) -> Iterator[Edit]:
    name, given = called_name(call), arguments(call)
    if name in _COPIES and len(given) > _COPIES[name] and _matters(call, kernels, launches):
        size = given[_COPIES[name]]
        yield replaced(MutationOperator.COPY_SIZE, size, f"{as_operand(size)} / 2")
    if name in _ALLOCATIONS and len(given) > _ALLOCATIONS[name]:
        size = given[_ALLOCATIONS[name]]
        yield replaced(MutationOperator.ALLOCATION_SIZE, size, f"{as_operand(size)} / 2")


def _matters(copy: Node, kernels: Mapping[str, Definition], launches: Sequence[Launch]) -> bool:
    """Rule "idle copy": a copy to the device of what no kernel reads, or back of what none writes, is not removed.

    (An array that kernels only store to, and not wholly, would keep less of what it held: such faults are not planted.)
    """
    given = arguments(copy)
    text = text_of(copy)
    if "HostToDevice" in text and given[0].type == "identifier":
        return use_of_buffer(text_of(given[0]), launches, kernels).reads
    if "DeviceToHost" in text and len(given) > 1 and given[1].type == "identifier":
        return use_of_buffer(text_of(given[1]), launches, kernels).writes
    return True


def _musl_calls(call: Node, host: Definition, kernels: Mapping[str, Definition]) -> Iterator[Edit]:
    """MuSL's own wrappers: an input that kernels read not copied, the end of a range one element early.

    Rule "joined ranges": where several ranges are joined for one array, the end of one may lie inside another, so only
    single ones are changed.
    """
    given = arguments(call)
    if called_name(call) == "musl_upload" and len(given) == 3 and text_of(given[2]) == "true":
        name = [text_of(n) for n in walk(given[0]) if n.type == "identifier"][-1]  # kernels have the array's own name
        own = [k for k in kernels.values() if name in [parameter for _, parameter in k.parameters]]
        if not join_uses([use_of_parameter(name, kernel) for kernel in own]).reads:
            return
        yield replaced(MutationOperator.COPY_REMOVED, given[2], "false")
    function = field(call, "function")
    if function is not None and text_of(function).endswith("_used.add") and len(given) == 2:
        same = [n for n in walk(host.body) if n.type == "call_expression" and n.children[0].text == function.text]
        if len(same) == 1:
            yield replaced(MutationOperator.COPY_SIZE, given[1], f"{as_term(given[1])} - 1")


# ---------------------------------------------------------------- launches


def _swapped_arguments(call: Node, kernels: Mapping[str, Definition]) -> Iterator[Edit]:
    """Two neighbouring arguments of a launch exchanged, where the parameters have one type.

    Rule "symmetric": not where the kernel is the same text, up to the order of operands that commute, with the two
    parameters' names exchanged, and not where the arguments are the same.
    """
    kernel = kernels.get(called_name(call)) if launch_configuration(call) else None
    given = arguments(call)
    if kernel is None or len(given) != len(kernel.parameters):
        return
    original = canonical(kernel.body)
    for i in range(len(given) - 1):
        (first_type, first), (second_type, second) = kernel.parameters[i : i + 2]
        if first_type != second_type or canonical(given[i]) == canonical(given[i + 1]):
            continue
        if canonical(kernel.body, {first: second, second: first}) != original:
            after = f"{text_of(given[i + 1])}, {text_of(given[i])}"
            start, end = given[i].start_byte, given[i + 1].end_byte
            yield Edit(MutationOperator.ARGUMENT_ORDER, start, end, after)


def _launch_sizes(call: Node, host: Definition, kernels: Mapping[str, Definition]) -> Iterator[Edit]:
    """A grid that does not cover the elements, a block of half the threads."""
    configuration = launch_configuration(call)
    kernel = kernels.get(called_name(call))
    if len(configuration) < 2 or kernel is None:
        return
    if not covers_with_any_grid(kernel.body):
        for extent in extents(configuration[0], host):
            yield from _smaller_grid(extent)
    # A grid that is computed from the variable that holds the block's size changes with it.
    used = {text_of(n) for extent in extents(configuration[0], host) for n in walk(extent) if n.type == "identifier"}
    if not covers_with_any_block(kernel.body) and text_of(configuration[1]) not in used:
        for extent in extents(configuration[1], host):
            threads = integer_literal(text_of(extent)) if extent.type == "number_literal" else None
            if threads is not None and threads > 1:
                yield replaced(MutationOperator.LAUNCH_SIZE, extent, f"{threads} / 2")


def _smaller_grid(extent: Node) -> Iterator[Edit]:
    """`(n + 255) / 256` --> `n / 256`; any other extent is one less, but for a literal 1."""
    operator = MutationOperator.LAUNCH_SIZE
    count = _rounded_up(extent)
    if count is not None:
        divisor = field(extent, "right")
        assert divisor is not None
        yield replaced(operator, extent, f"{as_operand(count)} / {text_of(divisor)}")
    elif extent.type != "number_literal" or (number(text_of(extent)) or 0) > 1:
        yield replaced(operator, extent, f"{as_operand(extent)} - 1")


def _rounded_up(extent: Node) -> Node | None:
    """`n` of a division `(n + b - 1) / b`; None for any other expression."""
    if extent.type != "binary_expression" or operator_of(extent) != "/":
        return None
    total, divisor = field(extent, "left"), field(extent, "right")
    total = plain(total) if total is not None else None
    if total is None or divisor is None or total.type != "binary_expression":
        return None
    left, right = field(total, "left"), field(total, "right")
    if left is None or right is None:
        return None
    if operator_of(total) == "+" and _is_one_less(right, divisor):
        return left
    if operator_of(total) == "-" and number(text_of(right)) == 1 and left.type == "binary_expression":
        added = field(left, "right")
        if operator_of(left) == "+" and added is not None and canonical(added) == canonical(divisor):
            return field(left, "left")
    return None


def _is_one_less(added: Node, divisor: Node) -> bool:
    """Whether `added` is `divisor - 1`, both literals or as text."""
    added = plain(added)
    a, b = integer_literal(text_of(added)), integer_literal(text_of(divisor))
    if a is not None and b is not None:
        return a == b - 1
    if added.type == "binary_expression" and operator_of(added) == "-":
        left, right = field(added, "left"), field(added, "right")
        return (
            left is not None and right is not None and text_of(right) == "1" and canonical(left) == canonical(divisor)
        )
    return False
