"""What each parameter seems to be for, by a light reading of the function's text.

The reading is flow-insensitive and independent of every Translator, so that one error cannot hide in both. Roles only
steer which inputs are tried; whether an input is valid is decided by running the function.

Every name has origins, the parameters that its value may come from: `n` for a scalar parameter, `cfg.n` for a field of
a struct, `&a` for a pointer into the array `a`, and `a[]` for an element of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tree_sitter import Node

from data.function import Function
from tester.fuzz_syntax import (
    LOOPS,
    arguments_of,
    base_name,
    declared_name,
    identifiers,
    indices_of,
    innermost_loop,
    is_in_loop,
    operator_of,
    parse_text,
    read_numbers,
    text_of,
    walk,
)

_BRANCHES = ("if_statement", "conditional_expression", "switch_statement")
_FLOAT_WORDS = ("float", "double")
_CASTS_TO_BYTES = ("char", "uint8_t", "int8_t", "u8")


@dataclass(frozen=True)
class Loop:
    """A loop: the origins and the numbers in its bounds, whether bounds multiply, and the loops in its body."""

    origins: frozenset[str]
    numbers: tuple[int, ...]
    multiplies: bool
    inner: tuple[Loop, ...]


@dataclass(frozen=True)
class Roles:
    """Scalars are named as in origins (`n`, `cfg.n`), arrays by their parameter's name.

    `sizes` bound loops; `divisors` divide; `factors` and `terms` are multiplied and added in subscripts; `pitches`
    count bytes. `indices` are arrays whose elements take part in subscripts, `bounds` in loop bounds, `dividing`
    divide. `integers` and `reals` are the constants of the text. `accumulates`: some floating-point value is updated in
    a loop, so its operations can be reordered. `data_dependent`: which elements are touched may depend on more than
    the sizes. `nullable` are arrays whose pointer itself is looked at in a condition.
    """

    sizes: tuple[str, ...] = ()
    divisors: frozenset[str] = frozenset()
    factors: frozenset[str] = frozenset()
    terms: frozenset[str] = frozenset()
    pitches: frozenset[str] = frozenset()
    indices: frozenset[str] = frozenset()
    bounds: frozenset[str] = frozenset()
    dividing: frozenset[str] = frozenset()
    integers: tuple[int, ...] = ()
    reals: tuple[float, ...] = ()
    accumulates: bool = False
    data_dependent: bool = False
    nullable: frozenset[str] = frozenset()
    loops: tuple[Loop, ...] = ()


@dataclass
class _Names:
    """Origins of the names in one function, and what else is known of them."""

    function: Function
    origins: dict[str, frozenset[str]] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    iterators: set[str] = field(default_factory=set)
    multiplied: set[str] = field(default_factory=set)  # locals defined by a product
    mentions: dict[str, set[str]] = field(default_factory=dict)  # variables in the definitions of a local


def read_roles(function: Function) -> Roles:
    """The roles of the function's parameters. Text that does not parse gives what could be read of it."""
    body = parse_text(function)
    names = _read_names(function, body)
    loops = tuple(_read_loops(body, names)) or _hidden_loops(function, body)
    bounds = frozenset().union(*(loop.origins for loop in _flat(loops)))
    divisors, factors, terms, pitches, indices = _read_uses(body, names)
    scalars = _integer_scalars(function)
    integers, reals = read_numbers(body)
    conditions = _read_conditions(body, names)
    return Roles(
        sizes=tuple(name for name in scalars if name in bounds),
        divisors=divisors & set(scalars),
        factors=factors & set(scalars),
        terms=terms & set(scalars),
        pitches=pitches & set(scalars),
        indices=_elements(indices),
        bounds=_elements(bounds),
        dividing=_elements(divisors),
        integers=integers,
        reals=reals,
        accumulates=_accumulates(body, names),
        data_dependent=bool(_elements(bounds)) or not conditions <= bounds,
        nullable=frozenset(origin[1:] for origin in conditions if origin.startswith("&")),
        loops=loops,
    )


