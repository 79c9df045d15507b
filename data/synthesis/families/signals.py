"""Families on sampled signals: convolutions and moving windows."""

from __future__ import annotations

from data.synthesis.draw import Draw
from data.synthesis.family import Family, pointwise
from data.synthesis.sketch import Block, DeviceProgram, For, Launch, Parallel, Sketch, Statement
from data.synthesis.threads import on_device


def _convolution_1d(d: Draw) -> Sketch:
    kind, n = d.number(), d.size(signed=True)
    taps = d.size("taps", signed=True)
    padded = d.chance(0.5)
    x = d.array("input", kind, n if padded else f"{n} + {taps} - 1")
    w, out = d.array("table", kind, taps), d.array("output", kind, n, access="out")
    dims = d.dims(n)
    i, k, total, place = dims[0].variable, d.local("loop"), d.local("sum"), d.local(d.pick("pos", "src_idx", "t"))
    tap = d.at(w, d.pick(k, f"{taps} - 1 - {k}"))
    if padded:
        inner: list[Statement] = [
            f"int {place} = {i} {d.pick('+', '-')} {k}{d.pick('', f' - {taps} / 2')};",
            Block(f"if ({place} >= 0 && {place} < {n})", [f"{total} += {d.at(x, place)} * {tap};"]),
        ]
    else:
        inner = [f"{total} += {d.at(x, f'{i} + {k}')} * {tap};"]
    start, end = f"{kind} {total} = {d.zero(kind)};", f"{d.at(out, i)} = {d.touched(total, kind)};"
    return d.sketch(
        d.pick("convolve", "conv_1d", "fir_filter", "correlate"), Parallel(dims, [start, For(k, taps, inner), end])
    )


def _convolution_1d_device(d: Draw) -> DeviceProgram:
    """Through a tile of shared memory with its margins, or as `_convolution_1d` does it."""
    if d.chance(0.5):
        return on_device(d, _convolution_1d(d))
    kind, n, radius, size = d.pick("float", "double", "int"), d.size(signed=True), d.pick(1, 2, 3, 4), d.block_size
    macro = d.pick("RADIUS", "HALO", "R")
    d.define(f"#define {macro} {radius}")
    x, w = d.array("input", kind, n), d.array("table", kind, f"2 * {radius} + 1")
    out = d.array("output", kind, n, access="out")
    i, t, shared, k, total = d.local("index"), d.local("lane"), d.local("shared"), d.local("loop"), d.local("sum")
    zero, inside = d.zero(kind), f"{i} >= {macro} && {i} - {macro} < {n}"
    body: list[Statement] = [
        f"__shared__ {kind} {shared}[{size} + 2 * {macro}];",
        f"int {i} = blockIdx.x * {size} + threadIdx.x;",
        f"int {t} = threadIdx.x + {macro};",
        f"{shared}[{t}] = {i} < {n} ? {d.at(x, i)} : {zero};",
        Block(
            f"if (threadIdx.x < {macro})",
            [
                f"{shared}[{t} - {macro}] = {inside} ? {d.at(x, f'{i} - {macro}')} : {zero};",
                f"{shared}[{t} + {size}] = {i} + {size} < {n} ? {d.at(x, f'{i} + {size}')} : {zero};",
            ],
        ),
        "__syncthreads();",
        f"{kind} {total} = {zero};",
        For(k, f"{macro} + 1", [f"{total} += {shared}[{t} + {k}] * {d.at(w, f'{k} + {macro}')};"], f"-{macro}"),
        Block(f"if ({i} < {n})", [f"{d.at(out, i)} = {d.touched(total, kind)};"]),
    ]
    blocks = f"({n} + {size - 1}) / {size}"
    return d.program(
        d.pick("conv_shared", "stencil_shared", "fir_tiled"), Launch("", d.ordered(), body, blocks, str(size))
    )


def _convolution_2d(d: Draw) -> Sketch:
    kind = d.number()
    rows, columns = d.size("rows", signed=True), d.size("columns", signed=True)
    size = d.pick("3", "3", "5", "")
    size = size or d.scalar("taps", "int", "small")
    padded = d.chance(0.5)
    a = d.array("input", kind, *((rows, columns) if padded else (f"{rows} + {size} - 1", f"{columns} + {size} - 1")))
    w, out = d.array("table", kind, size, size), d.array("output", kind, rows, columns, access="out")
    dims = d.dims(rows, columns)
    i, j, p, q = dims[0].variable, dims[1].variable, d.local("loop"), d.local("loop2")
    total, y, x = d.local("sum"), d.local("yy"), d.local("xx")
    if padded:
        half = str(int(size) // 2) if size.isdigit() else f"{size} / 2"
        inner: list[Statement] = [
            f"int {y} = {i} + {p} - {half};",
            f"int {x} = {j} + {q} - {half};",
            Block(
                f"if ({y} >= 0 && {y} < {rows} && {x} >= 0 && {x} < {columns})",
                [f"{total} += {d.at(a, y, x)} * {d.at(w, p, q)};"],
            ),
        ]
    else:
        inner = [f"{total} += {d.at(a, f'{i} + {p}', f'{j} + {q}')} * {d.at(w, p, q)};"]
    loops = For(p, size, [For(q, size, inner)])
    end = f"{d.at(out, i, j)} = {d.touched(total, kind)};"
    return d.sketch(
        d.pick("conv_2d", "convolve_image", "filter_image", "correlate_2d"),
        Parallel(dims, [f"{kind} {total} = {d.zero(kind)};", loops, end]),
    )


def _window(d: Draw) -> Sketch:
    """Moving means, extremes and energies."""
    kind, n, width = d.floating(), d.size(signed=True), d.size(d.pick("width", "window", "w"), signed=True)
    x, out = d.array("input", kind, f"{n} + {width}"), d.array("output", kind, n, access="out")
    dims = d.dims(n)
    i, k, total = dims[0].variable, d.local("loop"), d.local("sum")
    value, form = d.at(x, f"{i} + {k}"), d.pick("mean", "max", "energy", "variation")
    start = d.zero(kind)
    if form == "max":
        compare, start = d.pick("<", ">"), d.at(x, i)
        work: list[Statement] = [Block(f"if ({value} {compare} {total})", [f"{total} = {value};"])]
    elif form == "variation":
        work = [f"{total} += {d.call('fabs', kind, d.at(x, f'{i} + {k} + 1') + ' - ' + value)};"]
    else:
        work = [f"{total} += {value} * {value};" if form == "energy" else f"{total} += {value};"]
    result = d.touched(f"{total} / {width}" if form == "mean" else total, kind)
    return d.sketch(
        d.pick(f"moving_{form}", f"sliding_{form}", f"window_{form}"),
        Parallel(dims, [f"{kind} {total} = {start};", For(k, width, work), f"{d.at(out, i)} = {result};"]),
    )


FAMILIES = (
    Family(
        "convolution_1d",
        "filters along a line, in CUDA also through shared memory",
        _convolution_1d,
        _convolution_1d_device,
    ),
    pointwise("convolution_2d", "filters over images, with and without a border", _convolution_2d),
    pointwise("window", "moving means, extremes and energies", _window),
)
