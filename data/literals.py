"""C's literals and constant operations as Python values, and the canonical names of arithmetic types."""

from __future__ import annotations

_WORD_TYPES = {"float", "double", "char", "int", "short", "long", "signed", "unsigned", "bool", "_Bool"}


def canonical_scalar(words: list[str]) -> str | None:
    """The canonical name of an arithmetic type written as `words` in any order; None where it is none."""
    counts = {word: words.count(word) for word in set(words)}
    if not set(counts) <= _WORD_TYPES or not words:
        return None
    if counts.get("bool") or counts.get("_Bool"):
        return "bool"
    if counts.get("float"):
        return "float"
    if counts.get("double"):
        return "long double" if counts.get("long") else "double"
    sign = "unsigned " if counts.get("unsigned") else ""
    if counts.get("char"):
        return "signed char" if counts.get("signed") else f"{sign}char"
    if counts.get("short"):
        return f"{sign}short"
    return sign + {0: "int", 1: "long"}.get(counts.get("long", 0), "long long")


def fold(operator: str, operands: list[int]) -> int | None:
    """The value of a C integer operation; None where it is undefined."""
    if operator == "?:":
        return operands[1] if operands[0] else operands[2]
    if len(operands) == 1:
        value = operands[0]
        return {"-": -value, "+": value, "~": ~value, "!": int(not value)}.get(operator)
    left, right = operands
    if operator in ("/", "%"):
        if right == 0:
            return None
        quotient = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
        return quotient if operator == "/" else left - quotient * right
    if operator in ("<<", ">>"):
        if not 0 <= right < 64:
            return None
        return left << right if operator == "<<" else left >> right
    table = {
        "+": left + right,
        "-": left - right,
        "*": left * right,
        "&": left & right,
        "|": left | right,
        "^": left ^ right,
        "<": int(left < right),
        "<=": int(left <= right),
        ">": int(left > right),
        ">=": int(left >= right),
        "==": int(left == right),
        "!=": int(left != right),
        "&&": int(bool(left) and bool(right)),
        "||": int(bool(left) or bool(right)),
    }
    return table.get(operator)


def integer_literal(text: str) -> int | None:
    """The value of a C integer literal in any base, its suffix ignored; None for a floating one."""
    digits = text.replace("'", "").lower().rstrip("ulz")
    negative = digits.startswith("-")
    digits = digits.lstrip("+-")
    try:
        if digits.startswith(("0x", "0b")):
            value = int(digits, 0)
        elif digits.startswith("0") and len(digits) > 1:
            value = int(digits, 8)
        else:
            value = int(digits)
    except ValueError:
        return None
    return -value if negative else value


_ESCAPES = {
    "n": 10,
    "t": 9,
    "r": 13,
    "0": 0,
    "a": 7,
    "b": 8,
    "f": 12,
    "v": 11,
    "\\": 92,
    "'": 39,
    '"': 34,
    "?": 63,
    "e": 27,
}


def char_literal(text: str) -> int | None:
    """The value of a character literal; None for a wide or multi-character one."""
    body = text[1:-1]
    if text.startswith("'") and len(body) == 1:
        code = body.encode()
        return code[0] - 256 * (code[0] > 127) if len(code) == 1 else None
    if not body.startswith("\\"):
        return None
    escape = body[1:]
    if escape in _ESCAPES:
        return _ESCAPES[escape]
    try:
        value = int(escape[1:], 16) if escape.startswith("x") else int(escape, 8)
    except ValueError:
        return None
    return value - 256 if value > 127 else value