def estimate_operations(loops: tuple[Loop, ...], scalars: Mapping[str, int]) -> float:
    """About how many times the innermost statements run when the integer scalars have these values."""
    total = 0.0
    for loop in loops:
        values = [float(abs(scalars[name])) for name in sorted(loop.origins) if name in scalars]
        values += [float(abs(number)) for number in loop.numbers]
        if any(origin.endswith("[]") for origin in loop.origins):
            values.append(8.0)
        extent = 1.0
        for value in values:
            extent = extent * max(value, 1.0) if loop.multiplies else max(extent, value)
        total += extent * (1.0 + estimate_operations(loop.inner, scalars))
    return total


# ---------------------------------------------------------------- origins


def _integer_scalars(function: Function) -> list[str]:
    """Integer scalar parameters and integer fields of structs by value, in order."""
    names = []
    for parameter in function.parameters:
        if parameter.is_array:
            continue
        if parameter.dtype.names is None:
            names += [parameter.name] if parameter.dtype.kind in "iu" else []
            continue
        for name in parameter.dtype.names:
            if parameter.dtype[name].kind in "iu":
                names.append(f"{parameter.name}.{name}")
    return names


def _elements(origins: frozenset[str]) -> frozenset[str]:
    return frozenset(origin[:-2] for origin in origins if origin.endswith("[]"))


# ---------------------------------------------------------------- names


def _read_names(function: Function, body: Node) -> _Names:
    names = _Names(function)
    for parameter in function.parameters:
        names.origins[parameter.name] = frozenset({f"&{parameter.name}" if parameter.is_array else parameter.name})
        names.types[parameter.name] = parameter.dtype.name
    assignments = list(_assignments(body, names))
    for name, value in assignments:
        names.mentions.setdefault(name, set()).update(identifiers(value))
    for _ in range(6):  # chains of definitions are short; what is missed only steers less well
        before = dict(names.origins)
        for name, value in assignments:
            known = names.origins.get(name, frozenset())
            names.origins[name] = known | _origins(value, names)
            if any(n.type == "binary_expression" and operator_of(n) == "*" for n in walk(value)):
                names.multiplied.add(name)
        if names.origins == before:
            break
    return names


def _assignments(body: Node, names: _Names) -> Iterator[tuple[str, Node]]:
    """Pairs (name, value) of every definition; notes declared types and the variables that loops step."""
    for node in walk(body):
        if node.type == "declaration":
            for child in node.children_by_field_name("declarator"):
                names.types.setdefault(declared_name(child), text_of(node.child_by_field_name("type")))
        if node.type == "init_declarator":
            value = node.child_by_field_name("value")
            if value is not None:
                yield declared_name(node.child_by_field_name("declarator")), value
        elif node.type == "assignment_expression":
            left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
            if left is not None and right is not None and not _is_parameter_element(left, names):
                yield base_name(left), right
            if operator_of(node) in ("+=", "-=", "*=", "/=", "<<=", ">>=") and is_in_loop(node):
                names.iterators.add(base_name(left))
        elif node.type == "update_expression" and is_in_loop(node):
            names.iterators.add(base_name(node.child_by_field_name("argument")))


def _is_parameter_element(lvalue: Node, names: _Names) -> bool:
    """Whether a store goes through a parameter: it changes elements, not where the parameter points."""
    return lvalue.type != "identifier" and any(p.name == base_name(lvalue) for p in names.function.parameters)


def _origins(node: Node | None, names: _Names, skip: frozenset[str] = frozenset()) -> frozenset[str]:
    """Where the value of an expression comes from; variables in `skip` are not followed."""
    if node is None:
        return frozenset()
    if node.type == "identifier":
        name = text_of(node)
        return frozenset() if name in skip else names.origins.get(name, frozenset())
    if node.type == "subscript_expression":
        return _loaded(_origins(node.child_by_field_name("argument"), names, skip))
    if node.type == "pointer_expression" and operator_of(node) == "*":
        return _loaded(_origins(node.child_by_field_name("argument"), names, skip))
    if node.type == "field_expression":
        base = _origins(node.child_by_field_name("argument"), names, skip)
        member = text_of(node.child_by_field_name("field"))
        loaded = {f"{origin[1:]}[]" for origin in base if origin.startswith("&")}
        kept = {_member_of(origin, member, names) for origin in base if origin[0] != "&"}
        return frozenset(loaded | kept)
    if node.type == "call_expression":
        return frozenset().union(*(_origins(n, names, skip) for n in arguments_of(node)))
    return frozenset().union(*(_origins(child, names, skip) for child in node.named_children))


