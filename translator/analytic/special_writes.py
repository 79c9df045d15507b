"""Writes that several iterations may make to one element, and the ways to make them all the same.

h[k[i]] += v       atomics: the operation may be done in any order (floating-point sums only without --strict-fp)
a[k[i]] = v        ordered: a first kernel finds the last iteration that writes each element, a second one lets it
mark[k[i]] = 1     same value: the order does not matter
"""

from __future__ import annotations

from dataclasses import dataclass, field

from translator.analytic import codes
from translator.analytic.accesses import Access, AccessTable
from translator.analytic.dependence import Independence, Reason, Region, independent
from translator.analytic.ir import (
    Assign,
    Const,
    Function,
    Loop,
    Scalar,
    Symbol,
)
from translator.analytic.visit import declared

_ATOMIC = {
    "+": {"int", "unsigned int", "long long", "unsigned long long", "long", "unsigned long", "float", "double"},
    "&": {"int", "unsigned int", "long long", "unsigned long long", "long", "unsigned long"},
}


@dataclass
class SpecialWrites:
    """Arrays whose writes need care: the accesses that dependence analysis may ignore, and how they are done."""

    arrays: set[Symbol] = field(default_factory=set)
    ignored: set[Access] = field(default_factory=set)
    statements: set[int] = field(default_factory=set)
    ordered: list[Symbol] = field(default_factory=list)

    def add(self, array: Symbol, kind: str, accesses: list[Access]) -> None:
        self.arrays.add(array)
        self.ignored |= set(accesses)
        if kind == "ordered":
            self.ordered.append(array)
        elif kind == "atomic":
            self.statements |= {id(a.stmt) for a in accesses}

    @property
    def form(self) -> str:
        return "ordered writes" if self.ordered else "atomics" if self.statements else ""


@dataclass(frozen=True)
class SpecialWriter:
    """Decides how the writes of `function` that depend on each other can be made."""

    function: Function
    table: AccessTable
    strict_fp: bool

    def resolve(self, region: Region, loop: Loop, found: Independence) -> tuple[Independence, SpecialWrites]:
        """Try again with the offending array updated by atomics, or written in order."""
        special = SpecialWrites()
        for _ in range(4):
            array = found.culprit
            if array is None or array in special.arrays:
                return found, special
            accesses = [a for a in region.accesses if a.array is array]
            kind = self._special_kind(accesses, loop)
            if kind is None:
                return found, special  # the pair of accesses that depend on each other is the reason
            if isinstance(kind, Reason):
                return Independence(reason=kind, culprit=array), special
            special.add(array, kind, accesses)
            found = independent(region, loop, (), frozenset(special.ignored))
            if found.holds:
                return found, special
        return found, special

    def _special_kind(self, accesses: list[Access], loop: Loop) -> str | Reason | None:
        first = next(a for a in accesses if a.is_write)
        ops = {a.op for a in accesses}
        families = {"+": {"+=", "-="}, "&": {"&="}, "|": {"|="}, "^": {"^="}, "min": {"min="}, "max": {"max="}}
        for family, members in families.items():
            if ops <= members:
                return self._atomic_kind(family, first)
        if all(op not in ("", "=") for op in ops):
            message = f"CUDA has no atomic {' or '.join(sorted(ops))} (array {first.array.name})"
            return Reason(codes.NO_ATOMIC, message, first.at)
        if ops == {"="} and not any(a.member for a in accesses):
            if self._same_value(accesses):
                return "same value"
            if first.array in self.outside and self._writes_only(loop):
                return "ordered"
        return None

    def _same_value(self, accesses: list[Access]) -> bool:
        """Whether all writes store one and the same constant: then their order does not matter."""
        values = [a.stmt.value for a in accesses if isinstance(a.stmt, Assign)]
        return len(values) == len(accesses) and isinstance(values[0], Const) and all(v == values[0] for v in values)

    @property
    def outside(self) -> set[Symbol]:
        return {a.array for a in self.table.accesses} - declared(self.function.body)

    def _writes_only(self, loop: Loop) -> bool:
        """Whether the loop reads no array that it writes: its first pass, which only finds the last writers, skips the
        writes."""
        accesses = self.table.inside(loop)
        written = {a.array for a in accesses if a.is_write} - declared(loop)
        return not any(a.array in written and (not a.is_write or a.op != "=") for a in accesses)

    def _atomic_kind(self, family: str, access: Access) -> str | Reason:
        assert isinstance(access.stmt, Assign)
        kind = access.stmt.target.type
        allowed = _ATOMIC["+" if family == "+" else "&"]
        family_op = family if family in ("min", "max") else f"{family}="
        if not isinstance(kind, Scalar) or kind.name not in allowed:
            spelled = kind.name if isinstance(kind, Scalar) else "struct"
            message = f"CUDA has no atomic {family_op} for {spelled} (array {access.array.name})"
            return Reason(codes.NO_ATOMIC, message, access.at)
        value = access.stmt.value.type
        if kind.is_integer and isinstance(value, Scalar) and value.is_float:
            message = f"{access.array.name} cuts off each of the floating-point terms that it adds up"
            return Reason(codes.NO_ATOMIC, message, access.at)
        if self.strict_fp and kind.is_float:
            message = f"the sums in {access.array.name} would be reordered (--strict-fp)"
            return Reason(codes.STRICT_FP, message, access.at)
        return "atomic"
