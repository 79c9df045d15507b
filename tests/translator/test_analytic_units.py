"""The parts of the analysis one by one: polynomials, closed forms, roles of scalars, distribution, extrema by index."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.source_file import SourceFile
from translator.analytic.collect import collect
from translator.analytic.distribute import distributed
from translator.analytic.induction import close_inductions
from translator.analytic.ir import Expr, Function, Loop, Return, Stmt
from translator.analytic.liveness import exposed, live_after
from translator.analytic.normalize import normalize
from translator.analytic.parse import parse_program
from translator.analytic.polynomial import Polynomial, to_expr, to_polynomial
from translator.analytic.print_c import Printer
from translator.analytic.scalars import Roles, classify
from translator.analytic.updates import canonical_updates
from translator.analytic.visit import walk


def parsed(text: str) -> Function:
    """The last function of the text with its counted loops as `Loop`."""
    function = parse_program(SourceFile(Path("user.c"), text, "c")).functions[-1]
    assert not function.unsupported, function.unsupported
    return normalize(function)


def expression(text: str) -> Expr:
    """A C expression over int i, j, k, n, m."""
    function = parsed(f"int f(int i, int j, int k, int n, int m) {{ return {text}; }}")
    value = next(s for s in function.body.body if isinstance(s, Return)).value
    assert value is not None
    return value


def polynomial(text: str) -> Polynomial:
    found = to_polynomial(expression(text))
    assert found is not None
    return found


def written(text: str) -> str:
    """An expression after a way through its polynomial."""
    like = expression(text)
    return Printer().expression(to_expr(polynomial(text), like))


def loops(function: Function) -> list[Loop]:
    return [n for n in walk(function.body) if isinstance(n, Loop)]


def printed(function: Function) -> str:
    """The function's text with single blanks."""
    return " ".join(Printer().function(function).split())


# ---------------------------------------------------------------- polynomials


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("(i + j) * (i - j)", "i * i - j * j"),
        ("2 * i + 3 - i - 3", "i"),
        ("i * n + j - (i * n + j)", "0"),
        ("(i << 3) + i", "9 * i"),
        ("7 / 2 + -7 / 2", "0"),  # C rounds toward zero
        ("-7 % 3", "-1"),
        ("i / n * n + i % n", "i"),
        ("(j + i) / m - (i + j) / m", "0"),
        ("-(i - n)", "n - i"),
    ],
)
def test_equal_expressions_have_one_polynomial(text: str, wanted: str) -> None:
    assert written(text) == wanted


@pytest.mark.parametrize(
    ("left", "right"),
    [("i / 2", "(i + 1) / 2"), ("i / j", "j / i"), ("i ^ j", "i | j"), ("i >> 1", "i / 2"), ("(unsigned char)i", "i")],
)
def test_different_operations_stay_apart(left: str, right: str) -> None:
    like = expression("i")
    texts = {Printer().expression(to_expr(polynomial(text), like)) for text in (left, right)}
    assert len(texts) == 2


def test_coefficient_and_rest_of_an_atom() -> None:
    total, i = polynomial("i * n + 3 * i + j"), expression("i")
    atom = next(a for a in total.atoms() if Printer().expression(a) == "i")
    assert total.degree(atom) == 1
    assert Printer().expression(to_expr(total.coefficient(atom), i)) == "n + 3"
    assert Printer().expression(to_expr(total.without(atom), i)) == "j"


# ---------------------------------------------------------------- closed forms


def test_a_stepped_index_is_the_sum_of_the_steps_before() -> None:
    function = parsed(
        """void f(int *out, int n, int m) { int k = 0;
        for (int i = 0; i < n; i++) { for (int j = 0; j < m; j++) out[k++] = 1; out[k++] = 2; } }"""
    )
    text = printed(close_inductions(function).function)
    assert "out[i * m + i + j] = 1" in text
    assert "out[i * m + i + m] = 2" in text


def test_steps_of_a_triangle_add_up_to_half_a_square() -> None:
    function = parsed(
        "void f(int *o, int n) { int k = 0; for (int i = 0; i < n; i++) for (int j = 0; j <= i; j++) o[k++] = 1; }"
    )
    closed = close_inductions(function)
    assert "/ 2" in printed(closed.function)
    assert {assumption.symbol.name for assumption in closed.assumptions} == {"k"}


