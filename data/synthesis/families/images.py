"""Families on images: colours, filters, geometry, pooling and resampling."""

from __future__ import annotations

from data.synthesis.draw import Draw
from data.synthesis.family import pointwise
from data.synthesis.sketch import Block, For, Parallel, Sketch, Statement


def _grayscale(d: Draw) -> Sketch:
    rows, columns, channels = d.size("rows"), d.size("columns"), d.pick(3, 3, 4)
    rgb = d.array(d.pick("rgb", "image", "pixels", "color"), "unsigned char", f"{rows} * {columns} * {channels}")
    gray = d.array(d.pick("gray", "grey", "lum", "out"), "unsigned char", rows, columns, access="out")
    dims = d.dims(rows, columns)
    i, j = dims[0].variable, dims[1].variable
    p, kind = d.local(d.pick("offset", "p", "base")), d.pick("float", "int")
    r, g, b = (d.at(rgb, f"{p} + {c}" if c else p) for c in d.pick((0, 1, 2), (2, 1, 0)))
    weights = d.pick(("0.299f", "0.587f", "0.114f"), ("0.21f", "0.71f", "0.07f"), ("0.2126f", "0.7152f", "0.0722f"))
    shares = d.pick(
        ("77", "150", "29", ">> 8"), ("30", "59", "11", "/ 100"), ("1", "1", "1", "/ 3"), ("1", "2", "1", "/ 4")
    )
    if kind == "float":
        value = f"{weights[0]} * {r} + {weights[1]} * {g} + {weights[2]} * {b}"
    else:
        value = f"({shares[0]} * {r} + {shares[1]} * {g} + {shares[2]} * {b}) {shares[3]}"
    cast = d.pick(f"(unsigned char)({value})", value)
    body: list[Statement] = [f"int {p} = ({i} * {columns} + {j}) * {channels};"]
    if d.chance(0.4):
        names = [d.local(word) for word in ("r", "g", "b")]
        body += [f"unsigned char {name} = {text};" for name, text in zip(names, (r, g, b), strict=True)]
        for name, text in zip(names, (r, g, b), strict=True):
            cast = cast.replace(text, name)
    body.append(f"{d.at(gray, i, j)} = {cast};")
    return d.sketch(d.pick("rgb_to_gray", "grayscale", "luminance", "to_grey"), Parallel(dims, body))


def _brightness(d: Draw) -> Sketch:
    n = d.size()
    image = d.array(d.pick("image", "pixels", "img"), "unsigned char", n)
    out = d.target(image)
    dims = d.dims(n)
    i, v = dims[0].variable, d.local("local")
    gain, shift = d.scalar("factor", d.pick("int", "float")), d.scalar(d.pick("brightness", "shift", "delta"), "int")
    value = d.pick(
        f"{d.at(image, i)} * {gain} + {shift}",
        f"({d.at(image, i)} - 128) * {gain} + 128 + {shift}",
        f"{shift} + {gain} * {d.at(image, i)} / {d.pick('2', '4', '10')}",
    )
    bounded: list[Statement] = d.pick(
        [Block(f"if ({v} < 0)", [f"{v} = 0;"]), Block(f"if ({v} > 255)", [f"{v} = 255;"])],
        [f"{v} = {v} < 0 ? 0 : {v} > 255 ? 255 : {v};"],
        [Block(f"if ({v} > 255)", [f"{v} = 255;"]), Block(f"else if ({v} < 0)", [f"{v} = 0;"])],
    )
    stored = d.pick(f"{d.at(out, i)} = (unsigned char){v};", f"{d.at(out, i)} = {v};", f"{d.at(out, i)} = 255 - {v};")
    return d.sketch(
        d.pick("adjust_contrast", "brighten", "scale_pixels", "levels"),
        Parallel(dims, [f"int {v} = {value};", *bounded, stored]),
    )


def _binarize(d: Draw) -> Sketch:
    kind = d.pick("unsigned char", "unsigned char", "float", "int")
    rows, columns = d.size("rows"), d.size("columns")
    image = d.array(d.pick("image", "img", "src"), kind, rows, columns)
    out = d.array("output", d.pick("unsigned char", "int"), rows, columns, access="out")
    dims = d.dims(rows, columns)
    i, j = dims[0].variable, dims[1].variable
    limit = d.scalar("limit", kind) if d.chance(0.7) else d.literal(kind, "127", "100", "64", "200")
    high, low = d.pick(("255", "0"), ("1", "0"), ("0", "255"))
    v, target = d.at(image, i, j), d.at(out, i, j)
    condition = f"{v} {d.compare()} {limit}"
    body: list[Statement] = d.pick(
        [f"{target} = {condition} ? {high} : {low};"],
        [Block(f"if ({condition})", [f"{target} = {high};"]), Block("else", [f"{target} = {low};"])],
        [f"{target} = {low};", Block(f"if ({condition})", [f"{target} = {high};"])],
    )
    return d.sketch(d.pick("binarize", "threshold_image", "segment", "make_mask"), Parallel(dims, body))


