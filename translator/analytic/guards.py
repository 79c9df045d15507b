"""Guards of closed forms: a trip count that a closed form adds up must not be negative."""

from __future__ import annotations

import dataclasses

from translator.analytic import codes
from translator.analytic.accesses import AccessTable
from translator.analytic.affine import Frame, counted, instance, param_set, to_condition
from translator.analytic.counters import INT
from translator.analytic.dependence import Reason, is_entry_symbol, linear_values
from translator.analytic.induction import Assumption
from translator.analytic.ir import Binary, Const, Expr, Function, Loop, Symbol
from translator.analytic.normalize import trip_count
from translator.analytic.polynomial import to_polynomial
from translator.analytic.visit import symbols, walk


class Unprovable(Exception):
    """An assumption that neither isl nor a test at the function's entry can settle. `symbol` is the variable it is
    about."""

    def __init__(self, reason: Reason, symbol: Symbol | None = None) -> None:
        super().__init__(reason.message)
        self.reason = reason
        self.symbol = symbol


def assumption_guards(function: Function, table: AccessTable, assumption: Assumption) -> list[Expr]:
    """The conditions on parameters under which the assumption holds; none where it always does. Raises Unprovable."""
    places = [n for n in walk(function.body) if isinstance(n, Loop) and n.at == assumption.loop.at]
    places = [loop for loop in places if loop.iterator is assumption.loop.iterator]
    guards = [_guard(function, table, loop, assumption.symbol) for loop in places]
    return [guard for guard in guards if guard is not None]


def _guard(function: Function, table: AccessTable, loop: Loop, symbol: Symbol) -> Expr | None:
    lower, upper, step = table.bounds[id(loop)]
    value = trip_count(dataclasses.replace(loop, lower=lower, upper=upper, step=step))
    frame = Frame(table, lambda s: is_entry_symbol(s, function, table))
    frame.relations += linear_values(table)
    place = instance(frame, "t", counted(table.loops_of[id(loop)]))
    polynomial = to_polynomial(value)
    text = place.linear(polynomial) if polynomial is not None else None
    unknown = Reason(codes.CARRIED_SCALAR, f"the closed form of {symbol.name} cannot be justified", loop.at)
    if text is None:
        if any(not is_entry_symbol(s, function, table) for s in symbols(value)):
            raise Unprovable(unknown, symbol)
        return Binary(">=", value, Const("0", 0, INT, at=value.at), INT, at=value.at)
    bad = param_set(frame, [place], [f"{text} < 0"])
    if bad.is_empty():
        return None
    atoms = {atom for monomial in frame.params for atom in monomial}
    if any(not is_entry_symbol(s, function, table) for atom in atoms for s in symbols(atom)):
        raise Unprovable(unknown, symbol)
    runs = param_set(frame, [place], [])
    return to_condition(frame, bad.complement().gist(runs).coalesce(), value)
