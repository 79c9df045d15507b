"""The launches of a text's kernels: their grids and blocks, and what is constant in a kernel because of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tree_sitter import Node

from data.literals import integer_literal
from data.syntax import field, named, text_of, walk
from tester.mutant_edit import launch_configuration, plain
from tester.mutant_sources import Definition, called_name

DIMENSIONS = ("x", "y", "z")
# Types of variables that hold one extent; a dim3 that comes from elsewhere may hold three.
_SCALARS = frozenset({"int", "unsigned", "size_t", "long", "unsigned int", "unsigned long", "long long", "short"})

_LISTS = ("argument_list", "initializer_list", "parameter_list")


@dataclass(frozen=True)
class Launch:
    """`grid` and `block`: the expressions of the extents, x first; empty where they cannot be read."""

    kernel: str
    grid: tuple[Node, ...]
    block: tuple[Node, ...]


def find_launches(definitions: Sequence[Definition]) -> list[Launch]:
    """The launches in the bodies of the definitions."""
    found = []
    for definition in definitions:
        for node in walk(definition.body):
            configuration = launch_configuration(node)
            if len(configuration) >= 2:
                grid, block = (tuple(extents(part, definition)) for part in configuration[:2])
                found.append(Launch(called_name(node), grid, block))
    return found


def extents(node: Node, host: Definition) -> Iterator[Node]:
    """The expressions of a grid or a block: of `dim3(a, b)`, of a variable that holds one, or of the expression itself.
    None at all for a variable whose value is not in the function, or is set more than once."""
    node = plain(node)
    if node.type == "call_expression" and called_name(node) == "dim3":
        arguments = field(node, "arguments")
        yield from (_value_of(argument, host) for argument in (named(arguments) if arguments is not None else []))
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
