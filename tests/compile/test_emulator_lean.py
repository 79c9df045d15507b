"""Texts that use nothing of the C++ library are compiled without it: their overloads must be those of <cmath>."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from c_side import CSide, make_test
from cuda_side import CudaSide

from compile.emulator.build import library_of
from compile.runner import run_tests
from data.source_file import SourceFile

ONE = re.findall(
    r"\w+",
    "acos acosh asin asinh atan atanh cbrt ceil cos cosh erf erfc exp exp2 expm1 fabs floor lgamma log "
    "log10 log1p log2 logb nearbyint rint round sin sinh sqrt tan tanh tgamma trunc ilogb lrint llrint "
    "lround llround isfinite isinf isnan isnormal signbit abs ",
)
TWO = ["atan2", "copysign", "fdim", "fmax", "fmin", "fmod", "hypot", "nextafter", "pow", "remainder"]
KINDS = ("float", "double", "int", "long", "unsigned char", "long long")
ARGUMENTS = {"float": "0.7f", "double": "0.7", "int": "3", "long": "3L", "unsigned char": "(unsigned char)3"}
ARGUMENTS["long long"] = "3LL"


def expressions() -> list[str]:
    one = [f"{name}({ARGUMENTS[kind]})" for name in ONE for kind in KINDS if not (name == "abs" and "char" in kind)]
    two = [f"{name}({ARGUMENTS[a]}, {ARGUMENTS[b]})" for name in TWO for a in KINDS for b in KINDS]
    more = ["fma(0.5f, 2.0f, 1.0f)", "fma(0.5f, 2.0, 1)", "ldexp(0.5f, 3)", "ldexp(3, 2)", "scalbn(0.5f, 3)"]
    return [*one, *two, *more]


def kernel(includes: str) -> str:
    """Writes, for each expression, its value as double and the size of its type."""
    lines = "\n".join(f"    out[{2 * i}] = {e}; out[{2 * i + 1}] = sizeof({e});" for i, e in enumerate(expressions()))
    return f"""{includes}
__global__ void kernel(double *out)
{{
{lines}
}}
void f(double *out, int n)
{{
    double *d;
    cudaMalloc(&d, n * sizeof(double));
    kernel<<<1, 1>>>(d);
    cudaMemcpy(out, d, n * sizeof(double), cudaMemcpyDeviceToHost);
    cudaFree(d);
}}
"""


def test_the_overloads_are_those_of_the_library(cuda_side: CudaSide) -> None:
    results = []
    for includes in ("", "#include <cmath>"):
        text = kernel(includes)
        assert library_of(text, None) == ("usual" if includes else "lean")
        count = 2 * len(expressions())
        (run,) = cuda_side.run(text, "void f(double *out, int n)", np.zeros(count), count, schedules=["forward"])
        assert run.outcome.ok, run.outcome.message
        results.append(np.asarray(run.arguments[0]))
    lean, full = results
    # One of the two may be folded by the compiler, which rounds correctly where the library is off by a bit.
    near = np.isclose(lean[::2], full[::2], rtol=4e-16, atol=0, equal_nan=True)
    wrong = [e for i, e in enumerate(expressions()) if not near[i] or lean[2 * i + 1] != full[2 * i + 1]]
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "library"),
    [
        ("__global__ void k() {}", "lean"),
        ("#include <cuda_runtime.h>\n#include <stdio.h>\n", "lean"),
        ("#include <math.h>\n", "usual"),
        ("#  include <vector>\n", "usual"),
        ('#include "mine.h"\n', "usual"),
        ("void f() { std::max(1, 2); }", "usual"),
        ("using namespace std;", "usual"),
        ("double f() { return std::riemann_zeta(2.0); }", "all"),
        ("#include <cmath>\nfloat f(float x) { return std::betaf(x, x); }", "all"),
    ],
)
def test_a_text_that_may_use_the_library_gets_it(text: str, library: str) -> None:
    assert library_of(text, None) == library


def test_flags_of_a_build_may_bring_in_the_library() -> None:
    source = SourceFile(Path("a.cpp"), "", "c++", flags=("-include", "vector"))
    assert library_of("", source) == "usual"


def test_special_functions_are_there_for_who_names_them(c_side: CSide, cuda_side: CudaSide) -> None:
    text = "#include <cmath>\ndouble f(double x) { return std::riemann_zeta(x); }"
    build, function = c_side.build(text.partition("\n")[2], "f", "plain", language="c++")
    (run,) = run_tests(build, [make_test(function, 2.0)], function)
    assert run.returned == pytest.approx(np.pi**2 / 6)
    (run,) = cuda_side.run(text, "double f(double x)", 2.0, schedules=["forward"])
    assert run.returned == pytest.approx(np.pi**2 / 6)
