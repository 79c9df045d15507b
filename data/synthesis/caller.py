"""`caller`: text that calls synthesized functions with arguments of exactly the sizes that they need, to check that
they run clean. It is C and C++ at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from data.synthesis.piece import Piece
from data.synthesis.sketch import Array, Scalar

ENTRY = "run_case"
SIGNATURE = f"int {ENTRY}(int which, int seed)"
_HEAD = """
static unsigned int caller_state;
static unsigned int caller_bits(void)
{
    caller_state = caller_state * 1664525u + 1013904223u;
    return caller_state >> 8;
}
static int caller_size(void)
{
    return caller_bits() % 5u == 0 ? 1 + (int)(caller_bits() % 90u) : 1 + (int)(caller_bits() % 24u);
}
static double caller_number(int positive)
{
    double value = (double)(caller_bits() % 1000u) / 250.0;
    return positive ? value + 0.5 : value - 2.0;
}
"""
_UNSIGNED = ("unsigned", "size_t", "uint")


def call_text(piece: Piece, number: int) -> str:
    """The piece's text with `case number` of the caller; all names of the piece get a suffix, so that texts of any
    number of pieces fit into one file."""
    renamed = renamed_piece(piece, f"_{number}")
    arguments = ", ".join(parameter.name for parameter in renamed.parameters)
    scalars = [_scalar(p) for p in renamed.parameters if isinstance(p, Scalar)]
    arrays = [p for p in renamed.parameters if isinstance(p, Array)]
    lines = [*scalars, *(line for array in arrays for line in _array(array))]
    lines += [f"{renamed.name}({arguments});", *(f"free({array.name});" for array in arrays)]
    body = "\n".join(f"    {line}" for line in lines)
    return f"{renamed.definitions}\n{renamed.text}\nstatic void call_{number}(void)\n{{\n{body}\n}}\n"


def caller(pieces: Sequence[Piece]) -> str:
    """One file with all the pieces, and the function `run_case(which, seed)` that calls the one with this number; it
    returns 0, or 1 where there is none."""
    includes = dict.fromkeys([*(i for piece in pieces for i in piece.includes), "<stdlib.h>"])
    head = "\n".join(f"#include {include}" for include in includes)
    parts = [call_text(piece, number) for number, piece in enumerate(pieces)]
    cases = "\n".join(f"    case {number}: call_{number}(); return 0;" for number in range(len(pieces)))
    body = f"    caller_state = (unsigned int)seed;\n    switch (which) {{\n{cases}\n    }}\n    return 1;\n"
    entry = f"{SIGNATURE}\n{{\n{body}}}\n"
    return "\n".join([head, _HEAD, *parts, entry])


def renamed_piece(piece: Piece, suffix: str) -> Piece:
    """The piece with a suffix at the names that it defines, macros included."""
    macros = re.findall(r"^#define (\w+)", piece.definitions, re.MULTILINE)
    types = re.findall(r"^\} (\w+);", piece.definitions, re.MULTILINE)
    dynamic = re.findall(r"extern __shared__ [\w ]+ (\w+)\[\]", piece.text)  # of one type in a file, says nvcc
    names = [*piece.defined, *macros, *types, *dynamic]
    pattern = re.compile(rf"\b(?:{'|'.join(map(re.escape, names))})\b")

    def rename(text: str) -> str:
        return pattern.sub(lambda match: match[0] + suffix, text)

    return replace(piece, name=rename(piece.name), text=rename(piece.text), definitions=rename(piece.definitions))


def _scalar(scalar: Scalar) -> str:
    if scalar.values == "size":
        value = "caller_size()"
    elif scalar.values == "small":
        value = "1 + (int)(caller_bits() % 3u)"
    elif scalar.values.startswith("below "):
        value = f"(int)(caller_bits() % (unsigned int)({scalar.values[6:]}))"
    else:
        value = _number(scalar.type, scalar.values)
    return f"{scalar.type} {scalar.name} = ({scalar.type})({value});"


def _number(kind: str, values: str) -> str:
    if kind in ("float", "double"):
        return f"caller_number({int(values == 'positive')})"
    if kind in ("char", "unsigned char", "uint8_t"):
        return "caller_bits() % 128u" if kind == "char" else "caller_bits() % 256u"
    if values == "positive":
        return "1 + (int)(caller_bits() % 9u)"
    return "caller_bits() % 100u" if kind.startswith(_UNSIGNED) else "(int)(caller_bits() % 19u) - 9"


def _array(array: Array) -> list[str]:
    """Statements that allocate and fill an array of exactly its extent."""
    name, extent = array.name, f"(long)({array.extent})"
    if array.values.startswith("below "):
        value = f"(int)(caller_bits() % (unsigned int)({array.values[6:]}))"
    elif array.values == "permutation":
        value = f"(i_ + 3) % {extent}"
    elif array.values.startswith("offsets "):
        value = f"({extent} > 1 ? i_ * (long)({array.values[8:]}) / ({extent} - 1) : 0)"
    elif array.values == "bit":
        value = "caller_bits() % 2u"
    else:
        value = _number(array.type, array.values)
    allocate = f"{array.type} *{name} = ({array.type} *)malloc({extent} * sizeof({array.type}));"
    return [allocate, f"for (long i_ = 0; i_ < {extent}; i_++) {name}[i_] = ({array.type})({value});"]
