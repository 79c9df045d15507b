"""Hostile texts: sources that attack the compiler. Each docstring gives the trick and the outcome that it must get."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from c_side import CSide

import compile.host
from compile.build import Build
from compile.outcome import Outcome, Status
from compile.program import build_program, run_program
from compile.sandbox import MIB, Limits
from data.source_file import SourceFile


@pytest.fixture(autouse=True)
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiler gets little of everything, so that these tests are quick."""
    limits = Limits(wall_seconds=3.0, memory_bytes=512 * MIB, file_bytes=32 * MIB, output_bytes=MIB)
    monkeypatch.setattr(compile.host, "COMPILE_LIMITS", limits)


@pytest.mark.parametrize(
    "text",
    [
        '#include "/etc/shadow"\nint f(int n) { return n; }',
        'int f(int n) { return n; }\n__asm__(".incbin \\"/etc/shadow\\"");',
        '__asm__(".fill 400000000, 8, 1");\nint f(int n) { return n; }',
        "#include __FILE__\nint f(int n) { return n; }",
        "int table[1 << 28] = {1};\nint f(int n) { return table[n]; }",
    ],
)
def test_secrets_and_bombs_in_a_source_are_compile_errors(c_side: CSide, text: str) -> None:
    """Includes a file of the system, assembles it in, fills the disk, includes itself, a gigabyte of data: a failed
    build, in bounded time, that shows nothing of the file."""
    begin = time.monotonic()
    outcome = c_side.fail_to_build(text, "f", signature="int f(int n) { return n; }")
    assert outcome.status in (Status.COMPILE_ERROR, Status.TIMEOUT, Status.OUT_OF_MEMORY)
    assert b"root:" not in outcome.stderr
    assert len(outcome.stderr) <= 2 * MIB
    assert time.monotonic() - begin < 10


def test_a_template_bomb_is_stopped(c_side: CSide) -> None:
    """Instantiates templates without end: a failed build in bounded time."""
    text = "template <long n, long m> struct t { static const long v = t<n - 1, m>::v + t<n - 1, m + n>::v; };\n"
    text += "template <long m> struct t<0, m> { static const long v = m; };\nint f(int n) { return t<64, 0>::v + n; }\n"
    outcome = c_side.fail_to_build(text, "f", language="c++", signature="int f(int n) { return n; }")
    assert outcome.status in (Status.COMPILE_ERROR, Status.TIMEOUT, Status.OUT_OF_MEMORY)


def program(c_side: CSide, tmp_path: Path, body: str) -> Build:
    text = (
        "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <sys/socket.h>\n#include <unistd.h>\n"
    )
    source = SourceFile(tmp_path / "m.c", f"{text}int main(void) {{ {body} }}\n", "c")
    build = build_program([source], tmp_path, c_side.sandbox)
    assert isinstance(build, Build), build.message
    return build


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("for (;;) fork();", Status.FORBIDDEN),
        ("return socket(AF_INET, SOCK_STREAM, 0);", Status.FORBIDDEN),
        ("for (;;) {}", Status.TIMEOUT),
        ('for (;;) puts("more");', Status.RUNTIME_ERROR),
        ("for (;;) { char *p = malloc(1 << 20); if (!p) return 5; memset(p, 1, 1 << 20); }", Status.RUNTIME_ERROR),
        ('return fopen("/etc/passwd", "r") != 0;', Status.OK),
    ],
)
def test_a_hostile_program_is_stopped(c_side: CSide, tmp_path: Path, body: str, status: Status) -> None:
    """A fork bomb, a connection, an endless loop, endless output, endless memory, another's file."""
    build = program(c_side, tmp_path, body)
    outcome: Outcome = run_program(build, seconds=1.0, memory_bytes=64 * MIB, output_bytes=MIB)
    assert outcome.status is status, outcome.message
    assert len(outcome.stdout) <= MIB
