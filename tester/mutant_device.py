"""Faults in kernels and device functions: each generator yields the edits of one `MutationOperator`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from tree_sitter import Node

from data.literals import integer_literal
from data.syntax import field, named, text_of, walk
from tester.mutant_edit import (
    Edit,
    MutationOperator,
    arguments,
    as_operand,
    as_term,
    code,
    mentions,
    operator_of,
    plain,
    replaced,
)
from tester.mutant_launch import Launch, is_decided_by_launch
from tester.mutant_rules import (
    canonical,
    chooses_one_thread,
    is_barrier,
    is_last_barrier,
    keeps_value,
    number,
    repeats_harmlessly,
    selects_extremum,
    stores_the_same,
)
from tester.mutant_sources import Definition, called_name

_BOUNDARIES = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
_BINARY = {
    **{"+": "-", "-": "+", "*": "/", "/": "*", "%": "/", "==": "!=", "!=": "=="},
    **{"<": ">", "<=": ">=", ">": "<", ">=": "<=", "&&": "||", "||": "&&", "&": "|", "|": "&", "<<": ">>", ">>": "<<"},
}
_COMPOUND = {"+=": "-=", "-=": "+=", "*=": "/=", "/=": "*=", "&=": "|=", "|=": "&=", "<<=": ">>=", ">>=": "<<="}
_UPDATES = {"++": "--", "--": "++"}
_CALLS = {
    **{a + suffix: b + suffix for suffix in ("", "f") for a, b in (("fmin", "fmax"), ("fmax", "fmin"))},
    **{"min": "max", "max": "min", "musl_min": "musl_max", "musl_max": "musl_min"},
    **{"atomicMin": "atomicMax", "atomicMax": "atomicMin", "atomicAnd": "atomicOr", "atomicOr": "atomicAnd"},
    **{"sinf": "cosf", "cosf": "sinf", "sin": "cos", "cos": "sin", "floorf": "ceilf", "ceilf": "floorf"},
}
_BUILT_IN = ("threadIdx", "blockIdx", "blockDim", "gridDim")
_PLAIN_ATOMICS = {"atomicAdd": "+=", "atomicSub": "-=", "atomicAnd": "&=", "atomicOr": "|=", "atomicXor": "^="}
_EXTREMA = frozenset({"INFINITY", "FLT_MAX", "DBL_MAX", "FLT_MIN", "DBL_MIN", "INT_MAX", "INT_MIN", "UINT_MAX"})


def device_edits(definition: Definition, launches: Sequence[Launch]) -> Iterator[Edit]:
    """All faults that can be planted in one kernel or device function. `launches` are those of the text."""
    decided = {n.id for n in walk(definition.body) if is_decided_by_launch(n, definition, launches)}
    arrays = [name for kind, name in definition.parameters if "*" in kind or "[" in kind]
    for node in code(definition.body):
        yield from _guards(node, definition.body, decided)
        yield from _off_by_one(node)
        yield from _boundaries(node, decided)
        yield from _swapped_indices(node, arrays)
        yield from _lost_blocks(node)
        yield from _lost_strides(node, arrays)
        yield from _operators(node, definition.body)
        yield from _constants(node, definition.body)
        yield from _identities(node, definition.body)
        yield from _barriers(node, definition.body)
        yield from _plain_atomics(node)


# ---------------------------------------------------------------- conditions


def _guards(node: Node, body: Node, decided: Collection[int]) -> Iterator[Edit]:
    """`if (c) s` --> `s`; `if (c) return;` --> `;`; `a && b` --> `a` in a condition. `decided` are comparisons that
    have one value in every thread: dropping one changes nothing."""
    operator = MutationOperator.GUARD_DROPPED
    if node.type == "if_statement" and field(node, "alternative") is None:
        condition, consequence = field(node, "condition"), field(node, "consequence")
        whole = plain(named(condition)[0]) if condition is not None and named(condition) else None
        if (whole is not None and _is_decided(whole, decided)) or stores_the_same(node, body):
            return
        if consequence is not None and _only_leaves(consequence):
            yield replaced(operator, node, ";")
        elif consequence is not None:
            yield Edit(operator, node.start_byte, consequence.start_byte, "")
    if node.type == "binary_expression" and operator_of(node) in ("&&", "||"):
        left, right = field(node, "left"), field(node, "right")
        for kept, dropped in ((left, right), (right, left)):
            if kept is not None and dropped is not None and not _is_decided(dropped, decided):
                yield replaced(operator, node, text_of(kept))


def _is_decided(condition: Node, decided: Collection[int]) -> bool:
    """Whether a condition is made of decided comparisons alone."""
    condition = plain(condition)
    if condition.type == "binary_expression" and operator_of(condition) in ("&&", "||"):
        sides = (field(condition, "left"), field(condition, "right"))
        return all(side is not None and _is_decided(side, decided) for side in sides)
    return condition.id in decided


def _only_leaves(statement: Node) -> bool:
    inner = named(statement) if statement.type == "compound_statement" else [statement]
    return len(inner) == 1 and inner[0].type in ("return_statement", "continue_statement", "break_statement")


def _boundaries(node: Node, decided: Collection[int]) -> Iterator[Edit]:
    token = field(node, "operator") if node.type == "binary_expression" else None
    if token is not None and text_of(token) in _BOUNDARIES and node.id not in decided and not selects_extremum(node):
        yield replaced(MutationOperator.BOUNDARY, token, _BOUNDARIES[text_of(token)])


# ---------------------------------------------------------------- indices


def _off_by_one(node: Node) -> Iterator[Edit]:
    operator = MutationOperator.OFF_BY_ONE
    if node.type == "subscript_argument_list" and len(named(node)) == 1:
        index = named(node)[0]
        if index.type != "number_literal":  # that is a changed constant
            yield replaced(operator, index, f"{as_term(index)} + 1")
        yield replaced(operator, index, f"{as_term(index)} - 1")
    elif node.type == "for_statement":
        yield from _off_by_one_loop(node)
    elif node.type == "binary_expression" and operator_of(node) in ("<", "<=") and not selects_extremum(node):
        bound = field(node, "right")
        if bound is not None:
            yield replaced(operator, bound, f"{as_term(bound)} - 1")


def _off_by_one_loop(loop: Node) -> Iterator[Edit]:
    """The first value of the loop's variable."""
    initializer = field(loop, "initializer")
    for node in walk(initializer) if initializer is not None else ():
        value = field(node, "value") if node.type == "init_declarator" else None
        if node.type == "assignment_expression" and operator_of(node) == "=":
            value = field(node, "right")
        if value is not None:
            yield replaced(MutationOperator.OFF_BY_ONE, value, f"{as_term(value)} + 1")


