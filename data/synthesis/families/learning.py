"""Families of machine learning: normalisation, losses, optimizers, distances and clusters."""

from __future__ import annotations

from data.synthesis.draw import Draw
from data.synthesis.family import pointwise
from data.synthesis.sketch import Block, For, Parallel, Sketch, Statement


def _softmax(d: Draw) -> Sketch:
    kind, rows, columns = d.floating(), d.size("rows"), d.size("columns")
    x = d.array(d.pick("logits", "scores", "x", "input"), kind, rows, columns)
    out = d.target(x, rows, columns)
    dims = d.dims(rows)
    i, k, top, total = dims[0].variable, d.local("loop"), d.local("best"), d.local("sum")
    value, target = d.at(x, i, k), d.at(out, i, k)
    scaled = f"{value} - {top}"
    if d.chance(0.3):
        scaled = f"({scaled}) / {d.scalar(d.pick('temperature', 'tau', 'temp'), kind, 'positive')}"
    loudest: list[Statement] = [
        f"{kind} {top} = {d.at(x, i, '0')};",
        For(k, columns, [Block(f"if ({value} > {top})", [f"{top} = {value};"])], "1"),
    ]
    if d.chance(0.3):
        loudest[1] = For(k, columns, [f"{top} = {d.call('fmax', kind, top, value)};"], "1")
    power = d.call("exp", kind, scaled)
    start = f"{kind} {total} = {d.zero(kind)};"
    if d.chance(0.25):
        body = [
            *loudest,
            start,
            For(k, columns, [f"{total} += {power};"]),
            For(k, columns, [f"{target} = {scaled} - {d.call('log', kind, total)};"]),
        ]
        return d.sketch(d.pick("log_softmax", "log_softmax_rows"), Parallel(dims, body))
    body = [
        *loudest,
        start,
        For(k, columns, [f"{target} = {power};", f"{total} += {target};"]),
        For(k, columns, [d.pick(f"{target} /= {total};", f"{target} = {target} / {total};")]),
    ]
    return d.sketch(d.pick("softmax", "softmax_rows", "row_softmax", "normalize_exp"), Parallel(dims, body))


def _layer_norm(d: Draw) -> Sketch:
    kind, rows, columns = d.floating(), d.size("rows"), d.size("columns")
    x = d.array("input", kind, rows, columns)
    affine = d.chance(0.6)
    gamma = d.array(d.pick("gamma", "weight", "scale"), kind, columns) if affine else None
    beta = d.array(d.pick("beta", "bias", "shift"), kind, columns) if affine else None
    out = d.target(x, rows, columns)
    dims = d.dims(rows)
    i, k, mean, variance, inverse = (
        dims[0].variable,
        d.local("loop"),
        d.local("mean"),
        d.local("var"),
        d.local("inv_std"),
    )
    value, eps = d.at(x, i, k), d.literal(kind, "1e-5", "1e-6", "0.001")
    centred, one = f"({value} - {mean})", d.literal(kind, "1.0")
    norm = d.pick("layer", "rms", "unit")
    body: list[Statement] = []
    if norm == "layer":
        sums = For(k, columns, [f"{mean} += {value};"])
        body = [f"{kind} {mean} = {d.zero(kind)};", sums, f"{mean} /= {columns};"]
    spread = f"{centred} * {centred}" if norm == "layer" else f"{value} * {value}"
    body += [
        f"{kind} {variance} = {d.zero(kind)};",
        For(k, columns, [f"{variance} += {spread};"]),
        f"{kind} {inverse} = {one} / {d.call('sqrt', kind, f'{variance} / {columns} + {eps}')};",
    ]
    result = f"{centred if norm == 'layer' else value} * {inverse}"
    if gamma and beta:
        result = f"{result} * {d.at(gamma, k)} + {d.at(beta, k)}"
    return d.sketch(
        d.pick(f"{norm}_norm", f"{norm}_normalize", "normalize_rows"),
        Parallel(dims, [*body, For(k, columns, [f"{d.at(out, i, k)} = {result};"])]),
    )


def _batch_norm(d: Draw) -> Sketch:
    kind, batch, channels = d.floating(), d.size("batch"), d.size("depth")
    spatial = d.size(d.pick("spatial", "pixels", "hw"))
    x = d.array("input", kind, batch, channels, spatial)
    mean, variance = (
        d.array(d.pick("mean", "running_mean"), kind, channels),
        d.array(d.pick("var", "running_var"), kind, channels, values="positive"),
    )
    gamma, beta = (d.array(word, kind, channels) for word in d.pick(("gamma", "beta"), ("scale", "bias")))
    out = d.target(x)
    dims = d.dims(batch, channels, spatial)
    b, c, s = (dim.variable for dim in dims)
    v, eps = d.at(variance, c), d.literal(kind, "1e-5", "1e-3", "0.0001")
    root = d.call("sqrt", kind, f"{v} + {eps}")
    value = f"({d.at(x, b, c, s)} - {d.at(mean, c)}) / {root}"
    value = d.pick(
        f"{d.at(gamma, c)} * {value} + {d.at(beta, c)}",
        f"{value} * {d.at(gamma, c)} + {d.at(beta, c)}",
        value + f" + {d.at(beta, c)} * {d.at(gamma, c)}",
    )
    return d.sketch(
        d.pick("batch_norm", "batchnorm_inference", "normalize_channels", "bn_forward"),
        Parallel(dims, d.stored(d.at(out, b, c, s), d.touched(value, kind), kind)),
    )


