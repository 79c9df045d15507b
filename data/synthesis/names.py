"""`Names`: identifiers as people choose them, each once per function."""

from __future__ import annotations

import random
from collections.abc import Mapping

POOLS: Mapping[str, tuple[str, ...]] = {
    "input": ("a", "x", "in", "src", "input", "data", "A", "vec", "values", "u", "arr", "samples", "source", "X"),
    "second": ("b", "y", "w", "other", "B", "weights", "v", "rhs", "in2", "second", "Y", "g"),
    "third": ("c", "z", "t", "bias", "third", "q", "extra"),
    "output": ("out", "dst", "result", "output", "C", "res", "dest", "y", "z", "target", "r", "ret"),
    "size": ("n", "n", "N", "size", "len", "length", "count", "num", "num_elements", "total", "n_elems", "elements"),
    "rows": ("rows", "height", "M", "ny", "h", "num_rows", "m", "nrows", "H"),
    "columns": ("cols", "width", "N", "nx", "w", "num_cols", "n", "ncols", "W"),
    "depth": ("depth", "nz", "channels", "K", "planes", "slices", "d"),
    "batch": ("batch", "num_batches", "B", "batch_size", "nb"),
    "inner": ("K", "k", "inner", "common", "p", "depth", "L"),
    "index": ("i", "i", "i", "idx", "j", "index", "pos", "tid", "id", "e"),
    "row": ("i", "row", "y", "r", "iy", "j", "ty"),
    "column": ("j", "col", "x", "c", "ix", "i", "tx"),
    "plane": ("k", "z", "plane", "iz", "s", "ch"),
    "loop": ("k", "j", "l", "t", "kk", "m", "s", "f"),
    "loop2": ("l", "q", "jj", "kx", "v", "o"),
    "sum": ("sum", "acc", "total", "s", "tmp", "accum", "result", "value"),
    "best": ("best", "max_val", "m", "extreme", "peak", "current", "bound"),
    "factor": ("alpha", "scale", "factor", "a", "coef", "gain", "weight", "s"),
    "offset": ("beta", "offset", "shift", "bias", "b", "delta", "base"),
    "limit": ("threshold", "limit", "eps", "cutoff", "level", "thr", "tau"),
    "local": ("val", "v", "t", "tmp", "cur", "elem", "xi", "temp", "value"),
    "local2": ("w", "u", "other_val", "tmp2", "prev", "q", "nb"),
    "mask": ("mask", "flags", "active", "keep", "valid", "selected"),
    "indices": ("idx", "indices", "map", "perm", "index", "lookup", "ids"),
    "counts": ("hist", "bins", "histogram", "counts", "freq", "buckets"),
    "step": ("dt", "h", "step", "time_step", "delta_t"),
    "stride": ("stride", "incx", "step", "inc", "ld"),
    "table": ("table", "lut", "coeffs", "coef", "filter", "kernel", "taps", "mask"),
    "taps": ("taps", "ksize", "kernel_size", "filter_len", "K", "num_taps"),
    "shared": ("cache", "sdata", "tile", "smem", "buffer", "shared", "s_data"),
    "partial": ("partial", "block_sums", "partials", "block_results", "odata"),
    "lane": ("tid", "lane", "t", "local_id", "lid"),
    "seed": ("seed", "state", "rng", "base_seed"),
    "flat": ("idx", "flat", "linear", "gid", "id", "e"),
}
_TAKEN = frozenset({"max", "min", "abs", "main"})


class Names:
    """Names of one function: from a pool, in the author's spelling, none twice."""

    def __init__(self, rng: random.Random, camel: bool) -> None:
        self._rng, self._camel = rng, camel
        self.used: set[str] = set(_TAKEN)

    def fresh(self, pool: str) -> str:
        """A name of the pool, or the pool's own word where it names none; numbered once all are used."""
        words = POOLS.get(pool, (pool,))
        start = self._rng.randrange(len(words))
        for offset in range(len(words)):
            name = self.spelled(words[(start + offset) % len(words)])
            if name not in self.used:
                self.used.add(name)
                return name
        return self.reserved(name)

    def reserved(self, name: str) -> str:
        """The name itself where it is free, else numbered."""
        number, free = 2, name
        while free in self.used:
            free, number = f"{name}{number}", number + 1
        self.used.add(free)
        return free

    def spelled(self, words: str) -> str:
        """`num_rows`, or `numRows`."""
        if not self._camel or "_" not in words:
            return words
        first, *others = words.split("_")
        return first + "".join(word[:1].upper() + word[1:] for word in others)
