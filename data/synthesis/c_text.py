"""A sketch as a C function."""

from __future__ import annotations

import re

from data.synthesis.draw import Draw
from data.synthesis.piece import Piece
from data.synthesis.print_code import declaration, loop_variables, print_function
from data.synthesis.sketch import Sketch, Statement

_WORD = re.compile(r"[A-Za-z_]\w*")
_MATH = ("sqrt", "fabs", "exp", "sin", "cos", "tanh", "floor", "log", "fmax", "fmin", "erfc")
# The names of the C library that texts use, by their header.
_HEADERS = {
    "<math.h>": frozenset(name + suffix for name in _MATH for suffix in ("", "f")),
    "<stddef.h>": frozenset({"size_t"}),
    "<stdlib.h>": frozenset({"malloc", "free", "exit", "abs"}),
    "<stdio.h>": frozenset({"fprintf"}),
}
_NAME_FORMS = ("{}", "{}", "{}", "{}_cpu", "cpu_{}", "{}_c", "{}_seq", "{}_serial", "do_{}", "compute_{}", "{}_ref")


def c_piece(draw: Draw, sketch: Sketch) -> Piece:
    """The sketch as C text in the author's style."""
    name = draw.names.reserved(draw.names.spelled(draw.rng.choice(_NAME_FORMS).format(sketch.name)))
    parameters = ", ".join(declaration(draw, parameter) for parameter in sketch.parameters)
    storage = draw.pick("", "", "", "", "static ") if sketch.returns != "void" else ""
    head = f"{storage}{sketch.returns} {name}({parameters})"
    function = print_function(draw, head, [*_declared(draw, sketch), *sketch.body])
    helpers = [print_function(draw, f"static {helper.head}", helper.body) for helper in sketch.helpers]
    text = "\n".join([*helpers, function])
    definitions = "\n".join(draw.definitions)
    defined = (name, *(helper.name for helper in sketch.helpers))
    includes = find_includes(definitions + text)
    return Piece(name, text, definitions, includes, sketch.parameters, sketch.returns, defined)


def find_includes(text: str) -> tuple[str, ...]:
    """The headers of the C library whose names the text uses."""
    words = set(_WORD.findall(text))
    return tuple(header for header, names in _HEADERS.items() if not names.isdisjoint(words))


def _declared(draw: Draw, sketch: Sketch) -> list[Statement]:
    """The loop variables on top, where the author declares them there."""
    variables = list(dict.fromkeys(loop_variables(sketch.body)))
    if not draw.style.c89 or not variables:
        return []
    return [f"int {', '.join(variables)};"]
