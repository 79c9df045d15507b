"""What the tests of the neural Tester share: functions by their text, and snippets by their statements."""

from __future__ import annotations

from pathlib import Path

from data.find_functions import find_functions
from data.function import Function
from data.source_file import SourceFile
from tester.neural.materialize import Request
from tester.neural.read_answer import read_answer
from tester.neural.snippet import Snippet

SCALE = "void scale(float *x, int n, float a) { for (int i = 0; i < n; i++) x[i] *= a; }\n"


def source_of(text: str, language: str = "c") -> SourceFile:
    """A file of this text."""
    return (
        SourceFile(Path("/user/file.c"), text, "c") if language == "c" else SourceFile(Path("/user/f.cpp"), text, "c++")
    )


def function_of(text: str, language: str = "c") -> Function:
    """The last function of a text."""
    return find_functions(source_of(text, language)).functions[-1]


def request(statements: str, text: str = SCALE, language: str = "c") -> Request:
    """The one test in these statements."""
    function = function_of(text, language)
    (snippet,) = read_answer(statements, function)
    assert isinstance(snippet, Snippet), snippet
    return Request(snippet, function, source_of(text, language))
