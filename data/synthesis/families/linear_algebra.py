"""Families on vectors and matrices, dense and sparse."""

from __future__ import annotations

from data.synthesis.draw import Draw
from data.synthesis.family import Family, pointwise
from data.synthesis.sketch import Block, DeviceProgram, For, Launch, Parallel, Sketch, Statement
from data.synthesis.threads import on_device


def _matvec(d: Draw) -> Sketch:
    kind, rows, columns = d.number(), d.size("rows"), d.size("columns")
    turned = d.chance(0.3)
    a = d.array("input", kind, *((columns, rows) if turned else (rows, columns)))
    x = d.array("second", kind, columns)
    y = d.array("output", kind, rows, access=d.pick("out", "out", "inout"))
    dims = d.dims(rows)
    i, k, total = dims[0].variable, d.local("loop"), d.local("sum")
    product = f"{d.at(a, *((k, i) if turned else (i, k)))} * {d.at(x, k)}"
    end = f"{d.at(y, i)} {'=' if y.access == 'out' else '+='} {d.touched(total, kind)};"
    body: list[Statement] = [f"{kind} {total} = {d.zero(kind)};", For(k, columns, [f"{total} += {product};"]), end]
    if y.access == "out" and d.chance(0.2):
        body = [f"{d.at(y, i)} = {d.zero(kind)};", For(k, columns, [f"{d.at(y, i)} += {product};"])]
    return d.sketch(d.pick("matvec", "gemv", "mat_vec_mul", "dense_layer", "transform_vector"), Parallel(dims, body))


def _matmul(d: Draw) -> Sketch:
    kind, square = d.number(), d.chance(0.4)
    m = d.size("rows")
    n, depth = (m, m) if square else (d.size("columns"), d.size("inner"))
    left, right = d.chance(0.15), d.chance(0.25)
    a = d.array("input", kind, *((depth, m) if left else (m, depth)))
    b = d.array("second", kind, *((n, depth) if right else (depth, n)))
    c = d.array("output", kind, m, n, access=d.pick("out", "out", "inout"))
    dims = d.dims(m, n)
    i, j, k, total = dims[0].variable, dims[1].variable, d.local("loop"), d.local("sum")
    product = f"{d.at(a, *((k, i) if left else (i, k)))} * {d.at(b, *((j, k) if right else (k, j)))}"
    target = d.at(c, i, j)
    start: list[Statement] = [f"{kind} {total} = {d.zero(kind)};"]
    loop = For(k, depth, [d.pick(f"{total} += {product};", f"{total} = {total} + {product};")])
    end = f"{target} {'=' if c.access == 'out' else '+='} {d.touched(total, kind)};"
    body = [*start, loop, end]
    if d.chance(0.15):
        body = [
            *([f"{target} = {d.zero(kind)};"] if c.access == "out" else []),
            For(k, depth, [f"{target} += {product};"]),
        ]
    return d.sketch(d.pick("matmul", "gemm", "matrix_multiply", "mat_mul", "mm"), Parallel(dims, body))


