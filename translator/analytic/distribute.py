"""Rewrites of loop nests: distribution of a loop over its statements, interchange, and putting a loop in another's
place.

for (i) { A(i); B(i); }    -->  for (i) A(i);  for (i) B(i);    where no A(i') depends on an earlier B(i)
for (k) for (i) S(k, i)       -->  for (i) for (k) S(k, i)             where iterations of i are independent
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import islpy as isl

from translator.analytic.accesses import Access, AccessTable, in_bytes
from translator.analytic.delinearize import Shape, delinearize, invalid_where
from translator.analytic.dependence import Region, conflicts, open_region
from translator.analytic.ir import (
    Array,
    Assign,
    Block,
    Break,
    Continue,
    Declare,
    Function,
    Loop,
    Return,
    Stmt,
    Symbol,
)
from translator.analytic.places import UnknownBase
from translator.analytic.visit import assigned_scalars, declared, escapes, statements, symbols, walk


def replaced(function: Function, loop: Loop, new: Sequence[Stmt]) -> Function:
    """The function with `loop` (by identity) replaced by the statements `new`."""

    def change(block: Block) -> Block:
        if not any(stmt is loop for stmt in block.body):
            return block
        body = [s for stmt in block.body for s in (new if stmt is loop else (stmt,))]
        return dataclasses.replace(block, body=tuple(body))

    def visit(stmt: Block) -> Block:
        return _map(change(stmt), visit)

    return dataclasses.replace(function, body=visit(function.body))


def _map(block: Block, visit: object) -> Block:
    assert callable(visit)
    result: list[Stmt] = []
    for stmt in block.body:
        updates = {
            f.name: visit(value) for f in dataclasses.fields(stmt) if isinstance(value := getattr(stmt, f.name), Block)
        }
        changed = {k: v for k, v in updates.items() if v is not getattr(stmt, k)}
        if isinstance(stmt, Block):
            result.append(visit(stmt))
        else:
            result.append(dataclasses.replace(stmt, **changed) if changed else stmt)
    if all(a is b for a, b in zip(result, block.body, strict=True)):
        return block
    return dataclasses.replace(block, body=tuple(result))


def interchanged(loop: Loop, nest: Sequence[Loop], inner: Loop) -> Loop | None:
    """The nest with `inner` outermost, or None where its bounds depend on the loops it would leave."""
    position = next(i for i, each in enumerate(nest) if each is inner)
    left = {each.iterator for each in nest[:position]} | {
        s.symbol for each in nest[:position] for s in statements(each.body) if isinstance(s, Declare)
    }
    if any(symbols(bound) & left for bound in (inner.lower, inner.upper, inner.step)):
        return None
    body: Block = inner.body
    for outer in reversed(nest[:position]):
        before = statements(outer.body)[:-1]
        within = Block((*before, *body.body), at=outer.at)
        body = Block((dataclasses.replace(outer, body=within),), at=outer.at)
    return dataclasses.replace(inner, body=body)


def distributed(function: Function, table: AccessTable, loop: Loop) -> list[Stmt] | None:
    """The loops that `loop` splits into, in an order that keeps every dependence; None where it does not split."""
    body = statements(loop.body)
    if len(body) < 2 or escapes(loop.body, (Break, Continue, Return)):
        return None
    region = open_region(function, table, loop)
    shared = [s for s in body if _is_replicable(s, region)]
    parts = [s for s in body if not any(s is r for r in shared)]
    if len(parts) < 2:
        return None
    edges = _edges(region, loop, parts)
    groups = _components(len(parts), edges)
    if len(groups) < 2:
        return None
    result: list[Stmt] = []
    for group in groups:
        chosen = [parts[i] for i in sorted(group)]
        inner = tuple(s for s in body if any(s is c for c in chosen) or _needed(s, shared, chosen))
        result.append(dataclasses.replace(loop, body=Block(inner, at=loop.body.at)))
    return result


def _is_replicable(stmt: Stmt, region: Region) -> bool:
    """A scalar declaration whose value each part can compute again: it reads no array that the loop writes."""
    if not isinstance(stmt, Declare) or isinstance(stmt.symbol.type, Array):
        return False
    reassigned = sum(1 for n in walk(region.loop.body) if isinstance(n, Assign) and stmt.symbol in assigned_scalars(n))
    if reassigned:
        return False
    loads = {a.array for a in region.accesses if a.stmt is stmt}
    return not loads & region.frame.written


def _needed(stmt: Stmt, shared: Sequence[Stmt], chosen: Sequence[Stmt]) -> bool:
    """Whether a replicated declaration is used by the chosen statements, directly or through another one."""
    if not any(stmt is s for s in shared) or not isinstance(stmt, Declare):
        return False
    used = symbols(*chosen)
    for other in reversed([s for s in shared if isinstance(s, Declare)]):
        if other.symbol in used and other.init is not None:
            used |= symbols(other.init)
    return stmt.symbol in used


def _edges(region: Region, loop: Loop, parts: Sequence[Stmt]) -> set[tuple[int, int]]:
    """(i, j): part i has to stay before part j."""
    edges: set[tuple[int, int]] = set()
    for i, first in enumerate(parts):
        for j in range(i + 1, len(parts)):
            second = parts[j]
            if _share_scalars(first, second):
                edges |= {(i, j), (j, i)}
                continue
            forward, backward = _array_order(region, loop, first, second)
            if forward:
                edges.add((i, j))
            if backward:
                edges.add((j, i))
    return edges


def _share_scalars(first: Stmt, second: Stmt) -> bool:
    """Whether one part assigns a scalar that the other names (loop counters of their own do not count)."""
    own_first = declared(first) | {n.iterator for n in walk(first) if isinstance(n, Loop)}
    own_second = declared(second) | {n.iterator for n in walk(second) if isinstance(n, Loop)}
    changed_first = assigned_scalars(first) | _declares(first)
    changed_second = assigned_scalars(second) | _declares(second)
    return (
        bool((changed_first - own_first) & symbols(second))
        or bool((changed_second - own_second) & symbols(first))
        or (isinstance(first, Declare) and first.symbol in symbols(second))
    )


def _declares(stmt: Stmt) -> set[Symbol]:
    return {stmt.symbol} if isinstance(stmt, Declare) else set()


def _array_order(region: Region, loop: Loop, first: Stmt, second: Stmt) -> tuple[bool, bool]:
    """(first must stay before second, second must stay before first), over the arrays both use."""
    forward = backward = False
    groups: dict[Symbol, tuple[list[Access], list[Access]]] = {}
    for side, stmt in enumerate((first, second)):
        inner = {id(n) for n in walk(stmt)}
        for access in region.accesses:
            if id(access.stmt) in inner:
                groups.setdefault(access.array, ([], []))[side].append(access)
    for array, (left, right) in groups.items():
        if not left or not right or not any(a.is_write for a in (*left, *right)):
            continue
        ahead, behind = _pairs(region, loop, array, left, right)
        forward, backward = forward or ahead, backward or behind
    return forward, backward


def _pairs(region: Region, loop: Loop, array: Symbol, left: list[Access], right: list[Access]) -> tuple[bool, bool]:
    try:
        unified = in_bytes([*left, *right], array.type)
        shape = next(iter(delinearize(unified, region.frame)), None)
    except UnknownBase:
        return True, True
    if shape is None or not _always_valid(region, shape, unified):
        return True, True
    return _decide(region, loop, shape, unified, len(left))


def _always_valid(region: Region, shape: Shape, accesses: list[Access]) -> bool:
    """Whether the reading of the subscripts is right for all parameters."""
    return all(invalid_where(shape, access, region.frame).is_empty() for access in accesses)


def _decide(region: Region, loop: Loop, shape: Shape, accesses: list[Access], split: int) -> tuple[bool, bool]:
    forward = backward = False
    for a in accesses[:split]:
        for b in accesses[split:]:
            if not (a.is_write or b.is_write):
                continue
            try:
                ahead = conflicts(region.frame, shape, a, b, loop, (), "<=")
                behind = conflicts(region.frame, shape, a, b, loop, (), ">")
            except isl.Error:
                return True, True
            forward = forward or ahead is None or not ahead.is_empty()
            backward = backward or behind is None or not behind.is_empty()
    return forward, backward


def _components(count: int, edges: set[tuple[int, int]]) -> list[set[int]]:
    """Strongly connected components in topological order (ties by source order)."""
    reach = [[i == j or (i, j) in edges for j in range(count)] for i in range(count)]
    for k in range(count):
        for i in range(count):
            for j in range(count):
                reach[i][j] = reach[i][j] or (reach[i][k] and reach[k][j])
    groups: list[set[int]] = []
    for i in range(count):
        group = {j for j in range(count) if reach[i][j] and reach[j][i]}
        if group not in groups:
            groups.append(group)
    ordered: list[set[int]] = []
    while groups:
        ready = next(g for g in groups if not any(reach[min(o)][min(g)] for o in groups if o is not g))
        groups.remove(ready)
        ordered.append(ready)
    return ordered
