"""The preprocessor in the sandbox: what a source may include, and what it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

import compile.preprocessor
from compile.includes import include_folders
from compile.prelude import prelude_header
from compile.preprocessor import sandboxed_runner
from compile.sandbox import MIB, Limits, Sandbox
from data.find_functions import find_functions
from data.preprocess import current_runner, preprocess, run_preprocessor, use_runner
from data.read_source import SourceError
from data.source_file import SourceFile


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder src/ beside include/, with headers, a key and a link that passes the key off as a header."""
    for folder in ("src", "include", "scratch"):
        (tmp_path / folder).mkdir()
    (tmp_path / "src" / "near.h").write_text("#define NEAR 1\n")
    (tmp_path / "include" / "far.h").write_text('#include "further.h"\n#define FAR 2\n')
    (tmp_path / "include" / "further.h").write_text("#define FURTHER 3\n")
    (tmp_path / "key").write_text("int key_was_read;\n")
    (tmp_path / "include" / "alias.h").symlink_to(tmp_path / "key")
    return tmp_path


def expand(project: Path, text: str) -> str:
    sandbox = Sandbox(project / "scratch")
    return preprocess(SourceFile(project / "src" / "a.c", text, "c"), sandboxed_runner(sandbox)).text


def test_headers_beside_the_file_and_beyond_are_found(project: Path) -> None:
    text = expand(project, '#include "near.h"\n#include "../include/far.h"\nint sum = NEAR + FAR + FURTHER;\n')
    assert "int sum = 1 + 2 + 3;" in text


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "/etc/shadow", "../key", "../include/alias.h", "../../../../etc/passwd"]
)
def test_a_file_that_is_no_header_of_the_users_is_not_there(project: Path, name: str) -> None:
    """Reads a file of the system or a key by including it, also through a link: it is not there."""
    with pytest.raises(SourceError, match="No such file"):
        expand(project, f'#include "{name}"\nint f(int n) {{ return n; }}\n')


def test_the_preprocessor_cannot_probe_for_files(project: Path) -> None:
    """Asks whether the user has a key: no, also where there is one."""
    text = expand(
        project, '#if __has_include("../key") || __has_include("/etc/passwd")\nint yes;\n#else\nint no;\n#endif\n'
    )
    assert "int no;" in text and "int yes;" not in text


def test_a_home_folder_is_never_shown_as_a_whole(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Includes a header that lies beside the file in $HOME: that header is shown, and no other file there."""
    monkeypatch.setenv("HOME", str(project / "src"))
    source = SourceFile(project / "src" / "a.c", '#include "near.h"\n', "c")
    assert include_folders(source) == [project / "src" / "near.h"]
    (project / "src" / ".netrc").write_text("int key_was_read;\n")
    with pytest.raises(SourceError, match="No such file"):
        expand(project, '#include "near.h"\n#include ".netrc"\n')


def test_an_endless_expansion_is_stopped(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Doubles a macro forty times: an error in bounded time and memory."""
    monkeypatch.setattr(compile.preprocessor, "LIMITS", Limits(wall_seconds=1.0, memory_bytes=256 * MIB))
    lines = ["#define a0 x x"] + [f"#define a{n} a{n - 1} a{n - 1}" for n in range(1, 40)]
    with pytest.raises(SourceError, match="preprocessor"):
        expand(project, "\n".join([*lines, "a39\n"]))


def test_the_runner_in_use_serves_everything_that_is_preprocessed(project: Path) -> None:
    source = SourceFile(project / "src" / "a.c", '#include "../key"\nint f(int n) { return n; }\n', "c")
    assert [function.name for function in find_functions(source).functions] == ["f"]
    with use_runner(sandboxed_runner(Sandbox(project / "scratch"))), pytest.raises(SourceError, match="No such file"):
        find_functions(source)
    assert current_runner() is run_preprocessor


def test_headers_of_the_user_are_not_precompiled_outside(project: Path) -> None:
    """Flags of a build bring in a header that does not compile: the prelude, kept for all builds, is without it."""
    (project / "src" / "evil.h").write_text("#error this was compiled outside\n")
    flags = ("-include", str(project / "src" / "evil.h"), "-isystem", str(project / "src"), f"-iquote{project}")
    source = SourceFile(project / "src" / "a.cpp", "int f(int n) { return n; }\n", "c++", flags=flags)
    header = prelude_header(source, ["-std=gnu++17", "-O0", *flags])
    assert header == prelude_header(source, ["-std=gnu++17", "-O0"])
    assert (header.parent / "prelude.h.gch").exists()
