"""Families in which each element of the result comes from the same place of the inputs."""

from __future__ import annotations

from data.synthesis.draw import Draw
from data.synthesis.family import pointwise
from data.synthesis.sketch import Array, Block, For, Parallel, Sketch, Statement


def _elementwise(d: Draw) -> Sketch:
    kind, n = d.number(), d.size()
    inputs = [d.array(pool, kind, n) for pool in ("input", "second", "third")[: d.pick(1, 2, 2, 3)]]
    out = d.target(inputs[0])
    dims = d.dims(n)
    i = dims[0].variable
    value = d.touched(d.expression([d.at(a, i) for a in inputs], kind), kind)
    name = d.pick("vector_op", "combine", "elementwise", "vec_map", "apply", "transform", "array_op")
    return d.sketch(name, Parallel(dims, d.stored(d.at(out, i), value, kind)))


def _axpy(d: Draw) -> Sketch:
    kind, n = d.number(), d.size()
    a = d.scalar("factor", kind)
    strided = d.chance(0.3)
    steps = [d.scalar(pool, "int", "small") if strided else "" for pool in ("incx", "incy")]
    x = d.array("input", kind, f"{n} * {steps[0]}" if strided else n)
    y = d.array("second", kind, f"{n} * {steps[1]}" if strided else n, access="inout")
    dims = d.dims(n)
    i = dims[0].variable
    left, right = (d.at(v, f"{i} * {s}" if s else i) for v, s in zip((x, y), steps, strict=True))
    if d.chance(0.3):
        b = d.scalar("offset", kind)
        body = [f"{right} = {a} * {left} + {b} * {right};"]
    else:
        body = [d.pick(f"{right} = {a} * {left} + {right};", f"{right} += {a} * {left};", f"{right} -= {a} * {left};")]
    if d.chance(0.2):
        body = [f"if ({left} {d.compare()} {d.zero(kind)}) {body[0]}"]
    return d.sketch(d.pick("axpy", "saxpy", "add_scaled", "axpby", "vec_update"), Parallel(dims, body))


_ACTIVATIONS = (
    "relu",
    "leaky_relu",
    "sigmoid",
    "tanh_act",
    "elu",
    "softplus",
    "swish",
    "gelu",
    "hard_sigmoid",
    "softsign",
)


def _activation_value(d: Draw, name: str, v: str, kind: str) -> str:
    one, zero, f = d.literal(kind, "1.0"), d.zero(kind), d.call
    slope = d.literal(kind, "0.01", "0.1", "0.2", "0.3")
    cubic = f"0.797885 * ({v} + 0.044715 * {v} * {v} * {v})"
    forms = {
        "relu": d.pick(f"{v} > {zero} ? {v} : {zero}", f("fmax", kind, v, d.literal(kind, "0.0")), f"({v} > 0) * {v}"),
        "leaky_relu": d.pick(f"{v} > {zero} ? {v} : {slope} * {v}", f"({v} < 0 ? {slope} : {one}) * {v}"),
        "sigmoid": d.pick(f"{one} / ({one} + {f('exp', kind, f'-{v}')})", f"1 / (1 + {f('exp', kind, f'-({v})')})"),
        "tanh_act": f("tanh", kind, v),
        "elu": f"{v} > 0 ? {v} : {slope} * ({f('exp', kind, v)} - {one})",
        "softplus": f("log", kind, f"{one} + {f('exp', kind, v)}"),
        "swish": f"{v} / ({one} + {f('exp', kind, f'-{v}')})",
        "gelu": f"{d.literal(kind, '0.5')} * {v} * ({one} + {f('tanh', kind, cubic)})",
        "hard_sigmoid": f(
            "fmax", kind, d.literal(kind, "0.0"), f("fmin", kind, one, f"{slope} * {v} + {d.literal(kind, '0.5')}")
        ),
        "softsign": f"{v} / ({one} + {f('fabs', kind, v)})",
    }
    return forms[name]


