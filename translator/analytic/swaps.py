"""Pointers that a loop exchanges: `tmp = a; a = b; b = tmp;`.

Within an iteration the exchanged pointers still point to different arrays, so dependence analysis may go on with
their names; only what the whole loop uses of each array has to be counted for all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from translator.analytic.ir import Assign, Declare, For, Function, Loop, Pointer, Stmt, Symbol, Var, While
from translator.analytic.visit import statements, symbols, walk


@dataclass(frozen=True)
class Swap:
    """`loop` permutes the pointers `symbols` at the end of a pass: nothing after the exchange names them."""

    loop: Loop | For | While
    symbols: frozenset[Symbol]


def find_swaps(function: Function) -> list[Swap]:
    """The exchanges of pointers that stand directly in the bodies of loops."""
    found: list[Swap] = []
    for node in walk(function.body):
        if isinstance(node, Loop | For | While):
            found += [Swap(node, group) for group in _groups(statements(node.body))]
    return found


def _groups(stmts: Sequence[Stmt]) -> list[frozenset[Symbol]]:
    groups: list[frozenset[Symbol]] = []
    copies: list[tuple[Symbol, Symbol]] = []
    for position, stmt in enumerate((*stmts, None)):
        copy = _copy(stmt) if stmt is not None else None
        if copy is not None:
            copies.append(copy)
            continue
        group = _permuted(copies)
        if group and not group & symbols(*stmts[position:]):
            groups.append(group)
        copies = []
    return groups


def _copy(stmt: Stmt) -> tuple[Symbol, Symbol] | None:
    """(target, source) of a plain copy of a pointer."""
    if isinstance(stmt, Declare) and isinstance(stmt.symbol.type, Pointer) and isinstance(stmt.init, Var):
        return stmt.symbol, stmt.init.symbol
    if not isinstance(stmt, Assign) or stmt.op != "=" or not isinstance(stmt.target, Var):
        return None
    if isinstance(stmt.value, Var) and isinstance(stmt.target.symbol.type, Pointer):
        return stmt.target.symbol, stmt.value.symbol
    return None


def _permuted(copies: Sequence[tuple[Symbol, Symbol]]) -> frozenset[Symbol]:
    """The pointers that the copies, done in order, permute among themselves; empty if they do anything else."""
    value: dict[Symbol, Symbol] = {}
    for target, source in copies:
        value[target] = value.get(source, source)
    sources = set(value.values())
    if not sources or not sources <= set(value) or {value[s] for s in sources} != sources:
        return frozenset()
    return frozenset(sources)
