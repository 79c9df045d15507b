"""Number literals with C's types for them."""

from __future__ import annotations

from data.literals import integer_literal
from translator.analytic import codes
from translator.analytic.ir import Const, Location, Scalar
from translator.analytic.parse_types import RefusedError


def number_constant(text: str, at: Location) -> Const:
    """A number literal with C's type for it (C11 6.4.4)."""
    lowered = text.lower().replace("'", "")
    hexadecimal = lowered.startswith("0x")
    is_float = "p" in lowered if hexadecimal else ("." in lowered or "e" in lowered)
    if is_float or (not hexadecimal and lowered.endswith("f")):
        suffix = {"f": "float", "l": "long double"}.get(lowered[-1], "double")
        digits = lowered.rstrip("fl")
        return Const(text, float.fromhex(digits) if hexadecimal else float(digits), Scalar(suffix), at=at)
    value = integer_literal(text)
    if value is None:
        raise RefusedError(codes.UNSUPPORTED_SYNTAX, f"number literal {text}", at)
    return Const(text, value, Scalar(_integer_type(lowered, value)), at=at)


def _integer_type(text: str, value: int) -> str:
    digits = text.rstrip("ulz")
    suffix = text[len(digits) :]
    longs, unsigned = suffix.count("l"), "u" in suffix
    decimal = not digits.startswith("0") or digits == "0"
    for size, bits in (("int", 32), ("long", 64), ("long long", 64)):
        if ("int", "long", "long long").index(size) < longs:
            continue
        if not unsigned and value < 1 << (bits - 1):
            return size
        if (unsigned or not decimal) and value < 1 << bits:
            return f"unsigned {size}"
    return "unsigned long long"
