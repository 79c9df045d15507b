"""Families of simulation: particles, sampling, iterated maps, graphs."""

from __future__ import annotations

from data.synthesis.draw import Draw
from data.synthesis.family import Family, pointwise
from data.synthesis.sketch import Array, Block, DeviceProgram, For, Launch, Parallel, Sketch, Statement
from data.synthesis.threads import line_index


def _axes(d: Draw) -> tuple[str, ...]:
    return d.pick(("x", "y", "z"), ("x", "y", "z"), ("x", "y"))


def _nbody(d: Draw) -> Sketch:
    """Accelerations of all bodies by all others."""
    kind, n, axes = d.floating(), d.size(), _axes(d)
    interleaved = d.chance(0.3)
    if interleaved:
        position = d.array(d.pick("pos", "positions", "p"), kind, n, str(len(axes)))
        force = d.array(d.pick("acc", "forces", "f"), kind, n, str(len(axes)), access="out")
    else:
        positions = [d.array(d.pick("p", "pos_") + axis if d.chance(0.5) else axis, kind, n) for axis in axes]
        forces = [d.array(d.pick("a", "f") + axis, kind, n, access="out") for axis in axes]
    mass = d.array(d.pick("mass", "m", "charge"), kind, n, values="positive") if d.chance(0.7) else None
    soft = (
        d.scalar(d.pick("eps", "softening", "soft"), kind, "positive")
        if d.chance(0.6)
        else d.literal(kind, "1e-3", "0.01", "1e-9")
    )
    dims = d.dims(n)
    i, j = dims[0].variable, d.local("loop")

    def place(index: str, axis: int) -> str:
        return d.at(position, index, str(axis)) if interleaved else d.at(positions[axis], index)

    deltas = [d.local(f"d{axis}") for axis in axes]
    sums = [d.local(d.pick("s", "acc_") + axis) for axis in axes]
    square, inverse = d.local(d.pick("r2", "dist_sq", "d2")), d.local(d.pick("inv", "w", "scale"))
    weight = f"{d.at(mass, j)} * " if mass else ""
    law = d.pick(f"{square} * {d.call('sqrt', kind, square)}", d.call("sqrt", kind, square), square)
    inner: list[Statement] = [f"{kind} {deltas[a]} = {place(j, a)} - {place(i, a)};" for a in range(len(axes))]
    inner.append(f"{kind} {square} = {' + '.join(f'{x} * {x}' for x in deltas)} + {soft};")
    inner.append(f"{kind} {inverse} = {weight}{d.literal(kind, '1.0')} / ({law});")
    inner += [f"{total} += {delta} * {inverse};" for total, delta in zip(sums, deltas, strict=True)]
    if d.chance(0.3):
        inner = [Block(f"if ({i} != {j})", inner)]
    body: list[Statement] = [f"{kind} {total} = {d.zero(kind)};" for total in sums]
    body.append(For(j, n, inner))
    for axis, total in enumerate(sums):
        target = d.at(force, i, str(axis)) if interleaved else d.at(forces[axis], i)
        body.append(f"{target} = {total};")
    return d.sketch(
        d.pick("nbody_forces", "gravity", "compute_forces", "pair_forces", "body_force"), Parallel(dims, body)
    )


def _advance(d: Draw) -> Sketch:
    """Positions and velocities after a step, with walls or without."""
    kind, n, axes = d.floating(), d.size(), _axes(d)
    dt, one = d.scalar("step", kind), d.literal(kind, "1.0")
    form = d.pick("euler", "leapfrog", "damped", "gravity")
    extra = d.scalar(d.pick("drag", "friction", "gamma"), kind) if form == "damped" else ""
    wall = d.scalar(d.pick("box", "wall", "limit"), kind, "positive") if d.chance(0.4) else ""
    body: list[Statement] = []
    dims = d.dims(n)
    i, half = dims[0].variable, d.literal(kind, "0.5")
    for axis in axes:
        p, v = (
            d.array(d.pick("p", "pos_") + axis, kind, n, access="inout"),
            d.array(d.pick("v", "vel_") + axis, kind, n, access="inout"),
        )
        a = d.array(d.pick("a", "acc_", "f") + axis, kind, n) if form != "gravity" else None
        place, speed = d.at(p, i), d.at(v, i)
        change = d.at(a, i) if a else d.literal(kind, "9.81", "-9.8", "0.0")
        if form == "leapfrog":
            body += [f"{speed} += {half} * {dt} * {change};", f"{place} += {dt} * {speed};"]
        elif form == "damped":
            body += [f"{speed} = {speed} * ({one} - {extra} * {dt}) + {change} * {dt};", f"{place} += {speed} * {dt};"]
        else:
            body += d.pick(
                [f"{speed} += {change} * {dt};", f"{place} += {speed} * {dt};"],
                [f"{place} += {speed} * {dt} + {half} * {change} * {dt} * {dt};", f"{speed} += {change} * {dt};"],
            )
        if wall:
            bounced: list[Statement] = d.pick(
                [f"{speed} = -{speed};"], [f"{place} = {wall};", f"{speed} = -{speed};"], [f"{place} -= {wall};"]
            )
            body.append(Block(f"if ({place} > {wall})", bounced))
    return d.sketch(
        d.pick("advance", "integrate_particles", "move_particles", "leapfrog_step", "update_positions"),
        Parallel(dims, body),
    )