def _activation(d: Draw) -> Sketch:
    kind, n, name = d.floating(), d.size(), d.pick(*_ACTIVATIONS)
    x = d.array("input", kind, n)
    bias = d.array("third", kind, n) if d.chance(0.25) else None
    out = d.target(x)
    dims = d.dims(n)
    i = dims[0].variable
    value = f"{d.at(x, i)} + {d.at(bias, i)}" if bias else d.at(x, i)
    if bias or d.chance(0.4):
        v = d.local("local")
        if d.chance(0.3):
            function = d.helper(name, kind, f"{kind} {v}", f"return {_activation_value(d, name, v, kind)};")
            body: list[Statement] = [f"{d.at(out, i)} = {d.touched(f'{function}({value})', kind)};"]
        else:
            act = _activation_value(d, name, v, kind)
            body = [f"{kind} {v} = {value};", f"{d.at(out, i)} = {d.touched(f'({act})', kind)};"]
    else:
        body = [f"{d.at(out, i)} = {_activation_value(d, name, value, kind)};"]
    return d.sketch(d.pick(name + "_forward", name + "_array", f"activate_{name}"), Parallel(dims, body))


def _activation_gradient(d: Draw) -> Sketch:
    kind, n = d.floating(), d.size()
    x, dy = d.array("input", kind, n), d.array(d.pick("grad", "delta", "dy", "grad_output"), kind, n)
    dx = d.array(d.pick("grad_input", "dx", "gin"), kind, n, access=d.pick("out", "inout"))
    dims = d.dims(n)
    i = dims[0].variable
    v, g = d.at(x, i), d.at(dy, i)
    one = d.literal(kind, "1.0")
    slope = d.touched(
        d.pick(
            f"({v} > 0 ? {one} : {d.literal(kind, '0.0', '0.1', '0.01')})",
            f"({one} - {v} * {v})",
            f"{v} * ({one} - {v})",
            f"({v} > 0 && {v} < {d.literal(kind, '6.0', '1.0')} ? {one} : {d.zero(kind)})",
        ),
        kind,
    )
    operator = "+=" if dx.access == "inout" else "="
    value = d.pick(f"{g} * ({slope})", f"({slope}) * {g}")
    name = d.pick("relu_backward", "activation_grad", "backward_pass", "gradient_array")
    return d.sketch(name, Parallel(dims, [f"{d.at(dx, i)} {operator} {value};"]))


def _threshold(d: Draw) -> Sketch:
    kind, n = d.number(), d.size()
    x, limit = d.array("input", kind, n), d.scalar("limit", kind)
    out = d.target(x)
    dims = d.dims(n)
    i = dims[0].variable
    v, target, op, copy = d.at(x, i), d.at(out, i), d.compare(), d.local("local")
    other = d.pick(d.zero(kind), limit, d.literal(kind))
    kept = d.touched(v, kind)
    if kept == target:
        kept = d.wrapped(v, kind)
    body: list[Statement] = d.pick(
        [f"{target} = {v} {op} {limit} ? {kept} : {other};"],
        [Block(f"if ({v} {op} {limit})", [f"{target} = {kept};"]), Block("else", [f"{target} = {other};"])],
        [f"{kind} {copy} = {v};", Block(f"if ({copy} {op} {limit})", [f"{copy} = {other};"]), f"{target} = {copy};"],
    )
    if d.chance(0.3):
        high = d.literal(kind, "10", "5", "100")
        body = [
            Block(f"if ({v} < {limit})", [f"{target} = {limit};"]),
            Block(f"else if ({v} > {limit} + {high})", [f"{target} = {limit} + {high};"]),
            Block("else", [f"{target} = {kept};"]),
        ]
    return d.sketch(d.pick("threshold", "clamp_array", "cutoff", "clip", "soft_limit"), Parallel(dims, body))


