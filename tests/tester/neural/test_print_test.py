"""A test printed as C statements gives exactly its values when the statements are read and materialized."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from neural_tester_parts import function_of, source_of

from compile.sandbox import Sandbox
from data.function import Function
from data.testcase import TestCase
from tester.neural.loops import without_loops
from tester.neural.materialize import Request, materialize
from tester.neural.read_answer import read_answer
from tester.neural.snippet import Snippet, print_test

TYPES = {
    "bool": np.bool_,
    "char": np.int8,
    "unsigned char": np.uint8,
    "short": np.int16,
    "unsigned short": np.uint16,
    "int": np.int32,
    "unsigned int": np.uint32,
    "long": np.int64,
    "unsigned long long": np.uint64,
    "float": np.float32,
    "double": np.float64,
}
FUNCTIONS = {name: function_of(f"void f({name} *x, {name} a) {{ x[0] = a; }}", "c++") for name in TYPES}
STRUCT = """
#define SIDE 2
typedef struct { char tag; float at[SIDE]; double weight; } particle;
typedef enum { SLOW, FAST } mode;
void move(particle *all, particle step, int n, mode how, double grid[][3]) { all[0].weight = step.weight; }
"""


def read(text: str, function: Function) -> Snippet:
    (snippet,) = read_answer(text, function)
    assert isinstance(snippet, Snippet), snippet
    return snippet


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return Sandbox(tmp_path.resolve())


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, TestCase]:
    """A type, and a call with values of it: NaN only the one that C can spell."""
    name = draw(st.sampled_from(sorted(TYPES)))
    dtype = np.dtype(TYPES[name])
    width = 8 * dtype.itemsize
    elements = st.floats(width=width, allow_nan=False) if dtype.kind == "f" else hnp.from_dtype(dtype)
    if dtype.kind == "f":
        elements = st.one_of(elements, st.just(float("nan")))
    values = draw(hnp.arrays(dtype, st.integers(0, 12), elements=elements))
    scalar = draw(hnp.arrays(dtype, 1, elements=elements))[0]
    return name, TestCase((values, scalar), "model")


@settings(max_examples=300, deadline=None)
@given(calls())
def test_every_value_of_every_type_comes_back_bit_for_bit(call: tuple[str, TestCase]) -> None:
    name, test = call
    function = FUNCTIONS[name]
    text = print_test(test, function, most_characters=10_000)
    assert text is not None
    (back,) = materialize([Request(read(text, function), function)], NO_SANDBOX)
    assert isinstance(back, TestCase), (text, back)
    assert back.id == test.id, text


# Constant statements need no compiler, and so no sandbox.
NO_SANDBOX = Sandbox(Path("/nowhere"), unsafe=True)


def test_structs_rows_enumerations_and_long_arrays_come_back(sandbox: Sandbox) -> None:
    function, source = function_of(STRUCT), source_of(STRUCT)
    particle = function.parameters[0].dtype
    tests = []
    for count in (0, 1, 3):
        all_, step = np.zeros(count, particle), np.zeros(1, particle)
        all_["tag"], all_["at"], all_["weight"] = -3, [0.1, -2], np.arange(count) / 3
        step["weight"] = np.inf
        grid = np.arange(6 * count, dtype=np.float64)
        tests.append(TestCase((all_, step[0], np.int32(count), np.int32(1), grid), "model"))
    scale = function_of("void scale(float *x, int *row, long *y, int n) { x[0] = row[0] + y[0]; }")
    period = np.resize(np.array([0.1, -2, 7], np.float32), 300)
    steps = np.arange(300, dtype=np.int32) * -3 + 5
    long = TestCase((period, steps, np.zeros(300, np.int64), np.int32(300)), "model")
    requests = [Request(read(print_test(t, function) or "", function), function, source) for t in tests]
    text = print_test(long, scale)
    assert text is not None and text.count("for (") == 2 and len(text) < 300
    requests.append(Request(read(text, scale), scale))
    back = materialize(requests, sandbox)
    assert [test.id if isinstance(test, TestCase) else test for test in back] == [test.id for test in (*tests, long)]


@pytest.mark.parametrize("step", [0, 3, -2])
@pytest.mark.parametrize("kind", ["int", "float", "unsigned char", "short"])
def test_loops_in_which_arrays_are_printed_need_no_compiler(kind: str, step: int, sandbox: Sandbox) -> None:
    function = FUNCTIONS[kind]
    dtype = np.dtype(TYPES[kind])
    values = np.resize(np.array([5, 1, 7]), 300) if step == 0 or kind == "float" else 200 + step * np.arange(18)
    test = TestCase((values.astype(dtype), dtype.type(1)), "model")
    text = print_test(test, function)
    assert text is not None and len(text) < 120
    snippet = read(text, function)
    compiled = read(text.replace("for (int i", "for (long i"), function)  # which only a compiler evaluates
    again, other = materialize([Request(snippet, function), Request(compiled, function)], sandbox)
    assert isinstance(again, TestCase) and isinstance(other, TestCase)
    assert again.id == other.id == test.id


@pytest.mark.parametrize(
    "statements",
    [
        "float x[9] = {1, 2};\nfor (int i = 3; i < 9; i++) x[i] = x[i - 2];",
        "float x[9] = {1, 2};\nfor (int i = 2; i < 8; i++) x[i] = x[i - 2];",
        "float x[9] = {1};\nfor (int i = 1; i < 9; i++) x[i] = x[i - 1] + 1;",
        "float x[9] = {1, 2};\nfor (int i = 2; i < 9; i++) x[i] = x[i - 3];",
        "float x[9] = {1, 2};\nfor (int i = 2; i < 9; i++) x[i] = y[i - 2];",
    ],
)
def test_other_loops_stay_as_they_are(statements: str) -> None:
    assert without_loops(statements) == statements


def test_the_text_is_what_a_person_writes() -> None:
    function = function_of("void scale(float *x, float *y, const int *at, int n, float a) { y[at[0]] = a * x[n]; }")
    x = np.array([1, 2.5, -0.1], np.float32)
    test = TestCase((x, np.zeros(3, np.float32), None, np.int32(3), np.float32(2)), "model")
    assert print_test(test, function) == "float x[] = {1, 2.5, -0.1};\nfloat y[3] = {0};\nscale(x, y, NULL, 3, 2.0f);"
    unset = (None, np.ones(3, bool), None, None, None)
    assert "float y[3];\n" in (print_test(TestCase(test.arguments, "model", unset), function) or "")


def test_what_cannot_be_spelled_or_is_too_long_has_no_text() -> None:
    function = FUNCTIONS["float"]
    payload = np.array([0x7FC00001], np.uint32).view(np.float32)
    assert print_test(TestCase((payload, np.float32(0)), "model"), function) is None
    partly = TestCase((np.zeros(2, np.float32), np.float32(0)), "model", (np.array([True, False]), None))
    assert print_test(partly, function) is None
    varied = np.random.default_rng(0).uniform(size=200).astype(np.float32)
    assert print_test(TestCase((varied, np.float32(0)), "model"), function) is None
    assert print_test(TestCase((varied, np.float32(0)), "model"), function, most_characters=10_000) is not None