def _springs(d: Draw) -> Sketch:
    kind, n = d.floating(), d.size(signed=True)
    x, f = d.array(d.pick("x", "pos", "u"), kind, n), d.array(d.pick("force", "f", "a"), kind, n, access="out")
    k, rest = d.scalar(d.pick("k", "stiffness", "spring"), kind), d.literal(kind, "1.0", "0.5")
    dims = d.dims(n)
    i, total = dims[0].variable, d.local("sum")
    left, right = f"{d.at(x, i)} - {d.at(x, f'{i} - 1')} - {rest}", f"{d.at(x, f'{i} + 1')} - {d.at(x, i)} - {rest}"
    cubic = d.chance(0.3)

    def pull(extension: str) -> str:
        return f"{k} * ({extension}) * (1 + ({extension}) * ({extension}))" if cubic else f"{k} * ({extension})"

    body: list[Statement] = [
        f"{kind} {total} = {d.zero(kind)};",
        Block(f"if ({i} > 0)", [f"{total} -= {pull(left)};"]),
        Block(f"if ({i} < {n} - 1)", [f"{total} += {pull(right)};"]),
    ]
    return d.sketch(
        d.pick("spring_forces", "chain_forces", "lattice_forces"),
        Parallel(dims, [*body, f"{d.at(f, i)} = {d.touched(total, kind)};"]),
    )


def _next_random(d: Draw, state: str) -> list[Statement]:
    """A step of a small generator."""
    return d.pick(
        [f"{state} = {state} * 1664525u + 1013904223u;"],
        [f"{state} = {state} * 1103515245u + 12345u;"],
        [f"{state} ^= {state} << 13;", f"{state} ^= {state} >> 17;", f"{state} ^= {state} << 5;"],
    )


def _inside(d: Draw, state: str, hits: str, kind: str) -> list[Statement]:
    """Two random numbers, and whether their point lies where the author asks."""
    x, y, scale = d.local("px"), d.local("py"), d.pick("16777216", "65536", "1000")
    bits = {"16777216": f"({state} >> 8)", "65536": f"({state} >> 16)", "1000": f"{state} % 1000u"}[scale]
    draw = _next_random(d, state)
    number = f"{bits} / {d.literal(kind, scale)}" if scale != "1000" else f"({bits}) / {d.literal(kind, scale)}"
    condition = d.pick(
        f"{x} * {x} + {y} * {y} <= {d.literal(kind, '1.0')}",
        f"{x} * {x} + {y} * {y} < {d.literal(kind, '1.0')}",
        f"{y} < {x} * {x}",
        f"{y} < {d.call('exp', kind, f'-{x} * {x}')}",
        f"{x} + {y} < {d.literal(kind, '1.0')}",
    )
    return [
        *draw,
        f"{kind} {x} = {number};",
        *draw,
        f"{kind} {y} = {number};",
        Block(f"if ({condition})", [f"{hits}++;"]),
    ]