def _masked(d: Draw) -> Sketch:
    kind, n = d.number(), d.size()
    mask = d.array("mask", d.pick("int", "unsigned char", "char"), n, values="bit")
    inputs = [d.array(pool, kind, n) for pool in ("input", "second")[: d.pick(1, 2)]]
    out = d.array("output", kind, n, access="inout")
    dims = d.dims(n)
    i = dims[0].variable
    m, target = d.at(mask, i), d.at(out, i)
    value = d.expression([d.at(a, i) for a in inputs], kind, 1)
    condition = d.pick(m, f"{m} != 0", f"{m} == 1", f"!{m}", f"{m} == 0")
    body: list[Statement] = [Block(f"if ({condition})", [f"{target} = {value};"])]
    if d.chance(0.5):
        body.append(Block("else", [f"{target} = {d.touched(d.pick(d.zero(kind), d.at(inputs[0], i)), kind)};"]))
    return d.sketch(d.pick("masked_copy", "select", "apply_mask", "where", "blend_mask"), Parallel(dims, body))


def _complex(d: Draw) -> Sketch:
    kind, n = d.floating(), d.size()
    interleaved = d.chance(0.5)
    two = d.chance(0.7)
    operands: list[tuple[str, str]] = []
    dims = d.dims(n)
    i = dims[0].variable
    length = f"2 * {n}" if interleaved else n

    def parts(pool: str, real: str, imaginary: str, access: str) -> tuple[str, str]:
        if interleaved:
            array = d.array(pool, kind, length, access="out" if access == "out" else "in")
            return d.at(array, f"2 * {i}"), d.at(array, f"2 * {i} + 1")
        arrays = [d.array(word, kind, n, access="out" if access == "out" else "in") for word in (real, imaginary)]
        return d.at(arrays[0], i), d.at(arrays[1], i)

    operands.append(parts("input", "a_re", "a_im", "in"))
    if two:
        operands.append(parts("second", "b_re", "b_im", "in"))
    (ar, ai), (br, bi) = operands[0], operands[-1]
    if not two and d.chance(0.5):
        out = d.array("output", kind, n, access="out")
        square = f"{ar} * {ar} + {ai} * {ai}"
        value = d.touched(d.pick(d.call("sqrt", kind, square), square), kind)
        return d.sketch(
            d.pick("magnitude", "complex_abs", "power_spectrum"), Parallel(dims, [f"{d.at(out, i)} = {value};"])
        )
    re, im = parts("output", "out_re", "out_im", "out")
    real, imaginary = d.pick(
        (f"{ar} * {br} - {ai} * {bi}", f"{ar} * {bi} + {ai} * {br}"),
        (f"{ar} * {br} + {ai} * {bi}", f"{ai} * {br} - {ar} * {bi}"),
        (f"{ar} + {br}", f"{ai} - {bi}"),
    )
    real, imaginary = d.touched(real, kind), d.touched(imaginary, kind)
    tr, ti = d.local("re"), d.local("im")
    body = d.pick(
        [f"{re} = {real};", f"{im} = {imaginary};"],
        [f"{kind} {tr} = {real};", f"{kind} {ti} = {imaginary};", f"{re} = {tr};", f"{im} = {ti};"],
    )
    return d.sketch(d.pick("complex_multiply", "cmul", "complex_combine", "spectrum_product"), Parallel(dims, body))


