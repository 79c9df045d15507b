"""Families in which places are computed or looked up: gather, scatter, histograms, scans, compaction, search."""

from __future__ import annotations

from data.synthesis.draw import Draw
from data.synthesis.family import Family, pointwise
from data.synthesis.sketch import Array, Block, DeviceProgram, For, Launch, Parallel, Scalar, Sketch, Statement
from data.synthesis.threads import line_index, line_launch, spread


def _gather(d: Draw) -> Sketch:
    kind, n, m = d.number(), d.size(), d.size(d.pick("size", "m", "num_rows"))
    index = d.array("indices", d.pick("int", "int", "unsigned int"), n, values=f"below {m}")
    source = d.array("input", kind, m)
    width = d.chance(0.3)
    out = d.array("output", kind, n, access=d.pick("out", "out", "inout"))
    dims = d.dims(n)
    i = dims[0].variable
    value = d.at(source, d.at(index, i))
    if width:
        other = d.array("weights", kind, n)
        value = f"{d.at(other, i)} * {value}"
    target = d.at(out, i)
    body: list[Statement] = [f"{target} {'=' if out.access == 'out' else '+='} {d.touched(value, kind)};"]
    if d.chance(0.3):
        j = d.local("local")
        body = [
            f"int {j} = {d.at(index, i)};",
            Block(
                f"if ({j} >= 0 && {j} < {m})",
                [f"{target} {'=' if out.access == 'out' else '+='} {d.touched(d.at(source, j), kind)};"],
            ),
        ]
        if out.access == "out":
            body.append(Block("else", [f"{target} = {d.zero(kind)};"]))
    return d.sketch(d.pick("gather", "lookup", "permute", "table_lookup", "take"), Parallel(dims, body))


def _embedding(d: Draw) -> Sketch:
    kind, n, words, width = d.floating(), d.size(), d.size(d.pick("vocab", "num_rows")), d.size(d.pick("dim", "width"))
    index = d.array("indices", "int", n, values=f"below {words}")
    table = d.array(d.pick("table", "embeddings", "weights"), kind, words, width)
    out = d.array("output", kind, n, width, access="out")
    dims = d.dims(n, width)
    i, j = dims[0].variable, dims[1].variable
    value = d.touched(d.at(table, d.at(index, i), j), kind)
    return d.sketch(
        d.pick("embedding", "gather_rows", "select_rows", "copy_rows"),
        Parallel(dims, d.stored(d.at(out, i, j), value, kind)),
    )


def _scatter(d: Draw) -> Sketch:
    kind, n = d.number(), d.size()
    index = d.array("indices", "int", n, values="permutation")
    source = d.array("input", kind, n)
    out = d.array("output", kind, n, access=d.pick("out", "inout"))
    dims = d.dims(n)
    i = dims[0].variable
    value = d.touched(d.at(source, i), kind)
    body = d.stored(d.at(out, d.at(index, i)), value, kind)
    if out.access == "inout" and d.chance(0.5):
        body = [Block(f"if ({d.at(source, i)} {d.compare()} {d.literal(kind)})", body)]
    return d.sketch(d.pick("scatter", "unpermute", "place", "inverse_permute"), Parallel(dims, body))


def _accumulate(d: Draw) -> tuple[str, str, str, list[str], Array]:
    """(name, element type, size, [place, amount] of element INDEX, target) of an accumulation into places."""
    counts = d.chance(0.5)
    n, bins = d.size(), d.size(d.pick("num_bins", "bins", "m"))
    kind = d.pick("int", "unsigned int") if counts else d.pick("float", "int", "double")
    form = d.pick("index", "modulo", "scaled")
    if form == "index":
        keys = d.array(d.pick("keys", "labels", "bin_of", "data"), "int", n, values=f"below {bins}")
        place = d.at(keys, "INDEX")
    elif form == "modulo":
        keys = d.array("input", d.pick("unsigned int", "unsigned char"), n)
        place = f"{d.at(keys, 'INDEX')} % {bins}"
    else:
        keys = d.array("input", "float", n)
        place = f"(int)(fabsf({d.at(keys, 'INDEX')}) * {bins}) % {bins}"
    amount = d.pick("1", "1", "2") if counts else d.touched(d.at(d.array("weights", kind, n), "INDEX"), kind)
    target = d.array("counts" if counts else "output", kind, bins, access="inout")
    name = (
        d.pick("histogram", "count_bins", "tally_keys")
        if counts
        else d.pick("scatter_add", "segment_sum", "weighted_histogram", "bin_values")
    )
    return name, kind, n, [place, amount], target


