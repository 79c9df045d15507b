"""`musl data tokompile` and `musl data tokenizer`: what they write and print, and one line for what they cannot use."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from data.corpus.row import Row, row_id, write_shards
from data.tokens.bpe import load_tokenizer
from musl.data_cli import new_data_app
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


# ------------------------------------------------------------------------------------------------------- the commands


def run(*arguments: object) -> Result:
    return CliRunner().invoke(new_data_app(typer.Typer()), [str(argument) for argument in arguments])


def test_the_command_goes_there_and_back(tmp_path: Path) -> None:
    source, table, anonymous = (tmp_path / name for name in ("add.cu", "add.json", "anonymous.cu"))
    source.write_text(KERNEL.replace(" // mine", ""))
    there = run("tokompile", source, "--table", table, "--seed", 3)
    assert there.exit_code == 0
    assert "add" not in there.output
    anonymous.write_text(there.output)
    assert run("tokompile", anonymous, "--back", table).output == source.read_text()


def test_the_command_says_in_one_line_what_is_wrong(tmp_path: Path) -> None:
    for arguments, message in (
        (("tokompile", tmp_path / "a.c"), "a.c: cannot be read"),
        (("tokompile", tmp_path / "a.c", "--back", tmp_path / "t", "--seed", 1), "--back takes all from its table"),
        (("tokenizer", tmp_path / "corpus", "-o", tmp_path / "out"), "corpus: no such file or folder"),
    ):
        result = run(*arguments)
        assert result.exit_code == 2
        assert result.output.startswith("error: ") and message in result.output and result.output.count("\n") == 1


def test_a_tokenizer_is_trained_on_a_corpus(tmp_path: Path) -> None:
    row = Row(row_id("cuda", KERNEL), "kernel", "cuda", "add", KERNEL, "add.cu", 1, 5, "test")
    write_shards([row] * 3, tmp_path / "corpus")
    arguments = ("tokenizer", tmp_path / "corpus", "-o", tmp_path / "out", "--vocab-size", 290, "--tokompiler")
    result = run(*arguments, "--json")
    assert result.exit_code == 0
    report = json.loads(result.output)
    assert (report["texts"], report["characters"], report["vocabulary"]) == (3, 3 * len(KERNEL), 290)
    assert load_tokenizer(tmp_path / "out").get_vocab_size() == 290
    assert f"wrote {tmp_path / 'out'}: 290 entries" in run(*arguments).output
