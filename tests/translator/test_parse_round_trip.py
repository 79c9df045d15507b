"""Source -> IR -> printed text computes the same: printed functions stand in for the source's own."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from data.read_source import read_source
from data.source_file import SourceFile
from translator.analytic.adapt_cxx import to_cxx
from translator.analytic.parse import parse_program
from translator.analytic.print_c import Printer

SOURCES = Path(__file__).parent / "sources"
SHARED_DATA = Path(os.environ.get("MUSL_SHARED_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
BABELTOWER = SHARED_DATA / "babeltower" / "unit_tests.dev.jsonl"


def build_and_run(command: list[str], source: Path, program: Path) -> str:
    subprocess.run([*command, str(source), "-o", str(program), "-lm"], check=True, capture_output=True, text=True)
    return subprocess.run([str(program)], check=True, capture_output=True, text=True, timeout=20).stdout


def printed_functions(source: SourceFile) -> dict[str, str]:
    """Each function that the IR holds whole, as printed text, by the source's name for it."""
    return {
        f.name: ("static " if f.is_static else "") + Printer().function(f)
        for f in parse_program(source).functions
        if not f.unsupported and f.name != "main"
    }


def test_printed_functions_compute_what_the_source_computes(tmp_path: Path) -> None:
    path = SOURCES / "everything.c"
    source = read_source(path)
    replacements = printed_functions(source)
    unsupported = {f.name for f in parse_program(source).functions if f.unsupported}
    assert unsupported == {"new_", "max_", "main"}, "only reserved names and printf keep a function out"
    output = tmp_path / "everything.cu"
    output.write_text(to_cxx(source, replacements, "", output))
    expected = build_and_run(["gcc", "-w", "-ffp-contract=off"], path, tmp_path / "from_c")
    printed = build_and_run(["g++", "-w", "-x", "c++", "-ffp-contract=off"], output, tmp_path / "from_ir")
    assert printed == expected
    assert expected.count("\n") == 12


@pytest.mark.skipif(not BABELTOWER.is_file(), reason="the BabelTower unit tests are not on this machine")
def test_every_babeltower_function_is_parsed_and_printed_as_valid_cxx(tmp_path: Path) -> None:
    text = ["#include <math.h>\n#include <stdint.h>\n#include <algorithm>\nusing namespace std;"]
    refused: list[str] = []
    for number, line in enumerate(BABELTOWER.read_text().splitlines()):
        source = SourceFile(tmp_path / f"case{number}.cpp", json.loads(line)["cpp_code"], "c++")
        for function in parse_program(source).functions:
            refused += [reason.code for reason in function.unsupported]
            if not function.unsupported:
                text.append(f"namespace case{number} {{\n{Printer().function(function)}}}")
    assert refused == ["MUSL012"], "one function prints"
    done = subprocess.run(
        ["g++", "-fsyntax-only", "-x", "c++", "-"], input="\n".join(text), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