def test_the_value_after_the_loop_is_kept_where_it_is_read() -> None:
    function = parsed("int f(int *o, int n) { int k = 3; for (int i = 0; i < n; i++) { o[k] = i; k += 2; } return k; }")
    text = printed(close_inductions(function).function)
    assert "o[2 * i + 3] = i" in text
    assert "k += 2 * n" in text


@pytest.mark.parametrize(
    "step",
    [
        "if (a[i] > 0) k++;",  # in some iterations only
        "k += a[i];",  # by an amount that varies
        "k = k * 2;",
        "k++; k %= 8;",
    ],
)
def test_other_steps_have_no_closed_form(step: str) -> None:
    function = parsed(
        f"void f(int *a, int *o, int n) {{ int k = 0; for (int i = 0; i < n; i++) {{ {step} o[k] = i; }} }}"
    )
    assert "o[k] = i" in printed(close_inductions(function).function)


def test_a_narrow_counter_is_left_alone_because_it_wraps() -> None:
    function = parsed("void f(int *o, int n) { unsigned char k = 0; for (int i = 0; i < n; i++) o[k++] = i; }")
    assert close_inductions(function).assumptions == []


# ---------------------------------------------------------------- scalars


def roles_of(body: str, before: str = "int s = 0, t = 0;", after: str = "o[0] = s;") -> Roles:
    """The roles in `for (i) { body }`."""
    function = parsed(
        f"void f(const int *a, int *o, int n) {{ {before} for (int i = 0; i < n; i++) {{ {body} }} {after} }}"
    )
    function = canonical_updates(function)
    return classify(function, loops(function)[0])


@pytest.mark.parametrize(
    ("body", "op"),
    [
        ("s += a[i];", "+"),
        ("s -= a[i];", "+"),
        ("s = a[i] + s;", "+"),
        ("s *= a[i];", "*"),
        ("s |= a[i];", "|"),
        ("if (a[i] < s) s = a[i];", "min"),
        ("if (s <= a[i]) s = a[i];", "max"),
        ("s = a[i] > s ? a[i] : s;", "max"),
        ("s = a[i] > s ? s : a[i];", "min"),
        ("if (a[i] > 3) s = i;", "last"),
    ],
)
def test_reductions_by_operator(body: str, op: str) -> None:
    roles = roles_of(body)
    assert [(r.symbol.name, r.op) for r in roles.reductions] == [("s", op)]
    assert not roles.carried


def test_an_extremum_takes_its_payload_along() -> None:
    (found,) = roles_of("if (a[i] <= s) { s = a[i]; t = i; }", after="o[0] = s + t;").reductions
    assert (found.symbol.name, found.op, [p.name for p in found.payload]) == ("s", "argmin", ["t"])
    assert not found.strict, "an equal value replaces the one before"


@pytest.mark.parametrize(
    "body",
    [
        "s += a[i]; o[i] = s;",
        "s = a[i] - s;",
        "s += s * a[i];",
        "if (s < 9) s += a[i];",
        "s += a[i]; s *= 2;",
        "if (a[i] > s) { s = a[i]; t = t + 1; }",
        "s += a[i]; if (a[i] > s) s = a[i];",
        "o[i] = s; s = a[i];",
    ],
)
def test_what_another_iteration_needs_is_carried(body: str) -> None:
    roles = roles_of(body, after="o[0] = s + t;")
    assert "s" in [symbol.name for symbol, _ in roles.carried]


def test_a_scalar_set_before_it_is_read_is_private() -> None:
    roles = roles_of("t = a[i]; o[i] = t * t;", after="")
    assert [symbol.name for symbol in roles.private] == ["t"]
    assert not roles.carried


def test_a_scalar_set_on_one_branch_only_is_not_private() -> None:
    assert not roles_of("if (a[i]) t = i; o[i] = t;", after="").private


# ---------------------------------------------------------------- liveness