def _polynomial(d: Draw) -> Sketch:
    kind, n = d.floating(), d.size()
    x = d.array("input", kind, n)
    dims = d.dims(n)
    i, v, acc = dims[0].variable, d.local("local"), d.local("sum")
    if d.chance(0.4):
        out = d.target(x)
        terms = d.literal(kind)
        for _ in range(d.pick(2, 3, 4, 5)):
            terms = f"({terms}) * {v} + {d.literal(kind)}"
        body: list[Statement] = [f"{kind} {v} = {d.at(x, i)};", f"{d.at(out, i)} = {d.touched(terms, kind)};"]
    else:
        degree = d.scalar(d.pick("degree", "order", "deg"), "int", "small")
        coefficients = d.array("table", kind, f"{degree} + 1")
        out = d.target(x)
        k = d.local("loop")
        horner = For(k, f"{degree} + 1", [f"{acc} = {acc} * {v} + {d.at(coefficients, k)};"], ordered=True)
        power = d.local("local2")
        powers = For(
            k, f"{degree} + 1", [f"{acc} += {d.at(coefficients, k)} * {power};", f"{power} *= {v};"], ordered=True
        )
        start = [f"{kind} {v} = {d.at(x, i)};", f"{kind} {acc} = {d.zero(kind)};"]
        end = f"{d.at(out, i)} = {d.touched(acc, kind)};"
        body = d.pick([*start, horner, end], [*start, f"{kind} {power} = {d.literal(kind, '1.0')};", powers, end])
    return d.sketch(d.pick("polynomial", "poly_eval", "horner", "evaluate_poly"), Parallel(dims, body))


def _bits(d: Draw) -> Sketch:
    n = d.size()
    x = d.array("input", "unsigned int", n)
    out = d.target(x)
    dims = d.dims(n)
    i, v, c, k = dims[0].variable, d.local("local"), d.local("sum"), d.local("loop")
    r = d.pick("1", "3", "5", "7", "13")
    mix = [
        f"{v} ^= {v} >> {d.pick('16', '15', '13')};",
        f"{v} *= {d.pick('0x85ebca6bu', '2654435761u', '0x45d9f3bu')};",
    ]
    mix.append(f"{v} ^= {v} << {d.pick('5', '7', '11')};")
    d.rng.shuffle(mix)
    step = [f"{c} += {v} & 1u;", f"{v} >>= 1;"]
    forms: list[tuple[str, list[Statement], str]] = [
        ("popcount", [f"unsigned int {c} = 0;", Block(f"while ({v})", step)], c),
        ("popcount", [f"unsigned int {c} = 0;", Block(f"while ({v} != 0)", [f"{v} &= {v} - 1;", f"{c}++;"])], c),
        (
            "bit_reverse",
            [f"unsigned int {c} = 0;", For(k, "32", [f"{c} = ({c} << 1) | ({v} & 1u);", f"{v} >>= 1;"])],
            c,
        ),
        ("gray_code", [], f"{v} ^ ({v} >> 1)"),
        ("rotate_left", [], f"({v} << {r}) | ({v} >> (32 - {r}))"),
        ("hash_values", list(mix), v),
        ("parity", [f"{v} ^= {v} >> {s};" for s in (16, 8, 4, 2, 1)], f"{v} & 1u"),
        ("byte_swap", [], f"({v} >> 24) | (({v} >> 8) & 0xff00u) | (({v} << 8) & 0xff0000u) | ({v} << 24)"),
        ("lowest_bit", [], f"{v} & (~{v} + 1u)"),
    ]
    name, work, value = d.rng.choice(forms)
    if d.chance(0.5):
        value = d.pick(
            f"({value}) ^ 0x{d.rng.randrange(16, 256):x}u",
            f"({value}) & 0x{d.rng.randrange(255, 4096):x}u",
            f"({value}) + {r}u",
        )
    return d.sketch(name, Parallel(dims, [f"unsigned int {v} = {d.at(x, i)};", *work, f"{d.at(out, i)} = {value};"]))


