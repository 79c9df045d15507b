"""Families in which an element of the result comes from its neighbours on a grid."""

from __future__ import annotations

from data.synthesis.draw import Draw
from data.synthesis.family import pointwise
from data.synthesis.sketch import Array, Block, Dim, For, Parallel, Sketch, Statement


def _interior(d: Draw, *sizes: str, radius: int = 1) -> tuple[Dim, ...]:
    """Dimensions over the elements that have all their neighbours."""
    return tuple(Dim(dim.variable, dim.extent, str(radius), f"{dim.extent} - {radius}") for dim in d.dims(*sizes))


def _at(index: str, offset: int) -> str:
    return index if offset == 0 else f"{index} {'+' if offset > 0 else '-'} {abs(offset)}"


def _grid(d: Draw, kind: str, *sizes: str) -> tuple[Array, Array]:
    """The grid before and after an update; elements at the border keep what they hold."""
    before = d.array("input", kind, *sizes)
    return before, d.array("output", kind, *sizes, access="inout")


def _stencil_1d(d: Draw) -> Sketch:
    kind, n, radius = d.floating(), d.size(signed=True), d.pick(1, 1, 1, 2, 3)
    a, b = _grid(d, kind, n)
    (dim,) = _interior(d, n, radius=radius)
    terms = []
    for offset in range(-radius, radius + 1):
        value = d.at(a, _at(dim.variable, offset))
        terms.append(value if d.chance(0.4) else f"{d.literal(kind)} * {value}")
    if d.chance(0.3):
        d.rng.shuffle(terms)
    total = " + ".join(terms)
    value = d.pick(total, f"({total}) / {d.literal(kind, str(2 * radius + 1))}", f"{d.literal(kind)} * ({total})")
    return d.sketch(
        d.pick("stencil_1d", "smooth", "three_point", "filter_line", "jacobi_1d"),
        Parallel((dim,), d.stored(d.at(b, dim.variable), d.touched(value, kind), kind)),
    )


def _stencil_2d(d: Draw) -> Sketch:
    kind = d.floating()
    rows, columns = d.size("rows", signed=True), d.size("columns", signed=True)
    a, b = _grid(d, kind, rows, columns)
    dims = _interior(d, rows, columns)
    i, j = dims[0].variable, dims[1].variable
    around = [(-1, 0), (1, 0), (0, -1), (0, 1)]
    if d.chance(0.3):
        around += [(-1, -1), (-1, 1), (1, -1), (1, 1)]
    d.rng.shuffle(around)
    total = " + ".join(d.at(a, _at(i, di), _at(j, dj)) for di, dj in around)
    middle, weight = d.at(a, i, j), d.literal(kind, f"{1 / len(around)}", "0.25", "0.2", "0.1")
    value = d.pick(
        f"{weight} * ({total})",
        f"{weight} * ({total} + {middle})",
        f"{middle} + {weight} * ({total} - {d.literal(kind, str(len(around)))} * {middle})",
        f"({total}) / {d.literal(kind, str(len(around)))}",
    )
    return d.sketch(
        d.pick("stencil_2d", "jacobi_step", "five_point", "relax", "laplace", "smooth_grid"),
        Parallel(dims, d.stored(d.at(b, i, j), d.touched(value, kind), kind)),
    )


def _stencil_3d(d: Draw) -> Sketch:
    kind = d.floating()
    sizes = [d.size(pool, signed=True) for pool in ("depth", "rows", "columns")]
    a, b = _grid(d, kind, *sizes)
    dims = _interior(d, *sizes)
    k, i, j = (dim.variable for dim in dims)
    around = [(-1, 0, 0), (1, 0, 0), (0, -1, 0), (0, 1, 0), (0, 0, -1), (0, 0, 1)]
    d.rng.shuffle(around)
    total = " + ".join(d.at(a, _at(k, dk), _at(i, di), _at(j, dj)) for dk, di, dj in around)
    middle, c = d.at(a, k, i, j), d.scalar("factor", kind) if d.chance(0.5) else d.literal(kind)
    value = d.pick(
        f"{middle} + {c} * ({total} - {d.literal(kind, '6.0')} * {middle})",
        f"{c} * ({total})",
        f"({total} + {middle}) / {d.literal(kind, '7.0')} * {c}",
    )
    return d.sketch(
        d.pick("stencil_3d", "seven_point", "heat_3d", "diffuse", "jacobi_3d"),
        Parallel(dims, d.stored(d.at(b, k, i, j), d.touched(value, kind), kind)),
    )