def _tiled_matmul(d: Draw) -> DeviceProgram:
    """Matrix product in tiles of shared memory, or as `_matmul` does it."""
    if d.chance(0.35):
        return on_device(d, _matmul(d))
    kind, tile = d.pick("float", "float", "double", "int"), d.pick(8, 16, 16, 32)
    macro = d.pick("TILE", "TILE_SIZE", "BLOCK_DIM", "TS")
    d.define(f"#define {macro} {tile}")
    m, n, depth = d.size("rows", signed=True), d.size("columns", signed=True), d.size("inner", signed=True)
    a, b = d.array("input", kind, m, depth), d.array("second", kind, depth, n)
    c = d.array("output", kind, m, n, access=d.pick("out", "inout"))
    row, column, t, k, total = (d.local(pool) for pool in ("row", "column", "loop", "loop2", "sum"))
    left, right, tx, ty = (
        d.local(d.pick("as", "tile_a", "sub_a")),
        d.local(d.pick("bs", "tile_b", "sub_b")),
        "threadIdx.x",
        "threadIdx.y",
    )
    from_a, from_b = f"{t} * {macro} + {tx}", f"{t} * {macro} + {ty}"
    load_a, load_b = d.at(a, row, from_a), d.at(b, from_b, column)
    zero = d.zero(kind)
    if d.chance(0.5):
        loads: list[Statement] = [
            f"{left}[{ty}][{tx}] = {row} < {m} && {from_a} < {depth} ? {load_a} : {zero};",
            f"{right}[{ty}][{tx}] = {from_b} < {depth} && {column} < {n} ? {load_b} : {zero};",
        ]
    else:
        loads = [
            Block(f"if ({row} < {m} && {from_a} < {depth})", [f"{left}[{ty}][{tx}] = {load_a};"]),
            Block("else", [f"{left}[{ty}][{tx}] = {zero};"]),
            Block(f"if ({column} < {n} && {from_b} < {depth})", [f"{right}[{ty}][{tx}] = {load_b};"]),
            Block("else", [f"{right}[{ty}][{tx}] = {zero};"]),
        ]
    product = For(k, macro, [f"{total} += {left}[{ty}][{k}] * {right}[{k}][{tx}];"], ordered=True)
    steps = For(
        t, f"({depth} + {macro} - 1) / {macro}", [*loads, "__syncthreads();", product, "__syncthreads();"], ordered=True
    )
    pad = d.pick("", "", " + 1")
    target = f"{d.at(c, row, column)} {'=' if c.access == 'out' else '+='} {d.touched(total, kind)};"
    body: list[Statement] = [
        f"__shared__ {kind} {left}[{macro}][{macro}{pad}];",
        f"__shared__ {kind} {right}[{macro}][{macro}{pad}];",
        f"int {row} = blockIdx.y * {d.pick('blockDim.y', macro)} + {ty};",
        f"int {column} = blockIdx.x * {d.pick('blockDim.x', macro)} + {tx};",
        f"{kind} {total} = {zero};",
        steps,
        Block(f"if ({row} < {m} && {column} < {n})", [target]),
    ]
    grid, block = d.local(d.pick("grid", "blocks")), d.local(d.pick("block", "threads"))
    before = [
        f"dim3 {block}({macro}, {macro});",
        f"dim3 {grid}(({n} + {macro} - 1) / {macro}, ({m} + {macro} - 1) / {macro});",
    ]
    launch = Launch("", d.ordered(), body, grid, block, before=before)
    return d.program(d.pick("tiled_matmul", "matmul_shared", "gemm_tiled", "sgemm"), launch)


def _transpose(d: Draw) -> Sketch:
    kind, rows, columns = d.number(), d.size("rows"), d.size("columns")
    a, b = (
        d.array("input", kind, rows, columns),
        d.array("output", kind, columns, rows, access=d.pick("out", "out", "inout")),
    )
    dims = d.dims(rows, columns)
    i, j = dims[0].variable, dims[1].variable
    value = d.touched(d.at(a, i, j), kind)
    if b.access == "inout":
        value = f"{d.at(b, j, i)} + {value}" if d.chance(0.5) else f"{d.at(b, j, i)} - {value}"
    return d.sketch(
        d.pick("transpose", "mat_transpose", "swap_axes", "transpose_matrix"),
        Parallel(dims, d.stored(d.at(b, j, i), value, kind)),
    )


def _tiled_transpose(d: Draw) -> DeviceProgram:
    if d.chance(0.35):
        return on_device(d, _transpose(d))
    kind, tile = d.number(), d.pick(8, 16, 16, 32)
    macro = d.pick("TILE", "TILE_DIM", "BLOCK_DIM", "BDIM")
    d.define(f"#define {macro} {tile}")
    rows, columns = d.size("rows", signed=True), d.size("columns", signed=True)
    a, b = d.array("input", kind, rows, columns), d.array("output", kind, columns, rows, access="out")
    row, column, shared = d.local("row"), d.local("column"), d.local("shared")
    tx, ty, pad = "threadIdx.x", "threadIdx.y", d.pick(" + 1", " + 1", "")
    store = f"{d.at(b, row, column)} = {d.touched(f'{shared}[{tx}][{ty}]', kind)};"
    body: list[Statement] = [
        f"__shared__ {kind} {shared}[{macro}][{macro}{pad}];",
        f"int {column} = blockIdx.x * {macro} + {tx};",
        f"int {row} = blockIdx.y * {macro} + {ty};",
        Block(f"if ({row} < {rows} && {column} < {columns})", [f"{shared}[{ty}][{tx}] = {d.at(a, row, column)};"]),
        "__syncthreads();",
        f"{column} = blockIdx.y * {macro} + {tx};",
        f"{row} = blockIdx.x * {macro} + {ty};",
        Block(f"if ({row} < {columns} && {column} < {rows})", [store]),
    ]
    grid, block = d.local(d.pick("grid", "blocks")), d.local(d.pick("block", "threads"))
    before = [
        f"dim3 {block}({macro}, {macro});",
        f"dim3 {grid}(({columns} + {macro} - 1) / {macro}, ({rows} + {macro} - 1) / {macro});",
    ]
    launch = Launch("", d.ordered(), body, grid, block, before=before)
    return d.program(d.pick("transpose", "transpose_tiled", "fast_transpose", "transpose_shared"), launch)