def test_a_scalar_is_exposed_where_some_path_reads_it_first() -> None:
    function = parsed("void f(int *a, int c) { int x; int y; if (c) x = 1; a[0] = x; y = 2; a[1] = y; }")
    names = {n.symbol.name: n.symbol for n in walk(function.body) if hasattr(n, "symbol")}
    stmts: tuple[Stmt, ...] = function.body.body
    assert exposed(stmts, names["x"])
    assert not exposed(stmts, names["y"])


@pytest.mark.parametrize(
    ("after", "live"),
    [("o[0] = t;", True), ("t = 1; o[0] = t;", False), ("", False), ("if (n) t = 2; o[0] = t;", True)],
)
def test_live_after_a_loop(after: str, live: bool) -> None:
    function = parsed(
        f"void f(int *o, int n) {{ int t = 0; for (int i = 0; i < n; i++) {{ t = i; o[i] = t; }} {after} }}"
    )
    loop = loops(function)[0]
    t = next(n.symbol for n in walk(function.body) if hasattr(n, "symbol") and n.symbol.name == "t")
    assert live_after(function, loop, t) == live


def test_a_value_for_the_next_pass_of_an_outer_loop_is_live() -> None:
    function = parsed(
        """void f(int *o, int n) { int t = 0;
        for (int k = 0; k < n; k++) { o[k] = t; for (int i = 0; i < n; i++) t = i; } }"""
    )
    inner = loops(function)[1]
    t = next(n.symbol for n in walk(function.body) if hasattr(n, "symbol") and n.symbol.name == "t")
    assert live_after(function, inner, t)


# ---------------------------------------------------------------- distribution


def split(body: str) -> list[str] | None:
    """The loops that `for (i) { body }` is split into, as text; None where it stays whole."""
    function = parsed(f"void f(float *a, float *b, float *c, int n) {{ for (int i = 1; i < n - 1; i++) {{ {body} }} }}")
    parts = distributed(function, collect(function), loops(function)[0])
    return None if parts is None else [" ".join(Printer().statement(p, 0).split()) for p in parts]


def test_a_producer_goes_before_its_consumer() -> None:
    parts = split("a[i] = b[i]; c[i] = a[i - 1];")
    assert parts is not None
    assert ["a[i] = b[i]" in parts[0], "c[i] = a[i - 1]" in parts[1]] == [True, True]


def test_a_read_of_the_old_value_goes_before_the_write() -> None:
    parts = split("c[i] = a[i + 1]; a[i] = b[i];")
    assert parts is not None
    assert "c[i] = a[i + 1]" in parts[0]


def test_statements_are_swapped_where_the_second_feeds_the_next_iteration_of_the_first() -> None:
    parts = split("c[i] = a[i - 1]; a[i] = b[i];")
    assert parts is not None
    assert "a[i] = b[i]" in parts[0]


def test_a_circle_of_dependences_is_not_split() -> None:
    assert split("a[i] = b[i - 1]; b[i] = a[i] * 2;") is None


def test_a_scalar_that_both_halves_need_is_computed_in_both() -> None:
    parts = split("float t = c[i] * 2; a[i] = t; b[i] = a[i - 1] + t;")
    assert parts is not None
    assert all("t = c[i] * 2" in part for part in parts)


# ---------------------------------------------------------------- updates


@pytest.mark.parametrize(
    ("stmt", "wanted"),
    [
        ("h[k] = h[k] + n;", "h[k] += n"),
        ("h[k] = n * h[k];", "h[k] *= n"),
        ("h[k] = h[k] - n;", "h[k] -= n"),
        ("h[k] = n - h[k];", "h[k] = n - h[k]"),
        ("h[k] = h[n] + n;", "h[k] = h[n] + n"),
    ],
)
def test_updates_are_compound_assignments(stmt: str, wanted: str) -> None:
    function = canonical_updates(parsed(f"void f(int *h, int k, int n) {{ {stmt} }}"))
    assert wanted in printed(function)


def test_an_extremum_by_index_compares_with_a_value_beside_it() -> None:
    function = canonical_updates(
        parsed(
            "int f(const int *x, int n) { int b = 0; for (int i = 1; i < n; i++) if (x[i] < x[b]) b = i; return b; }"
        )
    )
    roles = classify(function, loops(function)[0])
    assert [(r.op, [p.name for p in r.payload]) for r in roles.reductions] == [("argmin", ["b"])]