def _swapped_indices(node: Node, arrays: Collection[str]) -> Iterator[Edit]:
    operator = MutationOperator.INDEX_SWAPPED
    if node.type == "field_expression":
        base, member = field(node, "argument"), field(node, "field")
        if base is None or member is None or text_of(base) not in _BUILT_IN:
            return
        loop = _loop_updated_by(node)
        # Blocks are never higher than wide: the stride gets shorter, by a whole factor.
        shorter = (
            (text_of(base), text_of(member)) == ("blockDim", "x")
            and loop is not None
            and repeats_harmlessly(loop, arrays)
        )
        if not shorter:
            yield replaced(operator, member, {"x": "y", "y": "x", "z": "x"}[text_of(member)])
    elif node.type == "subscript_expression":
        yield from _swapped_subscripts(node)
    elif node.type == "subscript_argument_list" and len(named(node)) == 1:
        yield from _swapped_terms(named(node)[0])


def _loop_updated_by(node: Node) -> Node | None:
    """The for loop in whose update the expression stands; None where it stands elsewhere."""
    child, parent = node, node.parent
    while parent is not None and not parent.type.endswith("_statement"):
        child, parent = parent, parent.parent
    if parent is None or parent.type != "for_statement":
        return None
    update = field(parent, "update")
    return parent if update is not None and update.id == child.id else None


def _swapped_subscripts(node: Node) -> Iterator[Edit]:
    """`a[i][j]` --> `a[j][i]`."""
    inner = field(node, "argument")
    if inner is None or inner.type != "subscript_expression":
        return
    first, second = field(inner, "indices"), field(node, "indices")
    if first is not None and second is not None and canonical(first) != canonical(second):
        between = (inner.text or b"")[first.end_byte - inner.start_byte :].decode()
        after = f"{text_of(second)}{between}{text_of(first)}"
        yield Edit(MutationOperator.INDEX_SWAPPED, first.start_byte, second.end_byte, after)


