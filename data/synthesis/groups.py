"""Groups of families that are drawn together, by a name of their own."""

from __future__ import annotations

from collections.abc import Mapping

# Families whose C function and kernel have some 70 to 120 lexical tokens each (docs/learning.md): what a model of a few
# million weights can learn to translate on two CPU cores.
_SHORT = (
    *("activation", "activation_gradient", "axpy", "binarize", "bits", "brightness", "bytes", "complex", "convert"),
    *("convolution_1d", "elementwise", "embedding", "fill", "flip", "gather", "heat", "histogram", "integers"),
    *("interpolate", "loss", "masked", "matvec", "neighbours", "optimizer", "outer", "polynomial", "random_fill"),
    *("resample", "row_scan", "rows", "scatter", "search", "shift", "sort_step", "stencil_1d", "threshold"),
    *("transpose", "triangular", "wave", "window"),
)

GROUPS: Mapping[str, tuple[str, ...]] = {
    "short": _SHORT,
    "short-seed": _SHORT[::3],
    "short-new": tuple(family for number, family in enumerate(_SHORT) if number % 3),
}
"""`short-seed` is a third of `short`: what a loop's seed pairs come from, so that `short-new` is new to
them."""