def _flip(d: Draw) -> Sketch:
    """Mirrored, rotated, cropped or shifted images."""
    kind = d.pick("unsigned char", "float", "int", "double")
    rows, columns = d.size("rows", signed=True), d.size("columns", signed=True)
    a = d.array("input", kind, rows, columns)
    turn = d.chance(0.4)
    b = d.array("output", kind, *((columns, rows) if turn else (rows, columns)), access="out")
    dims = d.dims(rows, columns)
    i, j = dims[0].variable, dims[1].variable
    last_row, last_column = f"{rows} - 1 - {i}", f"{columns} - 1 - {j}"
    if turn:
        place = d.pick((j, last_row), (last_column, i), (last_column, last_row))
        name = d.pick("rotate_90", "rotate_image", "turn")
    else:
        place = d.pick(
            (i, last_column),
            (last_row, j),
            (last_row, last_column),
            (f"({i} + 1) % {rows}", j),
            (i, f"({j} + 1) % {columns}"),
        )
        name = d.pick("flip_image", "mirror", "flip", "reverse_rows", "roll")
    value = d.touched(d.at(a, i, j), kind) if d.chance(0.5) else d.at(a, i, j)
    return d.sketch(name, Parallel(dims, d.stored(d.at(b, *place), value, kind)))


def _blur(d: Draw) -> Sketch:
    kind = d.pick("unsigned char", "float", "int")
    rows, columns = d.size("rows", signed=True), d.size("columns", signed=True)
    a, b = d.array("input", kind, rows, columns), d.array("output", kind, rows, columns, access="out")
    radius = d.scalar(d.pick("radius", "half", "r"), "int", "small") if d.chance(0.5) else d.pick("1", "2")
    dims = d.dims(rows, columns)
    i, j = dims[0].variable, dims[1].variable
    total, count, y, x, dy, dx = (d.local(word) for word in ("sum", "num_pixels", "yy", "xx", "dy", "dx"))
    real = "float" if kind == "float" else "int"
    inside = f"{y} >= 0 && {y} < {rows} && {x} >= 0 && {x} < {columns}"
    if d.chance(0.5):
        inner: list[Statement] = [
            f"int {y} = {i} + {dy};",
            f"int {x} = {j} + {dx};",
            Block(f"if ({inside})", [f"{total} += {d.at(a, y, x)};", f"{count}++;"]),
        ]
    else:
        inner = [
            f"int {y} = {i} + {dy} < 0 ? 0 : {i} + {dy} >= {rows} ? {rows} - 1 : {i} + {dy};",
            f"int {x} = {j} + {dx} < 0 ? 0 : {j} + {dx} >= {columns} ? {columns} - 1 : {j} + {dx};",
            f"{total} += {d.at(a, y, x)};",
            f"{count}++;",
        ]
    low, high = f"-{radius}", f"{radius} + 1" if not radius.isdigit() else str(int(radius) + 1)
    loops = For(dy, high, [For(dx, high, inner, low)], low)
    body: list[Statement] = [
        f"{real} {total} = 0;",
        f"int {count} = 0;",
        loops,
        f"{d.at(b, i, j)} = {total} / {count};",
    ]
    return d.sketch(d.pick("box_blur", "blur", "mean_filter", "average_neighbours"), Parallel(dims, body))


def _sobel(d: Draw) -> Sketch:
    kind = d.pick("float", "int", "unsigned char")
    rows, columns = d.size("rows", signed=True), d.size("columns", signed=True)
    a, b = (
        d.array("input", kind, rows, columns),
        d.array("output", "int" if kind == "unsigned char" else kind, rows, columns, access="out"),
    )
    dims = d.dims(rows, columns)
    i, j = dims[0].variable, dims[1].variable
    gx, gy = d.local("gx"), d.local("gy")
    weight, real = d.pick("2", "2", "1", "10"), "float" if kind == "float" else "int"

    def at(di: int, dj: int) -> str:
        return d.at(a, *(x if o == 0 else f"{x} {'+' if o > 0 else '-'} 1" for x, o in ((i, di), (j, dj))))

    x = f"{at(-1, 1)} + {weight} * {at(0, 1)} + {at(1, 1)} - {at(-1, -1)} - {weight} * {at(0, -1)} - {at(1, -1)}"
    y = f"{at(1, -1)} + {weight} * {at(1, 0)} + {at(1, 1)} - {at(-1, -1)} - {weight} * {at(-1, 0)} - {at(-1, 1)}"
    absolute = "fabsf" if kind == "float" else "abs"
    size = d.pick(f"{absolute}({gx}) + {absolute}({gy})", f"{gx} * {gx} + {gy} * {gy}", f"{gx} > {gy} ? {gx} : {gy}")
    inside = f"{i} > 0 && {i} < {rows} - 1 && {j} > 0 && {j} < {columns} - 1"
    work: list[Statement] = [f"{real} {gx} = {x};", f"{real} {gy} = {y};", f"{d.at(b, i, j)} = {size};"]
    border = [f"{d.at(b, i, j)} = 0;"]
    body: list[Statement] = [Block(f"if ({inside})", work), Block("else", border)]
    return d.sketch(d.pick("sobel", "edge_detect", "gradient_magnitude", "prewitt"), Parallel(dims, body))


