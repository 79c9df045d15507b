"""Extents that the user gives: `--extent a=n*m`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from data.source_file import SourceFile
from translator.analytic import codes
from translator.analytic.dependence import Reason
from translator.analytic.ir import Expr, Function, Return, Scalar, Var
from translator.analytic.parse import parse_program
from translator.analytic.usage import UnknownExtent
from translator.analytic.visit import substitute, symbols


def parse_extents(extents: Mapping[str, str], function: Function) -> dict[str, Expr]:
    """The expressions by array name, over the function's own parameters. Raises UnknownExtent for one that is none."""
    integers = {s.name: s for s in function.params if isinstance(s.type, Scalar) and s.type.is_integer}
    arrays = {s.name for s in function.params} - set(integers)
    return {name: _parse(name, text, function, integers) for name, text in extents.items() if name in arrays}


def _parse(name: str, text: str, function: Function, integers: Mapping[str, object]) -> Expr:
    parameters = ", ".join(f"long {parameter}" for parameter in integers)
    code = f"long extent({parameters}) {{ return {text}; }}\n"
    program = parse_program(SourceFile(Path("extent.c"), code, "c"))
    parsed = program.function("extent")
    stmt = parsed.body.body[0] if parsed is not None and len(parsed.body.body) == 1 else None
    if parsed is None or parsed.unsupported or not isinstance(stmt, Return) or stmt.value is None:
        message = f"--extent {name}={text}: not an integer expression over the parameters of {function.name}"
        raise UnknownExtent(Reason(codes.UNKNOWN_EXTENT, message, function.at))
    own = {s.name: s for s in function.params}
    values: dict[object, Expr] = {s: Var(own[s.name], at=function.at) for s in symbols(stmt.value)}
    return substitute(stmt.value, values)  # type: ignore[arg-type]