def _swapped_terms(index: Node) -> Iterator[Edit]:
    """`i * n + j` --> `j * n + i`, for what is multiplied and what is added (both no literals)."""
    index = plain(index)
    if index.type != "binary_expression" or operator_of(index) != "+":
        return
    product, term = field(index, "left"), field(index, "right")
    product = plain(product) if product is not None else None
    if product is None or term is None or product.type != "binary_expression" or operator_of(product) != "*":
        return
    row = field(product, "left")
    if row is None or "number_literal" in (row.type, term.type) or canonical(row) == canonical(term):
        return
    start = index.start_byte
    text = index.text or b""
    after = (
        text[: row.start_byte - start]
        + as_operand(term).encode()
        + text[row.end_byte - start : term.start_byte - start]
        + text_of(row).encode()
    )
    yield replaced(MutationOperator.INDEX_SWAPPED, index, after.decode())


def _lost_blocks(node: Node) -> Iterator[Edit]:
    """`blockIdx.x * blockDim.x + threadIdx.x` --> `threadIdx.x`."""
    if node.type != "binary_expression" or operator_of(node) != "+":
        return
    left, right = field(node, "left"), field(node, "right")
    if left is not None and right is not None and mentions(node, "blockIdx") and mentions(node, "threadIdx"):
        for kept, lost in ((left, right), (right, left)):
            if mentions(lost, "blockIdx") and not mentions(kept, "blockIdx"):
                yield replaced(MutationOperator.BLOCK_LOST, node, text_of(kept))


def _lost_strides(node: Node, arrays: Collection[str]) -> Iterator[Edit]:
    """A loop that strides over the grid or the block: a factor of the stride lost, or the loop runs once."""
    operator = MutationOperator.STRIDE_LOST
    update = field(node, "update") if node.type == "for_statement" else None
    if update is None or not mentions(update, "gridDim", "blockDim"):
        return
    if not repeats_harmlessly(node, arrays):
        yield from _shorter_strides(update)
    body = field(node, "body")
    if body is not None and body.type == "compound_statement" and not _continues(body):
        yield Edit(operator, body.end_byte - 1, body.end_byte, "break; }")


def _shorter_strides(update: Node) -> Iterator[Edit]:
    operator = MutationOperator.STRIDE_LOST
    for product in walk(update):
        if product.type == "binary_expression" and operator_of(product) == "*":
            sides = [field(product, "left"), field(product, "right")]
            yield from (replaced(operator, product, text_of(side)) for side in sides if side is not None)
    if update.type == "assignment_expression" and operator_of(update) == "+=" and not mentions(update, "gridDim"):
        right = field(update, "right")
        if right is not None:
            yield replaced(operator, right, "1")


def _continues(body: Node) -> bool:
    return any(node.type == "continue_statement" for node in walk(body))


# ---------------------------------------------------------------- operators and values


def _operators(node: Node, body: Node) -> Iterator[Edit]:
    operator = MutationOperator.OPERATOR_CHANGED
    if node.type == "binary_expression" and not _only_chooses_a_thread(node, body):
        yield from _binary_operator(node)
    elif node.type in ("assignment_expression", "update_expression"):
        token = field(node, "operator")
        new = (_COMPOUND | _UPDATES).get(text_of(token)) if token is not None else None
        if token is not None and new is not None and not _changes_by_nothing(node):
            yield replaced(operator, token, new)
    elif called_name(node) in _CALLS:
        function = field(node, "function")
        if function is not None and len({repr(canonical(a)) for a in arguments(node)}) > 1:
            name = function if function.type == "identifier" else field(function, "name")
            if name is not None and text_of(name) in _CALLS:
                yield replaced(operator, name, _CALLS[text_of(name)])


def _binary_operator(node: Node) -> Iterator[Edit]:
    left, token, right = (field(node, name) for name in ("left", "operator", "right"))
    if left is None or token is None or right is None:
        return
    old = text_of(token)
    new = _BINARY.get(old)
    if new is not None and not keeps_value(old, new, left, right):
        yield replaced(MutationOperator.OPERATOR_CHANGED, token, new)


def _only_chooses_a_thread(node: Node, body: Node) -> bool:
    """Whether it is the condition of a store that any threads may do."""
    guard = node.parent
    while guard is not None and guard.type in ("parenthesized_expression", "condition_clause"):
        guard = guard.parent
    return guard is not None and guard.type == "if_statement" and stores_the_same(guard, body)


