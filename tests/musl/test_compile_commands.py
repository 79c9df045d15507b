"""Flags of a file from compile_commands.json."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from musl.compile_commands import read_build_flags
from musl.errors import UsageError


def write_database(folder: Path, **entry: object) -> Path:
    (folder / "a.c").write_text("int x;\n")
    database = folder / "compile_commands.json"
    database.write_text(json.dumps([{"directory": str(folder), "file": "a.c", **entry}]))
    return database


def test_flags_of_a_command_line_that_decide_the_text(tmp_path: Path) -> None:
    command = "cc -Iinc -I other -DN=4 -D 'NAME=\"a b\"' -isystem sys -std=c99 -O3 -Wall -UDEBUG -o a.o -c a.c"
    write_database(tmp_path, command=command)
    flags = read_build_flags(tmp_path, tmp_path / "a.c")
    assert flags.include_dirs == tuple(tmp_path / name for name in ("inc", "other", "sys"))
    assert flags.defines == ("N=4", 'NAME="a b"')
    assert flags.flags == ("-std=c99", "-UDEBUG")


def test_flags_of_an_argument_list_and_the_database_by_its_own_name(tmp_path: Path) -> None:
    database = write_database(tmp_path, arguments=["cc", "-DX", "-include", "stdint.h", "a.c"])
    flags = read_build_flags(database, tmp_path / "a.c")
    assert flags.defines == ("X",)
    assert flags.flags == ("-include", "stdint.h")


def test_a_file_that_the_database_does_not_name_is_refused(tmp_path: Path) -> None:
    write_database(tmp_path, command="cc a.c")
    with pytest.raises(UsageError, match="no entry"):
        read_build_flags(tmp_path, tmp_path / "b.c")


@pytest.mark.parametrize("content", [None, "not json", '{"an": "object"}', "[1]"])
def test_a_database_that_is_none_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "compile_commands.json").write_text(content)
    with pytest.raises(UsageError, match=r"compile_commands\.json"):
        read_build_flags(tmp_path, tmp_path / "a.c")