def _bytes(d: Draw) -> Sketch:
    n = d.size()
    kind = d.pick("char", "unsigned char", "unsigned char")
    text = d.array(d.pick("text", "str", "buf", "bytes", "message"), kind, n)
    out = d.target(text)
    dims = d.dims(n)
    i = dims[0].variable
    v, target = d.at(text, i), d.at(out, i)
    c = d.local(d.pick("c", "ch", "byte"))
    key = d.pick("0x5a", "13", "7", "42", "0xff", "3", "31")
    ranged = d.pick(("'a'", "'z'", "-"), ("'A'", "'Z'", "+"))
    forms: list[tuple[str, list[Statement]]] = [
        (
            d.pick("change_case", "to_upper_ascii", "convert_case"),
            [Block(f"if ({c} >= {ranged[0]} && {c} <= {ranged[1]})", [f"{c} = {c} {ranged[2]} 32;"])],
        ),
        (d.pick("xor_cipher", "scramble"), [f"{c} = {c} ^ {key};"]),
        (
            "caesar",
            [
                Block(
                    f"if ({c} >= {ranged[0]} && {c} <= {ranged[1]})",
                    [f"{c} = ({c} - {ranged[0]} + {key}) % 26 + {ranged[0]};"],
                )
            ],
        ),
        (
            d.pick("replace_byte", "sanitize_text"),
            [
                Block(
                    f"if ({c} == {d.pick(chr(39) + '?' + chr(39), '0', '32', '9')})",
                    [f"{c} = {d.pick('32', '45', '95')};"],
                )
            ],
        ),
        (d.pick("invert_bytes", "negate"), [f"{c} = {d.pick('255 - ' + c, '~' + c)};"]),
        (
            "digit_values",
            [
                Block(f"if ({c} >= '0' && {c} <= '9')", [f"{c} = {c} - '0';"]),
                Block("else", [f"{c} = {d.pick('0', '10', '15')};"]),
            ],
        ),
        ("quantize_bytes", [f"{c} = {c} / {key} * {key};"]),
    ]
    name, work = d.rng.choice(forms)
    if d.chance(0.3):
        extra = d.array("second", kind, n)
        work = [*work, f"{c} = {c} {d.pick('^', '&', '|')} {d.at(extra, i)};"]
    return d.sketch(name, Parallel(dims, [f"{kind} {c} = {v};", *work, f"{target} = {c};"]))


def _fill(d: Draw) -> Sketch:
    kind, n = d.number(), d.size()
    out = d.array("output", kind, n, access="out")
    dims = d.dims(n)
    i = dims[0].variable
    cast = d.pick(f"({kind}){i}", i)
    start, step = d.scalar("offset", kind), d.scalar(d.pick("step", "delta", "inc"), kind)
    value = d.pick(
        f"{start} + {cast} * {step}",
        f"{start} + {step} * ({kind})({i} % {d.pick('7', '10', '16', '3')})",
        f"{i} % {d.pick('2', '3', '5')} == 0 ? {start} : {step}",
        f"({kind})({i} * {d.pick('17', '31', '7')} % {d.pick('101', '64', '13')}) + {start} - {step}",
    )
    return d.sketch(
        d.pick("fill_array", "init_vector", "linspace", "iota", "make_ramp"),
        Parallel(dims, d.stored(d.at(out, i), d.touched(value, kind), kind)),
    )


def _convert(d: Draw) -> Sketch:
    source, kind, n = d.integer(), d.floating(), d.size()
    x = d.array("input", source, n)
    scale = d.scalar("factor", kind)
    out = d.array("output", kind, n, access="out")
    dims = d.dims(n)
    i = dims[0].variable
    v = d.at(x, i)
    value = d.pick(
        f"({kind}){v} * {scale}",
        f"{scale} * {v}",
        f"(({kind}){v} - {d.literal(kind, '128.0', '0.5', '1.0')}) * {scale}",
        f"{v} / {d.literal(kind, '255.0', '32768.0', '100.0')} + {scale}",
    )
    return d.sketch(
        d.pick("convert", "dequantize", "to_real", "unpack", "normalize_samples"),
        Parallel(dims, [f"{d.at(out, i)} = {d.touched(value, kind)};"]),
    )