def _histogram(d: Draw) -> Sketch:
    name, _, n, (place, amount), target = _accumulate(d)
    i, b = d.local("index"), d.local(d.pick("bin", "b", "slot"))
    place, amount = place.replace("INDEX", i), amount.replace("INDEX", i)
    element = d.at(target, place)
    added: list[Statement] = [f"{d.incremented(element)};" if amount == "1" else f"{element} += {amount};"]
    if d.chance(0.5):
        element = d.at(target, b)
        added = [
            f"int {b} = {place};",
            f"{d.incremented(element)};" if amount == "1" and d.chance(0.5) else f"{element} += {amount};",
        ]
    return d.sketch(name, For(i, n, added))


def _histogram_device(d: Draw) -> DeviceProgram:
    name, kind, n, (place, amount), target = _accumulate(d)
    i, b, k, shared, t = (
        d.local("index"),
        d.local(d.pick("bin", "b", "slot")),
        d.local("loop"),
        d.local("shared"),
        d.local("lane"),
    )
    place, amount = place.replace("INDEX", i), amount.replace("INDEX", i)
    before, grid, block = line_launch(d, n)
    bins = target.shape[0]
    stride = f"for (int {i} = {line_index(d)}; {i} < {n}; {i} += blockDim.x * gridDim.x)"
    if d.chance(0.5):
        added: list[Statement] = [f"int {b} = {place};", f"atomicAdd(&{target.name}[{b}], {amount});"]
        if d.chance(0.4):
            added = [f"atomicAdd(&{target.name}[{place}], {amount});"]
        body: list[Statement] = [Block(stride, added)]
        if d.chance(0.5):
            body = [f"int {i} = {line_index(d)};", Block(f"if ({i} < {n})", added)]
        return d.program(f"{name}_atomic", Launch("", d.ordered(), body, grid, block, before=before))
    clear = Block(f"for (int {k} = {t}; {k} < {bins}; {k} += blockDim.x)", [f"{shared}[{k}] = 0;"])
    merge = Block(
        f"for (int {k} = {t}; {k} < {bins}; {k} += blockDim.x)", [f"atomicAdd(&{target.name}[{k}], {shared}[{k}]);"]
    )
    body = [
        f"extern __shared__ {kind} {shared}[];",
        f"int {t} = threadIdx.x;",
        clear,
        "__syncthreads();",
        Block(stride, [f"atomicAdd(&{shared}[{place}], {amount});"]),
        "__syncthreads();",
        merge,
    ]
    launch = Launch("", d.ordered(), body, grid, block, f"{bins} * sizeof({kind})", before)
    return d.program(f"{name}_shared", launch)


def _scan(d: Draw) -> Sketch:
    kind, n = d.number(), d.size()
    x, out = d.array("input", kind, n), d.array("output", kind, n, access="out")
    i, total = d.local("index"), d.local("sum")
    value = d.wrapped(d.at(x, i), kind) if d.chance(0.4) else d.at(x, i)
    largest = d.chance(0.25)
    start = f"{kind} {total} = {d.at(x, '0') if largest else d.zero(kind)};"
    joined = f"if ({value} > {total}) {total} = {value};" if largest else f"{total} += {value};"
    store = f"{d.at(out, i)} = {d.touched(total, kind)};"
    inclusive = d.chance(0.6)
    body: list[Statement] = [joined, store] if inclusive else [store, joined]
    name = (
        "running_max"
        if largest
        else d.pick("prefix_sum", "cumulative_sum", "inclusive_scan" if inclusive else "exclusive_scan")
    )
    if inclusive and not largest and d.chance(0.3):
        previous = d.at(out, f"{i} - 1")
        return d.sketch(
            name,
            f"{d.at(out, '0')} = {value.replace(d.at(x, i), d.at(x, '0'))};",
            For(i, n, [f"{d.at(out, i)} = {previous} + {value};"], "1", ordered=True),
        )
    return d.sketch(name, start, For(i, n, body, ordered=True))


