"""From C types of the declarations to the IR's types, and C's arithmetic conversions (C11 6.3.1)."""

from __future__ import annotations

from collections.abc import Callable

from tree_sitter import Node as SyntaxNode

from data.c_types import SCALAR_SIZES, CArray, CFunction, CPointer, CScalar, CStruct, CType, CVoid, size_and_alignment
from translator.analytic import codes
from translator.analytic.cxx_names import output_name, output_spelling
from translator.analytic.ir import Array, Const, Expr, Location, Pointer, Scalar, Struct, Type, Unsupported, Void

LowerExtent = Callable[[SyntaxNode], Expr]

INT = Scalar("int")
UNSIGNED_LONG = Scalar("unsigned long")
_RANKS = ["bool", "char", "short", "int", "long", "long long"]
_FLOATS = ["float", "double", "long double"]


class RefusedError(Exception):
    """The parser met what the IR does not hold; caught at the statement, where it becomes an `Unsupported`."""

    def __init__(self, code: str, message: str, at: Location) -> None:
        super().__init__(message)
        self.unsupported = Unsupported(code, message, at)


def lower_type(ctype: CType, at: Location, lower_extent: LowerExtent | None = None) -> Type:
    """The IR type; RefusedError for what a kernel cannot hold. `lower_extent` lowers the size of a variable array."""
    if isinstance(ctype, CScalar):
        return Scalar(ctype.name, output_spelling(ctype.spelling))
    if isinstance(ctype, CVoid):
        return Void()
    if isinstance(ctype, CStruct):
        fields = tuple((output_name(name), lower_type(field, at)) for name, field in ctype.fields)
        return Struct(output_name(ctype.name), fields, output_spelling(ctype.spelling), ctype.is_union)
    if isinstance(ctype, CPointer):
        return _lower_pointer(ctype, at, lower_extent)
    if isinstance(ctype, CArray):
        return _lower_array(ctype, at, lower_extent)
    if isinstance(ctype, CFunction):
        raise RefusedError(codes.FUNCTION_POINTER, "function type", at)
    name = getattr(ctype, "name", "auto")
    raise RefusedError(codes.UNSUPPORTED_TYPE, f"type {name} is unknown or incomplete", at)


def _lower_pointer(ctype: CPointer, at: Location, lower_extent: LowerExtent | None) -> Type:
    if isinstance(ctype.to, CFunction):
        raise RefusedError(codes.FUNCTION_POINTER, "function pointer", at)
    if isinstance(ctype.to, CArray) and not ctype.reference:
        row = _lower_array(ctype.to, at, lower_extent)
        return Array(row.of, (None, *row.extents), row.const)
    if isinstance(ctype.to, CStruct | CScalar | CVoid | CPointer | CArray):
        return Pointer(lower_type(ctype.to, at, lower_extent), ctype.const, ctype.reference)
    # a pointer to an incomplete type: the pointer itself can be held, its target cannot be read
    return Pointer(Void(), ctype.const, ctype.reference)


def _lower_array(ctype: CArray, at: Location, lower_extent: LowerExtent | None) -> Array:
    extents: list[Expr | None] = []
    element: CType = ctype
    const = False
    while isinstance(element, CArray):
        extents.append(_lower_size(element, at, lower_extent))
        const = const or element.const
        element = element.of
    return Array(lower_type(element, at, lower_extent), tuple(extents), const)


def _lower_size(ctype: CArray, at: Location, lower_extent: LowerExtent | None) -> Expr | None:
    if ctype.size is not None:
        return Const(str(ctype.size), ctype.size, INT, at=at)
    if ctype.extent is None:
        return None
    if lower_extent is None:
        raise RefusedError(codes.UNSUPPORTED_TYPE, "array size is not a constant", at)
    return lower_extent(ctype.extent)


def sizeof_text(ctype: CType) -> tuple[str, int] | None:
    """How to write the size of a type (`sizeof(float)` where the type has a name), and its value in bytes."""
    layout = size_and_alignment(ctype)
    if layout is None:
        return None
    if isinstance(ctype, CScalar):
        return f"sizeof({ctype.spelling or ctype.name})", layout[0]
    if isinstance(ctype, CStruct) and ctype.spelling:
        return f"sizeof({ctype.spelling})", layout[0]
    return f"{layout[0]}ul", layout[0]


# ---------------------------------------------------------------- conversions


def promote(scalar: Scalar) -> Scalar:
    """Integer promotion: what is narrower than int becomes int."""
    if scalar.is_integer and SCALAR_SIZES[scalar.name] < 4:
        return INT
    return Scalar(scalar.name, scalar.spelling)


def common_type(left: Scalar, right: Scalar) -> Scalar:
    """The usual arithmetic conversions of two operands."""
    for name in reversed(_FLOATS):
        if name in (left.name, right.name):
            return Scalar(name)
    left, right = promote(left), promote(right)
    if left.name == right.name:
        return left if left.spelling == right.spelling else Scalar(left.name)
    return _common_integer(left, right)


def _common_integer(left: Scalar, right: Scalar) -> Scalar:
    if left.is_unsigned == right.is_unsigned:
        return Scalar(max((left.name, right.name), key=_rank))
    unsigned, signed = (left, right) if left.is_unsigned else (right, left)
    if _rank(unsigned.name) >= _rank(signed.name):
        return Scalar(unsigned.name)
    if SCALAR_SIZES[signed.name] > SCALAR_SIZES[unsigned.name]:
        return Scalar(signed.name)
    return Scalar(f"unsigned {signed.name}")


def _rank(name: str) -> int:
    return _RANKS.index(name.removeprefix("unsigned ").removeprefix("signed "))


def decay(value: Type) -> Type:
    """The type of an array used as a value: a pointer to its first element (or row)."""
    if not isinstance(value, Array):
        return value
    if len(value.extents) == 1:
        return Pointer(value.of, value.const)
    return Pointer(Array(value.of, value.extents[1:], value.const), value.const)


def element_type(value: Type, subscripts: int) -> Type | None:
    """The type of `value` after `subscripts` indexings; None where it has fewer dimensions."""
    for _ in range(subscripts):
        if isinstance(value, Array):
            value = value.of if len(value.extents) == 1 else Array(value.of, value.extents[1:], value.const)
        elif isinstance(value, Pointer):
            value = value.to
        else:
            return None
    return value