def _optimizer(d: Draw) -> Sketch:
    kind, n = d.floating(), d.size()
    w = d.array(d.pick("weights", "params", "w", "theta"), kind, n, access="inout")
    g = d.array(d.pick("grads", "grad", "dw"), kind, n)
    rate = d.scalar(d.pick("lr", "learning_rate", "eta"), kind)
    dims = d.dims(n)
    i, form, one = dims[0].variable, d.pick("sgd", "momentum", "adagrad", "adam", "rmsprop"), d.literal(kind, "1.0")
    weight, gradient, eps = d.at(w, i), d.at(g, i), d.literal(kind, "1e-8", "1e-6")
    body: list[Statement] = []
    if d.chance(0.4):
        decay, local = d.scalar(d.pick("decay", "weight_decay", "l2"), kind), d.local("grad_i")
        body, gradient = [f"{kind} {local} = {gradient} + {decay} * {weight};"], local
    if form == "sgd":
        body.append(d.pick(f"{weight} -= {rate} * {gradient};", f"{weight} = {weight} - {rate} * {gradient};"))
        return d.sketch(d.pick("sgd_update", "sgd_step", "apply_gradient"), Parallel(dims, body))
    m = d.array(d.pick("velocity", "m", "state", "cache_1"), kind, n, access="inout", values="positive")
    state, b1 = d.at(m, i), d.scalar(d.pick("mu", "beta1", "rho", "momentum"), kind)
    if form == "momentum":
        body += [
            d.pick(f"{state} = {b1} * {state} - {rate} * {gradient};", f"{state} = {b1} * {state} + {gradient};"),
            f"{weight} += {state};",
        ]
    elif form in ("adagrad", "rmsprop"):
        body += [
            f"{state} += {gradient} * {gradient};"
            if form == "adagrad"
            else f"{state} = {b1} * {b1} * {state} + {gradient} * {gradient};",
            f"{weight} -= {rate} * {gradient} / ({d.call('sqrt', kind, state)} + {eps});",
        ]
    else:
        v = d.array(d.pick("v", "second_moment", "cache_2"), kind, n, access="inout", values="positive")
        b2, second = d.literal(kind, "0.999", "0.99"), d.at(v, i)
        body += [
            f"{state} = {b1} * {state} + ({one} - {b1}) * {gradient};",
            f"{second} = {b2} * {second} + ({one} - {b2}) * {gradient} * {gradient};",
            f"{weight} -= {rate} * {state} / ({d.call('sqrt', kind, second)} + {eps});",
        ]
    return d.sketch(d.pick(f"{form}_update", f"{form}_step"), Parallel(dims, body))


def _loss(d: Draw) -> Sketch:
    """Losses of predictions, one for each sample, and their gradients."""
    kind, rows, columns = d.floating(), d.size("rows"), d.size("columns")
    prediction, truth = (
        d.array(d.pick("pred", "output_vals", "y_hat"), kind, rows, columns),
        d.array(d.pick("target", "truth", "labels"), kind, rows, columns),
    )
    out = d.array(d.pick("loss", "errors", "cost"), kind, rows, access="out")
    dims = d.dims(rows)
    i, k, total, e = dims[0].variable, d.local("loop"), d.local("sum"), d.local("err")
    half, delta = d.literal(kind, "0.5"), d.literal(kind, "1.0", "0.5")
    absolute = d.call("fabs", kind, e)
    term = d.pick(
        f"{e} * {e}",
        f"{half} * {e} * {e}",
        absolute,
        f"{absolute} < {delta} ? {half} * {e} * {e} : {delta} * ({absolute} - {half} * {delta})",
        d.call("log", kind, f"{d.literal(kind, '1.0')} + {e} * {e}"),
    )
    term = f"({term})" if "?" in term else term
    inner: list[Statement] = [f"{kind} {e} = {d.at(prediction, i, k)} - {d.at(truth, i, k)};", f"{total} += {term};"]
    result = d.pick(total, f"{total} / {columns}")
    return d.sketch(
        d.pick("mse_rows", "sample_loss", "huber_loss", "row_errors", "loss_per_sample"),
        Parallel(
            dims,
            [
                f"{kind} {total} = {d.zero(kind)};",
                For(k, columns, inner),
                f"{d.at(out, i)} = {d.touched(result, kind)};",
            ],
        ),
    )


def _pair_distance(d: Draw, e: str, kind: str) -> str:
    return d.pick(f"{e} * {e}", f"{e} * {e}", d.call("fabs", kind, e))


