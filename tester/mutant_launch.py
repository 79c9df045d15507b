"""The launches of a text's kernels: their grids and blocks, and what is constant in a kernel because of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tree_sitter import Node

from data.literals import integer_literal
from data.syntax import field, named, text_of, walk
from tester.mutant_edit import arguments, launch_configuration, operator_of, plain
from tester.mutant_rules import canonical
from tester.mutant_sources import Definition, called_name

DIMENSIONS = ("x", "y", "z")
# Types of variables that hold one extent; a dim3 that comes from elsewhere may hold three.
_SCALARS = frozenset({"int", "unsigned", "size_t", "long", "unsigned int", "unsigned long", "long long", "short"})

_LISTS = ("argument_list", "initializer_list", "parameter_list")


@dataclass(frozen=True)
class Launch:
    """`grid` and `block`: the expressions of the extents, x first; empty where they cannot be read. `arguments` are
    those of the kernel."""

    kernel: str
    grid: tuple[Node, ...]
    block: tuple[Node, ...]
    arguments: tuple[Node, ...] = ()


def find_launches(definitions: Sequence[Definition]) -> list[Launch]:
    """The launches in the bodies of the definitions."""
    found = []
    for definition in definitions:
        for node in walk(definition.body):
            configuration = launch_configuration(node)
            if len(configuration) >= 2:
                grid, block = (tuple(extents(part, definition)) for part in configuration[:2])
                found.append(Launch(called_name(node), grid, block, tuple(arguments(node))))
    return found


def extents(node: Node, host: Definition) -> Iterator[Node]:
    """The expressions of a grid or a block: of `dim3(a, b)`, of a variable that holds one, or of the expression itself.
    None at all for a variable whose value is not in the function, or is set more than once."""
    node = plain(node)
    if node.type == "call_expression" and called_name(node) == "dim3":
        yield from (_value_of(argument, host) for argument in arguments(node))
        return
    if node.type != "identifier":
        yield node
        return
    name = text_of(node)
    if any(parameter == name and kind in _SCALARS for kind, parameter in host.parameters):
        yield node
        return
    value = _initial_value(node, host)
    if value is None:
        return
    if value.type in _LISTS:
        yield from (_value_of(part, host) for part in named(value))
    elif value.type == "call_expression" and called_name(value) == "dim3":
        yield from extents(value, host)
    else:
        yield value


def _value_of(node: Node, host: Definition) -> Node:
    """The expression that a local variable holds, or the node."""
    node = plain(node)
    if node.type == "identifier":
        value = _initial_value(node, host)
        if value is not None and value.type not in _LISTS:
            return value
    return node


def _initial_value(use: Node, host: Definition) -> Node | None:
    """What the local variable that is used there is declared with; None where it is changed later."""
    name = text_of(use)
    found: Node | None = None
    for node in walk(host.body):
        # `dim3 grid(n)` may declare a function too, and is read as one.
        kinds = ("init_declarator", "function_declarator")
        declares = node.type in kinds and _names(field(node, "declarator"), name)
        if declares and node.end_byte <= use.start_byte and _scope(node).end_byte >= use.end_byte:
            found = node  # the last one is the innermost
    if found is None:
        return None
    changed = (n for n in walk(_scope(found)) if n.type == "assignment_expression")
    if any(_names(field(n, "left"), name) for n in changed):
        return None
    return field(found, "value" if found.type == "init_declarator" else "parameters")


def _scope(node: Node) -> Node:
    """The innermost block around a node."""
    while node.parent is not None and node.type != "compound_statement":
        node = node.parent
    return node


def _names(node: Node | None, name: str) -> bool:
    """Whether the node is the variable or a member of it."""
    if node is not None and node.type == "field_expression":
        node = field(node, "argument")
    return node is not None and text_of(node) == name


def constants_of(kernel: str, launches: Sequence[Launch]) -> dict[str, int]:
    """Built-in variables that have one value in every launch of the kernel: {"blockDim.y": 1, "threadIdx.y": 0, ...}.

    Empty where a launch cannot be read, or none is in the text.
    """
    own = [launch for launch in launches if launch.kernel == kernel]
    if not own or not all(launch.grid and launch.block for launch in own):
        return {}
    found: dict[str, int] = {}
    for at, dimension in enumerate(DIMENSIONS):
        for size, index in (("blockDim", "threadIdx"), ("gridDim", "blockIdx")):
            values = {_extent(launch.block if size == "blockDim" else launch.grid, at) for launch in own}
            value = values.pop() if len(values) == 1 else None
            if value is not None:
                found[f"{size}.{dimension}"] = value
            if value == 1:
                found[f"{index}.{dimension}"] = 0
    return found


def _extent(parts: Sequence[Node], at: int) -> int | None:
    """The extent in one dimension where it is constant."""
    return 1 if at >= len(parts) else integer_literal(text_of(parts[at]))


def is_decided_by_launch(comparison: Node, kernel: Definition, launches: Sequence[Launch]) -> bool:
    """Rule "exact cover": whether `i < n` is true of every thread, as `i` is blockIdx.x and `n` is the grid's extent.

    So in `k<<<n, 1>>>(n)`, with `int i = blockIdx.x * blockDim.x + threadIdx.x`. Then `i <= n` is true too, and
    `i >= n` and `i > n` are false.
    """
    index, bound = field(comparison, "left"), field(comparison, "right")
    own = [launch for launch in launches if launch.kernel == kernel.name]
    names = [name for _, name in kernel.parameters]
    if comparison.type != "binary_expression" or operator_of(comparison) not in ("<", "<=", ">=", ">"):
        return False
    if index is None or bound is None or not own or text_of(bound) not in names:
        return False
    at = names.index(text_of(bound))
    dimension = _block_index(index, kernel, constants_of(kernel.name, launches))
    if dimension is None or _is_changed(text_of(bound), kernel):
        return False
    return all(
        len(launch.arguments) > at
        and dimension < len(launch.grid)
        and canonical(launch.arguments[at]) == canonical(launch.grid[dimension])
        for launch in own
    )


def _block_index(index: Node, kernel: Definition, values: Mapping[str, int]) -> int | None:
    """The dimension of which a variable is the number of the block; None where it is something else, or changed."""
    initial = [
        n for n in walk(kernel.body) if n.type == "init_declarator" and _names(field(n, "declarator"), text_of(index))
    ]
    value = field(initial[0], "value") if len(initial) == 1 else None
    if value is None or _is_changed(text_of(index), kernel):
        return None
    form = canonical(value, values=values)
    for at, dimension in enumerate(DIMENSIONS):
        if form == ("field_expression", "blockIdx", ".", dimension):
            return at
    return None


def _is_changed(name: str, kernel: Definition) -> bool:
    kinds = {"assignment_expression": "left", "update_expression": "argument"}
    return any(_names(field(n, kinds[n.type]), name) for n in walk(kernel.body) if n.type in kinds)


@dataclass(frozen=True)
class Use:
    """Whether kernels read and write elements of an array."""

    reads: bool
    writes: bool


def use_of_buffer(buffer: str, launches: Sequence[Launch], kernels: Mapping[str, Definition]) -> Use:
    """What the kernels do with a device pointer of host code; both where no launch is seen to get it."""
    uses = [
        use_of_parameter(kernels[launch.kernel].parameters[at][1], kernels[launch.kernel])
        for launch in launches
        if launch.kernel in kernels
        for at, argument in enumerate(launch.arguments[: len(kernels[launch.kernel].parameters)])
        if any(n.type == "identifier" and text_of(n) == buffer for n in walk(argument))
    ]
    return join_uses(uses)


def join_uses(uses: Sequence[Use]) -> Use:
    """What several kernels do; both where there is none."""
    return Use(any(u.reads for u in uses), any(u.writes for u in uses)) if uses else Use(True, True)


def use_of_parameter(name: str, kernel: Definition) -> Use:
    """What a kernel does with one of its pointers; both where it does more than subscript it."""
    reads = writes = False
    for node in walk(kernel.body):
        if node.type != "identifier" or text_of(node) != name:
            continue
        element = node
        while element.parent is not None and _is_part_of(element, element.parent):
            element = element.parent
        parent = element.parent
        if element.id == node.id or parent is None or parent.type == "pointer_expression":
            return Use(True, True)
        stored = parent.type == "assignment_expression" and field(parent, "left") == element
        plainly = stored and operator_of(parent) == "="
        updated = parent.type == "update_expression" or stored
        reads, writes = reads or not plainly, writes or updated
    return Use(reads, writes)


def _is_part_of(node: Node, parent: Node) -> bool:
    """Whether the parent is an element or a member of what the node is."""
    return parent.type in ("subscript_expression", "field_expression") and field(parent, "argument") == node