def _scan_device(d: Draw) -> DeviceProgram:
    """Scans of the blocks, a scan of their sums by one thread, and an addition."""
    kind, n, size = d.number(), d.size(), d.block_size
    x, out = d.array("input", kind, n), d.array("output", kind, n, access="out")
    t, i, shared, o, v = d.local("lane"), d.local("index"), d.local("shared"), d.local("offset"), d.local("local")
    value = d.wrapped(d.at(x, i), kind) if d.chance(0.4) else d.at(x, i)
    exclusive = d.chance(0.4)
    blocks = f"({n} + {size - 1}) / {size}"
    sums = Array(d.local("partial"), kind, (blocks,), "in")
    writable = Array(sums.name, kind, sums.shape, "inout")
    scanned = f"{t} > 0 ? {shared}[{t} - 1] : 0" if exclusive else f"{shared}[{t}]"
    scan: list[Statement] = [
        f"__shared__ {kind} {shared}[{size}];",
        f"int {t} = threadIdx.x;",
        f"int {i} = {line_index(d)};",
        f"{shared}[{t}] = {i} < {n} ? {value} : 0;",
        "__syncthreads();",
        Block(
            f"for (int {o} = 1; {o} < blockDim.x; {o} {d.pick('*= 2', '<<= 1')})",
            [
                f"{kind} {v} = {t} >= {o} ? {shared}[{t} - {o}] : 0;",
                "__syncthreads();",
                f"{shared}[{t}] += {v};",
                "__syncthreads();",
            ],
        ),
        Block(f"if ({i} < {n})", [f"{d.at(out, i)} = {scanned};"]),
        Block(f"if ({t} == blockDim.x - 1)", [f"{sums.name}[blockIdx.x] = {shared}[{t}];"]),
    ]
    total, k, count = d.local("sum"), d.local("loop"), d.local("num_blocks")
    offsets: list[Statement] = [
        f"{kind} {total} = 0;",
        For(
            k,
            count,
            [f"{kind} {v} = {sums.name}[{k}];", f"{sums.name}[{k}] = {total};", f"{total} += {v};"],
            ordered=True,
        ),
    ]
    one_thread = Block("if (threadIdx.x == 0 && blockIdx.x == 0)", offsets)
    add: list[Statement] = [
        f"int {i} = {line_index(d)};",
        Block(f"if ({i} < {n})", [f"{d.at(out, i)} += {sums.name}[blockIdx.x];"]),
    ]
    grid = Array(out.name, kind, out.shape, "inout")
    scalars = tuple(p for p in d.ordered() if not isinstance(p, Array))
    launches = (
        Launch("blocks", (*d.ordered(), writable), scan, blocks, str(size)),
        Launch(
            "sums",
            (writable, Scalar(count, "int")),
            [one_thread],
            "1",
            d.pick("1", "32"),
            before=[f"int {count} = {blocks};"],
        ),
        Launch("add", (grid, sums, *scalars), add, blocks, str(size)),
    )
    return d.program(d.pick("prefix_sum", "scan", "block_scan"), *launches, temporaries=[sums])


