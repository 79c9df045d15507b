"""What stands in front of a text that includes nothing: enough, no more, and in a form that the compiler can take."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from compile.emulator.build import precompiled_header, unit_flags
from compile.host import compile_command
from compile.prelude import prelude_header
from compile.toolchain import find_gxx
from data.source_file import SourceFile


def test_units_fit_the_precompiled_headers(tmp_path: Path) -> None:
    """gcc leaves out a header that does not fit without a word, unless it is asked for one."""
    (tmp_path / "unit.cpp").write_text("float f(float x) { return sqrtf(x); }\n")
    source = SourceFile(tmp_path / "unit.cpp", (tmp_path / "unit.cpp").read_text(), "c++")
    of_c, _ = compile_command(source, ["-O0"], with_prelude=True)
    of_cuda = [str(find_gxx().path), *unit_flags("bounds"), "-include", str(precompiled_header("bounds", "lean"))]
    for command in (of_c, of_cuda):
        argv = [*command, "-Winvalid-pch", "-Werror", "-H", "-fsyntax-only", "unit.cpp"]
        done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stderr.startswith("! ") and ".gch" in done.stderr.splitlines()[0]


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("int f(int a) { return abs(a); }", False),
        ("int f(int a, int b) { return max(a, b); }", True),
        ("int f(int a, int b) { return std::max(a, b); }", True),
        ('#include "mine.h"\nint f(int a) { return larger(a, 2); }', True),
        ("#define CALL(a, b) a##b\nint f(int a) { return CALL(ma, x)(a, 2); }", True),
    ],
)
def test_max_and_min_stand_in_front_of_texts_that_may_name_them(text: str, whole: bool) -> None:
    header = prelude_header(SourceFile(Path("/pair/f.cpp"), text, "c++"), ["-std=gnu++17"])
    assert ("using std::max;" in header.read_text()) is whole
