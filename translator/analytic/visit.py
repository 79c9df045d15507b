"""Walking and rewriting the IR: which symbols a piece of program reads and assigns, and substitution."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar, cast

from translator.analytic.ir import (
    AddressOf,
    Assign,
    Block,
    Break,
    Continue,
    Declare,
    Expr,
    For,
    Index,
    Loop,
    Member,
    Node,
    Return,
    Stmt,
    Switch,
    Symbol,
    Var,
    While,
)

N = TypeVar("N", bound=Node)


def children(node: Node) -> Iterator[Node]:
    """The nodes directly below `node`, in source order."""
    for field in dataclasses.fields(node):
        if field.name in ("at", "type"):
            continue
        value = getattr(node, field.name)
        if isinstance(value, Node):
            yield value
        elif isinstance(value, tuple):
            yield from (item for item in value if isinstance(item, Node))


def walk(*nodes: Node) -> Iterator[Node]:
    """Every node of the trees, parents before children, in source order."""
    for node in nodes:
        yield node
        yield from walk(*children(node))


def rewrite(node: N, change: Callable[[Node], Node | None]) -> N:
    """The tree with `change` applied bottom-up: it returns the node to put in place, or None to keep the node."""
    updates: dict[str, Any] = {}
    for field in dataclasses.fields(node):
        if field.name in ("at", "type"):
            continue
        value = getattr(node, field.name)
        if isinstance(value, Node):
            new: object = rewrite(value, change)
        elif isinstance(value, tuple) and any(isinstance(item, Node) for item in value):
            new = tuple(rewrite(item, change) if isinstance(item, Node) else item for item in value)
            if all(a is b for a, b in zip(value, cast(tuple[object, ...], new), strict=True)):
                new = value
        else:
            continue
        if new is not value:
            updates[field.name] = new
    result: Node = dataclasses.replace(node, **updates) if updates else node
    changed = change(result)
    return cast(N, result if changed is None else changed)


def substitute(node: N, values: Mapping[Symbol, Expr]) -> N:
    """The tree with every read of a symbol in `values` replaced by its expression (assignment targets included)."""
    if not values:
        return node
    return rewrite(node, lambda n: values.get(n.symbol) if isinstance(n, Var) else None)


def symbols(*nodes: Node) -> set[Symbol]:
    """Every variable that is named anywhere in the trees."""
    return {n.symbol for n in walk(*nodes) if isinstance(n, Var)}


def declared(*nodes: Node) -> set[Symbol]:
    """Every variable whose scope lies inside the trees (loop iterators included)."""
    found: set[Symbol] = set()
    for node in walk(*nodes):
        if isinstance(node, Declare):
            found.add(node.symbol)
        elif isinstance(node, Loop):
            found.add(node.iterator)
    return found


def only_counters(node: Node) -> set[Symbol]:
    """The iterators of counted loops that nothing outside of those loops names."""
    counters: set[Symbol] = set()
    named: set[Symbol] = set()

    def visit(each: Node, counting: frozenset[Symbol]) -> None:
        if isinstance(each, Var) and each.symbol not in counting:
            named.add(each.symbol)
        if isinstance(each, Loop):
            counters.add(each.iterator)
            for bound in (each.lower, each.upper, each.step):
                visit(bound, counting)
            visit(each.body, counting | {each.iterator})
            return
        for child in children(each):
            visit(child, counting)

    visit(node, frozenset())
    return counters - named


def root(target: Expr) -> Symbol | None:
    """The variable at the bottom of an lvalue (`a` of `a[i].x`, `p` of `*(p + 1)`), None where there is none."""
    while True:
        if isinstance(target, Var):
            return target.symbol
        if isinstance(target, Index | Member):
            target = target.base
        elif isinstance(target, AddressOf):
            target = target.operand
        elif hasattr(target, "left"):
            target = target.left
        elif hasattr(target, "operand"):
            target = target.operand
        else:
            return None


def assigned_scalars(*nodes: Node) -> set[Symbol]:
    """Variables that the trees assign as a whole or by member (not through a pointer), with loop iterators."""
    found: set[Symbol] = set()
    for node in walk(*nodes):
        if isinstance(node, Assign):
            target = node.target
            while isinstance(target, Member):
                target = target.base
            if isinstance(target, Var):
                found.add(target.symbol)
        elif isinstance(node, Loop):
            found.add(node.iterator)
        elif isinstance(node, Declare) and node.init is not None:
            found.add(node.symbol)
    return found


def escapes(body: Node, kinds: tuple[type[Node], ...]) -> Node | None:
    """The first `Break`/`Continue` (of `kinds`) in `body` that leaves or restarts the loop `body` belongs to, or any
    `Return` if it is among `kinds`; jumps that belong to loops and switches inside `body` do not count."""

    def search(node: Node, wanted: tuple[type[Node], ...]) -> Node | None:
        if isinstance(node, wanted):
            return node
        if isinstance(node, Loop | For | While):
            wanted = tuple(kind for kind in wanted if kind not in (Break, Continue))
        elif isinstance(node, Switch):
            wanted = tuple(kind for kind in wanted if kind is not Break)
        for child in children(node):
            found = search(child, wanted)
            if found is not None:
                return found
        return None

    return search(body, kinds)


def has_return(node: Node) -> bool:
    return any(isinstance(n, Return) for n in walk(node))


def statements(block: Block) -> tuple[Stmt, ...]:
    """The statements of a block with nested plain blocks that declare nothing opened."""
    result: list[Stmt] = []
    for stmt in block.body:
        if isinstance(stmt, Block) and not any(isinstance(s, Declare) for s in stmt.body):
            result.extend(statements(stmt))
        else:
            result.append(stmt)
    return tuple(result)
