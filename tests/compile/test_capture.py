"""Snippets that only the compiler understands."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from compile.capture import capture_call
from compile.sandbox import Sandbox
from data.snippets import Array, Call, NotConstant, Value, evaluate


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return Sandbox(tmp_path)


def test_vectors_loops_and_library_calls_are_captured(sandbox: Sandbox) -> None:
    call = capture_call(
        "std::vector<float> v(3, 2.0f); int k[3]; k[1] = std::max(3, 4); for (int i = 0; i < 3; i++) v[i] *= i;\n"
        "bool flag = true; wrapper(f, v, k, v.size(), nullptr, flag);",
        sandbox,
    )
    v, k, size, null, flag = call.arguments
    assert call.callee == "f"
    assert isinstance(v, Array) and v.values.dtype == np.float32 and v.values.tolist() == [0, 2, 4]
    assert isinstance(k, Array) and k.unset.tolist() == [True, False, True] and k.values[1] == 4
    assert (size, null, flag) == (np.uint64(3), None, np.bool_(True))


@pytest.mark.parametrize(
    ("snippet", "reason"),
    [
        ("wrapper(f, 1)", "does not compile"),
        ("int *p = new int[3]; wrapper(f, p);", "does not compile"),
        ("exit(0); wrapper(f, 1);", "cannot be read"),
        ("wrapper(f, 1); wrapper(f, 2);", "more than once"),
        ("for (;;); wrapper(f, 1);", "does not end well"),
        ("int a = 1;", "0 times"),
    ],
)
def test_what_cannot_be_captured_is_said(sandbox: Sandbox, snippet: str, reason: str) -> None:
    with pytest.raises(NotConstant, match=reason):
        capture_call(snippet, sandbox)


def same_value(a: Value, b: Value) -> bool:
    if isinstance(a, Array) and isinstance(b, Array):
        kept = ~a.unset
        equal = np.array_equal(a.values[kept], b.values[kept], equal_nan=a.values.dtype.kind == "f")
        return a.values.dtype == b.values.dtype and a.unset.tolist() == b.unset.tolist() and equal
    if isinstance(a, np.generic) and isinstance(b, np.generic):
        return bool(a.dtype == b.dtype and a == b)
    return a is None and b is None


def same(left: Call, right: Call) -> bool:
    """Whether two calls pass the same, where anybody has set it."""
    values = zip(left.arguments, right.arguments, strict=True)
    return left.callee == right.callee and all(same_value(a, b) for a, b in values)


@pytest.mark.parametrize("index", [2, 40, 66, 121])
def test_the_evaluator_and_the_compiler_agree(sandbox: Sandbox, shared_data: Path, index: int) -> None:
    lines = (shared_data / "babeltower" / "unit_tests.dev.jsonl").read_text().splitlines()
    snippet = json.loads(lines[index])["consistent_cpp_inputs"][0]
    assert same(evaluate(snippet), capture_call(snippet, sandbox))
