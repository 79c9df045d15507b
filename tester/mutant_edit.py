"""`Edit`: one planted fault as a change of bytes, and the kinds of faults."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from tree_sitter import Node

from data.syntax import field, named, text_of, walk


class MutationOperator(StrEnum):
    """What kind of fault is planted; `DESCRIPTIONS` shows each before --> after."""

    GUARD_DROPPED = "guard_dropped"
    OFF_BY_ONE = "off_by_one"
    BOUNDARY = "boundary"
    INDEX_SWAPPED = "index_swapped"
    BLOCK_LOST = "block_lost"
    STRIDE_LOST = "stride_lost"
    OPERATOR_CHANGED = "operator_changed"
    CONSTANT_CHANGED = "constant_changed"
    WRONG_IDENTITY = "wrong_identity"
    BARRIER_REMOVED = "barrier_removed"
    ATOMIC_MADE_PLAIN = "atomic_made_plain"
    COPY_REMOVED = "copy_removed"
    COPY_SIZE = "copy_size"
    ALLOCATION_SIZE = "allocation_size"
    MEMSET_REMOVED = "memset_removed"
    LAUNCH_SIZE = "launch_size"
    ARGUMENT_ORDER = "argument_order"


DESCRIPTIONS = {
    MutationOperator.GUARD_DROPPED: "`if (i < n) s` --> `s`; one side of `&&` or `||` dropped",
    MutationOperator.OFF_BY_ONE: "`a[i]` --> `a[i + 1]`, `i < n` --> `i < n - 1`, `i = 0` --> `i = 0 + 1`",
    MutationOperator.BOUNDARY: "`<` --> `<=`, `>` --> `>=` and back",
    MutationOperator.INDEX_SWAPPED: "`threadIdx.x` --> `threadIdx.y`, `a[i * n + j]` --> `a[j * n + i]`",
    MutationOperator.BLOCK_LOST: "`blockIdx.x * blockDim.x + threadIdx.x` --> `threadIdx.x`",
    MutationOperator.STRIDE_LOST: "`i += gridDim.x * blockDim.x` --> `i += blockDim.x`; the loop runs once",
    MutationOperator.OPERATOR_CHANGED: "`+` --> `-`, `*` --> `/`, `min` --> `max`, `==` --> `!=`, `+=` --> `-=`, ...",
    MutationOperator.CONSTANT_CHANGED: "`2` --> `3`, `0.5f` --> `1.5f`",
    MutationOperator.WRONG_IDENTITY: "the start of a sum 0 --> 1, of a product 1 --> 0, of an extremum -INFINITY --> 0",
    MutationOperator.BARRIER_REMOVED: "`__syncthreads();` --> `;`",
    MutationOperator.ATOMIC_MADE_PLAIN: "`atomicAdd(&x, v);` --> `*(&x) += v;`",
    MutationOperator.COPY_REMOVED: "`cudaMemcpy(...);` --> `;`",
    MutationOperator.COPY_SIZE: "`cudaMemcpy(d, s, n, ...)` --> `cudaMemcpy(d, s, n / 2, ...)`",
    MutationOperator.ALLOCATION_SIZE: "`cudaMalloc(&d, n)` --> `cudaMalloc(&d, n / 2)`",
    MutationOperator.MEMSET_REMOVED: "`cudaMemset(...);` --> `;`",
    MutationOperator.LAUNCH_SIZE: "grid `(n + 255) / 256` --> `n / 256`, `n` --> `n - 1`; block `256` --> `256 / 2`",
    MutationOperator.ARGUMENT_ORDER: "`k<<<g, b>>>(x, y)` --> `k<<<g, b>>>(y, x)` where the types are the same",
}


@dataclass(frozen=True)
class Edit:
    """The bytes from `start` to `end` (exclusive) of the text become `after`."""

    operator: MutationOperator
    start: int
    end: int
    after: str

    def apply(self, text: bytes) -> bytes:
        """The text with the fault."""
        return text[: self.start] + self.after.encode() + text[self.end :]


def replaced(operator: MutationOperator, node: Node, after: str) -> Edit:
    """The edit that puts `after` in the place of a node."""
    return Edit(operator, node.start_byte, node.end_byte, after)


# Expressions that bind at least as tightly as an operand of + does.
_TIGHT = frozenset(
    {
        *("identifier", "number_literal", "field_expression", "subscript_expression", "call_expression"),
        *("parenthesized_expression", "char_literal"),
    }
)
_NO_CODE = frozenset({"comment", "string_literal", "template_argument_list", "array_declarator", "sizeof_expression"})


def code(node: Node) -> Iterator[Node]:
    """The node and its descendants, those left out that are no executed code: extents of declared arrays, template
    arguments, sizeof."""
    stack = [node]
    while stack:
        current = stack.pop()
        yield current
        stack.extend(reversed([child for child in current.children if child.type not in _NO_CODE]))


def as_operand(node: Node) -> str:
    """The node's text, in parentheses where an operator beside it could take it apart."""
    text = text_of(node)
    return text if node.type in _TIGHT and not text.startswith("-") else f"({text})"


def as_term(node: Node) -> str:
    """The node's text as the left side of + or -: products and sums need no parentheses."""
    operator = field(node, "operator") if node.type == "binary_expression" else None
    return text_of(node) if operator is not None and text_of(operator) in "+-*/%" else as_operand(node)


def plain(node: Node) -> Node:
    """The expression inside parentheses."""
    while node.type == "parenthesized_expression" and len(named(node)) == 1:
        node = named(node)[0]
    return node


def operator_of(node: Node) -> str:
    """The operator of a binary, assignment or update expression; empty for other nodes."""
    operator = field(node, "operator")
    return text_of(operator) if operator is not None else ""


def arguments(call: Node) -> list[Node]:
    """The arguments of a call (of a launch: those of the kernel)."""
    found = field(call, "arguments")
    return named(found) if found is not None else []


def launch_configuration(call: Node) -> list[Node]:
    """Grid, block, ... of a launch; empty for a call that is none."""
    for child in call.children:
        if child.type == "kernel_call_syntax":
            return named(child)
    return []


def mentions(node: Node, *names: str) -> bool:
    """Whether one of the identifiers occurs in the node."""
    return any(n.type == "identifier" and text_of(n) in names for n in walk(node))
