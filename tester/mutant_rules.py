"""Which faults are none: edits that provably change no result, by rule. Each rule says why.

What these rules decide is not planted at all. What needs the optimiser is decided by compile/same_code.py, what needs a
person stands in a hand-checked list; that no test kills a mutant is never a reason.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from tree_sitter import Node

from data.literals import fold, integer_literal
from data.syntax import field, named, text_of, walk
from tester.mutant_edit import mentions, operator_of, plain
from tester.mutant_sources import called_name

# IEEE 754 addition and multiplication commute (they are not associative, so nothing is regrouped here).
_COMMUTATIVE = frozenset({"+", "*", "==", "!=", "&", "|", "^"})
_COMMUTATIVE_CALLS = frozenset({"min", "max"})  # of floats only up to the sign of a zero and NaN: left out
_EXTREMUM_CALLS = frozenset({"min", "max", "fmin", "fmax", "fminf", "fmaxf", "musl_min", "musl_max"})
_BUILT_INS = ("threadIdx", "blockIdx", "blockDim", "gridDim")


def number(text: str) -> float | None:
    """The value of a number literal, its suffix ignored; None where it cannot be read."""
    integer = integer_literal(text)
    if integer is not None:
        return float(integer)
    try:
        return float(text.lower().rstrip("fl"))
    except ValueError:
        return None


def canonical(node: Node, names: Mapping[str, str] | None = None, values: Mapping[str, int] | None = None) -> object:
    """A form that is equal for two expressions or statements only if they compute the same: parentheses and spelling
    of numbers left out, operands of commutative operators in one order, identifiers renamed by `names`.

    Operands with side effects keep their order. `values` are the built-in variables that are constant in a kernel
    (`{"blockDim.y": 1}`); what they make trivial is left out (rule "flat launch": `x * blockDim.y` is x).
    """
    node = plain(node)
    if node.type == "identifier":
        text = text_of(node)
        return (names or {}).get(text, text)
    if node.type == "number_literal":
        text = text_of(node)
        value = integer_literal(text)
        return ("integer", value) if value is not None and text.lstrip("-").isdigit() else ("number", text)
    if node.child_count == 0:
        return text_of(node)
    if values and node.type == "field_expression" and (member := "".join(map(text_of, node.children))) in values:
        return ("integer", values[member])
    parts = [canonical(child, names, values) for child in node.children if child.type != "comment"]
    if values and node.type == "cast_expression" and _keeps_index(node) and _is_index(parts[-1]):
        return parts[-1]
    if values and node.type == "binary_expression":
        folded = _fold(operator_of(node), parts[0], parts[-1])
        if folded is not None:
            return folded
    if _commutes(node) and not _has_side_effects(node):
        parts[0], parts[-1] = sorted((parts[0], parts[-1]), key=repr)
    return (node.type, *parts)


# Types that hold every number of a block or a thread.
_WIDE = frozenset({"int", "unsigned", "unsigned int", "long", "unsigned long", "size_t", "long long"})


def _keeps_index(cast: Node) -> bool:
    kind = field(cast, "type")
    return kind is not None and text_of(kind) in _WIDE


_ZERO, _ONE = ("integer", 0), ("integer", 1)


def _fold(operator: str, left: object, right: object) -> object | None:
    """The simpler form of an operation with an integer 0 or 1; None where there is none.

    0 * x and 0 / x are 0 only where x is an integer (and not 0): taken where x is made of built-in variables.
    """
    if (operator in ("+", "-") and right == _ZERO) or (operator in ("*", "/") and right == _ONE):
        return left
    if (operator == "+" and left == _ZERO) or (operator == "*" and left == _ONE):
        return right
    if operator == "*" and _ZERO in (left, right):
        return _ZERO if _is_index(left) and _is_index(right) else None
    if operator == "/" and left == _ZERO:
        return _ZERO if _is_extent(right) else None
    return None


def _is_index(form: object) -> bool:
    """Whether a form is made of integers and built-in variables alone."""
    if not isinstance(form, tuple):
        return isinstance(form, str) and (form in "+-*./xyz" or form in _BUILT_INS)
    return form[0] == "integer" or all(_is_index(part) for part in form[1:])


def _is_extent(form: object) -> bool:
    """blockDim.x and the like, as they stand or as a number: never 0."""
    if isinstance(form, tuple) and form[0] == "integer":
        return form != _ZERO
    return isinstance(form, tuple) and form[0] == "field_expression" and form[1] in ("blockDim", "gridDim")


def _commutes(node: Node) -> bool:
    return node.type == "binary_expression" and operator_of(node) in _COMMUTATIVE


def _has_side_effects(node: Node) -> bool:
    return any(n.type in ("assignment_expression", "update_expression", "call_expression") for n in walk(node))


def keeps_value(operator: str, new: str, left: Node, right: Node) -> bool:
    """Rule "neutral operand": x + 0 and x - 0, x * 1 and x / 1 are the same value (IEEE 754 too, but for the sign of a
    zero), and so are two constants with equal results."""
    a, b = (integer_literal(text_of(plain(n))) if plain(n).type == "number_literal" else None for n in (left, right))
    if a is not None and b is not None:
        return fold(operator, [a, b]) == fold(new, [a, b])
    value = number(text_of(plain(right))) if plain(right).type == "number_literal" else None
    return (value == 0 and {operator, new} == {"+", "-"}) or (value == 1 and {operator, new} == {"*", "/"})


def selects_extremum(comparison: Node) -> bool:
    """Rule "extremum": `a < b` that only chooses between a and b may as well be `a <= b`: they differ where a equals b.

    `a < b ? a : b`, `if (a < b) b = a;` and the like, with nothing else in the branch and no `else`.
    """
    pair = {repr(canonical(side)) for side in (field(comparison, "left"), field(comparison, "right")) if side}
    parent = comparison.parent
    while parent is not None and parent.type in ("parenthesized_expression", "condition_clause"):
        parent = parent.parent
    if parent is None:
        return False
    if parent.type == "conditional_expression":
        arms = [field(parent, "consequence"), field(parent, "alternative")]
        return _names_pair([arm for arm in arms if arm is not None], pair)
    if parent.type != "if_statement" or field(parent, "alternative") is not None:
        return False
    branch = field(parent, "consequence")
    while branch is not None and branch.type in ("compound_statement", "expression_statement"):
        inner = named(branch)
        branch = inner[0] if len(inner) == 1 else None
    if branch is None or branch.type != "assignment_expression" or operator_of(branch) != "=":
        return False
    sides = [field(branch, "left"), field(branch, "right")]
    return _names_pair([side for side in sides if side is not None], pair)


def _names_pair(nodes: list[Node], pair: set[str]) -> bool:
    """Whether the two nodes are the two compared expressions; a literal counts by its value (0 and 0.0f)."""
    return len(nodes) == 2 and {_by_value(n) for n in nodes} == {_canonical_value(text) for text in pair}


def _by_value(node: Node) -> str:
    return _canonical_value(repr(canonical(node)))


def _canonical_value(text: str) -> str:
    """`('integer', 0)` and `('number', '0.0f')` are one value."""
    kind, _, rest = text.strip("()").partition(", ")
    if kind in ("'integer'", "'number'"):
        value = number(rest.strip("'"))
        return text if value is None else repr(value)
    return text


def is_last_barrier(statement: Node, body: Node) -> bool:
    """Rule "last barrier": a barrier after which a kernel does nothing orders nothing; nor does one that directly
    follows another."""
    siblings = named(statement.parent) if statement.parent is not None else []
    at = next((i for i, node in enumerate(siblings) if node.id == statement.id), 0)
    if statement.parent is not None and statement.parent.id == body.id and at == len(siblings) - 1:
        return True
    return any(0 <= k < len(siblings) and text_of(siblings[k]) == text_of(statement) for k in (at - 1, at + 1))


def chooses_one_thread(literal: Node, body: Node) -> bool:
    """Rule "any thread": in `if (t == 0) s`, with t the number of a thread in its block and no mention of it in s, any
    other thread of the block does s as well, so the 0 is not changed to 1.

    Applied wherever it may hold (a block of one thread has no thread 1): then a real fault is not planted, and never an
    equivalent one counted.
    """
    comparison = literal.parent
    if comparison is None or comparison.type != "binary_expression" or operator_of(comparison) not in ("==", "!="):
        return False
    other = field(comparison, "left")
    statement = comparison.parent
    while statement is not None and statement.type != "if_statement":
        statement = statement.parent if not statement.type.endswith("_statement") else None
    if other is None or statement is None:
        return False
    names = [text_of(n) for n in walk(other) if n.type == "identifier"]
    consequence = field(statement, "consequence")
    from_thread = any(name == "threadIdx" or name in _thread_names(body) for name in names)
    return from_thread and consequence is not None and not mentions(consequence, *names)


def stores_the_same(guard: Node, body: Node) -> bool:
    """Rule "any threads": in `if (t == 0) r[b] = s[0];` right after a barrier, with t the number of a thread in its
    block and no mention of it in the store, every thread of the block would store the same value there."""
    condition, store = field(guard, "condition"), field(guard, "consequence")
    compared = plain(named(condition)[0]) if condition is not None and named(condition) else None
    while store is not None and store.type in ("compound_statement", "expression_statement"):
        store = named(store)[0] if len(named(store)) == 1 else None
    if compared is None or compared.type != "binary_expression" or operator_of(compared) != "==" or store is None:
        return False
    names = {text_of(n) for n in walk(compared) if n.type == "identifier"}
    target = field(store, "left") if store.type == "assignment_expression" and operator_of(store) == "=" else None
    value = field(store, "right")
    if target is None or value is None or mentions(store, *names) or not names & {"threadIdx", *_thread_names(body)}:
        return False
    return not mentions(value, text_of(_base(target))) and _follows_barrier(guard)


def _follows_barrier(statement: Node) -> bool:
    """Whether the statement before it is a barrier, or a loop that ends with one."""
    siblings = named(statement.parent) if statement.parent is not None else []
    at = next((i for i, node in enumerate(siblings) if node.id == statement.id), 0)
    before = siblings[at - 1] if at > 0 else None
    if before is not None and before.type == "for_statement":
        body = field(before, "body")
        before = named(body)[-1] if body is not None and named(body) else None
    return before is not None and is_barrier(before)


def _thread_names(body: Node) -> set[str]:
    """Variables whose initial value mentions threadIdx."""
    found = set()
    for node in walk(body):
        if node.type == "init_declarator":
            declarator, value = field(node, "declarator"), field(node, "value")
            if declarator is not None and value is not None and mentions(value, "threadIdx"):
                found.add(text_of(declarator))
    return found


def covers_with_any_grid(kernel_body: Node) -> bool:
    """Rule "grid-stride": a kernel whose use of blockIdx is the start of loops that stride by gridDim covers its
    elements with any grid of at least one block, so the size of its grid is not mutated."""
    loops = [n for n in walk(kernel_body) if _strides_by_grid(n)]
    inside = {n.id for loop in loops for part in _head(loop) for n in walk(part)}
    uses = [n for n in walk(kernel_body) if n.type == "identifier" and text_of(n) == "blockIdx"]
    return bool(loops) and all(use.id in inside for use in uses)


def covers_with_any_block(kernel_body: Node) -> bool:
    """Rule "any block": a kernel that strides by gridDim * blockDim covers its elements with any block, and so does
    what combines the threads of a block when it asks for blockDim; its block's size is not mutated."""
    return any(_strides_by_grid(n) for n in walk(kernel_body))


