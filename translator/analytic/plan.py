"""The plan of a function: what runs on the host, what becomes a kernel, and in which order.

A loop is tried as: parallel as it stands, parallel after interchange with its perfect nest, parallel with atomics
or ordered writes, split into several loops (distribution), sequential around parallel inner loops, and at last one
thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from translator.analytic import codes
from translator.analytic.absorbing import absorbing_update
from translator.analytic.accesses import AccessTable
from translator.analytic.affine import to_condition
from translator.analytic.collect import collect
from translator.analytic.counters import INT, constant
from translator.analytic.dependence import Independence, Reason, Region, independent, is_entry_symbol, open_region
from translator.analytic.distribute import distributed, interchanged, replaced
from translator.analytic.guards import assumption_guards
from translator.analytic.induction import Assumption, ClosedForms
from translator.analytic.ir import (
    Array,
    Assign,
    Binary,
    Block,
    Break,
    Const,
    Declare,
    Expr,
    For,
    Function,
    If,
    Loop,
    Return,
    Stmt,
    Symbol,
    Var,
    While,
)
from translator.analytic.launch_plan import Choose, HostNode, Kernel, Launch, Plan, Repeat, Run, Scope
from translator.analytic.liveness import exposed, live_after
from translator.analytic.polynomial import Polynomial, to_expr, to_polynomial
from translator.analytic.scalars import Roles, classify
from translator.analytic.special_writes import SpecialWriter, SpecialWrites
from translator.analytic.visit import (
    assigned_scalars,
    declared,
    escapes,
    has_return,
    statements,
    substitute,
    symbols,
    walk,
)


class NotPlanned(Exception):
    """The function has a statement that no plan can hold. `reason` says which."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.message)
        self.reason = reason


class _Rewritten(Exception):
    """A loop was replaced; planning starts again on `function`."""

    def __init__(self, function: Function) -> None:
        super().__init__("rewritten")
        self.function = function


def make_plan(closed: ClosedForms, *, strict_fp: bool) -> Plan:
    """The plan of a normalized function. Raises NotPlanned and UnknownBase."""
    function = closed.function
    for _ in range(24):
        planner = _Planner(function, collect(function), strict_fp)
        planner.table.injective = closed.injective
        try:
            host = planner.block(function.body)
        except _Rewritten as rewritten:
            function = rewritten.function
            continue
        planner.assume(closed.assumptions)
        return Plan(function, planner.table, host, planner.kernels, planner.guards, planner.remarks)
    raise NotPlanned(Reason(codes.HOST_CONSTRUCT, "the loops cannot be brought to a stable form", function.at))