def _pooling(d: Draw) -> Sketch:
    kind, p = d.floating(), d.pick("2", "2", "3", "4")
    rows, columns = d.size("rows"), d.size("columns")  # of the result
    a = d.array("input", kind, f"{rows} * {p}", f"{columns} * {p}")
    b = d.array("output", kind, rows, columns, access="out")
    dims = d.dims(rows, columns)
    i, j, y, x = dims[0].variable, dims[1].variable, d.local("loop"), d.local("loop2")
    value = d.at(a, f"{i} * {p} + {y}", f"{j} * {p} + {x}")
    if d.chance(0.5):
        best = d.local("best")
        compare = d.pick(">", ">", "<")
        chosen: Statement = Block(f"if ({value} {compare} {best})", [f"{best} = {value};"])
        if d.chance(0.3):
            chosen = f"{best} = {d.call('fmax' if compare == '>' else 'fmin', kind, best, value)};"
        start, end = (
            f"{kind} {best} = {d.at(a, f'{i} * {p}', f'{j} * {p}')};",
            f"{d.at(b, i, j)} = {d.touched(best, kind)};",
        )
        name = d.pick("max_pool", "pool_extreme", "maxpool_forward")
    else:
        total = d.local("sum")
        chosen, start = f"{total} += {value};", f"{kind} {total} = {d.zero(kind)};"
        end = f"{d.at(b, i, j)} = {d.pick(f'{total} / {int(p) ** 2}', f'{total} * {1 / int(p) ** 2:.6g}f', total)};"
        name = d.pick("avg_pool", "mean_pool", "downscale")
    return d.sketch(name, Parallel(dims, [start, For(y, p, [For(x, p, [chosen])]), end]))


def _resample(d: Draw) -> Sketch:
    kind, p = d.pick("float", "double", "unsigned char", "int"), d.pick("2", "2", "3", "4")
    rows, columns = d.size("rows"), d.size("columns")
    if d.chance(0.5):  # up: the sizes are those of the source
        a, b = (
            d.array("input", kind, rows, columns),
            d.array("output", kind, f"{rows} * {p}", f"{columns} * {p}", access="out"),
        )
        dims = d.dims(f"{rows} * {p}", f"{columns} * {p}")
        i, j = dims[0].variable, dims[1].variable
        value, name = (
            d.at(a, f"{i} / {p}", f"{j} / {p}"),
            d.pick("upsample", "enlarge", "nearest_upscale", "repeat_pixels"),
        )
    else:
        a, b = (
            d.array("input", kind, f"{rows} * {p}", f"{columns} * {p}"),
            d.array("output", kind, rows, columns, access="out"),
        )
        dims = d.dims(rows, columns)
        i, j = dims[0].variable, dims[1].variable
        value, name = d.at(a, f"{i} * {p}", f"{j} * {p}"), d.pick("downsample", "decimate", "subsample", "shrink")
        if d.chance(0.5):
            value = f"({value} + {d.at(a, f'{i} * {p}', f'{j} * {p} + 1')}) / 2"
    return d.sketch(
        name,
        Parallel(dims, d.stored(d.at(b, i, j), d.touched(value, kind) if kind != "unsigned char" else value, kind)),
    )


def _channels(d: Draw) -> Sketch:
    """Planes to interleaved channels and back, with a mean and a scale for each."""
    kind, planes = d.pick("float", "float", "double"), d.size("depth")
    rows, columns = d.size("rows"), d.size("columns")
    source = d.pick(kind, "unsigned char")
    to_planes = d.chance(0.5)
    order, other = (rows, columns, planes), (planes, rows, columns)
    a = d.array("input", source, *(order if to_planes else other))
    b = d.array("output", kind, *(other if to_planes else order), access="out")
    mean = d.array(d.pick("mean", "bias"), kind, planes) if d.chance(0.5) else None
    dims = d.dims(planes, rows, columns)
    c, i, j = (dim.variable for dim in dims)
    read, written = ((i, j, c), (c, i, j)) if to_planes else ((c, i, j), (i, j, c))
    value = d.at(a, *read) if source == kind else f"({kind}){d.at(a, *read)}"
    value = f"{value} - {d.at(mean, c)}" if mean else value
    name = (
        d.pick("hwc_to_chw", "split_channels", "deinterleave")
        if to_planes
        else d.pick("chw_to_hwc", "merge_channels", "interleave")
    )
    return d.sketch(name, Parallel(dims, d.stored(d.at(b, *written), d.touched(value, kind), kind)))


FAMILIES = (
    pointwise("grayscale", "colour to grey levels", _grayscale),
    pointwise("brightness", "brightness and contrast with saturation", _brightness),
    pointwise("binarize", "images to black and white", _binarize),
    pointwise("flip", "mirrored, turned and rolled images", _flip),
    pointwise("blur", "means over a window", _blur),
    pointwise("sobel", "edges by 3x3 gradients", _sobel),
    pointwise("pooling", "maxima and means of tiles", _pooling),
    pointwise("resample", "larger and smaller images", _resample),
    pointwise("channels", "planes and interleaved channels", _channels),
)
