"""Where the CUDA text goes, and that nothing of the user's is lost on the way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from musl.errors import UsageError
from musl.output import Destination, choose_destination


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "scale.c"
    path.write_text("void scale(int n) {}\n")
    return path


def test_the_output_lies_beside_the_source_by_default(source: Path) -> None:
    assert choose_destination(source).path == source.with_suffix(".cu")


def test_out_root_mirrors_the_path_and_makes_folders(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "src").mkdir()
    deep = tmp_path / "src" / "deep.c"
    deep.write_text("int x;\n")
    monkeypatch.chdir(tmp_path)
    destination = choose_destination(Path("src/deep.c"), out_root=Path("out"))
    destination.write("text\n")
    assert (tmp_path / "out" / "src" / "deep.cu").read_text() == "text\n"


def test_in_place_keeps_the_original(source: Path) -> None:
    before = source.read_text()
    source.chmod(0o640)
    destination = choose_destination(source, in_place=True)
    destination.write("// CUDA\n")
    assert source.read_text() == "// CUDA\n"
    assert source.with_name("scale.c.orig").read_text() == before
    assert source.stat().st_mode & 0o777 == 0o640
    with pytest.raises(UsageError, match="earlier --in-place"):
        choose_destination(source, in_place=True)


def test_a_file_that_musl_did_not_write_is_replaced_only_by_name(source: Path) -> None:
    output = source.with_suffix(".cu")
    output.write_text("// written by hand\n")
    with pytest.raises(UsageError, match="not written by MuSL"):
        choose_destination(source)
    assert choose_destination(source, output).path == output
    output.write_text("// CUDA version of scale.c, written by MuSL\n")
    assert choose_destination(source).path == output


@pytest.mark.parametrize("name", ["missing/out.cu", ".", "/proc/out.cu", "/dev/null", "scale.c"])
def test_an_output_that_cannot_be_written_is_refused_before_the_work(source: Path, name: str) -> None:
    with pytest.raises(UsageError):
        choose_destination(source, source.parent / name)


def test_a_read_only_folder_is_refused(source: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    source.parent.chmod(0o500)
    try:
        with pytest.raises(UsageError, match="cannot be written"):
            choose_destination(source)
    finally:
        source.parent.chmod(0o700)


def test_a_failed_write_leaves_the_old_output_and_no_rest(source: Path) -> None:
    output = source.with_suffix(".cu")
    output.write_text("old\n")
    with pytest.raises(UnicodeEncodeError):
        Destination(output).write("half of it, then \udcff")
    assert output.read_text() == "old\n"
    assert sorted(path.name for path in source.parent.iterdir()) == ["scale.c", "scale.cu"]