def repeats_harmlessly(loop: Node, arrays: Collection[str]) -> bool:
    """Rule "repeated work": iterations of a loop that are run more than once change nothing where each only stores to
    arrays that the loop does not read, to its own variables, or updates others in a way that a second time does not
    change (minimum, maximum, |, &, a constant).

    So a stride that has lost a factor, which still reaches every iteration, is only slower. `arrays` are the names of
    the pointers.
    """
    body = field(loop, "body")
    if body is None:
        return False
    own = {text_of(d) for n in walk(loop) if (d := _declared(n)) is not None}
    stored: set[str] = set()
    targets: set[int] = set()
    for node in walk(body):
        if node.type not in ("assignment_expression", "update_expression"):
            continue
        target = field(node, "left") if node.type == "assignment_expression" else field(node, "argument")
        if target is None:
            return False
        if target.type == "identifier":
            if text_of(target) not in own and not _is_idempotent(node):
                return False
        elif (base := _base(target)).type == "identifier" and operator_of(node) == "=":
            stored.add(text_of(base))
            targets.add(base.id)
        else:
            return False
    used = [n for n in walk(loop) if n.type == "identifier" and n.id not in targets]
    reads = {text_of(n) for n in used}
    calls = {name for n in walk(body) if (name := called_name(n))}
    passed = {text_of(n) for n in used if n.parent is not None and n.parent.type == "argument_list"}
    together = any(name.startswith(("atomic", "__sync", "__shfl")) for name in calls)
    return not together and not stored & reads and not passed & set(arrays)


