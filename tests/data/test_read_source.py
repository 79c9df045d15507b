"""Reading files: every unusable file is one clear line."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.preprocess import preprocess, preprocessor_flags
from data.read_source import SourceError, read_source
from data.source_file import SourceFile


def test_language_follows_the_suffix(tmp_path: Path) -> None:
    for suffix, language in ((".c", "c"), (".cpp", "c++"), (".cc", "c++"), (".C", "c++"), (".hpp", "c++")):
        path = tmp_path / f"a{suffix}"
        path.write_text("int x;\n")
        assert read_source(path).language == language


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b" \n\t\n", "is empty"),
        (b"\x7fELF\x00\x01", "is a binary file"),
        (b"int x;\n// caf\xe9\n", ":2: is not UTF-8"),
    ],
)
def test_unusable_content_is_one_line_that_names_the_file(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.c"
    path.write_bytes(content)
    with pytest.raises(SourceError) as caught:
        read_source(path)
    assert str(caught.value).startswith(str(path)) and message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_files_folders_and_other_suffixes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1")
    for path, message in (
        (tmp_path / "no.c", "no such file"),
        (tmp_path, "is a directory"),
        (tmp_path / "a.py", "not a C or C++"),
    ):
        with pytest.raises(SourceError, match=message):
            read_source(path)


def test_a_byte_order_mark_is_not_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "a.c"
    path.write_bytes(b"\xef\xbb\xbfint x;\n")
    assert read_source(path).text == "int x;\n"


# ---------------------------------------------------------------- the preprocessor


def source_of(text: str, folder: Path, **options: object) -> SourceFile:
    return SourceFile(folder / "a.c", text, "c", **options)  # type: ignore[arg-type]


def place_of(source: SourceFile, token: bytes, occurrence: int = 0) -> tuple[int, int, bool]:
    preprocessed = preprocess(source)
    offset = -1
    for _ in range(occurrence + 1):
        offset = preprocessed.content.index(token, offset + 1)
    place = preprocessed.place(offset)
    return place.line, place.column, place.exact


def test_columns_survive_collapsed_blanks_and_comments(tmp_path: Path) -> None:
    source = source_of("int    a,  /* comment */ b;\n\tint   last  ;\n", tmp_path)
    assert place_of(source, b"a") == (1, 8, True)
    assert place_of(source, b"b") == (1, 26, True)
    assert place_of(source, b"last") == (2, 8, True)


def test_a_macros_tokens_stand_where_the_macro_is_used(tmp_path: Path) -> None:
    source = source_of("#define TWICE(x) ((x) + (x))\nint f(int a) { return 1 +  TWICE(a) - a; }\n", tmp_path)
    assert place_of(source, b"((")[:2] == (2, 28)
    assert place_of(source, b"- a") == (2, 37, True)


def test_a_macro_over_several_lines_keeps_the_lines_after_it(tmp_path: Path) -> None:
    source = source_of(
        "#define ADD(x, y) x + y\nint f(int a) {\n  int b = ADD(a,\n     2);\n  return b;\n}\n", tmp_path
    )
    assert place_of(source, b"return") == (5, 3, True)
    assert place_of(source, b";") == (4, 8, True)


def test_a_system_macro_inside_a_line_does_not_hide_the_rest(tmp_path: Path) -> None:
    source = source_of("#include <stddef.h>\nint f(int *p) { return p == NULL ? 1 : 2; }\n", tmp_path)
    assert place_of(source, b"? 1") == (2, 34, True)


def test_defines_and_include_folders_are_used(tmp_path: Path) -> None:
    (tmp_path / "inc").mkdir()
    (tmp_path / "inc" / "size.h").write_text("#define SIZE 7\nstatic inline int size(void) { return SIZE; }\n")
    text = '#include "size.h"\nint a[SIZE * SCALE];\n'
    preprocessed = preprocess(source_of(text, tmp_path, include_dirs=(tmp_path / "inc",), defines=("SCALE=3",)))
    assert "int a[7 * 3];" in preprocessed.text
    assert preprocessed.own_files == (str(tmp_path / "a.c"), str(tmp_path / "inc" / "size.h"))


def test_a_changed_header_is_read_again(tmp_path: Path) -> None:
    header = tmp_path / "n.h"
    source = source_of('#include "n.h"\nint a[N];\n', tmp_path)
    for value in ("1", "22"):
        header.write_text(f"#define N {value}\n")
        assert f"int a[{value}];" in preprocess(source).text


def test_a_missing_include_is_an_error_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"a\.c:2:10: nowhere\.h: No such file"):
        preprocess(source_of('int x;\n#include "nowhere.h"\n', tmp_path))


def test_flags_about_outputs_do_not_reach_the_preprocessor(tmp_path: Path) -> None:
    source = source_of("int x;\n", tmp_path, flags=("-std=c11", "-c", "-o", "a.o", "-MF", "a.d", "-O2"))
    assert preprocessor_flags(source)[:2] == ["-std=c11", "-O2"]