def _monte_carlo(d: Draw) -> Sketch:
    """Hits of random points, for each of several generators."""
    kind, n, samples = (
        d.floating(),
        d.size(d.pick("size", "num_streams", "walkers")),
        d.size(d.pick("samples", "trials", "points")),
    )
    seed = d.scalar("seed", "unsigned int")
    out = d.array(d.pick("hits", "estimate", "counts_out"), d.pick("int", kind), n, access="out")
    dims = d.dims(n)
    i, k, state, hits = (
        dims[0].variable,
        d.local("loop"),
        d.local(d.pick("s", "state_i", "rng_state")),
        d.local("inside"),
    )
    start = f"unsigned int {state} = {seed} + {d.pick('747796405u', '9781u', '1u', '2654435761u')} * ({i} + 1);"
    value = hits if out.type == "int" else f"{d.literal(kind, '4.0', '1.0')} * {hits} / {samples}"
    loop = For(k, samples, _inside(d, state, hits, kind), ordered=True)
    return d.sketch(
        d.pick("monte_carlo", "estimate_pi", "count_hits", "sample_area"),
        Parallel(dims, [start, f"int {hits} = 0;", loop, f"{d.at(out, i)} = {value};"]),
    )


def _monte_carlo_total(d: Draw) -> Sketch:
    kind, samples = d.floating(), d.size(d.pick("samples", "trials", "size"))
    seed = d.scalar("seed", "unsigned int")
    k, state, hits = d.local("loop"), d.local(d.pick("s", "rng_state")), d.local("inside")
    result = d.pick(f"{d.literal(kind, '4.0')} * {hits} / {samples}", f"({kind}){hits} / {samples}")
    return d.sketch(
        d.pick("monte_carlo_pi", "estimate_pi", "hit_ratio"),
        f"unsigned int {state} = {seed};",
        f"int {hits} = 0;",
        For(k, samples, _inside(d, state, hits, kind), ordered=True),
        f"return {result};",
        returns=kind,
    )


def _monte_carlo_device(d: Draw) -> DeviceProgram:
    """One generator for each thread; hits are added up by atomics."""
    kind, samples, size = d.floating(), d.size(d.pick("samples", "trials", "size")), d.block_size
    seed = d.scalar("seed", "unsigned int")
    parameters = d.ordered()
    total = Array(d.local(d.pick("hits", "total_hits", "counter")), "int", ("1",), "inout")
    i, state, hits, k = d.local("index"), d.local(d.pick("s", "rng_state")), d.local("inside"), d.local("loop")
    rounds = d.pick("1", "4", "10", "16")
    body: list[Statement] = [
        f"int {i} = {line_index(d)};",
        f"if ({i} >= {samples}) return;",
        f"unsigned int {state} = {seed} + {d.pick('747796405u', '9781u', '2654435761u')} * ({i} + 1);",
        f"int {hits} = 0;",
        For(k, rounds, _inside(d, state, hits, kind), ordered=True),
        d.pick(f"atomicAdd({total.name}, {hits});", f"if ({hits} > 0) atomicAdd({total.name}, {hits});"),
    ]
    result = f"return {d.literal(kind, '4.0')} * {total.name}_host / ({samples} * {rounds});"
    finish = [f"int {total.name}_host = {total.name}[0];", result]
    launch = Launch("", (*parameters, total), body, f"({samples} + {size - 1}) / {size}", str(size))
    return d.program(
        d.pick("monte_carlo_pi", "estimate_pi", "hit_ratio"), launch, temporaries=[total], finish=finish, returns=kind
    )


def _random_fill(d: Draw) -> Sketch:
    kind, n = d.floating(), d.size()
    seed = d.scalar("seed", "unsigned int")
    low, high = d.scalar(d.pick("lo", "low"), kind), d.scalar(d.pick("hi", "high"), kind)
    out = d.array("output", kind, n, access="out")
    dims = d.dims(n)
    i, state = dims[0].variable, d.local(d.pick("s", "h", "bits"))
    start = f"unsigned int {state} = {seed} {d.pick('+', '^')} ({i} * {d.pick('747796405u', '2654435761u', '9781u')});"
    unit = d.pick(
        f"({state} >> 8) / {d.literal(kind, '16777216')}", f"({state} & 0xffffu) / {d.literal(kind, '65536')}"
    )
    steps = [line for _ in range(d.pick(1, 2)) for line in _next_random(d, state)]
    return d.sketch(
        d.pick("random_fill", "uniform_noise", "init_random", "fill_random"),
        Parallel(dims, [start, *steps, f"{d.at(out, i)} = {low} + ({high} - {low}) * ({unit});"]),
    )