def _declared(node: Node) -> Node | None:
    """The name that a declaration declares."""
    if node.type == "init_declarator":
        return field(node, "declarator")
    return field(node, "declarator") if node.type == "declaration" else None


def _base(target: Node) -> Node:
    """`a` of `a[i][j]` and of `a[i].x`."""
    while target.type in ("subscript_expression", "field_expression"):
        inner = field(target, "argument")
        if inner is None:
            break
        target = inner
    return target


def _is_idempotent(assignment: Node) -> bool:
    """Whether doing the assignment again with the same other operands changes nothing more."""
    left, right = field(assignment, "left"), field(assignment, "right")
    if left is None or right is None or operator_of(assignment) in ("|=", "&="):
        return left is not None and right is not None
    if operator_of(assignment) != "=":
        return False
    right = plain(right)
    if right.type in ("number_literal", "true", "false"):
        return True
    if called_name(right) in _EXTREMUM_CALLS:
        return mentions(right, text_of(left))
    guard = assignment.parent
    while guard is not None and guard.type in ("expression_statement", "compound_statement"):
        guard = guard.parent
    condition = field(guard, "condition") if guard is not None and guard.type == "if_statement" else None
    compared = plain(named(condition)[0]) if condition is not None and named(condition) else None
    return compared is not None and compared.type == "binary_expression" and selects_extremum(compared)


def _strides_by_grid(loop: Node) -> bool:
    update = field(loop, "update") if loop.type == "for_statement" else None
    return update is not None and mentions(update, "gridDim")


def _head(loop: Node) -> list[Node]:
    return [part for name in ("initializer", "condition", "update") if (part := field(loop, name)) is not None]


def is_barrier(node: Node) -> bool:
    """Whether the statement is a call of a barrier: `__syncthreads();`, `__syncwarp();`, `block.sync();`."""
    if node.type != "expression_statement" or len(named(node)) != 1:
        return False
    call = named(node)[0]
    function = field(call, "function") if call.type == "call_expression" else None
    if function is not None and function.type == "field_expression":
        return text_of(function).endswith(".sync")
    return called_name(call) in ("__syncthreads", "__syncwarp")
