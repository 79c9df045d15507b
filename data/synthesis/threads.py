"""Independent iterations as the threads of a kernel: thread indices, guards, strides and launch shapes."""

from __future__ import annotations

from collections.abc import Sequence

from data.synthesis.draw import Draw
from data.synthesis.sketch import (
    Block,
    DeviceProgram,
    Dim,
    For,
    Launch,
    Parallel,
    Parameter,
    Sketch,
    Statement,
    parenthesized,
)

_X = (
    "blockIdx.x * blockDim.x + threadIdx.x",
    "threadIdx.x + blockIdx.x * blockDim.x",
    "blockDim.x * blockIdx.x + threadIdx.x",
)


def on_device(draw: Draw, sketch: Sketch) -> DeviceProgram:
    """A program with one kernel for each of the sketch's outermost statements, all of which are `Parallel`."""
    launches = []
    for number, statement in enumerate(sketch.body):
        if not isinstance(statement, Parallel):
            raise TypeError(f"{sketch.name} has a statement that no thread can take")
        suffix = str(number + 1) if len(sketch.body) > 1 else ""
        launches.append(spread(draw, statement, sketch.parameters, suffix))
    return DeviceProgram(sketch.name, sketch.parameters, tuple(launches), sketch.helpers, returns=sketch.returns)


def spread(draw: Draw, parallel: Parallel, parameters: Sequence[Parameter], suffix: str = "") -> Launch:
    """A kernel whose threads share the iterations, and its launch."""
    dims, body = parallel.dims, parallel.body
    if len(dims) == 1:
        return _line(draw, dims[0], body, tuple(parameters), suffix)
    if draw.chance(0.2):
        return _flattened(draw, dims, body, tuple(parameters), suffix)
    if draw.chance(0.15):
        inner: Sequence[Statement] = body
        for dim in reversed(dims[1:]):
            inner = [For(dim.variable, dim.end, inner, dim.low)]
        return _line(draw, dims[0], inner, tuple(parameters), suffix)
    if len(dims) == 2 and draw.chance(0.15):
        return _row_per_block(draw, dims, body, tuple(parameters), suffix)
    return _box(draw, dims, body, tuple(parameters), suffix)


def line_index(draw: Draw, axis: str = "x") -> str:
    """The index of a thread in the grid."""
    return draw.rng.choice(_X).replace(".x", f".{axis}")


def line_launch(draw: Draw, extent: str) -> tuple[list[Statement], str, str]:
    """(statements in front, grid, block) of a launch of one thread for each of `extent` elements."""
    size = str(draw.block_size)
    if draw.chance(0.25):
        size = draw.names.spelled("BLOCK_SIZE") if draw.names.spelled("a_b") == "a_b" else "BLOCK"
        draw.define(f"#define {size} {draw.block_size}")
    n = parenthesized(extent)
    if draw.chance(0.4):
        return [], f"({extent} + {int(size) - 1 if size.isdigit() else f'{size} - 1'}) / {size}", size
    threads, blocks = (
        draw.local(draw.pick("threads", "block_size", "threads_per_block")),
        draw.local(draw.pick("blocks", "grid_size", "num_blocks")),
    )
    kind = draw.pick("int", "int", "const int", "dim3")
    if kind == "dim3":
        before: list[Statement] = [f"dim3 {threads}({size});", f"dim3 {blocks}(({extent} + {size} - 1) / {size});"]
        return before, blocks, threads
    ceil = draw.pick(f"({extent} + {threads} - 1) / {threads}", f"({n} - 1) / {threads} + 1")
    return [f"{kind} {threads} = {size};", f"{kind} {blocks} = {ceil};"], blocks, threads


def _inside(dims: Sequence[Dim]) -> list[str]:
    return [
        condition
        for dim in dims
        for condition in ([f"{dim.variable} >= {dim.low}"] if dim.low != "0" else []) + [f"{dim.variable} < {dim.end}"]
    ]


def _guarded(draw: Draw, dims: Sequence[Dim], body: Sequence[Statement]) -> list[Statement]:
    """The body for threads inside the dimensions only: under a condition, or after a return."""
    inside = _inside(dims)
    if draw.chance(0.3):
        outside = [c.replace(" < ", " >= ") if " < " in c else c.replace(" >= ", " < ") for c in inside]
        return [f"if ({' || '.join(outside)}) return;", *body]
    return [Block(f"if ({' && '.join(inside)})", body)]