def _distances(d: Draw) -> Sketch:
    kind, n, m = d.floating(), d.size("rows"), d.size("columns")
    width = d.size(d.pick("dim", "dims", "features"))
    a, b = d.array("input", kind, n, width), d.array("second", kind, m, width)
    out = d.array(d.pick("dist", "distances", "D_out"), kind, n, m, access="out")
    dims = d.dims(n, m)
    i, j, k, total, e = dims[0].variable, dims[1].variable, d.local("loop"), d.local("sum"), d.local("diff")
    inner: list[Statement] = [
        f"{kind} {e} = {d.at(a, i, k)} - {d.at(b, j, k)};",
        f"{total} += {_pair_distance(d, e, kind)};",
    ]
    result = d.pick(d.call("sqrt", kind, total), total, d.call("exp", kind, f"-{total} * {d.literal(kind)}"))
    return d.sketch(
        d.pick("distance_matrix", "pairwise_distances", "gram_rbf", "euclidean"),
        Parallel(
            dims,
            [
                f"{kind} {total} = {d.zero(kind)};",
                For(k, width, inner),
                f"{d.at(out, i, j)} = {d.touched(result, kind)};",
            ],
        ),
    )


def _kmeans(d: Draw) -> Sketch:
    """The nearest centre, or the distance to it, for each point."""
    kind, n, centres = (
        d.floating(),
        d.size(d.pick("size", "num_points")),
        d.size(d.pick("k_clusters", "num_centroids", "K")),
    )
    width = d.size(d.pick("dim", "dims", "features"))
    points = d.array(d.pick("points", "data", "x"), kind, n, width)
    centroids = d.array(d.pick("centroids", "centers", "means"), kind, centres, width)
    nearest = d.chance(0.7)
    out = d.array(
        d.pick("labels", "assign", "membership") if nearest else d.pick("min_dist", "dist_out"),
        "int" if nearest else kind,
        n,
        access="out",
    )
    dims = d.dims(n)
    i, c, k = dims[0].variable, d.local("cc"), d.local("loop")
    best, place, total, e = (
        d.local("best"),
        d.local(d.pick("best_c", "label", "cluster")),
        d.local("dist"),
        d.local("diff"),
    )
    large = d.pick("1e30f", "3.4e38f") if kind == "float" else "1e300"
    better: list[Statement] = [f"{best} = {total};", *([f"{place} = {c};"] if nearest else [])]
    each: list[Statement] = [
        f"{kind} {total} = {d.zero(kind)};",
        For(
            k,
            width,
            [
                f"{kind} {e} = {d.at(points, i, k)} - {d.at(centroids, c, k)};",
                f"{total} += {_pair_distance(d, e, kind)};",
            ],
        ),
        Block(f"if ({total} {d.pick('<', '<', '<=')} {best})", better),
    ]
    start: list[Statement] = [f"{kind} {best} = {large};", *([f"int {place} = 0;"] if nearest else [])]
    end = f"{d.at(out, i)} = {place if nearest else d.touched(best, kind)};"
    return d.sketch(
        d.pick("assign_clusters", "kmeans_assign", "nearest_centroid", "find_nearest"),
        Parallel(dims, [*start, For(c, centres, each, ordered=True), end]),
    )


def _dense(d: Draw) -> Sketch:
    """A layer of a network for a batch: product, bias, activation."""
    kind, batch, inputs, outputs = (
        d.floating(),
        d.size("batch"),
        d.size(d.pick("in_dim", "n_in")),
        d.size(d.pick("out_dim", "n_out")),
    )
    x, w = d.array("input", kind, batch, inputs), d.array("weights", kind, outputs, inputs)
    bias = d.array(d.pick("bias", "b"), kind, outputs) if d.chance(0.8) else None
    out = d.array("output", kind, batch, outputs, access="out")
    dims = d.dims(batch, outputs)
    b, o, k, total = dims[0].variable, dims[1].variable, d.local("loop"), d.local("sum")
    start = d.at(bias, o) if bias else d.zero(kind)
    zero = d.zero(kind)
    result = d.pick(
        total,
        f"{total} > {zero} ? {total} : {zero}",
        d.call("tanh", kind, total),
        f"1 / (1 + {d.call('exp', kind, f'-{total}')})",
        d.call("fmax", kind, total, d.literal(kind, "0.0")),
    )
    loop = For(k, inputs, [f"{total} += {d.at(w, o, k)} * {d.at(x, b, k)};"])
    return d.sketch(
        d.pick("dense_forward", "linear_layer", "fully_connected", "fc_forward"),
        Parallel(dims, [f"{kind} {total} = {start};", loop, f"{d.at(out, b, o)} = {result};"]),
    )


FAMILIES = (
    pointwise("softmax", "softmax and its logarithm along rows", _softmax),
    pointwise("layer_norm", "rows brought to zero mean or unit length", _layer_norm),
    pointwise("batch_norm", "channels normalised with given statistics", _batch_norm),
    pointwise("optimizer", "steps of SGD, momentum, Adam and others", _optimizer),
    pointwise("loss", "losses of samples", _loss),
    pointwise("distances", "distances and kernels between two sets", _distances),
    pointwise("kmeans", "nearest centres", _kmeans),
    pointwise("dense", "layers of a network", _dense),
)