def _field(origin: str, member: str) -> str:
    """The origin of a field; fields of fields and of elements are not told apart."""
    return origin if origin.endswith("[]") or "." in origin else f"{origin}.{member}"


def _loaded(base: frozenset[str]) -> frozenset[str]:
    """Origins of an element, given those of what is subscripted (offsets in pointer arithmetic are not the value's)."""
    pointed = {f"{origin[1:]}[]" for origin in base if origin.startswith("&")}
    return frozenset(pointed) or frozenset(origin for origin in base if origin.endswith("[]"))


def _member_of(origin: str, member: str, names: _Names) -> str:
    """`origin.member` where the parameter has such a field; else the origin as it is, so that paths cannot grow."""
    parameter, *path = f"{origin}.{member}".split(".")
    dtype = next((p.dtype for p in names.function.parameters if p.name == parameter), None)
    for step in path:
        if dtype is None or dtype.fields is None or step not in dtype.fields:
            return origin
        dtype = dtype.fields[step][0]
    return f"{origin}.{member}"


# ---------------------------------------------------------------- loops


def _read_loops(node: Node, names: _Names) -> Iterator[Loop]:
    """The outermost loops below the node, each with those in its body."""
    for child in node.named_children:
        if child.type not in LOOPS:
            yield from _read_loops(child, names)
            continue
        parts = [child.child_by_field_name(part) for part in ("initializer", "condition", "right")]
        skip = frozenset(names.iterators)
        origins = frozenset().union(*(_origins(part, names, skip) for part in parts))
        origins |= _initial_origins(child, names)
        present = [part for part in parts if part is not None]
        numbers = [n for part in present for n in read_numbers(part)[0]]
        mentioned = {name for part in present for name in identifiers(part)}
        operators = {operator_of(n) for part in present for n in walk(part) if n.type == "binary_expression"}
        multiplies = "*" in operators or bool(mentioned & names.multiplied - names.iterators)
        inner = child.child_by_field_name("body")
        yield Loop(origins, tuple(numbers), multiplies, () if inner is None else tuple(_read_loops_in(inner, names)))


def _read_loops_in(body: Node, names: _Names) -> Iterator[Loop]:
    if body.type in LOOPS:
        holder = body.parent
        if holder is not None:
            yield from (loop for loop in _read_loops(holder, names))
    else:
        yield from _read_loops(body, names)


def _hidden_loops(function: Function, body: Node) -> tuple[Loop, ...]:
    """What stands for loops that cannot be read, as a macro makes them (`FOR(i, n) {`): a nest over the integers that
    such calls get, one of them twice. Empty where no statement looks like one."""
    called = (n for n in walk(body) if n.type == "call_expression" and _looks_like_a_loop(n))
    given = {name for call in called for name in identifiers(call)}
    scalars = [name for name in _integer_scalars(function) if name in given]
    nest: tuple[Loop, ...] = ()
    for name in scalars if len(scalars) > 1 else 2 * scalars:
        nest = (Loop(frozenset({name}), (), False, nest),)
    return nest


def _looks_like_a_loop(call: Node) -> bool:
    """Whether a call stands where a statement does and has no semicolon after it."""
    statement = call.parent
    if statement is None or statement.type not in ("expression_statement", "ERROR"):
        return False
    return statement.type == "ERROR" or not any(
        child.type == ";" and not child.is_missing for child in statement.children
    )