def _line(draw: Draw, dim: Dim, body: Sequence[Statement], parameters: tuple[Parameter, ...], suffix: str) -> Launch:
    before, grid, block = line_launch(draw, dim.extent)
    index, form = line_index(draw), draw.rng.random()
    kind = draw.size_type if draw.size_type != "unsigned int" else "int"
    if form < 0.6 or dim.low != "0":
        statements: list[Statement] = [f"{kind} {dim.variable} = {index};", *_guarded(draw, (dim,), body)]
        return Launch(suffix, parameters, statements, grid, block, before=before)
    if draw.chance(0.4):  # fewer threads than elements: the stride does the rest
        grid = draw.pick("4", "2", "8", "16", "32", "64")
    if form < 0.8:
        step = f"{dim.variable} += blockDim.x * gridDim.x"
        head = f"for ({kind} {dim.variable} = {index}; {dim.variable} < {dim.end}; {step})"
        return Launch(suffix, parameters, [Block(head, body)], grid, block, before=_used(before, grid, block))
    stride = draw.local("stride")
    statements = [
        f"{kind} {dim.variable} = {index};",
        f"int {stride} = gridDim.x * blockDim.x;",
        Block(f"while ({dim.variable} < {dim.end})", [*body, f"{dim.variable} += {stride};"]),
    ]
    return Launch(suffix, parameters, statements, grid, block, before=_used(before, grid, block))


def _used(before: Sequence[Statement], grid: str, block: str) -> list[Statement]:
    """The declarations that a launch with this grid and block still needs."""
    return [
        s
        for s in before
        if isinstance(s, str) and any(f" {name}" in s.split("=")[0].split("(")[0] for name in (grid, block))
    ]


def _flattened(
    draw: Draw, dims: Sequence[Dim], body: Sequence[Statement], parameters: tuple[Parameter, ...], suffix: str
) -> Launch:
    """One thread index that is taken apart into the dimensions."""
    total = " * ".join(parenthesized(dim.extent) for dim in dims)
    before, grid, block = line_launch(draw, total)
    flat = draw.local("flat")
    split: list[Statement] = []
    rest = flat
    for number, dim in enumerate(reversed(dims)):
        last = number == len(dims) - 1
        size = parenthesized(dim.extent)
        split.append(f"int {dim.variable} = {rest if last else f'{rest} % {size}'};")
        rest = f"{rest} / {size}" if number == 0 else f"({rest}) / {size}"
    bounds = [dim for dim in dims if dim.low != "0" or dim.high]
    inner = [*split, *(_guarded(draw, bounds, body) if bounds else body)]
    whole = Dim(flat, total)
    return Launch(
        suffix,
        parameters,
        [f"int {flat} = {line_index(draw)};", *_guarded(draw, (whole,), inner)],
        grid,
        block,
        before=before,
    )


def _row_per_block(
    draw: Draw, dims: Sequence[Dim], body: Sequence[Statement], parameters: tuple[Parameter, ...], suffix: str
) -> Launch:
    """A block for each row, whose threads stride over the columns."""
    row, column = dims
    start = "threadIdx.x" if column.low == "0" else f"{column.low} + threadIdx.x"
    head = f"for (int {column.variable} = {start}; {column.variable} < {column.end}; {column.variable} += blockDim.x)"
    loop: list[Statement] = [Block(head, body)]
    if row.low != "0" or row.high:
        loop = [Block(f"if ({' && '.join(_inside((row,)))})", loop)]
    return Launch(suffix, parameters, [f"int {row.variable} = blockIdx.x;", *loop], row.extent, str(draw.block_size))


def _box(
    draw: Draw, dims: Sequence[Dim], body: Sequence[Statement], parameters: tuple[Parameter, ...], suffix: str
) -> Launch:
    """A grid of as many dimensions, the innermost along x."""
    shapes = {2: ((16, 16), (32, 8), (8, 8), (32, 32), (16, 8)), 3: ((8, 8, 4), (8, 4, 4), (32, 4, 2), (4, 4, 4))}
    shape = draw.rng.choice(shapes[len(dims)])
    axes = "xyz"[: len(dims)]
    indices = [(dim, axis) for dim, axis in zip(reversed(dims), axes, strict=True)]
    if draw.chance(0.4):
        indices.reverse()
    lines: list[Statement] = [f"int {dim.variable} = {line_index(draw, axis)};" for dim, axis in indices]
    block, grid = (
        draw.local(draw.pick("block", "threads", "dim_block")),
        draw.local(draw.pick("grid", "blocks", "dim_grid")),
    )
    counts = []
    for dim, axis, size in zip(reversed(dims), axes, shape, strict=True):
        each = str(size) if draw.chance(0.4) else f"{block}.{axis}"
        minus = str(size - 1) if each.isdigit() else f"{each} - 1"
        counts.append(f"({dim.extent} + {minus}) / {each}")
    before: list[Statement] = [
        f"dim3 {block}({', '.join(map(str, shape))});",
        f"dim3 {grid}({', '.join(counts)});",
    ]
    return Launch(suffix, parameters, [*lines, *_guarded(draw, dims, body)], grid, block, before=before)
