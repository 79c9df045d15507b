"""The extreme elements of an access, as expressions under loops and conditions.

See `extents` for what they are used for. The rules are in `ExtremeFinder._reduce`: a loop gives way to its first and
last iteration where the subscript is linear in its counter and nothing else depends on it.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from translator.analytic import codes
from translator.analytic.accesses import Access, AccessTable, Condition
from translator.analytic.affine import counted
from translator.analytic.affine_extremes import affine_extremes
from translator.analytic.counters import INT, add, constant
from translator.analytic.dependence import Reason, is_entry_symbol
from translator.analytic.ir import (
    Array,
    Binary,
    Call,
    Conditional,
    Const,
    Expr,
    Function,
    Index,
    Loop,
    Node,
    Pointer,
    Program,
    Scalar,
    Symbol,
    Unary,
    Var,
)
from translator.analytic.normalize import trip_count
from translator.analytic.places import UnknownBase
from translator.analytic.polynomial import Polynomial, to_polynomial
from translator.analytic.swaps import Swap
from translator.analytic.usage import Header, Touch, UnknownExtent
from translator.analytic.visit import declared, rewrite, substitute, symbols, walk


@dataclass
class ExtremeFinder:
    """Finds the extreme elements of accesses; collects the guards that its reasoning about signs needs."""

    function: Function
    table: AccessTable
    program: Program
    guards: list[Expr] = field(default_factory=list)

    def touch(self, access: Access, *, certain: bool = True) -> Touch:
        """The extremes of an access. With `certain` not set, conditions that are not known at entry are left out.
        Raises UnknownExtent."""
        subscript = flat_subscript(access)
        conditions = self._entered(access) + [_truth(c.expr, c.holds) for c in access.conditions]
        if not certain:
            conditions = [c for c in conditions if self._is_known(access, c)]
        loops = self._loops(access, certain)
        breaks = {loop.iterator: tuple(self.table.breaks.get(id(loop), ())) for loop in counted(access.loops)}
        if access.until is not None:
            breaks = {counter: (*ends, access.until) for counter, ends in breaks.items()}
        bounds = [bound for loop in loops for bound in (loop.lower, loop.upper, loop.step)]
        self._check(access, [subscript, *conditions, *bounds, *itertools.chain(*breaks.values())])
        low, high, headers = self._reduce(subscript, conditions, loops, breaks)
        if certain and not any(breaks.values()) and any(header.loop is not None for header in headers):
            found = self._without_loop(access, loops)
            if found is not None:
                return found
        if access.byte_size is not None:
            high = add(high, access.byte_size - 1)
        return Touch(access.array, low, high, tuple(headers))

    def _without_loop(self, access: Access, loops: Sequence[Loop]) -> Touch | None:
        """The extremes in closed form, where everything about the access is affine."""
        found = affine_extremes(self.function, self.table, access)
        if found is None or any(self._sign(stride, loops) != "+" for stride in found.strides):
            return None
        headers = (Header(cond=found.nonempty),) if found.nonempty is not None else ()
        return Touch(access.array, found.low, found.high, headers)

    def _entered(self, access: Access) -> list[Expr]:
        """The conditions under which the loops without a count run at all."""
        found = [self.table.entered.get(id(loop)) for loop in access.loops if not isinstance(loop, Loop)]
        return [cond for cond in found if cond is not None]

    def _is_known(self, access: Access, cond: Expr) -> bool:
        try:
            self._check(access, [cond])
        except UnknownExtent:
            return False
        return True

    def _loops(self, access: Access, certain: bool) -> list[Loop]:
        """The counted loops around an access. What one that does not count uses is certain if its first pass is."""
        if certain and not all(isinstance(loop, Loop) or id(loop) in self.table.entered for loop in access.loops):
            raise UnknownExtent(_unknown(access, "its loop has no known number of iterations"))
        return [self._loop(loop) for loop in access.loops if isinstance(loop, Loop)]

    def distinct(self, accesses: Sequence[Access]) -> list[Access]:
        """The accesses without those that another one covers: the same elements, under no more conditions."""
        accesses = self._merged(accesses)
        kept: list[Access] = []
        for position, access in enumerate(accesses):
            others = [*kept, *accesses[position + 1 :]]
            if not any(self._covered(access, other, strictly=other not in kept) for other in others):
                kept.append(access)
        return kept

    def _merged(self, accesses: Sequence[Access]) -> list[Access]:
        """Accesses of the same elements under a condition and under its opposite, as one without it."""
        result = list(accesses)
        while True:
            pair = next(((a, b) for i, a in enumerate(result) for b in result[i + 1 :] if self._opposite(a, b)), None)
            if pair is None:
                return result
            first, second = pair
            common = tuple(c for c in first.conditions if c in self._conditions(second, first))
            result[result.index(first)] = dataclasses.replace(first, conditions=common)
            result.remove(second)

    def _opposite(self, a: Access, b: Access) -> bool:
        mine = self._space(a)
        if (
            mine is None
            or len(a.conditions) != len(b.conditions)
            or mine != self._space(b)
            or a.byte_size != b.byte_size
        ):
            return False
        theirs = self._conditions(b, a)
        only_mine = [c for c in a.conditions if c not in theirs]
        only_theirs = [c for c in theirs if c not in a.conditions]
        if len(only_mine) != 1 or len(only_theirs) != 1:
            return False
        return only_mine[0].expr == only_theirs[0].expr and only_mine[0].holds != only_theirs[0].holds

    def _conditions(self, other: Access, like: Access) -> list[Condition]:
        """The conditions of `other` with its counters named as in `like`."""
        names: dict[Symbol, Expr] = {
            old: Var(new, at=like.at) for old, new in zip(other.iterators, like.iterators, strict=True)
        }
        return [Condition(substitute(c.expr, names), c.holds) for c in other.conditions]

    def _covered(self, access: Access, other: Access, *, strictly: bool) -> bool:
        mine, theirs = self._space(access), self._space(other)
        if mine is None or mine != theirs or access.byte_size != other.byte_size:
            return False
        if other.until is not None and other.until != access.until:
            return False
        conditions = self._conditions(other, access)
        weaker = all(condition in access.conditions for condition in conditions)
        return weaker and (not strictly or len(conditions) < len(access.conditions))

    def _space(self, access: Access) -> tuple[Expr, ...] | None:
        """The subscript and the bounds around it, counters numbered; equal for accesses of the same elements."""
        loops = [loop for loop in access.loops if isinstance(loop, Loop)]
        if len(loops) != len(access.loops):
            return None
        at = access.at
        numbers: dict[Symbol, Expr] = {each.iterator: Const(f"#{i}", None, INT, at=at) for i, each in enumerate(loops)}
        parts = [b for each in loops for b in self.table.bounds[id(each)]] + list(access.subscripts)
        directions = [Const(str(each.descending), None, INT, at=at) for each in loops]
        return (*(substitute(part, numbers) for part in parts), *directions)

    def _loop(self, loop: Loop) -> Loop:
        lower, upper, step = self.table.bounds[id(loop)]
        return dataclasses.replace(loop, lower=lower, upper=upper, step=step)

    def _check(self, access: Access, parts: Sequence[Expr]) -> None:
        """Everything that decides the element must be known at entry: parameters, counters, and arrays nobody writes
        before."""
        counters = {loop.iterator for loop in access.loops if isinstance(loop, Loop)}
        for part in parts:
            for node in walk(part):
                if isinstance(node, Var) and not isinstance(node.type, Pointer | Array):
                    known = node.symbol in counters or is_entry_symbol(node.symbol, self.function, self.table)
                    if not known and not _is_constant_global(node.symbol):
                        if node.symbol in self.table.unset:
                            message = f"{node.symbol.name} is read before it has a value"
                            raise UnknownExtent(Reason(codes.UNINITIALISED, message, access.at))
                        raise UnknownExtent(
                            _unknown(access, f"it depends on {node.symbol.name}, which the function computes")
                        )
                if isinstance(node, Index):
                    self._check_load(node, access)
                if isinstance(node, Call) and node.name not in _PURE and not self._is_pure(node.name):
                    raise UnknownExtent(_unknown(access, f"it depends on a call of {node.name}"))

    def swap_loop(self, swap: Swap, touch: Touch | None) -> Loop:
        """The loop of an exchange with its bounds in terms of parameters. Raises UnknownExtent."""
        loop = swap.loop
        if (
            not isinstance(loop, Loop)
            or touch is None
            or any(isinstance(each, Loop) for each in self.table.loops_of[id(loop)])
        ):
            raise UnknownExtent(unknown_swap(swap, "the loop that exchanges them has no known number of iterations"))
        lower, upper, step = self.table.bounds[id(loop)]
        if not all(is_entry_symbol(s, self.function, self.table) for s in symbols(lower, upper, step)):
            raise UnknownExtent(unknown_swap(swap, "the loop that exchanges them has no known number of iterations"))
        return dataclasses.replace(loop, lower=lower, upper=upper, step=step)

    def _is_pure(self, name: str) -> bool:
        """Whether a function of the file computes from its scalar arguments alone, so that the host can call it as
        well."""
        callee = self.program.function(name)
        if callee is None or callee.unsupported:
            return False
        named = symbols(callee.body)
        return not any(s.kind == "global" or isinstance(s.type, Pointer | Array) for s in {*named, *callee.params})

    def _check_load(self, load: Index, access: Access) -> None:
        from translator.analytic.flow import written_before
        from translator.analytic.visit import root

        array = root(load)
        if array is None or array in declared(self.function.body):
            raise UnknownExtent(_unknown(access, "it depends on a local array"))
        if any(a.array is array and a.is_write for a in self.table.accesses) and written_before(
            self.function, self.table, array, load, access
        ):
            raise UnknownExtent(_unknown(access, f"it depends on {array.name}, which the function writes before"))

    def _reduce(
        self, subscript: Expr, conditions: list[Expr], loops: list[Loop], breaks: Mapping[Symbol, tuple[Expr, ...]]
    ) -> tuple[Expr, Expr, list[Header]]:
        """(lowest, highest, headers): loops replaced by their extreme iterations from the innermost outward."""
        low = high = subscript
        pending = list(conditions)  # conditions not placed yet, outermost first
        inner: list[Header] = []
        for position in range(len(loops) - 1, -1, -1):
            loop = loops[position]
            ends_early = breaks[loop.iterator]
            named = any(_mentions(h, loop.iterator) for h in inner)
            named = named or any(loop.iterator in symbols(c) for c in pending)
            ends = None if named or ends_early else self._ends(low, high, loop, loops)
            if ends is not None:
                low, high = ends
                inner.insert(0, Header(cond=_enters(loop)))
                continue
            mine = [c for c in pending if loop.iterator in symbols(c)]
            pending = [c for c in pending if loop.iterator not in symbols(c)]
            # the tests that the loops inside run come first: the source evaluates no condition where they do not
            within = [h.loop for h in inner if h.loop is not None]  # a test above them cannot name their counters
            tests = [h for h in inner if h.cond is not None and not _loads(h.cond)]
            tests = [h for h in tests if not self._names_counter(h, within)]
            rest = [h for h in inner if h not in tests]
            inner = [Header(loop=loop, breaks=ends_early), *tests, *(Header(cond=c) for c in mine), *rest]
        tests = [h for h in inner if h.cond is not None and not _loads(h.cond) and not self._names_counter(h, loops)]
        rest = [h for h in inner if h not in tests]
        headers = [*tests, *(Header(cond=c) for c in pending), *rest]
        return low, high, _hoisted(headers)

    def _names_counter(self, header: Header, loops: Sequence[Loop]) -> bool:
        return any(_mentions(header, loop.iterator) for loop in loops)

    def _ends(self, low: Expr, high: Expr, loop: Loop, loops: Sequence[Loop]) -> tuple[Expr, Expr] | None:
        """The extremes over the iterations of `loop`, or None where they may lie between its ends."""
        iterator = Var(loop.iterator, at=loop.at)
        first, last = loop.lower, _last(loop)
        if loop.descending:
            first, last = last, loop.lower
        signs = [self._direction(expr, iterator, loops) for expr in (low, high)]
        if None in signs:
            return None
        return (
            substitute(low, {loop.iterator: first if signs[0] != "-" else last}),
            substitute(high, {loop.iterator: last if signs[1] != "-" else first}),
        )

    def _direction(self, expr: Expr, iterator: Var, loops: Sequence[Loop]) -> str | None:
        """ "+" where `expr` does not fall as the iterator grows, "-" where it does not rise, "0" where it does not
        depend on it."""
        if iterator.symbol not in symbols(expr):
            return "0"
        polynomial = to_polynomial(expr)
        if polynomial is None or polynomial.degree(iterator) != 1:
            return None
        if any(iterator.symbol in symbols(a) for a in polynomial.atoms() if a != iterator):
            return None
        return self._sign(polynomial.coefficient(iterator), loops)

    def _sign(self, factor: Polynomial, loops: Sequence[Loop]) -> str | None:
        """The sign of a factor whose atoms are not negative: counters and extents of the loops, or by a guard."""
        if all(c > 0 for c in factor.terms.values()):
            sign = "+"
        elif all(c < 0 for c in factor.terms.values()):
            sign = "-"
        else:
            return None
        for atom in sorted(factor.atoms(), key=repr):
            if isinstance(atom.type, Scalar) and atom.type.is_unsigned:
                continue
            if any(_is_extent(atom, loop) for loop in loops):
                continue
            if not all(is_entry_symbol(s, self.function, self.table) for s in symbols(atom)):
                return None
            guard = Binary(">=", atom, constant(0, atom.at), INT, at=atom.at)
            if guard not in self.guards:
                self.guards.append(guard)
        return sign


def _is_extent(atom: Expr, loop: Loop) -> bool:
    """Whether the loop, where it runs, shows that the atom is not negative: it is its bound, and the counter starts at
    0 or above."""
    starts = isinstance(loop.lower, Const) and isinstance(loop.lower.value, int) and loop.lower.value >= 0
    if not starts or loop.descending:
        return False
    if isinstance(atom, Var) and atom.symbol is loop.iterator:
        return True
    upper = to_polynomial(loop.upper)
    distance = (upper - Polynomial.atom(atom)).value if upper is not None else None
    return distance is not None and distance <= 0


_PURE = {
    "min", "max", "abs", "labs", "fabs", "fabsf", "floor", "ceil", "floorf", "ceilf", "sqrt", "sqrtf", "sizeof",
    "fmin", "fmax", "fminf", "fmaxf", "round", "roundf", "pow", "powf", "exp", "expf", "log", "logf",
}  # fmt: skip


def _is_constant_global(symbol: Symbol) -> bool:
    return symbol.kind == "global"


def _unknown(access: Access, why: str) -> Reason:
    name = access.array.name
    message = f"the extent of {name} is not known before the loops: {why} (--extent {name}=COUNT gives it)"
    return Reason(codes.UNKNOWN_EXTENT, message, access.at)


def flat_subscript(access: Access) -> Expr:
    """The element index of an access: `a[i][j]` of `double a[n][m]` is i * m + j."""
    kind = access.array.type
    inner: tuple[Expr | None, ...] = ()
    if isinstance(kind, Array):
        inner = kind.extents[1:]
    elif isinstance(kind, Pointer) and isinstance(kind.to, Array):
        inner = kind.to.extents
    result = access.subscripts[0]
    for position, extent in enumerate(inner):
        if extent is None:
            raise UnknownBase(access.at)
        result = Binary("*", result, extent, INT, at=access.at)
        if position + 1 < len(access.subscripts):
            result = Binary("+", result, access.subscripts[position + 1], INT, at=access.at)
    return result


def unknown_swap(swap: Swap, why: str) -> Reason:
    names = ", ".join(sorted(symbol.name for symbol in swap.symbols))
    return Reason(
        codes.UNKNOWN_EXTENT, f"the extents of the exchanged pointers {names} are not known: {why}", swap.loop.at
    )


def folded(expr: Expr) -> Expr:
    """The expression without the zeros and ones that substitution leaves: `0 * n + (n - 1)` is `n - 1`."""

    def change(node: Node) -> Node | None:
        if not isinstance(node, Binary):
            return None
        left = node.left.value if isinstance(node.left, Const) else None
        right = node.right.value if isinstance(node.right, Const) else None
        if node.op == "*" and 0 in (left, right):
            return constant(0, node.at)
        if (node.op == "*" and left == 1) or (node.op == "+" and left == 0):
            return node.right
        if (node.op == "*" and right == 1) or (node.op in ("+", "-") and right == 0):
            return node.left
        if node.op in ("+", "-") and isinstance(right, int):
            return add(node.left, right if node.op == "+" else -right)
        return None

    return rewrite(expr, change)


def _truth(cond: Expr, holds: bool) -> Expr:
    return cond if holds else Unary("!", cond, INT, at=cond.at)


def _last(loop: Loop) -> Expr:
    """The last value of the counter of a loop that runs."""
    if isinstance(loop.step, Const) and loop.step.value == 1:
        return add(loop.upper, 1 if loop.descending else -1)
    trips = add(trip_count(loop), -1)
    travelled = Binary("*", trips, loop.step, INT, at=loop.at)
    return Binary("-" if loop.descending else "+", loop.lower, travelled, INT, at=loop.at)


def _enters(loop: Loop) -> Expr:
    return Binary(">" if loop.descending else "<", loop.lower, loop.upper, INT, at=loop.at)


def _loads(cond: Expr) -> bool:
    return any(isinstance(n, Index | Call) for n in walk(cond))


def _mentions(header: Header, iterator: Symbol) -> bool:
    if header.loop is not None:
        return iterator in symbols(header.loop.lower, header.loop.upper, header.loop.step, *header.breaks)
    assert header.cond is not None
    return iterator in symbols(header.cond)


def _hoisted(headers: Sequence[Header]) -> list[Header]:
    """Conditions moved up over loops whose counter they do not name, and constant-true ones dropped."""
    result: list[Header] = []
    for header in headers:
        if header.cond is not None and _always(header.cond):
            continue
        position = len(result)
        if header.cond is not None:
            free_of_loads = not any(isinstance(n, Index | Call | Conditional) for n in walk(header.cond))
            while position and free_of_loads:
                above = result[position - 1]
                if above.loop is not None and above.loop.iterator not in symbols(header.cond):
                    position -= 1
                else:
                    break
        if header not in result:
            result.insert(position, header)
    return result


def _always(cond: Expr) -> bool:
    if isinstance(cond, Binary) and isinstance(cond.left, Const) and isinstance(cond.right, Const):
        left, right = cond.left.value, cond.right.value
        if isinstance(left, int) and isinstance(right, int):
            return (cond.op == "<" and left < right) or (cond.op == ">" and left > right)
    return False