def _heat(d: Draw) -> Sketch:
    """An explicit step of diffusion in one or two dimensions, with fixed or mirrored ends."""
    kind, flat = d.floating(), d.chance(0.5)
    dt, c = d.scalar("step", kind), d.scalar(d.pick("kappa", "diffusivity", "c"), kind)
    name = d.pick("heat_step", "diffusion_step", "conduct", "update_temperature")
    if flat:
        n = d.size(signed=True)
        u, v = (
            d.array(d.pick("u", "temp", "t_old"), kind, n),
            d.array(d.pick("u_new", "next", "t_new"), kind, n, access="out"),
        )
        dims = d.dims(n)
        i, left, right = dims[0].variable, d.local("left"), d.local("right")
        here = d.at(u, i)
        body: list[Statement] = [
            f"{kind} {left} = {i} > 0 ? {d.at(u, f'{i} - 1')} : {d.pick(here, d.zero(kind))};",
            f"{kind} {right} = {i} < {n} - 1 ? {d.at(u, f'{i} + 1')} : {d.pick(here, d.zero(kind))};",
            f"{d.at(v, i)} = {here} + {dt} * {c} * ({left} - {d.literal(kind, '2.0')} * {here} + {right});",
        ]
        return d.sketch(name, Parallel(dims, body))
    rows, columns = d.size("rows", signed=True), d.size("columns", signed=True)
    u, v = (
        d.array(d.pick("u", "temp", "old"), kind, rows, columns),
        d.array(d.pick("u_new", "next"), kind, rows, columns, access="out"),
    )
    dims = d.dims(rows, columns)
    i, j = dims[0].variable, dims[1].variable
    edge = f"{i} == 0 || {j} == 0 || {i} == {rows} - 1 || {j} == {columns} - 1"
    around = " + ".join(d.at(u, _at(i, a), _at(j, b)) for a, b in ((-1, 0), (1, 0), (0, -1), (0, 1)))
    here, target = d.at(u, i, j), d.at(v, i, j)
    inner = f"{target} = {here} + {c} * {dt} * ({around} - {d.literal(kind, '4.0')} * {here});"
    border = f"{target} = {d.pick(here, d.zero(kind), d.literal(kind))};"
    return d.sketch(name, Parallel(dims, [Block(f"if ({edge})", [border]), Block("else", [inner])]))


def _wave(d: Draw) -> Sketch:
    kind, n = d.floating(), d.size(signed=True)
    now, before = d.array(d.pick("u", "curr", "now"), kind, n), d.array(d.pick("u_prev", "previous", "old"), kind, n)
    after, c = (
        d.array(d.pick("u_next", "next", "after"), kind, n, access="inout"),
        d.scalar(d.pick("c2", "courant", "r"), kind),
    )
    (dim,) = _interior(d, n)
    i, two = dim.variable, d.literal(kind, "2.0")
    around = f"{d.at(now, f'{i} + 1')} - {two} * {d.at(now, i)} + {d.at(now, f'{i} - 1')}"
    value = f"{two} * {d.at(now, i)} - {d.at(before, i)} + {c} * ({around})"
    if d.chance(0.4):
        damping = d.scalar(d.pick("damping", "loss", "gamma"), kind)
        value = f"({value}) * {damping}"
    return d.sketch(
        d.pick("wave_step", "leapfrog_wave", "string_update"),
        Parallel((dim,), d.stored(d.at(after, i), d.touched(value, kind), kind)),
    )