@dataclass
class _Planner:
    function: Function
    table: AccessTable
    strict_fp: bool
    kernels: list[Kernel] = field(default_factory=list)
    guards: list[Expr] = field(default_factory=list)
    remarks: list[Reason] = field(default_factory=list)

    # ------------------------------------------------------------ host statements

    def block(self, block: Block) -> list[HostNode]:
        nodes: list[HostNode] = []
        for stmt in block.body:
            self._append(nodes, stmt)
        return nodes

    def _append(self, nodes: list[HostNode], stmt: Stmt) -> None:
        if isinstance(stmt, Loop | For | While):
            nodes.extend(self._repetition(stmt))
        elif isinstance(stmt, Block):
            nodes.append(Scope(self.block(stmt)))
        elif self._is_host_only(stmt):
            nodes.append(Run(stmt))
        elif isinstance(stmt, If):
            orelse = self.block(stmt.orelse) if stmt.orelse is not None else []
            nodes.append(Choose(stmt.cond, self.block(stmt.then), orelse, stmt.at))
        elif has_return(stmt) or isinstance(stmt, Break):
            message = "a return inside a statement that writes arrays"
            raise NotPlanned(Reason(codes.HOST_CONSTRUCT, message, stmt.at))
        else:
            self._serial(nodes, stmt)

    def _is_host_only(self, stmt: Stmt) -> bool:
        """Whether the host can run `stmt` itself: it writes no array, and loops over none."""
        for node in walk(stmt):
            if isinstance(node, Assign) and self._writes_array(node):
                return False
            if isinstance(node, Loop | For | While):
                return False
            if type(node).__name__ == "Evaluate":
                return False
        return True

    def _writes_array(self, stmt: Assign) -> bool:
        return any(a.stmt is stmt and a.is_write for a in self.table.accesses)

    def _serial(self, nodes: list[HostNode], stmt: Stmt) -> None:
        """Let one thread run `stmt`, together with the statement before it if that is run so too."""
        previous = nodes[-1] if nodes else None
        if isinstance(previous, Launch) and not previous.kernel.grid and previous.kernel.form == "statements":
            previous.kernel.body = (*previous.kernel.body, stmt)
            return
        kernel = Kernel("statements", stmt.at, (stmt,))
        self.kernels.append(kernel)
        nodes.append(Launch(kernel))

    # ------------------------------------------------------------ loops

    def _repetition(self, loop: Loop | For | While) -> list[HostNode]:
        if not isinstance(loop, Loop) and not self.table.inside(loop):
            return [Run(loop)]
        if isinstance(loop, Loop):
            kernel, reason = self._parallel(loop)
            if kernel is not None and kernel.condition is not None:
                return [self._conditional(kernel, loop)]
            if kernel is not None:
                self.kernels.append(kernel)
                return [Launch(kernel)]
            split = distributed(self.function, self.table, loop)
            if split is not None:
                raise _Rewritten(replaced(self.function, loop, split))
        else:
            reason = Reason(codes.UNCOUNTED_LOOP, "the number of iterations is not known when the loop starts", loop.at)
        assert reason is not None
        self.remarks.append(reason)
        return self._sequential(loop, reason)

    def _conditional(self, kernel: Kernel, loop: Loop) -> HostNode:
        """The parallel kernel where its condition holds at the launch, else the loop in order."""
        assert kernel.condition is not None
        serial = Kernel("one thread", loop.at, (loop,), results=self._results(loop))
        self.kernels += [kernel, serial]
        return Choose(kernel.condition, [Launch(kernel)], [Launch(serial)], loop.at)

    def _sequential(self, loop: Loop | For | While, reason: Reason) -> list[HostNode]:
        """A host loop around what is parallel inside, or one thread for the whole loop where nothing is."""
        before = len(self.kernels), len(self.guards), len(self.remarks)
        if any(isinstance(n, Loop) for n in walk(loop.body)) and self._host_can_loop(loop):
            body = self.block(loop.body)
            if any(kernel.grid for kernel in self.kernels[before[0] :]):
                return [Repeat(loop, body)]
        del self.kernels[before[0] :], self.guards[before[1] :]
        if has_return(loop):
            raise NotPlanned(reason)
        results = self._results(loop)
        kernel = Kernel("one thread", loop.at, (loop,), results=results)
        self.kernels.append(kernel)
        return [Launch(kernel)]

    def _host_can_loop(self, loop: Loop | For | While) -> bool:
        return escapes(loop.body, (Break,)) is None or not has_return(loop)

    def _results(self, loop: Loop | For | While) -> tuple[Symbol, ...]:
        """Scalars that the loop changes and that are read later."""
        changed = assigned_scalars(loop) - declared(loop)
        ordered = sorted(changed, key=lambda s: (s.at.line, s.at.column, s.name))
        if isinstance(loop, Loop):
            return tuple(s for s in ordered if s is not loop.iterator and live_after(self.function, loop, s))
        return tuple(ordered)

    def _parallel(self, loop: Loop) -> tuple[Kernel | None, Reason | None]:
        """The kernel of a loop whose iterations are independent, or why they are not."""
        reason = self._early_exit(loop) or self._unknown_step(loop)
        if reason is not None:
            return None, reason
        roles = classify(self.function, loop)
        region = open_region(self.function, self.table, loop)
        reason = self._scalar_reason(roles, loop)
        if reason is not None:
            self._interchange(loop, region)
            return None, reason
        found = independent(region, loop, ())
        special = SpecialWrites()
        condition: Expr | None = None
        if not found.holds:
            absorbing = absorbing_update(region)
            if absorbing is not None and independent(absorbing.region, loop, ()).holds:
                region, condition = absorbing.region, absorbing.condition
                found = independent(region, loop, ())
        if not found.holds:
            self._interchange(loop, region)
            found, special = SpecialWriter(self.function, self.table, self.strict_fp).resolve(region, loop, found)
        if not found.holds:
            return None, found.reason
        grid = self._grid(region, loop, roles, special, found)
        kernel = self._kernel(region, loop, roles, grid, special, found)
        kernel.condition = condition
        return kernel, None

    def _early_exit(self, loop: Loop) -> Reason | None:
        jump = escapes(loop.body, (Break, Return))
        if jump is None:
            return None
        word = "return" if isinstance(jump, Return) else "break"
        return Reason(codes.EARLY_EXIT, f"the loop over {loop.iterator.shown} can end early ({word})", jump.at)

    def _unknown_step(self, loop: Loop) -> Reason | None:
        """A step that is no constant has to be positive (a guard tests it): the trip count is divided by it."""
        step = self.table.bounds[id(loop)][2]
        if isinstance(step, Const):
            return None
        if not all(is_entry_symbol(s, self.function, self.table) for s in symbols(step)):
            return Reason(
                codes.UNCOUNTED_LOOP, f"the step of {loop.iterator.shown} is not known before the loop", loop.at
            )
        self.guards.append(Binary(">", step, constant(0, loop.at), INT, at=loop.at))
        return None

    def _scalar_reason(self, roles: Roles, loop: Loop) -> Reason | None:
        if roles.carried:
            symbol, at = roles.carried[0]
            message = f"{symbol.name} carries its value from one iteration over {loop.iterator.shown} to the next"
            return Reason(codes.CARRIED_SCALAR, message, at)
        for reduction in roles.reductions:
            if self.strict_fp and reduction.reorders_floats:
                message = f"the sum in {reduction.symbol.name} would be reordered (--strict-fp)"
                return Reason(codes.STRICT_FP, message, loop.at)
        return None

    def _interchange(self, loop: Loop, region: Region) -> None:
        """Where an inner loop of the perfect nest is parallel over all of it, bring it outside and start again."""
        nest = perfect_nest(loop)
        for candidate in nest[1:]:
            roles = classify(self.function, candidate)
            if roles.carried or roles.reductions or self._early_exit(candidate) is not None:
                continue
            if not independent(region, candidate, ()).holds:
                continue
            moved = interchanged(loop, nest, candidate)
            if moved is not None:
                raise _Rewritten(replaced(self.function, loop, [moved]))

    def _grid(
        self, region: Region, loop: Loop, roles: Roles, special: SpecialWrites, found: Independence
    ) -> list[Loop]:
        """The loops that span the grid: `loop`, and inner ones as far as they follow directly and are parallel as
        well."""
        grid = [loop]
        allowed = {r.symbol for r in roles.reductions} | {p for r in roles.reductions for p in r.payload}
        while not special.ordered:
            inner = next_in_chain(grid[-1], self.function)
            if inner is None or self._early_exit(inner) is not None:
                break
            inner_roles = classify(self.function, inner)
            if inner_roles.carried or any(r.symbol not in allowed for r in inner_roles.reductions):
                break
            if any(r.op.startswith("arg") or r.op == "last" for r in inner_roles.reductions):
                break
            inner_found = independent(region, inner, tuple(grid), frozenset(special.ignored))
            if not inner_found.holds or not _implied(found, inner_found):
                break
            grid.append(inner)
        return grid[-3:]  # where more are parallel, each thread runs the outermost ones in order

    def _kernel(
        self, region: Region, loop: Loop, roles: Roles, grid: list[Loop], special: SpecialWrites, found: Independence
    ) -> Kernel:
        if found.guard is not None:
            condition = to_condition(region.frame, found.guard, loop.upper)
            if condition is not None:
                self.guards.append(_expand(condition, region))
        reduced = {r.symbol for r in roles.reductions} | {p for r in roles.reductions for p in r.payload}
        counters = {n.iterator for n in walk(loop) if isinstance(n, Loop)}
        scalars = assigned_scalars(loop) - declared(loop) - reduced - counters
        form = "reduction" if roles.reductions else special.form or "grid"
        return Kernel(
            form,
            loop.at,
            (loop,),
            tuple(grid),
            tuple(sorted(scalars, key=lambda s: (s.at.line, s.at.column, s.name))),
            tuple(roles.reductions),
            frozenset(special.statements),
            tuple(special.ordered),
            axes=_axes(region, grid),
        )

    # ------------------------------------------------------------ assumptions of closed forms

    def assume(self, assumptions: Sequence[Assumption]) -> None:
        """Turn what the closed forms rely on into guards, where isl cannot show that it always holds."""
        for assumption in assumptions:
            self.guards += assumption_guards(self.function, self.table, assumption)


