"""Who is to blame where the whole file does not compile or does not behave; which functions are helpers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from data.function import Function, Span
from musl.errors import UsageError
from musl.selection import find_helpers, select
from musl.verdict import Verdict, VerdictStatus
from musl.whole_file import find_culprits
from musl.work import Checked, FunctionWork
from translator.protocol import Diagnostic, Provenance, Refusal, Translation


def translation(kernels: str = "") -> Translation:
    return Translation("id", "cuda", kernels, "", "", (), (), (), Provenance("analytic"))


def chosen(*names: str) -> dict[str, Translation]:
    return {name: translation() for name in names}


def test_nothing_is_blamed_where_all_is_well() -> None:
    assert find_culprits(lambda given: "", chosen("a", "b")) == {}


def test_the_one_that_fails_alone_is_blamed() -> None:
    assert find_culprits(lambda given: "no" if "b" in given else "", chosen("a", "b", "c")) == {"b": "no"}


def test_a_combination_that_fails_is_blamed_as_a_whole() -> None:
    def check(given: Mapping[str, Translation]) -> str:
        return "both define helper" if {"a", "b"} <= given.keys() else ""

    assert find_culprits(check, chosen("a", "b")) == {"a": "both define helper", "b": "both define helper"}


def work(name: str, checked: Checked | None = None, refusal: Refusal | None = None) -> FunctionWork:
    function = Function(name, "c", f"void {name}() {{}}", (), None, Path("a.c"), Span(1, 1, 1, 0, 1))
    return FunctionWork(function, checked=checked, refusal=refusal)


def verified(kernels: str) -> Checked:
    return Checked(translation(kernels), Verdict(VerdictStatus.EQUIVALENT, 5, 5, ("forward",)))


def test_a_refused_function_that_runs_inside_a_verified_kernel_is_a_helper() -> None:
    refusal = Refusal("id", (Diagnostic("MUSL107", "no loop", Path("a.c"), 1, 1),))
    works = {
        "kernel": work("kernel", verified("static __device__ float square_device(float x) { return x * x; }\n")),
        "square": work("square", refusal=refusal),
        "unused": work("unused", refusal=refusal),
    }
    assert [(helper.name, helper.inside) for helper in find_helpers(works)] == [("square", ["kernel"])]


def test_main_stays_on_the_host_unless_it_is_asked_for() -> None:
    assert select(["f", "main"], [], Path("a.c")) == ["f"]
    assert select(["f", "main"], ["main"], Path("a.c")) == ["main"]
    assert select(["main"], [], Path("a.c")) == ["main"]


def test_an_unknown_name_lists_those_that_there_are() -> None:
    with pytest.raises(UsageError, match="no function g; found: f, main"):
        select(["f", "main"], ["g"], Path("a.c"))