def _row_scan(d: Draw) -> Sketch:
    """Recurrences along rows, which are independent of each other."""
    kind, rows, columns = d.floating(), d.size("rows"), d.size("columns")
    a, b = d.array("input", kind, rows, columns), d.array("output", kind, rows, columns, access="out")
    factor = d.scalar("factor", kind) if d.chance(0.5) else d.literal(kind, "0.9", "0.5", "0.99", "0.1")
    by_row = d.chance(0.6)
    dims = d.dims(rows if by_row else columns)
    i, k, state = dims[0].variable, d.local("loop"), d.local("sum")
    place = (i, k) if by_row else (k, i)
    value, one = d.at(a, *place), d.literal(kind, "1.0")
    update = d.pick(
        f"{state} = {factor} * {state} + {value};",
        f"{state} = {factor} * {value} + ({one} - {factor}) * {state};",
        f"{state} += {factor} * ({value} - {state});",
        f"{state} += {value};",
        f"{state} = {state} * {value} + {factor};",
    )
    loop = For(k, columns if by_row else rows, [update, f"{d.at(b, *place)} = {d.touched(state, kind)};"], ordered=True)
    start = f"{kind} {state} = {d.pick(d.zero(kind), d.at(a, *((i, '0') if by_row else ('0', i))))};"
    return d.sketch(
        d.pick("row_scan", "smooth_rows", "moving_average_exp", "recurrence", "iir_filter", "cumsum_axis"),
        Parallel(dims, [start, loop]),
    )


def _compaction(d: Draw) -> Sketch:
    kind, n = d.number(), d.size()
    x, limit = d.array("input", kind, n), d.scalar("limit", kind)
    out = d.array("output", d.pick(kind, kind, "int"), n, access="inout")
    i, kept = d.local("index"), d.local(d.pick("kept", "count", "num_kept", "j"))
    value = d.at(x, i) if out.type == kind else i
    if out.type == kind and d.chance(0.4):
        value = d.touched(value, kind)
    condition = d.pick(
        f"{d.at(x, i)} {d.compare()} {limit}",
        f"{d.at(x, i)} != {limit}",
        f"{d.at(x, i)} > {limit} && {d.at(x, i)} < {limit} + {d.literal(kind)}",
    )
    body = d.pick([f"{d.at(out, f'{kept}++')} = {value};"], [f"{d.at(out, kept)} = {value};", f"{kept}++;"])
    loop = For(i, n, [Block(f"if ({condition})", body)], ordered=True)
    return d.sketch(
        d.pick("compact", "filter_values", "stream_compaction", "select_if", "find_indices"),
        f"int {kept} = 0;",
        loop,
        f"return {kept};",
        returns="int",
    )


def _compaction_device(d: Draw) -> DeviceProgram:
    kind, n = d.number(), d.size()
    x, limit = d.array("input", kind, n), d.scalar("limit", kind)
    out = d.array("output", d.pick(kind, kind, "int"), n, access="inout")
    counter = Array(d.local(d.pick("counter", "num_kept", "count_out")), "int", ("1",), "inout")
    dims = d.dims(n)
    i, place = dims[0].variable, d.local(d.pick("slot", "where", "place"))
    value = d.at(x, i) if out.type == kind else i
    work: list[Statement] = [
        f"int {place} = atomicAdd({counter.name}, 1);",
        f"{d.at(out, place)} = {d.touched(value, kind) if out.type == kind else value};",
    ]
    condition = d.pick(
        f"{d.at(x, i)} {d.compare()} {limit}",
        f"{d.at(x, i)} != {limit}",
        f"{d.at(x, i)} > {limit} && {d.at(x, i)} < {limit} + {d.literal(kind)}",
    )
    launch = spread(d, Parallel(dims, [Block(f"if ({condition})", work)]), (*d.ordered(), counter))
    total = d.local("total")
    finish = [f"int {total} = {counter.name}[0];", f"return {total};"]
    return d.program(
        d.pick("compact", "filter_values", "select_if", "collect"),
        launch,
        temporaries=[counter],
        finish=finish,
        returns="int",
    )


