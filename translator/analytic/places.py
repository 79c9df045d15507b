"""Which array an address belongs to, and which element of it.

p + i, &a[i], (float *)((char *)p + pitch * j)      base array, offset in elements or (after a cast) in bytes
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from translator.analytic.ir import (
    AddressOf,
    Array,
    Binary,
    Cast,
    Const,
    Expr,
    Index,
    Location,
    Member,
    Pointer,
    Scalar,
    Symbol,
    Type,
    Var,
)


class UnknownBase(Exception):
    """A pointer whose array is not known (`p = cond ? a : b`). `at` is the place."""

    def __init__(self, at: Location, message: str = "a pointer that may point to more than one array") -> None:
        super().__init__(message)
        self.at = at


def element_size(kind: Type) -> int | None:
    """Bytes of an element type; None for a struct (its layout is the compiler's)."""
    sizes = {"bool": 1, "char": 1, "short": 2, "int": 4, "long": 8, "long long": 8, "float": 4, "double": 8}
    if isinstance(kind, Pointer):
        return 8
    if not isinstance(kind, Scalar):
        return None
    return sizes.get(kind.name.removeprefix("unsigned ").removeprefix("signed "), 16)


@dataclass(frozen=True)
class Place:
    """An element of an array: see `Access` for the fields."""

    array: Symbol
    subscripts: tuple[Expr, ...]
    byte_size: int | None = None
    member: tuple[str, ...] = ()


@dataclass(frozen=True)
class Places:
    """Finds places. `resolve` gives an expression with every scalar replaced by what it stands for; `is_unknown` says
    that a symbol stands for no known value."""

    resolve: Callable[[Expr], Expr]
    is_unknown: Callable[[Symbol], bool]

    def place(self, index: Index) -> Place | None:
        """The place of an element; None for members of scalars, which are no memory here. Raises UnknownBase."""
        if isinstance(index.base, Member) and isinstance(index.base.base, Index):
            return self._field(index.base)
        base = self.resolve(index.base)
        subscripts = tuple(self.resolve(s) for s in index.subscripts)
        size = element_size(index.type)
        array, offset, in_bytes = self.base_of(base, index)
        if array is None:
            return None
        if in_bytes:
            if size is None or len(subscripts) != 1:
                raise UnknownBase(index.at)
            scaled = times(subscripts[0], size)
            return Place(array, (scaled if offset is None else plus(offset, scaled),), size)
        if offset is not None:
            subscripts = (plus(offset, subscripts[0]), *subscripts[1:])
        return Place(array, subscripts)

    def _field(self, member: Member) -> Place | None:
        """`p[i].v[k]` uses the field v of p[i], whatever k is."""
        if not isinstance(member.type, Array) or not isinstance(member.base, Index):
            raise UnknownBase(member.at, f"the pointer {member.name} is a member of a struct")
        place = self.place(member.base)
        return None if place is None else dataclasses.replace(place, member=(*place.member, member.name))

    def base_of(self, base: Expr, index: Index) -> tuple[Symbol | None, Expr | None, bool]:
        """(array, offset, whether the offset is in bytes) of an address; array None for a struct's own array."""
        if isinstance(base, Var):
            if isinstance(base.type, Pointer | Array) and not self.is_unknown(base.symbol):
                return base.symbol, None, False
            if isinstance(base.type, Pointer):
                raise UnknownBase(index.at)
            return None, None, False
        if isinstance(base, Member):
            if not isinstance(base.type, Array):
                raise UnknownBase(index.at, f"the pointer {base.name} is a member of a struct")
            return None, None, False
        if isinstance(base, Binary) and base.op in "+-" and isinstance(base.left.type, Pointer | Array):
            return self._moved(base, index)
        if isinstance(base, Cast):
            return self._cast(base, index)
        if isinstance(base, AddressOf) and isinstance(base.operand, Index):
            place = self.place(base.operand)
            if place is not None and len(place.subscripts) == 1 and not place.member:
                return place.array, place.subscripts[0], place.byte_size is not None
        if isinstance(base, AddressOf) and isinstance(base.operand, Var):
            return None, None, False
        raise UnknownBase(index.at)

    def _moved(self, base: Binary, index: Index) -> tuple[Symbol | None, Expr | None, bool]:
        array, offset, in_bytes = self.base_of(base.left, index)
        amount = base.right
        if in_bytes:
            kind = base.left.type
            size = element_size(kind.to) if isinstance(kind, Pointer) else None
            if size is None:
                raise UnknownBase(index.at)
            amount = times(amount, size)
        if base.op == "-":
            amount = Binary("*", amount, Const("-1", -1, Scalar("int"), at=base.at), amount.type, at=base.at)
        return array, amount if offset is None else plus(offset, amount), in_bytes

    def _cast(self, base: Cast, index: Index) -> tuple[Symbol | None, Expr | None, bool]:
        """A pointer cast: offsets stay in elements where the element keeps its size, and turn into bytes where not."""
        array, offset, in_bytes = self.base_of(base.operand, index)
        source, target = base.operand.type, base.type
        if in_bytes or not (isinstance(source, Pointer) and isinstance(target, Pointer)):
            return array, offset, in_bytes
        if source.to == target.to:
            return array, offset, False
        size = element_size(source.to)
        if size is None:
            raise UnknownBase(index.at)
        return array, times(offset, size) if offset is not None else None, True


def times(expr: Expr, factor: int) -> Expr:
    if factor == 1:
        return expr
    return Binary("*", expr, Const(str(factor), factor, Scalar("int"), at=expr.at), expr.type, at=expr.at)


def plus(left: Expr, right: Expr) -> Expr:
    if isinstance(right, Const) and right.value == 0:
        return left
    return Binary("+", left, right, left.type if isinstance(left.type, Scalar) else right.type, at=left.at)
