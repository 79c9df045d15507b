"""Families that bring many elements down to one, or to one for each row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from data.synthesis.draw import Draw
from data.synthesis.family import Family, pointwise
from data.synthesis.sketch import Array, Block, DeviceProgram, For, Launch, Parallel, Sketch, Statement
from data.synthesis.threads import line_index

_ATOMIC = ("float", "double", "int", "unsigned int")


@dataclass(frozen=True)
class Fold:
    """A reduction before it is written for one side: `term` gives the contribution of element i, `joined` statements
    that bring a value into an accumulator, `first` where accumulators start ("" for zero), `result` what is made of
    the whole."""

    name: str
    kind: str
    size: str
    term: Callable[[str], str]
    joined: Callable[[str, str], str]
    first: str
    result: Callable[[str], str]

    @property
    def adds(self) -> bool:
        """Whether values are summed, so that an atomic addition can do it."""
        return not self.first


def _plain(text: str) -> str:
    return text


def _sum(d: Draw) -> Fold:
    kind, n = d.number(), d.size()
    x = d.array("input", kind, n)
    form = d.pick("plain", "square", "formula", "absolute", "mean", "masked")
    limit = d.scalar("limit", kind) if form == "masked" else ""

    def term(i: str) -> str:
        v = d.at(x, i)
        if form == "square":
            return f"{v} * {v}"
        if form == "absolute":
            return d.call("fabs", kind, v) if kind in ("float", "double") else f"({v} < 0 ? -{v} : {v})"
        return f"({v} > {limit} ? {v} : 0)" if form == "masked" else v

    extra = d.wrapped("VALUE", kind) if form == "formula" else "VALUE"
    name = {"square": "sum_of_squares", "absolute": "abs_sum", "mean": "mean", "masked": "sum_above"}.get(form, "")
    result = (lambda total: f"{total} / {n}") if form == "mean" else _plain
    return Fold(
        name or d.pick("sum", "reduce_sum", "array_total"),
        kind,
        n,
        lambda i: extra.replace("VALUE", term(i)),
        lambda a, v: f"{a} += {v};",
        "",
        result,
    )


def _dot(d: Draw) -> Fold:
    kind, n = d.number(), d.size()
    x, y = d.array("input", kind, n), d.array("second", kind, n)
    weight = d.array("weights", kind, n) if d.chance(0.3) else None
    form = d.pick("{0} * {1}", "{0} * {1}", "({0} - {1}) * ({0} - {1})", "{0} - {1}")

    def term(i: str) -> str:
        value = form.format(d.at(x, i), d.at(y, i))
        return f"{d.at(weight, i)} * ({value})" if weight else value

    name = (
        d.pick("dot", "inner_product", "dot_product", "weighted_dot")
        if form == "{0} * {1}"
        else d.pick("squared_distance", "difference_sum", "error_sum")
    )
    return Fold(name, kind, n, term, lambda a, v: f"{a} += {v};", "", _plain)


def _extremum(d: Draw) -> Fold:
    kind, n, largest = d.number(), d.size(), d.chance(0.5)
    x = d.array("input", kind, n)
    operator = ">" if largest else "<"
    extra = d.wrapped("VALUE", kind) if d.chance(0.25) else "VALUE"

    def term(i: str) -> str:
        return extra.replace("VALUE", d.at(x, i))

    spelled = d.rng.random()

    def joined(a: str, v: str) -> str:
        if kind in ("float", "double") and spelled < 0.3:
            return f"{a} = {d.call('fmax' if largest else 'fmin', kind, a, v)};"
        return f"if ({v} {operator} {a}) {a} = {v};" if spelled < 0.7 else f"{a} = {v} {operator} {a} ? {v} : {a};"

    name = d.pick("max_value", "find_max", "array_max") if largest else d.pick("min_value", "find_min", "array_min")
    return Fold(name, kind, n, term, joined, term("0"), _plain)


def _count(d: Draw) -> Fold:
    kind, n = d.number(), d.size()
    x = d.array("input", kind, n)
    limit = d.scalar("limit", kind)
    other = d.array("second", kind, n) if d.chance(0.3) else None
    operator = d.pick("<", ">", "<=", ">=", "==", "!=")
    value = d.wrapped("VALUE", kind) if d.chance(0.3) else "VALUE"

    def term(i: str) -> str:
        right = f"{d.at(other, i)} + {limit}" if other else limit
        return f"({value.replace('VALUE', d.at(x, i))} {operator} {right} ? 1 : 0)"

    return Fold(
        d.pick("count_if", "count_above", "num_matches", "tally"),
        "int",
        n,
        term,
        lambda a, v: f"{a} += {v};",
        "",
        _plain,
    )


def _sequential(d: Draw, fold: Fold) -> Sketch:
    """The fold as one loop."""
    i, total = d.local("index"), d.local("best" if fold.first else "sum")
    kind = "double" if fold.kind == "float" and fold.adds and d.chance(0.2) else fold.kind
    low = "1" if fold.first else "0"
    by_pointer = d.chance(0.35)
    out = d.array("output", fold.kind, "1", access="out") if by_pointer else None
    end = f"{d.at(out, '0')} = {fold.result(total)};" if out else f"return {fold.result(total)};"
    statement = fold.joined(total, fold.term(i))
    if d.chance(0.2):
        v = d.local("local")
        loop = For(i, fold.size, [f"{fold.kind} {v} = {fold.term(i)};", fold.joined(total, v)], low)
    else:
        loop = For(i, fold.size, [statement], low)
    start = f"{kind} {total} = {fold.first or d.zero(kind)};"
    return d.sketch(fold.name, start, loop, end, returns="void" if out else fold.kind)


def _parallel(d: Draw, fold: Fold) -> DeviceProgram:
    """The fold on the device: atomics, or a tree in shared memory."""
    if fold.adds and fold.kind in _ATOMIC and fold.result is _plain and d.chance(0.4):
        return _by_atomics(d, fold)
    return _by_tree(d, fold)


def tree(d: Draw, lane: str, halve: Callable[[str], Sequence[Statement]]) -> list[Statement]:
    """A tree over the threads of a block; `halve` gives the statements that bring lane + s into the lane."""
    s = d.local(d.pick("s", "stride", "step"))
    form = d.rng.random()
    if form < 0.6:
        head = d.pick(
            f"for (int {s} = blockDim.x / 2; {s} > 0; {s} >>= 1)",
            f"for (unsigned int {s} = blockDim.x / 2; {s} > 0; {s} /= 2)",
        )
        condition = f"{lane} < {s}"
    else:
        head = f"for (int {s} = 1; {s} < blockDim.x; {s} *= 2)"
        condition = f"{lane} % (2 * {s}) == 0"
    return [Block(head, [Block(f"if ({condition})", halve(s)), "__syncthreads();"])]


def _by_atomics(d: Draw, fold: Fold) -> DeviceProgram:
    """Every thread, or the first of every block, adds to one place."""
    lane, i, total = d.local("lane"), d.local("index"), d.local("sum")
    result = d.array("output", fold.kind, "1", access="inout")
    parameters = d.ordered()
    size, shared = d.block_size, d.local("shared")
    grid = d.pick(f"({fold.size} + {size - 1}) / {size}", "4", "8", "16")
    stride = f"for (int {i} = {line_index(d)}; {i} < {fold.size}; {i} += gridDim.x * blockDim.x)"
    gathered: list[Statement] = [
        f"{fold.kind} {total} = {d.zero(fold.kind)};",
        Block(stride, [fold.joined(total, fold.term(i))]),
    ]
    add = f"atomicAdd({d.pick(result.name, f'&{result.name}[0]')}, {total});"
    form = d.rng.random()
    if form < 0.3:
        body = [*gathered, add]
    elif form < 0.65:
        reduced = tree(d, lane, lambda s: [f"{shared}[{lane}] += {shared}[{lane} + {s}];"])
        body = [
            f"__shared__ {fold.kind} {shared}[{size}];",
            f"int {lane} = threadIdx.x;",
            *gathered,
            f"{shared}[{lane}] = {total};",
            "__syncthreads();",
            *reduced,
            Block(f"if ({lane} == 0)", [f"atomicAdd({result.name}, {shared}[0]);"]),
        ]
    else:
        o = d.local("offset")
        shuffle = Block(
            f"for (int {o} = 16; {o} > 0; {o} {d.pick('/= 2', '>>= 1')})",
            [f"{total} += __shfl_down_sync(0xffffffff, {total}, {o});"],
        )
        body = [*gathered, shuffle, Block(f"if ({d.pick('threadIdx.x % 32', '(threadIdx.x & 31)')} == 0)", [add])]
    return d.program(f"{fold.name}_{d.pick('atomic', 'reduce', 'add')}", Launch("", parameters, body, grid, str(size)))


def _by_tree(d: Draw, fold: Fold) -> DeviceProgram:
    """A tree in each block, the results of the blocks joined on the host."""
    lane, i, shared, v = d.local("lane"), d.local("index"), d.local("shared"), d.local("local")
    out = d.array("output", fold.kind, "1", access="out") if d.chance(0.3) else None
    parameters = tuple(p for p in d.ordered() if p is not out)
    size, kind = d.block_size, fold.kind
    blocks = f"({fold.size} + {size - 1}) / {size}"
    partial = Array(d.local("partial"), kind, (blocks,), "out")
    first = fold.first or d.zero(kind)
    loaded: list[Statement] = [f"{shared}[{lane}] = {i} < {fold.size} ? {fold.term(i)} : {first};"]
    if d.chance(0.4):
        loaded = [
            f"{kind} {v} = {first};",
            Block(f"if ({i} < {fold.size})", [f"{v} = {fold.term(i)};"]),
            f"{shared}[{lane}] = {v};",
        ]
    steps = tree(d, lane, lambda s: [fold.joined(f"{shared}[{lane}]", f"{shared}[{lane} + {s}]")])
    body: list[Statement] = [
        f"__shared__ {kind} {shared}[{size}];",
        f"int {lane} = threadIdx.x;",
        f"int {i} = {line_index(d)};",
        *loaded,
        "__syncthreads();",
        *steps,
        Block(f"if ({lane} == 0)", [f"{partial.name}[blockIdx.x] = {shared}[0];"]),
    ]
    total, k = d.local("best" if fold.first else "sum"), d.local("loop")
    end = f"{d.at(out, '0')} = {fold.result(total)};" if out else f"return {fold.result(total)};"
    finish: list[Statement] = [
        f"{kind} {total} = {partial.name}[0];",
        For(k, blocks, [fold.joined(total, f"{partial.name}[{k}]")], "1"),
        end,
    ]
    launch = Launch("", (*parameters, partial), body, blocks, str(size))
    returns = "void" if out else kind
    return d.program(fold.name, launch, temporaries=[partial], finish=finish, returns=returns)


def _fold_family(name: str, summary: str, draw_fold: Callable[[Draw], Fold]) -> Family:
    return Family(name, summary, lambda d: _sequential(d, draw_fold(d)), lambda d: _parallel(d, draw_fold(d)))


def _rows(d: Draw) -> Sketch:
    """One result for each row or column."""
    kind, rows, columns, largest = d.number(), d.size("rows"), d.size("columns"), d.chance(0.5)
    a = d.array("input", kind, rows, columns)
    by_row = d.chance(0.65)
    out = d.array("output", kind, rows if by_row else columns, access="out")
    dims = d.dims(rows if by_row else columns)
    i, k = dims[0].variable, d.local("loop")
    length = columns if by_row else rows

    def value(index: str) -> str:
        return d.at(a, *((i, index) if by_row else (index, i)))

    form, total = d.pick("sum", "extreme", "mean", "norm", "variance"), d.local("sum")
    start = d.zero(kind)
    if form == "extreme":
        start = value("0")
        work: list[Statement] = [
            Block(f"if ({value(k)} {'>' if largest else '<'} {total})", [f"{total} = {value(k)};"])
        ]
    elif form == "norm":
        work = [f"{total} += {value(k)} * {value(k)};"]
    elif form == "variance":
        work = [f"{total} += ({value(k)} - {value('0')}) * ({value(k)} - {value('0')});"]
    else:
        work = [f"{total} += {d.touched(value(k), kind)};"]
    result = f"{total} / {length}" if form in ("mean", "variance") else total
    if form == "norm" and kind in ("float", "double"):
        result = d.call("sqrt", kind, total)
    axis = "row" if by_row else "col"
    return d.sketch(
        f"{axis}_{d.pick(form, form + 's', 'reduce')}",
        Parallel(dims, [f"{kind} {total} = {start};", For(k, length, work), f"{d.at(out, i)} = {result};"]),
    )


def _argmax(d: Draw) -> Sketch:
    kind, n = d.number(), d.size()
    x, compare = d.array("input", kind, n), d.pick(">", "<", ">=")
    i, best, place = d.local("index"), d.local("best"), d.local(d.pick("best_idx", "arg", "where"))
    keep_value = d.chance(0.6)
    value = d.wrapped(d.at(x, i), kind) if d.chance(0.3) else d.at(x, i)
    current = best if keep_value else d.at(x, place)
    value = value if keep_value else d.at(x, i)
    work: list[Statement] = [*([f"{best} = {value};"] if keep_value else []), f"{place} = {i};"]
    zeroth = value.replace(d.at(x, i), d.at(x, "0"))
    start: list[Statement] = [*([f"{kind} {best} = {zeroth};"] if keep_value else []), f"int {place} = 0;"]
    loop = For(i, n, [Block(f"if ({value} {compare} {current})", work)], "1", ordered=True)
    name = d.pick("argmax", "index_of_best", "find_peak") if compare != "<" else d.pick("argmin", "index_of_min")
    if d.chance(0.3):
        out = d.array(d.pick("where_out", "position", "idx_out"), "int", "1", access="out")
        return d.sketch(name, *start, loop, f"{d.at(out, '0')} = {place};")
    return d.sketch(name, *start, loop, f"return {place};", returns="int")


def _argmax_device(d: Draw) -> DeviceProgram:
    """One block that strides over the array, then a tree over values and places."""
    kind, n, compare = d.number(), d.size(), d.pick(">", "<")
    x = d.array("input", kind, n)
    size = d.block_size
    values, places = d.local(d.pick("best_vals", "svals", "cache")), d.local(d.pick("best_idx", "sidx", "where"))
    t, i, best, place = d.local("lane"), d.local("index"), d.local("best"), d.local(d.pick("arg", "at"))
    found = d.array(d.pick("position", "index_out", "arg_out"), "int", "1", access="out")
    top = d.array(d.pick("value_out", "peak_out"), kind, "1", access="out") if d.chance(0.5) else None
    tie = d.chance(0.5)

    def halve(s: str) -> Sequence[Statement]:
        a, b = f"{values}[{t}]", f"{values}[{t} + {s}]"
        better = f"{b} {compare} {a}"
        if tie:
            better += f" || ({b} == {a} && {places}[{t} + {s}] < {places}[{t}])"
        return [Block(f"if ({better})", [f"{a} = {b};", f"{places}[{t}] = {places}[{t} + {s}];"])]

    value = d.at(x, i)
    start = d.at(x, "0")
    stride = f"for (int {i} = {t}; {i} < {n}; {i} += blockDim.x)"
    end: list[Statement] = [
        f"{d.at(found, '0')} = {places}[0];",
        *([f"{d.at(top, '0')} = {values}[0];"] if top else []),
    ]
    body: list[Statement] = [
        f"__shared__ {kind} {values}[{size}];",
        f"__shared__ int {places}[{size}];",
        f"int {t} = threadIdx.x;",
        f"{kind} {best} = {start};",
        f"int {place} = 0;",
        Block(stride, [Block(f"if ({value} {compare} {best})", [f"{best} = {value};", f"{place} = {i};"])]),
        f"{values}[{t}] = {best};",
        f"{places}[{t}] = {place};",
        "__syncthreads();",
        *tree(d, t, halve),
        Block(f"if ({t} == 0)", end),
    ]
    return d.program(d.pick("argmax", "block_argmax", "find_best"), Launch("", d.ordered(), body, "1", str(size)))


def _integral(d: Draw) -> Fold:
    """Numerical integration of a formula."""
    kind, n = d.floating(), d.size()
    low, high = (d.scalar(word, kind) for word in d.pick(("lo", "hi"), ("x0", "x1"), ("from", "to")))
    middle = d.pick("0.5", "0.0", "1.0")
    half = d.literal(kind, middle)
    formula = d.expression(["POINT"], kind, 2)

    def term(i: str) -> str:
        step = f"({high} - {low}) / {n}"
        return formula.replace("POINT", f"({low} + ({i} + {half}) * {step})")

    return Fold(
        d.pick("integrate", "midpoint_rule", "riemann_sum", "quadrature"),
        kind,
        n,
        term,
        lambda a, v: f"{a} += {v};",
        "",
        lambda total: f"{total} * ({high} - {low}) / {n}",
    )


FAMILIES = (
    _fold_family("sum", "sums, means and norms", _sum),
    _fold_family("dot", "inner products and distances of two vectors", _dot),
    _fold_family("extremum", "largest and smallest values", _extremum),
    _fold_family("count", "how many elements fulfil a condition", _count),
    _fold_family("integral", "quadrature of a formula", _integral),
    Family("argmax", "where the largest or smallest value stands", _argmax, _argmax_device),
    pointwise("rows", "one result for each row or column", _rows),
)
