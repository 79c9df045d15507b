"""Answers of models as they come: fenced, several tests, whole programs, wrong, cut off, hostile."""

from __future__ import annotations

import pytest
from neural_tester_parts import SCALE, function_of

from tester.neural.read_answer import MOST_TESTS, Flaw, Malformed, read_answer
from tester.neural.snippet import Snippet

SCALE_FUNCTION = function_of(SCALE)


def read(text: str, *, finished: bool = True) -> list[str]:
    """The tests as text, the malformed ones as their reasons."""
    parts = read_answer(text, SCALE_FUNCTION, finished=finished)
    return [part.text if isinstance(part, Snippet) else part.reason.value for part in parts]


PLAIN = "float x[] = {1, 2};\nscale(x, 2, 0.5f);"


@pytest.mark.parametrize(
    "answer",
    [
        PLAIN,
        f"Here is a test:\n```c\n{PLAIN}\n```\nIt doubles nothing.",
        f"```cpp\n// the test\n{PLAIN} // expected {{0.5, 1}}\n```",
        f'#include <stdio.h>\nint main(void) {{ {PLAIN} printf("%f", x[0]); return 0; }}',
        f"void scale(float *x, int n, float a) {{ x[0] = a; }}\nvoid test_1() {{ {PLAIN} }}",
        "float x[] = {1, 2};\nwrapper(scale, x, 2, 0.5f);",
        "float x[] = {1, 2};\nscale<<<1, 32>>>(x, 2, 0.5f);",
        "float x[] = {1, 2}; /* in */\nif (1) { scale(x, /* n */ 2, 0.5f); }",
        f"{{ {PLAIN} }}",
    ],
)
def test_a_test_is_found_in_every_way_of_writing_it(answer: str) -> None:
    assert read(answer) == [PLAIN]


def test_each_call_is_a_test_with_the_declarations_before_it() -> None:
    answer = """float x[] = {1};
scale(x, 1, 2.0f);
printf("%f", x[0]);
scale(x, 1, 3.0f);
float x[] = {4, 5};
scale(x, 2, 1.0f);
"""
    first = "float x[] = {1};\nscale(x, 1, "
    assert read(answer) == [f"{first}2.0f);", f"{first}3.0f);", "float x[] = {4, 5};\nscale(x, 2, 1.0f);"]
    assert read("```\nfloat x[1];\nscale(x, 1, 1);\n```\nand\n```\nfloat y[2];\nscale(y, 2, 1);\n```") == [
        "float x[1];\nscale(x, 1, 1);",
        "float y[2];\nscale(y, 2, 1);",
    ]


def test_a_returned_value_is_left_out() -> None:
    dot = function_of("float dot(const float *x, int n) { return x[n - 1]; }")
    answer = 'float x[] = {1};\nfloat r = dot(x, 1);\nprintf("%f", r);\nfloat s = r + 1;\nassert(dot(x, 1) == 1);'
    parts = read_answer(answer, dot)
    assert [part.text for part in parts if isinstance(part, Snippet)] == ["float x[] = {1};\ndot(x, 1);"] * 2


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", Flaw.EMPTY),
        ("```c\n```", Flaw.EMPTY),
        ("I am not able to do that.", Flaw.SYNTAX),
        ("float x[] = {1, 2;\nscale(x, 2, 1);", Flaw.SYNTAX),
        ("} int evil() { return 1; } void more() {", Flaw.SYNTAX),
        ("float x[3];", Flaw.NO_CALL),
        ("float x[3]; memset(x, 0, 12);", Flaw.NO_CALL),
        ("float x[3]; scala(x, 3, 1);", Flaw.WRONG_FUNCTION),
        ("float x[3]; scale(x, 3);", Flaw.ARGUMENTS),
        ('#include "/etc/passwd"\nfloat x[3]; scale(x, 3, 1);', Flaw.DIRECTIVE),
        ('%:include "/etc/passwd"\nfloat x[3]; scale(x, 3, 1);', Flaw.DIRECTIVE),
        ("float x[3];\n#define scale exit\nscale(x, 3, 1);", Flaw.DIRECTIVE),
        ('float x[3]; asm(".incbin \\"/etc/passwd\\""); scale(x, 3, 1);', Flaw.DIRECTIVE),
    ],
)
def test_what_is_no_test_has_a_reason(answer: str, reason: Flaw) -> None:
    (part,) = read_answer(answer, SCALE_FUNCTION)
    assert isinstance(part, Malformed)
    assert part.reason is reason and part.message


def test_of_an_answer_that_is_cut_off_the_whole_tests_count() -> None:
    assert read(f"{PLAIN}\nfloat y[] = {{1, 2", finished=False) == [PLAIN, "cut_off"]
    assert read("float x[] = {1, 2, 3", finished=False) == ["cut_off"]
    assert read(f"```c\n{PLAIN}\n```\n```c\nfloat y[", finished=False) == [PLAIN, "cut_off"]


def test_an_answer_that_repeats_itself_ends_somewhere() -> None:
    assert len(read("float x[1];\n" + "scale(x, 1, 1);\n" * 1000)) == MOST_TESTS