def _difference(d: Draw) -> Sketch:
    """Gradients, divergences and curls by differences."""
    kind = d.floating()
    rows, columns = d.size("rows", signed=True), d.size("columns", signed=True)
    f = d.array(d.pick("field", "f", "phi", "p"), kind, rows, columns)
    gx, gy = (
        d.array(word, kind, rows, columns, access="inout")
        for word in d.pick(("gx", "gy"), ("dfdx", "dfdy"), ("u", "v"))
    )
    dims = _interior(d, rows, columns)
    i, j = dims[0].variable, dims[1].variable
    h = d.scalar(d.pick("h", "dx", "spacing"), kind, "positive") if d.chance(0.5) else d.literal(kind, "2.0", "0.5")
    x = f"{d.at(f, i, f'{j} + 1')} - {d.at(f, i, d.pick(j, f'{j} - 1'))}"
    y = f"{d.at(f, f'{i} + 1', j)} - {d.at(f, d.pick(i, f'{i} - 1'), j)}"
    operator, assign = d.pick("*", "/"), d.pick("=", "+=", "-=")
    body = [f"{d.at(gx, i, j)} {assign} ({x}) {operator} {h};", f"{d.at(gy, i, j)} {assign} ({y}) {operator} {h};"]
    return d.sketch(
        d.pick("gradient", "central_difference", "pressure_gradient", "finite_difference"), Parallel(dims, body)
    )


def _life(d: Draw) -> Sketch:
    kind = d.pick("int", "unsigned char", "char")
    rows, columns = d.size("rows", signed=True), d.size("columns", signed=True)
    a = d.array(d.pick("world", "cells", "grid", "board"), kind, rows, columns, values="bit")
    b = d.array(d.pick("next", "new_cells", "updated"), kind, rows, columns, access="out")
    dims = d.dims(rows, columns)
    i, j = dims[0].variable, dims[1].variable
    alive, y, x, di, dj = (d.local(word) for word in ("alive", "yy", "xx", "di", "dj"))
    wrapped = d.chance(0.5)
    if wrapped:
        inner: list[Statement] = [
            f"int {y} = ({i} + {di} + {rows}) % {rows};",
            f"int {x} = ({j} + {dj} + {columns}) % {columns};",
            Block(f"if ({di} != 0 || {dj} != 0)", [f"{alive} += {d.at(a, y, x)};"]),
        ]
    else:
        inside = f"{y} >= 0 && {y} < {rows} && {x} >= 0 && {x} < {columns}"
        inner = [
            f"int {y} = {i} + {di};",
            f"int {x} = {j} + {dj};",
            Block(f"if (({di} != 0 || {dj} != 0) && {inside})", [f"{alive} += {d.at(a, y, x)};"]),
        ]
    birth, low = d.pick("3", "3", "2"), d.pick("2", "2", "3")
    rule = d.pick(
        f"{alive} == {birth} || ({alive} == {low} && {d.at(a, i, j)})",
        f"{d.at(a, i, j)} ? {alive} >= {low} && {alive} <= 3 : {alive} == {birth}",
    )
    loops = For(di, "2", [For(dj, "2", inner, "-1")], "-1")
    stored = d.pick(f"{d.at(b, i, j)} = {rule};", f"{d.at(b, i, j)} = ({rule}) ? 1 : 0;")
    return d.sketch(
        d.pick("life_step", "next_generation", "evolve", "automaton"),
        Parallel(dims, [f"int {alive} = 0;", loops, stored]),
    )


FAMILIES = (
    pointwise("stencil_1d", "weighted sums of neighbours on a line", _stencil_1d),
    pointwise("stencil_2d", "five- and nine-point stencils", _stencil_2d),
    pointwise("stencil_3d", "seven-point stencils", _stencil_3d),
    pointwise("heat", "explicit steps of diffusion with a boundary", _heat),
    pointwise("wave", "steps of the wave equation", _wave),
    pointwise("difference", "gradients by finite differences", _difference),
    pointwise("life", "cellular automata on a torus or in a box", _life),
)