def _outer(d: Draw) -> Sketch:
    kind, rows, columns = d.number(), d.size("rows"), d.size("columns")
    x, y = d.array("input", kind, rows), d.array("second", kind, columns)
    a = d.array("output", kind, rows, columns, access=d.pick("out", "inout"))
    dims = d.dims(rows, columns)
    i, j = dims[0].variable, dims[1].variable
    value = d.touched(
        d.expression([d.at(x, i), d.at(y, j)], kind, 1) if d.chance(0.5) else f"{d.at(x, i)} * {d.at(y, j)}", kind
    )
    return d.sketch(
        d.pick("outer_product", "rank1_update", "ger", "outer"),
        Parallel(dims, [f"{d.at(a, i, j)} {'=' if a.access == 'out' else '+='} {value};"]),
    )


def _matrix_map(d: Draw) -> Sketch:
    """Sums, products with row or column factors, diagonals, triangles."""
    kind, rows, columns = d.number(), d.size("rows"), d.size("columns")
    a = d.array("input", kind, rows, columns)
    dims = d.dims(rows, columns)
    i, j = dims[0].variable, dims[1].variable
    operands = [d.at(a, i, j)]
    for chance, shape, index in ((0.4, (rows, columns), (i, j)), (0.3, (rows,), (i,)), (0.3, (columns,), (j,))):
        if d.chance(chance):
            other = d.array(d.pick("second", "third"), kind, *shape)
            operands.append(d.at(other, *index))
    out = d.target(a)
    target, value = d.at(out, i, j), d.touched(d.expression(operands, kind, 1), kind)
    body = d.stored(target, value, kind)
    if d.chance(0.3):
        kept = d.pick(f"{i} == {j}", f"{i} >= {j}", f"{i} < {j}", f"{i} != {j}", f"({i} + {j}) % 2 == 0")
        body = [
            Block(f"if ({kept})", body),
            Block("else", [f"{target} = {d.pick(d.zero(kind), operands[0] + ' + 1', operands[0] + ' * 2')};"]),
        ]
    return d.sketch(
        d.pick("mat_add", "matrix_op", "scale_matrix", "add_bias", "hadamard", "combine_matrices"), Parallel(dims, body)
    )


def _batched(d: Draw) -> Sketch:
    kind, count, size = d.floating(), d.size("batch"), d.pick("2", "3", "4")
    a, x = d.array("input", kind, count, size, size), d.array("second", kind, count, size)
    y = d.array("output", kind, count, size, access="out")
    dims = d.dims(count)
    b, i, k, total = dims[0].variable, d.local("row"), d.local("loop"), d.local("sum")
    product = f"{d.at(a, b, i, k)} * {d.at(x, b, k)}"
    inner: list[Statement] = [
        f"{kind} {total} = {d.zero(kind)};",
        For(k, size, [f"{total} += {product};"]),
        f"{d.at(y, b, i)} = {d.touched(total, kind)};",
    ]
    return d.sketch(
        d.pick("batched_matvec", "transform_points", "small_products", "apply_matrices"),
        Parallel(dims, [For(i, size, inner)]),
    )