def _axes(region: Region, grid: Sequence[Loop]) -> tuple[str, ...]:
    """The grid axis of each loop. Threads along x run together, so x goes to the loop whose steps most accesses follow
    element by element; the others keep their nesting, inner before outer."""
    one = Polynomial.constant(1)

    def neighbours(loop: Loop) -> int:
        atom = Var(loop.iterator, at=loop.at)
        last = [to_polynomial(access.subscripts[-1]) for access in region.accesses]
        return sum(p is not None and p.degree(atom) == 1 and p.coefficient(atom) == one for p in last)

    fastest = max(reversed(grid), key=neighbours)
    order = [fastest, *(loop for loop in reversed(grid) if loop is not fastest)]
    names = dict(zip(map(id, order), "xyz", strict=False))
    return tuple(names[id(loop)] for loop in grid)


def _implied(outer: Independence, inner: Independence) -> bool:
    """Whether the guard of `inner` needs no test beside that of `outer`."""
    if inner.guard is None:
        return True
    return outer.guard is not None and bool(outer.guard.is_subset(inner.guard))


def _expand(condition: Expr, region: Region) -> Expr:
    """The condition with the names of composite strides replaced by what they stand for."""
    values: dict[Symbol, Expr] = {}
    for name, total in region.frame.relations:
        for atom in name.atoms():
            assert isinstance(atom, Var)
            values[atom.symbol] = to_expr(total, condition)
    return substitute(condition, values)


def perfect_nest(loop: Loop) -> list[Loop]:
    """`loop` and the loops that end the body of the one before, with only declarations of scalars before them."""
    nest = [loop]
    while True:
        *before, last = statements(nest[-1].body) or (None,)
        scalars = all(isinstance(s, Declare) and not isinstance(s.symbol.type, Array) for s in before)
        if not scalars or not isinstance(last, Loop):
            return nest
        nest.append(last)


def next_in_chain(loop: Loop, function: Function) -> Loop | None:
    """The loop that ends the body of `loop`, if all before it only computes scalars of the iteration."""
    body = statements(loop.body)
    if not body or not isinstance(body[-1], Loop):
        return None
    for stmt in body[:-1]:
        if isinstance(stmt, Declare) and not isinstance(stmt.symbol.type, Array):
            continue
        sets = isinstance(stmt, Assign) and isinstance(stmt.target, Var) and stmt.op == "="
        if not sets or exposed(loop.body.body, stmt.target.symbol):  # type: ignore[union-attr]
            return None
    return body[-1]