def _initial_origins(loop: Node, names: _Names) -> frozenset[str]:
    """Origins of the condition's own variables where they are stepped (`while (n--)`, `while (lo < hi)`)."""
    condition = loop.child_by_field_name("condition")
    if condition is None:
        return frozenset()
    parameters = {parameter.name for parameter in names.function.parameters}
    stepped = identifiers(condition) & names.iterators & parameters
    origins = frozenset().union(*(names.origins[name] for name in stepped))
    if loop.type == "for_statement":
        return origins
    used = identifiers(condition) & names.iterators
    return origins.union(*(names.origins.get(name, frozenset()) for name in used))


def _flat(loops: tuple[Loop, ...]) -> Iterator[Loop]:
    for loop in loops:
        yield loop
        yield from _flat(loop.inner)


# ---------------------------------------------------------------- uses


def _read_uses(body: Node, names: _Names) -> tuple[frozenset[str], ...]:
    """(divisors, factors of subscripts, terms of subscripts, byte pitches, origins of subscripts)."""
    divisors: set[str] = set()
    subscripts: set[str] = set()
    factors: set[str] = set()
    pitches: set[str] = set()
    for node in walk(body):
        operator = operator_of(node)
        if node.type in ("binary_expression", "assignment_expression") and operator in ("/", "%", "/=", "%="):
            divisors |= _origins(node.child_by_field_name("right"), names)
        if node.type == "binary_expression" and operator == "*":
            for side in ("left", "right"):
                factors |= _origins(node.child_by_field_name(side), names)
        if node.type == "subscript_expression":
            for part in indices_of(node):
                subscripts |= _origins(part, names)
        elif node.type == "binary_expression" and operator in ("+", "-"):
            sides = [_origins(node.child_by_field_name(side), names) for side in ("left", "right")]
            both = sides[0] | sides[1]
            if any(origin.startswith("&") for origin in both):
                values = {origin for origin in both if not origin.startswith("&")}
                subscripts |= values
                pitches |= values if _is_byte_arithmetic(node) else set()
    plain = frozenset(subscripts)
    return frozenset(divisors), frozenset(factors) & plain, plain - factors, frozenset(pitches), plain


def _is_byte_arithmetic(node: Node) -> bool:
    left = node.child_by_field_name("left")
    if left is None:
        return False
    casts = [n for n in walk(left) if n.type == "cast_expression"]
    return any(word in text_of(c.child_by_field_name("type")) for c in casts for word in _CASTS_TO_BYTES)


def _accumulates(body: Node, names: _Names) -> bool:
    """Whether a floating-point value (or one of unknown type) is updated from itself, not indexed by the loop."""
    for node in walk(body):
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if node.type != "assignment_expression" or left is None or right is None or not is_in_loop(node):
            continue
        if _is_integer_type(names.types.get(base_name(left), "")) or _is_indexed_by_loop(left, names):
            continue
        if operator_of(node) in ("+=", "-=", "*=", "/=") or text_of(left) in {text_of(n) for n in walk(right)}:
            return True
    return False


def _is_integer_type(text: str) -> bool:
    words = ("int", "long", "char", "short", "bool", "unsigned", "size_t")
    return any(word in text for word in words) and not any(word in text for word in _FLOAT_WORDS)


def _is_indexed_by_loop(lvalue: Node, names: _Names) -> bool:
    """Whether each iteration of the loops around updates another element (as far as the text shows). A subscript that
    was loaded (`sums[label[i]]`) may come again."""
    if lvalue.type == "identifier":
        return False
    used = identifiers(lvalue)
    for _ in range(4):
        mentioned = [names.mentions.get(name, set()) for name in used]
        used |= {m for group in mentioned if not any(_is_array(m, names) for m in group) for m in group}
    loop = innermost_loop(lvalue)
    while loop is not None:
        update = loop.child_by_field_name("update")
        if update is None or not used & identifiers(update):
            return False
        loop = innermost_loop(loop)
    return True


def _is_array(name: str, names: _Names) -> bool:
    return any(p.name == name and p.is_array for p in names.function.parameters)


def _read_conditions(body: Node, names: _Names) -> frozenset[str]:
    """Origins of what branches (not loops) look at."""
    nodes = (node.child_by_field_name("condition") for node in walk(body) if node.type in _BRANCHES)
    return frozenset().union(*(_origins(node, names) for node in nodes))