def _changes_by_nothing(assignment: Node) -> bool:
    """`x += 0`, `x *= 1`: the opposite operator does the same."""
    right = field(assignment, "right")
    value = number(text_of(plain(right))) if right is not None and plain(right).type == "number_literal" else None
    return (operator_of(assignment) in ("+=", "-=") and value == 0) or (
        operator_of(assignment) in ("*=", "/=") and value == 1
    )


def _constants(node: Node, body: Node) -> Iterator[Edit]:
    if node.type == "number_literal" and not chooses_one_thread(node, body):
        after = next_number(text_of(node))
        if after:
            yield replaced(MutationOperator.CONSTANT_CHANGED, node, after)


def next_number(text: str) -> str:
    """The literal that is greater by one, with the same suffix; empty where it cannot be read."""
    suffix = text[len(text.rstrip("uUlL")) :]
    digits = text[: len(text) - len(suffix)]
    integer = integer_literal(digits)
    if integer is not None:
        return f"{hex(integer + 1) if digits.lower().startswith('0x') else integer + 1}{suffix}"
    suffix = text[len(text.rstrip("fFlL")) :]
    try:
        value = float(text[: len(text) - len(suffix)])
    except ValueError:
        return ""
    return f"{value + 1!r}{suffix}"


def _identities(node: Node, body: Node) -> Iterator[Edit]:
    """The first value of what a loop accumulates: `float s = 0;`, `s = -INFINITY;`, `part[t] = 1;`."""
    if node.type == "init_declarator":
        target, value = field(node, "declarator"), field(node, "value")
    elif node.type == "assignment_expression" and operator_of(node) == "=":
        target, value = field(node, "left"), field(node, "right")
    else:
        return
    wrong = _wrong_identity(value) if value is not None else ""
    if wrong and value is not None and target is not None and _is_accumulated(text_of(target), node, body):
        yield replaced(MutationOperator.WRONG_IDENTITY, value, wrong)


def _wrong_identity(value: Node) -> str:
    """What is no identity where `value` is one: 1 for 0, 0 for 1 and for the start of an extremum."""
    inner = plain(value)
    if inner.type == "number_literal":
        start = number(text_of(inner))
        return "1" if start == 0 else "0" if start is not None and (start == 1 or abs(start) > 1e6) else ""
    words = {text_of(n) for n in walk(inner) if n.type == "identifier"}
    return "0" if words and words <= _EXTREMA else ""


def _is_accumulated(target: str, start: Node, body: Node) -> bool:
    """Whether a loop that begins later updates `target` from its own value."""
    kinds = ("for_statement", "while_statement", "do_statement")
    later = [loop for loop in walk(body) if loop.type in kinds and loop.start_byte > start.start_byte]
    return any(_updates(node, target) for loop in later for node in walk(loop))


def _updates(node: Node, target: str) -> bool:
    if node.type != "assignment_expression" or text_of(node.children[0]) != target:
        return False
    right = field(node, "right")
    if operator_of(node) != "=":
        return True
    guard = node.parent
    while guard is not None and guard.type in ("expression_statement", "compound_statement"):
        guard = guard.parent
    condition = field(guard, "condition") if guard is not None and guard.type == "if_statement" else None
    return any(n is not None and any(text_of(m) == target for m in walk(n)) for n in (right, condition))


# ---------------------------------------------------------------- threads together


def _barriers(node: Node, body: Node) -> Iterator[Edit]:
    if is_barrier(node) and not is_last_barrier(node, body):
        yield replaced(MutationOperator.BARRIER_REMOVED, node, ";")


def _plain_atomics(node: Node) -> Iterator[Edit]:
    """An atomic whose result is not used, as the plain operation."""
    if node.type != "expression_statement" or len(named(node)) != 1:
        return
    call = named(node)[0]
    given = arguments(call) if call.type == "call_expression" else []
    if len(given) != 2:
        return
    name, place, value = called_name(call), f"*({text_of(given[0])})", text_of(given[1])
    if name in _PLAIN_ATOMICS:
        yield replaced(MutationOperator.ATOMIC_MADE_PLAIN, call, f"{place} {_PLAIN_ATOMICS[name]} {value}")
    elif name in ("atomicMin", "atomicMax"):
        sign = "<" if name == "atomicMin" else ">"
        after = f"if (({value}) {sign} {place}) {place} = {value}"
        yield replaced(MutationOperator.ATOMIC_MADE_PLAIN, call, after)
