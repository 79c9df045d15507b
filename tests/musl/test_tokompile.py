"""`musl data tokompile` as a function: files there and back, and one line for what is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from musl.errors import UsageError
from musl.tokompile import tokompile, untokompile

KERNEL = (
    "__global__ void add(float *a, int n)\n{\n    if (threadIdx.x < n) // mine\n        a[threadIdx.x] += 1.5f;\n}\n"
)


def test_a_file_comes_back_through_its_table(tmp_path: Path) -> None:
    source, table, anonymous = (tmp_path / name for name in ("add.cu", "add.json", "anonymous.cu"))
    source.write_text(KERNEL)
    text = tokompile(source, table=table)
    assert text.startswith("__global__ void func_0(float *arr_0, int var_0)\n")
    anonymous.write_text(text)
    assert untokompile(anonymous, table) == KERNEL.replace("// mine", "").replace(") \n", ")\n")
    assert tokompile(source, seed=1) == tokompile(source, seed=1) != text


def test_what_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    source, table = tmp_path / "a.c", tmp_path / "a.json"
    with pytest.raises(UsageError, match=r"a\.c: cannot be read \(No such file"):
        tokompile(source)
    source.write_bytes(b"int a\xff;")
    with pytest.raises(UsageError, match=r"a\.c:1: is not UTF-8"):
        tokompile(source)
    source.write_text("int a;")
    with pytest.raises(UsageError, match="no language ada; choose c, c"):
        tokompile(source, language="ada")
    with pytest.raises(UsageError, match=r"a\.json: cannot be written"):
        tokompile(source, table=tmp_path / "nowhere" / "a.json")
    for content, message in (("{", "not JSON"), ("[1]", "no table"), ('{"language": "c", "table": {"a": 1}}', "no t")):
        table.write_text(content)
        with pytest.raises(UsageError, match=rf"a\.json.*{message}"):
            untokompile(source, table)
