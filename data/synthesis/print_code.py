"""Statements to text, as one author writes them: loop forms, braces, indentation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from data.synthesis.draw import Draw
from data.synthesis.sketch import Array, Block, For, Parallel, Parameter, Statement, parenthesized


def print_function(draw: Draw, head: str, body: Sequence[Statement]) -> str:
    """A function definition."""
    counts = Counter(loop_variables(body))
    lowered = _lower(draw, body, frozenset(name for name, count in counts.items() if count > 1))
    style = draw.style
    opening = [head, "{"] if style.allman else [f"{head} {{"]
    return "\n".join([*opening, *_lines(draw, lowered, 1), "}"]) + "\n"


def _lower(draw: Draw, body: Sequence[Statement], repeated: frozenset[str]) -> list[str | Block]:
    """Loops written out in the forms that the author chooses; `repeated` are variables that several loops step."""
    result: list[str | Block] = []
    for statement in body:
        if isinstance(statement, str):
            result.append(statement)
        elif isinstance(statement, Block):
            result.append(Block(statement.head, _lower(draw, statement.body, repeated)))
        elif isinstance(statement, For):
            result += _loop(draw, statement, repeated)
        else:
            result += _lower(draw, _sequential(draw, statement), repeated)
    return result


def _sequential(draw: Draw, parallel: Parallel) -> list[Statement]:
    """A nest of loops in a drawn order, or one loop over all elements of a plane."""
    dims = list(parallel.dims)
    flat = len(dims) == 2 and all(dim.low == "0" and not dim.high for dim in dims)
    if flat and draw.chance(0.1) and not draw.style.c89:
        outer, inner = dims
        index, width = draw.local("flat"), parenthesized(inner.extent)
        split = [f"int {outer.variable} = {index} / {width};", f"int {inner.variable} = {index} % {width};"]
        return [For(index, f"{parenthesized(outer.extent)} * {width}", [*split, *parallel.body])]
    if draw.chance(0.15):
        draw.rng.shuffle(dims)
    body: Sequence[Statement] = parallel.body
    for dim in reversed(dims):
        body = [For(dim.variable, dim.end, body, dim.low)]
    return list(body)


def _loop(draw: Draw, loop: For, repeated: frozenset[str]) -> list[str | Block]:
    variable, body = loop.variable, _lower(draw, loop.body, repeated)
    declared = "" if draw.style.c89 else f"{_index_type(draw, loop)} "
    step = _step(draw, variable, loop.step)
    plain = draw.size_type == "int" and loop.step == "1"
    if plain and not loop.ordered and draw.chance(0.06):
        head = f"for ({declared}{variable} = {_minus_one(loop.high)}; {variable} >= {loop.low}; {variable}--)"
        return [Block(head, body)]
    if variable not in repeated and draw.chance(0.07):
        start = f"{declared}{variable} = {loop.low};"
        return [start, Block(f"while ({variable} < {loop.high})", [*body, f"{step};"])]
    bound = f"{variable} < {loop.high}"
    if plain and loop.high.isidentifier() and draw.chance(0.05):
        bound = f"{variable} <= {loop.high} - 1"
    return [Block(f"for ({declared}{variable} = {loop.low}; {bound}; {step})", body)]


def _index_type(draw: Draw, loop: For) -> str:
    plain = loop.low == "0" and " - " not in loop.high
    return draw.size_type if plain and draw.size_type != "int" and draw.chance(0.8) else "int"


def _minus_one(bound: str) -> str:
    for constant in ("1", "2", "3"):
        if bound.endswith(f" - {constant}"):
            return f"{bound[: -len(constant)]}{int(constant) + 1}"
    return str(int(bound) - 1) if bound.isdigit() else f"{bound} - 1"


def _step(draw: Draw, variable: str, step: str) -> str:
    if step != "1":
        return f"{variable} += {step}"
    return {"after": f"{variable}++", "before": f"++{variable}", "plus": f"{variable} += 1"}[draw.style.increment]


def loop_variables(body: Sequence[Statement]) -> Iterator[str]:
    """The variables that counted loops and dimensions step."""
    for statement in body:
        if isinstance(statement, For):
            yield statement.variable
        if isinstance(statement, Parallel):
            yield from (dim.variable for dim in statement.dims)
        if not isinstance(statement, str):
            yield from loop_variables(statement.body)


def _lines(draw: Draw, body: Sequence[Statement], depth: int) -> Iterator[str]:
    indent = draw.style.indent * depth
    for statement in body:
        if isinstance(statement, str):
            yield f"{indent}{statement}" if statement else ""
            continue
        assert isinstance(statement, Block)
        if draw.style.braceless and _stands_alone(statement):
            yield f"{indent}{statement.head}"
            yield from _lines(draw, statement.body, depth + 1)
            continue
        if draw.style.allman:
            yield f"{indent}{statement.head}"
            yield f"{indent}{{"
        else:
            yield f"{indent}{statement.head} {{"
        yield from _lines(draw, statement.body, depth + 1)
        yield f"{indent}}}"


def _stands_alone(block: Block) -> bool:
    """Whether the body needs no braces: one statement that no `else` can follow by mistake, and no declaration."""
    if len(block.body) != 1:
        return False
    only = block.body[0]
    if isinstance(only, str):
        return only.count(";") == 1 and not only.startswith("//")
    return isinstance(only, Block) and only.head.startswith("for")


def declaration(draw: Draw, parameter: Parameter) -> str:
    """A parameter as the author declares it."""
    if not isinstance(parameter, Array):
        return f"{parameter.type} {parameter.name}"
    constant = "const " if parameter.access == "in" and draw.style.constant else ""
    if draw.style.matrix == "vla" and len(parameter.shape) > 1:
        return f"{constant}{parameter.type} {parameter.name}" + "".join(f"[{size}]" for size in parameter.shape)
    restrict = ("__restrict__ " if draw.cuda else "restrict ") if draw.style.restrict else ""
    return f"{constant}{parameter.type} *{restrict}{parameter.name}"