def _search(d: Draw) -> Sketch:
    """A binary search for every query."""
    kind, n, m = d.number(), d.size(signed=True), d.size(d.pick("num_queries", "m", "queries_n"))
    table, queries = (
        d.array(d.pick("sorted", "keys", "table"), kind, n),
        d.array(d.pick("queries", "needles", "x"), kind, m),
    )
    out = d.array(d.pick("found", "positions", "result"), "int", m, access="out")
    dims = d.dims(m)
    i, low, high, middle = dims[0].variable, d.local("lo"), d.local("hi"), d.local("mid")
    condition = f"{d.at(table, middle)} {d.pick('<', '<=')} {d.at(queries, i)}"
    halving: list[Statement] = [
        f"int {middle} = {d.pick(f'({low} + {high}) / 2', f'{low} + ({high} - {low}) / 2')};",
        Block(f"if ({condition})", [f"{low} = {middle} + 1;"]),
        Block("else", [f"{high} = {middle};"]),
    ]
    found = d.pick(low, f"{low} < {n} && {d.at(table, low)} == {d.at(queries, i)} ? {low} : -1", f"{n} - {low}")
    body: list[Statement] = [
        f"int {low} = 0;",
        f"int {high} = {n};",
        Block(f"while ({low} < {high})", halving),
        f"{d.at(out, i)} = {found};",
    ]
    return d.sketch(d.pick("binary_search", "lower_bound_all", "find_positions", "bucketize"), Parallel(dims, body))


def _sort_step(d: Draw) -> Sketch:
    """Compare-and-swap steps of sorting networks."""
    kind, pairs = d.number(), d.size(d.pick("pairs", "half", "n_pairs"))
    a = d.array("input", kind, f"2 * {pairs} + 1", access="inout")
    odd = d.pick("0", "1") if d.chance(0.6) else d.scalar(d.pick("phase", "odd", "parity"), "int", "below 2")
    dims = d.dims(pairs)
    i, first, t = dims[0].variable, d.local(d.pick("first", "p", "left")), d.local("local")
    left, right = d.at(a, first), d.at(a, f"{first} + 1")
    swap = [f"{kind} {t} = {left};", f"{left} = {right};", f"{right} = {t};"]
    body: list[Statement] = [f"int {first} = 2 * {i} + {odd};", Block(f"if ({left} {d.pick('>', '<')} {right})", swap)]
    return d.sketch(d.pick("odd_even_step", "compare_exchange", "sort_pairs", "swap_pass"), Parallel(dims, body))


def _shift(d: Draw) -> Sketch:
    """Copies that reverse, rotate, stride or interleave."""
    kind, n = d.number(), d.size(signed=True)
    x, out = d.array("input", kind, f"2 * {n}"), d.array("output", kind, f"2 * {n}", access="inout")
    dims = d.dims(n)
    i = dims[0].variable
    shift = d.scalar(d.pick("shift", "offset", "k"), "int", "small")
    source, target = d.pick(
        (f"{n} - 1 - {i}", i),
        (f"({i} + {shift}) % {n}", i),
        (f"2 * {i}", i),
        (i, f"2 * {i}"),
        (i, f"({i} + {shift}) % {n}"),
        (f"{n} + {i}", f"2 * {i} + 1"),
        (f"{i} * {shift} % {n}", i),
        (f"{i} / {shift} * {shift}", f"{n} + {i}"),
    )
    value = d.touched(d.at(x, source), kind)
    return d.sketch(
        d.pick("reverse_copy", "rotate_array", "strided_copy", "shift_elements", "interleave"),
        Parallel(dims, [f"{d.at(out, target)} {d.pick('=', '=', '+=')} {value};"]),
    )


FAMILIES = (
    pointwise("gather", "elements read through an index array", _gather),
    pointwise("embedding", "rows read through an index array", _embedding),
    pointwise("scatter", "elements written through a permutation", _scatter),
    Family("histogram", "counts and sums by key, in CUDA with atomics", _histogram, _histogram_device),
    Family("scan", "prefix sums and running maxima", _scan, _scan_device),
    pointwise("row_scan", "recurrences along rows or columns", _row_scan),
    Family("compaction", "elements that fulfil a condition, put together", _compaction, _compaction_device),
    pointwise("search", "binary searches", _search),
    pointwise("sort_step", "passes of sorting networks", _sort_step),
    pointwise("shift", "reversed, rotated and strided copies", _shift),
)