def _triangular(d: Draw) -> Sketch:
    """Products with a triangle or a band of a matrix."""
    kind, n = d.floating(), d.size(signed=True)
    a, x = d.array("input", kind, n, n), d.array("second", kind, n)
    y = d.array("output", kind, n, access="out")
    dims = d.dims(n)
    i, k, total = dims[0].variable, d.local("loop"), d.local("sum")
    low, high = d.pick(("0", f"{i} + 1"), (i, n), ("0", i), (f"{i} + 1", n))
    body: list[Statement] = [
        f"{kind} {total} = {d.pick(d.zero(kind), d.at(x, i))};",
        For(k, high, [f"{total} {d.pick('+=', '-=')} {d.at(a, i, k)} * {d.at(x, k)};"], low),
        f"{d.at(y, i)} = {d.touched(total, kind)};",
    ]
    return d.sketch(d.pick("trmv", "triangular_product", "lower_multiply", "upper_multiply"), Parallel(dims, body))


def _csr(d: Draw) -> Sketch:
    kind, rows, columns, entries = (
        d.number(),
        d.size("rows"),
        d.size("columns"),
        d.size(d.pick("nnz", "entries", "nonzeros")),
    )
    start = d.array(d.pick("row_ptr", "row_offsets", "ptr"), "int", f"{rows} + 1", values=f"offsets {entries}")
    column = d.array(d.pick("col_idx", "col_index", "cols_of"), "int", entries, values=f"below {columns}")
    values, x = d.array(d.pick("values", "vals", "data"), kind, entries), d.array("second", kind, columns)
    y = d.array("output", kind, rows, access=d.pick("out", "inout"))
    dims = d.dims(rows)
    i, k, total = dims[0].variable, d.local("loop"), d.local("sum")
    low, high = d.at(start, i), d.at(start, f"{i} + 1")
    term = f"{total} += {d.at(values, k)} * {d.at(x, d.at(column, k))};"
    end = f"{d.at(y, i)} {'=' if y.access == 'out' else '+='} {d.touched(total, kind)};"
    first: list[Statement] = []
    if d.chance(0.4):
        names = d.local("begin"), d.local("end")
        first = [f"int {names[0]} = {low};", f"int {names[1]} = {high};"]
        low, high = names
    loop = For(k, high, [term], low, ordered=True)
    return d.sketch(
        d.pick("spmv_csr", "csr_multiply", "sparse_matvec", "spmv"),
        Parallel(dims, [f"{kind} {total} = {d.zero(kind)};", *first, loop, end]),
    )


def _ell(d: Draw) -> Sketch:
    kind, rows, columns = d.floating(), d.size("rows"), d.size("columns")
    width = d.scalar(d.pick("max_nnz", "row_len", "per_row"), "int", "small")
    index = d.array(d.pick("col_idx", "indices", "ell_cols"), "int", rows, width, values=f"below {columns}")
    values, x = d.array(d.pick("values", "ell_vals"), kind, rows, width), d.array("second", kind, columns)
    y = d.array("output", kind, rows, access="out")
    dims = d.dims(rows)
    i, k, total, c = dims[0].variable, d.local("loop"), d.local("sum"), d.local("c")
    inner: list[Statement] = [
        f"int {c} = {d.at(index, i, k)};",
        Block(f"if ({c} >= 0)", [f"{total} += {d.at(values, i, k)} * {d.at(x, c)};"]),
    ]
    if d.chance(0.4):
        inner = [f"{total} += {d.at(values, i, k)} * {d.at(x, d.at(index, i, k))};"]
    return d.sketch(
        d.pick("spmv_ell", "ell_multiply", "padded_spmv"),
        Parallel(
            dims,
            [f"{kind} {total} = {d.zero(kind)};", For(k, width, inner), f"{d.at(y, i)} = {d.touched(total, kind)};"],
        ),
    )


FAMILIES = (
    pointwise("matvec", "matrix times vector", _matvec),
    Family("matmul", "matrix products, in CUDA also in tiles of shared memory", _matmul, _tiled_matmul),
    Family("transpose", "transposes, in CUDA also through tiles of shared memory", _transpose, _tiled_transpose),
    pointwise("outer", "outer products and rank-one updates", _outer),
    pointwise("matrix_map", "matrices combined with matrices, rows and columns", _matrix_map),
    pointwise("batched", "many small products", _batched),
    pointwise("triangular", "products with triangles of matrices", _triangular),
    pointwise("csr", "sparse products in compressed rows", _csr),
    pointwise("ell", "sparse products with padded rows", _ell),
)
