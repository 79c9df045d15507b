"""Guards of closed forms: a trip count that a closed form adds up must not be negative."""

from __future__ import annotations

import dataclasses

from translator.analytic import codes
from translator.analytic.accesses import AccessTable
from translator.analytic.affine import Frame, instance, param_set, to_condition
from translator.analytic.dependence import Reason, is_entry_symbol
from translator.analytic.induction import Assumption
from translator.analytic.ir import Binary, Const, Expr, Function, Loop, Symbol
from translator.analytic.normalize import INT
from translator.analytic.polynomial import to_polynomial
from translator.analytic.visit import assigned_scalars, substitute, symbols


class Unprovable(Exception):
    """An assumption that neither isl nor a test at the function's entry can settle."""

    def __init__(self, reason: Reason, symbol: Symbol | None = None) -> None:
        super().__init__(reason.message)
        self.reason = reason
        self.symbol = symbol


def assumption_guard(function: Function, table: AccessTable, assumption: Assumption) -> Expr | None:
    """The condition on parameters under which the assumption holds; None where it always does. Raises Unprovable."""
    values = table.entry_values
    loops = tuple(_resolved(loop, values) for loop in assumption.loops)
    bounds = {id(loop): (loop.lower, loop.upper, loop.step) for loop in loops}
    changed = assigned_scalars(function.body) - set(values)
    frame = Frame(AccessTable(bounds=bounds), lambda symbol: _is_fixed(symbol, changed))
    value = substitute(assumption.value, values)
    polynomial = to_polynomial(value)
    place = instance(frame, "t", loops)
    text = place.linear(polynomial) if polynomial is not None else None
    unknown = Reason(codes.CARRIED_SCALAR, "the closed form of an induction variable cannot be justified", value.at)
    if text is None:
        if any(not is_entry_symbol(s, function, table) for s in symbols(value)):
            raise Unprovable(unknown, assumption.symbol)
        return Binary(">=", value, Const("0", 0, INT, at=value.at), INT, at=value.at)
    # -1 iterations and fewer: a count of 0 is right either way
    bad = param_set(frame, [place], [f"{text} < 0"])
    if bad.is_empty():
        return None
    atoms = {atom for monomial in frame.params for atom in monomial}
    if any(not is_entry_symbol(s, function, table) for atom in atoms for s in symbols(atom)):
        raise Unprovable(unknown, assumption.symbol)
    good = bad.complement()
    runs = param_set(frame, [place], [])
    return to_condition(frame, good.gist(runs).coalesce(), value)


def _resolved(loop: Loop, values: dict[Symbol, Expr]) -> Loop:
    lower, upper, step = (substitute(bound, values) for bound in (loop.lower, loop.upper, loop.step))
    return dataclasses.replace(loop, lower=lower, upper=upper, step=step)


def _is_fixed(symbol: Symbol, changed: set[Symbol]) -> bool:
    return symbol not in changed