def _interpolate(d: Draw) -> Sketch:
    kind, n = d.floating(), d.size()
    a, b = d.array("input", kind, n), d.array("second", kind, n)
    per_element = d.chance(0.4)
    weight: str | Array = (
        d.array("weights", kind, n) if per_element else d.scalar(d.pick("t", "alpha", "mix", "w"), kind)
    )
    out = d.target(a)
    dims = d.dims(n)
    i = dims[0].variable
    t = weight if isinstance(weight, str) else d.at(weight, i)
    x, y, one = d.at(a, i), d.at(b, i), d.literal(kind, "1.0")
    value = d.pick(
        f"({one} - {t}) * {x} + {t} * {y}",
        f"{x} + {t} * ({y} - {x})",
        f"{x} * {t} + {y} * ({one} - {t})",
        f"{y} - ({y} - {x}) * {t} * {t} * ({d.literal(kind, '3.0')} - 2 * {t})",
    )
    return d.sketch(
        d.pick("lerp", "blend", "interpolate", "mix_arrays", "smoothstep"),
        Parallel(dims, d.stored(d.at(out, i), d.touched(value, kind), kind)),
    )


def _black_scholes(d: Draw) -> Sketch:
    kind, n = d.floating(), d.size()
    s, k, t = (
        d.array(pool, kind, n, values="positive")
        for pool in (d.pick("price", "spot", "S"), d.pick("strike", "X"), d.pick("years", "maturity", "T"))
    )
    r, sigma = (
        d.scalar(d.pick("rate", "r", "riskfree"), kind, "positive"),
        d.scalar(d.pick("sigma", "vol", "volatility"), kind, "positive"),
    )
    out = d.array(d.pick("call", "premium", "value"), kind, n, access="out")
    dims = d.dims(n)
    i, half, f = dims[0].variable, d.literal(kind, "0.5"), d.call
    root, d1, d2, x = (d.local(word) for word in ("root", "d1", "d2", "x"))
    tail = f("erfc", kind, f"-{x} * {d.literal(kind, '0.70710678')}")
    cdf = d.helper(d.pick("cdf", "normal_cdf", "cnd"), kind, f"{kind} {x}", f"return {half} * {tail};")
    growth = f"{f('log', kind, f'{d.at(s, i)} / {d.at(k, i)}')} + ({r} + {half} * {sigma} * {sigma}) * {d.at(t, i)}"
    body = [
        f"{kind} {root} = {sigma} * {f('sqrt', kind, d.at(t, i))};",
        f"{kind} {d1} = ({growth}) / {root};",
        f"{kind} {d2} = {d1} - {root};",
    ]
    discounted = f"{d.at(k, i)} * {f('exp', kind, f'-{r} * {d.at(t, i)}')}"
    put = d.chance(0.5)
    value = (
        f"{discounted} * {cdf}(-{d2}) - {d.at(s, i)} * {cdf}(-{d1})"
        if put
        else f"{d.at(s, i)} * {cdf}({d1}) - {discounted} * {cdf}({d2})"
    )
    return d.sketch(
        d.pick("black_scholes", "option_price", "price_options"),
        Parallel(dims, [*body, f"{d.at(out, i)} = {d.touched(value, kind)};"]),
    )


FAMILIES = (
    pointwise("elementwise", "a formula over one to three arrays", _elementwise),
    pointwise("axpy", "scaled vector added to another, with or without increments", _axpy),
    pointwise("activation", "activation functions of neural networks", _activation),
    pointwise("activation_gradient", "gradients through activation functions", _activation_gradient),
    pointwise("threshold", "values cut off or bounded", _threshold),
    pointwise("masked", "elements changed where a mask says so", _masked),
    pointwise("complex", "complex products and magnitudes, interleaved or in two arrays", _complex),
    pointwise("polynomial", "polynomials by Horner's rule or by powers", _polynomial),
    pointwise("bits", "bit counts, reversals, rotations, hashes", _bits),
    pointwise("bytes", "maps over characters and bytes", _bytes),
    pointwise("fill", "arrays filled by a formula of the index", _fill),
    pointwise("convert", "integers to scaled floating point", _convert),
    pointwise("interpolate", "weighted means of two arrays", _interpolate),
    pointwise("black_scholes", "option prices in closed form", _black_scholes),
)