def _fractal(d: Draw) -> Sketch:
    """Escape times of an iterated map over an image."""
    kind, rows, columns = d.floating(), d.size("rows"), d.size("columns")
    most = d.scalar(d.pick("max_iter", "limit", "iterations"), "int", "size")
    scale = d.scalar(d.pick("zoom", "pixel_size", "scale"), kind)
    out = d.array(
        d.pick("iters", "image", "counts_out"), d.pick("int", "unsigned char", "int"), rows, columns, access="out"
    )
    dims = d.dims(rows, columns)
    i, j = dims[0].variable, dims[1].variable
    cx, cy, zx, zy, t, k = (
        d.local(word)
        for word in (d.pick("cx", "cr"), d.pick("cy", "ci"), d.pick("zx", "zr"), d.pick("zy", "zi"), "t", "k")
    )
    julia, centre = d.chance(0.3), d.literal(kind, "0.5", "2.0", "1.5")
    px, py = f"{j} * {scale} - {centre}", f"{i} * {scale} - {d.literal(kind, '1.0')}"
    constants = (
        (d.literal(kind, "-0.7", "-0.4", "0.285"), d.literal(kind, "0.27015", "0.6", "0.01")) if julia else (px, py)
    )
    starts = (px, py) if julia else (d.zero(kind), d.zero(kind))
    start: list[Statement] = [
        f"{kind} {cx} = {constants[0]};",
        f"{kind} {cy} = {constants[1]};",
        f"{kind} {zx} = {starts[0]};",
        f"{kind} {zy} = {starts[1]};",
        f"int {k} = 0;",
    ]
    step = [
        f"{kind} {t} = {zx} * {zx} - {zy} * {zy} + {cx};",
        f"{zy} = {d.literal(kind, '2.0')} * {zx} * {zy} + {cy};",
        f"{zx} = {t};",
        f"{k}++;",
    ]
    loop = Block(
        f"while ({k} < {most} && {zx} * {zx} + {zy} * {zy} {d.pick('<', '<=')} {d.literal(kind, '4.0')})", step
    )
    return d.sketch(
        d.pick("mandelbrot", "escape_time", "fractal", "julia_set"),
        Parallel(dims, [*start, loop, f"{d.at(out, i, j)} = {d.pick(k, f'{k} % 256', f'{most} - {k}')};"]),
    )


def _integers(d: Draw) -> Sketch:
    """Loops over integers for each element: divisors, Collatz lengths, primes, digits."""
    n, kind = d.size(), d.pick("int", "unsigned int")
    x = d.array(d.pick("numbers", "values", "in"), "unsigned char" if d.chance(0.2) else kind, n, values="positive")
    out = d.array("output", "int", n, access="out")
    dims = d.dims(n)
    i, v, c, k = dims[0].variable, d.local("local"), d.local("sum"), d.local("loop")
    start: list[Statement] = [f"{kind} {v} = {d.at(x, i)};", f"int {c} = 0;"]
    form = d.pick("collatz", "divisors", "digits", "is_prime", "isqrt", "power_mod")
    bound = d.pick("100", "1000", "64")
    works: dict[str, list[Statement]] = {
        "collatz": [
            Block(f"while ({v} > 1 && {c} < {bound})", [f"{v} = {v} % 2 == 0 ? {v} / 2 : 3 * {v} + 1;", f"{c}++;"])
        ],
        "divisors": [For(k, bound, [Block(f"if ({v} % {k} == 0)", [d.pick(f"{c}++;", f"{c} += {k};")])], "1")],
        "digits": [
            Block(
                f"while ({v} > 0)",
                [
                    d.pick(f"{c} += {v} % 10;", f"{c}++;", f"{c} = {c} + ({v} & 1);"),
                    f"{v} /= {d.pick('10', '2', '16')};",
                ],
            )
        ],
        "is_prime": [
            f"{c} = {v} > 1;",
            Block(
                f"for (int {k} = 2; {k} * {k} <= (int){v}; {k}++)",
                [Block(f"if ({v} % {k} == 0)", [f"{c} = 0;", "break;"])],
            ),
        ],
        "isqrt": [Block(f"while (({c} + 1) * ({c} + 1) <= (int){v} && {c} < {bound})", [f"{c}++;"])],
        "power_mod": [
            f"{c} = 1;",
            For(
                k,
                d.pick("5", "8", "12"),
                [f"{c} = {c} * (int)({v} % {d.pick('97', '31', '101')}) % {d.pick('97', '31', '101')};"],
            ),
        ],
    }
    return d.sketch(
        d.pick(f"{form}_array", f"count_{form}", form),
        Parallel(dims, [*start, *works[form], f"{d.at(out, i)} = {d.pick(c, c, f'{c} + 1', f'{c} * 2')};"]),
    )


def _shortest_paths(d: Draw) -> Sketch:
    """Relaxations of all pairs through one vertex, or of all vertices by all others."""
    kind, n = d.pick("int", "float", "double"), d.size()
    before = d.array(d.pick("dist", "D_old", "cost"), kind, n, n)
    after = d.array(d.pick("dist_out", "next", "D_new"), kind, n, n, access="out")
    through = d.scalar(d.pick("k", "via", "pivot"), "int", f"below {n}")
    dims = d.dims(n, n)
    i, j, candidate = dims[0].variable, dims[1].variable, d.local(d.pick("candidate", "via_k", "alt"))
    now, target = d.at(before, i, j), d.at(after, i, j)
    combined = d.pick(
        f"{d.at(before, i, through)} + {d.at(before, through, j)}",
        f"{d.at(before, i, through)} + {d.at(before, through, j)} + {d.literal(kind, '1')}",
    )
    op = d.pick("<", "<", ">")
    body: list[Statement] = d.pick(
        [f"{kind} {candidate} = {combined};", f"{target} = {candidate} {op} {now} ? {candidate} : {now};"],
        [
            f"{kind} {candidate} = {combined};",
            Block(f"if ({candidate} {op} {now})", [f"{target} = {candidate};"]),
            Block("else", [f"{target} = {now};"]),
        ],
        [f"{target} = {now};", Block(f"if ({combined} {op} {now})", [f"{target} = {combined};"])],
    )
    return d.sketch(
        d.pick("floyd_warshall_step", "relax_paths", "shortest_paths_step", "path_update"), Parallel(dims, body)
    )


def _degrees(d: Draw) -> Sketch:
    """What each vertex of a graph in compressed rows gathers from its neighbours."""
    kind, n, m = (
        d.pick("int", "float", "double"),
        d.size(d.pick("num_vertices", "n_nodes", "size")),
        d.size(d.pick("num_edges", "edges_n")),
    )
    start = d.array(d.pick("offsets", "row_start", "adj_ptr"), "int", f"{n} + 1", values=f"offsets {m}")
    neighbours = d.array(d.pick("neighbors", "edges", "adj"), "int", m, values=f"below {n}")
    rank = d.array(d.pick("rank", "level", "labels"), kind, n)
    out = d.array(d.pick("new_rank", "next", "result"), kind, n, access="out")
    dims = d.dims(n)
    i, e, total = dims[0].variable, d.local(d.pick("e", "edge")), d.local("sum")
    value = d.at(rank, d.at(neighbours, e))
    smallest = d.chance(0.4)
    work: list[Statement] = (
        [Block(f"if ({value} {d.pick('<', '>')} {total})", [f"{total} = {value};"])]
        if smallest
        else [f"{total} += {d.touched(value, kind)};"]
    )
    loop = For(e, d.at(start, f"{i} + 1"), work, d.at(start, i), ordered=True)
    first = d.at(rank, i) if smallest else d.zero(kind)
    return d.sketch(
        d.pick("propagate", "pagerank_step", "gather_neighbors", "vertex_update"),
        Parallel(dims, [f"{kind} {total} = {first};", loop, f"{d.at(out, i)} = {d.touched(total, kind)};"]),
    )


FAMILIES = (
    pointwise("nbody", "forces between all pairs of bodies", _nbody),
    pointwise("advance", "particles moved by a time step", _advance),
    pointwise("springs", "forces along a chain of springs", _springs),
    pointwise("monte_carlo", "hits of random points for several generators", _monte_carlo),
    Family(
        "monte_carlo_total", "estimates by random points, in CUDA with atomics", _monte_carlo_total, _monte_carlo_device
    ),
    pointwise("random_fill", "pseudo-random numbers by index", _random_fill),
    pointwise("fractal", "escape times of iterated maps", _fractal),
    pointwise("integers", "loops over integers for each element", _integers),
    pointwise("shortest_paths", "relaxations of path lengths", _shortest_paths),
    pointwise("neighbours", "vertices that gather from their neighbours", _degrees),
)
